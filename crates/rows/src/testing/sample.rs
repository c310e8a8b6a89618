//! One value of every kind, with every field set: what the golden bytes are of.

use std::{boxed::Box, collections::BTreeMap, string::String, sync::Arc, time::Duration, vec, vec::Vec};

use weft_engine::{
    EventId, ForkOrigin, RunId, TaskRow, TaskRowKind, Timestamp, Urgency, WorkflowKey, rebuild,
    state::{
        Activity, ActivityPause, ActivityStage, Ancestor, AnsweredActivity, AnsweredWorkflowTask, AttachedRequest,
        Branch, CancelRequest, CloseFacts, Core, CurrentRun, Heartbeat, Operated, ResetFacts, ResetPoint, RetryPolicy,
        RunOptions, ScheduledOn, StartedStage, Status, Sticky, TaskKind, TaskProblem, TaskVerdict, WorkerFacts,
        WorkerVersion, WorkflowPause, WorkflowTask, WorkflowTaskStage,
    },
};
use weft_protocol::api::{
    common::{Payload, Payloads, Priority, WorkflowType},
    failure::Failure,
    history::{HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event::Attributes},
    workflow::{VersioningOverride, WorkflowExecutionInfo, versioning_override::Override},
};

use crate::{
    batch::{BatchHeader, BatchKind},
    namespace::{NamespaceRow, NamespaceState},
};

pub(crate) fn key() -> WorkflowKey {
    WorkflowKey { namespace: "32049b68-7872-4094-8e63-d0dd59896a83".into(), workflow: "order\u{0}7".into() }
}

pub(crate) fn run() -> RunId {
    "018c5e2a-1111-4222-8333-44445555aaff".into()
}

pub(crate) fn payload() -> Payload {
    let metadata = [("encoding", "json/plain"), ("b", "2"), ("a", "1")];
    Payload {
        metadata: metadata.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        data: b"7".to_vec(),
        ..Payload::default()
    }
}

fn fields() -> Arc<BTreeMap<String, Payload>> {
    Arc::new(["x", "y"].into_iter().map(|name| (name.into(), payload())).collect())
}

pub(crate) fn start_event() -> HistoryEvent {
    let attributes = WorkflowExecutionStartedEventAttributes {
        workflow_type: Some(WorkflowType { name: "order".into() }),
        input: Some(Payloads { payloads: vec![payload()] }),
        attempt: 1,
        ..WorkflowExecutionStartedEventAttributes::default()
    };
    HistoryEvent {
        event_id: 1,
        event_time: Some(Timestamp(1_000_000_007).wire()),
        attributes: Some(Attributes::WorkflowExecutionStartedEventAttributes(attributes)),
        ..HistoryEvent::default()
    }
}

fn workflow_task() -> WorkflowTask {
    WorkflowTask {
        scheduled_event_id: EventId(5),
        scheduled_at: Timestamp(10),
        original_scheduled_at: Timestamp(9),
        attempt: 2,
        kind: TaskKind::Transient,
        timeout: Duration::new(10, 5),
        stage: WorkflowTaskStage::Started(StartedStage {
            event_id: EventId(6),
            at: Timestamp(11),
            identity: "worker".into(),
            request: "poll-1".into(),
            from_sticky: true,
            suggest_continue_as_new: true,
            too_many_updates: false,
            history_bytes: 300,
        }),
    }
}

pub(crate) fn sticky_task() -> WorkflowTask {
    let stage = WorkflowTaskStage::Scheduled(ScheduledOn::Sticky { queue: "s".into(), give_up_at: Timestamp(15) });
    WorkflowTask { kind: TaskKind::Normal, attempt: 1, stage, ..workflow_task() }
}

pub(crate) fn ancestors() -> Vec<Ancestor> {
    [(run(), 5), ("other".into(), 7)].map(|(branch, end)| Ancestor { branch, end: EventId(end) }).into()
}

pub(crate) fn reset() -> ResetFacts {
    ResetFacts { base: "base".into(), divided_at: EventId(5), at: Timestamp(12) }
}

pub(crate) fn core() -> Core {
    let start = rebuild(run(), "".into(), [&start_event()]).expect("a start").core.start;
    Core {
        run: run(),
        start,
        branch: Branch::root("other".into()),
        started_by: "request-1".into(),
        next_event_id: EventId(7),
        history_bytes: 300,
        head: [7; 32],
        state_transitions: 3,
        last_event_at: Timestamp(11),
        first_task_at: Some(Timestamp(12)),
        run_expires_at: Some(Timestamp(13)),
        execution_expires_at: Some(Timestamp(14)),
        task: Some(workflow_task()),
        last_completed_task: EventId(3),
        sticky: Some(Sticky { queue: "sticky".into(), schedule_to_start: Duration::from_secs(5) }),
        cancel: Some(CancelRequest { request: "cancel-1".into(), event_id: EventId(4) }),
        signals: 2,
        memo: fields(),
        search_attributes: fields(),
        attached: vec![AttachedRequest { request: "start-2".into(), event_id: EventId(2) }],
        closing: true,
        task_problems: 1,
        last_problem: None,
        reset_points: Arc::default(),
        forked_from: None,
        answered_task: Some(AnsweredWorkflowTask {
            scheduled_event_id: EventId(2),
            started_event_id: EventId(3),
            started_at: Timestamp(8),
            attempt: 1,
            verdict: TaskVerdict::Rejected,
        }),
        answered_activity: Some(AnsweredActivity {
            scheduled_event_id: EventId(2),
            attempt: 4,
            started_at: Timestamp(8),
        }),
        last_worker: Arc::new(WorkerFacts {
            identity: Some("worker".into()),
            version: Some(WorkerVersion { build_id: "b1".into(), use_versioning: false }),
            deployment: String::new(),
            sdk_name: "sdk".into(),
            sdk_version: "1.2".into(),
        }),
        made_by_reset: None,
        reset_run: None,
        closed: Some(CloseFacts {
            status: Status::ContinuedAsNew,
            at: Timestamp(16),
            event_id: EventId(6),
            new_run: Some("next".into()),
            remove_at: Timestamp(17),
        }),
        pause: None,
        frozen_at: None,
        options: None,
        wake_at: Some(Timestamp(18)),
    }
}

/// The core of a fork.
pub(crate) fn forked(core: Core) -> Core {
    let origin = ForkOrigin { workflow: "origin".into(), run: "its-run".into(), event_id: EventId(5) };
    Core { forked_from: Some(origin.into()), ..core }
}

/// The core with what is kept of builds.
pub(crate) fn with_builds(core: Core) -> Core {
    let point = ResetPoint {
        binary_checksum: "sum".into(),
        build_id: "b1".into(),
        run: core.run.clone(),
        completed: EventId(4),
        created_at: Timestamp(19),
        expires_at: None,
        resettable: true,
    };
    let older = ResetPoint { run: "older".into(), expires_at: Some(Timestamp(20)), ..point.clone() };
    let version = Some(WorkerVersion { build_id: "b1".into(), use_versioning: true });
    Core {
        last_problem: Some(TaskProblem::TimedOut(1)),
        last_worker: Arc::new(WorkerFacts { version, deployment: "d".into(), ..WorkerFacts::clone(&core.last_worker) }),
        reset_points: Arc::new(vec![older, point]),
        ..core
    }
}

pub(crate) fn operated_run(core: Core) -> Core {
    let pause = WorkflowPause {
        at: Timestamp(21),
        identity: "operator".into(),
        reason: "too hot".into(),
        request: "pause-1".into(),
    };
    let auto_upgrade = VersioningOverride { r#override: Some(Override::AutoUpgrade(true)), ..Default::default() };
    let options = RunOptions {
        priority: Some(Priority { priority_key: 1, ..Priority::default() }),
        versioning_override: Some(auto_upgrade),
    };
    Core { pause: Some(Arc::new(pause)), frozen_at: Some(Timestamp(22)), options: Some(Arc::new(options)), ..core }
}

pub(crate) fn current() -> CurrentRun {
    CurrentRun {
        run: run(),
        first_run: "first".into(),
        status: Status::TimedOut,
        started_by: "request-1".into(),
        attached: vec!["start-2".into(), "start-3".into()],
        started_at: Timestamp(1_000_000_007),
        reset_by: None,
    }
}

pub(crate) fn activity() -> Activity {
    Activity {
        scheduled_event_id: EventId(5),
        id: "1".into(),
        activity_type: "charge".into(),
        queue: "q".into(),
        scheduled_at: Timestamp(10),
        attempt: 3,
        stage: ActivityStage::Started {
            at: Timestamp(11),
            offered_at: Timestamp(10),
            identity: "worker".into(),
            request: "poll-1".into(),
            heartbeat_at: Timestamp(12),
        },
        cancel_requested: Some(EventId(9)),
        schedule_to_close: Duration::from_secs(60),
        schedule_to_start: Duration::from_secs(50),
        start_to_close: Duration::from_millis(1500),
        heartbeat_timeout: Duration::from_secs(7),
        retry: RetryPolicy {
            initial: Duration::from_secs(1),
            coefficient: 2.0,
            max_interval: Duration::from_secs(100),
            max_attempts: 5,
            non_retryable_types: vec!["Fatal".into()],
        },
        last_failure: Some(Arc::new(Failure { message: "oh".into(), ..Failure::default() })),
        heartbeat: Some(Heartbeat {
            at: Timestamp(12),
            details: Some(Arc::new(Payloads { payloads: vec![payload()] })),
        }),
        last_identity: "worker".into(),
        last_attempt_ended_at: Some(Timestamp(9)),
        priority: Some(Priority { priority_key: 3, ..Priority::default() }),
        operated: None,
    }
}

pub(crate) fn operated() -> Operated {
    let pause = ActivityPause {
        at: Timestamp(13),
        identity: "operator".into(),
        reason: "too hot".into(),
        request: "pause-1".into(),
    };
    Operated {
        paused: Some(pause),
        held: true,
        reset: true,
        forgets_heartbeat: true,
        suspended: Duration::from_secs(3),
        attempt_suspended: Duration::from_millis(1500),
        original: Some(Box::new(activity().options())),
    }
}

pub(crate) fn task() -> TaskRow {
    TaskRow {
        kind: TaskRowKind::Activity,
        queue: "q".into(),
        urgency: Urgency::DEFAULT,
        fairness: None,
        scheduled_at: Timestamp(10),
        run: run(),
        scheduled_event_id: EventId(5),
        attempt: 3,
    }
}

pub(crate) fn namespace() -> NamespaceRow {
    NamespaceRow {
        id: key().namespace,
        name: "default".into(),
        description: "for all".into(),
        owner_email: "someone@example.com".into(),
        data: [("k".into(), "v".into())].into(),
        retention: Duration::from_secs(86_400),
        state: NamespaceState::Deprecated,
        search_attributes: [("CustomKeyword".into(), 2)].into(),
        created_at: Timestamp(1_000_000_007),
    }
}

pub(crate) fn info() -> Box<WorkflowExecutionInfo> {
    Box::new(WorkflowExecutionInfo { task_queue: "q".into(), history_length: 6, ..WorkflowExecutionInfo::default() })
}

pub(crate) fn header(kind: BatchKind) -> BatchHeader {
    BatchHeader { leader: 1, term: 2, epoch: 3, sequence: 4, stamp: -5, kind }
}
