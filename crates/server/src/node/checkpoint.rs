//! Checkpoints: read every group's applied row, make the store durable, store those rows durably, publish them; the log
//! is purged up to them.
//!
//! Invariant (rule 8): a mark is published only after the store was made durable, and only if visibility has durably
//! indexed up to it as well.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;
use weft_rows::applied::AppliedRow;
use weft_shard::Replica;

use super::NodeInner;

/// Makes checkpoints, one at a time.
pub(crate) struct Checkpointer {
    one_at_a_time: AsyncMutex<()>,
    last: Mutex<Last>,
}

#[derive(Clone, Copy)]
struct Last {
    logged: u64,
    at: Duration,
}

impl Checkpointer {
    /// Of a node that starts at this monotonic time: its process may have run for long.
    pub(crate) fn starting(now: Duration) -> Self {
        Self { one_at_a_time: AsyncMutex::default(), last: Mutex::new(Last { logged: 0, at: now }) }
    }

    /// Makes a checkpoint if enough was logged, or enough time has passed, since the last one.
    pub(crate) async fn run_if_due(&self, node: &NodeInner) {
        let last = *self.last.lock();
        let logged = node.wal.stats().bytes - last.logged;
        let waited = node.clock.monotonic().saturating_sub(last.at);
        let due = logged >= node.options.checkpoint_bytes || (logged > 0 && waited >= node.options.checkpoint_interval);
        if due {
            self.run_once(node).await;
        }
    }

    /// Makes a checkpoint now. A failure is logged: the log only grows until the next one succeeds.
    pub(crate) async fn run_once(&self, node: &NodeInner) {
        let _turn = self.one_at_a_time.lock().await;
        let logged = node.wal.stats().bytes;
        let replicas = node.copies.replicas();
        let marks: Vec<_> = replicas.iter().map(|(group, replica)| (*group, replica.applied())).collect();
        if let Err(error) = self.store(node, &replicas, &marks).await {
            return tracing::error!(error, "making the store durable failed: no checkpoint");
        }
        let indexed = match node.lists.visibility.persist().await {
            Ok(indexed) => indexed,
            Err(error) => return tracing::error!(%error, "making the visibility index durable failed: no checkpoint"),
        };
        for (group, row) in marks {
            let behind = indexed.get(&group).copied().unwrap_or(0) < row.index;
            let Some(raft) = node.raft.group(weft_raft::GroupId(group)) else { continue };
            if behind || row.mark.is_empty() {
                continue;
            }
            if let Err(error) = raft.checkpointed(row.mark.into()).await {
                tracing::warn!(group, %error, "publishing a checkpoint failed");
            }
        }
        *self.last.lock() = Last { logged, at: node.clock.monotonic() };
    }

    /// Makes the store durable, and then that it is.
    async fn store(
        &self,
        node: &NodeInner,
        replicas: &[(u32, Arc<Replica>)],
        marks: &[(u32, AppliedRow)],
    ) -> Result<(), String> {
        persist(node).await?;
        // Only now may rows claim it; and they must be durable themselves before the log is purged.
        for ((group, replica), (_, row)) in replicas.iter().zip(marks) {
            match replica.store_checkpoint(row.clone()).await {
                Err(error) if node.copies.replica(*group).is_some() => return Err(error.to_string()),
                // It was given up meanwhile.
                Ok(()) | Err(_) => {}
            }
        }
        persist(node).await
    }
}

async fn persist(node: &NodeInner) -> Result<(), String> {
    let store = Arc::clone(&node.store);
    let persisted = node.pool.call(move || store.persist()).await.map_err(|panic| panic.to_string())?;
    persisted.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use weft_env::{Clock, TokioClock, UnixNanos};
    use weft_raft::GroupId;

    use crate::node::{Node, Options, Place, World, open::METADATA_GROUP};

    #[tokio::test(start_paused = true)]
    async fn the_first_checkpoint_comes_an_interval_after_the_start() {
        let clock = TokioClock::starting_at(UnixNanos(0));
        let options = Options { shards: 1, ..Options::new(Place::Memory) };
        let interval = options.checkpoint_interval;
        clock.sleep_until(interval * 100).await;
        let world = World { clock: std::sync::Arc::new(clock.clone()), inline: true, ..World::real() };
        let node = Node::open(options, world).await.expect("it opens");
        let opened = clock.monotonic();
        let is_purged = || node.wal().group(GroupId(METADATA_GROUP)).state().purged.is_some();
        clock.sleep_until(opened + interval / 2).await;
        assert!(!is_purged(), "only the process is old");
        clock.sleep_until(opened + interval * 2).await;
        assert!(is_purged(), "nobody else needs its log");
        node.shutdown().await;
    }
}
