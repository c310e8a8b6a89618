//! The task queues that this node owns, for as long as it does.
//!
//! Invariant: a poll waits here only while this node owns its queue, in one term of leadership. When the queue moves the
//! poll ends as one that is to be made at the new owner, and matching forgets the queue. A queue that comes here, or comes
//! back, asks all shards what they have for it: while it was elsewhere nobody brought it anything.

use std::sync::{Arc, Weak};

use tokio::sync::watch;
use weft_engine::{NamespaceId, WorkflowId, WorkflowKey};
use weft_matching::QueueKey;
use weft_raft::Leadership;
use weft_rows::{SlotRange, slot_of};
use weft_shard::{Shard, ShardId};

use crate::node::{Node, NodeInner};

/// That this node owns a queue.
pub(crate) struct Owned {
    /// None of a node without others.
    news: Option<watch::Receiver<Leadership>>,
    term: u64,
}

impl Owned {
    /// `None` if another node owns the queue, or none does now.
    pub(crate) fn claim(node: &Node, queue: &QueueKey) -> Option<Self> {
        if node.peers().is_alone() {
            return Some(Self { news: None, term: 0 });
        }
        let mut news = node.owner(&NamespaceId::from(&*queue.namespace), &queue.name);
        let known = *news.borrow_and_update();
        known.mine.then_some(Self { news: Some(news), term: known.term })
    }

    /// Waits until this node does not own the queue any more, or owns it anew.
    pub(crate) async fn lost(&mut self) {
        let Some(news) = &mut self.news else { return std::future::pending().await };
        let term = self.term;
        // An error means that the group has ended, and with it the node's part in it.
        let _ = news.wait_for(|known| !holds(known, term)).await;
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.news.as_ref().is_some_and(|news| !holds(&news.borrow(), self.term))
    }
}

fn holds(known: &Leadership, term: u64) -> bool {
    known.mine && known.term == term
}

/// Follows who leads which shard, and lets matching know which queues are this node's. Ends with the node.
pub(crate) fn follow(node: &Arc<NodeInner>) {
    node.matching.ask_for_new_queues(numbers(node));
    node.copies.here().iter().for_each(|shard| follow_shard(node, shard));
}

/// The same of a shard whose copy has just come. Ends with the copy.
pub(crate) fn follow_shard(node: &Arc<NodeInner>, shard: &Shard) {
    if !node.peers.is_alone() {
        tokio::spawn(follow_leadership(Arc::downgrade(node), shard.id(), shard.slots(), shard.leadership()));
    }
}

/// Of all shards.
fn numbers(node: &NodeInner) -> Vec<u32> {
    node.copies.all().iter().map(|shard| shard.id().0).collect()
}

async fn follow_leadership(
    node: Weak<NodeInner>,
    shard: ShardId,
    slots: SlotRange,
    mut news: watch::Receiver<Leadership>,
) {
    let mut term = None;
    loop {
        let known = *news.borrow_and_update();
        let now = known.mine.then_some(known.term);
        let Some(node) = node.upgrade() else { return };
        node.matching.shard_is_near(shard.0, now.is_some());
        if term.is_some() && term != now {
            node.matching.forget_queues(|queue| is_of(queue, slots));
        }
        if now.is_some() && term != now {
            node.matching.shards_have_more(|queue| is_of(queue, slots), &numbers(&node));
        }
        term = now;
        drop(node);
        if news.changed().await.is_err() {
            break;
        }
    }
    if let Some(node) = node.upgrade() {
        node.matching.shard_is_near(shard.0, false);
    }
}

/// The queue belongs to whoever leads these slots.
fn is_of(queue: &QueueKey, slots: SlotRange) -> bool {
    let key = WorkflowKey { namespace: NamespaceId::from(&*queue.namespace), workflow: WorkflowId::from(&*queue.name) };
    let slot = slot_of(&key);
    slots.first <= slot && slot <= slots.last
}

#[cfg(test)]
mod tests {
    use weft_raft::NodeId;

    use super::*;

    fn known(term: u64, mine: bool) -> Leadership {
        Leadership { term, leader: Some(NodeId(1)), mine }
    }

    #[tokio::test]
    async fn a_queue_is_lost_with_its_term() {
        for after in [known(3, false), known(5, true)] {
            let (sender, news) = watch::channel(known(3, true));
            let mut owned = Owned { news: Some(news), term: 3 };
            assert!(!owned.is_lost());
            sender.send_replace(after);
            assert!(owned.is_lost());
            owned.lost().await;
        }
    }

    #[tokio::test]
    async fn a_node_without_others_loses_nothing() {
        let mut owned = Owned { news: None, term: 0 };
        assert!(!owned.is_lost());
        assert!(futures::FutureExt::now_or_never(owned.lost()).is_none());
    }
}
