//! Queries that were asked at this node: those that wait at a queue of another node, and those that were handed to a worker
//! by themselves and wait for its answer.
//!
//! Invariant: an entry lives no longer than its caller: when the caller goes its receiver closes, and the entry is swept
//! with the next one that comes. Nothing here is durable: a query changes nothing, and its caller asks again.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;
use weft_protocol::api::workflowservice::RespondQueryTaskCompletedRequest;

use super::tasks::AskedQuery;

/// The queries that are on their way to a worker, or with one now.
#[derive(Default)]
pub struct Queries {
    /// At a queue of another node.
    away: Mutex<HashMap<u64, AskedQuery>>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<RespondQueryTaskCompletedRequest>>>,
}

/// A query at a queue of another node. Dropped, nobody can take it there any more.
pub(crate) struct Away<'a> {
    queries: &'a Queries,
    id: u64,
}

impl Queries {
    /// The query goes to a worker now.
    pub(crate) fn wait_for_answer(&self, id: u64, reply: oneshot::Sender<RespondQueryTaskCompletedRequest>) {
        let mut waiting = lock(&self.waiting);
        waiting.retain(|_, reply| !reply.is_closed());
        waiting.insert(id, reply);
    }

    /// The worker has answered; false if nobody waits for it any more.
    pub(crate) fn answer(&self, id: u64, answer: RespondQueryTaskCompletedRequest) -> bool {
        let reply = lock(&self.waiting).remove(&id);
        reply.is_some_and(|reply| reply.send(answer).is_ok())
    }

    /// The query goes to another node's queue, whose worker asks for it by its id.
    pub(crate) fn send_away(&self, asked: AskedQuery) -> Away<'_> {
        let id = asked.id;
        self.keep_away(asked);
        Away { queries: self, id }
    }

    /// The same of one that somebody takes care of already.
    pub(crate) fn keep_away(&self, asked: AskedQuery) {
        lock(&self.away).insert(asked.id, asked);
    }

    /// A worker of another node takes a query; none if nobody waits for it any more.
    pub(crate) fn take(&self, id: u64) -> Option<AskedQuery> {
        lock(&self.away).remove(&id).filter(|asked| !asked.reply.is_closed())
    }
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        lock(&self.queries.away).remove(&self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
