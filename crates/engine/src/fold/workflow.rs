//! How the start and the end of a run change the state.

use alloc::{collections::BTreeMap, sync::Arc};
use core::time::Duration;

use weft_protocol::api::{
    common::RetryPolicy as WireRetryPolicy,
    history::{HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event::Attributes},
};

use crate::{
    ids::{EventId, RequestId, RunId},
    state::{Branch, CloseFacts, Core, Execution, RetryPolicy, Start, Status, Volatile, WorkerFacts},
    time::{Timestamp, span_from_wire},
    tracked::Tracked,
};

/// The state right after event 1; `None` if the event is no start.
pub(crate) fn begin(run: RunId, started_by: RequestId, event: &HistoryEvent) -> Option<Execution> {
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(attributes)) = &event.attributes else { return None };
    let start = start(event, attributes);
    let fields = |fields: Option<&_>| {
        let mut kept = BTreeMap::new();
        super::merge(&mut kept, fields);
        Arc::new(kept)
    };
    let backoff = span(&attributes.first_workflow_task_backoff);
    let execution_expires_at = attributes.workflow_execution_expiration_time.as_ref().map(Timestamp::from_wire);
    Some(Execution {
        core: Core {
            branch: Branch::root(run.clone()),
            run,
            started_by,
            next_event_id: EventId::FIRST,
            history_bytes: 0,
            head: [0; 32],
            state_transitions: 0,
            last_event_at: start.at,
            first_task_at: first_task_at(&start, backoff),
            run_expires_at: run_expiry(&start, backoff, execution_expires_at),
            execution_expires_at,
            task: None,
            last_completed_task: EventId::NONE,
            sticky: None,
            cancel: None,
            signals: 0,
            memo: fields(attributes.memo.as_ref().map(|memo| &memo.fields)),
            search_attributes: fields(attributes.search_attributes.as_ref().map(|it| &it.indexed_fields)),
            attached: alloc::vec![],
            closing: false,
            task_problems: 0,
            last_problem: None,
            answered_task: None,
            answered_activity: None,
            last_worker: Arc::new(WorkerFacts::default()),
            reset_points: Arc::new(super::build::read(attributes.prev_auto_reset_points.as_ref())),
            closed: None,
            pause: None,
            frozen_at: None,
            options: None,
            made_by_reset: None,
            reset_run: None,
            forked_from: None,
            wake_at: None,
            start: Arc::new(start),
        },
        activities: Tracked::default(),
        timers: Tracked::default(),
        children: Tracked::default(),
        external: Tracked::default(),
        buffered: Tracked::default(),
        signal_requests: Tracked::default(),
        updates: Tracked::default(),
        volatile: Volatile::default(),
    })
}

/// Event 1 as the engine keeps it.
fn start(event: &HistoryEvent, attributes: &WorkflowExecutionStartedEventAttributes) -> Start {
    Start {
        user_metadata: event.user_metadata.clone(),
        at: event.event_time.as_ref().map(Timestamp::from_wire).unwrap_or_default(),
        queue: attributes.task_queue.as_ref().map_or("", |queue| &queue.name).into(),
        workflow_type: attributes.workflow_type.as_ref().map_or("", |it| &it.name).into(),
        retry: attributes.retry_policy.as_ref().map(retry_policy),
        execution_timeout: span(&attributes.workflow_execution_timeout),
        run_timeout: span(&attributes.workflow_run_timeout),
        task_timeout: span(&attributes.workflow_task_timeout),
        attempt: u32::try_from(attributes.attempt).unwrap_or(1).max(1),
        first_run: attributes.first_execution_run_id.as_str().into(),
        cron: attributes.cron_schedule.as_str().into(),
        attributes: attributes.clone(),
    }
}

/// Until when the first workflow task waits: for its time, or, in the first run of a child, until the parent knows of it.
fn first_task_at(start: &Start, backoff: Duration) -> Option<Timestamp> {
    let is_new_child =
        start.attributes.parent_workflow_execution.is_some() && start.attributes.continued_execution_run_id.is_empty();
    match (backoff.is_zero(), is_new_child) {
        (false, _) => Some(start.at.after(backoff)),
        (true, true) => Some(Timestamp::MAX),
        (true, false) => None,
    }
}

/// The run's own timeout counts from its first task, and never reaches beyond the chain's.
fn run_expiry(start: &Start, backoff: Duration, execution_expires_at: Option<Timestamp>) -> Option<Timestamp> {
    let own = (!start.run_timeout.is_zero()).then(|| start.at.after(backoff).after(start.run_timeout));
    match (own, execution_expires_at) {
        (Some(own), Some(whole)) => Some(own.min(whole)),
        (own, None) => own,
        (None, Some(_)) => None,
    }
}

/// A retry policy as the wire has it, already filled in.
pub(crate) fn retry_policy(wire: &WireRetryPolicy) -> RetryPolicy {
    RetryPolicy {
        initial: span(&wire.initial_interval),
        coefficient: wire.backoff_coefficient,
        max_interval: span(&wire.maximum_interval),
        max_attempts: u32::try_from(wire.maximum_attempts).unwrap_or(0),
        non_retryable_types: wire.non_retryable_error_types.clone(),
    }
}

/// The run ends: nothing is pending any more. Events that mean nothing to the state end here too.
pub(super) fn closed(execution: &mut Execution, event: &HistoryEvent, attributes: &Attributes) {
    let (status, new_run) = match attributes {
        Attributes::WorkflowExecutionCompletedEventAttributes(it) => {
            (Status::Completed, it.new_execution_run_id.as_str())
        }
        Attributes::WorkflowExecutionFailedEventAttributes(it) => (Status::Failed, it.new_execution_run_id.as_str()),
        Attributes::WorkflowExecutionTimedOutEventAttributes(it) => {
            (Status::TimedOut, it.new_execution_run_id.as_str())
        }
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(it) => {
            (Status::ContinuedAsNew, it.new_execution_run_id.as_str())
        }
        Attributes::WorkflowExecutionCanceledEventAttributes(_) => (Status::Canceled, ""),
        Attributes::WorkflowExecutionTerminatedEventAttributes(_) => (Status::Terminated, ""),
        _ => return,
    };
    let at = event.event_time.as_ref().map(Timestamp::from_wire).unwrap_or_default();
    execution.core.closed = Some(CloseFacts {
        status,
        at,
        event_id: EventId(event.event_id),
        new_run: (!new_run.is_empty()).then(|| new_run.into()),
        remove_at: Timestamp::MAX,
    });
    execution.core.task = None;
    execution.core.sticky = None;
    execution.core.first_task_at = None;
    execution.core.closing = false;
    execution.core.pause = None;
    execution.core.frozen_at = None;
    execution.activities.clear();
    execution.timers.clear();
    execution.children.clear();
    execution.external.clear();
    execution.buffered.clear();
}

fn span(wire: &Option<weft_protocol::Duration>) -> Duration {
    wire.as_ref().map_or(Duration::ZERO, span_from_wire)
}
