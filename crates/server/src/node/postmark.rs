//! Postmarks, and what is said to a message, as nodes say them to each other.

use weft_engine::Reply;
use weft_protocol::internal;
use weft_rows::{Slot, SlotRange, receipt};
use weft_shard::{Failure, Leads, Postmark, ShardId};

pub(crate) fn message(postmark: Postmark) -> internal::Postmark {
    let Postmark { shard, epoch, round, target } = postmark;
    internal::Postmark { shard: shard.0, epoch, round, target }
}

pub(crate) fn of_message(message: &internal::Postmark) -> Postmark {
    let internal::Postmark { shard, epoch, round, target } = *message;
    Postmark { shard: ShardId(shard), epoch, round, target }
}

/// # Errors
/// A failure that is not one of the answer.
pub(crate) fn answer(outcome: Result<Reply, Failure>) -> Result<internal::DeliverResponse, Failure> {
    match outcome {
        Ok(reply) => Ok(internal::DeliverResponse { reply: receipt::encode(&reply).into(), leads: None }),
        Err(Failure::Postmark(Leads { slots: SlotRange { first, last }, epoch })) => {
            let leads = internal::Leads { first_slot: first.0.into(), last_slot: last.0.into(), epoch };
            Ok(internal::DeliverResponse { leads: Some(leads), ..internal::DeliverResponse::default() })
        }
        Err(failure) => Err(failure),
    }
}

/// What the answer says, if it can be read.
pub(crate) fn answered(answer: &internal::DeliverResponse) -> Option<Result<Reply, Failure>> {
    let Some(leads) = &answer.leads else { return receipt::decode(&answer.reply).ok().map(Ok) };
    let slot = |slot: u32| u16::try_from(slot).ok().map(Slot);
    let slots = SlotRange { first: slot(leads.first_slot)?, last: slot(leads.last_slot)? };
    Some(Err(Failure::Postmark(Leads { slots, epoch: leads.epoch })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_to_a_message_arrives() {
        let leads = Leads { slots: SlotRange { first: Slot(5), last: Slot(16_000) }, epoch: 9 };
        let said = answer(Err(Failure::Postmark(leads))).expect("it is an answer");
        assert!(matches!(answered(&said), Some(Err(Failure::Postmark(arrived))) if arrived == leads));
        let said = answer(Ok(Reply::NotFound)).expect("it is an answer");
        assert!(matches!(answered(&said), Some(Ok(Reply::NotFound))));
        assert!(answered(&internal::DeliverResponse::default()).is_none(), "an empty answer says nothing");
        let lost = Failure::Unavailable("lost");
        assert!(matches!(answer(Err(lost)), Err(Failure::Unavailable("lost"))));
    }

    #[test]
    fn a_postmark_arrives() {
        let postmark = Postmark { shard: ShardId(3), epoch: 8, round: 2, target: 5 };
        assert_eq!(of_message(&message(postmark)), postmark);
    }
}
