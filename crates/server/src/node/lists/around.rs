//! Who has copies of which shards, and who of them lives, as this node knows it.
//!
//! It is a hint that says whom to ask: whoever is asked finds out by itself whether it has a copy.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::RwLock;
use tonic::{Response, Status};
use weft_env::Clock;
use weft_raft::GroupId;
use weft_rows::member::{CopyState, MemberState};
use weft_shard::{Members, Metadata};

use super::{Lists, choice, gather::Failed};
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

    /// What another node answers, unless it does not answer to pings either.
    pub(super) async fn while_it_lives<T>(
        &self,
        node: u32,
        clock: &dyn Clock,
        asked: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Status> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        while_it_lives(&self.heard, node, clock, asked).await
    }

    /// Ends when another node has not answered for a while.
    pub(in crate::node) async fn gone(&self, node: u32, clock: &dyn Clock) {
        gone(&self.heard, node, clock).await;
    }
}

async fn gone(heard: &Heard, node: u32, clock: &dyn Clock) {
    while heard.lately(clock.monotonic()).contains(&node) {
        clock.sleep_until(clock.monotonic() + LOOK).await;
    }
}

async fn while_it_lives<T>(
    heard: &Heard,
    node: u32,
    clock: &dyn Clock,
    asked: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Status> {
    tokio::select! {
        biased;
        answer = asked => answer.map(Response::into_inner),
        () = gone(heard, node, clock) => Err(Status::unavailable("it has not answered for a while")),
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

    /// Who answers for these shards, but for those that have failed to answer for them.
    ///
    /// # Errors
    /// The shards of which nobody has a copy who lives.
    pub(super) fn chosen(&self, shards: &BTreeSet<u32>, failed: &Failed) -> Result<choice::Choice, BTreeSet<u32>> {
        let members = self.around.metadata.members();
        let left = self.around.left_to_others.read().clone();
        let own = self.around.peers.node;
        let holders: BTreeMap<u32, BTreeSet<u32>> = shards
            .iter()
            .map(|shard| {
                let mut holders = self.around.others_with(&members, *shard);
                holders.extend((self.has(&members, *shard) && !left.contains(shard)).then_some(own));
                holders.retain(|node| !failed.contains(&(*node, *shard)));
                (*shard, holders)
            })
            .collect();
        choice::choose(own, &holders, &self.around.able(self.clock.as_ref()))
    }

    /// For tests: this node asks others for what is of these shards, for lists and for backups, as if it had no copy of them.
    /// What others ask of it, it answers.
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

#[cfg(test)]
mod tests {
    use std::{future::pending, pin::pin};

    use futures::FutureExt;
    use tonic::Code;
    use weft_env::{UnixNanos, VirtualClock};

    use super::*;

    #[tokio::test]
    async fn a_node_that_is_silent_to_pings_too_is_waited_for_no_longer() {
        let (heard, clock) = (Heard::default(), VirtualClock::starting_at(UnixNanos(0)));
        heard.note_for_tests(2, Duration::ZERO);
        let mut asked = pin!(while_it_lives(&heard, 2, &clock, pending::<Result<Response<()>, Status>>()));
        for quarter in 0..20 {
            assert!(asked.as_mut().now_or_never().is_none(), "it answers to pings");
            if quarter % 4 == 0 {
                heard.note_for_tests(2, clock.monotonic());
            }
            clock.advance(LOOK);
        }
        let since = clock.monotonic();
        let status = loop {
            match asked.as_mut().now_or_never() {
                Some(answer) => break answer.expect_err("nobody answers"),
                None => clock.advance(LOOK),
            }
        };
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "it has not answered for a while"));
        assert!(clock.monotonic() - since <= Duration::from_secs(2));
    }

    #[tokio::test]
    async fn what_a_node_answers_comes_though_it_went_at_that_moment() {
        let (heard, clock) = (Heard::default(), VirtualClock::starting_at(UnixNanos(0)));
        let answered = std::future::ready(Ok(Response::new(7)));
        assert_eq!(while_it_lives(&heard, 2, &clock, answered).await.expect("an answer"), 7);
    }
}
