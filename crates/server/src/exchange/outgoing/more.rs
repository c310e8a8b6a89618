//! What an owner is told instead of tasks: that shards have more of its queues.
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
        let expected = More { queues: [(queue(1), 3), (queue(1), 4)].into(), shards: BTreeSet::new() };
        assert_eq!((board.take(), board.take()), (expected, More::default()));
    }

    #[test]
    fn beyond_the_bound_a_shard_has_more_of_everything() {
        let board = Board::default();
        assert!((0..QUEUES_MAX).all(|number| board.note(queue(number), 3)));
        assert!(!board.note(queue(QUEUES_MAX), 3));
        board.note_shard(3);
        assert!(board.note(queue(QUEUES_MAX), 3), "it is told already");
        assert_eq!(board.take(), More { queues: BTreeSet::new(), shards: [3].into() });
    }
}
