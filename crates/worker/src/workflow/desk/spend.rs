//! Steps that cost something: an agent is chosen, the cost is set aside, the call is made, and what it did cost is
//! booked.

use std::collections::BTreeSet;

use weft::{Ctx, Result};

use super::{
    AtDesk, BUDGET_EXHAUSTED, Desk, NO_AGENT, ask, failed, failure::agreed, now_ms, set_status, step, tell,
    wait_for_people,
};
use crate::{
    approval::Question,
    budget::{Refused, ReservationId},
    model::{Billed, Spend},
    progress::{Status, StepState},
    routing::{Agent, AgentType, Need, Unroutable},
};

/// A step, before anybody does it.
#[derive(Clone, Debug)]
pub struct Work {
    /// `patch/issue-1`
    pub step: String,
    pub title: String,
    /// What it may cost.
    pub want: Spend,
    /// Who can do it; `None` is anybody.
    pub need: Option<Need>,
}

impl Work {
    /// A step for any agent of a type.
    pub(in crate::workflow) fn of(step: &str, title: &str, agent_type: AgentType, want: Spend) -> Self {
        let need = Some(Need { agent_type, skills: BTreeSet::new() });
        Self { step: step.to_owned(), title: title.to_owned(), want, need }
    }
}

/// Does a step: `call` is given the task queue of the chosen agent, if agents are known.
///
/// # Errors
/// Those of the call; and when nobody can do it, the budget ends, or people say no.
pub async fn spend<S: AtDesk, T, F: Future<Output = Result<Billed<T>>>>(
    ctx: &Ctx<S>,
    work: Work,
    call: impl FnOnce(Option<String>) -> F,
) -> Result<T> {
    step(ctx, &work.step, &work.title, StepState::Waiting, "");
    let agent = assign(ctx, &work).await?;
    let reserved = match reserve(ctx, &work).await {
        Ok(reserved) => reserved,
        Err(error) => {
            release(ctx, agent.as_ref(), false);
            step(ctx, &work.step, &work.title, StepState::Failed, &error.root().to_string());
            return Err(error);
        }
    };
    step(ctx, &work.step, &work.title, StepState::Running, "");
    let result = call(agent.as_ref().map(|agent| agent.task_queue.clone())).await;
    release(ctx, agent.as_ref(), result.as_ref().is_ok_and(|billed| billed.fruitful));
    match result {
        Ok(billed) => {
            ctx.with_mut(|state| state.desk_mut().budget.settle(reserved, billed.spent, billed.fruitful));
            step(ctx, &work.step, &work.title, StepState::Done, "");
            Ok(billed.value)
        }
        // Nobody knows what it did before it failed.
        Err(error) => {
            ctx.with_mut(|state| state.desk_mut().budget.forfeit(reserved));
            step(ctx, &work.step, &work.title, StepState::Failed, &error.root().to_string());
            Err(error)
        }
    }
}

async fn assign<S: AtDesk>(ctx: &Ctx<S>, work: &Work) -> Result<Option<Agent>> {
    let Some(need) = &work.need else { return Ok(None) };
    if ctx.with(|state| state.desk().roster.is_empty()) {
        return Ok(None);
    }
    loop {
        match ctx.with_mut(|state| state.desk_mut().roster.assign(need)) {
            Ok(agent) => return Ok(Some(agent)),
            Err(Unroutable::Busy) => {
                let need = need.clone();
                ctx.wait_until(move |state: &S| state.desk().roster.has_room(&need)).await?;
            }
            Err(error @ Unroutable::Nobody { .. }) => return Err(failed(NO_AGENT, error.to_string())),
        }
    }
}

fn release<S: AtDesk>(ctx: &Ctx<S>, agent: Option<&Agent>, succeeded: bool) {
    if let Some(agent) = agent {
        ctx.with_mut(|state| state.desk_mut().roster.ended(&agent.id, succeeded));
    }
}

/// Sets aside what the step may cost, whatever has to be waited for.
async fn reserve<S: AtDesk>(ctx: &Ctx<S>, work: &Work) -> Result<ReservationId> {
    loop {
        // A no is for all steps: nobody is asked the same again.
        if let Some(no) = ctx.with(|state| state.desk().declined.clone()) {
            agreed(&no, "the budget")?;
        }
        let now = now_ms(ctx);
        let refused = match ctx.with_mut(|state| state.desk_mut().budget.reserve(&work.step, work.want, now)) {
            Ok(reserved) => return Ok(reserved),
            Err(refused) => refused,
        };
        match refused {
            Refused::Full { running } => {
                ctx.wait_until(move |state: &S| state.desk().budget.running() < running).await?;
            }
            // One question at a time: who comes second sees how the first was answered.
            Refused::Soft { .. } if ctx.with(|state| state.desk().approvals.open().is_some()) => {
                ctx.wait_until(|state: &S| state.desk().approvals.open().is_none()).await?;
            }
            Refused::Soft { meter, .. } => {
                let question =
                    Question { id: format!("budget/{}", meter.name()), what: refused.to_string(), subject: None };
                let decision = ask(ctx, question).await?;
                if let Err(no) = agreed(&decision, &refused.to_string()) {
                    ctx.with_mut(|state| state.desk_mut().declined = Some(decision));
                    return Err(no);
                }
                ctx.with_mut(|state| state.desk_mut().budget.lift(meter));
            }
            Refused::Hard { .. } | Refused::Stalled { .. } => stop(ctx, &refused).await?,
        }
    }
}

/// Stands still until people let it go on, with what they gave.
async fn stop<S: AtDesk>(ctx: &Ctx<S>, refused: &Refused) -> Result<()> {
    tell(ctx, format!("stopped: {refused}"));
    let (patience, resumed) = ctx.with(|state| (state.desk().house.patience, state.desk().resumed));
    set_status(ctx, Status::Stopped);
    let goes_on = move |desk: &Desk| desk.resumed > resumed || desk.approvals.aborted().is_some();
    let came = wait_for_people(ctx, patience, goes_on).await?;
    set_status(ctx, Status::Running);
    if came { Ok(()) } else { Err(failed(BUDGET_EXHAUSTED, refused.to_string())) }
}
