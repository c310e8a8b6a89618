//! From a requirement to a plan.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use weft::{ActivityCtx, Result, activities};

use super::{
    Site,
    agents::{Attempt, asked, billed, facts, record},
    bench::{Bench, alive, of_repository},
};
use crate::{
    approval::Note,
    model::{Billed, Plan},
    provider::{
        self, PlanTask, Providers, Role,
        builtin::plan::{Facts, FailingTest},
    },
};

/// What is to be designed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesignRequest {
    pub site: Site,
    /// Branch that the work begins at.
    pub base: String,
    pub requirement: String,
    /// What people have added.
    pub notes: Vec<Note>,
}

/// What an architect makes of a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Design {
    /// In Markdown.
    pub text: String,
    pub components: Vec<String>,
    /// Where the base was when it was looked at: all work begins there, however the branch goes on.
    pub base_commit: String,
    /// Tests that fail there.
    #[serde(default)]
    pub failing: BTreeSet<FailingTest>,
}

/// What is to be planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRequest {
    pub site: Site,
    pub requirement: String,
    pub design: Design,
    pub notes: Vec<Note>,
}

/// Designs and plans.
pub struct Planning {
    bench: Bench,
    providers: Providers,
}

impl Planning {
    #[must_use]
    pub fn new(bench: Bench, providers: Providers) -> Self {
        Self { bench, providers }
    }
}

#[activities]
impl Planning {
    /// Looks at the repository first, and runs its tests to see which of them fail.
    #[activity]
    pub async fn design(&self, ctx: ActivityCtx, request: DesignRequest) -> Result<Billed<Design>> {
        let (number, agent) = (ctx.info().attempt, self.providers.of(Role::Design));
        alive(&ctx, |cancel| async move {
            let repository = self.bench.repository(&request.site).await?;
            repository.refuse_unclean().await.map_err(of_repository)?;
            let base_commit = repository.resolve(&request.base).await.map_err(of_repository)?;
            let facts = facts(&self.bench, &request.site, number, &base_commit, &cancel).await?;
            let (record, journal) =
                record(&self.bench, Attempt { site: &request.site, number }, agent, &cancel).await?;
            let failing = facts.failing.clone();
            let (requirement, notes) = (request.requirement, request.notes);
            let scribe = record.scribe.clone();
            let task = PlanTask { requirement, notes, facts, design: None, record };
            let said = asked(&cancel, &scribe, agent.design(task)).await?;
            Ok(billed(Design { text: said.text, components: said.components, base_commit, failing }, &journal))
        })
        .await
    }

    #[activity]
    pub async fn plan(&self, ctx: ActivityCtx, request: PlanRequest) -> Result<Billed<Plan>> {
        let (number, agent) = (ctx.info().attempt, self.providers.of(Role::Plan));
        alive(&ctx, |cancel| async move {
            let PlanRequest { site, requirement, design, notes } = request;
            let repository = self.bench.repository(&site).await?;
            let files = repository.files(&design.base_commit).await.map_err(of_repository)?;
            let (record, journal) = record(&self.bench, Attempt { site: &site, number }, agent, &cancel).await?;
            let facts = Facts { files, failing: design.failing };
            let scribe = record.scribe.clone();
            let said = provider::builtin::plan::Design { text: design.text, components: design.components };
            let task = PlanTask { requirement: requirement.clone(), notes, facts, design: Some(said.clone()), record };
            let plan = asked(&cancel, &scribe, agent.plan(task)).await?;
            // What was asked for and what was designed is known better here.
            Ok(billed(Plan { requirement, design: said.text, components: said.components, ..plan }, &journal))
        })
        .await
    }
}
