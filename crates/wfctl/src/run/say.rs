//! What people say to a run, and what they ask it about money.

use clap::Args;
use serde_json::json;
use weft_client::IntoArgs;
use weft_client::SignalDefinition;
use weft_worker::{
    approval::Answer,
    budget::Ceiling,
    model::ContentHash,
    workflow::{QualityGateWorkflow as Any, desk::Attended as _},
};

use crate::{exit::Failure, session::Connected};

#[derive(Args, Debug)]
pub(crate) struct AnswerArgs {
    /// The workflow
    #[arg(value_name = "WORKFLOW_ID")]
    workflow_id: String,
    /// Who says it [default: the user's name]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    note: String,
    /// Which question is meant; the open one where nothing is said
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Hash of what was looked at; the answer does not count if it has changed since
    #[arg(long, value_name = "HASH")]
    subject: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct AbortArgs {
    /// The workflow
    #[arg(value_name = "WORKFLOW_ID")]
    workflow_id: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "aborted by a person")]
    reason: String,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    /// The workflow
    #[arg(value_name = "WORKFLOW_ID")]
    workflow_id: String,
    /// So many tokens more
    #[arg(long, value_name = "NUMBER")]
    tokens: Option<u64>,
    /// So many millionths of a dollar more
    #[arg(long, value_name = "NUMBER")]
    cost_microdollars: Option<u64>,
    /// So many attempts more
    #[arg(long, value_name = "NUMBER")]
    attempts: Option<u64>,
    /// So many seconds more
    #[arg(long, value_name = "NUMBER")]
    wall_seconds: Option<u64>,
    /// So many calls of tools more
    #[arg(long, value_name = "NUMBER")]
    tool_calls: Option<u64>,
    /// So many steps at once more
    #[arg(long, value_name = "NUMBER")]
    fan_out: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct BudgetArgs {
    /// The workflow
    #[arg(value_name = "WORKFLOW_ID")]
    workflow_id: String,
}

pub(crate) async fn approve(session: &Connected, args: AnswerArgs) -> anyhow::Result<()> {
    let id = args.workflow_id.clone();
    say(session, &id, "approved", Any::approve, answer(args)?).await
}

pub(crate) async fn reject(session: &Connected, args: AnswerArgs) -> anyhow::Result<()> {
    let id = args.workflow_id.clone();
    say(session, &id, "rejected", Any::reject, answer(args)?).await
}

pub(crate) async fn abort(session: &Connected, args: AbortArgs) -> anyhow::Result<()> {
    say(session, &args.workflow_id, "aborted", Any::abort, args.reason).await
}

pub(crate) async fn resume(session: &Connected, args: ResumeArgs) -> anyhow::Result<()> {
    let by = Ceiling {
        tokens: args.tokens,
        cost_microdollars: args.cost_microdollars,
        attempts: args.attempts,
        wall_seconds: args.wall_seconds,
        tool_calls: args.tool_calls,
        fan_out: args.fan_out,
    };
    say(session, &args.workflow_id, "resumed", Any::resume, by).await
}

pub(crate) async fn budget(session: &Connected, args: BudgetArgs) -> anyhow::Result<()> {
    let report = session.client.handle::<Any>(&args.workflow_id).query(Any::budget, ()).await?;
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&serde_json::to_value(&report)?)?);
    }
    let (spent, hard) = (report.spent, report.limits.hard);
    let of =
        |spent: u64, limit: Option<u64>| limit.map_or_else(|| spent.to_string(), |limit| format!("{spent} of {limit}"));
    let reserved: Vec<&str> = report.reserved.iter().map(|(step, _)| step.as_str()).collect();
    Ok(output.line(output.pairs(vec![
        ("Tokens", of(spent.tokens, hard.tokens)),
        ("Cost, millionths of a dollar", of(spent.cost_microdollars, hard.cost_microdollars)),
        ("Tool calls", of(spent.tool_calls, hard.tool_calls)),
        ("Attempts", of(spent.attempts, hard.attempts)),
        ("Seconds", of(report.wall_seconds, hard.wall_seconds)),
        (
            "Steps in a row that brought nothing",
            of(report.fruitless_steps.into(), Some(report.fruitless_steps_max.into())),
        ),
        ("Set aside for", reserved.join(", ")),
    ]))?)
}

async fn say<S: SignalDefinition<Workflow = Any>>(
    session: &Connected,
    id: &str,
    said: &str,
    signal: S,
    args: impl IntoArgs<S::Args>,
) -> anyhow::Result<()> {
    session.client.handle::<Any>(id).signal(signal, args).await?;
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&json!({ "workflowId": id, said: true }))?);
    }
    Ok(output.line(format_args!("{said} {id}"))?)
}

fn answer(args: AnswerArgs) -> anyhow::Result<Answer> {
    let by = args.by.or_else(|| std::env::var("USER").ok()).unwrap_or_default();
    let subject = args.subject.map(ContentHash::try_from).transpose();
    let subject = subject.map_err(|error| Failure::usage(format!("--subject: {error}")))?;
    Ok(Answer { by, note: args.note, request: args.request, subject })
}
