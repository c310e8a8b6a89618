//! Messages of other workflow ids: what they do here, and what is said to the sender.
//!
//! Invariants (rule 16): whatever a message does that must not be done twice leaves a receipt in the same transition, and
//! a message that comes again is answered from it. What is not found, or refused for good, changes nothing and leaves no
//! receipt: asked again it may come out otherwise, so a sender that has heard an answer does not ask again before it has
//! recorded that.

mod child;
mod external;
mod parent;
mod schedule;

use crate::{
    answer::Answer,
    change::{Change, Run},
    ids::{Identity, RequestId},
    message::{Delivery, MessageBody, Origin, Reply},
    refusal::Refusal,
    workflow_task::fail::SERVER,
};

/// A message comes in.
pub(crate) fn deliver(change: &mut Change<'_>, delivery: &Delivery) -> Result<Answer, Refusal> {
    let Delivery { origin, message } = delivery;
    let body = &message.body;
    if body.keeps_receipt()
        && let Some(reply) = change.workflow.receipts.get(origin)
    {
        return Ok(Answer::Delivered(reply.clone()));
    }
    let reply = match body {
        MessageBody::StartChild(start) => child::start(change, origin, start)?,
        MessageBody::Signal(signal) => external::signal(change, origin, signal)?,
        MessageBody::Cancel(cancel) => external::cancel(change, origin, cancel)?,
        MessageBody::FirstTask { run } => {
            child::first_task(change, run);
            forget(change, origin)
        }
        MessageBody::Acknowledge => forget(change, origin),
        MessageBody::Recall => {
            child::recall(change, origin);
            forget(change, origin)
        }
        MessageBody::ParentClosed { first_run, end } => child::parent_closed(change, origin, first_run, *end),
        MessageBody::ChildClosed(closed) => parent::child_closed(change, origin, closed),
        MessageBody::FindChild { first_run } => return Ok(Answer::ChainEnd(child::find(change, first_run))),
        MessageBody::StartAction(start) => schedule::start(change, origin, start)?,
        MessageBody::EndAction(end) => schedule::end(change, origin, end),
        MessageBody::ActionEnded(ended) => schedule::ended(change, origin, ended),
    };
    Ok(Answer::Delivered(reply))
}

/// Keeps the reply for the message's next coming.
fn keep(change: &mut Change<'_>, origin: &Origin, reply: Reply) -> Reply {
    change.workflow.receipts.put(origin.clone(), reply.clone());
    reply
}

/// The receipt is not needed any more, whether it was loaded or not.
fn forget(change: &mut Change<'_>, origin: &Origin) -> Reply {
    if change.workflow.receipts.remove(origin).is_none() {
        change.forgotten.push(origin.clone());
    }
    Reply::Done
}

/// The sender is the parent of this run.
fn is_parent(run: &Run<'_>, origin: &Origin) -> bool {
    let start = &run.core.start.attributes;
    start.parent_workflow_namespace_id == origin.sender.namespace.as_str()
        && start.parent_workflow_execution.as_ref().is_some_and(|parent| {
            parent.workflow_id == origin.sender.workflow.as_str() && parent.run_id == origin.run.as_str()
        })
}

/// Who acts here for another workflow.
fn server() -> Identity {
    Identity::from(SERVER)
}

/// The same for the same message, and for no other.
fn request_id(origin: &Origin) -> RequestId {
    RequestId::from(alloc::format!("{}:{}:0", origin.run, origin.event_id))
}

/// The sender as events name it.
fn execution(origin: &Origin) -> weft_protocol::api::common::WorkflowExecution {
    weft_protocol::api::common::WorkflowExecution {
        workflow_id: alloc::string::ToString::to_string(&origin.sender.workflow),
        run_id: alloc::string::ToString::to_string(&origin.run),
    }
}
