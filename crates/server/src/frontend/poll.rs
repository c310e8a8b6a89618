//! What workflow and activity polls share: waiting at a queue, and starting what was taken there.
//!
//! Invariant (rule 13): a task that was recorded as started for a poller whose call has ended is given back by the same
//! request id, wherever the call ended. A client that goes away in the middle of a poll swallows nothing.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::oneshot;
use tonic::{Code, Status};
use weft_engine::{Answer, Namespace, Poller, Refusal, RequestId};
use weft_matching::{Offer, Polled, PollerInfo, QueueKey, WorkerVersion};
use weft_protocol::{
    api::{common::WorkerVersionCapabilities, deployment::WorkerDeploymentOptions, taskqueue::PollerScalingDecision},
    error::{Error, Exhausted},
};
use weft_shard::{Delivered, Failure};

use super::{errors, for_others};
use crate::{
    exchange::{Loan, Parcel, Place, StartedElsewhere},
    node::{
        Node,
        leader::Leader,
        tasks::{AskedQuery, HeldTask, QueryTask, Started, StartedTask},
    },
};

/// Between tries to start a task while its shard changes leaders.
const RETRY: Duration = Duration::from_millis(50);

/// How long after its poll is over a task is still asked for of which nobody knows whether it was started.
const UNKNOWN_GRACE: Duration = Duration::from_secs(10);

/// Before a task is offered again that its leader could not read.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(1);

/// With this code a leader says that a task was not started because it cannot read what that takes.
pub(super) const UNREADABLE: Code = Code::DataLoss;

/// What a poll brought, started.
pub(crate) enum Taken {
    Task(Undelivered),
    Query(Box<AskedQuery>),
    /// A query that was asked at another node: the answer as that node made it.
    QueryElsewhere(Bytes),
    Nothing,
}

/// A task that is recorded as started.
pub(crate) enum Handed {
    /// In a shard that this node leads: the answer is made here.
    Here(StartedTask),
    /// In a shard of another node, which made the answer.
    Elsewhere(Started, Bytes),
}

/// A started task on its way to its poller; given back if it is dropped on the way.
pub(crate) struct Undelivered {
    node: Node,
    handed: Option<Handed>,
}

impl Undelivered {
    fn new(node: &Node, handed: Handed) -> Self {
        Self { node: node.clone(), handed: Some(handed) }
    }

    pub(crate) fn handed(&self) -> Option<&Handed> {
        self.handed.as_ref()
    }

    /// The answer is complete and leaves now.
    pub(crate) fn delivered(mut self) {
        self.handed = None;
    }
}

impl Drop for Undelivered {
    fn drop(&mut self) {
        match self.handed.take() {
            Some(Handed::Here(task)) => self.node.give_back(&task),
            Some(Handed::Elsewhere(started, _)) => self.node.give_back_started(started),
            None => {}
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
    let at_branch = || node.inner().branches()?.polls().scaling(queue, waited);
    let poll_request_delta_suggestion = node.matching().scaling(queue, waited).or_else(at_branch)?;
    Some(PollerScalingDecision { poll_request_delta_suggestion })
}

/// About how many tasks wait in a queue, as far as is known here.
pub(crate) fn backlog_hint(node: &Node, queue: &QueueKey) -> usize {
    let at_branch = node.inner().branches().map_or(0, |branches| branches.polls().backlog_hint(queue));
    node.matching().backlog_hint(queue).max(at_branch)
}

/// Marks the call of a client of this node: one that another node has passed on does not have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstHand;

/// A poll on its way.
pub(crate) struct Polling<'a> {
    pub(crate) queue: &'a QueueKey,
    pub(crate) poller: PollerInfo,
    /// Monotonic.
    pub(crate) deadline: Duration,
    /// Another node has passed it on: it waits here only if this one owns the queue.
    pub(crate) passed_on: bool,
}

/// Waits at a queue until a task is started for this poller, a query comes, or the deadline does.
pub(crate) async fn take(node: &Node, namespace: &Arc<Namespace>, polling: Polling<'_>) -> Result<Taken, Status> {
    let Polling { queue, poller: info, deadline, passed_on } = polling;
    let mut place = Place::of(node, queue, &info, passed_on).ok_or_else(errors::not_leader)?;
    loop {
        let service = place.service(node);
        let polled = tokio::select! {
            biased;
            polled = service.poll(queue, info.clone(), deadline) => Some(polled),
            // Nothing is lost: what came for this poll at the last moment goes back.
            () = place.lost() => None,
        };
        let Some(polled) = polled else {
            place = Place::of(node, queue, &info, passed_on).ok_or_else(errors::not_leader)?;
            continue;
        };
        let polled = polled.map_err(|error| {
            Status::from(Error::resource_exhausted(Exhausted::SYSTEM_OVERLOADED, error.to_string()))
        })?;
        match polled {
            Polled::Empty if place.is_lost() || node.leaves() => return Err(errors::not_leader()),
            Polled::Empty => return Ok(Taken::Nothing),
            Polled::Query(QueryTask::Here(asked)) => return Ok(Taken::Query(asked)),
            Polled::Query(QueryTask::Elsewhere(query)) => {
                if let Some(answer) = for_others::take_query_of(node, query).await {
                    return Ok(Taken::QueryElsewhere(answer));
                }
            }
            Polled::Started(task) => return Ok(Taken::Task(Undelivered::new(node, Handed::Here(task)))),
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
        let _ = sender.send(started);
    });
    receiver.await.ok().flatten()
}

/// What came of one try to start a task.
pub(crate) enum Tried {
    Started(Undelivered),
    Gone,
    /// It was not started.
    Again,
    /// Nobody knows whether it was started: to be asked again by the same request id.
    Unknown,
    /// It was not started, and the leader cannot read what it would take: whoever polls gets others meanwhile.
    Unreadable,
}

impl Tried {
    /// What came of a try at this node that brought no task.
    fn failed(failure: &Failure) -> Self {
        match failure {
            Failure::Unavailable(_) => Self::Unknown,
            Failure::Refused(Refusal::Busy(_))
            | Failure::NotLeader
            | Failure::Postmark(_)
            | Failure::Overloaded
            | Failure::DiskFull => Self::Again,
            Failure::Storage(_) => Self::Unreadable,
            // Once an operator clears what is set aside, its shard has its tasks asked for.
            Failure::Refused(_) | Failure::Quarantined(_) | Failure::Outgrown(_) => Self::Gone,
        }
    }

    /// What came of a try at another node that brought no task. That one is gone its leader says in its answer, or with
    /// this one code; any other may come from whatever lies between, and says nothing of the task.
    fn failed_elsewhere(status: &Status) -> Self {
        match status.code() {
            Code::NotFound => Self::Gone,
            UNREADABLE => Self::Unreadable,
            _ => Self::Unknown,
        }
    }
}

/// A task that was taken from a queue, and is to be started.
struct Unstarted {
    parcel: Parcel,
    /// Of a task that is lent: dropped, it goes back.
    loan: Option<Arc<Loan>>,
}

impl Unstarted {
    /// It was started, or is gone.
    fn done(&self) {
        if let Some(loan) = &self.loan {
            loan.done();
        }
    }

    /// Waits for what is to say whether it was started. Whoever lent it waits too.
    async fn kept<T>(&self, answer: impl Future<Output = T>) -> T {
        match &self.loan {
            Some(loan) => loan.kept(answer).await,
            None => answer.await,
        }
    }

    /// The one who lent it offers it again by itself.
    fn offer_again(self, node: &Node) {
        if self.loan.is_none() {
            node.offer_again(&self.parcel.key, &self.parcel.task);
        }
    }
}

async fn ask_until_answered(
    node: &Node,
    namespace: &Arc<Namespace>,
    poller: Poller,
    offer: Offer<HeldTask>,
    deadline: Duration,
) -> Option<Undelivered> {
    let loan = offer.task.loan.clone();
    let taken = Unstarted { parcel: offer.into(), loan };
    let parcel = &taken.parcel;
    let mut give_up = deadline;
    loop {
        match taken.kept(try_once(node, namespace, parcel, &poller)).await {
            Tried::Started(undelivered) => {
                taken.done();
                return Some(undelivered);
            }
            Tried::Gone => {
                taken.done();
                return None;
            }
            Tried::Unreadable if give_up == deadline => {
                offer_later(node, taken);
                return None;
            }
            Tried::Unknown => give_up = deadline.saturating_add(UNKNOWN_GRACE),
            // One that may have been started before is asked for until somebody knows.
            Tried::Unreadable | Tried::Again => {}
        }
        if node.clock().monotonic() >= give_up {
            // Nobody waits any more; the row stands, so the task is offered again.
            taken.offer_again(node);
            return None;
        }
        taken.kept(node.inner().pause(RETRY)).await;
    }
}

async fn try_once(node: &Node, namespace: &Arc<Namespace>, parcel: &Parcel, poller: &Poller) -> Tried {
    match node.leader_of(&parcel.key) {
        Leader::Here => start_here(node, namespace, parcel, poller.clone()).await,
        Leader::Node(other) => start_at(node, other, parcel, poller).await,
        Leader::Nobody => Tried::Again,
    }
}

/// Offers a task again after a pause, for nobody else does it before its shard has another leader.
fn offer_later(node: &Node, taken: Unstarted) {
    let (node, mut stopping) = (node.clone(), node.stopping());
    tokio::spawn(async move {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = node.inner().pause(UNREADABLE_PAUSE) => taken.offer_again(&node),
        }
    });
}

/// Gives a task back after a pause: its history grows by it, and whoever polls would have it again at once.
pub(super) fn give_back_later(node: &Node, undelivered: Undelivered) {
    let (node, mut stopping) = (node.clone(), node.stopping());
    tokio::spawn(async move {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = node.inner().pause(UNREADABLE_PAUSE) => {}
        }
        drop(undelivered);
    });
}

/// Starts a task of a shard that this node leads.
pub(crate) async fn start_here(node: &Node, namespace: &Arc<Namespace>, parcel: &Parcel, poller: Poller) -> Tried {
    let request: RequestId = poller.request.clone();
    let start = parcel.task.start_request(poller);
    let shard = node.shard(&parcel.key);
    let delivered = match shard.ask(parcel.key.clone(), Arc::clone(namespace), start).await {
        Ok(Answer::WorkflowTask(task)) => Delivered::Workflow(task),
        Ok(Answer::ActivityTask(task)) => Delivered::Activity(task),
        Ok(_) => return Tried::Gone,
        Err(failure) => return Tried::failed(&failure),
    };
    let started = StartedTask { shard: shard.id(), key: parcel.key.clone(), delivered, request };
    Tried::Started(Undelivered::new(node, Handed::Here(started)))
}

/// Has a task started by the node that leads its shard.
async fn start_at(node: &Node, leader: u32, parcel: &Parcel, poller: &Poller) -> Tried {
    match node.inner().start_at(leader, parcel, poller).await {
        Ok(Some(StartedElsewhere { token, answer })) => {
            let started = Started { token, request: poller.request.clone() };
            Tried::Started(Undelivered::new(node, Handed::Elsewhere(started, answer)))
        }
        Ok(None) => Tried::Gone,
        Err(status) => {
            if status.code() != Code::Unavailable {
                tracing::warn!(node = leader, %status, "a task could not be started at the leader of its shard");
            }
            Tried::failed_elsewhere(&status)
        }
    }
}

#[cfg(test)]
mod tests;
