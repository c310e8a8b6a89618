//! What a shard tells a clock that skips time: whether it is at work, what workers owe its workflows, and when the next of
//! them has something to do. With any other clock there is nothing of this.
//!
//! Invariants: what is told of a workflow id is what its state was after the last request that was accepted. The removal of
//! closed runs is no moment to skip to: nobody waits for it.
//!
//! It outlives epochs, because only what passes by is seen; so time is skipped only where all state has passed by, on
//! nodes in memory.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;
use weft_engine::{
    Owed, Timestamp, Workflow, WorkflowKey, earliest, owed,
    state::schedule::{Schedule, Scheduled},
};
use weft_env::{Clock, Party, Standing, UnixNanos};

pub(crate) struct Skips {
    party: Party,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    of: HashMap<WorkflowKey, Waits>,
    due: BTreeSet<(Timestamp, WorkflowKey)>,
    workflow_tasks: usize,
    activities: usize,
}

/// What one workflow id waits for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Waits {
    owed: Owed,
    run: Option<Timestamp>,
    schedule: Option<Timestamp>,
}

impl Skips {
    /// What there is to tell `clock`, if it skips time.
    pub(crate) fn to(clock: &dyn Clock) -> Option<Self> {
        Some(Self { party: clock.skipping()?.party(), known: Mutex::default() })
    }

    /// Something was done to this workflow id.
    pub(crate) fn note(&self, workflow: &Workflow) {
        self.known.lock().note(workflow);
    }

    /// Nothing will be done to this workflow id for now: it is quarantined.
    pub(crate) fn forget(&self, key: &WorkflowKey) {
        self.known.lock().put(key, Waits::default());
    }

    /// Tells the clock how it stands.
    pub(crate) fn report(&self, at_work: bool) {
        let standing = {
            let Known { due, workflow_tasks, activities, .. } = &*self.known.lock();
            let next = due.first().map(|(at, _)| UnixNanos(at.0));
            Standing { at_work, workflow_tasks: *workflow_tasks, activities: *activities, next }
        };
        self.party.report(standing);
    }

    /// See [`Party::jumped`].
    pub(crate) async fn jumped(&self) {
        self.party.jumped().await;
    }
}

impl Known {
    fn note(&mut self, workflow: &Workflow) {
        let before = self.of.get(&workflow.key).copied().unwrap_or_default();
        let open = workflow.open();
        let schedule = match &workflow.schedule {
            Scheduled::Unread => before.schedule,
            Scheduled::Absent => None,
            Scheduled::Present(Schedule { progress, .. }) => progress.wake_at,
        };
        let owed = open.map_or_else(Owed::default, owed);
        self.put(&workflow.key, Waits { owed, run: open.and_then(earliest).map(|(at, _)| at), schedule });
    }

    fn put(&mut self, key: &WorkflowKey, waits: Waits) {
        let before = self.of.remove(key).unwrap_or_default();
        if let Some(at) = before.next() {
            self.due.remove(&(at, key.clone()));
        }
        if let Some(at) = waits.next() {
            self.due.insert((at, key.clone()));
        }
        self.workflow_tasks += usize::from(waits.owed.workflow_task);
        self.workflow_tasks -= usize::from(before.owed.workflow_task);
        self.activities = self.activities + waits.owed.activities - before.owed.activities;
        if waits != Waits::default() {
            self.of.insert(key.clone(), waits);
        }
    }
}

impl Waits {
    fn next(&self) -> Option<Timestamp> {
        self.run.into_iter().chain(self.schedule).min()
    }
}
