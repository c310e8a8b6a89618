//! What polls at other nodes get of the shards that this one leads, and what those here get of theirs.
//!
//! Invariant: the answer of a poll is made where the history is, and passed on as bytes. A task that is started for a poll
//! at another node is given back if the answer cannot be made, or the other node goes before it has it.

use bytes::Bytes;
use prost::Message;
use tonic::{Code, Status};
use weft_engine::{Namespace, Poller};
use weft_shard::{Delivered, Directory};

use super::{
    activity_task::activity_task,
    poll::{self, Handed, Tried, UNREADABLE},
    trace,
    workflow_task::{query_task, workflow_task},
};
use crate::{
    exchange::{Parcel, StartedElsewhere},
    node::{
        Node,
        tasks::{ElsewhereQuery, StartedTask},
    },
};

/// Starts a task for a poll at another node, and makes its answer. `None` if the task is gone.
pub(crate) async fn start(node: &Node, parcel: Parcel, poller: Poller) -> Result<Option<StartedElsewhere>, Status> {
    let Some(namespace) = node.metadata().namespace(&parcel.key.namespace) else {
        return Err(Status::unavailable("the namespace is not known here yet"));
    };
    let undelivered = match poll::start_here(node, &namespace, &parcel, poller).await {
        Tried::Started(undelivered) => undelivered,
        Tried::Gone => return Ok(None),
        Tried::Again | Tried::Unknown => return Err(Status::unavailable("the task cannot be started here now")),
        Tried::Unreadable => return Err(Status::new(UNREADABLE, "the workflow of the task cannot be read")),
    };
    let Some(Handed::Here(task)) = undelivered.handed() else { return Ok(None) };
    let answer = match answer(node, &namespace, task).await.map_err(unmade) {
        Ok(answer) => answer,
        Err(status) => {
            if status.code() == UNREADABLE {
                poll::give_back_later(node, undelivered);
            }
            return Err(status);
        }
    };
    let started = StartedElsewhere { token: task.started().token, answer: answer.into() };
    undelivered.delivered();
    Ok(Some(started))
}

async fn answer(node: &Node, namespace: &Namespace, task: &StartedTask) -> Result<Vec<u8>, Status> {
    Ok(match &task.delivered {
        Delivered::Workflow(started) => {
            trace::task(&task.key, &started.token.run);
            workflow_task(node, &task.key, started).await?.encode_to_vec()
        }
        Delivered::Activity(started) => {
            trace::task(&task.key, &started.token.run);
            activity_task(node, namespace, &task.key, started).await?.encode_to_vec()
        }
    })
}

/// The task is given back, so this is no outcome that nobody knows.
fn unmade(status: Status) -> Status {
    match status.code() {
        Code::Unavailable | Code::NotFound => status,
        _ => Status::new(UNREADABLE, status.message()),
    }
}

/// What a worker at another node gets for a query that was asked here. `None` if nobody waits for it any more.
pub(crate) async fn take_query(node: &Node, id: u64) -> Result<Option<Bytes>, Status> {
    let Some(asked) = node.queries().take(id) else { return Ok(None) };
    Ok(Some(query_task(node, asked).await?.encode_to_vec().into()))
}

/// What a worker here gets for a query that was asked at another node. `None` if nobody waits for it any more, or that
/// node does not say: then whoever asked it hears that it was dropped.
pub(crate) async fn take_query_of(node: &Node, query: ElsewhereQuery) -> Option<Bytes> {
    match node.inner().take_query_from(query.node, query.id).await {
        Ok(Some(answer)) => {
            // Whoever asked may have gone meanwhile.
            let _ = query.taken.send(());
            Some(answer)
        }
        Ok(None) => None,
        Err(status) => {
            tracing::debug!(node = query.node, %status, "a query could not be taken from the node where it was asked");
            None
        }
    }
}
