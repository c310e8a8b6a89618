//! `wfctl run …`: workflows of the software-engineering worker, with what happens in them as it happens; and what
//! people say to them: `approve`, `reject`, `abort`, `resume`, `budget`.
//!
//! The workflows all have the same signals and queries, so one type stands for all of them here.

mod deliver;
pub(crate) mod follow;
mod migrate;
mod say;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use weft_client::{Client, IntoArgs, NamesWorkflow, WorkflowDefinition};
use weft_env::{Ids, RealIds};
use weft_worker::{
    model::{Percent, QualityThresholds},
    quality::Bar,
    serve::QUEUE,
    workflow::{GateRequest, QualityGateWorkflow, desk::House},
};

use crate::{exit::Failure, session::Connected};

pub(crate) use say::{AbortArgs, AnswerArgs, BudgetArgs, ResumeArgs, abort, approve, budget, reject, resume};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Check a branch: tests, lint, coverage and more, at once
    #[command(after_help = "Needs a worker: weft-worker --folder DIR\n\n\
        Examples:\n  wfctl run quality-gate --repo ~/src/shop.git --branch feature/lamp\n  \
        wfctl run quality-gate --repo ~/src/shop.git --branch feature/lamp --pr 7 --required-coverage 90")]
    QualityGate(QualityGateArgs),
    /// From a requirement to a pull request: design, plan, patches, quality gate
    #[command(after_help = "Needs a worker: weft-worker --folder DIR\n\n\
        Examples:\n  wfctl run plan-patch-pr --repo ~/src/shop.git --requirement 'Fix rounding in money.py'\n  \
        wfctl run plan-patch-pr --repo ~/src/shop.git --requirement 'Add a page' --approve-plan")]
    PlanPatchPr(deliver::PlanPatchPrArgs),
    /// From an alert to a hotfix, or to an issue for people
    #[command(after_help = "Needs a worker: weft-worker --folder DIR\n\n\
        Example:\n  wfctl run incident --repo ~/src/shop.git --alert alert.json --auto-fix\n\n\
        alert.json: {\"id\": \"alert-1\", \"severity\": \"critical\", \"service\": \"api\", \"message\": \"…\",\n  \
        \"timestamp\": \"2024-01-15T14:32:00Z\", \"metrics\": {\"error_rate\": 15.5}, \"logs\": [\"…\"]}")]
    Incident(deliver::IncidentArgs),
    /// Bring a code base to another version of something, step by step
    #[command(after_help = "Needs a worker: weft-worker --folder DIR\n\n\
        Examples:\n  wfctl run migrate python3-migration --from 2.7 --to 3.11 --repo ~/src/shop.git\n  \
        wfctl run migrate rust-edition --from 2018 --to 2021 --repo ~/src/half.git --approve-plan")]
    Migrate(migrate::MigrateArgs),
    /// Look on at a run that was started before
    #[command(after_help = "Example:\n  wfctl run follow quality-gate-1a2b3c4d")]
    Follow(FollowArgs),
}

#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Git repository, where the workers find it
    #[arg(long, value_name = "PATH")]
    repo: PathBuf,
    /// Branch that the change is for
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    base: String,
    /// Workflow id [default: a new one]
    #[arg(long, value_name = "WORKFLOW_ID")]
    id: Option<String>,
    /// Task queue of the workers
    #[arg(long, value_name = "NAME", default_value = QUEUE)]
    queue: String,
    /// Limits, patience and agents, as JSON in a file
    #[arg(long, value_name = "FILE")]
    house: Option<PathBuf>,
    /// Start it and go
    #[arg(long)]
    detach: bool,
}

/// What a change must satisfy.
#[derive(Args, Debug)]
pub(crate) struct BarArgs {
    /// Coverage that is needed, in percent
    #[arg(long, value_name = "PERCENT", default_value = "80", value_parser = percent)]
    required_coverage: Percent,
    /// Score that is needed
    #[arg(long, value_name = "PERCENT", default_value = "85", value_parser = percent)]
    required_score: Percent,
}

#[derive(Args, Debug)]
pub(crate) struct QualityGateArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    bar: BarArgs,
    /// Branch that is checked
    #[arg(long, value_name = "BRANCH")]
    branch: String,
    /// Pull request that is told
    #[arg(long, value_name = "NUMBER")]
    pr: Option<u64>,
    /// Mend nothing
    #[arg(long)]
    no_auto_fix: bool,
}

#[derive(Args, Debug)]
pub(crate) struct FollowArgs {
    /// The workflow
    #[arg(value_name = "WORKFLOW_ID")]
    workflow_id: String,
}

pub(crate) async fn run(session: &Connected, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::QualityGate(args) => quality_gate(session, args).await,
        Verb::PlanPatchPr(args) => deliver::plan_patch_pr(session, args).await,
        Verb::Incident(args) => deliver::incident(session, args).await,
        Verb::Migrate(args) => migrate::migrate(session, args).await,
        Verb::Follow(args) => follow::follow(session, &args.workflow_id).await,
    }
}

async fn quality_gate(session: &Connected, args: QualityGateArgs) -> anyhow::Result<()> {
    let request = GateRequest {
        repository: repository(&args.common.repo)?,
        branch: args.branch,
        base: args.common.base.clone(),
        pr_number: args.pr,
        attempt_auto_fix: !args.no_auto_fix,
        bar: bar(&args.bar),
        house: house(&args.common)?,
    };
    begin(session, &args.common, "quality-gate", QualityGateWorkflow::run, request).await
}

async fn begin<N: NamesWorkflow>(
    session: &Connected,
    common: &Common,
    prefix: &str,
    workflow: N,
    request: impl IntoArgs<<N::Workflow as WorkflowDefinition>::Args>,
) -> anyhow::Result<()> {
    let id = common.id.clone().unwrap_or_else(|| fresh(prefix));
    let client: &Client = &session.client;
    client.start_workflow(workflow, request).id(&id).task_queue(&common.queue).await?;
    if !common.detach {
        return follow::follow(session, &id).await;
    }
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&serde_json::json!({ "workflowId": id }))?);
    }
    Ok(output.line(format_args!("started {id}; look on with `wfctl run follow {id}`"))?)
}

fn fresh(prefix: &str) -> String {
    let id: String = RealIds.uuid().simple().to_string().chars().take(8).collect();
    format!("{prefix}-{id}")
}

/// Absolute, because the worker's folder is another one.
fn repository(path: &Path) -> anyhow::Result<String> {
    let named = path.display();
    let path = path.canonicalize().map_err(|error| Failure::usage(format!("--repo {named}: {error}")))?;
    path.to_str().map(str::to_owned).with_context(|| format!("--repo {named} is not UTF-8"))
}

fn bar(args: &BarArgs) -> Bar {
    let (required_coverage, required_score) = (args.required_coverage, args.required_score);
    Bar { thresholds: QualityThresholds { required_coverage, required_score }, ..Bar::default() }
}

fn house(common: &Common) -> anyhow::Result<House> {
    common.house.as_ref().map_or_else(|| Ok(House::default()), |path| read("--house", path))
}

/// JSON in a file.
fn read<T: DeserializeOwned>(option: &str, path: &Path) -> anyhow::Result<T> {
    let bad = |error: &dyn std::fmt::Display| Failure::usage(format!("{option} {}: {error}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| bad(&error))?;
    Ok(serde_json::from_slice(&bytes).map_err(|error| bad(&error))?)
}

fn percent(text: &str) -> Result<Percent, String> {
    let value: f64 = text.parse().map_err(|error| format!("{error}"))?;
    Percent::try_from(value).map_err(|error| error.to_string())
}
