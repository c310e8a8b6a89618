//! `wfctl cluster status`: the nodes, and who leads what, as the node that is asked knows it.

mod backup;

use std::collections::BTreeMap;

use clap::Subcommand;
use serde_json::Value;

use crate::{
    exit::Failure,
    output::{Output, Tone, text},
    session::Session,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// See the nodes, how many shards each leads, and how far the node that is asked is
    #[command(after_help = "It is asked of the operations port of one node (--operations).\n\nExamples:\n  \
        wfctl cluster status\n  wfctl cluster status --operations 10.0.0.7:7280 --output json")]
    Status,
    /// Keep all shards as of one consistent point in a directory, while the cluster serves
    Backup(backup::BackupArgs),
    /// Make the data directory of a new node of such a backup
    Restore(backup::RestoreArgs),
}

pub(crate) fn run(session: &Session, verb: &Verb, output: &Output) -> anyhow::Result<()> {
    match verb {
        Verb::Status => status(session, output),
        Verb::Backup(args) => backup::backup(&session.operations, args, output),
        Verb::Restore(args) => backup::restore(args, output),
    }
}

fn status(session: &Session, output: &Output) -> anyhow::Result<()> {
    let found = session.operations.json("GET", "/admin/cluster")?;
    if output.is_json() {
        return Ok(output.json(&found)?);
    }
    let not_understood = || Failure::refused("the node's answer is not understood: it may be of another version");
    let view = View::read(&found).ok_or_else(not_understood)?;
    Ok(output.line(view.show(output))?)
}

/// What the answer says, counted.
#[derive(Debug, PartialEq, Eq)]
struct View {
    name: String,
    id: String,
    asked: u64,
    members: Vec<Member>,
    groups: usize,
    without_leader: Vec<u64>,
    /// Entries in the log of the node that was asked which it has not applied.
    behind: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Member {
    node: u64,
    address: Option<String>,
    leads: usize,
}

impl View {
    fn read(found: &Value) -> Option<Self> {
        let groups = found["groups"].as_array()?;
        let mut leads: BTreeMap<u64, usize> = BTreeMap::new();
        let (mut without_leader, mut behind) = (Vec::new(), 0);
        for group in groups {
            match group["leader"].as_u64() {
                Some(leader) => *leads.entry(leader).or_default() += 1,
                None => without_leader.push(group["group"].as_u64()?),
            }
            behind += group["log"].as_u64()?.saturating_sub(group["applied"].as_u64()?);
        }
        let member = |member: &Value| {
            let node = member["node"].as_u64()?;
            let address = member["address"].as_str().map(ToOwned::to_owned);
            Some(Member { node, address, leads: leads.get(&node).copied().unwrap_or_default() })
        };
        Some(Self {
            name: found["name"].as_str()?.to_owned(),
            id: found["cluster"].as_str()?.to_owned(),
            asked: found["node"].as_u64()?,
            members: found["members"].as_array()?.iter().map(member).collect::<Option<_>>()?,
            groups: groups.len(),
            without_leader,
            behind,
        })
    }

    fn show(&self, output: &Output) -> String {
        let name = if self.name.is_empty() { "none: a node of its own".to_owned() } else { self.name.clone() };
        let leaders = match self.without_leader.as_slice() {
            [] => format!("all {} groups have one", self.groups),
            without => format!("groups without one: {without:?}"),
        };
        let head = output.pairs(vec![
            ("cluster", name),
            ("id", self.id.clone()),
            ("asked", format!("node {}, which has {} entries to apply", self.asked, self.behind)),
            ("leaders", leaders),
        ]);
        let row = |member: &Member| {
            let leads = if member.leads == 0 { Tone::Faint } else { Tone::Plain };
            vec![
                text(member.node.to_string()),
                text(member.address.clone().unwrap_or_else(|| "-".to_owned())),
                (leads, member.leads.to_string()),
            ]
        };
        let table = output.table(&["NODE", "ADDRESS", "LEADS"], self.members.iter().map(row).collect());
        format!("{head}\n\n{table}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_are_counted_with_who_leads_them() {
        let group = |group: u64, leader: Option<u64>, applied: u64| json!({ "group": group, "leader": leader, "term": 2, "voters": [1, 2], "applied": applied, "log": 9 });
        let found = json!({
            "version": "0", "name": "prod", "cluster": "id", "node": 2,
            "members": [{ "node": 1, "address": "a:7235" }, { "node": 2, "address": "b:7235" }],
            "groups": [group(0, Some(1), 9), group(1, Some(1), 7), group(2, None, 9)],
        });
        let view = View::read(&found).unwrap();
        assert_eq!((view.asked, view.groups, view.behind, view.without_leader), (2, 3, 2, vec![2]));
        assert_eq!(view.members.iter().map(|member| member.leads).collect::<Vec<_>>(), [2, 0]);
        assert_eq!(View::read(&json!({ "groups": [] })), None);
    }
}
