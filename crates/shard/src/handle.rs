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
    call::{self, Ask, Call, Failure, View},
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

/// A shard, as this node sees it: with a copy that runs here, or as one that is elsewhere, of which every call is told so.
/// Cheap to clone; what runs here ends when the last handle is gone, or its group is stopped.
#[derive(Clone)]
pub struct Shard {
    id: ShardId,
    slots: SlotRange,
    here: Option<Here>,
}

#[derive(Clone)]
struct Here {
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
            given_up: false.into(),
        });
        let actor = Actor::new(Arc::clone(&shared), inbox, ready_sender);
        let task = tokio::spawn(actor.run());
        let (id, slots) = (shared.id, shared.slots);
        (Self { id, slots, here: Some(Here { mail, shared, ready }) }, task)
    }

    /// A shard of which this node has no copy.
    #[must_use]
    pub fn elsewhere(id: ShardId, slots: SlotRange) -> Self {
        Self { id, slots, here: None }
    }

    /// This node is about to give its copy up: its rows go, and what is read from now on is not to be believed.
    pub fn give_up(&self) {
        if let Some(here) = &self.here {
            here.shared.given_up.store(true, Ordering::Release);
            here.shared.watchers.notify_all();
        }
    }

    #[must_use]
    pub fn id(&self) -> ShardId {
        self.id
    }

    #[must_use]
    pub fn slots(&self) -> SlotRange {
        self.slots
    }

    /// This node leads the shard, and takes calls.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.here.as_ref().is_some_and(|here| *here.ready.borrow())
    }

    /// Who leads the shard, as far as its copy here knows, and news of it: nobody, for ever, where there is no copy.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        match &self.here {
            Some(here) => here.shared.group.leadership(),
            None => watch::channel(Leadership::default()).1,
        }
    }

    /// Lets another node lead, once what is under way is done; waits until that has happened or has plainly not. Nothing
    /// happens where this node does not lead.
    pub async fn hand_over(&self, to: NodeId) {
        let Some(here) = &self.here else { return };
        let (asked, tried) = oneshot::channel();
        if here.mail.send(Mail::HandOver(to, asked)).await.is_ok() {
            // Its sender goes without a word.
            let _ = tried.await;
        }
    }

    /// Another node leads the shard, or this one does and takes calls. One that is elsewhere is not waited for.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let Some(here) = &self.here else { return true };
        let known = *here.shared.group.leadership().borrow();
        known.leader.is_some() && (!known.mine || self.is_ready())
    }

    /// Waits until the shard is settled.
    pub async fn settled(&self) {
        let Some(here) = &self.here else { return };
        let (mut ready, mut leadership) = (here.ready.clone(), here.shared.group.leadership());
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
        self.answered(key, |reply| Ask::Request { namespace, request, reply }).await
    }

    /// Asks what is answered as the engine answers, and waits for it.
    pub(crate) async fn answered(
        &self,
        key: WorkflowKey,
        ask: impl FnOnce(call::Reply<Answer>) -> Ask,
    ) -> Result<Answer, Failure> {
        let _hold = self.hold_time();
        let (reply, answer) = oneshot::channel();
        self.send(Call { key, ask: ask(reply) })?;
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
        let here = self.here()?;
        let id = QueryId(here.shared.next_query.fetch_add(1, Ordering::Relaxed));
        query.id = id;
        let (reply, answer) = oneshot::channel();
        let (outcome, waits) = oneshot::channel();
        let request = Request::Query(target.clone(), query);
        let attached = Attached { id, key: key.clone(), run: target.run, outcome: waits, mail: here.mail.clone() };
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
        // One that is elsewhere has stopped, for whoever stages.
        let mail = self.here.as_ref().map_or_else(|| mpsc::channel(1).0, |here| here.mail.clone());
        StagedBranch::new(mail, key, branch)
    }

    /// Watches a run for growth. Watch first, then look.
    #[must_use]
    pub fn watch(&self, run: &RunId) -> Watch {
        self.here.as_ref().map_or_else(|| Watchers::default().watch(run), |here| here.shared.watchers.watch(run))
    }

    #[must_use]
    pub fn history(&self) -> HistoryReader {
        HistoryReader { shared: self.here.as_ref().map(|here| Arc::clone(&here.shared)) }
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
        let slots = self.slots;
        self.read(move |reader| reader.tasks_of_queue(slots, &queue, lane, from.as_ref(), limit)).await
    }

    /// The lanes of a queue that have any task in this shard, that of no fairness key left out.
    ///
    /// # Errors
    /// `Storage` when the rows cannot be read.
    pub async fn lanes(&self, queue: task::Queue) -> Result<std::collections::BTreeSet<task::Lane>, Failure> {
        let slots = self.slots;
        self.read(move |reader| reader.lanes(slots, &queue)).await
    }

    /// How many tasks of a queue wait in this shard.
    ///
    /// # Errors
    /// `Storage` when the rows cannot be read.
    pub async fn waiting(&self, queue: task::Queue) -> Result<Waiting, Failure> {
        let slots = self.slots;
        self.read(move |reader| reader.waiting(slots, &queue)).await
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, LoadError> + Send + 'static,
    ) -> Result<T, Failure> {
        let shared = &self.here()?.shared;
        let reader = shared.reader.clone();
        let read = match shared.pool.call(move || read(&reader)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(Failure::Storage(error.to_string().into())),
            Err(panic) => Err(Failure::Storage(panic.to_string().into())),
        };
        shared.whole(read)
    }

    /// None where there is no copy.
    #[must_use]
    pub fn quarantine(&self) -> Option<&Quarantine> {
        self.here.as_ref().map(|here| &here.shared.quarantine)
    }

    /// Lifts a quarantine; false if there was none, or if the execution's last batch is still under way.
    pub async fn clear_quarantine(&self, key: WorkflowKey) -> bool {
        let Some(here) = &self.here else { return false };
        let (reply, cleared) = oneshot::channel();
        match here.mail.send(Mail::ClearQuarantine(key, reply)).await {
            Ok(()) => cleared.await.unwrap_or(false),
            Err(_) => false,
        }
    }

    /// None where there is no copy.
    #[must_use]
    pub fn stats(&self) -> Option<&Stats> {
        self.here.as_ref().map(|here| &here.shared.stats)
    }

    fn here(&self) -> Result<&Here, Failure> {
        self.here.as_ref().ok_or(Failure::NotLeader)
    }

    /// Keeps a clock that skips time from doing so while a call is under way.
    fn hold_time(&self) -> Option<Hold> {
        self.here.as_ref()?.shared.clock.skipping().map(SkippingClock::hold)
    }

    fn send(&self, call: Call) -> Result<(), Failure> {
        match self.here()?.mail.try_send(Mail::Call(Box::new(call))) {
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
