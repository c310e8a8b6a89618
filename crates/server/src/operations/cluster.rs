//! What `wfctl cluster` asks: who the nodes are and what they lead, and what an operator wants of them.
//!
//! Invariant: any node is asked, and whoever can do it is found; what is refused says why.

use std::{collections::BTreeSet, time::Duration};

use http::StatusCode;
use serde_json::{Value, json};
use tonic::Status;
use weft_protocol::internal::{
    ChangeClusterRequest, ChangeReplicasRequest, Move, change_cluster_request::Wish, change_replicas_request::Step,
};
use weft_raft::{GroupId, NodeId};
use weft_rows::{
    Supported,
    member::{MemberRow, MemberState},
};
use weft_shard::Members;

use super::{
    Answer,
    admin::{value, wrong},
};
use crate::node::{Node, copies::Known};

/// The commands are below it.
pub(super) const COMMANDS: &str = "/admin/cluster/";

/// Whoever waits longer asks again.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// How long the news of a new leader may take to come here.
const NEWS_MAX: Duration = Duration::from_secs(2);

/// The nodes, and of every Raft group who leads it, as this node knows it, and how far this node is. Group 0 is that of
/// the metadata.
pub(super) fn status(node: &Node) -> Answer {
    let options = node.options();
    let known = node.metadata().members();
    let groups: Vec<Value> = node.inner().known_groups().map(|(id, group)| shown(node, &known, id, &group)).collect();
    let moves: Vec<Value> =
        known.moves.values().map(|it| json!({ "shard": it.group, "from": it.from, "to": it.to })).collect();
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "level": known.level.number(),
        "name": options.cluster.name,
        "cluster": node.cluster().to_string(),
        "node": options.node,
        "members": members(node),
        "next_node": known.nodes.keys().last().map(|last| last.saturating_add(1)),
        "moves": moves,
        "waits": node.waits(),
        "groups": groups,
    });
    Answer::json(StatusCode::OK, &body)
}

/// A group: from its replica here, or, of a shard that is elsewhere, from what its leader said and from who is to have it.
fn shown(node: &Node, members: &Members, id: u32, known: &Known) -> Value {
    let leadership = *known.leadership.borrow();
    let here = node.raft().group(GroupId(id));
    let have: BTreeSet<u64> = match (&here, members.copies.get(&id)) {
        (Some(group), _) => group.members().iter().map(|node| node.0).collect(),
        (None, Some(row)) => row.nodes.keys().copied().map(u64::from).collect(),
        (None, None) => known.voters.iter().map(|voter| voter.0).collect(),
    };
    let voters: BTreeSet<u64> = known.voters.iter().map(|voter| voter.0).collect();
    json!({
        "group": id,
        "leader": leadership.leader.map(|leader| leader.0),
        "term": leadership.term,
        "voters": voters,
        "learners": have.difference(&voters).collect::<Vec<_>>(),
        "here": here.is_some(),
        "applied": here.as_ref().map_or(0, |group| *group.applied().borrow()),
        "log": here.as_ref().map_or(0, weft_raft::Group::last_log_index),
    })
}

fn members(node: &Node) -> Vec<Value> {
    let options = node.options();
    let known = node.metadata().members();
    let live = node.inner().live();
    let answers = |other: u32| other == options.node || live.contains(&other);
    if !known.nodes.is_empty() {
        let row = |row: &MemberRow| {
            // Nobody asks one that is out.
            let answers = (row.state != MemberState::Removed).then(|| answers(row.node));
            let (state, levels) = (name(row.state), levels(node, row.node));
            json!({ "node": row.node, "address": row.address, "state": state, "answers": answers, "levels": levels })
        };
        return known.nodes.values().map(row).collect();
    }
    let founder = |(node, address): (&u32, &String)| json!({ "node": node, "address": address, "state": "member", "answers": answers(*node) });
    let founders: Vec<Value> = options.cluster.members.iter().map(founder).collect();
    if founders.is_empty() {
        let levels = levels(node, options.node);
        return vec![
            json!({ "node": options.node, "address": null, "state": "member", "answers": true, "levels": levels }),
        ];
    }
    founders
}

/// The format levels that a node supports, if it has said so lately.
fn levels(node: &Node, of: u32) -> Option<Value> {
    let Supported { oldest, newest } = node.inner().supported_by(of)?;
    Some(json!({ "oldest": oldest.number(), "newest": newest.number() }))
}

fn name(state: MemberState) -> &'static str {
    match state {
        MemberState::Joining => "joining",
        MemberState::Member => "member",
        MemberState::Drained => "drained",
        MemberState::Removing => "removing",
        MemberState::Removed => "removed",
    }
}

/// Waits until a node is in a state, or has not come there for long, and shows the nodes: `node` and `state` as a URL's
/// query.
pub(super) async fn wait(node: &Node, query: &str) -> Answer {
    let number = value(query, "node").and_then(|text| text.parse::<u32>().ok());
    let (Some(number), Some(state)) = (number, value(query, "state")) else {
        return wrong("node and state are wanted as ?node=…&state=…");
    };
    let (metadata, clock) = (node.metadata(), node.clock());
    let (mut viewed, mut stopping) = (metadata.viewed(), node.stopping());
    let reached = async {
        while metadata.members().state(number).map(name) != Some(state.as_str()) && viewed.changed().await.is_ok() {}
    };
    tokio::select! {
        () = reached => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
        () = clock.sleep_until(clock.monotonic() + WAIT_MAX) => {}
    }
    status(node)
}

/// Does what an operator wants, or notes it for the node that drives changes.
pub(super) async fn command(node: &Node, command: &str, query: &str) -> Answer {
    let number = |name: &str| value(query, name).and_then(|text| text.parse::<u32>().ok());
    let wanted = |names: &str| wrong(&format!("numbers are wanted as ?{names}"));
    let said = match command {
        "finalize" => node.inner().raise_level(false).await,
        "snapshot" => snapshot(node).await,
        "transfer-leader" => match (number("shard"), number("to")) {
            (Some(shard), Some(to)) => transfer(node, shard, to).await,
            _ => return wanted("shard=…&to=…"),
        },
        "move-shard" => match (number("shard"), number("from"), number("to")) {
            (Some(group), Some(from), Some(to)) => wish(node, Wish::Move(Move { group, from, to })).await,
            _ => return wanted("shard=…&from=…&to=…"),
        },
        "cancel-move" => match number("shard") {
            Some(group) => wish(node, Wish::CancelMove(group)).await,
            None => return wanted("shard=…"),
        },
        "remove" | "drain" | "undrain" => match (number("node"), command) {
            (Some(gone), "remove") => wish(node, Wish::Remove(gone)).await,
            (Some(idle), "drain") => wish(node, Wish::Drain(idle)).await,
            (Some(back), _) => wish(node, Wish::Undrain(back)).await,
            (None, _) => return wanted("node=…"),
        },
        _ => Err(Status::not_found(format!("there is no command {command:?}"))),
    };
    match said {
        Ok(said) => Answer::json(StatusCode::OK, &json!({ "said": said })),
        Err(status) => Answer::json(code_of(&status), &json!({ "error": status.message() })),
    }
}

fn code_of(status: &Status) -> StatusCode {
    match status.code() {
        tonic::Code::Unavailable | tonic::Code::DeadlineExceeded => StatusCode::SERVICE_UNAVAILABLE,
        tonic::Code::NotFound => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    }
}

async fn wish(node: &Node, wish: Wish) -> Result<String, Status> {
    node.inner().change_cluster(ChangeClusterRequest { wish: Some(wish), ..ChangeClusterRequest::default() }).await
}

async fn snapshot(node: &Node) -> Result<String, Status> {
    node.checkpoint().await;
    Ok(format!(
        "node {} made a checkpoint: its log is kept from there on, and for replicas that need more",
        node.options().node
    ))
}

async fn transfer(node: &Node, shard: u32, to: u32) -> Result<String, Status> {
    let group = node.inner().copies.known(shard);
    let Known { mut leadership, voters } =
        group.ok_or_else(|| Status::not_found(format!("there is no shard {shard}")))?;
    let new = NodeId(u64::from(to));
    if !voters.contains(&new) {
        let voters: Vec<u64> = voters.iter().map(|voter| voter.0).collect();
        return Err(Status::failed_precondition(format!(
            "node {to} does not vote in shard {shard}: nodes {voters:?} do"
        )));
    }
    let request = ChangeReplicasRequest { group: shard, step: Some(Step::Lead(to)) };
    node.inner().change_replicas(request, true).await?;
    let (clock, last) = (node.clock(), leadership.clone());
    tokio::select! {
        led = leadership.wait_for(|known| known.leader == Some(new)) => {
            led.map_err(|_| Status::unavailable("this node is stopping"))?;
            Ok(format!("node {to} leads shard {shard}"))
        }
        () = clock.sleep_until(clock.monotonic() + NEWS_MAX) => {
            let leader = last.borrow().leader.map(|leader| leader.0);
            Err(Status::unavailable(format!("node {to} did not take shard {shard}, which node {leader:?} leads: try again")))
        }
    }
}
