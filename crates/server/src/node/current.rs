//! Whether a node is up to date.

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

impl Node {
    /// Waits until this node has applied all that was committed when the call came, as a majority confirms, of what it
    /// serves.
    ///
    /// # Errors
    /// When a group has no leader, or its leader no majority.
    pub(crate) async fn serves(&self) -> Result<(), ReadError> {
        self.inner().has_committed_of(is_served).await
    }
}

impl NodeInner {
    /// The same of all that it has.
    pub(crate) async fn has_committed(&self) -> Result<(), ReadError> {
        self.has_committed_of(counts).await
    }

    async fn has_committed_of(&self, counts: fn(&Members, u32, u32) -> bool) -> Result<(), ReadError> {
        let (members, own) = (self.metadata.members(), self.peers.node);
        let groups = self.raft.groups().filter(|(id, _)| counts(&members, own, id.0)).map(|(_, group)| async move {
            let index = group.read_index().await?;
            group.wait_applied(index).await
        });
        futures::future::try_join_all(groups).await.map(drop)
    }

    /// This node has a whole copy of a shard, as far as it knows.
    pub(crate) fn holds(&self, id: ShardId) -> bool {
        holds(&self.metadata.members(), self.peers.node, id.0)
    }
}

#[cfg(test)]
mod tests {
    use weft_rows::member::{CopiesRow, MemberRow};

    use super::*;

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
}
