//! Messages from one workflow id to another: what stands in the outbox, and what comes back.
//!
//! Invariants (rule 16): a message is written with the transition that wants it and is never changed; it is delivered at
//! least once, in order from one workflow id to another, until its row is gone. What must not happen twice at the target
//! leaves a receipt there, with the reply, under the message's [`Origin`]; the receipt goes when a later message of the
//! same origin says that the reply was recorded.

use alloc::{boxed::Box, sync::Arc};

use weft_protocol::api::{
    common::{Payloads, Priority, WorkflowExecution},
    failure::Failure,
    history::{
        HistoryEvent, RequestCancelExternalWorkflowExecutionInitiatedEventAttributes as CancelInitiated,
        SignalExternalWorkflowExecutionInitiatedEventAttributes as SignalInitiated,
        StartChildWorkflowExecutionInitiatedEventAttributes as ChildInitiated,
    },
    sdk::UserMetadata,
    workflow::NewWorkflowExecutionInfo,
};

use crate::{
    ids::{EventId, Identity, RunId, WorkflowKey},
    time::Timestamp,
};

/// Names a message among those of its sender.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageId {
    pub run: RunId,
    /// The event that wanted it.
    pub event_id: EventId,
    pub step: Step,
}

/// Which of the messages that one event wants, in the order in which they go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Step {
    /// Asks for something, or tells of the sender's end.
    Ask,
    /// What follows from the reply.
    Follow,
    /// The sender has ended.
    End,
}

/// Where a message comes from: the key of its receipt.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Origin {
    pub sender: WorkflowKey,
    pub run: RunId,
    pub event_id: EventId,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub target: WorkflowKey,
    pub body: MessageBody,
    /// The run that the target knows as the sender, if it is another one: after a reset, what was begun before it goes on
    /// as what the base run began.
    pub known_as: Option<RunId>,
}

impl Message {
    #[must_use]
    pub fn new(target: WorkflowKey, body: MessageBody) -> Self {
        Self { target, body, known_as: None }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum MessageBody {
    StartChild(Box<StartChild>),
    Signal(Box<SignalInitiated>),
    Cancel(Box<CancelInitiated>),
    /// The parent has recorded that this child run started: its first workflow task may be scheduled.
    FirstTask {
        run: RunId,
    },
    /// The reply is recorded: the receipt may go.
    Acknowledge,
    /// The sender has ended without a reply: what was asked for is not wanted any more.
    Recall,
    /// The parent has ended: its policy for this child.
    ParentClosed {
        first_run: RunId,
        end: ChildEnd,
    },
    ChildClosed(Box<ChildClosed>),
    /// A run that a reset made waits for a child of the run before: how has its chain of runs ended, if it has? Changes
    /// nothing, so it may be asked again.
    FindChild {
        first_run: RunId,
    },
    /// A schedule acts.
    StartAction(Box<StartAction>),
    /// Another action of the schedule is to begin.
    EndAction(Box<ActionEnd>),
    /// A workflow that the schedule started has ended, and no run follows.
    ActionEnded(Box<ActionEnded>),
}

/// A child to be started.
#[derive(Clone, Debug, PartialEq)]
pub struct StartChild {
    /// As the parent's history has it, normalized.
    pub attributes: ChildInitiated,
    pub user_metadata: Option<UserMetadata>,
    /// The name of the parent's namespace.
    pub parent_namespace: Arc<str>,
    pub root: WorkflowExecution,
    /// The parent's, with what the command says over it.
    pub priority: Option<Priority>,
}

/// An action of a schedule. Its number is that of the message.
#[derive(Clone, Debug, PartialEq)]
pub struct StartAction {
    pub action: NewWorkflowExecutionInfo,
    /// The time for which it is, a whole second.
    pub nominal: Timestamp,
    /// Its workflow id may have run before.
    pub again: bool,
    pub last_result: Option<Payloads>,
    pub last_failure: Option<Failure>,
}

/// How an action of a schedule is to end.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionEnd {
    /// The first run of its chain.
    pub first_run: RunId,
    pub end: ChildEnd,
    /// Who says so.
    pub identity: Identity,
}

/// An action of a schedule has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionEnded {
    /// The schedule's incarnation.
    pub schedule: RunId,
    pub action: EventId,
    /// The first run of its chain.
    pub first_run: RunId,
    /// The workflow's last event.
    pub event: HistoryEvent,
}

/// What becomes of a child when its parent ends, or of an action when the next one is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildEnd {
    Terminate,
    RequestCancel,
}

/// A child has ended, and no run follows.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildClosed {
    pub parent_run: RunId,
    pub initiated_event_id: EventId,
    /// The first run of the child's chain.
    pub first_run: RunId,
    /// The child's last event.
    pub event: HistoryEvent,
}

/// What was found of a child that was looked for.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundChild {
    /// It has not ended, and will tell of its end by itself.
    Open,
    /// `run` is the last of its chain, `event` that run's last.
    Ended { run: RunId, event: Box<HistoryEvent> },
    /// It is not there any more.
    Gone,
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub origin: Origin,
    pub message: Arc<Message>,
}

/// What the target says. It is what a receipt holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Done, or nothing had to be done.
    Done,
    ChildStarted(RunId),
    /// The workflow id of the child is taken.
    AlreadyExists,
    /// No such execution, or not one that this sender may reach.
    NotFound,
    NamespaceNotFound,
    SignalLimit,
    /// Of a child that was looked for.
    Found(FoundChild),
}

/// A reply that came back.
#[derive(Clone, Debug)]
pub struct Replied {
    pub run: RunId,
    pub event_id: EventId,
    pub reply: Reply,
}

impl MessageId {
    #[must_use]
    pub fn new(run: &RunId, event_id: EventId, step: Step) -> Self {
        Self { run: run.clone(), event_id, step }
    }

    /// Where this message of a sender comes from.
    #[must_use]
    pub fn origin(&self, sender: &WorkflowKey, message: &Message) -> Origin {
        let run = message.known_as.as_ref().unwrap_or(&self.run).clone();
        Origin { sender: sender.clone(), run, event_id: self.event_id }
    }
}

impl MessageBody {
    /// The sender waits for what the target says, and records it.
    #[must_use]
    pub fn wants_reply(&self) -> bool {
        match self {
            Self::StartChild(_) | Self::Signal(_) | Self::Cancel(_) | Self::FindChild { .. } | Self::StartAction(_) => {
                true
            }
            Self::FirstTask { .. }
            | Self::Acknowledge
            | Self::Recall
            | Self::ParentClosed { .. }
            | Self::ChildClosed(_)
            | Self::EndAction(_)
            | Self::ActionEnded(_) => false,
        }
    }

    /// What was said to it once is said again, from its receipt.
    #[must_use]
    pub fn keeps_receipt(&self) -> bool {
        match self {
            Self::StartChild(_) | Self::Signal(_) | Self::Cancel(_) | Self::StartAction(_) => true,
            Self::FindChild { .. }
            | Self::FirstTask { .. }
            | Self::Acknowledge
            | Self::Recall
            | Self::ParentClosed { .. }
            | Self::ChildClosed(_)
            | Self::EndAction(_)
            | Self::ActionEnded(_) => false,
        }
    }
}
