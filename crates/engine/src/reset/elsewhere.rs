//! What the shared history had on its way to other workflows when it was cut: it goes on as the new run's. And children
//! that had started are asked for, because they may have ended while nobody waited for them.
//!
//! Invariant: the target sees the same sender, run and event as before ([`Message::known_as`]), so what has arrived
//! already is answered from its receipt and not done again.

use alloc::{boxed::Box, vec::Vec};

use weft_protocol::api::history::{HistoryEvent, history_event::Attributes};

use super::place;
use crate::{
    change::Run,
    command::child::start_of,
    event, failure,
    ids::{EventId, RunId, WorkflowKey},
    message::{Message, MessageBody, Step},
    outbox::message_id,
    state::{Child, ChildStage, ExternalRequest},
};

/// Asks again for what no answer to is in history, and says which events asked for it.
pub(super) fn go_on(run: &mut Run<'_>, base: &[HistoryEvent]) -> Vec<EventId> {
    let mut again = Vec::new();
    let is_initiated = |child: &Child| match &child.stage {
        ChildStage::Initiated { .. } => true,
        ChildStage::Started { .. } => false,
    };
    let children = run.children.iter().filter(|(_, child)| is_initiated(child));
    let children: Vec<(EventId, WorkflowKey)> = children.map(|(id, child)| (*id, child.target.clone())).collect();
    let target = |external: &ExternalRequest| external.target.clone();
    let external: Vec<(EventId, WorkflowKey)> = run.external.iter().map(|(id, it)| (*id, target(it))).collect();
    for (id, target) in children.into_iter().chain(external) {
        let event = base.get(place(id));
        if let Some(body) = event.and_then(|event| body(run, event)) {
            run.post(message_id(run, id, Step::Ask), Message::new(target, body));
            again.push(id);
        }
    }
    again
}

/// Asks for the children that had started: the new run waits for them.
pub(super) fn find_children(run: &mut Run<'_>) {
    for (id, child, first_run) in started_children(run) {
        run.post(message_id(run, id, Step::Ask), Message::new(child.target, MessageBody::FindChild { first_run }));
    }
}

/// Tells the run that it waits no more for the children that had started, and says which they are.
pub(super) fn leave_children(run: &mut Run<'_>) -> Vec<EventId> {
    let left = started_children(run);
    for (id, child, first_run) in &left {
        run.append(event::child::failed(*id, child, first_run, failure::child_left()));
    }
    left.into_iter().map(|(id, ..)| id).collect()
}

/// Children of which the run knows that they have started, each with the first run of its chain.
fn started_children(run: &Run<'_>) -> Vec<(EventId, Child, RunId)> {
    let started = |(id, child): (&EventId, &Child)| match &child.stage {
        ChildStage::Started { run, .. } => Some((*id, child.clone(), run.clone())),
        ChildStage::Initiated { .. } => None,
    };
    run.children.iter().filter_map(started).collect()
}

/// What the event asked for.
fn body(run: &Run<'_>, event: &HistoryEvent) -> Option<MessageBody> {
    match event.attributes.as_ref()? {
        Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(it) => {
            let start = start_of(run, it, event.user_metadata.clone());
            Some(MessageBody::StartChild(Box::new(start)))
        }
        Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            Some(MessageBody::Signal(Box::new(it.clone())))
        }
        Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            Some(MessageBody::Cancel(Box::new(it.clone())))
        }
        _ => None,
    }
}
