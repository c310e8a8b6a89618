//! Cluster member: the nodes of the cluster, votes that are wanted elsewhere, the cluster's format level, and who has a copy
//! of each shard. Rows of the metadata group.
//!
//! ```text
//! key    01 | node u32         value  01 | Node
//!        02 | group u32               01 | Move
//!        03                           01 | Level
//!        04 | group u32               01 | Copies
//! ```
//!
//! Invariants: the row of a node stays for ever: a number that was removed is not given again, because whoever had it may
//! have voted, and nobody else knows for whom. The level has a row from level 2 on; none means level 1. Copies have rows from
//! level 3 on; a shard without one has a copy on every node that gets its log.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use prost::Message;

use super::MEMBER;
use crate::{Corrupt, Level, key::Reader, value};

const NODE: u8 = 1;
const MOVE: u8 = 2;
const LEVEL: u8 = 3;
const COPIES: u8 = 4;

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    pub node: u32,
    /// Where the others reach its internal port: `HOST:PORT`.
    pub address: String,
    pub state: MemberState,
    /// Which data directory of a node that joined this is: a node with another one has lost its data. Empty of founders.
    pub incarnation: String,
}

/// How far a node is on its way in or out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberState {
    /// It gets the logs of all groups, and votes when it has caught up.
    Joining,
    Member,
    /// A member that is to lead nothing.
    Drained,
    /// Its votes are given to others, then it gets no more logs.
    Removing,
    /// It is out, for ever.
    Removed,
}

/// A vote in a group that is to go from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveRow {
    pub group: u32,
    pub from: u32,
    pub to: u32,
}

/// Who has a copy of a shard, or is about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiesRow {
    pub group: u32,
    pub nodes: BTreeMap<u32, CopyState>,
}

/// How far a copy is on its way in or out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CopyState {
    /// It gets the log, or a picture of the rows, and is not whole yet.
    Coming,
    /// It is whole.
    Held,
    /// It votes no more; when it gets the log no more either, the node removes what it has, and then it is not in the row.
    Going,
}

impl CopiesRow {
    /// Those that have a copy or are to have one.
    pub fn wanted(&self) -> impl Iterator<Item = u32> {
        self.nodes.iter().filter(|(_, state)| **state != CopyState::Going).map(|(node, _)| *node)
    }

    /// The node has a copy or is to have one.
    #[must_use]
    pub fn wants(&self, node: u32) -> bool {
        self.nodes.get(&node).is_some_and(|state| *state != CopyState::Going)
    }

    /// Those in this state.
    pub fn in_state(&self, state: CopyState) -> impl Iterator<Item = u32> {
        self.nodes.iter().filter(move |(_, found)| **found == state).map(|(node, _)| *node)
    }
}

/// What the table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    Member(MemberRow),
    Move(MoveRow),
    Level(Level),
    Copies(CopiesRow),
}

#[derive(Clone, PartialEq, Message)]
struct NodeValue {
    #[prost(string, tag = "1")]
    address: String,
    #[prost(uint32, tag = "2")]
    state: u32,
    #[prost(string, tag = "3")]
    incarnation: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct MoveValue {
    #[prost(uint32, tag = "1")]
    from: u32,
    #[prost(uint32, tag = "2")]
    to: u32,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct LevelValue {
    #[prost(uint32, tag = "1")]
    level: u32,
}

#[derive(Clone, PartialEq, Message)]
struct CopiesValue {
    #[prost(uint32, repeated, tag = "1")]
    coming: Vec<u32>,
    #[prost(uint32, repeated, tag = "2")]
    held: Vec<u32>,
    #[prost(uint32, repeated, tag = "3")]
    going: Vec<u32>,
}

/// What a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Node(u32),
    Group(u32),
    Level,
    /// Of this group.
    Copies(u32),
}

#[must_use]
pub fn key(key: Key) -> Vec<u8> {
    let (kind, number) = match key {
        Key::Node(node) => (NODE, Some(node)),
        Key::Group(group) => (MOVE, Some(group)),
        Key::Level => (LEVEL, None),
        Key::Copies(group) => (COPIES, Some(group)),
    };
    let mut bytes = Vec::from([kind]);
    bytes.extend(number.into_iter().flat_map(u32::to_be_bytes));
    bytes
}

/// # Errors
/// When nobody wrote such a key.
pub fn decode_key(key: &[u8]) -> Result<Key, Corrupt> {
    let mut reader = Reader::after(MEMBER, &[], key)?;
    let [kind] = reader.array()?;
    let mut number = || reader.array().map(u32::from_be_bytes);
    let key = match kind {
        NODE => Key::Node(number()?),
        MOVE => Key::Group(number()?),
        LEVEL => Key::Level,
        COPIES => Key::Copies(number()?),
        other => return Err(value::unknown(MEMBER, "kind of row", u32::from(other))),
    };
    reader.end()?;
    Ok(key)
}

#[must_use]
pub fn encode_member(row: &MemberRow) -> Vec<u8> {
    value::encode(&NodeValue {
        address: row.address.clone(),
        state: match row.state {
            MemberState::Joining => 1,
            MemberState::Member => 2,
            MemberState::Drained => 3,
            MemberState::Removing => 4,
            MemberState::Removed => 5,
        },
        incarnation: row.incarnation.clone(),
    })
}

#[must_use]
pub fn encode_move(row: &MoveRow) -> Vec<u8> {
    value::encode(&MoveValue { from: row.from, to: row.to })
}

#[must_use]
pub fn encode_level(level: Level) -> Vec<u8> {
    value::encode(&LevelValue { level: level.number() })
}

#[must_use]
pub fn encode_copies(row: &CopiesRow) -> Vec<u8> {
    let nodes = |state| row.in_state(state).collect();
    let (coming, held, going) = (nodes(CopyState::Coming), nodes(CopyState::Held), nodes(CopyState::Going));
    value::encode(&CopiesValue { coming, held, going })
}

/// # Errors
/// When nobody wrote such a row.
pub fn decode(key: &[u8], value: &[u8]) -> Result<Row, Corrupt> {
    match decode_key(key)? {
        Key::Node(node) => decode_member(node, value).map(Row::Member),
        Key::Group(group) => decode_move(group, value).map(Row::Move),
        Key::Level => decode_level(value).map(Row::Level),
        Key::Copies(group) => decode_copies(group, value).map(Row::Copies),
    }
}

/// # Errors
/// When nobody wrote such a value.
pub fn decode_member(node: u32, value: &[u8]) -> Result<MemberRow, Corrupt> {
    let NodeValue { address, state, incarnation } = value::decode(MEMBER, value)?;
    Ok(MemberRow { node, address, state: read_state(state)?, incarnation })
}

/// # Errors
/// When nobody wrote such a value.
pub fn decode_move(group: u32, value: &[u8]) -> Result<MoveRow, Corrupt> {
    let MoveValue { from, to } = value::decode(MEMBER, value)?;
    Ok(MoveRow { group, from, to })
}

/// # Errors
/// When nobody wrote such a value.
pub fn decode_level(value: &[u8]) -> Result<Level, Corrupt> {
    let LevelValue { level } = value::decode(MEMBER, value)?;
    Level::new(level).ok_or_else(|| value::unknown(MEMBER, "level", level))
}

/// # Errors
/// When nobody wrote such a value.
pub fn decode_copies(group: u32, value: &[u8]) -> Result<CopiesRow, Corrupt> {
    let CopiesValue { coming, held, going } = value::decode(MEMBER, value)?;
    let states = [(coming, CopyState::Coming), (held, CopyState::Held), (going, CopyState::Going)];
    let all = states.into_iter().flat_map(|(nodes, state)| nodes.into_iter().map(move |node| (node, state)));
    let mut nodes = BTreeMap::new();
    for (node, state) in all {
        if nodes.insert(node, state).is_some() {
            return Err(Corrupt::row(MEMBER, "a node that has two copies of a shard"));
        }
    }
    Ok(CopiesRow { group, nodes })
}

fn read_state(state: u32) -> Result<MemberState, Corrupt> {
    match state {
        1 => Ok(MemberState::Joining),
        2 => Ok(MemberState::Member),
        3 => Ok(MemberState::Drained),
        4 => Ok(MemberState::Removing),
        5 => Ok(MemberState::Removed),
        other => Err(value::unknown(MEMBER, "state of a node", other)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::golden;

    const STATES: [MemberState; 5] =
        [MemberState::Joining, MemberState::Member, MemberState::Drained, MemberState::Removing, MemberState::Removed];

    #[test]
    fn rows_keep_their_bytes() {
        let (address, incarnation) = ("weft-3.weft:7235".into(), "incarnation-1".into());
        let row = MemberRow { node: 4, address, state: MemberState::Drained, incarnation };
        golden::check("cluster member key", &key(Key::Node(4)));
        golden::check("cluster member value", &encode_member(&row));
        golden::check("shard move key", &key(Key::Group(258)));
        golden::check("shard move value", &encode_move(&MoveRow { group: 258, from: 1, to: 4 }));
        golden::check("cluster level key", &key(Key::Level));
        golden::check("cluster level value", &encode_level(Level::WRITTEN_DOWN));
        let nodes =
            [(1, CopyState::Held), (3, CopyState::Going), (5, CopyState::Coming), (300, CopyState::Held)].into();
        golden::check("shard copies key", &key(Key::Copies(258)));
        golden::check("shard copies value", &encode_copies(&CopiesRow { group: 258, nodes }));
    }

    #[test]
    fn a_node_has_one_copy_of_a_shard() {
        for (held, going) in [(&[1, 3][..], &[3][..]), (&[1, 1], &[])] {
            let value = CopiesValue { coming: Vec::new(), held: held.to_vec(), going: going.to_vec() };
            assert!(decode_copies(2, &value::encode(&value)).is_err(), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn members_come_back(
            (node, address, incarnation) in any::<(u32, String, String)>(),
            state in proptest::sample::select(&STATES[..]),
        ) {
            let row = MemberRow { node, address, state, incarnation };
            prop_assert_eq!(decode(&key(Key::Node(node)), &encode_member(&row)), Ok(Row::Member(row)));
        }

        #[test]
        fn moves_come_back(group: u32, from: u32, to: u32) {
            let row = MoveRow { group, from, to };
            prop_assert_eq!(decode(&key(Key::Group(group)), &encode_move(&row)), Ok(Row::Move(row)));
        }

        #[test]
        fn copies_come_back(group: u32, nodes: BTreeMap<u32, u8>) {
            let state = |state: u8| [CopyState::Coming, CopyState::Held, CopyState::Going][usize::from(state % 3)];
            let nodes = nodes.into_iter().map(|(node, number)| (node, state(number))).collect();
            let row = CopiesRow { group, nodes };
            prop_assert_eq!(decode(&key(Key::Copies(group)), &encode_copies(&row)), Ok(Row::Copies(row)));
        }

        #[test]
        fn levels_come_back(number in 1_u32..) {
            let level = Level::new(number).expect("it is not 0");
            prop_assert_eq!(decode(&key(Key::Level), &encode_level(level)), Ok(Row::Level(level)));
        }

        #[test]
        fn any_bytes_are_read_or_refused(key: Vec<u8>, bytes: Vec<u8>) {
            let _ = decode(&key, &bytes);
        }
    }
}
