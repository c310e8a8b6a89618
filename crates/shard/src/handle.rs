//! The handle of a shard: what the frontend and matching ask of it.
//!
//! Invariant: whatever is answered here is certain (rule 1): the shard answers after apply and a confirmed leadership.

use std::sync::{Arc, atomic::Ordering};

use tokio::sync::{mpsc, oneshot, watch};
use weft_engine::{
    Answer, AskQuery, Namespace, QueryOutcome, Request, RunId, Target, UpdateId, WorkflowKey,
    state::{BranchId, QueryId},
};
use weft_env::{Hold, SkippingClock};
use weft_raft::{Leadership, NodeId};
use weft_rows::{SlotRange, task};

use crate::{
    actor::{Actor, Mail},
    call::{Ask, Call, Failure, View},
    config::Config,
    dispatch::{ShardId, TaskRef},
    events::EventCache,
    history::HistoryReader,
    loader::{LoadError, Reader},
    quarantine::Quarantine,
    shared::Shared,
    skips::Skips,
    staging::StagedBranch,
    stats::Stats,
    updates::Following,
    waiting::{self, Waiting},
    watch::{Watch, Watchers},
};

pub(crate) const STOPPED: Failure = Failure::Unavailable("the shard is stopping");

/// A running shard on this node. Cheap to clone; the shard ends when the last handle is gone.
#[derive(Clone)]
pub struct Shard {
    mail: mpsc::Sender<Mail>,
    shared: Arc<Shared>,
    ready: watch::Receiver<bool>,
}

impl Shard {
    /// Starts the shard's task over a group that runs already; the join handle ends when the shard has.
    #[must_use]
    pub fn start(config: Config) -> (Self, tokio::task::JoinHandle<()>) {
        let (mail, inbox) = mpsc::channel(config.limits.mailbox);
        let (ready_sender, ready) = watch::channel(false);
        let shared = Arc::new(Shared {
            id: config.id,
            node: config.node,
            slots: config.slots,
            events: EventCache::new(config.limits.event_cache_bytes),
            limits: config.limits,
            settings: config.settings,
            skips: Skips::to(config.clock.as_ref()),
            clock: config.clock,
            time: config.time,
            ids: config.ids,
            calendar: config.calendar,
            pool: config.pool,
            reader: Reader { store: config.store },
            replica: config.replica,
            group: config.group,
            dispatch: config.dispatch,
            directory: config.directory,
            post: config.post,
            jobs: config.jobs,
            room: config.room,
            watchers: Watchers::default(),
            quarantine: Quarantine::default(),
            stats: Stats::default(),
            next_query: 1.into(),
        });
        let actor = Actor::new(Arc::clone(&shared), inbox, ready_sender);
        let task = tokio::spawn(actor.run());
        (Self { mail, shared, ready }, task)
    }

    #[must_use]
    pub fn id(&self) -> ShardId {
        self.shared.id
    }

    #[must_use]
    pub fn slots(&self) -> SlotRange {
        self.shared.slots
    }

    /// Waits until this node leads the shard and takes calls.
    pub async fn ready(&self) {
        // An error means that the shard has ended; then nobody needs to wait any longer.
        let _ = self.ready.clone().wait_for(|ready| *ready).await;
    }

    #[must_use]
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Who leads the shard, as far as this node knows, and news of it.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.shared.group.leadership()
    }

    /// Lets another node lead, once what is under way is done; waits until that has happened or has plainly not. Nothing
    /// happens where this node does not lead.
    pub async fn hand_over(&self, to: NodeId) {
        let (asked, tried) = oneshot::channel();
        if self.mail.send(Mail::HandOver(to, asked)).await.is_ok() {
            // Its sender goes without a word.
            let _ = tried.await;
        }
    }

    /// Another node leads the shard, or this one does and takes calls.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let known = *self.shared.group.leadership().borrow();
        known.leader.is_some() && (!known.mine || self.is_ready())
    }

    /// Waits until the shard is settled.
    pub async fn settled(&self) {
        let (mut ready, mut leadership) = (self.ready.clone(), self.leadership());
        while !self.is_settled() {
            // An error means that the shard has ended; then nobody needs to wait any longer.
            let ended = tokio::select! {
                changed = ready.changed() => changed.is_err(),
                changed = leadership.changed() => changed.is_err(),
            };
            if ended {
                return;
            }
        }
    }

    /// Asks the engine.
    ///
    /// # Errors
    /// See [`Failure`]. `Unavailable` may mean that the outcome is unknown (rule 2).
    pub async fn ask(&self, key: WorkflowKey, namespace: Arc<Namespace>, request: Request) -> Result<Answer, Failure> {
        let _hold = self.hold_time();
        let (reply, answer) = oneshot::channel();
        self.send(Call { key, ask: Ask::Request { namespace, request, reply } })?;
        match answer.await.unwrap_or(Err(STOPPED))? {
            Answer::Outgrown { why } => Err(Failure::Outgrown(why)),
            answer => Ok(answer),
        }
    }

    /// Asks a query; an attached one is answered later through the [`Attached`] that comes with the answer. `query.id`
    /// is set here.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn query(
        &self,
        key: WorkflowKey,
        namespace: Arc<Namespace>,
        target: Target,
        mut query: AskQuery,
    ) -> Result<(Answer, Attached), Failure> {
        let _hold = self.hold_time();
        let id = QueryId(self.shared.next_query.fetch_add(1, Ordering::Relaxed));
        query.id = id;
        let (reply, answer) = oneshot::channel();
        let (outcome, waits) = oneshot::channel();
        let request = Request::Query(target.clone(), query);
        let attached = Attached { id, key: key.clone(), run: target.run, outcome: waits, mail: self.mail.clone() };
        self.send(Call { key, ask: Ask::Query { namespace, query: id, request, reply, outcome } })?;
        Ok((answer.await.unwrap_or(Err(STOPPED))?, attached))
    }

    /// Asks about an update; if it is under way, how it goes on comes with the answer.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn update(
        &self,
        key: WorkflowKey,
        namespace: Arc<Namespace>,
        update: UpdateId,
        request: Request,
    ) -> Result<(Answer, Option<Following>), Failure> {
        let _hold = self.hold_time();
        let (reply, answer) = oneshot::channel();
        self.send(Call { key, ask: Ask::Update { namespace, update, request, reply } })?;
        answer.await.unwrap_or(Err(STOPPED))
    }

    /// The state of a run.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn look(&self, key: WorkflowKey, target: Target) -> Result<Box<View>, Failure> {
        let (reply, view) = oneshot::channel();
        self.send(Call { key, ask: Ask::Look { target, reply } })?;
        view.await.unwrap_or(Err(STOPPED))
    }

    /// A history that is to be copied in under this branch of a workflow id.
    #[must_use]
    pub fn stage(&self, key: WorkflowKey, branch: BranchId) -> StagedBranch {
        StagedBranch::new(self.mail.clone(), key, branch)
    }

    /// Watches a run for growth. Watch first, then look.
    #[must_use]
    pub fn watch(&self, run: &RunId) -> Watch {
        self.shared.watchers.watch(run)
    }

    #[must_use]
    pub fn history(&self) -> HistoryReader {
        HistoryReader { shared: Arc::clone(&self.shared) }
    }

    /// Tasks of a lane of a queue that wait in this shard, most urgent and then oldest first, for matching when it has room again.
    ///
    /// # Errors
    /// `Storage` when the rows cannot be read.
    pub async fn pull(
        &self,
        queue: task::Queue,
        lane: task::Lane,
        from: Option<waiting::From>,
        limit: usize,
    ) -> Result<Vec<(WorkflowKey, TaskRef)>, Failure> {
        let slots = self.shared.slots;
        self.read(move |reader| reader.tasks_of_queue(slots, &queue, lane, from.as_ref(), limit)).await
    }

    /// The lanes of a queue that have any task in this shard, that of no fairness key left out.
    ///
    /// # Errors
    /// `Storage` when the rows cannot be read.
    pub async fn lanes(&self, queue: task::Queue) -> Result<std::collections::BTreeSet<task::Lane>, Failure> {
        let slots = self.shared.slots;
        self.read(move |reader| reader.lanes(slots, &queue)).await
    }

    /// How many tasks of a queue wait in this shard.
    ///
    /// # Errors
    /// `Storage` when the rows cannot be read.
    pub async fn waiting(&self, queue: task::Queue) -> Result<Waiting, Failure> {
        let slots = self.shared.slots;
        self.read(move |reader| reader.waiting(slots, &queue)).await
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, LoadError> + Send + 'static,
    ) -> Result<T, Failure> {
        let reader = self.shared.reader.clone();
        match self.shared.pool.call(move || read(&reader)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(Failure::Storage(error.to_string().into())),
            Err(panic) => Err(Failure::Storage(panic.to_string().into())),
        }
    }

    #[must_use]
    pub fn quarantine(&self) -> &Quarantine {
        &self.shared.quarantine
    }

    /// Lifts a quarantine; false if there was none, or if the execution's last batch is still under way.
    pub async fn clear_quarantine(&self, key: WorkflowKey) -> bool {
        let (reply, cleared) = oneshot::channel();
        match self.mail.send(Mail::ClearQuarantine(key, reply)).await {
            Ok(()) => cleared.await.unwrap_or(false),
            Err(_) => false,
        }
    }

    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// Keeps a clock that skips time from doing so while a call is under way.
    fn hold_time(&self) -> Option<Hold> {
        self.shared.clock.skipping().map(SkippingClock::hold)
    }

    fn send(&self, call: Call) -> Result<(), Failure> {
        match self.mail.try_send(Mail::Call(Box::new(call))) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Failure::Overloaded),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(STOPPED),
        }
    }
}

/// An attached query that waits for its outcome. Dropped before that, the query is forgotten.
pub struct Attached {
    id: QueryId,
    key: WorkflowKey,
    run: Option<RunId>,
    outcome: oneshot::Receiver<QueryOutcome>,
    mail: mpsc::Sender<Mail>,
}

impl Attached {
    /// Waits for the outcome.
    ///
    /// # Errors
    /// `Unavailable` when leadership was lost: ask again.
    pub async fn outcome(&mut self) -> Result<QueryOutcome, Failure> {
        (&mut self.outcome).await.map_err(|_| Failure::Unavailable(crate::parcel::LOST))
    }

    /// Names the run that the query waits in, so that it can be forgotten there.
    pub fn in_run(&mut self, run: RunId) {
        self.run = Some(run);
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if let (Some(run), false) = (self.run.take(), self.outcome.is_terminated()) {
            let call = Call { key: self.key.clone(), ask: Ask::Own(Request::ForgetQuery(run, self.id)) };
            // A full mailbox leaves the query to the next workflow task, whose answer nobody waits for.
            let _ = self.mail.try_send(Mail::Call(Box::new(call)));
        }
    }
}
