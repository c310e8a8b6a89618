//! Whether a node is up to date.
//!
//! Invariant: a copy that it is to have and that has not started is not left out: it is asked again until it has.

use weft_raft::ReadError;
use weft_rows::member::{CopyState, MemberState};
use weft_shard::{Members, ShardId};

use super::{Node, NodeInner};

/// Whether a node that is asked for all it has answers for its copy of a group. What is left of a copy that it is to have
/// no more is no matter: nobody sends its log.
fn counts(members: &Members, own: u32, group: u32) -> bool {
    members.copies.get(&group).is_none_or(|row| row.wants(own))
}

/// Whether clients have to wait for it. A member does not have the copies yet that are coming, and passes calls on.
fn is_served(members: &Members, own: u32, group: u32) -> bool {
    counts(members, own, group) && (holds(members, own, group) || members.state(own) == Some(MemberState::Joining))
}

/// Whether it is whole.
fn holds(members: &Members, own: u32, group: u32) -> bool {
    members.copies.get(&group).is_none_or(|row| row.nodes.get(&own) == Some(&CopyState::Held))
}

/// Why a node is not known to be up to date. It may be a moment later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCurrent {
    #[error("no majority answers: {0}")]
    Unconfirmed(#[from] ReadError),
    #[error("no majority answers, or the metadata cannot be read here")]
    Metadata,
    #[error("its copy of shard {} has not started", .0.0)]
    NotStarted(ShardId),
}

impl Node {
    /// Waits until this node has applied all that was committed when the call came, as a majority confirms, of what it
    /// serves.
    ///
    /// # Errors
    /// When a group has no leader, or its leader no majority, or a copy is not there yet.
    pub(crate) async fn serves(&self) -> Result<(), NotCurrent> {
        self.inner().has_committed_of(is_served).await
    }
}

impl NodeInner {
    /// The same of all that it is to have.
    pub(crate) async fn has_committed(&self) -> Result<(), NotCurrent> {
        self.has_committed_of(counts).await
    }

    async fn has_committed_of(&self, counts: fn(&Members, u32, u32) -> bool) -> Result<(), NotCurrent> {
        // What it is to have is what the metadata say now: it may not have heard of it yet.
        self.metadata.confirmed().await.map_err(|_| NotCurrent::Metadata)?;
        let (members, own) = (self.metadata.members(), self.peers.node);
        if let Some(id) = self.missing(&members).into_iter().find(|id| counts(&members, own, id.0)) {
            return Err(NotCurrent::NotStarted(id));
        }
        let groups = self.raft.groups().filter(|(id, _)| counts(&members, own, id.0)).map(|(_, group)| async move {
            let index = group.read_index().await?;
            group.wait_applied(index).await
        });
        Ok(futures::future::try_join_all(groups).await.map(drop)?)
    }

    /// This node has a whole copy of a shard, as far as it knows.
    pub(crate) fn holds(&self, id: ShardId) -> bool {
        holds(&self.metadata.members(), self.peers.node, id.0)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use weft_rows::member::{CopiesRow, MemberRow};
    use weft_shard::MembersChange;

    use super::*;
    use crate::node::{Options, Place, World};

    fn members(state: MemberState, copy: Option<CopyState>) -> Members {
        let row = MemberRow { node: 2, address: "n2:1".to_owned(), state, incarnation: String::new() };
        let copies = CopiesRow { group: 1, nodes: copy.into_iter().map(|copy| (2, copy)).collect() };
        Members { nodes: [(2, row)].into(), copies: [(1, copies)].into(), ..Members::default() }
    }

    #[test]
    fn a_member_serves_before_a_copy_is_filled_that_is_coming_and_one_that_joins_does_not() {
        let served = |state, copy| is_served(&members(state, copy), 2, 1);
        assert!(served(MemberState::Member, Some(CopyState::Held)));
        assert!(!served(MemberState::Member, Some(CopyState::Coming)));
        assert!(served(MemberState::Joining, Some(CopyState::Coming)), "it is waited for");
        assert!(!served(MemberState::Member, Some(CopyState::Going)) && !served(MemberState::Member, None));
        assert!(is_served(&members(MemberState::Member, None), 2, 0), "without a row everybody has everything");
    }

    #[test]
    fn what_is_said_to_have_all_has_the_copies_that_are_coming_too() {
        let coming = members(MemberState::Member, Some(CopyState::Coming));
        assert!(counts(&coming, 2, 1) && !holds(&coming, 2, 1));
    }

    #[tokio::test]
    async fn a_node_that_has_not_started_a_copy_yet_is_not_up_to_date() {
        let options = Options { shards: 2, ..Options::new(Place::Memory) };
        let node = Node::open(options, World::real()).await.expect("it opens");
        let inner = node.inner();
        let (address, incarnation) = ("h:1".to_owned(), String::new());
        let row = MemberRow { node: inner.peers.node, address, state: MemberState::Joining, incarnation };
        let copies = CopiesRow { group: 2, nodes: [(row.node, CopyState::Coming)].into() };
        let changes = vec![MembersChange::Put(row), MembersChange::Copies(copies)];
        let decide = |_: &_| Ok::<_, Infallible>((changes, ()));
        inner.metadata.change_members(decide).await.expect("it leads");
        inner.has_committed().await.expect("it has both shards");
        // A node of its own starts none by itself.
        inner.copies.give_up(ShardId(2), &inner.copies.turn().await).await.expect("it goes");
        let not_started = |outcome| matches!(outcome, Err(NotCurrent::NotStarted(ShardId(2))));
        assert!(not_started(inner.has_committed().await) && not_started(node.serves().await));
        node.shutdown().await;
    }
}
