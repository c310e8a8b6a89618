//! A reset copies nothing: what it writes does not depend on how long the history is that it goes on from.

use std::{collections::BTreeMap, time::Duration, vec::Vec};

use weft_engine::{
    Answer, Excluded, Moment, Namespace, Past, Request, ResetChildren, ResetWorkflow, RunId, Settings, Target,
    Timestamp, Workflow, handle, rebuild, state::CurrentRun,
};
use weft_protocol::api::{
    enums::EventType,
    history::{
        HistoryEvent, MarkerRecordedEventAttributes, WorkflowExecutionStartedEventAttributes,
        WorkflowTaskCompletedEventAttributes, WorkflowTaskScheduledEventAttributes, WorkflowTaskStartedEventAttributes,
        history_event::Attributes,
    },
};

use super::{engine::NoCron, *};

/// Four events a round: a workflow task that is completed and records a marker.
fn history(rounds: i64) -> Vec<HistoryEvent> {
    let mut events = Vec::new();
    let mut put = |kind: EventType, attributes: Attributes| {
        let event_id = i64::try_from(events.len()).expect("small") + 1;
        events.push(HistoryEvent {
            event_id,
            task_id: event_id,
            event_type: kind.into(),
            event_time: Some(Timestamp(event_id).wire()),
            attributes: Some(attributes),
            ..HistoryEvent::default()
        });
        event_id
    };
    put(
        EventType::WorkflowExecutionStarted,
        WorkflowExecutionStartedEventAttributes { attempt: 1, ..Default::default() }.into(),
    );
    for _ in 0..rounds {
        let scheduled_event_id =
            put(EventType::WorkflowTaskScheduled, WorkflowTaskScheduledEventAttributes::default().into());
        let started = WorkflowTaskStartedEventAttributes { scheduled_event_id, ..Default::default() };
        let started_event_id = put(EventType::WorkflowTaskStarted, started.into());
        let completed =
            WorkflowTaskCompletedEventAttributes { scheduled_event_id, started_event_id, ..Default::default() };
        let workflow_task_completed_event_id = put(EventType::WorkflowTaskCompleted, completed.into());
        let marker = MarkerRecordedEventAttributes { workflow_task_completed_event_id, ..Default::default() };
        put(EventType::MarkerRecorded, marker.into());
    }
    events
}

/// Rows and bytes that a reset to the last workflow task of such a history writes.
fn written(rounds: i64) -> (usize, usize) {
    let key = sample::key();
    let events = history(rounds);
    let base: RunId = sample::run();
    let execution = rebuild(base.clone(), "request".into(), &events).expect("it begins with a start");
    let current = CurrentRun {
        run: base.clone(),
        first_run: execution.core.start.first_run.clone(),
        status: execution.status(),
        started_by: "request".into(),
        attached: Vec::new(),
        started_at: Timestamp(1),
        reset_by: None,
    };
    let mut workflow = Workflow::unknown(key.clone());
    workflow.current = Some(current);
    workflow.runs.insert(base.clone(), execution);
    let finish = EventId(i64::try_from(events.len()).expect("small") - 1);
    let wish = ResetWorkflow {
        request: "reset".into(),
        reason: "again".into(),
        finish,
        excluded: Excluded::default(),
        children: ResetChildren::Reconnect,
        keep_until: None,
        operations: Vec::new(),
        dry_run: false,
        past: Past { base: events, head: [7; 32], later: Vec::new() },
    };
    let namespace = Namespace {
        id: key.namespace.clone(),
        name: "default".into(),
        retention: Duration::from_secs(3600),
        search_attributes: BTreeMap::new().into(),
    };
    let at = Moment {
        now: Timestamp(1_000_000_000),
        new_run: "the new run".into(),
        jitter: 0,
        namespace: &namespace,
        settings: &Settings::default(),
        calendar: &NoCron,
    };
    let target = Target { run: Some(base), first_run: None };
    let (transition, answer) = handle(&mut workflow, Request::Reset(target, wish.into()), &at).expect("it is reset");
    assert!(matches!(answer, Answer::Reset(_)));
    let encoded = encode(&key, &transition, &BTreeMap::new());
    let ops: Vec<_> = encoded.ops.iter().collect();
    (ops.len(), ops.iter().map(|op| op.key.len() + op.value.map_or(0, <[u8]>::len)).sum())
}

#[test]
fn a_reset_of_fifty_thousand_events_writes_as_much_as_one_of_fifty() {
    let (short, long) = (written(12), written(12_500));
    assert_eq!(short.0, long.0, "as many rows");
    // Event ids and sizes take a byte or two more each.
    assert!(long.1 <= short.1 + 100, "{} bytes, and {} for the long history", short.1, long.1);
    assert!(long.0 <= 12 && long.1 <= 2_500, "{long:?} rows and bytes");
}
