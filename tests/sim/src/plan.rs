//! What the clients and workers of one seed want: workflows with their steps, signals and mishaps.
//!
//! Invariant: a plan does not depend on what the node answers, so it is the same before and after a crash.

use weft_env::SeededIds;

pub(crate) struct Plan {
    pub(crate) shards: u16,
    pub(crate) workflows: Vec<WorkflowPlan>,
    /// Incarnations that end with a mishap; one more in peace follows.
    pub(crate) mishaps: u64,
    pub(crate) checkpoint_bytes: u64,
    pub(crate) segment_bytes: u64,
}

pub(crate) struct WorkflowPlan {
    pub(crate) id: String,
    pub(crate) begins_ms: u64,
    pub(crate) steps: Vec<Step>,
    /// The workflow ends when it has all of them.
    pub(crate) signals: Vec<String>,
    pub(crate) pause_ms: u64,
    pub(crate) cancel: bool,
    /// A second start with another request id, which may come too early.
    pub(crate) again: bool,
    pub(crate) ballast: usize,
}

pub(crate) enum Step {
    Activities(Vec<String>),
    Timer(String, u64),
}

/// What an activity worker does with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Complete,
    HeartbeatAndComplete,
    Fail,
    Vanish,
    GiveBack,
}

impl Plan {
    pub(crate) fn draw(dice: &SeededIds) -> Self {
        let count = 1 + dice.below(3);
        Self {
            shards: u16::try_from(1 + dice.below(2)).expect("at most two"),
            workflows: (0..count).map(|number| WorkflowPlan::draw(dice, number)).collect(),
            mishaps: 2 + dice.below(2),
            checkpoint_bytes: 1024 << dice.below(5),
            segment_bytes: 4096 << dice.below(3),
        }
    }

    pub(crate) fn of(&self, workflow: &str) -> Option<&WorkflowPlan> {
        self.workflows.iter().find(|plan| plan.id == workflow)
    }
}

impl WorkflowPlan {
    fn draw(dice: &SeededIds, number: u64) -> Self {
        let id = format!("w{number}-{}", dice.below(1_000_000));
        let steps = (0..1 + dice.below(3)).map(|step| Step::draw(dice, step)).collect();
        let signals = (0..dice.below(3)).map(|signal| format!("s{signal}")).collect();
        Self {
            id,
            begins_ms: dice.below(40),
            steps,
            signals,
            pause_ms: dice.below(60),
            cancel: dice.below(6) == 0,
            again: dice.below(4) == 0,
            ballast: usize::try_from(dice.below(1500)).expect("small"),
        }
    }
}

impl Step {
    fn draw(dice: &SeededIds, step: u64) -> Self {
        match dice.below(3) {
            0 => Self::Timer(format!("t{step}"), 1 + dice.below(150)),
            _ => Self::Activities((0..1 + dice.below(2)).map(|number| format!("a{step}-{number}")).collect()),
        }
    }
}

impl Deed {
    /// In peace everything gets done.
    pub(crate) fn draw(dice: &SeededIds, calm: bool) -> Self {
        match dice.below(12) {
            0 if !calm => Self::Vanish,
            1 | 2 if !calm => Self::Fail,
            3 => Self::GiveBack,
            4..=6 => Self::HeartbeatAndComplete,
            _ => Self::Complete,
        }
    }
}
