//! What a run leaves to be done elsewhere when it ends, and what it tells its parent.
//!
//! Invariant: a run that ends leaves no request of its own behind that nobody waits for: what was not asked yet is never
//! asked, what may have been asked is called back.

use alloc::{boxed::Box, vec::Vec};

use weft_protocol::api::history::{HistoryEvent, history_event::Attributes};

use crate::{
    change::{Run, Withdrawn},
    ids::{EventId, RunId, WorkflowKey},
    message::{ActionEnded, ChildClosed, ChildEnd, Message, MessageBody, MessageId, Step},
    schedule::watch,
    state::{Child, ChildStage, ParentClosePolicy},
};

/// If this event ends the run: its requests are called back, its children are told by their policy, and its parent
/// learns of it unless another run follows.
pub(crate) fn closing(run: &mut Run<'_>, event: &HistoryEvent) {
    let Some(next_run) = event.attributes.as_ref().and_then(next_run) else { return };
    let external: Vec<(EventId, WorkflowKey)> =
        run.external.iter().map(|(id, external)| (*id, external.target.clone())).collect();
    for (id, target) in external {
        if is_taken_over(run, id) {
            run.withdraw(message_id(run, id, Step::Ask));
        } else {
            call_back(run, id, target);
        }
    }
    let children: Vec<(EventId, Child)> = run.children.iter().map(|(id, child)| (*id, child.clone())).collect();
    for (id, child) in children {
        parent_closes(run, id, child);
    }
    if next_run.is_empty() && run.superseded().is_none() {
        tell_parent(run, event);
        tell_schedule(run, event);
    }
}

/// A run that a reset made goes on with it.
fn is_taken_over(run: &Run<'_>, id: EventId) -> bool {
    run.superseded().is_some_and(|taken_before| id < taken_before)
}

/// The run that follows, empty if none does; `None` if the event ends nothing.
fn next_run(attributes: &Attributes) -> Option<&str> {
    match attributes {
        Attributes::WorkflowExecutionCompletedEventAttributes(it) => Some(&it.new_execution_run_id),
        Attributes::WorkflowExecutionFailedEventAttributes(it) => Some(&it.new_execution_run_id),
        Attributes::WorkflowExecutionTimedOutEventAttributes(it) => Some(&it.new_execution_run_id),
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(it) => Some(&it.new_execution_run_id),
        Attributes::WorkflowExecutionCanceledEventAttributes(_)
        | Attributes::WorkflowExecutionTerminatedEventAttributes(_) => Some(""),
        _ => None,
    }
}

fn call_back(run: &mut Run<'_>, id: EventId, target: WorkflowKey) {
    match run.withdraw(message_id(run, id, Step::Ask)) {
        Withdrawn::Unsent => {}
        Withdrawn::MaybeSent => {
            run.post(message_id(run, id, Step::Follow), Message::new(target, MessageBody::Recall));
        }
    }
}

fn parent_closes(run: &mut Run<'_>, id: EventId, child: Child) {
    let is_taken_over = is_taken_over(run, id);
    let first_run = match child.stage {
        ChildStage::Initiated { .. } if is_taken_over => {
            run.withdraw(message_id(run, id, Step::Ask));
            return;
        }
        ChildStage::Initiated { .. } => return call_back(run, id, child.target),
        // Children of the run that is reset live on, also those that the new run does not know.
        ChildStage::Started { .. } if run.superseded().is_some_and(|taken_before| taken_before > EventId::NONE) => {
            return;
        }
        ChildStage::Started { run, .. } => run,
    };
    let end = match child.policy {
        ParentClosePolicy::Abandon => return,
        ParentClosePolicy::Terminate => ChildEnd::Terminate,
        ParentClosePolicy::RequestCancel => ChildEnd::RequestCancel,
    };
    let body = MessageBody::ParentClosed { first_run, end };
    run.post(message_id(run, id, Step::End), Message::new(child.target, body));
}

fn tell_parent(run: &mut Run<'_>, event: &HistoryEvent) {
    let start = &run.core.start;
    let Some(parent) = &start.attributes.parent_workflow_execution else { return };
    let target = WorkflowKey {
        namespace: start.attributes.parent_workflow_namespace_id.as_str().into(),
        workflow: parent.workflow_id.as_str().into(),
    };
    let closed = ChildClosed {
        parent_run: RunId::from(parent.run_id.as_str()),
        initiated_event_id: EventId(start.attributes.parent_initiated_event_id),
        first_run: start.first_run.clone(),
        event: event.clone(),
    };
    let id = message_id(run, EventId(event.event_id), Step::Ask);
    run.post(id, Message::new(target, MessageBody::ChildClosed(Box::new(closed))));
}

/// The schedule that started this chain of runs, if one did.
fn tell_schedule(run: &mut Run<'_>, event: &HistoryEvent) {
    let start = &run.core.start;
    let Some(watch) = watch::read(&start.attributes.completion_callbacks) else { return };
    let target = WorkflowKey { namespace: run.key.namespace.clone(), workflow: watch.schedule };
    let ended = ActionEnded {
        schedule: watch.incarnation,
        action: watch.action,
        first_run: start.first_run.clone(),
        event: event.clone(),
    };
    let id = message_id(run, EventId(event.event_id), Step::End);
    run.post(id, Message::new(target, MessageBody::ActionEnded(Box::new(ended))));
}

/// A message of this run.
pub(crate) fn message_id(run: &Run<'_>, event_id: EventId, step: Step) -> MessageId {
    MessageId::new(&run.core.run, event_id, step)
}
