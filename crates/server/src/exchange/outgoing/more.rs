//! What an owner is told besides tasks: that shards have more of its queues, and what became of its loans.
//!
//! Invariant: what was noted is given out once, to whoever tells it or notes it again. A queue that was noted twice is told
//! of once. It is bounded: beyond that a shard is said to have more of any queue.

use std::{collections::BTreeSet, mem};

use parking_lot::Mutex;
use tokio::sync::Notify;
use weft_matching::QueueKey;

/// Queues noted for one node.
const QUEUES_MAX: usize = 1_000;

/// What is noted for one node.
#[derive(Default)]
pub(super) struct Board {
    more: Mutex<More>,
    noted: Notify,
}

/// Queues and the shards that have more of them, and shards that have more of any queue.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct More {
    pub(super) queues: BTreeSet<(QueueKey, u32)>,
    pub(super) shards: BTreeSet<u32>,
    /// Loans that are done with.
    pub(super) done: Vec<u64>,
    /// Loans that go back.
    pub(super) returned: Vec<u64>,
    /// Loans that are to last longer.
    pub(super) kept: Vec<u64>,
}

/// What became of a loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::exchange) enum Settled {
    /// It was started, or is gone.
    Done,
    /// It comes back as it was.
    Returned,
    /// Nobody can say yet.
    Kept,
}

impl Board {
    /// A shard has more tasks of a queue. False if there is no room to note it.
    pub(super) fn note(&self, queue: QueueKey, shard: u32) -> bool {
        let mut more = self.more.lock();
        let noted = more.shards.contains(&shard) || more.queues.len() < QUEUES_MAX;
        if noted && !more.shards.contains(&shard) {
            more.queues.insert((queue, shard));
        }
        drop(more);
        self.noted.notify_one();
        noted
    }

    /// A shard has more tasks, of whatever queues.
    pub(super) fn note_shard(&self, shard: u32) {
        let mut more = self.more.lock();
        more.queues.retain(|(_, of)| *of != shard);
        more.shards.insert(shard);
        drop(more);
        self.noted.notify_one();
    }

    /// What became of a loan of that node.
    pub(super) fn note_loan(&self, id: u64, settled: Settled) {
        let mut more = self.more.lock();
        let loans = match settled {
            Settled::Done => &mut more.done,
            Settled::Returned => &mut more.returned,
            Settled::Kept => &mut more.kept,
        };
        loans.push(id);
        drop(more);
        self.noted.notify_one();
    }

    /// Waits until something was noted. Cancel safe.
    pub(super) async fn news(&self) {
        self.noted.notified().await;
    }

    pub(super) fn take(&self) -> More {
        mem::take(&mut self.more.lock())
    }
}

#[cfg(test)]
mod tests {
    use weft_matching::QueueKind;

    use super::*;

    fn queue(number: usize) -> QueueKey {
        QueueKey::normal("ns", format!("q{number}"), QueueKind::Workflow)
    }

    #[test]
    fn a_queue_is_told_of_once() {
        let board = Board::default();
        assert!(board.note(queue(1), 3) && board.note(queue(1), 3) && board.note(queue(1), 4));
        let expected = More { queues: [(queue(1), 3), (queue(1), 4)].into(), ..More::default() };
        assert_eq!((board.take(), board.take()), (expected, More::default()));
    }

    #[test]
    fn what_became_of_loans_is_told_once() {
        let board = Board::default();
        let settled = [(1, Settled::Done), (2, Settled::Returned), (3, Settled::Done), (4, Settled::Kept)];
        settled.into_iter().for_each(|(loan, settled)| board.note_loan(loan, settled));
        let expected = More { done: vec![1, 3], returned: vec![2], kept: vec![4], ..More::default() };
        assert_eq!((board.take(), board.take()), (expected, More::default()));
    }

    #[test]
    fn beyond_the_bound_a_shard_has_more_of_everything() {
        let board = Board::default();
        assert!((0..QUEUES_MAX).all(|number| board.note(queue(number), 3)));
        assert!(!board.note(queue(QUEUES_MAX), 3));
        board.note_shard(3);
        assert!(board.note(queue(QUEUES_MAX), 3), "it is told already");
        assert_eq!(board.take(), More { shards: [3].into(), ..More::default() });
    }
}
