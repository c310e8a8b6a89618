//! `wfctl search-attribute …`

use std::collections::HashMap;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use weft_client::api::enums::IndexedValueType;
use weft_protocol::json::to_json;

use crate::{
    exit::Failure,
    near,
    output::{Output, Tone, text},
    render::names,
    session::Connected,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Register names that workflows may set and lists can be filtered by
    #[command(
        visible_alias = "add",
        after_help = "Examples:\n  wfctl search-attribute create --name Customer --type keyword\n  \
        wfctl search-attribute create --name Total --type double --name Tags --type keyword-list"
    )]
    Create(CreateArgs),
    /// List the names of this namespace, and with --all those that every namespace has
    #[command(
        after_help = "Examples:\n  wfctl search-attribute list\n  wfctl search-attribute list --all --output json"
    )]
    List(ListArgs),
    /// Take names away: filters and new values know them no more
    #[command(after_help = "Examples:\n  wfctl search-attribute remove --name Customer\n  \
        wfctl search-attribute remove --name Total --name Tags")]
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The name; again for each further one
    #[arg(long = "name", value_name = "NAME", required = true)]
    names: Vec<String>,
    /// What its values are; one for each name, in their order
    #[arg(long = "type", value_name = "TYPE", value_enum, required = true, ignore_case = true)]
    kinds: Vec<Kind>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The system's own names too
    #[arg(short, long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The name; again for each further one
    #[arg(long = "name", value_name = "NAME", required = true)]
    names: Vec<String>,
}

/// The types by the words that people type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A text that is compared as a whole: ids, states, countries
    Keyword,
    /// A text that is found by its words
    Text,
    Int,
    Double,
    Bool,
    /// A time as RFC 3339
    Datetime,
    /// Several keywords, each found by itself
    #[value(alias = "keywordlist")]
    KeywordList,
}

impl From<Kind> for IndexedValueType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Keyword => Self::Keyword,
            Kind::Text => Self::Text,
            Kind::Int => Self::Int,
            Kind::Double => Self::Double,
            Kind::Bool => Self::Bool,
            Kind::Datetime => Self::Datetime,
            Kind::KeywordList => Self::KeywordList,
        }
    }
}

pub(crate) async fn run(session: &Connected, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Create(args) => create(session, args).await,
        Verb::List(args) => list(session, &args).await,
        Verb::Remove(args) => remove(session, args).await,
    }
}

async fn create(session: &Connected, args: CreateArgs) -> anyhow::Result<()> {
    let CreateArgs { names, kinds } = args;
    if names.len() != kinds.len() {
        let (names, kinds) = (names.len(), kinds.len());
        return Err(Failure::usage(format!("{names} names and {kinds} types: give one --type for each --name")).into());
    }
    let wanted: HashMap<String, IndexedValueType> =
        names.iter().cloned().zip(kinds.into_iter().map(Into::into)).collect();
    session.client.add_search_attributes(wanted.clone()).await?;
    // The server skips names that are there already, also those of another type.
    let now = session.client.search_attributes().await?.custom_attributes;
    let of_another_type = names.iter().filter_map(|name| {
        let (wanted, found) = (i32::from(wanted[name]), *now.get(name)?);
        (wanted != found).then(|| format!("{name} is there already with type {}", names::value_type(found)))
    });
    let wrong: Vec<String> = of_another_type.collect();
    if !wrong.is_empty() {
        return Err(Failure::refused(format!("{}; a type cannot be changed", wrong.join(", "))).into());
    }
    say(&session.output, &names, "created")
}

async fn list(session: &Connected, args: &ListArgs) -> anyhow::Result<()> {
    let known = session.client.search_attributes().await?;
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&to_json(&known)?)?);
    }
    if known.custom_attributes.is_empty() {
        let namespace = session.client.namespace();
        output.note(format_args!("namespace {namespace} has no search attributes of its own"));
    }
    let mut rows = in_order(known.custom_attributes, Tone::Plain);
    if args.all {
        rows.extend(in_order(known.system_attributes, Tone::Faint));
    }
    if rows.is_empty() {
        return Ok(());
    }
    Ok(output.line(output.table(&["NAME", "TYPE"], rows))?)
}

fn in_order(kinds: HashMap<String, i32>, tone: Tone) -> Vec<Vec<(Tone, String)>> {
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort();
    kinds.into_iter().map(|(name, kind)| vec![(tone, name), text(names::value_type(kind))]).collect()
}

async fn remove(session: &Connected, args: RemoveArgs) -> anyhow::Result<()> {
    let known = session.client.search_attributes().await?;
    let known: Vec<&str> =
        known.custom_attributes.keys().chain(known.system_attributes.keys()).map(String::as_str).collect();
    // The server takes an unknown name for one that is gone already; a person has mistyped it.
    if let Some(unknown) = args.names.iter().find(|name| !known.contains(&name.as_str())) {
        let hint = near::hint(unknown, known);
        let namespace = session.client.namespace();
        return Err(Failure::refused(format!(
            "namespace {namespace} has no search attribute {unknown:?}{hint}; `wfctl search-attribute list` shows all"
        ))
        .into());
    }
    session.client.remove_search_attributes(args.names.clone()).await?;
    say(&session.output, &args.names, "removed")
}

fn say(output: &Output, names: &[String], done: &str) -> anyhow::Result<()> {
    if output.is_json() {
        return Ok(output.json(&json!({ "searchAttributes": names, done: true }))?);
    }
    let what = if let [_] = names { "search attribute" } else { "search attributes" };
    Ok(output.line(format_args!("{done} {what} {}", names.join(", ")))?)
}
