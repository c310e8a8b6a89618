//! `PlanPatchPRWorkflow`: from a requirement to a pull request.
//!
//! ```text
//! design ─► plan ─► (approval) ─► wave by wave: patches, at once ─► merge ─┬► quality gate, a child ─► pull request ─► (merge)
//!                                          ▲        conflicting ones again │
//!                                          └───────────────────────────────┘
//! ```
//!
//! Where the house wants it, the change is reviewed before the gate, and goes back to a coder with what was found.
//!
//! A saga: when it fails, is aborted or cancelled, the pull request is closed and the run's branches go.
//! Everything that is made names the hash of the plan that was approved.

mod deliver;
mod describe;
mod review;

use serde::{Deserialize, Serialize};
use weft::{Ctx, Result, workflow};

use super::desk::{self, AtDesk, Desk, House};
use crate::{
    approval::Question,
    model::{ContentHash, Plan, PrResult},
    quality::Bar,
};

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPatchPrRequest {
    pub repository: String,
    /// What the pull request is to be merged into.
    pub base: String,
    pub requirement: String,
    /// A pull request that passes the gate is merged without asking.
    #[serde(default)]
    pub auto_merge: bool,
    /// People see the plan before anything is done.
    #[serde(default)]
    pub approve_plan: bool,
    #[serde(default)]
    pub bar: Bar,
    #[serde(default)]
    pub house: House,
}

/// A plan and its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanShown {
    pub plan: Plan,
    /// What an approval names.
    pub hash: ContentHash,
}

/// See the module.
#[derive(Debug, Default)]
pub struct PlanPatchPrWorkflow {
    desk: Desk,
    plan: Option<Plan>,
}

impl AtDesk for PlanPatchPrWorkflow {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }
}

/// Names the question whether the plan is good.
const PLAN_QUESTION: &str = "plan";

impl PlanPatchPrWorkflow {
    fn question(plan: &Plan) -> Question {
        let issues: Vec<&str> = plan.issues.iter().map(|issue| issue.title.as_str()).collect();
        let what = format!("Is this plan good? {}", issues.join("; "));
        Question { id: PLAN_QUESTION.to_owned(), what, subject: Some(plan.hash()) }
    }
}

#[workflow(name = "PlanPatchPRWorkflow", with = desk::handlers)]
impl PlanPatchPrWorkflow {
    #[run]
    pub async fn run(ctx: Ctx<Self>, request: PlanPatchPrRequest) -> Result<PrResult> {
        desk::open(&ctx, request.house.clone());
        desk::abortable(&ctx, |ctx| deliver::deliver(ctx, request)).await
    }

    /// Puts another plan in the place of the one that people are asked about. They are asked about the new one then.
    #[signal]
    pub async fn edit_plan(ctx: Ctx<Self>, plan: Plan) {
        let is_open = |it: &Self| it.desk.approvals.open().is_some_and(|question| question.id == PLAN_QUESTION);
        if !ctx.with(is_open) {
            desk::tell(&ctx, "an edited plan was ignored: no plan is asked about");
        } else if let Err(fault) = plan.waves() {
            desk::tell(&ctx, format!("an edited plan was ignored: {fault}"));
        } else {
            desk::tell(&ctx, format!("the plan was edited: it is {} now", plan.hash().short()));
            ctx.with_mut(|state| {
                state.desk.approvals.ask(Self::question(&plan));
                state.plan = Some(plan);
            });
        }
    }

    /// The plan as it stands.
    #[query]
    pub fn plan(&self) -> Option<PlanShown> {
        self.plan.clone().map(|plan| PlanShown { hash: plan.hash(), plan })
    }
}
