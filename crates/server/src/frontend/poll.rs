//! What workflow and activity polls share: waiting at a queue, and starting what was taken there.
//!
//! Invariant (rule 13): a task that was recorded as started for a poller whose call has ended is given back by the same
//! request id, wherever the call ended. A client that goes away in the middle of a poll swallows nothing.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;
use tonic::Status;
use weft_engine::{Answer, Namespace, Poller, Refusal, RequestId};
use weft_matching::{Offer, Polled, PollerInfo, QueueKey, WorkerVersion};
use weft_protocol::{
    api::{common::WorkerVersionCapabilities, deployment::WorkerDeploymentOptions, taskqueue::PollerScalingDecision},
    error::{Error, Exhausted},
};
use weft_shard::{Delivered, Failure};

use crate::node::{
    Node,
    tasks::{HeldTask, QueryTask, StartedTask},
};

/// Between tries to start a task while its shard changes leaders.
const RETRY: Duration = Duration::from_millis(50);

/// What a poll brought, started.
pub(crate) enum Taken {
    Task(Undelivered),
    Query(QueryTask),
    Nothing,
}

/// A started task on its way to its poller; given back if it is dropped on the way.
pub(crate) struct Undelivered {
    node: Node,
    task: Option<StartedTask>,
}

impl Undelivered {
    pub(crate) fn task(&self) -> Option<&StartedTask> {
        self.task.as_ref()
    }

    /// The answer is complete and leaves now.
    pub(crate) fn delivered(mut self) {
        self.task = None;
    }
}

impl Drop for Undelivered {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.node.give_back(task);
        }
    }
}

/// What a poll says of its worker.
#[derive(Clone, Copy)]
pub(crate) struct Account<'a> {
    pub(crate) identity: &'a str,
    pub(crate) instance_key: &'a str,
    pub(crate) version: Option<&'a WorkerVersionCapabilities>,
    pub(crate) deployment: Option<&'a WorkerDeploymentOptions>,
    pub(crate) max_tasks_per_second: Option<f64>,
}

/// Who polls.
pub(crate) fn poller(node: &Node, account: Account<'_>) -> PollerInfo {
    let Account { identity, instance_key, version, deployment, max_tasks_per_second } = account;
    let build_id = version.map(|version| version.build_id.as_str()).filter(|id| !id.is_empty());
    let build_id = build_id.or(deployment.map(|options| options.build_id.as_str()).filter(|id| !id.is_empty()));
    PollerInfo {
        identity: identity.into(),
        request_id: node.ids().uuid(),
        version: WorkerVersion {
            deployment: deployment.map(|options| options.deployment_name.as_str().into()),
            build_id: build_id.map(Into::into),
            use_versioning: version.is_some_and(|version| version.use_versioning),
        },
        worker: (!instance_key.is_empty()).then(|| instance_key.into()),
        max_tasks_per_second,
    }
}

/// What a worker that got something at a queue may do with the number of its polls.
pub(crate) fn scaling(node: &Node, queue: &QueueKey, began: Duration) -> Option<PollerScalingDecision> {
    let waited = node.clock().monotonic().saturating_sub(began);
    let poll_request_delta_suggestion = node.matching().scaling(queue, waited)?;
    Some(PollerScalingDecision { poll_request_delta_suggestion })
}

/// Waits at a queue until a task is started for this poller, a query comes, or the deadline does.
pub(crate) async fn take(
    node: &Node,
    namespace: &Arc<Namespace>,
    queue: &QueueKey,
    info: PollerInfo,
    deadline: Duration,
) -> Result<Taken, Status> {
    loop {
        let polled = node.matching().poll(queue, info.clone(), deadline).await;
        let polled = polled.map_err(|error| {
            Status::from(Error::resource_exhausted(Exhausted::SYSTEM_OVERLOADED, error.to_string()))
        })?;
        match polled {
            Polled::Empty => return Ok(Taken::Nothing),
            Polled::Query(query) => return Ok(Taken::Query(query)),
            Polled::Started(task) => return Ok(Taken::Task(Undelivered { node: node.clone(), task: Some(task) })),
            Polled::Task(offer) => {
                if let Some(task) = start(node, namespace, &info, offer, deadline).await {
                    return Ok(Taken::Task(task));
                }
            }
        }
    }
}

/// Starts a task for a poller; `None` if it is gone. It goes on if the poller's call is dropped, and then gives back
/// what it started.
async fn start(
    node: &Node,
    namespace: &Arc<Namespace>,
    info: &PollerInfo,
    offer: Offer<HeldTask>,
    deadline: Duration,
) -> Option<Undelivered> {
    let (node, namespace) = (node.clone(), Arc::clone(namespace));
    let poller = crate::node::poller_of(info);
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        let started = ask_until_answered(&node, &namespace, poller, offer, deadline).await;
        // Dropping what could not be sent gives it back.
        let _ = sender.send(started.map(|task| Undelivered { node, task: Some(task) }));
    });
    receiver.await.ok().flatten()
}

async fn ask_until_answered(
    node: &Node,
    namespace: &Arc<Namespace>,
    poller: Poller,
    offer: Offer<HeldTask>,
    deadline: Duration,
) -> Option<StartedTask> {
    let HeldTask { key, task } = offer.task;
    let request: RequestId = poller.request.clone();
    let start = task.start_request(poller);
    loop {
        let shard = node.shard(&key);
        let delivered = match shard.ask(key.clone(), Arc::clone(namespace), start.clone()).await {
            Ok(Answer::WorkflowTask(task)) => Delivered::Workflow(task),
            Ok(Answer::ActivityTask(task)) => Delivered::Activity(task),
            Ok(_) => return None,
            Err(
                Failure::Refused(Refusal::Busy(_))
                | Failure::NotLeader
                | Failure::Unavailable(_)
                | Failure::Overloaded
                | Failure::DiskFull,
            ) if node.clock().monotonic() < deadline => {
                node.clock().sleep_until(node.clock().monotonic() + RETRY).await;
                continue;
            }
            Err(Failure::Refused(_) | Failure::Quarantined(_) | Failure::Outgrown(_) | Failure::Storage(_)) => {
                return None;
            }
            // Nobody waits any more; the row stands, so the task is offered again.
            Err(Failure::NotLeader | Failure::Unavailable(_) | Failure::Overloaded | Failure::DiskFull) => {
                node.offer_again(&key, &task);
                return None;
            }
        };
        return Some(StartedTask { shard: shard.id(), key, delivered, request });
    }
}
