//! `CodeMigrationWorkflow`: a code base goes from one version of something to another, step by step.
//!
//! ```text
//! analysis ─► plan ─► (approval) ─► checks of the base ─► step by step: apply ─► verify ─┬─ passed ─► the branch goes forward
//!                                                                                      └─ failed ─► undo all, or leave it out
//!                                                                                                   and go on; too many: stop
//!                                                             all done ─► does it fit its base? ─► pull request
//! ```
//!
//! A saga: a failed step undoes all steps before it, in reverse, and the branch is gone. So does an abort, a no, and
//! everything else that keeps the run from its end.

mod describe;
mod line;
mod try_step;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use weft::{Ctx, Result, workflow};

use super::desk::{self, AtDesk, Desk, House};
use crate::{
    approval::Question,
    migration::{Rules, fault_of_edit},
    model::{CheckKind, ContentHash, MigrationPlan, MigrationRequest, MigrationResult, Percent, StepResult},
};

/// What is to be migrated, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeMigrationRequest {
    pub repository: String,
    /// What the pull request is to be merged into.
    pub base: String,
    /// The rule pack: one that comes with the worker, or `.weft/migrations/NAME.toml` of the repository.
    pub migration_type: String,
    pub source_version: String,
    pub target_version: String,
    /// Each step is tested before the next one; otherwise all of them at the end.
    #[serde(default = "yes")]
    pub incremental: bool,
    /// A step that fails undoes those before it; otherwise it alone is left out, as long as not too many fail.
    #[serde(default = "yes")]
    pub auto_rollback: bool,
    /// People see the plan before anything is done.
    #[serde(default)]
    pub approve_plan: bool,
    /// Of the plan's steps, so many may fail where they are left out.
    #[serde(default = "a_quarter")]
    pub failure_rate_max: Percent,
    /// What a step is tested by.
    #[serde(default = "tests")]
    pub checks: BTreeSet<CheckKind>,
    #[serde(default)]
    pub house: House,
}

fn yes() -> bool {
    true
}

/// The failure rate where nothing else is said.
#[must_use]
pub fn a_quarter() -> Percent {
    Percent::of(1, 4)
}

/// The checks where nothing else is said.
#[must_use]
pub fn tests() -> BTreeSet<CheckKind> {
    [CheckKind::UnitTests, CheckKind::IntegrationTests].into()
}

impl CodeMigrationRequest {
    fn migration(&self) -> MigrationRequest {
        MigrationRequest {
            migration_type: self.migration_type.clone(),
            source_version: self.source_version.clone(),
            target_version: self.target_version.clone(),
            incremental: self.incremental,
            auto_rollback: self.auto_rollback,
        }
    }

    fn rules(&self) -> Rules {
        Rules { auto_rollback: self.auto_rollback, failure_rate_max: self.failure_rate_max }
    }
}

/// A plan and its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationPlanShown {
    pub plan: MigrationPlan,
    /// What an approval names.
    pub hash: ContentHash,
}

/// See the module.
#[derive(Debug, Default)]
pub struct CodeMigrationWorkflow {
    desk: Desk,
    plan: Option<MigrationPlan>,
    /// Of the steps that were tried.
    results: Vec<StepResult>,
}

impl AtDesk for CodeMigrationWorkflow {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }
}

/// Names the question whether the plan is good.
const PLAN_QUESTION: &str = "plan";

impl CodeMigrationWorkflow {
    fn question(plan: &MigrationPlan) -> Question {
        let steps: Vec<&str> = plan.steps.iter().map(|step| step.title.as_str()).collect();
        let what = format!("Is this plan good? {}: {}", plan.name, steps.join("; "));
        Question { id: PLAN_QUESTION.to_owned(), what, subject: Some(plan.hash()) }
    }
}

#[workflow(with = desk::handlers)]
impl CodeMigrationWorkflow {
    #[run]
    pub async fn run(ctx: Ctx<Self>, request: CodeMigrationRequest) -> Result<MigrationResult> {
        desk::open(&ctx, request.house.clone());
        desk::abortable(&ctx, |ctx| line::migrate(ctx, request)).await
    }

    /// Leaves steps out of the plan that people are asked about, or changes their order. They are asked about the new
    /// one then.
    #[signal]
    pub async fn edit_plan(ctx: Ctx<Self>, plan: MigrationPlan) {
        let is_open = |it: &Self| it.desk.approvals.open().is_some_and(|question| question.id == PLAN_QUESTION);
        let asked = ctx.with(|state| state.plan.clone().filter(|_| is_open(state)));
        let Some(asked) = asked else {
            return desk::tell(&ctx, "an edited plan was ignored: no plan is asked about");
        };
        if let Some(fault) = fault_of_edit(&asked, &plan) {
            return desk::tell(&ctx, format!("an edited plan was ignored: {fault}"));
        }
        desk::tell(&ctx, format!("the plan was edited: it is {} now", plan.hash().short()));
        ctx.with_mut(|state| {
            state.desk.approvals.ask(Self::question(&plan));
            state.plan = Some(plan);
        });
    }

    /// The plan as it stands.
    #[query]
    pub fn plan(&self) -> Option<MigrationPlanShown> {
        self.plan.clone().map(|plan| MigrationPlanShown { hash: plan.hash(), plan })
    }

    /// What came of the steps so far.
    #[query]
    pub fn steps(&self) -> Vec<StepResult> {
        self.results.clone()
    }
}
