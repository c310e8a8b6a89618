//! `wfctl task-queue …`

mod config;

use clap::{Args, Subcommand};
use serde_json::json;
use weft_client::{
    PollersOf,
    api::{enums::RateLimitSource, workflowservice::DescribeTaskQueueResponse},
};
use weft_protocol::json::to_json;

use crate::{
    output::{Tone, text},
    render::time,
    session::Connected,
    workers,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show who polls a task queue and how much waits there
    #[command(after_help = "Examples:\n  wfctl task-queue describe orders")]
    Describe(DescribeArgs),
    /// See and set how fast a task queue goes, and the weights of its fairness keys
    #[command(subcommand)]
    Config(config::Verb),
}

#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    /// The task queue
    #[arg(value_name = "QUEUE", required_unless_present = "task_queue")]
    queue: Option<String>,
    /// The task queue, for those used to the option
    #[arg(short, long, value_name = "QUEUE", conflicts_with = "queue", hide = true)]
    task_queue: Option<String>,
}

pub(crate) async fn run(session: &Connected, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Describe(args) => {
            // One of the two is there: clap sees to it.
            let queue = args.queue.or(args.task_queue).unwrap_or_default();
            describe(session, &queue).await
        }
        Verb::Config(verb) => config::run(session, verb).await,
    }
}

async fn describe(session: &Connected, queue: &str) -> anyhow::Result<()> {
    let workflows = session.client.task_queue(queue, PollersOf::Workflows).await?;
    let activities = session.client.task_queue(queue, PollersOf::Activities).await?;
    let output = &session.output;
    if output.is_json() {
        let json = json!({ "workflow": to_json(&workflows)?, "activity": to_json(&activities)? });
        return Ok(output.json(&json)?);
    }
    let both = [("workflow", &workflows), ("activity", &activities)];
    output.line(output.table(
        &["TASKS", "POLLERS", "WAITING", "OLDEST", "ADDED/S", "TAKEN/S", "AT MOST/S"],
        both.map(|(kind, it)| totals(kind, it)).into(),
    ))?;
    for (kind, it) in both {
        let set: Vec<_> = it.config.as_ref().map(config::lines).unwrap_or_default();
        if !set.is_empty() {
            output.line("")?;
            output.line(format_args!("Set for {kind} tasks:"))?;
            output.line(output.pairs(set.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()))?;
        }
    }
    let pollers: Vec<_> = both.into_iter().flat_map(|(kind, it)| rows(kind, it)).collect();
    if pollers.is_empty() {
        let near = workers::near_names(session, queue);
        output.note(format_args!("no worker polls task queue {queue:?}{near}"));
        return Ok(());
    }
    output.line("")?;
    Ok(output.line(output.table(&["POLLER", "TASKS", "LAST SEEN"], pollers))?)
}

fn rows<'a>(kind: &'a str, it: &'a DescribeTaskQueueResponse) -> impl Iterator<Item = Vec<(Tone, String)>> + 'a {
    it.pollers.iter().map(move |poller| {
        vec![text(&poller.identity), text(kind), text(time::seconds(poller.last_access_time.as_ref()))]
    })
}

fn totals(kind: &str, it: &DescribeTaskQueueResponse) -> Vec<(Tone, String)> {
    let stats = it.stats.unwrap_or_default();
    let rate = |rate: f32| format!("{rate:.1}");
    vec![
        text(kind),
        text(it.pollers.len().to_string()),
        text(backlog(it)),
        text(age(it)),
        text(rate(stats.tasks_add_rate)),
        text(rate(stats.tasks_dispatch_rate)),
        text(limit(it)),
    ]
}

/// Nothing where nobody limits it.
fn limit(it: &DescribeTaskQueueResponse) -> String {
    let Some(limit) = &it.effective_rate_limit else { return String::new() };
    let by = match limit.rate_limit_source() {
        RateLimitSource::Unspecified | RateLimitSource::System => return String::new(),
        RateLimitSource::Api => "set",
        RateLimitSource::Worker => "worker",
    };
    format!("{} ({by})", limit.requests_per_second)
}

fn backlog(it: &DescribeTaskQueueResponse) -> String {
    it.stats.as_ref().map_or_else(|| "?".to_owned(), |stats| stats.approximate_backlog_count.to_string())
}

fn age(it: &DescribeTaskQueueResponse) -> String {
    time::duration(it.stats.as_ref().and_then(|stats| stats.approximate_backlog_age.as_ref()))
}
