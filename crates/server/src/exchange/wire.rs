//! Tasks, queues and pollers as nodes say them to each other.
//!
//! Invariant: what one node writes another reads as it was. What makes no sense is an error and never a guess: it comes
//! from a node of another version.

use std::time::Duration;

use tonic::Status;
use weft_engine::{
    ActivityOffer, EventId, Fairness, NamespaceId, Poller, RequestId, TaskQueueName, TaskRowKind, Timestamp, Urgency,
    WorkflowKey, WorkflowTaskOffer,
};
use weft_env::UnixNanos;
use weft_matching::{Offer, PollerSeen, QueueKey, QueueKind, QueueStats, RootBacklog, TaskRates, WorkerVersion};
use weft_protocol::{api::common::WorkerVersionStamp, internal as wire};
use weft_rows::task;
use weft_shard::{ShardId, TaskRef, Waiting, WaitingLine as Line};

use crate::node::tasks::{HeldTask, offer_of, queue_of};

/// A task of a shard, as one node says it to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parcel {
    pub(crate) shard: ShardId,
    pub(crate) key: WorkflowKey,
    pub(crate) task: TaskRef,
}

/// What it is lent by, if it is, is not of the task.
impl From<Offer<HeldTask>> for Parcel {
    fn from(Offer { origin, task: HeldTask { key, task, .. }, .. }: Offer<HeldTask>) -> Self {
        Self { shard: ShardId(origin), key, task }
    }
}

impl Parcel {
    /// As matching takes it.
    pub(crate) fn offer(self) -> Offer<HeldTask> {
        offer_of(self.shard, self.key, self.task)
    }

    pub(crate) fn queue(&self) -> QueueKey {
        queue_of(&self.key.namespace, &self.task)
    }
}

pub(super) fn nonsense(what: &str) -> Status {
    Status::invalid_argument(format!("another node sent {what}: it may be of another version"))
}

pub(super) fn queue(key: &QueueKey) -> wire::Queue {
    let kind = match key.kind {
        QueueKind::Workflow => wire::QueueKind::Workflow,
        QueueKind::Activity => wire::QueueKind::Activity,
    };
    wire::Queue {
        namespace_id: key.namespace.to_string(),
        name: key.name.to_string(),
        kind: kind.into(),
        sticky: key.sticky,
    }
}

pub(super) fn queue_key(queue: Option<wire::Queue>) -> Result<QueueKey, Status> {
    let queue = queue.ok_or_else(|| nonsense("no queue"))?;
    let kind = match queue.kind() {
        wire::QueueKind::Workflow => QueueKind::Workflow,
        wire::QueueKind::Activity => QueueKind::Activity,
        wire::QueueKind::Unspecified => return Err(nonsense("a queue of no kind")),
    };
    Ok(QueueKey { namespace: queue.namespace_id.into(), name: queue.name.into(), kind, sticky: queue.sticky })
}

/// A queue as rows name it.
pub(crate) fn queue_of_rows(key: &QueueKey) -> task::Queue {
    let kind = match key.kind {
        QueueKind::Workflow => TaskRowKind::Workflow,
        QueueKind::Activity => TaskRowKind::Activity,
    };
    task::Queue { namespace: NamespaceId::from(&*key.namespace), name: (&*key.name).into(), kind }
}

/// A queue that rows name.
pub(crate) fn queue_of_row(queue: &task::Queue) -> QueueKey {
    let kind = match queue.kind {
        TaskRowKind::Workflow => QueueKind::Workflow,
        TaskRowKind::Activity => QueueKind::Activity,
    };
    QueueKey::normal(queue.namespace.as_str(), queue.name.as_str(), kind)
}

pub(super) fn more(key: &QueueKey, shard: u32) -> wire::MoreTasks {
    wire::MoreTasks { shard, queue: Some(queue(key)) }
}

pub(super) fn task(parcel: &Parcel) -> wire::Task {
    let queue = queue(&parcel.queue());
    let fairness = |fairness: &Fairness| wire::Fairness { key: fairness.key.to_string(), weight: fairness.weight };
    let task = wire::Task {
        shard: parcel.shard.0,
        workflow_id: parcel.key.workflow.to_string(),
        queue: Some(queue),
        ..wire::Task::default()
    };
    match &parcel.task {
        TaskRef::Workflow(offer) => wire::Task {
            run_id: offer.run.to_string(),
            scheduled_event_id: offer.scheduled_event_id.0,
            attempt: offer.attempt,
            sticky_of: offer.sticky_of.as_ref().map(ToString::to_string).unwrap_or_default(),
            scheduled_at: offer.scheduled_at.0,
            urgency: u32::from(offer.urgency.level()),
            fairness: offer.fairness.as_ref().map(fairness),
            ..task
        },
        TaskRef::Activity(offer) => wire::Task {
            run_id: offer.run.to_string(),
            scheduled_event_id: offer.scheduled_event_id.0,
            attempt: offer.attempt,
            scheduled_at: offer.scheduled_at.0,
            urgency: u32::from(offer.urgency.level()),
            fairness: offer.fairness.as_ref().map(fairness),
            ..task
        },
    }
}

pub(super) fn parcel(task: wire::Task) -> Result<Parcel, Status> {
    let (shard, queue) = (task.shard, queue_key(task.queue)?);
    let key = WorkflowKey { namespace: NamespaceId::from(&*queue.namespace), workflow: task.workflow_id.into() };
    let (name, urgency) = (TaskQueueName::from(&*queue.name), urgency(task.urgency)?);
    let fairness = task.fairness.map(|fairness| Fairness { key: fairness.key.into(), weight: fairness.weight });
    let (run, scheduled_at) = (task.run_id.into(), Timestamp(task.scheduled_at));
    let (scheduled_event_id, attempt) = (EventId(task.scheduled_event_id), task.attempt);
    if queue.sticky == task.sticky_of.is_empty() {
        return Err(nonsense("a task of a sticky queue without its normal one, or the other way round"));
    }
    let task = match (queue.kind, queue.sticky) {
        (QueueKind::Activity, true) => return Err(nonsense("a sticky queue of activities")),
        (QueueKind::Activity, false) => {
            let queue = name;
            TaskRef::Activity(ActivityOffer {
                run,
                scheduled_event_id,
                attempt,
                queue,
                scheduled_at,
                urgency,
                fairness,
            })
        }
        (QueueKind::Workflow, sticky) => TaskRef::Workflow(WorkflowTaskOffer {
            run,
            scheduled_event_id,
            attempt,
            queue: name,
            sticky_of: sticky.then(|| task.sticky_of.into()),
            scheduled_at,
            urgency,
            fairness,
        }),
    };
    Ok(Parcel { shard: ShardId(shard), key, task })
}

pub(super) fn urgency(level: u32) -> Result<Urgency, Status> {
    let found = Urgency::ALL.into_iter().find(|urgency| u32::from(urgency.level()) == level);
    found.ok_or_else(|| nonsense("a task of an unknown urgency"))
}

pub(super) fn poller(poller: &Poller) -> wire::Poller {
    let version = poller.version.as_ref();
    wire::Poller {
        identity: poller.identity.to_string(),
        request_id: poller.request.to_string(),
        build_id: version.map(|version| version.build_id.clone()).unwrap_or_default(),
        use_versioning: version.is_some_and(|version| version.use_versioning),
    }
}

pub(super) fn poller_of(poller: Option<wire::Poller>) -> Result<Poller, Status> {
    let poller = poller.ok_or_else(|| nonsense("a task without the one who polls for it"))?;
    let stamp = WorkerVersionStamp { build_id: poller.build_id, use_versioning: poller.use_versioning };
    Ok(Poller {
        identity: poller.identity.as_str().into(),
        request: RequestId::from(poller.request_id),
        version: (!stamp.build_id.is_empty()).then_some(stamp),
        deployment: None,
    })
}

pub(super) fn waiting(waiting: &Waiting) -> wire::WaitingResponse {
    let line = |(urgency, line): (&Urgency, &Line)| wire::WaitingLine {
        urgency: u32::from(urgency.level()),
        count: line.count,
        oldest: line.oldest.0,
    };
    wire::WaitingResponse { lines: waiting.lines.iter().map(line).collect() }
}

pub(super) fn waiting_of(answer: wire::WaitingResponse) -> Result<Waiting, Status> {
    let line = |line: wire::WaitingLine| {
        Ok((urgency(line.urgency)?, Line { count: line.count, oldest: Timestamp(line.oldest) }))
    };
    Ok(Waiting { lines: answer.lines.into_iter().map(line).collect::<Result<_, Status>>()? })
}

/// What a root said of the tasks that it holds.
pub(super) fn backlog(answer: &wire::FetchResponse) -> RootBacklog {
    let held = usize::try_from(answer.backlog).unwrap_or(usize::MAX);
    RootBacklog { held, age: (held > 0).then(|| Duration::from_millis(answer.backlog_age_ms)) }
}

pub(super) fn stats(stats: &QueueStats) -> wire::BranchResponse {
    let poller = |seen: &PollerSeen| {
        let WorkerVersion { deployment, build_id, use_versioning } = &seen.version;
        wire::SeenPoller {
            identity: seen.identity.to_string(),
            last_access: seen.last_access.0,
            deployment: deployment.as_deref().unwrap_or_default().to_owned(),
            build_id: build_id.as_deref().unwrap_or_default().to_owned(),
            use_versioning: *use_versioning,
        }
    };
    let rates = |(priority, rates): (&u32, &TaskRates)| wire::TaskRates {
        priority: *priority,
        added: rates.added,
        dispatched: rates.dispatched,
    };
    wire::BranchResponse {
        pollers: stats.pollers.iter().map(poller).collect(),
        rates: stats.rates.iter().map(rates).collect(),
        waiting: u64::try_from(stats.waiting).unwrap_or(u64::MAX),
    }
}

pub(super) fn stats_of(answer: wire::BranchResponse) -> QueueStats {
    let told = |text: String| (!text.is_empty()).then(|| text.into());
    let poller = |seen: wire::SeenPoller| PollerSeen {
        identity: seen.identity.into(),
        last_access: UnixNanos(seen.last_access),
        // Whoever asks for a limit polls at the root.
        rate_per_second: None,
        version: WorkerVersion {
            deployment: told(seen.deployment),
            build_id: told(seen.build_id),
            use_versioning: seen.use_versioning,
        },
    };
    let rates =
        |rates: wire::TaskRates| (rates.priority, TaskRates { added: rates.added, dispatched: rates.dispatched });
    QueueStats {
        pollers: answer.pollers.into_iter().map(poller).collect(),
        rates: answer.rates.into_iter().map(rates).collect(),
        waiting: usize::try_from(answer.waiting).unwrap_or(usize::MAX),
        ..QueueStats::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(sticky_of: Option<&str>, fairness: Option<Fairness>) -> Parcel {
        Parcel {
            shard: ShardId(3),
            key: WorkflowKey { namespace: "ns".into(), workflow: "w".into() },
            task: TaskRef::Workflow(WorkflowTaskOffer {
                run: "r".into(),
                scheduled_event_id: EventId(7),
                attempt: 2,
                queue: "q".into(),
                sticky_of: sticky_of.map(Into::into),
                scheduled_at: Timestamp(99),
                urgency: Urgency::ALL[0],
                fairness,
            }),
        }
    }

    fn activity() -> Parcel {
        let fairness = Some(Fairness { key: "tenant".into(), weight: 2500 });
        let parcel = offer(None, None);
        let task = ActivityOffer {
            run: "r".into(),
            scheduled_event_id: EventId(5),
            attempt: 4,
            queue: "q".into(),
            scheduled_at: Timestamp(98),
            urgency: Urgency::DEFAULT,
            fairness,
        };
        Parcel { task: TaskRef::Activity(task), ..parcel }
    }

    #[test]
    fn tasks_come_as_they_went() {
        let fairness = Some(Fairness { key: String::new().into(), weight: 1 });
        for parcel in [offer(None, None), offer(Some("normal"), None), offer(None, fairness), activity()] {
            assert_eq!(super::parcel(task(&parcel)).expect("it makes sense"), parcel);
        }
    }

    #[test]
    fn tasks_that_make_no_sense_are_refused() {
        let check = |change: fn(&mut wire::Task)| {
            let mut changed = task(&activity());
            change(&mut changed);
            let refused = parcel(changed).expect_err("it makes no sense");
            assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        };
        check(|task| task.queue = None);
        check(|task| task.urgency = 9);
        check(|task| task.sticky_of = "normal".into());
        check(|task| task.queue.as_mut().expect("it has one").kind = 0);
        check(|task| {
            task.queue.as_mut().expect("it has one").sticky = true;
            task.sticky_of = "normal".into();
        });
    }

    #[test]
    fn pollers_come_as_they_went() {
        let version = WorkerVersionStamp { build_id: "b".into(), use_versioning: true };
        for version in [None, Some(version)] {
            let sent = Poller { identity: "i".into(), request: "q".into(), version, deployment: None };
            let came = poller_of(Some(poller(&sent))).expect("it makes sense");
            assert_eq!((came.identity, came.request, came.version), (sent.identity, sent.request, sent.version));
        }
        assert!(poller_of(None).is_err());
    }

    #[test]
    fn what_is_known_of_a_branch_comes_as_it_went() {
        let seen = |identity: &str, version| PollerSeen {
            identity: identity.into(),
            last_access: UnixNanos(7),
            rate_per_second: None,
            version,
        };
        let version = WorkerVersion { deployment: Some("d".into()), build_id: Some("b".into()), use_versioning: true };
        let sent = QueueStats {
            pollers: vec![seen("one", version), seen("other", WorkerVersion::default())],
            rates: [(3, TaskRates { added: 1.5, dispatched: 0.5 })].into(),
            waiting: 4,
            ..QueueStats::default()
        };
        assert_eq!(stats_of(stats(&sent)), sent);
    }

    #[test]
    fn counts_come_as_they_went() {
        let line = |count, oldest| Line { count, oldest: Timestamp(oldest) };
        let sent = Waiting { lines: [(Urgency::ALL[0], line(1, 5)), (Urgency::DEFAULT, line(3, 2))].into() };
        assert_eq!(waiting_of(waiting(&sent)).expect("it makes sense"), sent);
    }
}
