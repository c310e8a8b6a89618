//! The desk of a run: its approvals, budget, agents and progress, and the waiting that goes with them.
//!
//! A workflow keeps a [`Desk`] in its state ([`AtDesk`]) and is marked `#[workflow(with = desk::handlers)]`, which gives
//! it the signals and queries of [`Attended`]. Everything that waits is here, everything that decides is in
//! [`crate::approval`], [`crate::budget`] and [`crate::routing`].

mod failure;
mod handlers;
mod spend;

use std::time::{Duration, SystemTime};

use futures::future::{Either, select};
use weft::{Ctx, Result};

pub use failure::{ABORTED, APPROVAL_TIMEOUT, BUDGET_EXHAUSTED, NO_AGENT, REJECTED, failed};
pub(crate) use failure::{agreed, ends_run};
pub use handlers::{Attended, handlers};
pub use spend::{Work, spend};

use crate::{
    approval::{Approvals, Decision, Note, Patience, Question},
    budget::{Budget, Limits},
    model::Spend,
    progress::{Progress, Status, StepState, Timeline},
    routing::{Agent, Roster},
};

/// What a run is given beside its own task.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct House {
    pub limits: Limits,
    pub patience: Patience,
    /// Who does the steps; without any, the workers of the workflow's own queue.
    pub agents: Vec<Agent>,
    /// Changes are reviewed before they are published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewPolicy>,
}

/// How changes are reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReviewPolicy {
    /// How often a change goes back to a coder; then a person decides.
    pub rounds: u32,
}

impl Default for ReviewPolicy {
    fn default() -> Self {
        Self { rounds: 2 }
    }
}

/// The state that all workflows share.
#[derive(Debug)]
pub struct Desk {
    pub approvals: Approvals,
    pub budget: Budget,
    pub progress: Progress,
    pub timeline: Timeline,
    pub roster: Roster,
    house: House,
    /// How often people have said that it may go on.
    resumed: u64,
    /// People would not have it spend more.
    declined: Option<Decision>,
}

impl Default for Desk {
    fn default() -> Self {
        Self::new(House::default(), 0)
    }
}

impl Desk {
    fn new(house: House, now_ms: u64) -> Self {
        Self {
            approvals: Approvals::default(),
            budget: Budget::new(house.limits, now_ms),
            progress: Progress::default(),
            timeline: Timeline::default(),
            roster: Roster::new(house.agents.clone()),
            house,
            resumed: 0,
            declined: None,
        }
    }
}

/// A workflow that has a desk.
pub trait AtDesk: 'static {
    fn desk(&self) -> &Desk;
    fn desk_mut(&mut self) -> &mut Desk;
}

/// Milliseconds since the Unix epoch, of the workflow's time.
#[must_use]
pub fn now_ms<S: AtDesk>(ctx: &Ctx<S>) -> u64 {
    let since = ctx.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Begins: signals that came before are kept.
pub fn open<S: AtDesk>(ctx: &Ctx<S>, house: House) {
    let now = now_ms(ctx);
    ctx.with_mut(|state| {
        let desk = state.desk_mut();
        let approvals = std::mem::take(&mut desk.approvals);
        let timeline = std::mem::take(&mut desk.timeline);
        *desk = Desk { approvals, timeline, ..Desk::new(house, now) };
    });
}

/// What a child is given that may spend so much of this run's budget.
#[must_use]
pub fn house_of_child<S: AtDesk>(ctx: &Ctx<S>, spend: Spend) -> House {
    let now = now_ms(ctx);
    ctx.with(|state| {
        let desk = state.desk();
        House { limits: desk.budget.share(spend, now), ..desk.house.clone() }
    })
}

/// What comes next, for whoever looks on.
pub fn phase<S: AtDesk>(ctx: &Ctx<S>, phase: &str) {
    tell(ctx, format!("phase: {phase}"));
    ctx.with_mut(|state| state.desk_mut().progress.phase = phase.to_owned());
}

/// How a step stands.
pub fn step<S: AtDesk>(ctx: &Ctx<S>, id: &str, title: &str, state: StepState, detail: &str) {
    if !matches!(state, StepState::Waiting) {
        let state = format!("{state:?}").to_lowercase();
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        tell(ctx, format!("{id} {state}{detail}"));
    }
    ctx.with_mut(|it| it.desk_mut().progress.step(id, title, state, detail));
}

/// Puts a line on the timeline.
pub fn tell<S: AtDesk>(ctx: &Ctx<S>, what: impl Into<String>) {
    let now = now_ms(ctx);
    ctx.with_mut(|state| state.desk_mut().timeline.add(now, what));
}

pub fn set_status<S: AtDesk>(ctx: &Ctx<S>, status: Status) {
    ctx.with_mut(|state| state.desk_mut().progress.status = status);
}

/// What people have added for the agents to know.
#[must_use]
pub fn notes<S: AtDesk>(ctx: &Ctx<S>) -> Vec<Note> {
    ctx.with(|state| state.desk().approvals.context().to_vec())
}

/// Asks people, reminds them, and gives up on them in the end.
///
/// # Errors
/// When the workflow is cancelled meanwhile.
pub async fn ask<S: AtDesk>(ctx: &Ctx<S>, question: Question) -> Result<Decision> {
    let (asked, patience, before) = ctx.with_mut(|state| {
        let desk = state.desk_mut();
        desk.approvals.ask(question.clone());
        let before = std::mem::replace(&mut desk.progress.status, Status::WaitingForApproval);
        (question, desk.house.patience, before)
    });
    tell(ctx, format!("asked {}: {}", asked.id, asked.what));
    wait_for_people(ctx, patience, |desk| desk.approvals.is_decided()).await?;
    let decision = ctx.with_mut(|state| {
        let desk = state.desk_mut();
        desk.progress.status = before;
        desk.approvals.close()
    });
    tell(ctx, format!("{}: {}", asked.id, failure::said(&decision)));
    Ok(decision)
}

/// Waits until people have done something, reminding them; `false` when they were waited for in vain. The time is not
/// the run's.
async fn wait_for_people<S: AtDesk>(
    ctx: &Ctx<S>,
    patience: Patience,
    done: impl Fn(&Desk) -> bool + Clone + 'static,
) -> Result<bool> {
    let began = now_ms(ctx);
    ctx.with_mut(|state| state.desk_mut().budget.wait_begins(began));
    let came = remind(ctx, patience, began, done).await;
    let ended = now_ms(ctx);
    ctx.with_mut(|state| state.desk_mut().budget.wait_ends(ended));
    came
}

async fn remind<S: AtDesk>(
    ctx: &Ctx<S>,
    patience: Patience,
    began_ms: u64,
    done: impl Fn(&Desk) -> bool + Clone + 'static,
) -> Result<bool> {
    let waited = || Duration::from_millis(now_ms(ctx).saturating_sub(began_ms));
    while let Some(next) = patience.next(waited()) {
        let done = done.clone();
        if ctx.wait_until_for(next, move |state: &S| done(state.desk())).await? {
            return Ok(true);
        }
        if patience.next(waited()).is_some() {
            tell(ctx, "reminded");
        }
    }
    Ok(false)
}

/// Runs a body that the signal `abort` cancels. What the body undoes is shielded from that.
///
/// # Errors
/// Those of the body; when it was aborted, a failure of the kind [`ABORTED`].
pub async fn abortable<S: AtDesk, T, F: Future<Output = Result<T>>>(
    ctx: &Ctx<S>,
    body: impl FnOnce(Ctx<S>) -> F,
) -> Result<T> {
    let scope = ctx.cancellable();
    let body = std::pin::pin!(body(scope.clone()));
    let aborted = ctx.wait_until(|state| state.desk().approvals.aborted().is_some());
    let result = match select(body, aborted).await {
        Either::Left((result, _)) => result,
        Either::Right((aborted, body)) => {
            if aborted.is_ok() {
                scope.cancel("aborted");
            }
            body.await
        }
    };
    let reason = ctx.with(|state| state.desk().approvals.aborted().map(str::to_owned));
    let result = match (result, reason) {
        // What was done before anybody could stop it is done.
        (Ok(done), _) => Ok(done),
        (Err(_), Some(reason)) => Err(failed(ABORTED, format!("aborted: {reason}"))),
        (Err(error), None) => Err(error),
    };
    set_status(ctx, if result.is_ok() { Status::Done } else { Status::Failed });
    if let Err(error) = &result {
        tell(ctx, format!("failed: {}", error.root()));
    }
    result
}
