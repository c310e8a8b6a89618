//! What waits until a batch is applied: answers and effects.
//!
//! Invariant (rules 1 and 3): a parcel is opened only when the state it speaks of is certain. One that is lost does
//! nothing but tell its caller so.

use weft_engine::{Effect, MessageId, Timestamp, WorkflowKey, state::BranchId};
use weft_rows::Slot;

use crate::{
    call::{Failure, Reply, View},
    dispatch::{Delivered, Reservation, ShardId, TaskRef},
    updates::Following,
};

/// The same words for everything that leadership took with it (rule 2).
pub(crate) const LOST: &str = "leadership of the shard was lost while the request was under way: try again";

pub(crate) enum Parcel {
    Answer(Reply<weft_engine::Answer>, Result<weft_engine::Answer, Failure>),
    Update(Reply<(weft_engine::Answer, Option<Following>)>, Result<(weft_engine::Answer, Option<Following>), Failure>),
    /// A piece of a history is there.
    Staged(Reply<()>),
    /// All that was decided about a staged branch is applied.
    Unstaged(BranchId),
    View(Reply<Box<View>>, Result<Box<View>, Failure>),
    Effect(WorkflowKey, Effect),
    /// A task that was recorded as started for a reserved poller.
    Deliver(Box<Handover>),
    /// Wakes of this slot were decided: look again at this time.
    Rearm(Slot, Timestamp),
    /// The row of a message that has arrived is gone.
    Settled(WorkflowKey, MessageId),
    /// Some of the garbage is gone: go on.
    Sweep,
}

pub(crate) struct Handover {
    pub(crate) shard: ShardId,
    pub(crate) key: WorkflowKey,
    pub(crate) reservation: Box<dyn Reservation>,
    pub(crate) task: TaskRef,
    pub(crate) delivered: Delivered,
}

impl Parcel {
    pub(crate) fn lost(self) {
        // A caller that has gone needs no answer.
        match self {
            Self::Answer(reply, _) => drop(reply.send(Err(Failure::Unavailable(LOST)))),
            Self::Update(reply, _) => drop(reply.send(Err(Failure::Unavailable(LOST)))),
            Self::Staged(reply) => drop(reply.send(Err(Failure::Unavailable(LOST)))),
            Self::View(reply, _) => drop(reply.send(Err(Failure::Unavailable(LOST)))),
            Self::Deliver(handover) => {
                handover.reservation.uncertain(handover.shard, &handover.key, handover.task);
            }
            Self::Effect(..) | Self::Rearm(..) | Self::Settled(..) | Self::Unstaged(_) | Self::Sweep => {}
        }
    }
}
