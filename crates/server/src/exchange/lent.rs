//! What the roots of this node's queues have lent to branches at other nodes.
//!
//! Invariant: what is lent is done with, comes back, or comes back by itself after [`LOAN`]: a node that is lost keeps nothing.
//! A task that comes back though it was started is refused by its shard.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use weft_matching::{Fetched, Polled, QueueKey};
use weft_protocol::internal::{FetchResponse, Lent as LentItem, LentQuery, lent::Item};

use super::wire::{self, Parcel};
use crate::node::{
    NodeInner,
    leader::Leader,
    tasks::{ElsewhereQuery, QueryTask, Work},
};

/// How long a task is lent at a time.
pub(super) const LOAN: Duration = Duration::from_secs(5);
/// How long a query is lent: longer than its answer is waited for at the node where it was asked.
const LOAN_OF_QUERY: Duration = Duration::from_secs(15);

/// All that is lent.
#[derive(Default)]
pub(crate) struct Lent(Mutex<BTreeMap<u64, Loaned>>);

struct Loaned {
    queue: QueueKey,
    what: What,
    /// Monotonic.
    until: Duration,
}

enum What {
    Task(Parcel),
    /// A query that was asked here, by its id.
    Query(u64),
    QueryElsewhere(ElsewhereQuery),
}

impl What {
    fn lasts(&self) -> Duration {
        match self {
            Self::Task(_) => LOAN,
            Self::Query(_) | Self::QueryElsewhere(_) => LOAN_OF_QUERY,
        }
    }
}

impl Lent {
    fn take(&self, id: u64) -> Option<Loaned> {
        self.0.lock().remove(&id)
    }

    fn take_overdue(&self, now: Duration) -> Vec<Loaned> {
        let mut lent = self.0.lock();
        lent.extract_if(.., |_, loaned| loaned.until <= now).map(|(_, loaned)| loaned).collect()
    }
}

impl NodeInner {
    /// Lends what a branch fetched, and says it as nodes say it to each other.
    pub(super) fn lend(&self, queue: &QueueKey, fetched: Fetched<Work>) -> FetchResponse {
        let Fetched { items, more, limited, backlog } = fetched;
        let items: Vec<_> = items.into_iter().filter_map(|item| self.lend_item(queue, item)).collect();
        if !items.is_empty() {
            tracing::debug!(queue = &*queue.name, count = items.len(), "a branch is lent what it fetched");
        }
        let age = backlog.age.unwrap_or_default().as_millis();
        FetchResponse {
            items,
            more,
            limited,
            backlog: u64::try_from(backlog.held).unwrap_or(u64::MAX),
            backlog_age_ms: u64::try_from(age).unwrap_or(u64::MAX),
        }
    }

    fn lend_item(&self, queue: &QueueKey, item: Polled<Work>) -> Option<LentItem> {
        let (item, what) = match item {
            Polled::Task(offer) => {
                let parcel = Parcel::from(offer);
                (Item::Task(wire::task(&parcel)), What::Task(parcel))
            }
            Polled::Query(QueryTask::Here(asked)) => {
                let id = asked.id;
                self.queries.keep_away(*asked);
                (Item::Query(LentQuery { query_id: id, node: self.peers.node }), What::Query(id))
            }
            Polled::Query(QueryTask::Elsewhere(query)) => {
                (Item::Query(LentQuery { query_id: query.id, node: query.node }), What::QueryElsewhere(query))
            }
            // A branch waits for what is not started.
            Polled::Started(_) | Polled::Empty => return None,
        };
        let loan = self.ids.next_u64();
        let until = self.clock.monotonic() + what.lasts();
        self.lent_tasks.0.lock().insert(loan, Loaned { queue: queue.clone(), what, until });
        Some(LentItem { loan, item: Some(item) })
    }

    /// A branch is done with what it had: a task was started or is gone, a query was taken.
    pub(super) fn loan_is_done(&self, id: u64) {
        if let Some(Loaned { what: What::QueryElsewhere(query), .. }) = self.lent_tasks.take(id) {
            // Whoever asked may have gone meanwhile.
            let _ = query.taken.send(());
        }
    }

    /// A branch cannot say yet what becomes of what it has.
    pub(super) fn loan_lasts_longer(&self, id: u64) {
        if let Some(loaned) = self.lent_tasks.0.lock().get_mut(&id) {
            loaned.until = self.clock.monotonic() + loaned.what.lasts();
        }
    }

    /// A branch gives back what it had.
    pub(super) fn loan_comes_back(self: &Arc<Self>, id: u64) {
        if let Some(loaned) = self.lent_tasks.take(id) {
            tracing::debug!(queue = &*loaned.queue.name, "a loan comes back");
            self.hold_again(loaned);
        }
    }

    /// Takes back what branches have had for too long.
    pub(crate) fn take_back_loans(self: &Arc<Self>) {
        for loaned in self.lent_tasks.take_overdue(self.clock.monotonic()) {
            tracing::debug!(queue = &*loaned.queue.name, "a loan was not settled in time");
            self.hold_again(loaned);
        }
    }

    fn hold_again(self: &Arc<Self>, Loaned { queue, what, .. }: Loaned) {
        match what {
            What::Task(parcel) => {
                if let Some(away) = self.outgoing() {
                    away.offer_or_unpolled(self, parcel);
                }
            }
            What::Query(id) => {
                // Where it is not held again it is dropped, and whoever asked it asks again.
                if let Some(asked) = self.queries.take(id)
                    && self.owner(&queue) == Leader::Here
                {
                    let deadline = asked.deadline;
                    let _ = self.matching.dispatch_query(&queue, QueryTask::Here(Box::new(asked)), deadline);
                }
            }
            // Dropped: the node where it was asked asks again.
            What::QueryElsewhere(_) => {}
        }
    }
}
