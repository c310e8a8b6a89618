//! What a message between shards is stamped with, so that one that comes late is known for it.
//!
//! A receipt keeps a message from being done twice until its sender has recorded the reply and says so (rule 16). A copy of
//! the message may still be on its way then: sent by a leader that was cut off and did not know that it had been followed,
//! or over a connection that was given up. It would find no receipt, and be done again.
//!
//! Invariant: a copy of a message whose receipt is gone is refused. Sender and target are leaders, each of one epoch:
//!
//! - A message counts only at the leader that it was meant for: the target's epoch is on the postmark. Who does not know it
//!   is told, and confirms that it leads its own shard before it sends again. So nobody had followed it when the target's
//!   epoch had begun, and what later leaders of the sender's shard say of the message is said to this one or a later one.
//! - That leader remembers the latest epoch of each sending shard, and within it the latest round, and refuses what comes
//!   from before. A sender begins a new round towards a target whenever it lost a message on the way there.
//!
//! So it all stands in the memory of two leaders, and ends with either of them.

use std::collections::BTreeMap;

use weft_engine::WorkflowKey;
use weft_rows::{Slot, SlotRange, slot_of};

use crate::{call::Failure, dispatch::ShardId};

/// Who sent a message, and to whom it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Postmark {
    /// The shard of the sender.
    pub shard: ShardId,
    /// Of the leader that sent it: from 1.
    pub epoch: u64,
    /// Rises when messages to the target's shard are lost.
    pub round: u64,
    /// The epoch of the target's leader, as far as it is known; 0 if it is not.
    pub target: u64,
}

/// Who leads a shard: what a sender is told that did not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leads {
    pub slots: SlotRange,
    pub epoch: u64,
}

/// What a leader knows of the shards to which it sends.
#[derive(Default)]
pub(crate) struct Targets(BTreeMap<Slot, Target>);

struct Target {
    leads: Leads,
    round: u64,
}

impl Targets {
    /// The epoch and the round for messages to this workflow id.
    pub(crate) fn of(&mut self, target: &WorkflowKey) -> (u64, u64) {
        self.find(target).map_or((0, 0), |known| (known.leads.epoch, known.round))
    }

    /// The leader of a target's shard has said who it is.
    pub(crate) fn met(&mut self, leads: Leads) {
        let known = self.0.entry(leads.slots.first).or_insert(Target { leads, round: 0 });
        if known.leads.epoch < leads.epoch {
            known.leads = leads;
        }
    }

    /// It is not known what became of a message to this workflow id. One that nobody was named on did nothing.
    pub(crate) fn lost(&mut self, target: &WorkflowKey) {
        if let Some(known) = self.find(target) {
            known.round += 1;
        }
    }

    fn find(&mut self, target: &WorkflowKey) -> Option<&mut Target> {
        let slot = slot_of(target);
        self.0.range_mut(..=slot).next_back().map(|(_, known)| known).filter(|known| known.leads.slots.contains(slot))
    }
}

/// What a leader knows of the shards from which messages come: the latest epoch and round of each.
#[derive(Default)]
pub(crate) struct Senders(BTreeMap<ShardId, (u64, u64)>);

impl Senders {
    /// # Errors
    /// When the message is not for this leader, or from before another one that came here.
    pub(crate) fn admit(&mut self, here: Leads, postmark: &Postmark) -> Result<(), Failure> {
        let sent = (postmark.epoch, postmark.round);
        let latest = self.0.entry(postmark.shard).or_default();
        if postmark.target != here.epoch || sent < *latest {
            return Err(Failure::Postmark(here));
        }
        *latest = sent;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Leads = Leads { slots: SlotRange::ALL, epoch: 7 };

    fn sent(epoch: u64, round: u64, target: u64) -> Postmark {
        Postmark { shard: ShardId(3), epoch, round, target }
    }

    fn key(workflow: &str) -> WorkflowKey {
        WorkflowKey { namespace: "n".into(), workflow: workflow.into() }
    }

    #[test]
    fn what_was_sent_to_another_leader_is_refused_and_its_sender_is_told_of_this_one() {
        let mut senders = Senders::default();
        for target in [0, 6, 8] {
            assert!(matches!(senders.admit(HERE, &sent(1, 0, target)), Err(Failure::Postmark(HERE))));
        }
        assert!(senders.admit(HERE, &sent(1, 0, 7)).is_ok());
    }

    #[test]
    fn what_was_sent_before_something_that_came_is_refused() {
        let mut senders = Senders::default();
        let mut comes = |epoch, round| senders.admit(HERE, &sent(epoch, round, 7)).is_ok();
        assert!(comes(2, 1));
        assert!(comes(2, 1), "messages of one round overtake each other");
        assert!(!comes(2, 0), "it was given up, and has been sent again");
        assert!(!comes(1, 9), "its sender has been followed by another leader");
        assert!(comes(3, 0));
        assert!(!comes(2, 1));
        let other = Postmark { shard: ShardId(4), ..sent(1, 0, 7) };
        assert!(senders.admit(HERE, &other).is_ok(), "each shard has its own epochs");
    }

    #[test]
    fn a_sender_begins_a_new_round_towards_the_shard_on_whose_way_a_message_was_lost() {
        let slot = slot_of(&key("a"));
        let (low, high) = if slot.0 < 8192 { ((0, 8191), (8192, 16383)) } else { ((8192, 16383), (0, 8191)) };
        let slots = |(first, last)| SlotRange { first: Slot(first), last: Slot(last) };
        let there = (0..).map(|n| key(&n.to_string())).find(|key| slots(high).contains(slot_of(key)));
        let there = there.expect("one of them is in the other half");

        let mut targets = Targets::default();
        targets.lost(&key("a"));
        assert_eq!(targets.of(&key("a")), (0, 0), "nobody could have taken it");
        targets.met(Leads { slots: slots(low), epoch: 5 });
        targets.met(Leads { slots: slots(high), epoch: 2 });
        targets.lost(&key("a"));
        assert_eq!((targets.of(&key("a")), targets.of(&there)), ((5, 1), (2, 0)));
        targets.met(Leads { slots: slots(low), epoch: 6 });
        targets.met(Leads { slots: slots(low), epoch: 4 });
        assert_eq!(targets.of(&key("a")), (6, 1), "rounds go on, and epochs do not go back");
    }
}
