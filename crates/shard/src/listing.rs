//! All runs, batch jobs and schedules of a shard as lists show them, read from the store: for a visibility index that must be built again.
//!
//! Invariant: what is read is one moment of the store. While a node opens that is its last checkpoint, and the log's
//! replay brings the index up to date; later it is a view, and what is applied after it is fed to the index. A run whose rows
//! make no sense is logged and left out; it does not stop the node. A store that cannot be read ends the list with an error:
//! it is not the end of the list.

use std::{collections::VecDeque, sync::Arc};

use weft_engine::{
    RunId, WorkflowKey, info, job,
    schedule::entry,
    state::{Job, schedule::Schedule},
};
use weft_protocol::api::workflow::WorkflowExecutionInfo;
use weft_rows::{SlotRange, load, table};
use weft_store::state::{KeyRange, Order, StateView, StoreError};

use crate::loader::{LoadError, Reader};

/// Keys read at a time.
const PAGE: usize = 256;

/// The store cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a list cannot be read: {0}")]
pub struct Unread(String);

type Listed = Result<(WorkflowKey, WorkflowExecutionInfo), Unread>;

/// The runs of these slots in the order of their keys, then their batch jobs, then their schedules. Reading blocks. What
/// comes after an error is not all there is.
pub fn listing(store: Arc<dyn StateView>, slots: SlotRange) -> impl Iterator<Item = Listed> + Send {
    let (from, end) = load::execution_range(slots);
    let jobs = Jobs::new(Reader { store: Arc::clone(&store) }, slots);
    let schedules = Schedules::new(Reader { store: Arc::clone(&store) }, slots);
    Listing { reader: Reader { store }, from, end, page: VecDeque::new(), done: false }.chain(jobs).chain(schedules)
}

impl From<StoreError> for Unread {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

struct Listing {
    reader: Reader,
    from: Vec<u8>,
    end: Vec<u8>,
    page: VecDeque<(WorkflowKey, RunId)>,
    done: bool,
}

impl Listing {
    fn read_page(&mut self) -> Result<(), StoreError> {
        let range = KeyRange::between(self.from.clone(), self.end.clone());
        let rows = self.reader.store.scan(table::EXECUTION, &range, Order::Ascending, PAGE)?;
        self.done = rows.len() < PAGE;
        for (key, _) in rows {
            self.from = key.to_vec();
            self.from.push(0);
            match load::decode_execution_key(&key) {
                Ok(run) => self.page.push_back(run),
                Err(error) => tracing::error!(%error, "an execution's key cannot be read: lists lack it"),
            }
        }
        Ok(())
    }
}

impl Iterator for Listing {
    type Item = Listed;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((key, run)) = self.page.pop_front() else {
                if self.done {
                    return None;
                }
                if let Err(error) = self.read_page() {
                    self.done = true;
                    return Some(Err(error.into()));
                }
                continue;
            };
            match self.reader.execution(&key, &run) {
                Ok(Some(execution)) => {
                    let info = info(&key, &execution);
                    return Some(Ok((key, info)));
                }
                Ok(None) => {}
                Err(LoadError::Corrupt(error)) => {
                    tracing::error!(workflow = %key.workflow, %run, %error, "lists lack this run");
                }
                Err(LoadError::Store(error)) => return Some(Err(Unread(error.to_string()))),
            }
        }
    }
}

/// The batch jobs of some slots.
struct Jobs {
    reader: Reader,
    from: Vec<u8>,
    end: Vec<u8>,
}

impl Jobs {
    fn new(reader: Reader, slots: SlotRange) -> Self {
        let (from, end) = weft_rows::job::range(slots);
        Self { reader, from, end }
    }

    /// The next job's id and state; `None` at the end.
    fn step(&mut self) -> Result<Option<(WorkflowKey, Option<Job>)>, LoadError> {
        let range = KeyRange::between(self.from.clone(), self.end.clone());
        let Some((row, _)) = self.reader.store.scan(table::JOB, &range, Order::Ascending, 1)?.into_iter().next() else {
            return Ok(None);
        };
        // Both rows of a job are read together: the next one begins after them.
        self.from = row.to_vec();
        let (key, _) = weft_rows::job::decode_key(&row)?;
        self.from = weft_rows::job::prefix(&key);
        self.from.push(u8::MAX);
        let job = self.reader.job(&key)?;
        Ok(Some((key, job)))
    }
}

impl Iterator for Jobs {
    type Item = Listed;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(Some((key, Some(job)))) => {
                    let info = job::info(&key, &job);
                    return Some(Ok((key, info)));
                }
                Ok(Some((_, None))) => {}
                Ok(None) => return None,
                Err(LoadError::Corrupt(error)) => {
                    tracing::error!(%error, "a batch job cannot be read: lists lack it");
                    self.from.push(0);
                }
                Err(LoadError::Store(error)) => {
                    self.from = self.end.clone();
                    return Some(Err(Unread(error.to_string())));
                }
            }
        }
    }
}

struct Schedules {
    reader: Reader,
    from: Vec<u8>,
    end: Vec<u8>,
}

impl Schedules {
    fn new(reader: Reader, slots: SlotRange) -> Self {
        let (from, end) = weft_rows::schedule::range(slots);
        Self { reader, from, end }
    }

    /// The next row's id, and the schedule if it is the first of its rows; `None` at the end.
    fn step(&mut self) -> Result<Option<(WorkflowKey, Option<Schedule>)>, LoadError> {
        let range = KeyRange::between(self.from.clone(), self.end.clone());
        let Some((row, _)) = self.reader.store.scan(table::SCHEDULE, &range, Order::Ascending, 1)?.into_iter().next()
        else {
            return Ok(None);
        };
        self.from = row.to_vec();
        self.from.push(0);
        let (key, part) = weft_rows::schedule::decode_key(&row)?;
        let schedule = match part {
            weft_rows::schedule::Part::Plan => self.reader.schedule(&key)?,
            weft_rows::schedule::Part::Progress => None,
        };
        Ok(Some((key, schedule)))
    }
}

impl Iterator for Schedules {
    type Item = Listed;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(Some((key, Some(schedule)))) => {
                    let info = entry(&key, &schedule, schedule.progress.done_until);
                    return Some(Ok((key, info)));
                }
                Ok(Some((_, None))) => {}
                Ok(None) => return None,
                Err(LoadError::Corrupt(error)) => tracing::error!(%error, "a schedule cannot be read: lists lack it"),
                Err(LoadError::Store(error)) => {
                    self.from = self.end.clone();
                    return Some(Err(Unread(error.to_string())));
                }
            }
        }
    }
}
