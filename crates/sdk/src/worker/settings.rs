//! How much a worker does at once, and how.

use std::time::Duration;

use super::{
    Scales, Worker,
    scale::{Polls, Scale},
    slots::Slots,
};

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) workflow_slots: Slots,
    pub(crate) activity_slots: Slots,
    pub(crate) local_slots: Slots,
    pub(crate) workflow_polls: Polls,
    pub(crate) activity_polls: Polls,
    /// Zero is without limit.
    pub(crate) activities_per_second: f64,
    pub(crate) queue_activities_per_second: Option<f64>,
    pub(crate) cached_workflows_max: usize,
    pub(crate) workflow_threads: usize,
    pub(crate) sticky_for: Duration,
    pub(crate) drain: Duration,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) deployment: Option<Deployment>,
}

/// Which build of which deployment a worker is.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) name: String,
    pub(crate) build_id: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workflow_slots: 100.into(),
            activity_slots: 100.into(),
            local_slots: 100.into(),
            workflow_polls: Polls::default(),
            activity_polls: Polls::default(),
            activities_per_second: 0.0,
            queue_activities_per_second: None,
            cached_workflows_max: 1000,
            workflow_threads: 1,
            sticky_for: Duration::from_secs(10),
            drain: Duration::from_secs(10),
            heartbeat: Some(Duration::from_secs(60)),
            deployment: None,
        }
    }
}

impl Settings {
    pub(crate) fn is_sticky(&self) -> bool {
        self.cached_workflows_max > 0
    }

    /// A poll waits with its slot, so where there are two kinds of polls there are two slots.
    pub(crate) fn reconciled(mut self) -> Self {
        self.workflow_slots = self.workflow_slots.clone().at_least(if self.is_sticky() { 2 } else { 1 });
        self.activity_slots = self.activity_slots.clone().at_least(1);
        self.local_slots = self.local_slots.clone().at_least(1);
        self
    }

    pub(crate) fn scales(&self) -> Scales {
        let workflows = self.workflow_slots.max();
        // One kind of polls always leaves a slot to the other.
        let each = if self.is_sticky() { workflows - 1 } else { workflows };
        Scales {
            workflow: Scale::new(self.workflow_polls, each),
            sticky: Scale::new(self.workflow_polls, each),
            activity: Scale::new(self.activity_polls, self.activity_slots.max()),
        }
    }
}

impl Worker {
    /// Activities at once: a number, or [`SlotsByLoad`](super::SlotsByLoad).
    pub fn activities_max(mut self, slots: impl Into<Slots>) -> Self {
        self.settings.activity_slots = slots.into();
        self
    }

    /// Local activities at once.
    pub fn local_activities_max(mut self, slots: impl Into<Slots>) -> Self {
        self.settings.local_slots = slots.into();
        self
    }

    /// Workflow tasks at once; at least two where workflows are kept in memory.
    pub fn workflow_tasks_max(mut self, slots: impl Into<Slots>) -> Self {
        self.settings.workflow_slots = slots.into();
        self
    }

    /// At most this many workflows are kept in memory; zero replays each from its beginning at each task.
    pub fn cached_workflows_max(mut self, count: usize) -> Self {
        self.settings.cached_workflows_max = count;
        self
    }

    /// Polls at once, for workflow tasks (as many again for those of workflows that are kept here) and for activities.
    /// By default from 1 to 100, as the server suggests.
    pub fn polls(mut self, workflows: impl Into<Polls>, activities: impl Into<Polls>) -> Self {
        self.settings.workflow_polls = workflows.into();
        self.settings.activity_polls = activities.into();
        self
    }

    /// This worker begins no more activities per second.
    pub fn activities_per_second(mut self, rate: f64) -> Self {
        self.settings.activities_per_second = rate;
        self
    }

    /// All workers of the task queue together begin no more activities per second.
    pub fn queue_activities_per_second(mut self, rate: f64) -> Self {
        self.settings.queue_activities_per_second = Some(rate);
        self
    }

    /// Threads that run workflows' code.
    pub fn workflow_threads(mut self, count: usize) -> Self {
        self.settings.workflow_threads = count.max(1);
        self
    }

    /// How long a task of a workflow that is kept here waits for this worker before others may have it.
    pub fn sticky_for(mut self, longest: Duration) -> Self {
        self.settings.sticky_for = longest;
        self
    }

    /// At shutdown, how long activities may take to end before they are cancelled.
    pub fn drain(mut self, longest: Duration) -> Self {
        self.settings.drain = longest;
        self
    }

    /// How often the worker tells the server of itself, for lists of workers; `None` is never.
    pub fn heartbeats(mut self, every: Option<Duration>) -> Self {
        self.settings.heartbeat = every;
        self
    }

    /// Which build of which deployment this worker is, as histories and lists show it. Tasks are not routed by it.
    pub fn build(mut self, deployment: impl Into<String>, build_id: impl Into<String>) -> Self {
        self.settings.deployment = Some(Deployment { name: deployment.into(), build_id: build_id.into() });
        self
    }
}
