//! The nodes of the cluster, votes that an operator wants elsewhere, and the cluster's format level, beside the namespaces
//! in the metadata group.
//!
//! Invariant: as for namespaces, the view is changed only when the batch is applied, and one change is under way at a
//! time. A node that was removed stays in it, as one whose number is not given again. The level only rises.

use std::{collections::BTreeMap, sync::Arc};

use weft_rows::{
    Level, Ops,
    member::{self, CopiesRow, Key, MemberRow, MemberState, MoveRow, Row},
    table,
};
use weft_store::state::{KeyRange, Order, StateStore};

use super::{ChangeError, Metadata};

/// What is known of the cluster's nodes. Empty before the first node that led the metadata has written it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// By number, those that were removed too.
    pub nodes: BTreeMap<u32, MemberRow>,
    /// By group.
    pub moves: BTreeMap<u32, MoveRow>,
    /// What may be written in this cluster (rule 18).
    pub level: Level,
    /// By group; a shard without a row has a copy on every node that gets its log.
    pub copies: BTreeMap<u32, CopiesRow>,
}

/// A change of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembersChange {
    Put(MemberRow),
    Move(MoveRow),
    /// The move of this group is over.
    Moved(u32),
    /// The cluster is at this level from now on.
    Level(Level),
    /// Who has a copy of a shard.
    Copies(CopiesRow),
}

impl Members {
    /// Those that are not removed.
    pub fn present(&self) -> impl Iterator<Item = &MemberRow> {
        self.nodes.values().filter(|row| row.state != MemberState::Removed)
    }

    /// The state of a node.
    #[must_use]
    pub fn state(&self, node: u32) -> Option<MemberState> {
        self.nodes.get(&node).map(|row| row.state)
    }

    /// What the store says. Blocking.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn read(store: &dyn StateStore) -> Result<Self, String> {
        let rows = store.scan(table::MEMBER, &KeyRange::all(), Order::Ascending, usize::MAX);
        let mut members = Self::default();
        for (key, bytes) in rows.map_err(|error| error.to_string())? {
            match member::decode(&key, &bytes).map_err(|error| error.to_string())? {
                Row::Member(row) => drop(members.nodes.insert(row.node, row)),
                Row::Move(row) => drop(members.moves.insert(row.group, row)),
                Row::Level(level) => members.level = level,
                Row::Copies(row) => drop(members.copies.insert(row.group, row)),
            }
        }
        Ok(members)
    }
}

fn put(ops: &mut Ops, change: &MembersChange) {
    let (key, value) = match change {
        MembersChange::Put(row) => (Key::Node(row.node), Some(member::encode_member(row))),
        MembersChange::Move(row) => (Key::Group(row.group), Some(member::encode_move(row))),
        MembersChange::Moved(group) => (Key::Group(*group), None),
        MembersChange::Level(level) => (Key::Level, Some(member::encode_level(*level))),
        MembersChange::Copies(row) => (Key::Copies(row.group), Some(member::encode_copies(row))),
    };
    match value {
        Some(value) => ops.put(table::MEMBER, &member::key(key), &value),
        None => ops.delete(table::MEMBER, &member::key(key)),
    }
}

impl Metadata {
    /// The nodes of the cluster, as this node knows them.
    #[must_use]
    pub fn members(&self) -> Arc<Members> {
        Arc::clone(&self.members.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The gate of rule 18: whether what is new of this level may be written. Once it may, it always may, and every node
    /// reads it; a node that has not heard of it yet writes what all have always read.
    #[must_use]
    pub fn writes(&self, level: Level) -> bool {
        level <= self.members().level
    }

    /// Makes a change that `decide` checks against all that is known of the nodes.
    ///
    /// # Errors
    /// `Refused` with what `decide` said, or `Unavailable`; then the outcome is unknown.
    pub async fn change_members<T, E>(
        &self,
        decide: impl FnOnce(&Members) -> Result<(Vec<MembersChange>, T), E>,
    ) -> Result<T, ChangeError<E>> {
        let mut leader = self.leader.lock().await;
        self.lead(&mut leader).await?;
        let (changes, answer) = decide(&self.members()).map_err(ChangeError::Refused)?;
        if !changes.is_empty() {
            let mut ops = Ops::default();
            changes.iter().for_each(|change| put(&mut ops, change));
            self.commit_ops(&mut leader, &ops).await?;
        }
        Ok(answer)
    }
}
