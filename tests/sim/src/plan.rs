//! What the clients and workers of one seed want: workflows with their steps, signals and mishaps.
//!
//! Invariant: a plan does not depend on what the node answers, so it is the same before and after a crash.

use std::sync::Arc;

use weft_env::SeededIds;

use crate::{
    cluster::Size,
    fork::{self, ForkPlan},
    job::JobPlan,
    pause::PausePlan,
    reset::ResetPlan,
    schedule::SchedulePlan,
    update::UpdatePlan,
};

pub(crate) struct Plan {
    pub(crate) shards: u16,
    pub(crate) workflows: Vec<WorkflowPlan>,
    /// Workflows that others start.
    pub(crate) children: Vec<WorkflowPlan>,
    /// Workflows that are forked from others.
    pub(crate) forks: Vec<WorkflowPlan>,
    pub(crate) job: Option<JobPlan>,
    pub(crate) schedule: Option<SchedulePlan>,
    /// Incarnations that end with a mishap; one more in peace follows.
    pub(crate) mishaps: u64,
    pub(crate) checkpoint_bytes: u64,
    pub(crate) segment_bytes: u64,
}

#[derive(Default)]
pub(crate) struct WorkflowPlan {
    pub(crate) id: String,
    pub(crate) begins_ms: u64,
    /// Shared with its forks.
    pub(crate) steps: Arc<Vec<Step>>,
    /// It has a part of another's history, and goes on by itself.
    pub(crate) is_fork: bool,
    /// The workflow ends when it has all of them.
    pub(crate) signals: Vec<String>,
    /// … and these, which other workflows send.
    pub(crate) tells: Vec<String>,
    pub(crate) pause_ms: u64,
    pub(crate) cancel: bool,
    /// A second start with another request id, which may come too early.
    pub(crate) again: bool,
    pub(crate) resets: Vec<ResetPlan>,
    /// The workflow ends when it has had those that it does not reject.
    pub(crate) updates: Vec<UpdatePlan>,
    pub(crate) pauses: Vec<PausePlan>,
    pub(crate) forks: Vec<ForkPlan>,
    pub(crate) ballast: usize,
}

pub(crate) enum Step {
    Activities(Vec<String>),
    /// Timers that start together, by their ids, with the milliseconds that they last.
    Timers(Vec<(String, u64)>),
    /// Children, by their workflow ids.
    Children(Vec<String>),
    Tell(Tell),
}

/// A signal to another workflow.
pub(crate) struct Tell {
    pub(crate) name: String,
    pub(crate) whom: String,
    /// It is sent again until it has arrived: it will be waited for.
    pub(crate) insists: bool,
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
        let mut workflows: Vec<_> = (0..count).map(|number| WorkflowPlan::draw(dice, number)).collect();
        tell_each_other(dice, &mut workflows);
        let children = bear_children(dice, &mut workflows);
        let forks = workflows.iter().flat_map(|plan| plan.forks.iter().map(|it| fork::plan_of(plan, it))).collect();
        let job = JobPlan::draw(dice, &mut workflows);
        Self {
            shards: u16::try_from(1 + dice.below(2)).expect("at most two"),
            workflows,
            children,
            forks,
            job,
            mishaps: 2 + dice.below(2),
            checkpoint_bytes: 1024 << dice.below(5),
            segment_bytes: 4096 << dice.below(3),
            schedule: SchedulePlan::draw(dice),
        }
    }

    /// What workers of a cluster do: steps, children, signals to each other, updates, resets, schedules, and no more.
    pub(crate) fn of_errands(dice: &SeededIds, size: Size) -> Self {
        let count = size.times(2 + dice.below(2), 60);
        let mut workflows: Vec<_> = (0..count).map(|number| WorkflowPlan::errand(dice, number)).collect();
        tell_each_other(dice, &mut workflows);
        let children = bear_children(dice, &mut workflows);
        // Nobody else knows those that are reset: what they are told, and tell, is told again.
        let count = size.times(dice.below(3), 6);
        workflows.extend((0..count).map(|number| WorkflowPlan::astray(dice, number)));
        for plan in &mut workflows {
            plan.begins_ms = size.times(plan.begins_ms, 20);
        }
        Self {
            shards: 1,
            workflows,
            children,
            forks: Vec::new(),
            job: None,
            schedule: SchedulePlan::draw(dice),
            mishaps: 0,
            checkpoint_bytes: 0,
            segment_bytes: 0,
        }
    }

    /// Whether another workflow starts it.
    pub(crate) fn is_child(&self, workflow: &str) -> bool {
        self.children.iter().any(|plan| plan.id == workflow)
    }

    pub(crate) fn of(&self, workflow: &str) -> Option<&WorkflowPlan> {
        let scheduled = self.schedule.as_ref().map(|schedule| &schedule.workflow);
        let scheduled = scheduled.filter(|plan| workflow.starts_with(&plan.id));
        self.workflows.iter().chain(&self.children).chain(&self.forks).find(|plan| plan.id == workflow).or(scheduled)
    }
}

/// Some workflows tell the next one something, which waits for it.
fn tell_each_other(dice: &SeededIds, workflows: &mut [WorkflowPlan]) {
    for number in 0..workflows.len() {
        if dice.below(2) == 0 {
            continue;
        }
        let next = (number + 1) % workflows.len();
        let ends = !workflows[next].cancel && !workflows[number].cancel;
        // Whoever is reset may tell it again when nobody is there to listen any more.
        let insists = next != number && ends && workflows[number].resets.is_empty();
        let tell = Tell { name: format!("tell-{number}"), whom: workflows[next].id.clone(), insists };
        if insists {
            workflows[next].tells.push(tell.name.clone());
        }
        steps_of(&mut workflows[number]).push(Step::Tell(tell));
    }
}

/// Some workflows leave part of their work to children, and some of these to children of their own, who have none.
fn bear_children(dice: &SeededIds, workflows: &mut [WorkflowPlan]) -> Vec<WorkflowPlan> {
    let mut children = Vec::new();
    for plan in workflows {
        if dice.below(2) == 0 {
            continue;
        }
        for mut child in bear(dice, plan) {
            if dice.below(3) == 0 {
                children.extend(bear(dice, &mut child));
            }
            children.push(child);
        }
    }
    children
}

/// One or two children, for whom their parent waits at one of its steps.
fn bear(dice: &SeededIds, parent: &mut WorkflowPlan) -> Vec<WorkflowPlan> {
    let ids: Vec<_> = (0..1 + dice.below(2)).map(|number| format!("{}-child{number}", parent.id)).collect();
    let children = ids.iter().map(|id| WorkflowPlan::child(dice, id)).collect();
    let place = usize::try_from(dice.below(parent.steps.len() as u64 + 1)).expect("small");
    steps_of(parent).insert(place, Step::Children(ids));
    children
}

/// The steps of a plan that has no forks yet.
fn steps_of(plan: &mut WorkflowPlan) -> &mut Vec<Step> {
    Arc::get_mut(&mut plan.steps).expect("nobody shares them while the plan is made")
}

impl WorkflowPlan {
    /// A workflow that another one, or a schedule, starts, and that only does one thing.
    pub(crate) fn child(dice: &SeededIds, id: &str) -> Self {
        Self { id: id.to_owned(), steps: Arc::new(vec![Step::draw(dice, 0)]), ..Self::default() }
    }

    fn errand(dice: &SeededIds, number: u64) -> Self {
        let steps = (0..1 + dice.below(2)).map(|step| Step::draw(dice, step).slowly()).collect();
        let (id, begins_ms) = (format!("e{number}-{}", dice.below(1_000_000)), dice.below(3000));
        let updates = UpdatePlan::draw_some(dice, 0);
        Self { id, begins_ms, steps: Arc::new(steps), updates, ..Self::default() }
    }

    /// One that is reset on its way.
    fn astray(dice: &SeededIds, number: u64) -> Self {
        let signals: Vec<_> = (0..1 + dice.below(2)).map(|signal| format!("s{signal}")).collect();
        let resets = (0..1 + dice.below(2)).map(|_| ResetPlan::draw(dice, signals.len())).collect();
        Self {
            id: format!("r{number}-{}", dice.below(1_000_000)),
            updates: Vec::new(),
            signals,
            resets,
            ..Self::errand(dice, number)
        }
    }

    fn draw(dice: &SeededIds, number: u64) -> Self {
        let id = format!("w{number}-{}", dice.below(1_000_000));
        let steps = (0..1 + dice.below(3)).map(|step| Step::draw(dice, step)).collect();
        let signals: Vec<_> = (0..dice.below(3)).map(|signal| format!("s{signal}")).collect();
        let again = dice.below(4) == 0;
        // A start in between would make the node forget the request id of a reset.
        let resets = if again { Vec::new() } else { ResetPlan::draw_some(dice, signals.len()) };
        let updates = UpdatePlan::draw_some(dice, signals.len());
        let pauses = PausePlan::draw_some(dice, signals.len());
        let forks = ForkPlan::draw_some(dice, &id, signals.len());
        Self {
            id,
            begins_ms: dice.below(40),
            steps: Arc::new(steps),
            is_fork: false,
            signals,
            tells: Vec::new(),
            pause_ms: dice.below(60),
            cancel: dice.below(6) == 0,
            again,
            resets,
            updates,
            pauses,
            forks,
            ballast: usize::try_from(dice.below(1500)).expect("small"),
        }
    }
}

impl Step {
    fn draw(dice: &SeededIds, step: u64) -> Self {
        match dice.below(3) {
            0 => Self::Timers(timers(dice, step)),
            _ => Self::Activities((0..1 + dice.below(2)).map(|number| format!("a{step}-{number}")).collect()),
        }
    }

    /// Timers of a cluster, which takes longer to find another leader, last longer.
    fn slowly(self) -> Self {
        match self {
            Self::Timers(timers) => Self::Timers(timers.into_iter().map(|(id, ms)| (id, ms * 20)).collect()),
            other @ (Self::Activities(_) | Self::Children(_) | Self::Tell(_)) => other,
        }
    }
}

/// One timer, or a fan of several; those of some fans are all due at once.
fn timers(dice: &SeededIds, step: u64) -> Vec<(String, u64)> {
    let count = if dice.below(2) == 0 { 1 } else { 2 + dice.below(6) };
    let together = (dice.below(3) == 0).then(|| 1 + dice.below(150));
    let lasts = || together.unwrap_or_else(|| 1 + dice.below(150));
    (0..count).map(|number| (format!("t{step}-{number}"), lasts())).collect()
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
