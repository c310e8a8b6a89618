//! Reading workflows, wakes, tasks and garbage back from the store, on the pool of readers (rule 5).
//!
//! Invariant: nothing here is read before the shard's log is replayed (rule 4), and a workflow is read only while no
//! batch of it is under way, so what is read is what its rows say.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use weft_engine::{
    Execution, Origin, Reply, RunId, Timestamp, WorkflowKey,
    state::{
        BranchId, CurrentRun, Job,
        schedule::{Schedule, Scheduled},
    },
};
use weft_rows::{self as rows, Corrupt, Ops, Slot, SlotRange, load, table};
use weft_store::state::{KeyRange, Order, StateView, StoreError};

use crate::{call::Needs, dispatch::TaskRef, outbox::Page};

/// A row that cannot be read or makes no sense.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("reading the store: {0}")]
    Store(Arc<str>),
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

impl From<StoreError> for LoadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string().into())
    }
}

/// Everything that is read is read through this.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) store: Arc<dyn StateView>,
}

/// What of a workflow id was asked for.
pub(crate) struct Loaded {
    pub(crate) current: Option<CurrentRun>,
    pub(crate) runs: Vec<Execution>,
    pub(crate) receipt: Option<(Origin, Reply)>,
    /// The batch job, or that there is none.
    pub(crate) job: Option<Option<Job>>,
    pub(crate) schedule: Scheduled,
}

/// What is to be deleted next, and the garbage that led to it; `None` if there is none.
pub(crate) type Swept = Option<(BranchId, Ops)>;

/// When which run of a workflow id is to be woken, or its schedule.
pub(crate) type DueWake = (Timestamp, WorkflowKey, Option<RunId>);

/// What of a slot is due.
pub(crate) struct Wakes {
    /// `None` for a run is the schedule of the id.
    pub(crate) due: Vec<DueWake>,
    /// When to look again.
    pub(crate) next: Option<Timestamp>,
}

/// What a new leader must know of its rows.
pub(crate) struct Opening {
    pub(crate) wakes: Vec<(Slot, Timestamp)>,
    pub(crate) tasks: Vec<(WorkflowKey, TaskRef)>,
    pub(crate) messages: Page,
    pub(crate) garbage: bool,
}

impl Reader {
    pub(crate) fn load(&self, key: &WorkflowKey, needs: &Needs) -> Result<Loaded, LoadError> {
        let receipt = match needs {
            Needs::Receipt(_, origin) => self.receipt(key, origin)?,
            Needs::OpenRun | Needs::CurrentRun | Needs::Run(_) | Needs::Job | Needs::Schedule => None,
        };
        let schedule = match needs {
            Needs::Schedule => self.schedule(key)?.map_or(Scheduled::Absent, Scheduled::Present),
            Needs::OpenRun | Needs::CurrentRun | Needs::Run(_) | Needs::Job | Needs::Receipt(..) => Scheduled::Unread,
        };
        let needs = needs.run();
        let job = (*needs == Needs::Job).then(|| self.job(key)).transpose()?;
        let current = self.current(key)?;
        let mut wanted: Vec<RunId> = Vec::new();
        if let Some(current) = &current
            && (current.status.is_open() || *needs == Needs::CurrentRun)
        {
            wanted.push(current.run.clone());
        }
        if let Needs::Run(run) = needs
            && !wanted.contains(run)
        {
            wanted.push(run.clone());
        }
        let runs = wanted.iter().map(|run| self.execution(key, run)).collect::<Result<Vec<_>, _>>()?;
        Ok(Loaded { current, runs: runs.into_iter().flatten().collect(), receipt, job, schedule })
    }

    pub(crate) fn schedule(&self, key: &WorkflowKey) -> Result<Option<Schedule>, LoadError> {
        let Some(plan) = self.store.get(table::SCHEDULE, &rows::schedule::plan_key(key))? else { return Ok(None) };
        let progress = self.store.get(table::SCHEDULE, &rows::schedule::progress_key(key))?;
        let progress = progress.ok_or_else(|| Corrupt::missing(table::SCHEDULE, "progress"))?;
        Ok(Some(rows::schedule::assemble(&plan, &progress)?))
    }

    fn receipt(&self, key: &WorkflowKey, origin: &Origin) -> Result<Option<(Origin, Reply)>, LoadError> {
        let bytes = self.store.get(table::RECEIPT, &rows::receipt::key(key, origin))?;
        let reply = bytes.map(|bytes| rows::receipt::decode(&bytes)).transpose()?;
        Ok(reply.map(|reply| (origin.clone(), reply)))
    }

    pub(crate) fn job(&self, key: &WorkflowKey) -> Result<Option<Job>, LoadError> {
        Ok(rows::job::assemble(&self.all(table::JOB, rows::job::prefix(key))?)?)
    }

    fn current(&self, key: &WorkflowKey) -> Result<Option<CurrentRun>, LoadError> {
        let bytes = self.store.get(table::CURRENT, &load::current_key(key))?;
        Ok(bytes.map(|bytes| load::decode_current(&bytes)).transpose()?)
    }

    pub(crate) fn execution(&self, key: &WorkflowKey, run: &RunId) -> Result<Option<Execution>, LoadError> {
        let Some(core) = self.store.get(table::EXECUTION, &load::execution_key(key, run))? else { return Ok(None) };
        let branch = load::decode_branch(run, &core)?;
        let parts = load::Parts {
            core,
            first_batch: self.first_batch(key, branch.trunk())?,
            activities: self.all(table::ACTIVITY, load::activity_prefix(key, run))?,
            timers: self.all(table::TIMER, load::timer_prefix(key, run))?,
            children: self.all(table::CHILD, load::child_prefix(key, run))?,
            external: self.all(table::EXTERNAL, load::external_prefix(key, run))?,
            buffered: self.all(table::BUFFERED, load::buffered_prefix(key, run))?,
            requests: self.all(table::REQUEST_ID, load::request_prefix(key, run))?,
            updates: self.all(table::UPDATE, load::update_prefix(key, run))?,
        };
        Ok(Some(load::assemble(key, run, &parts)?))
    }

    fn first_batch(&self, key: &WorkflowKey, trunk: &BranchId) -> Result<Bytes, LoadError> {
        let range = KeyRange::prefix(rows::history::branch_prefix(key, trunk));
        let first = self.store.scan(table::HISTORY, &range, Order::Ascending, 1)?;
        let (_, bytes) = first.into_iter().next().ok_or_else(|| Corrupt::missing(table::HISTORY, "first batch"))?;
        Ok(bytes)
    }

    fn all(&self, table: u8, prefix: Vec<u8>) -> Result<Vec<(Bytes, Bytes)>, LoadError> {
        Ok(self.store.scan(table, &KeyRange::prefix(prefix), Order::Ascending, usize::MAX)?)
    }

    pub(crate) fn wakes(&self, slot: Slot, now: Timestamp, limit: usize) -> Result<Wakes, LoadError> {
        let range = KeyRange::prefix(rows::wake::slot_prefix(slot));
        let mut wakes = Wakes { due: Vec::new(), next: None };
        for (key, _) in self.store.scan(table::WAKE, &range, Order::Ascending, limit + 1)? {
            let wake = rows::wake::decode_key(&key)?;
            if wake.at > now || wakes.due.len() == limit {
                wakes.next = Some(wake.at);
                break;
            }
            wakes.due.push((wake.at, wake.key, wake.run));
        }
        Ok(wakes)
    }

    /// Reads what a new leader must know. Wakes and tasks are bounded by what is pending, not by what was ever run.
    pub(crate) fn opening(&self, slots: SlotRange, tasks: usize, messages: usize) -> Result<Opening, LoadError> {
        let garbage = !self
            .store
            .scan(table::GARBAGE, &prefix_range(rows::garbage::range(slots)), Order::Ascending, 1)?
            .is_empty();
        let messages = self.messages(slots, None, messages)?;
        Ok(Opening { wakes: self.first_wakes(slots)?, tasks: self.tasks(slots, tasks)?, messages, garbage })
    }

    /// Messages of these slots, from a place on. A run's messages are read whole if they fit, so that their order is kept.
    pub(crate) fn messages(&self, slots: SlotRange, from: Option<Vec<u8>>, limit: usize) -> Result<Page, LoadError> {
        let (first, end) = rows::outbox::range(slots);
        let from = from.unwrap_or(first);
        let range = KeyRange::between(from.clone(), end);
        let found = self.store.scan(table::OUTBOX, &range, Order::Ascending, limit)?;
        let is_all = found.len() < limit;
        let last = found.last().map(|(key, _)| successor(key));
        let decode = |(key, value): &(Bytes, Bytes)| Ok(rows::outbox::decode(key, value)?);
        let messages = found.iter().map(decode).collect::<Result<Vec<_>, LoadError>>()?;
        let again = messages.last().map(|(sender, id, _)| rows::outbox::run_prefix(sender, &id.run));
        let next = match again.filter(|again| *again > from) {
            _ if is_all => None,
            Some(again) => Some(again),
            None => last,
        };
        Ok(Page { messages, next })
    }

    fn first_wakes(&self, slots: SlotRange) -> Result<Vec<(Slot, Timestamp)>, LoadError> {
        let (mut from, end) = rows::wake::range(slots);
        let mut first = Vec::new();
        // One seek per slot that has any: from a slot's first wake on to the next slot.
        loop {
            let range = KeyRange::between(from.clone(), end.clone());
            let Some((key, _)) = self.store.scan(table::WAKE, &range, Order::Ascending, 1)?.into_iter().next() else {
                return Ok(first);
            };
            let wake = rows::wake::decode_key(&key)?;
            let slot = rows::slot_of(&wake.key);
            first.push((slot, wake.at));
            from = rows::wake::after_slot(slot);
        }
    }

    fn tasks(&self, slots: SlotRange, limit: usize) -> Result<Vec<(WorkflowKey, TaskRef)>, LoadError> {
        let range = prefix_range(rows::task::range(slots));
        let rows = self.store.scan(table::TASK, &range, Order::Ascending, limit)?;
        rows.into_iter().map(|(key, value)| decode_task(&key, &value)).collect()
    }

    /// The next deletes of history that belongs to no run any more, with the branch whose row led to them; branches that
    /// are spared are left out.
    pub(crate) fn sweep(
        &self,
        slots: SlotRange,
        limit: usize,
        spared: &BTreeSet<BranchId>,
    ) -> Result<Swept, LoadError> {
        let mut ops = Ops::default();
        let range = prefix_range(rows::garbage::range(slots));
        let found = self.store.scan(table::GARBAGE, &range, Order::Ascending, spared.len() + 1)?;
        let found: Vec<_> = found
            .into_iter()
            .map(|(row, value)| Ok((rows::garbage::decode_key(&row)?, row, value)))
            .collect::<Result<_, LoadError>>()?;
        let Some(((key, branch), row, value)) = found.into_iter().find(|((_, branch), ..)| !spared.contains(branch))
        else {
            return Ok(None);
        };
        let swept = branch.clone();
        let ancestors = rows::garbage::decode(&value)?.into_iter().map(|ancestor| ancestor.branch);
        let mut left = limit;
        for branch in [branch].into_iter().chain(ancestors) {
            if self.is_needed(&key, &branch)? {
                continue;
            }
            let history = KeyRange::prefix(rows::history::branch_prefix(&key, &branch));
            let batches = self.store.scan(table::HISTORY, &history, Order::Ascending, left)?;
            for (key, _) in &batches {
                ops.delete(table::HISTORY, key);
            }
            left -= batches.len();
            if left == 0 {
                return Ok(Some((swept, ops)));
            }
        }
        ops.delete(table::GARBAGE, &row);
        Ok(Some((swept, ops)))
    }

    /// Whether the history under a branch id belongs to a run that is there, or to a branch that began with it. What nobody
    /// needs now nobody will: only a run that has it could pass it on.
    fn is_needed(&self, key: &WorkflowKey, branch: &BranchId) -> Result<bool, LoadError> {
        if self.store.get(table::EXECUTION, &load::execution_key(key, branch))?.is_some() {
            return Ok(true);
        }
        let references = KeyRange::prefix(rows::reference::prefix(key, branch));
        Ok(!self.store.scan(table::REFERENCE, &references, Order::Ascending, 1)?.is_empty())
    }
}

/// The first key after this one.
pub(crate) fn successor(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

fn prefix_range((from, end): (Vec<u8>, Vec<u8>)) -> KeyRange {
    KeyRange::between(from, end)
}

pub(crate) fn decode_task(key: &[u8], value: &[u8]) -> Result<(WorkflowKey, TaskRef), LoadError> {
    let (key, row) = rows::task::decode(key, value)?;
    Ok((key, TaskRef::from_row(row)))
}

#[cfg(test)]
mod tests;
