//! Values of every kind, with nothing in them that only well-behaved values have.
//!
//! Large strategies are boxed: proptest keeps the unboxed ones on the stack, in every layer again.

use std::{
    boxed::Box,
    collections::{BTreeMap, HashMap},
    string::String,
    sync::Arc,
    time::Duration,
    vec::Vec,
};

use proptest::{collection::vec, option, prelude::*};
use weft_engine::{
    EventId, Execution, ForkOrigin, RequestId, RunId, TaskRow, TaskRowKind, TimerId, Timestamp, UpdateId, Urgency,
    VisibilityChange, WorkflowKey, rebuild,
    state::{
        Activity, ActivityOptions, ActivityPause, ActivityStage, Ancestor, AnsweredActivity, AnsweredWorkflowTask,
        AttachedRequest, Branch, CancelRequest, CloseFacts, Core, CurrentRun, Hash, Heartbeat, Operated, ResetFacts,
        ResetPoint, RetryPolicy, RunOptions, ScheduledOn, StartedStage, Status, Sticky, TaskKind, TaskProblem,
        TaskVerdict, Timer, Update, Volatile, WorkerFacts, WorkerVersion, WorkflowPause, WorkflowTask,
        WorkflowTaskStage,
    },
};
use weft_protocol::api::{
    common::{Payload, Payloads, Priority, WorkflowType},
    failure::Failure,
    history::{
        HistoryEvent, MarkerRecordedEventAttributes, WorkflowExecutionStartedEventAttributes, history_event::Attributes,
    },
    taskqueue::TaskQueue,
    workflow::WorkflowExecutionInfo,
};

use crate::namespace::{NamespaceRow, NamespaceState};

/// Few different characters, so that texts meet and are full of zeros.
pub(crate) fn text() -> impl Strategy<Value = String> {
    "[\u{0}\u{1}ab\u{ff}]{1,5}"
}

pub(crate) fn id() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", text()]
}

pub(crate) fn run() -> impl Strategy<Value = RunId> {
    id().prop_map(RunId::from)
}

pub(crate) fn key() -> impl Strategy<Value = WorkflowKey> {
    (id(), text())
        .prop_map(|(namespace, workflow)| WorkflowKey { namespace: namespace.into(), workflow: workflow.into() })
}

pub(crate) fn event_id() -> impl Strategy<Value = EventId> {
    any::<i64>().prop_map(EventId)
}

pub(crate) fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp)
}

pub(crate) fn hash() -> impl Strategy<Value = Hash> {
    any::<Hash>()
}

fn span() -> impl Strategy<Value = Duration> {
    let any = (any::<u64>(), 0..1_000_000_000u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos));
    prop_oneof![Just(Duration::ZERO), any]
}

fn payload() -> BoxedStrategy<Payload> {
    let metadata = proptest::collection::hash_map(text(), any::<Vec<u8>>(), 0..4);
    (metadata, any::<Vec<u8>>()).prop_map(|(metadata, data)| Payload { metadata, data, ..Payload::default() }).boxed()
}

fn payloads() -> BoxedStrategy<Payloads> {
    vec(payload(), 0..3).prop_map(|payloads| Payloads { payloads }).boxed()
}

fn fields() -> BoxedStrategy<Arc<BTreeMap<String, Payload>>> {
    proptest::collection::btree_map(text(), payload(), 0..3).prop_map(Arc::new).boxed()
}

fn status() -> impl Strategy<Value = Status> {
    proptest::sample::select(
        &[
            Status::Running,
            Status::Paused,
            Status::Completed,
            Status::Failed,
            Status::Canceled,
            Status::Terminated,
            Status::ContinuedAsNew,
            Status::TimedOut,
        ][..],
    )
}

pub(crate) fn current() -> impl Strategy<Value = CurrentRun> {
    (run(), run(), any::<bool>(), status(), text(), vec(text(), 0..3), time(), option::of(text())).prop_map(
        |(run, other, first, status, started_by, attached, started_at, reset_by)| CurrentRun {
            first_run: if first { run.clone() } else { other },
            run,
            status,
            started_by: started_by.into(),
            attached: attached.into_iter().map(RequestId::from).collect(),
            started_at,
            reset_by: reset_by.map(RequestId::from),
        },
    )
}

pub(crate) fn timer() -> impl Strategy<Value = Timer> {
    (event_id(), time()).prop_map(|(started_event_id, fires_at)| Timer { started_event_id, fires_at })
}

pub(crate) fn update() -> impl Strategy<Value = Update> {
    (option::of(event_id()), event_id(), option::of(event_id())).prop_map(
        |(admitted_event_id, accepted_event_id, completed_event_id)| Update {
            admitted_event_id,
            accepted_event_id,
            completed_event_id,
        },
    )
}

fn retry() -> impl Strategy<Value = RetryPolicy> {
    // What is not equal to itself cannot be compared.
    let coefficient = any::<f64>().prop_filter("a number", |number| !number.is_nan());
    (span(), coefficient, span(), any::<u32>(), vec(text(), 0..3)).prop_map(
        |(initial, coefficient, max_interval, max_attempts, non_retryable_types)| RetryPolicy {
            initial,
            coefficient,
            max_interval,
            max_attempts,
            non_retryable_types,
        },
    )
}

fn stage() -> impl Strategy<Value = ActivityStage> {
    prop_oneof![
        time().prop_map(|at| ActivityStage::Scheduled { at }),
        time().prop_map(|until| ActivityStage::Backoff { until }),
        (time(), time(), text(), text(), time()).prop_map(|(at, offered_at, identity, request, heartbeat_at)| {
            ActivityStage::Started { at, offered_at, identity: identity.into(), request: request.into(), heartbeat_at }
        }),
    ]
}

fn failure() -> BoxedStrategy<Failure> {
    let leaf = || {
        (text(), option::of(payload())).prop_map(|(message, encoded_attributes)| Failure {
            message,
            encoded_attributes,
            ..Failure::default()
        })
    };
    (leaf(), option::of(leaf())).prop_map(|(failure, cause)| Failure { cause: cause.map(Box::new), ..failure }).boxed()
}

fn heartbeat() -> impl Strategy<Value = Heartbeat> {
    (time(), option::of(payloads())).prop_map(|(at, details)| Heartbeat { at, details: details.map(Arc::new) })
}

pub(crate) fn activity() -> BoxedStrategy<Activity> {
    let names = (event_id(), text(), text(), text(), time(), any::<u32>());
    let now = (stage(), option::of(event_id()), option::of(failure()), option::of(heartbeat()));
    let times = (span(), span(), span(), span(), option::of(time()));
    let rest = (retry(), text(), option::of((any::<i32>(), text())), operated());
    (names, now, times, rest)
        .prop_map(|(names, now, times, rest)| Activity {
            scheduled_event_id: names.0,
            id: names.1.into(),
            activity_type: names.2.into(),
            queue: names.3.into(),
            scheduled_at: names.4,
            attempt: names.5,
            stage: now.0,
            cancel_requested: now.1,
            last_failure: now.2.map(Arc::new),
            heartbeat: now.3,
            schedule_to_close: times.0,
            schedule_to_start: times.1,
            start_to_close: times.2,
            heartbeat_timeout: times.3,
            last_attempt_ended_at: times.4,
            retry: rest.0,
            last_identity: rest.1.into(),
            priority: rest.2.map(|(priority_key, fairness_key)| Priority {
                priority_key,
                fairness_key,
                ..Priority::default()
            }),
            operated: rest.3,
        })
        .boxed()
}

fn operated() -> impl Strategy<Value = Option<Box<Operated>>> {
    let paused = option::of((time(), text(), text(), text()));
    let original = option::of((text(), span(), span(), retry()));
    let flags = any::<(bool, bool, bool)>();
    let operated = (paused, flags, span(), span(), original).prop_map(
        |(paused, (held, reset, forgets_heartbeat), suspended, attempt_suspended, original)| Operated {
            paused: paused.map(|(at, identity, reason, request)| ActivityPause {
                at,
                identity: identity.into(),
                reason,
                request,
            }),
            held,
            reset,
            forgets_heartbeat,
            suspended,
            attempt_suspended,
            original: original.map(|(queue, start_to_close, heartbeat_timeout, retry)| {
                Box::new(ActivityOptions {
                    queue: queue.into(),
                    start_to_close,
                    heartbeat_timeout,
                    retry,
                    ..super::sample::activity().options()
                })
            }),
        },
    );
    option::of(operated).prop_map(|it| it.filter(|it| *it != Operated::default()).map(Box::new))
}

fn workflow_task_stage() -> impl Strategy<Value = WorkflowTaskStage> {
    let started = (event_id(), time(), text(), text(), any::<(bool, bool, bool, u64)>()).prop_map(
        |(event_id, at, identity, request, (from_sticky, suggest_continue_as_new, too_many_updates, history_bytes))| {
            StartedStage {
                event_id,
                at,
                identity: identity.into(),
                request: request.into(),
                from_sticky,
                suggest_continue_as_new,
                too_many_updates,
                history_bytes,
            }
        },
    );
    prop_oneof![
        Just(WorkflowTaskStage::Scheduled(ScheduledOn::Normal)),
        (text(), time()).prop_map(|(queue, give_up_at)| {
            WorkflowTaskStage::Scheduled(ScheduledOn::Sticky { queue: queue.into(), give_up_at })
        }),
        started.prop_map(WorkflowTaskStage::Started),
    ]
}

fn workflow_task() -> BoxedStrategy<WorkflowTask> {
    let kind = prop_oneof![Just(TaskKind::Normal), Just(TaskKind::Transient)];
    (event_id(), time(), time(), any::<u32>(), kind, span(), workflow_task_stage())
        .prop_map(|(scheduled_event_id, scheduled_at, original_scheduled_at, attempt, kind, timeout, stage)| {
            WorkflowTask { scheduled_event_id, scheduled_at, original_scheduled_at, attempt, kind, timeout, stage }
        })
        .boxed()
}

fn answered_task() -> BoxedStrategy<AnsweredWorkflowTask> {
    let verdict = proptest::sample::select(&[TaskVerdict::Completed, TaskVerdict::Rejected, TaskVerdict::Failed][..]);
    (event_id(), event_id(), time(), any::<u32>(), verdict)
        .prop_map(|(scheduled_event_id, started_event_id, started_at, attempt, verdict)| AnsweredWorkflowTask {
            scheduled_event_id,
            started_event_id,
            started_at,
            attempt,
            verdict,
        })
        .boxed()
}

fn answered_activity() -> impl Strategy<Value = AnsweredActivity> {
    (event_id(), any::<u32>(), time()).prop_map(|(scheduled_event_id, attempt, started_at)| AnsweredActivity {
        scheduled_event_id,
        attempt,
        started_at,
    })
}

fn worker() -> BoxedStrategy<WorkerFacts> {
    let text = || prop_oneof![Just(String::new()), text()];
    let version =
        (text(), any::<bool>()).prop_map(|(build_id, use_versioning)| WorkerVersion { build_id, use_versioning });
    (option::of(text()), option::of(version), text(), text(), text())
        .prop_map(|(identity, version, deployment, sdk_name, sdk_version)| WorkerFacts {
            deployment,
            identity: identity.map(Into::into),
            version,
            sdk_name,
            sdk_version,
        })
        .boxed()
}

fn problem() -> BoxedStrategy<TaskProblem> {
    prop_oneof![any::<i32>().prop_map(TaskProblem::Failed), any::<i32>().prop_map(TaskProblem::TimedOut)].boxed()
}

fn reset_point() -> BoxedStrategy<ResetPoint> {
    (text(), text(), run(), event_id(), time(), option::of(time()), any::<bool>())
        .prop_map(|(binary_checksum, build_id, run, completed, created_at, expires_at, resettable)| ResetPoint {
            binary_checksum,
            build_id,
            run,
            completed,
            created_at,
            expires_at,
            resettable,
        })
        .boxed()
}

fn close() -> BoxedStrategy<CloseFacts> {
    (status(), time(), event_id(), option::of(run()), time())
        .prop_map(|(status, at, event_id, new_run, remove_at)| CloseFacts { status, at, event_id, new_run, remove_at })
        .boxed()
}

/// Event 1 of some run.
pub(crate) fn start_event() -> BoxedStrategy<HistoryEvent> {
    (text(), text(), id(), option::of(payloads()), any::<u32>())
        .prop_map(|(kind, queue, first, input, seconds)| {
            let attributes = WorkflowExecutionStartedEventAttributes {
                workflow_type: Some(WorkflowType { name: kind }),
                task_queue: Some(TaskQueue { name: queue, ..TaskQueue::default() }),
                first_execution_run_id: first,
                input,
                workflow_run_timeout: Some(weft_protocol::Duration { seconds: i64::from(seconds), nanos: 0 }),
                attempt: 1,
                ..WorkflowExecutionStartedEventAttributes::default()
            };
            HistoryEvent {
                event_id: 1,
                event_time: Some(Timestamp(i64::from(seconds)).wire()),
                attributes: Some(Attributes::WorkflowExecutionStartedEventAttributes(attributes)),
                ..HistoryEvent::default()
            }
        })
        .boxed()
}

/// Some event without a number.
pub(crate) fn event() -> BoxedStrategy<HistoryEvent> {
    let details = proptest::collection::hash_map(text(), payloads(), 0..4);
    (any::<i64>(), text(), details)
        .prop_map(|(task_id, marker_name, details): (_, _, HashMap<_, _>)| {
            let attributes =
                MarkerRecordedEventAttributes { marker_name, details, ..MarkerRecordedEventAttributes::default() };
            HistoryEvent {
                task_id,
                attributes: Some(Attributes::MarkerRecordedEventAttributes(attributes)),
                ..HistoryEvent::default()
            }
        })
        .boxed()
}

/// Events numbered from `first` on.
pub(crate) fn events(first: i64) -> impl Strategy<Value = Vec<HistoryEvent>> {
    vec(event(), 1..4).prop_map(move |events| number(first, events))
}

pub(crate) fn number(first: i64, events: Vec<HistoryEvent>) -> Vec<HistoryEvent> {
    (first..).zip(events).map(|(event_id, event)| HistoryEvent { event_id, ..event }).collect()
}

pub(crate) fn ancestors() -> impl Strategy<Value = Vec<Ancestor>> {
    vec((run(), event_id()).prop_map(|(branch, end)| Ancestor { branch, end }), 0..3)
}

fn reset() -> impl Strategy<Value = ResetFacts> {
    (run(), event_id(), time()).prop_map(|(base, divided_at, at)| ResetFacts { base, divided_at, at })
}

/// A branch of this run.
pub(crate) fn branch(own: RunId) -> impl Strategy<Value = Branch> {
    (prop_oneof![Just(own), run()], ancestors()).prop_map(|(id, ancestors)| Branch { id, ancestors })
}

type OperatedRun = (Option<Arc<WorkflowPause>>, Option<Timestamp>, Option<Arc<RunOptions>>);

fn operated_run() -> impl Strategy<Value = OperatedRun> {
    let pause = (time(), text(), text(), text()).prop_map(|(at, identity, reason, request)| {
        Arc::new(WorkflowPause { at, identity: identity.into(), reason, request })
    });
    let options = option::of((any::<i32>(), text())).prop_map(|given| {
        let priority =
            given.map(|(priority_key, fairness_key)| Priority { priority_key, fairness_key, ..Priority::default() });
        Arc::new(RunOptions { priority, versioning_override: None })
    });
    (option::of(pause), option::of(time()), option::of(options))
}

/// The core of a run that this event started.
pub(crate) fn core(run: RunId, start: &HistoryEvent) -> BoxedStrategy<Core> {
    let start = rebuild(run.clone(), "".into(), [start]).expect("a start").core.start;
    let counts = (text(), event_id(), any::<u64>(), hash(), any::<u64>(), any::<(u32, bool, u32)>());
    let times = (time(), option::of(time()), option::of(time()), option::of(time()), option::of(time()));
    let tasks =
        (option::of(workflow_task()), event_id(), option::of((text(), span())), option::of((text(), event_id())));
    let parts = (fields(), fields(), vec((text(), event_id()), 0..3), worker());
    let ended = (option::of(answered_task()), option::of(answered_activity()), option::of(close()));
    let origin = (text(), text(), event_id()).prop_map(|(workflow, run, event_id)| {
        Box::new(ForkOrigin { workflow: workflow.into(), run: run.into(), event_id })
    });
    let builds = (option::of(problem()), vec(reset_point(), 0..3), option::of(origin));
    let resets = (option::of(reset()), option::of(self::run()));
    (counts, times, tasks, parts, ended, builds, operated_run(), resets)
        .prop_map(move |(counts, times, tasks, parts, ended, builds, operated, resets)| Core {
            pause: operated.0,
            frozen_at: operated.1,
            options: operated.2,
            branch: Branch::root(run.clone()),
            run: run.clone(),
            start: Arc::clone(&start),
            started_by: counts.0.into(),
            next_event_id: counts.1,
            history_bytes: counts.2,
            head: counts.3,
            state_transitions: counts.4,
            signals: counts.5.0,
            closing: counts.5.1,
            task_problems: counts.5.2,
            last_event_at: times.0,
            first_task_at: times.1,
            run_expires_at: times.2,
            execution_expires_at: times.3,
            wake_at: times.4,
            task: tasks.0,
            last_completed_task: tasks.1,
            sticky: tasks.2.map(|(queue, schedule_to_start)| Sticky { queue: queue.into(), schedule_to_start }),
            cancel: tasks.3.map(|(request, event_id)| CancelRequest { request: request.into(), event_id }),
            memo: parts.0,
            search_attributes: parts.1,
            attached: parts
                .2
                .into_iter()
                .map(|(request, event_id)| AttachedRequest { request: request.into(), event_id })
                .collect(),
            last_worker: Arc::new(parts.3),
            last_problem: builds.0,
            reset_points: Arc::new(builds.1),
            forked_from: builds.2,
            answered_task: ended.0,
            answered_activity: ended.1,
            closed: ended.2,
            made_by_reset: resets.0.map(Arc::new),
            reset_run: resets.1,
        })
        .boxed()
}

/// A run with everything it can have, and event 1 of it.
pub(crate) fn execution() -> BoxedStrategy<(HistoryEvent, Execution)> {
    (run(), start_event())
        .prop_flat_map(|(run, start)| {
            let timers = proptest::collection::btree_map(text().prop_map(TimerId::from), timer(), 0..3);
            let buffered = proptest::collection::btree_map(any::<u32>(), event(), 0..3);
            let requests = vec(text().prop_map(|request| (RequestId::from(request), ())), 0..3);
            let updates = proptest::collection::btree_map(text().prop_map(UpdateId::from), update(), 0..3);
            let children = proptest::collection::btree_map(event_id(), super::family::any_child(), 0..3);
            let external = proptest::collection::btree_map(event_id(), super::family::any_external(), 0..3);
            let elsewhere = (children, external);
            let rows = (core(run, &start), vec(activity(), 0..3), timers, buffered, requests, updates, elsewhere);
            rows.prop_map(move |(core, activities, timers, buffered, requests, updates, (children, external))| {
                let execution = Execution {
                    core,
                    activities: activities.into_iter().map(|it| (it.scheduled_event_id, it)).collect(),
                    timers: timers.into_iter().collect(),
                    children: children.into_iter().collect(),
                    external: external.into_iter().collect(),
                    buffered: buffered.into_iter().collect(),
                    signal_requests: requests.into_iter().collect(),
                    updates: updates.into_iter().collect(),
                    volatile: Volatile::default(),
                };
                (start.clone(), execution)
            })
        })
        .boxed()
}

pub(crate) fn task() -> impl Strategy<Value = TaskRow> {
    let kind = prop_oneof![Just(TaskRowKind::Workflow), Just(TaskRowKind::Activity)];
    let urgency = proptest::sample::select(&Urgency::ALL[..]);
    let fairness = option::of((text(), 1..=weft_engine::Fairness::WEIGHT_MAX));
    (kind, text(), (urgency, fairness), time(), run(), event_id(), any::<u32>()).prop_map(
        |(kind, queue, (urgency, fairness), scheduled_at, run, scheduled_event_id, attempt)| TaskRow {
            kind,
            queue: queue.into(),
            urgency,
            fairness: fairness.map(|(key, weight)| weft_engine::Fairness { key: key.into(), weight }),
            scheduled_at,
            run,
            scheduled_event_id,
            attempt,
        },
    )
}

pub(crate) fn namespace() -> impl Strategy<Value = NamespaceRow> {
    use proptest::{collection::btree_map, sample::select};
    let states = select(&[NamespaceState::Registered, NamespaceState::Deprecated, NamespaceState::Deleted][..]);
    let maps = (btree_map(text(), text(), 0..3), btree_map(text(), any::<i32>(), 0..3));
    (id(), text(), text(), text(), maps, span(), states, time()).prop_map(
        |(id, name, description, owner_email, (data, search_attributes), retention, state, created_at)| NamespaceRow {
            id: id.into(),
            name,
            description,
            owner_email,
            data,
            retention,
            state,
            search_attributes,
            created_at,
        },
    )
}

pub(crate) fn change() -> impl Strategy<Value = VisibilityChange> {
    let info = (text(), any::<i64>()).prop_map(|(task_queue, history_length)| WorkflowExecutionInfo {
        task_queue,
        history_length,
        ..WorkflowExecutionInfo::default()
    });
    prop_oneof![
        run().prop_map(VisibilityChange::Remove),
        info.prop_map(|info| VisibilityChange::Upsert(Box::new(info))),
    ]
}
