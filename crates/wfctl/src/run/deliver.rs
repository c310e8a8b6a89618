//! `wfctl run plan-patch-pr` and `wfctl run incident`: the workflows that change code.

use std::path::PathBuf;

use clap::Args;
use weft_worker::{
    model::{Alert, Confidence},
    workflow::{IncidentRequest, IncidentSwarmWorkflow, PlanPatchPrRequest, PlanPatchPrWorkflow},
};

use super::{BarArgs, Common, bar, begin, house, read, repository};
use crate::session::Connected;

#[derive(Args, Debug)]
pub(crate) struct PlanPatchPrArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    bar: BarArgs,
    /// What is wanted, in words
    #[arg(long, value_name = "TEXT")]
    requirement: String,
    /// Show people the plan before anything is done
    #[arg(long)]
    approve_plan: bool,
    /// Merge the pull request if it passes the gate
    #[arg(long)]
    auto_merge: bool,
    /// Have the change reviewed before it is published; what is found goes back, twice at most
    #[arg(long)]
    review: bool,
}

#[derive(Args, Debug)]
pub(crate) struct IncidentArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    bar: BarArgs,
    /// The alert, as JSON in a file
    #[arg(long, value_name = "FILE")]
    alert: PathBuf,
    /// Agents that think about it independently
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    agents: u32,
    /// Make a hotfix if the cause is known well enough
    #[arg(long)]
    auto_fix: bool,
    /// How sure one must be for that, from 0 to 1
    #[arg(long, value_name = "NUMBER", default_value = "0.7", value_parser = confidence)]
    threshold: Confidence,
}

pub(super) async fn plan_patch_pr(session: &Connected, args: PlanPatchPrArgs) -> anyhow::Result<()> {
    let mut house = house(&args.common)?;
    if args.review {
        house.review.get_or_insert_default();
    }
    let request = PlanPatchPrRequest {
        repository: repository(&args.common.repo)?,
        base: args.common.base.clone(),
        requirement: args.requirement,
        auto_merge: args.auto_merge,
        approve_plan: args.approve_plan,
        bar: bar(&args.bar),
        house,
    };
    begin(session, &args.common, "plan-patch-pr", PlanPatchPrWorkflow::run, request).await
}

pub(super) async fn incident(session: &Connected, args: IncidentArgs) -> anyhow::Result<()> {
    let alert: Alert = read("--alert", &args.alert)?;
    let request = IncidentRequest {
        repository: repository(&args.common.repo)?,
        base: args.common.base.clone(),
        alert,
        num_diagnostic_agents: args.agents,
        auto_fix: args.auto_fix,
        threshold: args.threshold,
        bar: bar(&args.bar),
        house: house(&args.common)?,
    };
    begin(session, &args.common, "incident", IncidentSwarmWorkflow::run, request).await
}

fn confidence(text: &str) -> Result<Confidence, String> {
    let value: f64 = text.parse().map_err(|error| format!("{error}"))?;
    Confidence::new(value).ok_or_else(|| format!("{value} is not between 0 and 1"))
}
