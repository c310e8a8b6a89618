//! Messages between workflow ids: delivered, and delivered again when the reply is lost.

use std::sync::Arc;

use weft_engine::{Answer, Delivery, Replied, Request};

use super::Cluster;

impl Cluster {
    /// Delivers the first message of a workflow id.
    pub(super) fn post(&mut self, sender: &str) -> Result<(), String> {
        let world = &self.worlds[sender];
        let key = world.workflow.key.clone();
        let Some((id, message)) = world.table.messages.first_key_value() else { return Ok(()) };
        let (id, message) = (id.clone(), Arc::clone(message));
        let delivery = Delivery { origin: id.origin(&key, &message), message: Arc::clone(&message) };
        let target = message.target.workflow.to_string();
        let reply = match self.ask(&target, Request::Deliver(Box::new(delivery))) {
            Ok(Answer::Delivered(reply)) => reply,
            other => return Err(format!("{target} does not take {message:?}: {other:?}")),
        };
        if self.random.once_in(10) {
            self.counts.replies_lost += 1;
        } else if message.body.wants_reply() {
            let replied = Replied { run: id.run.clone(), event_id: id.event_id, reply };
            drop(self.ask(sender, Request::Replied(replied)));
        } else {
            self.world(sender).table.messages.remove(&id);
        }
        Ok(())
    }
}
