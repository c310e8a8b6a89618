//! Replies to a run's own messages: what the history tells of them, and what follows.
//!
//! Invariant: a reply settles what waits for it and nothing else, so one that comes again, or after the run's end, does
//! nothing.

use alloc::sync::Arc;

use weft_protocol::api::{
    enums::{
        CancelExternalWorkflowExecutionFailedCause as CancelCause,
        SignalExternalWorkflowExecutionFailedCause as SignalCause,
        StartChildWorkflowExecutionFailedCause as StartCause,
    },
    history::HistoryEvent,
};

use crate::{
    answer::Answer,
    change::{Change, Run},
    event::{self, external::Outcome},
    failure,
    ids::{EventId, RunId},
    message::{FoundChild, Message, MessageBody, MessageId, Replied, Reply, Step},
    outbox::message_id,
    refusal::Refusal,
    state::{Child, ChildStage, ExternalKind, ExternalRequest},
    workflow_task::schedule,
};

/// A reply came back.
pub(crate) fn record(change: &mut Change<'_>, replied: &Replied) -> Result<Answer, Refusal> {
    let initiated = replied.event_id;
    if let Reply::Found(found) = &replied.reply {
        of_search(change, replied, found);
        return Ok(Answer::Done);
    }
    let Some(mut run) = change.run(&replied.run) else { return Ok(Answer::Done) };
    if let Some(child) = run.children.shared(&initiated) {
        of_start(&mut run, initiated, &child, &replied.reply);
    } else if let Some(external) = run.external.shared(&initiated) {
        of_external(&mut run, initiated, &external, &replied.reply);
    }
    Ok(Answer::Done)
}

/// A child of the run before this one was looked for. It may have told of its end meanwhile, or the run may have ended, or
/// be gone.
fn of_search(change: &mut Change<'_>, replied: &Replied, found: &FoundChild) {
    change.outbox.insert(MessageId::new(&replied.run, replied.event_id, Step::Ask), None);
    if let Some(mut run) = change.run(&replied.run)
        && let Some(child) = run.children.shared(&replied.event_id)
        && let Some(event) = found_event(replied.event_id, &child, found)
    {
        run.append(event);
        schedule::want(&mut run);
    }
}

fn found_event(initiated: EventId, child: &Child, found: &FoundChild) -> Option<HistoryEvent> {
    let first = match &child.stage {
        ChildStage::Initiated { .. } => return None,
        ChildStage::Started { run, .. } => run,
    };
    match found {
        FoundChild::Open => None,
        FoundChild::Ended { run, event } => event::child::closed(initiated, child, run, event.attributes.as_ref()?),
        FoundChild::Gone => Some(event::child::failed(initiated, child, first, failure::child_not_found())),
    }
}

fn of_start(run: &mut Run<'_>, initiated: EventId, child: &Child, reply: &Reply) {
    match &child.stage {
        ChildStage::Initiated { .. } => {}
        ChildStage::Started { .. } => return,
    }
    let cause = match reply {
        Reply::ChildStarted(first) => {
            let follow = MessageBody::FirstTask { run: first.clone() };
            return child_started(run, initiated, child, first, follow);
        }
        Reply::NamespaceNotFound => StartCause::NamespaceNotFound,
        Reply::AlreadyExists | Reply::Done | Reply::NotFound | Reply::SignalLimit | Reply::Found(_) => {
            StartCause::WorkflowAlreadyExists
        }
    };
    run.append(event::child::start_failed(initiated, child, cause));
    settle(run, initiated);
}

/// The child runs: the parent knows it from here on. `follow` is what the child is told in turn.
pub(crate) fn child_started(run: &mut Run<'_>, initiated: EventId, child: &Child, first: &RunId, follow: MessageBody) {
    run.append(event::child::started(initiated, child, first));
    run.post(message_id(run, initiated, Step::Follow), Message::new(child.target.clone(), follow));
    settle(run, initiated);
}

fn of_external(run: &mut Run<'_>, initiated: EventId, external: &Arc<ExternalRequest>, reply: &Reply) {
    let outcome = Outcome::of(initiated, external, &run.at.namespace.name);
    let done = *reply == Reply::Done;
    let event = match &external.kind {
        ExternalKind::Signal { control } => match signal_cause(reply) {
            None => event::external::signaled(outcome, control),
            Some(cause) => event::external::signal_failed(outcome, control, cause),
        },
        ExternalKind::Cancel => match cancel_cause(reply) {
            None => event::external::cancel_requested(outcome),
            Some(cause) => event::external::cancel_failed(outcome, cause),
        },
    };
    run.append(event);
    if done {
        let acknowledge = Message::new(external.target.clone(), MessageBody::Acknowledge);
        run.post(message_id(run, initiated, Step::Follow), acknowledge);
    }
    settle(run, initiated);
}

/// Why a signal did not reach its target, if it did not.
fn signal_cause(reply: &Reply) -> Option<SignalCause> {
    match reply {
        Reply::Done | Reply::ChildStarted(_) | Reply::Found(_) => None,
        Reply::NamespaceNotFound => Some(SignalCause::NamespaceNotFound),
        Reply::SignalLimit => Some(SignalCause::SignalCountLimitExceeded),
        Reply::NotFound | Reply::AlreadyExists => Some(SignalCause::ExternalWorkflowExecutionNotFound),
    }
}

/// Why a request to cancel did not reach its target, if it did not.
fn cancel_cause(reply: &Reply) -> Option<CancelCause> {
    match reply {
        Reply::Done | Reply::ChildStarted(_) | Reply::Found(_) => None,
        Reply::NamespaceNotFound => Some(CancelCause::NamespaceNotFound),
        Reply::NotFound | Reply::AlreadyExists | Reply::SignalLimit => {
            Some(CancelCause::ExternalWorkflowExecutionNotFound)
        }
    }
}

/// The message is done with, and the workflow must see what came of it.
fn settle(run: &mut Run<'_>, initiated: EventId) {
    // The reply is here, so the message was sent.
    let _ = run.withdraw(message_id(run, initiated, Step::Ask));
    schedule::want(run);
}
