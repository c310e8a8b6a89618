//! Cluster member: the nodes of the cluster, and votes that an operator wants elsewhere. Rows of the metadata group.
//!
//! ```text
//! key    01 | node u32         value  01 | Node
//!        02 | group u32               01 | Move
//! ```
//!
//! Invariant: the row of a node stays for ever: a number that was removed is not given again, because whoever had it may
//! have voted, and nobody else knows for whom.

use alloc::{string::String, vec::Vec};

use prost::Message;

use super::MEMBER;
use crate::{Corrupt, key::Reader, value};

const NODE: u8 = 1;
const MOVE: u8 = 2;

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

/// What the table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    Member(MemberRow),
    Move(MoveRow),
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

/// What a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Node(u32),
    Group(u32),
}

#[must_use]
pub fn key(key: Key) -> Vec<u8> {
    let (kind, number) = match key {
        Key::Node(node) => (NODE, node),
        Key::Group(group) => (MOVE, group),
    };
    let mut bytes = Vec::from([kind]);
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes
}

/// # Errors
/// When nobody wrote such a key.
pub fn decode_key(key: &[u8]) -> Result<Key, Corrupt> {
    let mut reader = Reader::after(MEMBER, &[], key)?;
    let [kind] = reader.array()?;
    let number = u32::from_be_bytes(reader.array()?);
    reader.end()?;
    match kind {
        NODE => Ok(Key::Node(number)),
        MOVE => Ok(Key::Group(number)),
        other => Err(value::unknown(MEMBER, "kind of row", u32::from(other))),
    }
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

/// # Errors
/// When nobody wrote such a row.
pub fn decode(key: &[u8], value: &[u8]) -> Result<Row, Corrupt> {
    match decode_key(key)? {
        Key::Node(node) => decode_member(node, value).map(Row::Member),
        Key::Group(group) => decode_move(group, value).map(Row::Move),
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
        fn any_bytes_are_read_or_refused(key: Vec<u8>, bytes: Vec<u8>) {
            let _ = decode(&key, &bytes);
        }
    }
}
