//! What a node does by itself as long as it runs. All of it ends with the node, which it does not keep alive.

use std::{
    convert::Infallible,
    sync::{Arc, Weak},
    time::Duration,
};

use weft_env::Clock;
use weft_store::wal::Wal;

use super::{NodeInner, leadership, members};

/// Between two looks for room on a disk that is full.
const LOOK_FOR_ROOM: Duration = Duration::from_millis(500);

/// Between two looks for loans that have run out.
const LOOK_FOR_LOANS: Duration = Duration::from_millis(500);

/// What every node does.
pub(super) fn keep_house(node: &Arc<NodeInner>) {
    tokio::spawn(housekeeping(Arc::downgrade(node)));
    tokio::spawn(look_while_it_runs(Arc::downgrade(node)));
    tokio::spawn(follow_queue_configs(Arc::downgrade(node)));
}

/// Has the log look for room while it has none. What was handed to it waits until somebody does, and where nothing new can
/// come before that is written nobody else would: checkpoints wait for the log too. Never ends: for a node that starts.
pub(super) async fn look_for_room(log: &Wal, clock: &dyn Clock) -> Infallible {
    let mut has_room = true;
    loop {
        let had_room = std::mem::replace(&mut has_room, log.room());
        if had_room && !has_room {
            tracing::warn!("the disk is full: this node may not start before there is room for its log");
        }
        clock.sleep_until(clock.monotonic() + LOOK_FOR_ROOM).await;
    }
}

/// The same for a node that runs, which it does not keep alive.
async fn look_while_it_runs(node: Weak<NodeInner>) {
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
        tokio::spawn(take_back_loans(Arc::downgrade(node)));
    }
}

/// Holds again what branches at other nodes have had for too long. Ends with the node.
async fn take_back_loans(node: Weak<NodeInner>) {
    while let Some(inner) = node.upgrade() {
        if *inner.stopping.borrow() {
            return;
        }
        inner.take_back_loans();
        let clock = Arc::clone(&inner.clock);
        drop(inner);
        clock.sleep_until(clock.monotonic() + LOOK_FOR_LOANS).await;
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
    use weft_env::{TokioClock, UnixNanos, disk::SimDisk};
    use weft_raft::GroupId;
    use weft_store::{
        state::MemoryStore,
        wal::{Fault, LogEntry},
    };

    use super::*;
    use crate::node::{Node, Options, Place, World, open::tables};

    fn options() -> Options {
        let mut options = Options { shards: 1, ..Options::new(Place::Memory) };
        (options.wal.segment_bytes, options.wal.small_segment_bytes, options.wal.reserve_bytes) =
            (16 << 10, 4 << 10, 0);
        options
    }

    fn world(disk: &SimDisk, clock: &TokioClock, store: &MemoryStore) -> World {
        World {
            disk: Some(Arc::new(disk.clone())),
            clock: Arc::new(clock.clone()),
            store: Some(Arc::new(store.clone())),
            inline: true,
            ..World::real()
        }
    }

    fn store() -> MemoryStore {
        MemoryStore::with_crashes(&tables(), 1).expect("every table has a number of its own")
    }

    /// Not even the smallest entry has room on the disk when this returns: one waits.
    fn fill(node: &Node, disk: &SimDisk) -> oneshot::Receiver<Result<(), Arc<Fault>>> {
        disk.set_capacity(Some(disk.used()));
        // Of a group that nobody else writes to.
        let log = node.wal().group(GroupId(9));
        let wait = |index| {
            let (done, mut written) = oneshot::channel();
            let entry = LogEntry { index, bytes: Bytes::from(vec![7]) };
            log.append(vec![entry], Box::new(move |result| drop(done.send(result))));
            written.try_recv().is_err().then_some(written)
        };
        (1..).find_map(wait).expect("no disk is so large")
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_room_is_written_when_there_is_some_though_nobody_asks() {
        let (disk, clock) = (SimDisk::new(1), TokioClock::starting_at(UnixNanos(0)));
        let node = Node::open(options(), world(&disk, &clock, &store())).await.expect("it opens");
        let mut waiting = fill(&node, &disk);
        clock.sleep_until(clock.monotonic() + LOOK_FOR_ROOM * 3).await;
        assert!(waiting.try_recv().is_err(), "there is no room yet");
        disk.set_capacity(None);
        waiting.await.expect("it is told").expect("it is written");
        node.shutdown().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_starts_on_a_full_disk_goes_on_when_there_is_room() {
        let (disk, clock, store) = (SimDisk::new(1), TokioClock::starting_at(UnixNanos(0)), store());
        let node = Node::open(options(), world(&disk, &clock, &store)).await.expect("it opens");
        drop(fill(&node, &disk));
        disk.kill();
        drop(node);

        let mut opening = std::pin::pin!(Node::open(options(), world(&disk, &clock, &store.reopen())));
        tokio::select! {
            _ = &mut opening => panic!("it has nowhere to write its vote"),
            () = clock.sleep_until(clock.monotonic() + LOOK_FOR_ROOM * 3) => {}
        }
        disk.set_capacity(None);
        let opened = tokio::time::timeout(LOOK_FOR_ROOM * 20, opening).await.expect("it looks for room");
        opened.expect("it opens").shutdown().await;
    }
}
