//! A shard while this node leads it: calls in, the engine asked, batches out.
//!
//! Invariants: calls of one workflow id are decided in the order they came; the engine sees only state that is loaded
//! and current; whatever it decided is in the batch that is being built before the next call is taken.

mod decide;
mod opened;
mod post;
mod staged;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::oneshot;
use weft_engine::{
    QueryOutcome, Refusal, Request, RunId, Timestamp, Workflow, WorkflowKey,
    state::{QueryId, schedule::Scheduled},
};
use weft_rows::Slot;

use crate::{
    cache::Cache,
    call::{Ask, Call, Failure, Needs},
    crowded::Crowded,
    loader::{LoadError, Loaded, Opening, Swept, Wakes},
    outbox::{Outbox, Page},
    parcel::{LOST, Parcel},
    pipeline::{Building, Epoch, Lost, Pipeline},
    postmark::{Senders, Targets},
    shared::Shared,
    staging::Staging,
    stamp::Stamper,
    updates::Updates,
    wake::{Reminders, WakeHeap},
};

pub(crate) struct Leader {
    shared: Arc<Shared>,
    pipeline: Pipeline<Parcel>,
    building: Building<Parcel>,
    stamper: Stamper,
    cache: Cache,
    /// Calls that wait for their workflow to be loaded, in order.
    waiting: HashMap<WorkflowKey, VecDeque<Call>>,
    /// Workflows to be read at the end of this turn.
    wanted: Vec<(WorkflowKey, Needs)>,
    reads: FuturesUnordered<BoxFuture<'static, Read>>,
    wakes: WakeHeap,
    crowded: Crowded,
    reminders: Reminders,
    queries: HashMap<QueryId, oneshot::Sender<QueryOutcome>>,
    updates: Updates,
    outbox: Outbox,
    posts: FuturesUnordered<BoxFuture<'static, post::Returned>>,
    targets: Targets,
    senders: Senders,
    sweeping: bool,
    staging: Staging,
    decided: usize,
}

/// Something read from the store.
pub(crate) enum Read {
    Workflows(Vec<((WorkflowKey, Needs), Result<Loaded, LoadError>)>),
    Wakes(Slot, Result<Wakes, LoadError>),
    Garbage(Result<Swept, LoadError>),
    Messages(Result<Page, LoadError>),
}

/// What the leader waits for.
pub(crate) enum Happening {
    Gate(Result<Vec<Parcel>, Lost>),
    Read(Read),
    Returned(post::Returned),
    Due,
}

impl Leader {
    pub(crate) fn open(shared: Arc<Shared>, epoch: Epoch, last_stamp: Timestamp, opening: Opening) -> Self {
        let mut leader = Self {
            pipeline: Pipeline::open(Box::new(shared.group.clone()), epoch),
            building: Building::default(),
            stamper: Stamper::resume(Arc::clone(&shared.clock), Arc::clone(&shared.time), last_stamp),
            cache: Cache::new(shared.limits.cache_bytes),
            waiting: HashMap::new(),
            wanted: Vec::new(),
            reads: FuturesUnordered::new(),
            wakes: WakeHeap::default(),
            crowded: Crowded::new(shared.limits.retry_after),
            reminders: Reminders::default(),
            queries: HashMap::new(),
            updates: Updates::default(),
            outbox: Outbox::new(&shared.limits),
            posts: FuturesUnordered::new(),
            targets: Targets::default(),
            senders: Senders::default(),
            sweeping: false,
            staging: Staging::default(),
            decided: 0,
            shared,
        };
        for (slot, at) in opening.wakes {
            leader.wakes.arm(slot, at);
        }
        if opening.tasks.len() >= leader.shared.limits.tasks_per_read {
            leader.shared.dispatch.has_more(leader.shared.id);
        }
        for (key, task) in opening.tasks {
            leader.offer(&key, task);
        }
        leader.outbox.take(opening.messages);
        leader.send();
        if opening.garbage {
            leader.sweep();
        }
        leader
    }

    /// Whether more calls may be taken before something is proposed.
    pub(crate) fn has_room(&self) -> bool {
        self.decided < self.shared.limits.batch_calls && self.building.ops.len_bytes() < self.shared.limits.batch_bytes
    }

    /// Whether calls may be taken now, or something is under way after which they may: else the mailbox is shut for ever.
    pub(crate) fn gets_room(&self) -> bool {
        self.has_room() || !self.pipeline.is_idle()
    }

    /// No caller waits for anything that was decided or is to be.
    pub(crate) fn is_quiet(&self) -> bool {
        self.pipeline.is_idle() && self.building.is_empty() && self.waiting.is_empty() && self.wanted.is_empty()
    }

    /// Something was begun here that ends by itself.
    fn is_at_work(&self) -> bool {
        !(self.pipeline.is_idle()
            && self.building.is_empty()
            && self.waiting.is_empty()
            && self.wanted.is_empty()
            && self.reads.is_empty()
            && self.posts.is_empty()
            && self.outbox.is_empty())
    }

    /// Waits for whatever comes first. Cancel safe.
    pub(crate) async fn next(&mut self) -> Happening {
        let skips = self.shared.skips.as_ref();
        if let Some(skips) = skips {
            skips.report(self.is_at_work());
        }
        let jumped = async {
            match skips {
                Some(skips) => skips.jumped().await,
                None => futures::future::pending().await,
            }
        };
        let due = [self.wakes.next(), self.reminders.next()].into_iter().flatten().min();
        let due = due.map(|at| self.stamper.monotonic_at(at));
        let due = due.into_iter().chain(self.outbox.next_wake()).min();
        let clock = Arc::clone(&self.shared.clock);
        let sleep = async move {
            match due {
                Some(at) => clock.sleep_until(at).await,
                None => futures::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            gate = self.pipeline.next() => Happening::Gate(gate),
            Some(read) = self.reads.next() => Happening::Read(read),
            Some(returned) = self.posts.next() => Happening::Returned(returned),
            () = jumped => Happening::Due,
            () = sleep => Happening::Due,
        }
    }

    /// # Errors
    /// When leadership is lost: the leader must be failed and dropped.
    pub(crate) fn on(&mut self, happening: Happening) -> Result<(), Lost> {
        match happening {
            Happening::Gate(parcels) => {
                for parcel in parcels? {
                    self.opened(parcel);
                }
                let gone = self.cache.shrink(self.pipeline.opened());
                self.shared.stats.evicted.fetch_add(gone as u64, Ordering::Relaxed);
            }
            Happening::Read(Read::Workflows(read)) => {
                read.into_iter().for_each(|((key, needs), loaded)| self.loaded(&key, &needs, loaded));
            }
            Happening::Read(Read::Wakes(slot, wakes)) => self.woken(slot, wakes),
            Happening::Read(Read::Garbage(ops)) => self.swept(ops),
            Happening::Read(Read::Messages(page)) => self.read_messages(page),
            Happening::Returned(returned) => self.returned(returned),
            Happening::Due => self.due(),
        }
        Ok(())
    }

    /// Takes a call: decides it now if its workflow is in memory and nobody is before it, else after loading.
    pub(crate) fn take(&mut self, call: Call) {
        if let Some(waiting) = self.waiting.get_mut(&call.key) {
            if waiting.len() >= self.shared.limits.waiting_per_workflow && !matches!(call.ask, Ask::DropBranch(_)) {
                return self.postpone(&call.key, call.ask, Failure::Overloaded);
            }
            return waiting.push_back(call);
        }
        let needs = call.ask.target();
        if self.is_loaded(&call.key, &needs) {
            return self.decide(call);
        }
        self.load(call.key.clone(), needs);
        self.waiting.insert(call.key.clone(), VecDeque::from([call]));
    }

    fn is_loaded(&self, key: &WorkflowKey, needs: &Needs) -> bool {
        let Some(cached) = self.cache.get(key) else { return false };
        match needs {
            Needs::Receipt(run, origin) => cached.workflow.receipts.contains(origin) && self.is_loaded(key, run),
            Needs::OpenRun => true,
            Needs::CurrentRun => {
                cached.workflow.current.as_ref().is_none_or(|current| cached.workflow.runs.contains_key(&current.run))
            }
            Needs::Run(run) => cached.workflow.runs.contains_key(run),
            Needs::Job => cached.workflow.job.contains(&()),
            Needs::Schedule => cached.workflow.schedule != Scheduled::Unread,
        }
    }

    fn load(&mut self, key: WorkflowKey, needs: Needs) {
        self.wanted.push((key, needs));
    }

    /// Reads what was wanted since the last time, all of it in one go: what costs most is to wake a reader.
    fn read_wanted(&mut self) {
        if self.wanted.is_empty() {
            return;
        }
        let wanted = std::mem::take(&mut self.wanted);
        let reader = self.shared.reader.clone();
        let read = self.shared.pool.call({
            let wanted = wanted.clone();
            move || wanted.iter().map(|(key, needs)| reader.load(key, needs)).collect::<Vec<_>>()
        });
        let read = read.map(|loaded| {
            let loaded = loaded.unwrap_or_else(|panic| {
                let error = LoadError::Store(panic.to_string().into());
                wanted.iter().map(|_| Err(error.clone())).collect()
            });
            Read::Workflows(wanted.into_iter().zip(loaded).collect())
        });
        self.reads.push(read.boxed());
    }

    fn loaded(&mut self, key: &WorkflowKey, needs: &Needs, loaded: Result<Loaded, LoadError>) {
        let mut calls = self.waiting.remove(key).unwrap_or_default();
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::error!(workflow = %key.workflow, %error, "reading a workflow failed");
                let why: Arc<str> = error.to_string().into();
                let failure = || Failure::Storage(Arc::clone(&why));
                return calls.into_iter().for_each(|call| self.postpone(key, call.ask, failure()));
            }
        };
        self.admit(key, needs, loaded);
        // What was just loaded is decided on at once; whoever needs another run of it loads again.
        let mut served = false;
        while let Some(call) = calls.pop_front() {
            let wants = call.ask.target();
            if (!served && wants == *needs) || self.is_loaded(key, &wants) {
                served = true;
                self.decide(call);
            } else {
                self.load(key.clone(), wants);
                calls.push_front(call);
                self.waiting.insert(key.clone(), calls);
                return;
            }
        }
    }

    /// Puts what was read beside what is in memory; memory knows better where both know.
    fn admit(&mut self, key: &WorkflowKey, needs: &Needs, loaded: Loaded) {
        let opened = self.pipeline.opened();
        let (receipt, schedule) = (loaded.receipt, loaded.schedule);
        if let Some(cached) = self.cache.get_mut(key) {
            cached.drop_closed(opened);
            for run in loaded.runs {
                let needs = needs.run();
                let wanted = matches!(needs, Needs::Run(id) if *id == run.core.run) || *needs == Needs::CurrentRun;
                if wanted {
                    cached.workflow.runs.entry(run.core.run.clone()).or_insert(run);
                }
            }
        } else {
            let mut workflow = Workflow::unknown(key.clone());
            workflow.current = loaded.current;
            workflow.runs = loaded.runs.into_iter().map(|run| (run.core.run.clone(), run)).collect();
            self.cache.insert(workflow);
        }
        if let (Some((origin, reply)), Some(cached)) = (receipt, self.cache.get_mut(key)) {
            cached.workflow.receipts.admit(origin, reply);
        }
        if let (Some(job), Some(cached)) = (loaded.job, self.cache.get_mut(key)) {
            cached.workflow.job.admit((), job);
        }
        if let Some(cached) = self.cache.get_mut(key)
            && cached.workflow.schedule == Scheduled::Unread
        {
            cached.workflow.schedule = schedule;
        }
        self.cache.used(key);
    }

    /// Reads what is wanted and proposes what was decided, unless so much is under way that it had better be gathered.
    pub(crate) fn flush(&mut self) {
        self.read_wanted();
        if self.building.is_empty() {
            // What was refused on the spot is in no batch, and must not keep the next calls out.
            self.decided = 0;
            return;
        }
        if !self.is_worth_a_batch() {
            return;
        }
        let building = std::mem::take(&mut self.building);
        self.shared.stats.batches.fetch_add(u64::from(!building.ops.is_empty()), Ordering::Relaxed);
        self.decided = 0;
        self.pipeline.propose(building, self.stamper.last().0);
        self.shared.stats.note_cache(self.cache.len(), self.cache.bytes());
    }

    /// [`Leader::flush`] would propose a batch, or read from the store.
    pub(crate) fn has_something_to_send(&self) -> bool {
        !self.wanted.is_empty() || !self.building.is_empty() && self.is_worth_a_batch()
    }

    /// An entry costs much the same whatever it holds, so while one is under way a few small calls had better wait for it.
    fn is_worth_a_batch(&self) -> bool {
        if self.pipeline.is_refused() {
            return false;
        }
        let limits = &self.shared.limits;
        let is_worth_it = self.decided >= limits.batch_calls_min || !self.has_room();
        match self.pipeline.batches_in_flight() {
            0 => true,
            under_way => under_way < limits.batches_in_flight && is_worth_it,
        }
    }

    fn due(&mut self) {
        self.outbox.wake(self.shared.clock.monotonic());
        self.send();
        let now = self.stamper.stamp();
        for (key, run) in self.reminders.due(now) {
            // What is not in memory any more has nothing there to be woken for.
            if self.cache.get(&key).is_some_and(|cached| cached.workflow.runs.contains_key(&run)) {
                self.take(Call { key, ask: Ask::Own(Request::Wake(run)) });
            }
        }
        for slot in self.wakes.due(now) {
            let (reader, limit) = (self.shared.reader.clone(), self.shared.limits.wakes_per_read);
            let read = self.shared.pool.call(move || reader.wakes(slot, now, limit));
            let read = read.map(move |wakes| {
                Read::Wakes(slot, wakes.unwrap_or_else(|panic| Err(LoadError::Store(panic.to_string().into()))))
            });
            self.reads.push(read.boxed());
        }
    }

    fn woken(&mut self, slot: Slot, wakes: Result<Wakes, LoadError>) {
        let wakes = match wakes {
            Ok(wakes) => wakes,
            Err(error) => {
                tracing::error!(slot = slot.0, %error, "reading due timers failed: trying again in a second");
                return self.wakes.arm(slot, self.stamper.last().after(Duration::from_secs(1)));
            }
        };
        let last = wakes.due.last().filter(|_| wakes.due.len() == self.shared.limits.wakes_per_read);
        let is_cut_short = last.is_some();
        let pause = last.and_then(|last| self.crowded.read_up_to(slot, last));
        if !is_cut_short {
            self.crowded.read_all(slot);
        }
        for (at, key, run) in wakes.due {
            self.take(Call { key, ask: Ask::Wake { run, at } });
        }
        let now = self.stamper.last();
        match (wakes.next, pause) {
            // Nothing has come of what was read before.
            (Some(at), Some(pause)) if at <= now => self.wakes.arm(slot, now.after(pause)),
            // More is due than was read: look again once these are decided and applied.
            (Some(at), _) if is_cut_short => self.building.parcels.push(Parcel::Rearm(slot, at)),
            (Some(at), _) => self.wakes.arm(slot, at),
            (None, _) => {}
        }
    }

    fn sweep(&mut self) {
        if std::mem::replace(&mut self.sweeping, true) {
            return;
        }
        let (reader, slots, limit) =
            (self.shared.reader.clone(), self.shared.slots, self.shared.limits.swept_per_batch);
        let spared = self.staging.sweep_begins();
        let read = self.shared.pool.call(move || reader.sweep(slots, limit, &spared));
        let read =
            read.map(|ops| Read::Garbage(ops.unwrap_or_else(|panic| Err(LoadError::Store(panic.to_string().into())))));
        self.reads.push(read.boxed());
    }

    fn swept(&mut self, swept: Result<Swept, LoadError>) {
        self.sweeping = false;
        match swept {
            Ok(None) => {}
            // It was staged while garbage was read, and may be a run's by now.
            Ok(Some((branch, _))) if !self.staging.may_sweep(&branch) => {}
            Ok(Some((_, ops))) => {
                self.building.ops.merge(ops);
                self.building.parcels.push(Parcel::Sweep);
            }
            Err(error) => tracing::error!(%error, "reading removed history failed: it is left for the next leader"),
        }
        if self.staging.wants_sweep() {
            self.sweep();
        }
    }

    /// Leadership is lost: everybody who waits is told so, and everything volatile goes.
    pub(crate) fn fail(mut self) {
        for parcel in std::mem::take(&mut self.building.parcels) {
            parcel.lost();
        }
        for call in std::mem::take(&mut self.waiting).into_values().flatten() {
            call.ask.fail(Failure::Unavailable(LOST));
        }
        for parcel in self.pipeline.fail() {
            parcel.lost();
        }
        self.shared.events.clear();
        self.shared.watchers.notify_all();
        if let Some(skips) = &self.shared.skips {
            skips.report(true);
        }
    }

    /// Lifts the quarantine of an execution and forgets what is in memory of it, which may be half changed.
    pub(crate) fn release(&mut self, key: &WorkflowKey) -> bool {
        let certain = self.cache.get(key).is_none_or(|cached| cached.gate <= self.pipeline.opened());
        if certain && self.shared.quarantine.clear(key) {
            self.cache.remove(key);
            // What came due meanwhile was refused, and so were its tasks.
            self.wakes.arm(weft_rows::slot_of(key), self.stamper.last());
            self.shared.dispatch.has_more(self.shared.id);
            return true;
        }
        false
    }

    fn refusal(&self, key: &WorkflowKey, refusal: Refusal) -> Failure {
        match refusal {
            Refusal::Broken { run, what } => self.quarantine(key, Some(run), what),
            other => Failure::Refused(other),
        }
    }

    /// Sets an execution aside. What is in memory of it may be half changed; it is read again once this is lifted.
    fn quarantine(&self, key: &WorkflowKey, run: Option<RunId>, what: String) -> Failure {
        let shown = run.as_ref().map_or("", RunId::as_str);
        tracing::error!(workflow = %key.workflow, run = shown, what, "an execution broke an invariant: quarantined");
        let why = self.shared.quarantine.add(key, run, what);
        if let Some(skips) = &self.shared.skips {
            skips.forget(key);
        }
        Failure::Quarantined(why)
    }
}
