//! Delivering the messages of this shard's workflow ids, and taking in what comes back.
//!
//! Invariant (rule 16): a message whose reply matters is settled by the engine, with what the history tells of it; any
//! other by taking its row away once it has arrived.

use std::sync::Arc;

use futures::FutureExt;
use weft_engine::{
    Delivery, Effect, MessageBody, MessageId, Replied, Reply, Request, WorkflowKey, schedule::ScheduleRequest,
};
use weft_rows::{outbox, table};

use super::{Leader, Read};
use crate::{
    call::{Ask, Call, Failure, Record},
    loader::LoadError,
    outbox::{Lane, Outgoing, Page},
    parcel::Parcel,
    pipeline::confirm,
    postmark::{Leads, Postmark},
    shared::Shared,
};

/// A delivery that has ended.
pub(crate) struct Returned {
    outgoing: Outgoing,
    /// Whom the message met that its sender had not known.
    met: Option<Leads>,
    outcome: Result<Reply, Failure>,
}

/// Brings a message to the leader of its target's shard, if this node still leads its sender's once it knows that one.
async fn deliver(shared: Arc<Shared>, term: u64, outgoing: Outgoing, mut postmark: Postmark) -> Returned {
    let origin = outgoing.id.origin(&outgoing.lane.sender, &outgoing.message);
    let delivery = Delivery { origin, message: outgoing.message.clone() };
    let (mut met, mut outcome) = (None, shared.post.deliver(delivery.clone(), postmark).await);
    if let Err(Failure::Postmark(leads)) = outcome
        && leads.epoch != postmark.target
        && confirm(shared.group.clone(), term).await.is_ok()
    {
        postmark.target = leads.epoch;
        (met, outcome) = (Some(leads), shared.post.deliver(delivery, postmark).await);
    }
    Returned { outgoing, met, outcome }
}

impl Leader {
    /// Sends what may be sent, and reads on if rows were left out.
    pub(super) fn send(&mut self) {
        while let Some(outgoing) = self.outbox.next() {
            let postmark = self.postmark(&outgoing.lane.target);
            let term = self.pipeline.epoch().term;
            self.posts.push(deliver(Arc::clone(&self.shared), term, outgoing, postmark).boxed());
        }
        if let Some(from) = self.outbox.read() {
            let (reader, slots) = (self.shared.reader.clone(), self.shared.slots);
            let limit = self.shared.limits.outbox_held;
            let read = self.shared.pool.call(move || reader.messages(slots, from, limit));
            let read = read.map(|page| {
                Read::Messages(page.unwrap_or_else(|panic| Err(LoadError::Store(panic.to_string().into()))))
            });
            self.reads.push(read.boxed());
        }
    }

    pub(super) fn returned(&mut self, returned: Returned) {
        let Returned { outgoing: Outgoing { lane, id, message }, met, outcome } = returned;
        if let Some(leads) = met {
            self.targets.met(leads);
        }
        match outcome {
            Ok(reply) if message.body.wants_reply() => {
                let replied = Replied { run: id.run.clone(), event_id: id.event_id, reply };
                let of_schedule = matches!(message.body, MessageBody::StartAction(_));
                let request = if of_schedule {
                    Request::Schedule(Box::new(ScheduleRequest::Replied(replied)))
                } else {
                    Request::Replied(replied)
                };
                self.outbox.answered(&lane, &id);
                let key = lane.sender.clone();
                self.take(Call { key, ask: Ask::Record(Box::new(Record { lane, id, request })) });
            }
            Ok(_) => {
                self.outbox.answered(&lane, &id);
                self.arrived(&lane, &id);
            }
            Err(failure) => {
                if !matches!(failure, Failure::Postmark(_)) {
                    self.targets.lost(&lane.target);
                }
                tracing::debug!(from = %lane.sender.workflow, to = %lane.target.workflow, %failure, "a message waits");
                self.outbox.returned(&lane, &id, self.shared.clock.monotonic());
            }
        }
        self.send();
    }

    /// Has the engine record what was said to a message. Where that does not take the row away the message goes again.
    pub(super) fn record(&mut self, key: &WorkflowKey, record: Record) {
        let Record { lane, id, request } = record;
        let before = self.building.parcels.len();
        // Whatever came of it, it is the row that says whether the message is done with.
        drop(self.run_own(key, request));
        let takes_it_away =
            |parcel: &Parcel| matches!(parcel, Parcel::Effect(_, Effect::Settled(settled)) if *settled == id);
        if !self.building.parcels[before..].iter().any(takes_it_away) {
            self.unrecorded(&lane, &id);
        }
    }

    pub(super) fn unrecorded(&mut self, lane: &Lane, id: &MessageId) {
        self.outbox.unrecorded(lane, id, self.shared.clock.monotonic());
    }

    fn postmark(&mut self, target: &WorkflowKey) -> Postmark {
        let (target, round) = self.targets.of(target);
        Postmark { shard: self.shared.id, epoch: self.pipeline.epoch().epoch, round, target }
    }

    /// As what messages from elsewhere meet this node.
    pub(super) fn leads(&self) -> Leads {
        Leads { slots: self.shared.slots, epoch: self.pipeline.epoch().epoch }
    }

    fn arrived(&mut self, lane: &Lane, id: &MessageId) {
        self.building.ops.delete(table::OUTBOX, &outbox::key(&lane.sender, id));
        self.building.parcels.push(Parcel::Settled(lane.sender.clone(), id.clone()));
    }

    pub(super) fn read_messages(&mut self, page: Result<Page, LoadError>) {
        match page {
            Ok(page) => self.outbox.take(page),
            Err(error) => {
                tracing::error!(%error, "reading messages failed: they are read again later");
                self.outbox.unread();
                return;
            }
        }
        self.send();
    }
}
