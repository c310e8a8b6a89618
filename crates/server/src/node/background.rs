//! What a node does by itself as long as it runs. All of it ends with the node, which it does not keep alive.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::{NodeInner, leadership, members};

/// Between two looks for room on a disk that is full.
const LOOK_FOR_ROOM: Duration = Duration::from_millis(500);

/// What every node does.
pub(super) fn keep_house(node: &Arc<NodeInner>) {
    tokio::spawn(housekeeping(Arc::downgrade(node)));
    tokio::spawn(look_for_room(Arc::downgrade(node)));
    tokio::spawn(follow_queue_configs(Arc::downgrade(node)));
}

/// Has the log look for room while it has none. What was handed to it waits until somebody does, and where nothing new can
/// come before that is written nobody else would: checkpoints wait for the log too.
async fn look_for_room(node: Weak<NodeInner>) {
    loop {
        let Some(inner) = node.upgrade() else { return };
        if *inner.stopping.borrow() {
            return;
        }
        inner.wal.room();
        let clock = Arc::clone(&inner.clock);
        drop(inner);
        clock.sleep_until(clock.monotonic() + LOOK_FOR_ROOM).await;
    }
}

/// Brings to matching what is set for task queues, whichever node it was set on. Ends with the node.
async fn follow_queue_configs(node: Weak<NodeInner>) {
    let Some(mut viewed) = node.upgrade().map(|inner| inner.metadata.viewed()) else { return };
    while viewed.changed().await.is_ok() {
        let Some(inner) = node.upgrade() else { return };
        inner.configure_queues();
    }
}

/// What a node of a cluster does for that.
pub(super) fn live_among_others(node: &Arc<NodeInner>) {
    if !node.peers.is_alone() {
        tokio::spawn(leadership::watch(Arc::downgrade(node)));
        tokio::spawn(leadership::even_out(Arc::downgrade(node)));
        tokio::spawn(members::drive(Arc::downgrade(node)));
        tokio::spawn(members::copies::follow(Arc::downgrade(node)));
        tokio::spawn(follow_others(Arc::downgrade(node)));
    }
}

/// Keeps the ways to the owners of task queues as many as there are other nodes. Ends with the node.
async fn follow_others(node: Weak<NodeInner>) {
    let Some(mut viewed) = node.upgrade().map(|inner| inner.metadata.viewed()) else { return };
    loop {
        let Some(inner) = node.upgrade() else { return };
        let members = inner.metadata.members();
        if let (Some(away), false) = (inner.outgoing(), members.nodes.is_empty()) {
            let others = members.present().map(|row| row.node).filter(|other| *other != inner.peers.node);
            away.keep(&others.collect());
        }
        drop(inner);
        if viewed.changed().await.is_err() {
            return;
        }
    }
}

/// What a node does by itself: indexes lists, mends their index, makes checkpoints, empties deleted namespaces. Ends with
/// the node.
async fn housekeeping(node: Weak<NodeInner>) {
    loop {
        let Some(inner) = node.upgrade() else { return };
        if *inner.stopping.borrow() {
            return;
        }
        inner.lists.visibility.tick();
        inner.mender.run_if_due(&inner).await;
        inner.checkpointer.run_if_due(&inner).await;
        inner.removal.start_if_due(&inner);
        let (clock, interval) = (Arc::clone(&inner.clock), inner.options.index_interval);
        drop(inner);
        clock.sleep_until(clock.monotonic() + interval).await;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::sync::oneshot;
    use weft_env::{Clock, TokioClock, UnixNanos, disk::SimDisk};
    use weft_raft::GroupId;
    use weft_store::wal::LogEntry;

    use super::*;
    use crate::node::{Node, Options, Place, World};

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_room_is_written_when_there_is_some_though_nobody_asks() {
        let (disk, clock) = (SimDisk::new(1), TokioClock::starting_at(UnixNanos(0)));
        let world =
            World { disk: Some(Arc::new(disk.clone())), clock: Arc::new(clock.clone()), inline: true, ..World::real() };
        let mut options = Options { shards: 1, ..Options::new(Place::Memory) };
        (options.wal.segment_bytes, options.wal.small_segment_bytes, options.wal.reserve_bytes) =
            (16 << 10, 4 << 10, 0);
        let node = Node::open(options, world).await.expect("it opens");
        disk.set_capacity(Some(disk.used()));
        // Of a group that nobody else writes to.
        let log = node.wal().group(GroupId(9));
        let mut index = 0;
        let mut waiting = loop {
            index += 1;
            let (done, mut written) = oneshot::channel();
            let entry = LogEntry { index, bytes: Bytes::from(vec![7; 1000]) };
            log.append(vec![entry], Box::new(move |result| drop(done.send(result))));
            if written.try_recv().is_err() {
                break written;
            }
        };
        clock.sleep_until(clock.monotonic() + LOOK_FOR_ROOM * 3).await;
        assert!(waiting.try_recv().is_err(), "there is no room yet");
        disk.set_capacity(None);
        waiting.await.expect("it is told").expect("it is written");
        node.shutdown().await;
    }
}
