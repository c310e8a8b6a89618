//! Queries that were handed to a worker by themselves and wait for its answer.
//!
//! Invariant: an entry lives no longer than its caller: when the caller goes its receiver closes, and the entry is swept
//! with the next one that comes. Nothing here is durable: a query changes nothing, and its caller asks again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::oneshot;
use weft_protocol::api::workflowservice::RespondQueryTaskCompletedRequest;

use super::tasks::QueryTask;

/// The queries that are with a worker now.
#[derive(Default)]
pub struct Queries {
    waiting: Mutex<HashMap<u64, oneshot::Sender<RespondQueryTaskCompletedRequest>>>,
}

impl Queries {
    /// The query goes to a worker now.
    pub fn wait_for_answer(&self, task: QueryTask) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, reply| !reply.is_closed());
        waiting.insert(task.id, task.reply);
    }

    /// The worker has answered; false if nobody waits for it any more.
    pub fn answer(&self, id: u64, answer: RespondQueryTaskCompletedRequest) -> bool {
        let reply = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        reply.is_some_and(|reply| reply.send(answer).is_ok())
    }
}
