//! What is committed and nobody waits for is kept for a moment, so that more of it is applied together: a workflow's rows
//! change several times in a moment, and a follower then writes the last of each.
//!
//! Invariants: entries are applied in order, and none that somebody waits for is kept: its proposer, or a reader here
//! ([`Shared::hasten`]). Nothing is kept for longer than [`Machine::may_wait`], nor more than one call applies. openraft
//! takes what is kept for applied; whoever asks the adapter for the state after that has it applied first, and what cannot
//! be applied is the group's fault, as it is at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Mutex;
use weft_store::wal::GroupLog;

use super::{Gathered, Machine, Shared};
use crate::log;
use crate::types::Reply;

/// What is kept holds memory, for each group of a node.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// Applies to one machine.
pub(crate) struct Applier {
    pub(super) machine: Arc<dyn Machine>,
    log: GroupLog,
    shared: Arc<Shared>,
    may_wait: Duration,
    /// Held while what was in it is applied.
    kept: Mutex<Gathered>,
}

impl Applier {
    pub(super) fn new(machine: Arc<dyn Machine>, log: GroupLog, shared: Arc<Shared>) -> Arc<Self> {
        let may_wait = machine.may_wait();
        Arc::new(Self { machine, log, shared, may_wait, kept: Mutex::default() })
    }

    /// Applies this, after what is kept, or keeps it with that.
    pub(super) async fn take(self: &Arc<Self>, gathered: Gathered) -> io::Result<()> {
        let mut kept = self.kept.lock().await;
        if let Some(fault) = self.shared.fault.get() {
            return Err(io::Error::other(fault.to_string()));
        }
        if !kept.has_room_for(&gathered) {
            self.apply(&mut kept).await?;
        }
        let is_first = kept.entries.is_empty();
        kept.append(gathered);
        if !self.may_keep(&kept) {
            return self.apply(&mut kept).await;
        }
        if is_first {
            self.apply_later();
        }
        Ok(())
    }

    /// Applies what is kept, after what is being applied.
    pub(crate) async fn flush(&self) -> io::Result<()> {
        self.apply(&mut *self.kept.lock().await).await
    }

    fn may_keep(&self, kept: &Gathered) -> bool {
        // What a group begins with it has before it is said to have started.
        let may_wait = !self.may_wait.is_zero() && self.shared.started.load(Ordering::Acquire);
        let awaited = self.shared.awaited.load(Ordering::Acquire);
        let is_awaited = kept.entries.first().is_none_or(|first| first.index <= awaited);
        let is_little = kept.bytes < KEPT_BYTES_MAX && kept.has_room();
        may_wait && is_little && !is_awaited && kept.responders.iter().all(Option::is_none)
    }

    fn apply_later(self: &Arc<Self>) {
        let (applier, shared, may_wait) = (Arc::downgrade(self), Arc::clone(&self.shared), self.may_wait);
        tokio::spawn(async move {
            tokio::select! {
                () = shared.hastened.notified() => {}
                () = tokio::time::sleep(may_wait) => {}
            }
            // Nothing is applied any more to a machine whose group has ended.
            let Some(applier) = applier.upgrade() else { return };
            // What fails is said as the group's fault.
            let _ = applier.flush().await;
        });
    }

    /// A failure is said before anything else can be applied: what comes after a gap must not be.
    async fn apply(&self, kept: &mut Gathered) -> io::Result<()> {
        self.try_apply(kept).await.inspect_err(|error| self.shared.fail(error))
    }

    async fn try_apply(&self, kept: &mut Gathered) -> io::Result<()> {
        let Gathered { entries, responders, .. } = std::mem::take(kept);
        let (count, Some(last)) = (entries.len(), entries.last().map(|entry| entry.index)) else { return Ok(()) };
        log::wait_durable(&self.log, last).await?;
        let replies = self.machine.apply(entries).await.map_err(io::Error::other)?;
        if replies.len() != count {
            return Err(io::Error::other(format!("{count} entries were applied but {} answered", replies.len())));
        }
        self.shared.applied.send_replace(last);
        for (responder, reply) in responders.into_iter().zip(replies) {
            if let Some(responder) = responder {
                responder.send(Reply(reply));
            }
        }
        Ok(())
    }
}
