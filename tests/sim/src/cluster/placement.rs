//! Copies of shards on some of the nodes: what is on its way, what is moved next, and what must hold in the end.
//!
//! Invariants it checks: in the end each shard has whole copies on three nodes and on no others, and what a node has given
//! up is gone from its log and its store, but for its floor.

use std::sync::Arc;

use tokio::runtime::Runtime;
use weft_env::SeededIds;
use weft_raft::GroupId;
use weft_rows::{
    Level, applied,
    member::{CopyState, MemberState},
    picture::{self, Owns},
    ranges, table,
};
use weft_shard::Members;
use weft_store::state::{KeyRange, Order, StateView};

use super::{
    change,
    machine::{Asked, Machine},
    one_of,
    record::Record,
};

/// Copies of a shard, where three nodes founded the cluster.
const COPIES: usize = 3;

/// What the rows said when somebody last looked.
#[derive(Default)]
pub(crate) struct Placement {
    index: u64,
    members: Arc<Members>,
    /// Somebody wants the level raised.
    is_raising: bool,
    /// What somebody has asked for.
    asked: Option<Asked>,
}

/// A vote that is to go elsewhere, and with it its copy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) group: u32,
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Placement {
    /// Looks at what the node says that has come farthest, and counts what is new.
    pub(crate) fn look(&mut self, machines: &[Machine], record: &Record) {
        let latest = machines.iter().filter_map(Machine::members).max_by_key(|(index, _)| *index);
        let Some((index, members)) = latest.filter(|(index, _)| *index > self.index) else { return };
        let before = std::mem::replace(&mut self.members, members);
        self.index = index;
        let news = self.news(&before);
        for what in &news {
            record.note(&what.0);
            record.cover(|counts| match what.1 {
                News::Level => counts.raised += u64::from(before.level > Level::FIRST),
                News::MoveBegins => counts.moves += 1,
                News::MoveEnds => counts.moves_ended += 1,
                News::Copy(Some(CopyState::Coming)) => counts.copies_coming += 1,
                News::Copy(Some(CopyState::Held | CopyState::Going)) => {}
                News::Copy(None) => counts.copies_gone += 1,
            });
        }
    }

    pub(crate) fn raise(&mut self) {
        self.is_raising = true;
    }

    /// Hears what somebody was told who asked for something, and asks for the level until it is raised.
    pub(crate) fn go_on(&mut self, machines: &[Machine], clients: &Runtime, dice: &SeededIds, record: &Record) {
        if let Some(mut asked) = self.asked.take_if(|asked| asked.is_finished()) {
            record.note(&format!("whoever wanted something is told: {}", change::told(&mut asked, clients)));
        }
        if self.is_raising && self.asked.is_none() && !self.is_placed() {
            self.asked = any(machines, dice).finalize();
        }
    }

    /// Asks any node to move a copy, if nobody waits for something else.
    pub(crate) fn move_something(&mut self, machines: &[Machine], dice: &SeededIds, record: &Record) -> Option<Move> {
        let wanted = self.draw(dice).filter(|_| self.asked.is_none())?;
        record.note(&format!("{wanted:?}"));
        self.asked = any(machines, dice).move_shard(wanted);
        self.asked.is_some().then_some(wanted)
    }

    fn news(&self, before: &Members) -> Vec<(String, News)> {
        let mut news = Vec::new();
        if self.members.level != before.level {
            news.push((format!("the cluster is at level {}", self.members.level), News::Level));
        }
        for (group, wanted) in self.members.moves.iter().filter(|(group, _)| !before.moves.contains_key(group)) {
            news.push((format!("shard {group} moves from {} to {}", wanted.from, wanted.to), News::MoveBegins));
        }
        for group in before.moves.keys().filter(|group| !self.members.moves.contains_key(group)) {
            news.push((format!("shard {group} does not move any more"), News::MoveEnds));
        }
        for (group, row) in &self.members.copies {
            let old = before.copies.get(group).map(|row| row.nodes.clone()).unwrap_or_default();
            for (node, state) in row.nodes.iter().filter(|(node, state)| old.get(node) != Some(*state)) {
                news.push((format!("node {node} is to have shard {group}: {state:?}"), News::Copy(Some(*state))));
            }
            for node in old.keys().filter(|node| !row.nodes.contains_key(node)) {
                news.push((format!("node {node} has nothing of shard {group} any more"), News::Copy(None)));
            }
        }
        news
    }

    pub(crate) fn level(&self) -> Level {
        self.members.level
    }

    pub(crate) fn is_placed(&self) -> bool {
        self.level() >= Level::PLACED
    }

    /// The nodes at which a copy is coming or going.
    pub(crate) fn changing(&self) -> Vec<u32> {
        let rows = self.members.copies.values().flat_map(|row| &row.nodes);
        let mut nodes: Vec<u32> = rows.filter(|(_, state)| **state != CopyState::Held).map(|(node, _)| *node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// Something that can be moved.
    fn draw(&self, dice: &SeededIds) -> Option<Move> {
        let is_member = |node: &u32| self.members.state(*node) == Some(MemberState::Member);
        let nodes: Vec<u32> = self.members.nodes.keys().copied().filter(is_member).collect();
        let rows = self.members.copies.values();
        let moves: Vec<Move> = rows
            .flat_map(|row| {
                let free = nodes.iter().filter(|node| !row.nodes.contains_key(node));
                free.flat_map(|to| row.wanted().map(|from| Move { group: row.group, from, to: *to }))
            })
            .collect();
        one_of(&moves, dice)
    }
}

fn any<'a>(machines: &'a [Machine], dice: &SeededIds) -> &'a Machine {
    &machines[usize::try_from(dice.below(machines.len() as u64)).expect("few")]
}

enum News {
    Level,
    MoveBegins,
    MoveEnds,
    Copy(Option<CopyState>),
}

/// What is not as it must be in the end, where the rows say who has what.
pub(crate) fn unsettled(members: &Members, machines: &[&Machine], founders: u32) -> Option<String> {
    let shards = machines.first()?.shards();
    if !members.moves.is_empty() {
        return Some(format!("a vote is being moved: {:?}", members.moves));
    }
    let present = members.present().count();
    let most = COPIES.max(founders as usize).min(present);
    for group in 1..=u32::from(shards) {
        let Some(row) = members.copies.get(&group) else { return Some(format!("shard {group} has no row")) };
        let is_whole = row.nodes.values().all(|state| *state == CopyState::Held);
        if !is_whole || row.nodes.len() < COPIES.min(present) || row.nodes.len() > most {
            return Some(format!("shard {group} has copies on {:?} of {present} nodes", row.nodes));
        }
    }
    machines.iter().find_map(|machine| {
        let slots = (1..).zip(ranges(shards));
        let others = slots.filter(|(group, _)| !members.copies[group].nodes.contains_key(&machine.node));
        others.into_iter().find_map(|(group, slots)| rest(machine, group, Owns::Slots(slots)))
    })
}

/// What a node has of a group of which it is to have nothing.
fn rest(machine: &Machine, group: u32, owns: Owns) -> Option<String> {
    let said = |what: &str| Some(format!("node {} is to have nothing of shard {group}, and has {what}", machine.node));
    if machine.applied().iter().any(|(id, _)| id.0 == group) {
        return said("a replica");
    }
    if machine.has_log(GroupId(group)) {
        return said("a log");
    }
    let count = |table: u8, first: Vec<u8>, beyond: Vec<u8>| {
        let rows = machine.store.scan(table, &KeyRange::between(first, beyond), Order::Ascending, usize::MAX);
        rows.expect("the store of a simulated node can be read").len()
    };
    for (table, keys) in owns.tables() {
        let (first, beyond) = keys.expect("the rows of a shard are those of its slots");
        if count(table, first, beyond) > 0 {
            return said(&format!("rows of table {table}"));
        }
    }
    let (first, beyond) = picture::pieces(group);
    let has = |table, key: Vec<u8>| machine.store.get(table, &key).expect("it can be read").is_some();
    let is_noted = has(table::PICTURE, picture::note_key(group)) || has(table::APPLIED, applied::key(group));
    if is_noted || count(table::PICTURE, first, beyond) > 0 {
        return said("notes of how far it was");
    }
    None
}
