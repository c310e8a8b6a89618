//! Proposals that come late: held back at the group's door for a while, and then let in. A simulation on one thread has no
//! task that is kept from running between what it decides and what it proposes, for longer than an election takes; with
//! threads any task may be. For simulations, and nothing else (feature `testing`).
//!
//! Invariants: proposals enter the log in the order of the calls, those too that come while others are held; one that is
//! held when the group stops never enters.

use bytes::Bytes;
use openraft::raft::ClientWriteResult;
use parking_lot::Mutex;

use crate::group::Group;
use crate::responder::Answer;
use crate::types::Types;

pub(crate) type Proposal = (Bytes, Answer<ClientWriteResult<Types>>);

/// What waits at the door of a group; none while it is open.
#[derive(Default)]
pub(crate) struct Held(Mutex<Option<Vec<Proposal>>>);

impl Held {
    /// Gives the proposal back if the door is open.
    pub(crate) fn keep(&self, proposal: Proposal) -> Option<Proposal> {
        match &mut *self.0.lock() {
            Some(waiting) => {
                waiting.push(proposal);
                None
            }
            None => Some(proposal),
        }
    }

    /// Whoever waits for an answer hears that there will be none.
    pub(crate) fn forget(&self) {
        let waiting = self.0.lock().take();
        drop(waiting);
    }
}

impl Group {
    /// Holds back what is proposed from now on.
    pub fn hold_proposals(&self) {
        self.door().0.lock().get_or_insert_default();
    }

    /// How many proposals are held back; none while the group holds nothing back.
    pub fn held_proposals(&self) -> Option<usize> {
        self.door().0.lock().as_ref().map(Vec::len)
    }

    /// Lets in what was held back, in its order, and holds nothing back any more. What finds no way in is lost, and its
    /// proposer does not know its outcome.
    pub fn let_proposals_in(&self) {
        let mut door = self.door().0.lock();
        for (batch, answer) in door.take().into_iter().flatten() {
            self.enqueue(batch, answer);
        }
    }
}
