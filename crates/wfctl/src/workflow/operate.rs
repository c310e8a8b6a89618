//! `pause`, `unpause`, `update-options` and `stack`.

use serde_json::{Value, json};
use weft_client::{
    BatchOperation, Query, Run,
    api::{
        common::Priority,
        workflow::{VersioningOverride, WorkflowExecutionOptions, versioning_override::Override},
    },
};
use weft_protocol::json::to_json;

use super::target::{Several, Target};
use crate::{
    batch,
    exit::Failure,
    render::{names, payload},
    session::Connected,
};

#[derive(clap::Args, Debug)]
#[command(after_help = "Its workers get no tasks and its timers and timeouts stand still; signals are kept.\n\
    There is no batch operation that pauses: one workflow at a time.\n\n\
    Examples:\n  wfctl workflow pause order-17 --reason 'the bank is down'")]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    target: Target,
    /// Why; it stands in the history
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "Timers and timeouts go on with the time that they had left.\n\
    There is no batch operation for it: one workflow at a time.\n\n\
    Examples:\n  wfctl workflow unpause order-17")]
pub(crate) struct UnpauseArgs {
    #[command(flatten)]
    target: Target,
    /// Why; it stands in the history
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wfctl workflow update-options order-17 --priority-key 1\n  \
    wfctl workflow update-options order-17 --fairness-key ada --fairness-weight 2\n  \
    wfctl workflow update-options --query 'WorkflowType = \"Order\"' --priority-key 1 --wait")]
pub(crate) struct OptionsArgs {
    #[command(flatten)]
    target: Several,
    #[command(flatten)]
    new: NewOptions,
}

/// New options; those that are left out stay.
#[derive(clap::Args, Debug)]
#[group(id = "new", required = true, multiple = true)]
pub(crate) struct NewOptions {
    /// How urgent its tasks are: 1 comes first, 5 last
    #[arg(long, value_name = "1-5")]
    priority_key: Option<i32>,
    /// Tasks of one key do not hold up those of another
    #[arg(long, value_name = "KEY")]
    fairness_key: Option<String>,
    /// How much of the queue its fairness key gets
    #[arg(long, value_name = "NUMBER")]
    fairness_weight: Option<f32>,
    /// On which version of its workers it runs
    #[arg(long, value_enum, value_name = "HOW")]
    versioning_override: Option<Versioning>,
}

impl NewOptions {
    /// The options and the paths of those that were given.
    pub(crate) fn wire(self) -> (WorkflowExecutionOptions, Vec<String>) {
        let given = [
            (self.priority_key.is_some(), "priority.priority_key"),
            (self.fairness_key.is_some(), "priority.fairness_key"),
            (self.fairness_weight.is_some(), "priority.fairness_weight"),
            (self.versioning_override.is_some(), "versioning_override"),
        ];
        let paths = given.into_iter().filter(|(given, _)| *given).map(|(_, path)| path.to_owned()).collect();
        let versioning_override = match self.versioning_override {
            Some(Versioning::AutoUpgrade) => Some(VersioningOverride {
                r#override: Some(Override::AutoUpgrade(true)),
                ..VersioningOverride::default()
            }),
            Some(Versioning::Unset) | None => None,
        };
        let options = WorkflowExecutionOptions {
            priority: Some(Priority {
                priority_key: self.priority_key.unwrap_or_default(),
                fairness_key: self.fairness_key.unwrap_or_default(),
                fairness_weight: self.fairness_weight.unwrap_or_default(),
            }),
            versioning_override,
            ..WorkflowExecutionOptions::default()
        };
        (options, paths)
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Versioning {
    /// The newest
    AutoUpgrade,
    /// As its workers say
    Unset,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "A worker answers, so one must run.\n\nExamples:\n  wfctl workflow stack order-17")]
pub(crate) struct StackArgs {
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn pause(session: &Connected, args: &PauseArgs) -> anyhow::Result<()> {
    let run = args.target.run();
    session.client.pause(&run, &args.reason).await?;
    say(session, &run, "paused")
}

pub(crate) async fn unpause(session: &Connected, args: &UnpauseArgs) -> anyhow::Result<()> {
    let run = args.target.run();
    session.client.unpause(&run, &args.reason).await?;
    say(session, &run, "unpaused")
}

pub(crate) async fn update_options(session: &Connected, args: OptionsArgs) -> anyhow::Result<()> {
    let (options, paths) = args.new.wire();
    if let Some(query) = &args.target.batch.query {
        let operation = BatchOperation::UpdateOptions(options, paths);
        return batch::begin(session, query, &args.target.batch, operation, "").await;
    }
    args.target.batch.check_unused()?;
    let run = args.target.run();
    let options = session.client.update_options(&run, options, paths).await?;
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&to_json(&options)?)?);
    }
    let priority = options.priority.unwrap_or_default();
    let number = |value: String| if value == "0" { String::new() } else { value };
    let pairs = vec![
        ("Priority", number(priority.priority_key.to_string())),
        ("Fairness key", priority.fairness_key),
        ("Fairness weight", number(priority.fairness_weight.to_string())),
        ("Versioning", options.versioning_override.map_or(String::new(), |_| "auto-upgrade".to_owned())),
    ];
    let pairs: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    Ok(output.line(output.pairs(pairs))?)
}

pub(crate) async fn stack(session: &Connected, args: &StackArgs) -> anyhow::Result<()> {
    let run = args.target.run();
    let query = Query { kind: "__stack_trace".to_owned(), ..Query::default() };
    let answer = match session.client.query(&run, query).await {
        Err(error) if error.is_timeout() => return Err(super::ask::nobody_answered(session, &run).await),
        answer => answer?,
    };
    let stack = answer.map_err(|rejected| {
        Failure::refused(format!("{} is {}, so it was not asked", run.workflow_id, names::status(rejected.status)))
    })?;
    let output = &session.output;
    if output.is_json() {
        let values: Value = stack.iter().map(payload::value).collect();
        return Ok(output.json(&json!({ "workflowId": run.workflow_id, "stack": values }))?);
    }
    for part in &stack {
        let value = payload::value(part);
        match value.as_str() {
            Some(text) => output.line(crate::output::harmless_lines(text.trim_end()))?,
            None => output.line(payload::pretty(part))?,
        }
    }
    Ok(())
}

fn say(session: &Connected, run: &Run, done: &str) -> anyhow::Result<()> {
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&json!({ "workflowId": run.workflow_id, done: true }))?);
    }
    Ok(output.line(format_args!("{done} {}", run.workflow_id))?)
}
