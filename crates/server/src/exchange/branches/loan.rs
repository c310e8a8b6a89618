//! What a branch fetched from its root, until somebody knows what became of it.
//!
//! Invariant: a loan that ends without a word goes back.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    exchange::{lent::LOAN, outgoing::Settled},
    node::NodeInner,
};

/// How often a root is told that a loan is still wanted.
const KEEP: Duration = Duration::from_secs(2);
const _: () = assert!(KEEP.as_millis() * 2 < LOAN.as_millis(), "one that is not heard is said again in time");

/// A task or a query that was fetched. Dropped, it is given back, unless it is done with.
pub(crate) struct Loan {
    id: u64,
    root: u32,
    is_done: AtomicBool,
    node: Weak<NodeInner>,
}

impl Loan {
    pub(super) fn new(node: &Arc<NodeInner>, root: u32, id: u64) -> Self {
        Self { id, root, is_done: AtomicBool::new(false), node: Arc::downgrade(node) }
    }

    /// Waits for what is to say what becomes of it. Meanwhile it does not run out.
    pub(crate) async fn kept<T>(&self, answer: impl Future<Output = T>) -> T {
        let mut answer = std::pin::pin!(answer);
        loop {
            let Some(node) = self.node.upgrade() else { return answer.await };
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                () = node.pause(KEEP) => if let Some(away) = node.outgoing() {
                    away.settle(self.root, self.id, Settled::Kept);
                },
            }
        }
    }

    /// It was started, or is gone.
    pub(crate) fn done(&self) {
        self.is_done.store(true, Ordering::Relaxed);
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(node) = self.node.upgrade() else { return };
        if let Some(away) = node.outgoing() {
            let settled = if *self.is_done.get_mut() { Settled::Done } else { Settled::Returned };
            away.settle(self.root, self.id, settled);
        }
    }
}

impl std::fmt::Debug for Loan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loan").field("id", &self.id).field("root", &self.root).finish_non_exhaustive()
    }
}
