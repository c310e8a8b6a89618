//! Copies of each shard on three of more nodes: every node answers for all, copies move while they are used, and what a
//! node gives up is gone from its disk.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use weft_raft::{GroupId, NodeId};
use weft_rows::{
    Level, Supported,
    member::{CopiesRow, CopyState, MemberState, MoveRow},
    picture::{Keys, Owns},
    ranges,
};
use weft_server::Server;
use weft_shard::Members;
use weft_store::state::{KeyRange, Order};

use crate::{
    PATIENCE, WORKFLOWS,
    growing::Growing,
    members::{Load, check},
};

/// The shards that a node is to have, as it knows.
fn wanted(members: &Members, node: u32) -> BTreeSet<u32> {
    members.copies.values().filter(|row| row.nodes.contains_key(&node)).map(|row| row.group).collect()
}

/// The shards that run at a node.
pub(crate) fn runs_at(server: &Server) -> BTreeSet<u32> {
    server.node().shards().iter().map(|shard| shard.id().0).collect()
}

/// How many rows a node has of a shard.
fn rows_of(server: &Server, shard: u32) -> usize {
    let slots = ranges(server.node().options().shards)[shard as usize - 1];
    let count = |(table, range): (u8, Option<Keys>)| {
        let (first, beyond) = range.expect("the rows of a shard are those of its slots");
        let rows = server.node().store().scan(table, &KeyRange::between(first, beyond), Order::Ascending, usize::MAX);
        rows.expect("it reads").len()
    };
    Owns::Slots(slots).tables().into_iter().map(count).sum()
}

impl Growing {
    /// So many nodes, with copies on three of them.
    pub(crate) async fn placed(nodes: u32) -> Self {
        Self::found_by(Supported::HERE).await.grown(nodes).await
    }

    /// The same, of a cluster that was founded before there was such a thing.
    async fn raised(nodes: u32) -> Self {
        let mut growing = Self::found().await.grown(nodes).await;
        growing.levels = Supported::HERE;
        growing.start_all_again().await;
        growing.raise().await;
        growing
    }

    /// Waits until the cluster takes it.
    async fn wish_to_move(&self, MoveRow { group, from, to }: MoveRow) {
        let command = format!("move-shard?shard={group}&from={from}&to={to}");
        self.wish(1, &command, "as soon as that has its log").await;
    }

    /// Waits until a node knows that a copy has moved.
    async fn until_moved(&self, at: u32, MoveRow { group, from, to }: MoveRow) {
        let is_moved = |members: &Members| {
            let row = &members.copies[&group];
            row.nodes.get(&to) == Some(&CopyState::Held) && !row.nodes.contains_key(&from)
        };
        self.until_copies(at, "moved", is_moved).await;
    }

    async fn grown(mut self, nodes: u32) -> Self {
        for node in 2..=nodes {
            self.join(node, 1).await;
            self.until(1, node, MemberState::Member).await;
        }
        self
    }

    async fn raise(&self) {
        let mut said = String::new();
        let raising = async {
            while !said.contains(&format!("the cluster is at level {}", Level::PLACED)) {
                said = self.command(1, "finalize").await;
            }
        };
        tokio::time::timeout(PATIENCE, raising).await.unwrap_or_else(|_| panic!("it is not raised: {said}"));
    }

    /// Waits until a node knows that all is as these rows are to be.
    pub(crate) async fn until_copies(&self, at: u32, what: &str, are: impl Fn(&Members) -> bool) -> Members {
        let metadata = self.servers[&at].node().metadata();
        let mut viewed = metadata.viewed();
        let waiting = async {
            while !are(&metadata.members()) {
                viewed.changed().await.expect("it runs");
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        let waits = || async {
            crate::operations::get(self.servers[&at].operations().expect("it has it"), "/admin/cluster").await
        };
        if waited.is_err() {
            panic!("not {what}: {:?}, {:?}", metadata.members(), waits().await);
        }
        Members::clone(&metadata.members())
    }

    /// Waits until each shard has three whole copies and no others.
    pub(crate) async fn until_at_rest(&self, at: u32) -> Members {
        let shards = usize::from(self.servers[&at].node().options().shards);
        let is_whole = |members: &Members| {
            let held =
                |row: &CopiesRow| row.nodes.len() == 3 && row.nodes.values().all(|state| *state == CopyState::Held);
            members.copies.len() == shards && members.copies.values().all(held) && members.moves.is_empty()
        };
        self.until_copies(at, "at rest", is_whole).await
    }

    /// Each node has what the rows say, and nothing else.
    fn check_disks(&self, members: &Members) {
        for (node, server) in &self.servers {
            let wanted = wanted(members, *node);
            assert_eq!(runs_at(server), wanted, "node {node}");
            for shard in 1..=u32::from(server.node().options().shards) {
                let rows = rows_of(server, shard);
                assert_eq!(rows > 0, wanted.contains(&shard), "node {node} has {rows} rows of shard {shard}");
            }
        }
    }
}

/// A shard, a node that has a copy of it and one that has none, neither of them node 1.
fn move_of(members: &Members) -> MoveRow {
    let nodes: Vec<u32> = members.present().map(|row| row.node).filter(|node| *node != 1).collect();
    let pair = |row: &CopiesRow| {
        let from = nodes.iter().find(|node| row.nodes.contains_key(node))?;
        let to = nodes.iter().find(|node| !row.nodes.contains_key(node))?;
        Some(MoveRow { group: row.group, from: *from, to: *to })
    };
    members.copies.values().find_map(pair).expect("node 1 is not without all of them")
}

/// So many nodes at rest that are used, and a move that can be made.
async fn before_a_move(nodes: u32) -> (Growing, Load, MoveRow) {
    let growing = Growing::placed(nodes).await;
    let members = growing.until_at_rest(1).await;
    let load = Load::on(&growing, 1, "order");
    load.more(WORKFLOWS).await;
    (growing, load, move_of(&members))
}

#[tokio::test(flavor = "multi_thread")]
async fn five_nodes_have_three_copies_each_way_and_answer_for_all() {
    let growing = Growing::raised(5).await;
    let loads = [1, 3, 5].map(|node| Load::on(&growing, node, &format!("by-{node}")));
    let members = growing.until_at_rest(2).await;
    for load in &loads {
        load.more(WORKFLOWS).await;
    }
    let mut runs = BTreeMap::new();
    for load in loads {
        runs.extend(load.end().await);
    }
    let copies: Vec<usize> = (1..=5).map(|node| wanted(&members, node).len()).collect();
    let (least, most) = (copies.iter().min(), copies.iter().max());
    assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{copies:?}");
    check(&growing, &runs).await;
    growing.check_disks(&members);
    for (node, server) in &growing.servers {
        assert!(server.node().lists().parts_asked() > 0, "node {node} has no copy of some shards, and listed all");
        let operations = server.operations().expect("it was asked for");
        // Whoever is asked knows of the shards that are elsewhere, too.
        let status = crate::operations::get(operations, "/admin/cluster").await;
        assert_eq!(shown(&status), members.copies, "at node {node}: {status}");
    }
    growing.shutdown().await;
}

/// What a status says of who has each shard.
fn shown(status: &Value) -> BTreeMap<u32, CopiesRow> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok()).expect("a number");
    let groups = status["groups"].as_array().expect("a list").iter();
    let row = |group: &Value| {
        let all =
            [&group["voters"], &group["learners"]].into_iter().flat_map(|nodes| nodes.as_array().expect("a list"));
        let nodes = all.map(|node| (number(node), CopyState::Held)).collect();
        (number(&group["group"]), CopiesRow { group: number(&group["group"]), nodes })
    };
    groups.map(row).filter(|(group, _)| *group != 0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_goes_and_comes_back_while_its_shard_is_used() {
    let (growing, load, wanted) = before_a_move(4).await;
    let MoveRow { group: shard, from, to } = wanted;
    for (from, to) in [(from, to), (to, from)] {
        let wanted = MoveRow { group: shard, from, to };
        growing.wish_to_move(wanted).await;
        growing.until_moved(from, wanted).await;
        load.more(WORKFLOWS).await;
        let gone = &growing.servers[&from];
        assert!(!runs_at(gone).contains(&shard) && rows_of(gone, shard) == 0, "node {from} still has shard {shard}");
    }
    let runs = load.end().await;
    let members = growing.until_at_rest(1).await;
    check(&growing, &runs).await;
    growing.check_disks(&members);
    growing.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_and_one_goes_and_copies_are_even() {
    let mut growing = Growing::placed(3).await;
    let load = Load::on(&growing, 2, "order");
    growing.until_at_rest(1).await;
    growing.join(4, 1).await;
    growing.until(1, 4, MemberState::Member).await;
    let members = growing.until_at_rest(1).await;
    assert_eq!(wanted(&members, 4).len(), 3, "its share of twelve");
    load.more(WORKFLOWS).await;
    growing.wish(2, "remove?node=3", "being removed").await;
    growing.until(2, 3, MemberState::Removed).await;
    growing.stop(3).await;
    load.more(WORKFLOWS).await;
    let runs = load.end().await;
    let members = growing.until_at_rest(2).await;
    check(&growing, &runs).await;
    growing.check_disks(&members);
    growing.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_start_again_in_the_middle_of_a_move_and_it_goes_on() {
    let mut growing = Growing::placed(4).await;
    let members = growing.until_at_rest(1).await;
    let load = Load::on(&growing, 2, "order");
    load.more(WORKFLOWS).await;
    let runs = load.end().await;
    let wanted = move_of(&members);
    growing.wish_to_move(wanted).await;
    growing.start_all_again().await;
    growing.until_moved(1, wanted).await;
    let members = growing.until_at_rest(1).await;
    assert_eq!(members.level, Level::PLACED);
    check(&growing, &runs).await;
    growing.check_disks(&members);
    growing.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_lost_in_the_middle_of_a_move_is_replaced() {
    let (mut growing, load, wanted) = before_a_move(5).await;
    let to = wanted.to;
    growing.wish_to_move(wanted).await;
    growing.stop(to).await;
    growing.wish(1, &format!("remove?node={to}"), "being removed").await;
    growing.until(1, to, MemberState::Removed).await;
    load.more(WORKFLOWS).await;
    let runs = load.end().await;
    let members = growing.until_at_rest(1).await;
    check(&growing, &runs).await;
    growing.check_disks(&members);
    growing.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_data_were_made_before_the_level_was_raised_joins() {
    let mut growing = Growing::placed(3).await;
    let load = Load::on(&growing, 1, "order");
    load.more(WORKFLOWS).await;
    growing.make_data(4);
    let joining = tokio::time::timeout(PATIENCE, growing.join(4, 1)).await;
    joining.expect("it waits for no leader of shards of which nobody fills a copy");
    growing.until(1, 4, MemberState::Member).await;
    let members = growing.until_at_rest(1).await;
    let runs = load.end().await;
    check(&growing, &runs).await;
    growing.check_disks(&members);
    growing.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_replaced_while_its_node_was_down_goes_when_that_starts_again() {
    let (mut growing, load, wanted) = before_a_move(4).await;
    let MoveRow { group: shard, from, to } = wanted;
    growing.stop(from).await;
    growing.wish_to_move(wanted).await;
    // It votes as far as its own log says, and nobody can tell it.
    let is_replaced = |members: &Members| {
        let row = &members.copies[&shard];
        row.nodes.get(&to) == Some(&CopyState::Held) && row.nodes.get(&from) == Some(&CopyState::Going)
    };
    growing.until_copies(1, "replaced", is_replaced).await;
    load.more(WORKFLOWS).await;
    growing.start_again(from).await;
    let members = growing.until_at_rest(1).await;
    assert!(!members.copies[&shard].nodes.contains_key(&from), "{:?}", members.copies[&shard]);
    load.more(WORKFLOWS).await;
    let leader = growing.servers[&to].node().raft().group(GroupId(shard)).map(|group| *group.leadership().borrow());
    assert!(leader.is_some_and(|known| known.leader != Some(NodeId(u64::from(from)))), "{leader:?}");
    let runs = load.end().await;
    check(&growing, &runs).await;
    growing.check_disks(&members);
    growing.shutdown().await;
}
