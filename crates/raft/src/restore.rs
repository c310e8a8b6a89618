//! A group that begins with a state that was made elsewhere: restored from a backup.
//!
//! Invariant: it begins like a group that is founded, with one voter and in term 0, in which nobody is elected; so its
//! first leader comes after all that the state includes, whatever terms there were where it was made. Only the place of
//! the entry stays: the log begins behind it, and a node that is added later gets the state as a picture.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::codec;
use crate::types::{self, Membership, NodeId, StoredMembership};

/// The mark of such a state, to be recovered as [`crate::Recovered::installed`] and as what was applied last: it includes
/// the entry at `index`, and `voter` alone votes. None for index 0, at which there is no entry.
#[must_use]
pub fn restored_mark(index: u64, voter: NodeId) -> Option<Bytes> {
    let last = types::log_id(0, types::raft_index(index)?);
    let membership = Membership::new_with_defaults(vec![BTreeSet::from([voter])], []);
    let membership = StoredMembership::new(Some(last), membership);
    Some(codec::mark(&last, &codec::stored_membership(&membership)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Committed;
    use crate::machine::Payload;
    use crate::testing::World;

    #[test]
    fn it_is_of_term_0_and_has_one_voter() {
        let mark = codec::read_mark(restored_mark(57, NodeId(4)).expect("an entry")).expect("a mark");
        assert_eq!(mark.applied, types::log_id(0, 56));
        assert_eq!(mark.membership.voter_ids().collect::<Vec<_>>(), [NodeId(4)]);
        assert_eq!(restored_mark(0, NodeId(4)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_goes_on_from_it_with_an_empty_log_and_after_a_restart() {
        let last = Committed {
            index: 57,
            term: 9,
            mark: restored_mark(57, NodeId(1)).expect("an entry"),
            payload: Payload::Batch("of another cluster".into()),
        };
        let world = World::restored(1, last).await;
        world.lead().await;
        assert_eq!(world.group.leadership().borrow().term, 1);
        world.propose("one").await;
        assert_eq!(world.machine.batches(), ["of another cluster", "one"]);
        // What was applied last before the leader's first entry and this one.
        assert_eq!(*world.group.applied().borrow(), 59);

        let world = world.restart().await;
        world.lead().await;
        world.propose("two").await;
        assert_eq!(world.machine.batches(), ["of another cluster", "one", "two"]);
    }
}
