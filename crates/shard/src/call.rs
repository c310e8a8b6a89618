//! What comes into a shard, and what goes back.

use std::{borrow::Cow, sync::Arc};

use tokio::sync::oneshot;
use weft_engine::{
    Answer, Delivery, Execution, MessageBody, MessageId, Namespace, NamespaceId, Origin, QueryOutcome, Refusal,
    Request, RunId, Target, Timestamp, UpdateId, WorkflowKey, job,
    state::{BranchId, QueryId},
};
use weft_rows::Ops;

use crate::{
    outbox::Lane,
    postmark::{Leads, Postmark},
    updates::Following,
};

/// One thing asked of one workflow id.
pub(crate) struct Call {
    pub(crate) key: WorkflowKey,
    pub(crate) ask: Ask,
}

pub(crate) enum Ask {
    Request {
        namespace: Arc<Namespace>,
        request: Request,
        reply: Reply<Answer>,
    },
    /// A message of another workflow id; the postmark is missing where an older build sent it.
    Deliver {
        namespace: Arc<Namespace>,
        delivery: Box<Delivery>,
        postmark: Option<Postmark>,
        reply: Reply<Answer>,
    },
    /// A query, whose outcome may come later than its answer.
    Query {
        namespace: Arc<Namespace>,
        query: QueryId,
        request: Request,
        reply: Reply<Answer>,
        outcome: oneshot::Sender<QueryOutcome>,
    },
    /// An update, or a question about one: its answer comes with a way to hear how it goes on.
    Update {
        namespace: Arc<Namespace>,
        update: UpdateId,
        request: Request,
        reply: Reply<(Answer, Option<Following>)>,
    },
    /// A piece of a history that is copied in.
    Stage {
        branch: BranchId,
        /// The first one.
        begins: bool,
        ops: Ops,
        reply: Reply<()>,
    },
    /// The run that takes a staged branch.
    TakeBranch {
        namespace: Arc<Namespace>,
        branch: BranchId,
        request: Request,
        reply: Reply<Answer>,
    },
    /// Nobody takes this staged branch.
    DropBranch(BranchId),
    /// The state as it is, once it is certain.
    Look {
        target: Target,
        reply: Reply<Box<View>>,
    },
    /// The shard's own: its answer matters to nobody.
    Own(Request),
    /// What was said to a message, for its sender.
    Record(Box<Record>),
    /// The wake row of this run, or of the schedule of this id, says that something is due at this time.
    Wake {
        run: Option<RunId>,
        at: Timestamp,
    },
}

/// What was said to a message of one of the shard's workflow ids, as the engine is told it.
pub(crate) struct Record {
    pub(crate) lane: Lane,
    pub(crate) id: MessageId,
    pub(crate) request: Request,
}

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Failure>>;

impl Ask {
    /// The run this call needs in memory besides the current one's row.
    pub(crate) fn target(&self) -> Needs {
        match self {
            Self::Request { request, .. }
            | Self::Query { request, .. }
            | Self::Update { request, .. }
            | Self::Own(request) => Needs::of(request),
            Self::Record(record) => Needs::of(&record.request),
            Self::Deliver { delivery, .. } => Needs::delivery(delivery),
            Self::Look { target, .. } => Needs::target(target),
            Self::Wake { run: Some(run), .. } if *run == job::wake_run() => Needs::Job,
            Self::Wake { run: Some(run), .. } => Needs::Run(run.clone()),
            Self::Wake { run: None, .. } => Needs::Schedule,
            Self::Stage { .. } | Self::TakeBranch { .. } | Self::DropBranch(_) => Needs::OpenRun,
        }
    }

    /// Whether deciding this may need room on the disk.
    pub(crate) fn writes(&self) -> bool {
        match self {
            Self::Request { .. }
            | Self::Deliver { .. }
            | Self::Wake { .. }
            | Self::Stage { .. }
            | Self::TakeBranch { .. } => true,
            Self::Update { request, .. } => !matches!(request, Request::FindUpdate(..)),
            // What the shard asks of itself either makes room or is small and cannot be told to wait.
            Self::Query { .. } | Self::Look { .. } | Self::Own(_) | Self::Record(_) | Self::DropBranch(_) => false,
        }
    }

    pub(crate) fn fail(self, failure: Failure) {
        // A caller that has gone needs no answer.
        match self {
            Self::Stage { reply, .. } => drop(reply.send(Err(failure))),
            Self::Request { reply, .. }
            | Self::Deliver { reply, .. }
            | Self::Query { reply, .. }
            | Self::TakeBranch { reply, .. } => drop(reply.send(Err(failure))),
            Self::Update { reply, .. } => drop(reply.send(Err(failure))),
            Self::Look { reply, .. } => drop(reply.send(Err(failure))),
            Self::Own(_) | Self::Record(_) | Self::Wake { .. } | Self::DropBranch(_) => {}
        }
    }
}

/// Which run must be loaded before the engine is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The current run if it is open; of a closed one its row in the current table is enough.
    OpenRun,
    /// The current run, open or closed.
    CurrentRun,
    Run(RunId),
    /// The batch job of this id.
    Job,
    /// The schedule of this id, besides the current run as in `OpenRun`.
    Schedule,
    /// One of these, and what was said to this message before.
    Receipt(Box<Self>, Origin),
}

impl Needs {
    fn of(request: &Request) -> Self {
        match request {
            Request::Start(_) | Request::SignalWithStart(..) | Request::Fork(_) => Self::OpenRun,
            Request::Signal(target, _)
            | Request::Cancel(target, _)
            | Request::Terminate(target, _)
            | Request::Delete(target, _)
            | Request::Query(target, _)
            | Request::Operate(target, _)
            | Request::OperateOnce(target, ..)
            | Request::Reset(target, _)
            | Request::ResetSticky(target) => Self::target(target),
            Request::Update(target, _) | Request::FindUpdate(target, _) => {
                Self::target(&Target { run: target.run.clone(), first_run: None })
            }
            Request::UpdateWithStart(..) => Self::CurrentRun,
            Request::ForgetQuery(run, _) | Request::StickyUnavailable(run, _) | Request::Wake(run) => {
                Self::Run(run.clone())
            }
            Request::StartWorkflowTask(start) => Self::Run(start.run.clone()),
            Request::CompleteWorkflowTask(complete) => Self::Run(complete.token.run.clone()),
            Request::FailWorkflowTask(fail) => Self::Run(fail.token.run.clone()),
            Request::GiveBackWorkflowTask(token, _) => Self::Run(token.run.clone()),
            Request::StartActivityTask(start) => Self::Run(start.run.clone()),
            Request::GiveBackActivityTask(token, _) => Self::Run(token.run.clone()),
            Request::CompleteActivity(activity, ..)
            | Request::FailActivity(activity, _)
            | Request::CancelActivity(activity, ..)
            | Request::Heartbeat(activity, ..) => Self::activity(activity),
            Request::Deliver(delivery) => Self::delivery(delivery),
            Request::Replied(replied) => Self::Run(replied.run.clone()),
            Request::Job(_) => Self::Job,
            Request::Schedule(_) => Self::Schedule,
        }
    }

    fn delivery(delivery: &Delivery) -> Self {
        let receipt = |run| Self::Receipt(Box::new(run), delivery.origin.clone());
        let named = |run: &str| if run.is_empty() { Self::CurrentRun } else { Self::Run(run.into()) };
        match &delivery.message.body {
            MessageBody::StartChild(_) | MessageBody::Recall | MessageBody::StartAction(_) => receipt(Self::OpenRun),
            MessageBody::Signal(it) => receipt(named(it.workflow_execution.as_ref().map_or("", |it| &it.run_id))),
            MessageBody::Cancel(it) => receipt(named(it.workflow_execution.as_ref().map_or("", |it| &it.run_id))),
            MessageBody::FirstTask { run } => Self::Run(run.clone()),
            MessageBody::Acknowledge => Self::OpenRun,
            MessageBody::ParentClosed { .. } | MessageBody::EndAction(_) | MessageBody::FindChild { .. } => {
                Self::CurrentRun
            }
            MessageBody::ActionEnded(_) => Self::Schedule,
            MessageBody::ChildClosed(closed) => Self::Run(closed.parent_run.clone()),
        }
    }

    /// The run, without the receipt.
    pub(crate) fn run(&self) -> &Self {
        match self {
            Self::Receipt(run, _) => run,
            Self::OpenRun | Self::CurrentRun | Self::Run(_) | Self::Job | Self::Schedule => self,
        }
    }

    fn target(target: &Target) -> Self {
        match (&target.first_run, &target.run) {
            (None, Some(run)) => Self::Run(run.clone()),
            (Some(_), _) | (None, None) => Self::CurrentRun,
        }
    }

    fn activity(activity: &weft_engine::ActivityRef) -> Self {
        match activity {
            weft_engine::ActivityRef::Token(token) => Self::Run(token.run.clone()),
            weft_engine::ActivityRef::ById { run: Some(run), .. } => Self::Run(run.clone()),
            weft_engine::ActivityRef::ById { run: None, .. } => Self::CurrentRun,
        }
    }
}

/// A run as it is, once it is certain.
#[derive(Clone, Debug)]
pub struct View {
    pub namespace: NamespaceId,
    /// The run of this workflow id that is current.
    pub current: RunId,
    pub execution: Execution,
}

/// Why a call was not answered by the engine, or how the engine refused it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// Nothing was done: whoever leads the shard is to be asked.
    #[error("this node does not lead the shard")]
    NotLeader,
    /// Leadership lost, or stopping: try again, here or elsewhere. The outcome may be unknown (rule 2).
    #[error("{0}")]
    Unavailable(&'static str),
    /// Nothing was done: the message was sent to another leader of the shard, or before another one that has come.
    #[error("the message's postmark is not one that the leader of epoch {} takes", .0.epoch)]
    Postmark(Leads),
    #[error("the shard has too many requests waiting")]
    Overloaded,
    #[error("the disk is full: new work is refused until there is room")]
    DiskFull,
    /// An invariant of this execution broke (rule 12): it is set aside until an operator clears it.
    #[error("this execution is quarantined: {0}")]
    Quarantined(Arc<str>),
    /// The run had grown too long and was ended instead of doing what was asked. Recorded, so not a refusal.
    #[error("{0}")]
    Outgrown(Cow<'static, str>),
    #[error("the stored state cannot be read: {0}")]
    Storage(Arc<str>),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
