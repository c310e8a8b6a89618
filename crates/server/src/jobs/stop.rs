//! How a client's stop reaches the work on a job: it is the work that stops the job, so that what it has just done is
//! counted with the stop.
//!
//! Invariant: a stop that is asked for is answered, or its caller hears that nobody works on the job here any more.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::{oneshot, watch};
use weft_engine::{Identity, state::Job};
use weft_shard::Failure;

/// What came of a stop: the job as it ended, or why it was not stopped.
pub(crate) type Stopped = Result<Arc<Job>, Failure>;

/// A client wants a job to be stopped.
pub(crate) struct StopOrder {
    pub(crate) reason: String,
    pub(crate) identity: Identity,
    pub(crate) reply: oneshot::Sender<Stopped>,
}

/// The stops of one job that were asked for and not answered yet.
pub(crate) struct Stops(watch::Sender<VecDeque<StopOrder>>);

impl Default for Stops {
    fn default() -> Self {
        Self(watch::Sender::new(VecDeque::new()))
    }
}

impl Stops {
    pub(crate) fn ask(&self, order: StopOrder) {
        self.0.send_modify(|orders| orders.push_back(order));
    }

    pub(crate) fn is_asked(&self) -> bool {
        !self.0.borrow().is_empty()
    }

    /// Waits until a stop is asked for.
    pub(super) async fn asked(&self) {
        // It fails only if the sender is gone, and that is here.
        let _ = self.0.subscribe().wait_for(|orders| !orders.is_empty()).await;
    }

    /// The next one, to be answered.
    pub(super) fn next(&self) -> Option<StopOrder> {
        let mut next = None;
        self.0.send_if_modified(|orders| {
            next = orders.pop_front();
            next.is_some()
        });
        next
    }

    /// Nobody can stop the job: their callers hear so.
    pub(crate) fn give_up(&self) {
        self.0.send_modify(VecDeque::clear);
    }
}
