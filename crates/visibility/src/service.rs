//! The shell around the index: what the groups feed is gathered, one writer commits it, and who lists can wait until
//! the index has what was committed before the call.
//!
//! Invariants: a group's changes are committed in the order in which they were fed, and none is lost: when a commit
//! fails (a full disk) what it held is kept and tried again with the next. What waits is bounded: [`Visibility::feed`]
//! waits for room. A group of which something could not be kept is torn: it takes nothing more, so that its position
//! stays before the hole, until it is built again from the store. Commits run on a lane that belongs to this service alone; with an inline lane everything happens on
//! the caller and a simulation is deterministic. There is no clock here: who owns the service calls
//! [`Visibility::tick`] now and then, and a reader does not wait for that. Changes of one run that gather meanwhile are
//! written as one.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex};
use weft_env::Lane;

use crate::filter::Query;
use crate::index::{Batch, Count, Error, Index, Page, PageRequest, Reader};
use crate::limits::{GATHERED_CHANGES, GATHERED_CHANGES_MAX, READERS};
use crate::plan::Step;
use crate::record::{Change, Record};

/// A handle; clones are of the same service.
#[derive(Clone)]
pub struct Visibility {
    shared: Arc<Shared>,
}

struct Shared {
    lane: Lane,
    index: Mutex<Index>,
    readers: Vec<Reader>,
    /// Numbers for waiting callers, and whose turn it is to read.
    next: AtomicU64,
    state: Mutex<State>,
    attempted: Condvar,
}

#[derive(Default)]
struct State {
    gathered: Batch,
    indexed: BTreeMap<u32, u64>,
    /// A commit is on its way that has not yet taken what is gathered.
    asked: bool,
    /// Groups with a hole: see [`Visibility::torn`].
    torn: BTreeSet<u32>,
    /// Groups that are being built again.
    rebuilding: BTreeSet<u32>,
    /// By group, how often something came to be missing of it.
    holes: BTreeMap<u32, u64>,
    /// Commits that were tried, and how the last one ended.
    attempts: u64,
    failed: Option<Arc<Error>>,
    waiting: BTreeMap<u64, Waker>,
}

/// Nothing is missing of some groups now. What is read of them is whole if this is still so, and the same, afterwards: a group
/// may have been built again in between, and shows a part of itself meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// As many there were of these groups until now.
    holes: u64,
}

/// Why a group was not built again.
#[derive(Debug, thiserror::Error)]
pub enum Rebuild<E> {
    #[error("what it holds cannot be read: {0}")]
    Source(E),
    #[error(transparent)]
    Index(Arc<Error>),
}

impl<E> From<Error> for Rebuild<E> {
    fn from(error: Error) -> Self {
        Self::Index(Arc::new(error))
    }
}

impl State {
    fn tear(&mut self, group: u32) {
        if self.torn.insert(group) {
            *self.holes.entry(group).or_default() += 1;
        }
    }
}

impl Visibility {
    /// Takes over an index. `lane` runs its commits and nothing else.
    pub fn new(index: Index, lane: Lane) -> Result<Self, Error> {
        let readers = if index.is_in_memory() { 1 } else { READERS };
        let readers = (0..readers).map(|_| index.reader()).collect::<Result<_, _>>()?;
        let state = State { indexed: index.all_indexed(), ..State::default() };
        let shared = Shared {
            lane,
            index: Mutex::new(index),
            readers,
            next: AtomicU64::new(0),
            state: Mutex::new(state),
            attempted: Condvar::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Hands over what the log entry `index` of `group` changes, nothing included: every applied entry is fed, in order.
    /// Blocks while [`GATHERED_CHANGES_MAX`] runs wait for the writer. An error means that the writer cannot go on and
    /// that the group is torn from this entry on; what is fed of a torn group is dropped.
    pub fn feed(&self, group: u32, index: u64, changes: Vec<Change>) -> Result<(), Arc<Error>> {
        while self.is_full() && !self.is_torn(group) {
            if let Err(error) = self.attempt() {
                self.tear(group);
                return Err(error);
            }
        }
        let mut state = self.shared.state.lock();
        if state.torn.contains(&group) {
            return Ok(());
        }
        state.gathered.add(group, index, changes);
        // After a failure only the next tick, or someone who waits, tries again.
        let many = state.gathered.len() >= GATHERED_CHANGES && state.failed.is_none();
        let wanted = many || !state.waiting.is_empty();
        drop(state);
        if wanted {
            self.flush();
        }
        Ok(())
    }

    /// Says that something of a group is missing, and nothing more of it is taken until it is built again.
    pub fn tear(&self, group: u32) {
        self.shared.state.lock().tear(group);
    }

    /// The groups of which something is missing: they must be built again ([`Visibility::rebuild_group`]).
    pub fn torn(&self) -> BTreeSet<u32> {
        self.shared.state.lock().torn.clone()
    }

    /// Whether lists of these groups, or of all, can be complete: none of them is torn or being built again. To be asked before
    /// the index is read and after it.
    pub fn whole(&self, of: Option<&BTreeSet<u32>>) -> Option<Whole> {
        let state = self.shared.state.lock();
        let is_asked = |group: &u32| of.is_none_or(|of| of.contains(group));
        let is_whole = !state.torn.iter().chain(&state.rebuilding).any(is_asked);
        let holes = state.holes.iter().filter(|(group, _)| is_asked(group)).map(|(_, holes)| holes).sum();
        is_whole.then_some(Whole { holes })
    }

    fn is_full(&self) -> bool {
        self.shared.state.lock().gathered.len() >= GATHERED_CHANGES_MAX
    }

    fn is_torn(&self, group: u32) -> bool {
        self.shared.state.lock().torn.contains(&group)
    }

    /// Commits what has gathered, soon.
    pub fn tick(&self) {
        self.flush();
    }

    /// How far a group is indexed and committed.
    pub fn indexed(&self, group: u32) -> u64 {
        self.shared.state.lock().indexed.get(&group).copied().unwrap_or(0)
    }

    /// Completes once the index has these positions, however long they take to be fed; commits what was fed at once. A
    /// list that waits for what its groups had applied when it came sees everything that was acknowledged before.
    pub fn wait_indexed(&self, targets: impl IntoIterator<Item = (u32, u64)>) -> Indexed {
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let attempts = self.shared.state.lock().attempts;
        Indexed { visibility: self.clone(), targets: targets.into_iter().collect(), id, attempts }
    }

    /// Completes once everything that was fed so far is committed.
    pub fn wait_fed(&self) -> Indexed {
        let fed = self.shared.state.lock().gathered.positions().clone();
        self.wait_indexed(fed)
    }

    /// Commits what was fed and makes it durable; says up to where each group now is. The log may be purged up to there.
    pub fn persist(&self) -> impl Future<Output = Result<BTreeMap<u32, u64>, Arc<Error>>> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        let done = self.shared.lane.call(move || {
            shared.commit()?;
            shared.index.lock().persist().map_err(Arc::new)
        });
        async move { done.await.map_err(|panicked| Arc::new(panicked.into()))? }
    }

    /// Puts the whole of `group` in the place of what the index has of it, while the group may go on.
    ///
    /// `whole` says how far the group was applied and, read after that, its records; they may be newer than the
    /// position, because what is fed later says the same again. It is called when everything fed before is committed and
    /// the group is no longer torn, so that each later change is either in it or fed behind it. A record that cannot be read
    /// leaves the group torn: a list is never a part of one.
    pub fn rebuild_group<W, R, E>(
        &self,
        group: u32,
        whole: W,
    ) -> impl Future<Output = Result<(), Rebuild<E>>> + Send + use<W, R, E>
    where
        W: FnOnce() -> Result<(u64, R), E> + Send + 'static,
        R: IntoIterator<Item = Result<Record, E>> + 'static,
        E: Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let done = self.shared.lane.call(move || shared.rebuild(group, whole));
        async move { done.await.map_err(|panicked| Rebuild::Index(Arc::new(panicked.into())))? }
    }

    /// One page of what is committed. Blocks on the disk: call it where blocking is allowed, after
    /// [`Visibility::wait_indexed`].
    pub fn list(&self, namespace: &str, query: &Query, page: &PageRequest) -> Result<Page, Error> {
        self.reader().list(namespace, query, page)
    }

    /// Some of what is committed, in the order of run ids; see [`Reader::walk`] and [`Visibility::list`].
    pub fn walk(&self, namespace: &str, query: &Query, step: &Step) -> Result<Vec<Record>, Error> {
        self.reader().walk(namespace, query, step)
    }

    /// A count of what is committed; see [`Visibility::list`].
    pub fn count(&self, namespace: &str, query: &Query) -> Result<Count, Error> {
        self.reader().count(namespace, query)
    }

    /// A reading end, for what is asked of some groups; see [`Visibility::list`].
    pub fn reader(&self) -> &Reader {
        let turn = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let readers = &self.shared.readers;
        &readers[usize::try_from(turn % readers.len() as u64).unwrap_or(0)]
    }

    fn flush(&self) {
        let mut state = self.shared.state.lock();
        if state.asked || state.gathered.is_empty() {
            return;
        }
        state.asked = true;
        drop(state);
        let shared = Arc::clone(&self.shared);
        // The error stays in the state, where whoever waits finds it.
        self.shared.lane.run(move || drop(shared.commit()));
    }

    /// Waits until there is room or a commit was tried, well or not.
    fn attempt(&self) -> Result<(), Arc<Error>> {
        let before = self.shared.state.lock().attempts;
        self.flush();
        let mut state = self.shared.state.lock();
        while state.attempts == before && state.gathered.len() >= GATHERED_CHANGES_MAX {
            self.shared.attempted.wait(&mut state);
        }
        state.failed.clone().map_or(Ok(()), Err)
    }
}

impl Shared {
    fn rebuild<R: IntoIterator<Item = Result<Record, E>>, E>(
        &self,
        group: u32,
        whole: impl FnOnce() -> Result<(u64, R), E>,
    ) -> Result<(), Rebuild<E>> {
        self.commit().map_err(Rebuild::Index)?;
        // Nothing is committed before this is done, so nothing that is fed meanwhile is lost by it.
        let mut index = self.index.lock();
        let mut attempt = Attempt::begin(self, group);
        let (position, records) = whole().map_err(Rebuild::Source)?;
        let rebuilt = index.rebuild_group(group, position, records);
        let mut state = self.state.lock();
        state.indexed = index.all_indexed();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        attempt.is_done = rebuilt.is_ok();
        drop(attempt);
        waiting.into_values().for_each(Waker::wake);
        rebuilt
    }

    fn commit(&self) -> Result<(), Arc<Error>> {
        let mut index = self.index.lock();
        let mut state = self.state.lock();
        state.asked = false;
        let mut batch = std::mem::take(&mut state.gathered);
        if batch.is_empty() {
            return Ok(());
        }
        drop(state);
        let result = index.apply_batch(&batch).map_err(Arc::new);
        let mut state = self.state.lock();
        if result.is_err() {
            batch.extend(std::mem::take(&mut state.gathered));
            state.gathered = batch;
        }
        state.indexed = index.all_indexed();
        state.failed = result.clone().err();
        state.attempts += 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.attempted.notify_all();
        waiting.into_values().for_each(Waker::wake);
        result
    }
}

/// A group that is being built again; torn as before if that does not come to its end, by a panic either.
struct Attempt<'a> {
    shared: &'a Shared,
    group: u32,
    is_done: bool,
}

impl<'a> Attempt<'a> {
    fn begin(shared: &'a Shared, group: u32) -> Self {
        let mut state = shared.state.lock();
        state.torn.remove(&group);
        state.rebuilding.insert(group);
        *state.holes.entry(group).or_default() += 1;
        drop(state);
        Self { shared, group, is_done: false }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.rebuilding.remove(&self.group);
        if !self.is_done {
            // What was fed meanwhile must not move the group's position beyond what is missing.
            state.gathered.forget(self.group);
            state.tear(self.group);
        }
    }
}

/// See [`Visibility::wait_indexed`].
pub struct Indexed {
    visibility: Visibility,
    targets: BTreeMap<u32, u64>,
    id: u64,
    attempts: u64,
}

impl Indexed {
    fn outcome(&self, state: &State) -> Poll<Result<(), Arc<Error>>> {
        let reached = |(group, target): (&u32, &u64)| *target <= state.indexed.get(group).copied().unwrap_or(0);
        if self.targets.iter().all(reached) {
            return Poll::Ready(Ok(()));
        }
        match &state.failed {
            Some(error) if state.attempts > self.attempts => Poll::Ready(Err(Arc::clone(error))),
            Some(_) | None => Poll::Pending,
        }
    }
}

impl Future for Indexed {
    type Output = Result<(), Arc<Error>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = self.outcome(&self.visibility.shared.state.lock());
        if outcome.is_ready() {
            return outcome;
        }
        self.visibility.flush();
        let mut state = self.visibility.shared.state.lock();
        let outcome = self.outcome(&state);
        if outcome.is_pending() {
            // Taken under the same lock under which a commit reports, so that no report is missed.
            state.waiting.insert(self.id, context.waker().clone());
        }
        outcome
    }
}

impl Drop for Indexed {
    fn drop(&mut self) {
        self.visibility.shared.state.lock().waiting.remove(&self.id);
    }
}
