//! `list` and `count`.

use serde_json::{Value, json};
use weft_protocol::json::to_json;

use crate::{
    output::text,
    query,
    render::{execution, payload},
    session::Connected,
};

/// The most that the API is asked for at once.
const PAGE_MAX: usize = 1000;

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wfctl workflow list\n  \
    wfctl workflow list --query 'WorkflowType = \"Order\" AND ExecutionStatus = \"Running\"'\n  \
    wfctl workflow list --query 'StartTime > \"2026-01-01T00:00:00Z\"' --limit 500 --output json")]
pub(crate) struct ListArgs {
    /// Which ones, in the language of list filters
    #[arg(short, long, default_value = "", hide_default_value = true)]
    query: String,
    /// How many at most
    #[arg(short, long, default_value_t = 20)]
    limit: usize,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wfctl workflow count\n  \
    wfctl workflow count --query 'ExecutionStatus = \"Failed\"'\n  \
    wfctl workflow count --query 'GROUP BY ExecutionStatus'")]
pub(crate) struct CountArgs {
    /// Which ones, in the language of list filters; GROUP BY counts by value
    #[arg(short, long, default_value = "", hide_default_value = true)]
    query: String,
}

pub(crate) async fn list(session: &Connected, args: &ListArgs) -> anyhow::Result<()> {
    // One more than is shown says whether there are more.
    let wanted = args.limit.saturating_add(1);
    let page = i32::try_from(wanted.min(PAGE_MAX)).unwrap_or(i32::MAX);
    let mut pages = session.client.list(&args.query, page);
    let mut found = Vec::new();
    while found.len() < wanted
        && let Some(page) = pages.next().await.map_err(|error| query::explained(session, error, &args.query))?
    {
        found.extend(page);
    }
    let more = found.len() > args.limit;
    found.truncate(args.limit);
    let output = &session.output;
    if output.is_json() {
        let all: Result<Vec<Value>, _> = found.iter().map(to_json).collect();
        return Ok(output.json(&all?.into())?);
    }
    if found.is_empty() {
        output.note(format_args!("no workflow in namespace {} is selected", session.client.namespace()));
        return Ok(());
    }
    output.line(output.table(&execution::LIST, found.iter().map(execution::row).collect()))?;
    if more {
        output.note(format_args!("there are more: --limit {} shows {0}", args.limit.saturating_mul(10)));
    }
    Ok(())
}

pub(crate) async fn count(session: &Connected, args: &CountArgs) -> anyhow::Result<()> {
    let counted = session.client.count(&args.query).await;
    let counted = counted.map_err(|error| query::explained(session, error, &args.query))?;
    let output = &session.output;
    if output.is_json() {
        let groups = counted.groups.iter().map(|group| {
            json!({ "values": group.group_values.iter().map(payload::value).collect::<Value>(), "count": group.count })
        });
        return Ok(output.json(&json!({ "count": counted.count, "groups": groups.collect::<Value>() }))?);
    }
    if counted.groups.is_empty() {
        return Ok(output.line(counted.count)?);
    }
    let rows = counted.groups.iter().map(|group| {
        let values: Vec<_> = group.group_values.iter().map(payload::short).collect();
        vec![text(values.join(", ")), text(group.count.to_string())]
    });
    Ok(output.line(output.table(&["GROUP", "COUNT"], rows.collect()))?)
}
