//! `wfctl cluster`: the nodes, and who leads what, as the node that is asked knows it; and what an operator wants of them.

mod backup;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    exit::Failure,
    output::{Output, Tone, text},
    session::Session,
};

/// A leader hands over between two calls, and a checkpoint writes all that is in memory.
const COMMAND_MAX: Duration = Duration::from_secs(60);

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
    /// See how another node joins, or wait until it has
    #[command(after_help = "The new node is started with an empty data directory; this says with which flags.\n\n\
        Examples:\n  wfctl cluster join\n  wfctl cluster join --wait 4")]
    Join {
        /// Wait until the node of this number is a member
        #[arg(long, value_name = "N")]
        wait: Option<u64>,
    },
    /// Take a node out of the cluster for ever: its leaderships, votes and copies go to others
    #[command(
        after_help = "It is refused while the other nodes would be no majority. The number is not used again.\n\n\
        Examples:\n  wfctl cluster remove 3\n  wfctl cluster remove 3 --wait"
    )]
    Remove {
        #[arg(value_name = "N")]
        node: u64,
        /// Wait until it is out
        #[arg(long)]
        wait: bool,
    },
    /// Let a node lead nothing until it is undrained; it still votes and has its copies
    #[command(after_help = "Examples:\n  wfctl cluster drain 2")]
    Drain {
        #[arg(value_name = "N")]
        node: u64,
    },
    /// Let a drained node lead again
    #[command(after_help = "Examples:\n  wfctl cluster undrain 2")]
    Undrain {
        #[arg(value_name = "N")]
        node: u64,
    },
    /// Give the vote that a node has in a shard to another node
    #[command(after_help = "It goes over when the other node has the shard's log.\n\n\
        Examples:\n  wfctl cluster move-shard --shard 5 --from 1 --to 4")]
    MoveShard {
        /// Number of the shard; 0 is the metadata
        #[arg(long, value_name = "S")]
        shard: u64,
        /// The node that votes there now
        #[arg(long, value_name = "N")]
        from: u64,
        /// The node that is to vote there
        #[arg(long, value_name = "N")]
        to: u64,
    },
    /// Leave the vote that is being moved in a shard where it is
    #[command(after_help = "Examples:\n  wfctl cluster cancel-move --shard 5")]
    CancelMove {
        /// Number of the shard; 0 is the metadata
        #[arg(long, value_name = "S")]
        shard: u64,
    },
    /// Let another node lead a shard, now
    #[command(after_help = "Nodes even out who leads how many: a node that leads more than its share gives some away \
        again.\n\nExamples:\n  wfctl cluster transfer-leader --shard 5 --to 2")]
    TransferLeader {
        /// Number of the shard; 0 is the metadata
        #[arg(long, value_name = "S")]
        shard: u64,
        /// The node that is to lead it
        #[arg(long, value_name = "N")]
        to: u64,
    },
    /// End an upgrade: let the cluster write what the build of its nodes knows, and earlier builds do not
    #[command(
        after_help = "It raises the format level to the newest that all nodes support, and is refused while one does \
        not. There is no way back: from then on earlier builds do not start on the data. Until then a node may go back to \
        the build before.\n\nExamples:\n  wfctl cluster status\n  wfctl cluster finalize"
    )]
    Finalize,
    /// Let the node that is asked make a checkpoint of all its shards now
    #[command(
        after_help = "Its log is shorter after that, and it starts faster.\n\nExamples:\n  wfctl cluster snapshot"
    )]
    Snapshot,
}

pub(crate) fn run(session: &Session, verb: &Verb, output: &Output) -> anyhow::Result<()> {
    let command = |path: String| command(session, &path, output);
    match verb {
        Verb::Status => status(session, output),
        Verb::Backup(args) => backup::backup(&session.operations, args, output),
        Verb::Restore(args) => backup::restore(args, output),
        Verb::Join { wait: Some(node) } => until(session, *node, "member", output),
        Verb::Join { wait: None } => join(session, output),
        Verb::Remove { node, wait } => {
            command(format!("remove?node={node}"))?;
            if *wait { until(session, *node, "removed", output) } else { Ok(()) }
        }
        Verb::Drain { node } => command(format!("drain?node={node}")),
        Verb::Undrain { node } => command(format!("undrain?node={node}")),
        Verb::MoveShard { shard, from, to } => command(format!("move-shard?shard={shard}&from={from}&to={to}")),
        Verb::CancelMove { shard } => command(format!("cancel-move?shard={shard}")),
        Verb::TransferLeader { shard, to } => command(format!("transfer-leader?shard={shard}&to={to}")),
        Verb::Finalize => command("finalize".to_owned()),
        Verb::Snapshot => command("snapshot".to_owned()),
    }
}

fn command(session: &Session, path: &str, output: &Output) -> anyhow::Result<()> {
    let answer = session.operations.json_within(COMMAND_MAX, "POST", &format!("/admin/cluster/{path}"))?;
    if output.is_json() {
        return Ok(output.json(&answer)?);
    }
    Ok(output.line(answer["said"].as_str().unwrap_or_default())?)
}

/// Waits until a node is in a state, and says it.
fn until(session: &Session, node: u64, state: &str, output: &Output) -> anyhow::Result<()> {
    loop {
        let path = format!("/admin/cluster/wait?node={node}&state={state}");
        let found = session.operations.json_within(COMMAND_MAX, "GET", &path)?;
        let now = state_of(&found, node);
        if now.as_deref() == Some("removed") && state != "removed" {
            return Err(Failure::refused(format!("node {node} was removed meanwhile")).into());
        }
        if now.as_deref() == Some(state) {
            let said = format!("node {node} is {state}");
            let shown = if output.is_json() { output.json(&json!({ "said": said })) } else { output.line(said) };
            return Ok(shown?);
        }
    }
}

fn state_of(found: &Value, node: u64) -> Option<String> {
    let member = found["members"].as_array()?.iter().find(|member| member["node"].as_u64() == Some(node))?;
    Some(member["state"].as_str()?.to_owned())
}

/// Says how a node is started that is to join.
fn join(session: &Session, output: &Output) -> anyhow::Result<()> {
    let found = session.operations.json("GET", "/admin/cluster")?;
    let alone =
        || Failure::refused("the node is one of its own: docs/cluster.md says how it becomes a cluster's first");
    let flags = join_flags(&found).ok_or_else(alone)?;
    if output.is_json() {
        return Ok(output.json(&json!({ "node": found["next_node"], "flags": flags }))?);
    }
    Ok(output.line(format!(
        "start the new node, with an empty data directory, and its own addresses:\n\n  weft-server {flags}"
    ))?)
}

fn join_flags(found: &Value) -> Option<String> {
    let (name, next) = (found["name"].as_str()?, found["next_node"].as_u64()?);
    let member = found["members"].as_array()?.iter().find(|member| member["state"] == "member")?;
    let known = member["address"].as_str()?;
    Some(format!(
        "--data-dir DIR --cluster-name {name} --node {next} --join {known} --cluster-listen ADDRESS --listen ADDRESS \
         --metrics-listen ADDRESS"
    ))
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
    /// What the cluster may write; builds before levels do not say it.
    level: Option<u64>,
    members: Vec<Member>,
    groups: usize,
    without_leader: Vec<u64>,
    /// What a change waits for; known to the node that leads the metadata.
    waits: Vec<String>,
    /// Entries in the log of the node that was asked which it has not applied.
    behind: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Member {
    node: u64,
    address: Option<String>,
    state: String,
    /// The node that was asked hears from it; nobody asks one that is out.
    answers: Option<bool>,
    leads: usize,
    /// Groups in which it votes, and those of which it has a copy.
    votes: usize,
    copies: usize,
    /// The oldest and the newest format level that it supports, if the node that was asked knows.
    levels: Option<(u64, u64)>,
}

impl View {
    fn read(found: &Value) -> Option<Self> {
        let groups = found["groups"].as_array()?;
        let listed = found["members"].as_array()?;
        // Until another is elected, and for good where there is no majority, the last one is all that is known.
        let is_silent = |node: u64| listed.iter().any(|it| it["node"].as_u64() == Some(node) && it["answers"] == false);
        let mut leads: BTreeMap<u64, usize> = BTreeMap::new();
        let (mut without_leader, mut behind) = (Vec::new(), 0);
        for group in groups {
            match group["leader"].as_u64().filter(|leader| !is_silent(*leader)) {
                Some(leader) => *leads.entry(leader).or_default() += 1,
                None => without_leader.push(group["group"].as_u64()?),
            }
            behind += group["log"].as_u64()?.saturating_sub(group["applied"].as_u64()?);
        }
        let member = |member: &Value| {
            let node = member["node"].as_u64()?;
            let address = member["address"].as_str().map(ToOwned::to_owned);
            let state = member["state"].as_str().unwrap_or("member").to_owned();
            let answers = member["answers"].as_bool();
            let votes = groups.iter().filter(|group| names(&group["voters"], node)).count();
            let copies = votes + groups.iter().filter(|group| names(&group["learners"], node)).count();
            let leads = leads.get(&node).copied().unwrap_or_default();
            let levels = member["levels"]["oldest"].as_u64().zip(member["levels"]["newest"].as_u64());
            Some(Member { node, address, state, answers, leads, votes, copies, levels })
        };
        Some(Self {
            name: found["name"].as_str()?.to_owned(),
            id: found["cluster"].as_str()?.to_owned(),
            asked: found["node"].as_u64()?,
            level: found["level"].as_u64(),
            members: listed.iter().map(member).collect::<Option<_>>()?,
            groups: groups.len(),
            without_leader,
            waits: found["waits"].as_array().into_iter().flatten().filter_map(Value::as_str).map(Into::into).collect(),
            behind,
        })
    }

    /// The level of the cluster, and that to which it can be raised.
    fn level(&self) -> Option<String> {
        let level = self.level?;
        let present = self.members.iter().filter(|member| member.state != "removed");
        let newest: Option<BTreeSet<u64>> = present.map(|member| Some(member.levels?.1)).collect();
        // While there are several, nodes are of several builds.
        let newest = newest.filter(|newest| newest.len() == 1).and_then(|newest| newest.first().copied());
        let all = newest.filter(|all| *all > level);
        let next = all.map(|all| format!("; all nodes support {all}: wfctl cluster finalize")).unwrap_or_default();
        Some(format!("{level}{next}"))
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
            ("format level", self.level().unwrap_or_default()),
            ("waits for", self.waits.join("; ")),
        ]);
        let row = |member: &Member| {
            let leads = if member.leads == 0 { Tone::Faint } else { Tone::Plain };
            vec![
                text(member.node.to_string()),
                text(member.address.clone().unwrap_or_else(|| "-".to_owned())),
                text(member.state.clone()),
                match member.answers {
                    Some(true) => text("yes".to_owned()),
                    Some(false) => (Tone::Bad, "no".to_owned()),
                    None => text("-".to_owned()),
                },
                (leads, member.leads.to_string()),
                text(member.votes.to_string()),
                text(member.copies.to_string()),
                text(member.levels.map_or_else(|| "-".to_owned(), |(oldest, newest)| format!("{oldest}-{newest}"))),
            ]
        };
        let table = output.table(
            &["NODE", "ADDRESS", "STATE", "ANSWERS", "LEADS", "VOTES", "COPIES", "LEVELS"],
            self.members.iter().map(row).collect(),
        );
        format!("{head}\n\n{table}")
    }
}

/// A list of nodes has this one.
fn names(nodes: &Value, node: u64) -> bool {
    nodes.as_array().into_iter().flatten().any(|named| named.as_u64() == Some(node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_counted_with_who_leads_them() {
        let group = |group: u64, leader: Option<u64>, applied: u64| json!({ "group": group, "leader": leader, "term": 2, "voters": [1, 2], "learners": [3], "applied": applied, "log": 9 });
        let found = json!({
            "version": "0", "name": "prod", "cluster": "id", "node": 2,
            "next_node": 4,
            "members": [
                { "node": 1, "address": "a:7235", "state": "member", "answers": true },
                { "node": 2, "address": "b:7235", "state": "drained" },
                { "node": 3, "address": "c:7235", "state": "member", "answers": false },
            ],
            "groups": [group(0, Some(1), 9), group(1, Some(1), 7), group(2, None, 9), group(3, Some(3), 9)],
        });
        let view = View::read(&found).unwrap();
        assert_eq!(view.level(), None, "it is of a build that knows no levels");
        assert_eq!((view.asked, view.groups, view.behind, view.without_leader), (2, 4, 2, vec![2, 3]));
        assert_eq!(view.members.iter().map(|member| member.leads).collect::<Vec<_>>(), [2, 0, 0]);
        assert_eq!(view.members.iter().map(|member| member.votes).collect::<Vec<_>>(), [4, 4, 0]);
        assert_eq!(view.members.iter().map(|member| member.copies).collect::<Vec<_>>(), [4, 4, 4]);
        let answers: Vec<_> = view.members.iter().map(|member| member.answers).collect();
        assert_eq!(answers, [Some(true), None, Some(false)], "an earlier version says nothing of it");
        assert_eq!(state_of(&found, 2).as_deref(), Some("drained"));
        let flags = join_flags(&found).unwrap();
        assert!(flags.contains("--cluster-name prod --node 4 --join a:7235"), "{flags}");
        assert_eq!(View::read(&json!({ "groups": [] })), None);
    }

    #[test]
    fn it_is_said_when_the_level_can_be_raised() {
        let view = |newest: [Option<u64>; 2], state: &str| {
            let levels = newest.map(|newest| newest.map(|newest| json!({ "oldest": 1, "newest": newest })));
            let found = json!({
                "level": 1, "name": "prod", "cluster": "id", "node": 1, "groups": [],
                "members": [
                    { "node": 1, "address": "a:7235", "state": "member", "levels": levels[0] },
                    { "node": 2, "address": "b:7235", "state": state, "levels": levels[1] },
                ],
            });
            View::read(&found).and_then(|view| view.level())
        };
        let raise = Some("1; all nodes support 2: wfctl cluster finalize".to_owned());
        assert_eq!(view([Some(2), Some(2)], "member"), raise);
        assert_eq!(view([Some(2), None], "removed"), raise);
        for other in [Some(1), Some(3), None] {
            assert_eq!(view([Some(2), other], "member"), Some("1".to_owned()), "{other:?}");
        }
    }
}
