//! What a worker counts of itself.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::{Shared, scale::Scale, slots::Room};

/// A worker at one moment. Counts are since its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkerMetrics {
    pub workflow_tasks: TaskMetrics,
    pub activities: TaskMetrics,
    pub local_activities: TaskMetrics,
    /// Polls that wait for workflow tasks of any workflow.
    pub workflow_polls: usize,
    /// Polls that wait for tasks of workflows that are kept here.
    pub sticky_polls: usize,
    pub activity_polls: usize,
    /// Activities that began with the answer to a workflow task, without a poll.
    pub eager_activities: u64,
    /// Workflows that are kept in memory between their tasks.
    pub cached_workflows: usize,
    /// Tasks that found their workflow here.
    pub sticky_hits: u64,
    /// Tasks that were meant for a workflow that was kept here, and was not any more.
    pub sticky_misses: u64,
    /// Workflows that were built from their whole history: new ones are not counted.
    pub replays: u64,
}

/// Tasks of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TaskMetrics {
    pub slots_used: usize,
    pub slots_max: usize,
    pub done: u64,
    /// Of those, the ones that failed.
    pub failed: u64,
    /// From when a task came to when it was answered, of all that are done.
    pub time: Duration,
}

/// Counters of one kind of task.
#[derive(Default)]
pub(crate) struct Tally {
    done: AtomicU64,
    failed: AtomicU64,
    nanos: AtomicU64,
}

impl Tally {
    pub(crate) fn count(&self, took: Duration, failed: bool) {
        self.done.fetch_add(1, Relaxed);
        self.failed.fetch_add(failed.into(), Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    fn of(&self, room: &Room) -> TaskMetrics {
        TaskMetrics {
            slots_used: room.used(),
            slots_max: room.slots().max(),
            done: self.done.load(Relaxed),
            failed: self.failed.load(Relaxed),
            time: Duration::from_nanos(self.nanos.load(Relaxed)),
        }
    }
}

/// All counters of a worker.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) workflow_tasks: Tally,
    pub(crate) activities: Tally,
    pub(crate) local_activities: Tally,
    pub(crate) eager_activities: AtomicU64,
    pub(crate) sticky_hits: AtomicU64,
    pub(crate) sticky_misses: AtomicU64,
    pub(crate) replays: AtomicU64,
}

pub(crate) fn snapshot(shared: &Shared) -> WorkerMetrics {
    let counts = &shared.counts;
    WorkerMetrics {
        workflow_tasks: counts.workflow_tasks.of(&shared.workflow_slots),
        activities: counts.activities.of(&shared.activity_slots),
        local_activities: counts.local_activities.of(&shared.local_slots),
        workflow_polls: Scale::running(&shared.scales.workflow),
        sticky_polls: Scale::running(&shared.scales.sticky),
        activity_polls: Scale::running(&shared.scales.activity),
        eager_activities: counts.eager_activities.load(Relaxed),
        cached_workflows: shared.threads.cached(),
        sticky_hits: counts.sticky_hits.load(Relaxed),
        sticky_misses: counts.sticky_misses.load(Relaxed),
        replays: counts.replays.load(Relaxed),
    }
}
