//! What the leader does when a batch is applied.

use weft_engine::{Effect, MessageId, WorkflowKey};
use weft_rows::slot_of;

use super::Leader;
use crate::{
    call::{Ask, Call},
    dispatch::{Offered, TaskRef},
    parcel::Parcel,
};

impl Leader {
    pub(super) fn opened(&mut self, parcel: Parcel) {
        // Callers that have gone need no answer.
        match parcel {
            Parcel::Answer(reply, answer) => drop(reply.send(answer)),
            Parcel::Update(reply, answer) => drop(reply.send(answer)),
            Parcel::Staged(reply) => drop(reply.send(Ok(()))),
            Parcel::Unstaged(branch) => self.unstaged(&branch),
            Parcel::View(reply, view) => drop(reply.send(view)),
            Parcel::Effect(key, effect) => self.perform(&key, effect),
            Parcel::Deliver(handover) => {
                handover.reservation.deliver(handover.shard, &handover.key, handover.delivered);
            }
            Parcel::Rearm(slot, at) => self.wakes.arm(slot, at),
            Parcel::Settled(sender, id) => self.settled(&sender, &id),
            Parcel::Sweep => self.sweep(),
        }
    }

    fn perform(&mut self, key: &WorkflowKey, effect: Effect) {
        match effect {
            Effect::OfferWorkflowTask(offer) => self.offer(key, TaskRef::Workflow(offer)),
            Effect::OfferActivityTask(offer) => self.offer(key, TaskRef::Activity(offer)),
            Effect::WakeAt { run: _, at } => self.wakes.arm(slot_of(key), at),
            Effect::Remind { run, at } => self.reminders.arm(at, key.clone(), run),
            Effect::UpdateMoved { run, update, news } => self.updates.tell(run, update, news),
            Effect::HistoryGrew { run, .. } => self.shared.watchers.notify(&run),
            Effect::AnswerQuery { query, outcome } => {
                if let Some(reply) = self.queries.remove(&query) {
                    drop(reply.send(outcome));
                }
            }
            Effect::Deliver { id, message } => {
                self.outbox.post(key.clone(), id, message);
                self.send();
            }
            Effect::Settled(id) => self.settled(key, &id),
            Effect::Removed { run } => {
                self.shared.events.forget(&run);
                self.shared.watchers.notify(&run);
                self.sweep();
            }
            Effect::WorkOnJob => self.shared.jobs.work_on(key),
            Effect::Warn { run, what, value, limit } => {
                tracing::warn!(workflow = %key.workflow, %run, what, value, limit, "an execution grows large");
            }
        }
    }

    fn settled(&mut self, sender: &WorkflowKey, id: &MessageId) {
        self.outbox.settled(sender, id);
        self.send();
    }

    /// Offers a task to matching; one for which nobody polls its sticky queue goes back to the engine (rule 15).
    pub(super) fn offer(&mut self, key: &WorkflowKey, task: TaskRef) {
        let sticky = match &task {
            TaskRef::Workflow(offer) if offer.sticky_of.is_some() => {
                Some((offer.run.clone(), offer.scheduled_event_id))
            }
            TaskRef::Workflow(_) | TaskRef::Activity(_) => None,
        };
        let offered = self.shared.dispatch.offer(self.shared.id, key, task);
        if let (Offered::NoStickyPoller, Some((run, scheduled))) = (offered, sticky) {
            let request = weft_engine::Request::StickyUnavailable(run, scheduled);
            self.take(Call { key: key.clone(), ask: Ask::Own(request) });
        }
    }
}
