//! Who has copies of which shards, and who of them lives, as this node knows it.
//!
//! It is a hint that says whom to ask: whoever is asked finds out by itself whether it has a copy.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::RwLock;
use weft_env::Clock;
use weft_raft::GroupId;
use weft_rows::member::{CopyState, MemberState};
use weft_shard::{Members, Metadata};

use super::{Lists, choice};
use crate::{cluster::Peers, node::leadership::Heard};

/// Between two looks whether a node that is asked still lives.
const LOOK: Duration = Duration::from_millis(250);

/// The other nodes, as lists need them.
#[derive(Clone)]
pub(crate) struct Around {
    pub(super) peers: Peers,
    heard: Arc<Heard>,
    metadata: Arc<Metadata>,
    last_shard: u32,
    /// Of which this node answers as if it had no copy.
    left_to_others: Arc<RwLock<BTreeSet<u32>>>,
    pub(super) asked: Arc<AtomicU64>,
}

impl Around {
    pub(crate) fn new(peers: Peers, heard: Arc<Heard>, metadata: Arc<Metadata>, shards: u16) -> Self {
        let (left_to_others, asked) = (Arc::default(), Arc::default());
        Self { peers, heard, metadata, last_shard: u32::from(shards), left_to_others, asked }
    }

    /// All shards of the cluster.
    pub(super) fn shards(&self) -> RangeInclusive<u32> {
        1..=self.last_shard
    }

    /// Who has a whole copy of a shard, this node left out. Where no row says so every member has one, but for those that join,
    /// which do not have it yet, and those that go, which may have it no more.
    fn others_with(&self, members: &Members, shard: u32) -> BTreeSet<u32> {
        let has = |state| match state {
            MemberState::Member | MemberState::Drained => true,
            MemberState::Joining | MemberState::Removing | MemberState::Removed => false,
        };
        let mut whole: BTreeSet<u32> = match members.copies.get(&shard) {
            Some(row) => row.in_state(CopyState::Held).collect(),
            None => members.nodes.values().filter(|row| has(row.state)).map(|row| row.node).collect(),
        };
        whole.remove(&self.peers.node);
        whole
    }

    /// Who may be asked: this node, and those that answered lately.
    fn able(&self, clock: &dyn Clock) -> BTreeSet<u32> {
        let mut able = self.heard.lately(clock.monotonic());
        able.insert(self.peers.node);
        able
    }

    /// Ends when another node has not answered for a while.
    pub(super) async fn gone(&self, node: u32, clock: &dyn Clock) {
        while self.able(clock).contains(&node) {
            clock.sleep_until(clock.monotonic() + LOOK).await;
        }
    }
}

impl Lists {
    /// Whether this node has a copy of every shard.
    pub(super) fn has_all(&self) -> bool {
        let members = self.around.metadata.members();
        let left = self.around.left_to_others.read();
        left.is_empty() && self.around.shards().all(|shard| self.has(&members, shard))
    }

    /// Whether this node answers for a shard: it has a whole copy, which is not to go.
    fn has(&self, members: &Members, shard: u32) -> bool {
        let own = self.around.peers.node;
        let is_held = members.copies.get(&shard).is_none_or(|row| row.nodes.get(&own) == Some(&CopyState::Held));
        is_held && self.raft.group(GroupId(shard)).is_some()
    }

    /// Who answers for these shards, without those that have failed.
    ///
    /// # Errors
    /// The shards of which nobody has a copy who lives.
    pub(super) fn chosen(
        &self,
        shards: &BTreeSet<u32>,
        failed: &BTreeSet<u32>,
    ) -> Result<choice::Choice, BTreeSet<u32>> {
        let members = self.around.metadata.members();
        let left = self.around.left_to_others.read().clone();
        let own = self.around.peers.node;
        let holders: BTreeMap<u32, BTreeSet<u32>> = shards
            .iter()
            .map(|shard| {
                let mut holders = self.around.others_with(&members, *shard);
                holders.extend((self.has(&members, *shard) && !left.contains(shard)).then_some(own));
                (*shard, holders)
            })
            .collect();
        let able = &self.around.able(self.clock.as_ref()) - failed;
        choice::choose(own, &holders, &able)
    }

    /// For tests: this node asks others for what is of these shards, as if it had no copy of them. What others ask of it, it
    /// answers.
    #[doc(hidden)]
    pub fn leave_to_others(&self, shards: BTreeSet<u32>) {
        *self.around.left_to_others.write() = shards;
    }

    /// How often another node was asked for a part of a list or count.
    #[must_use]
    pub fn parts_asked(&self) -> u64 {
        self.around.asked.load(Ordering::Relaxed)
    }
}
