//! `wfctl namespace …`

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use weft_client::{NamespaceChange, NewNamespace, api::workflowservice::DescribeNamespaceResponse};
use weft_protocol::json::to_json;

use crate::{
    exit::Failure,
    output::{Output, text},
    render::{names, time},
    session::Connected,
    span,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List all namespaces
    #[command(after_help = "Examples:\n  wfctl namespace list")]
    List,
    /// Show one namespace
    #[command(after_help = "Examples:\n  wfctl namespace describe orders")]
    Describe(Named),
    /// Make a namespace
    #[command(visible_alias = "register", after_help = "Examples:\n  wfctl namespace create orders --retention 7d")]
    Create(CreateArgs),
    /// Change a namespace; what is not named stays
    #[command(after_help = "Examples:\n  wfctl namespace update orders --retention 30d")]
    Update(UpdateArgs),
    /// Mark a namespace as one that takes no new workflows
    #[command(after_help = "Examples:\n  wfctl namespace deprecate orders")]
    Deprecate(Named),
    /// Delete a namespace with all its workflows, running ones too
    #[command(after_help = "Examples:\n  wfctl namespace delete orders --yes")]
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The namespace
    #[arg(value_name = "NAME", id = "which")]
    name: String,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    which: Named,
    /// How long closed workflows are kept
    #[arg(long, value_parser = span::parse, value_name = "SPAN", default_value = "3d")]
    retention: Duration,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    /// Whom to ask
    #[arg(long, value_name = "EMAIL", default_value = "", hide_default_value = true)]
    owner: String,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    which: Named,
    /// How long closed workflows are kept
    #[arg(long, value_parser = span::parse, value_name = "SPAN")]
    retention: Option<Duration>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Whom to ask
    #[arg(long, value_name = "EMAIL")]
    owner: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    which: Named,
    /// I mean it: nothing of it can be had back
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(session: &Connected, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::List => list(session).await,
        Verb::Describe(named) => describe(session, &named.name).await,
        Verb::Create(args) => create(session, args).await,
        Verb::Update(args) => update(session, args).await,
        Verb::Deprecate(named) => {
            session.client.deprecate_namespace(&named.name).await?;
            say(&session.output, &named.name, "deprecated")
        }
        Verb::Delete(args) => delete(session, &args).await,
    }
}

async fn list(session: &Connected) -> anyhow::Result<()> {
    let all = session.client.namespaces().all().await?;
    let output = &session.output;
    if output.is_json() {
        let all: Result<Vec<Value>, _> = all.iter().map(to_json).collect();
        return Ok(output.json(&all?.into())?);
    }
    let rows = all.iter().map(|it| {
        let info = it.namespace_info.clone().unwrap_or_default();
        vec![text(&info.name), text(names::namespace_state(info.state)), text(retention(it)), text(info.description)]
    });
    Ok(output.line(output.table(&["NAMESPACE", "STATE", "RETENTION", "DESCRIPTION"], rows.collect()))?)
}

async fn describe(session: &Connected, name: &str) -> anyhow::Result<()> {
    let found = session.client.describe_namespace(name).await?;
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&to_json(&found)?)?);
    }
    let info = found.namespace_info.clone().unwrap_or_default();
    Ok(output.line(output.pairs(vec![
        ("Namespace", info.name),
        ("Id", info.id),
        ("State", names::namespace_state(info.state)),
        ("Retention", retention(&found)),
        ("Description", info.description),
        ("Owner", info.owner_email),
    ]))?)
}

async fn create(session: &Connected, args: CreateArgs) -> anyhow::Result<()> {
    let name = args.which.name;
    let new = NewNamespace {
        name: name.clone(),
        retention: args.retention,
        description: args.description,
        owner_email: args.owner,
    };
    session.client.register_namespace(new).await?;
    say(&session.output, &name, "created")
}

async fn update(session: &Connected, args: UpdateArgs) -> anyhow::Result<()> {
    let change = NamespaceChange { retention: args.retention, description: args.description, owner_email: args.owner };
    if change.retention.is_none() && change.description.is_none() && change.owner_email.is_none() {
        return Err(Failure::usage("nothing to change: give --retention, --description or --owner").into());
    }
    session.client.update_namespace(&args.which.name, change).await?;
    say(&session.output, &args.which.name, "updated")
}

async fn delete(session: &Connected, args: &DeleteArgs) -> anyhow::Result<()> {
    let name = &args.which.name;
    if !args.yes {
        let says = format!("this removes namespace {name} with all its workflows for ever: say --yes if you mean it");
        return Err(Failure::usage(says).into());
    }
    let left = session.client.delete_namespace(name).await?;
    session.output.note(format_args!("its workflows are removed in the background, until then as namespace {left}"));
    say(&session.output, name, "deleted")
}

fn say(output: &Output, name: &str, done: &str) -> anyhow::Result<()> {
    if output.is_json() {
        return Ok(output.json(&json!({ "namespace": name, done: true }))?);
    }
    Ok(output.line(format_args!("{done} namespace {name}"))?)
}

fn retention(it: &DescribeNamespaceResponse) -> String {
    time::days(it.config.as_ref().and_then(|config| config.workflow_execution_retention_ttl.as_ref()))
}
