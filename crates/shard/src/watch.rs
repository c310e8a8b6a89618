//! Long polls on a run: who waits for its history to grow.
//!
//! Invariant: what is sent here is a hint that something was applied; the waiter looks again, and only that look is an
//! answer. So a hint may be missed or come twice.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::watch;
use weft_engine::RunId;

/// The runs that somebody watches.
#[derive(Clone, Default)]
pub struct Watchers {
    runs: Arc<Mutex<HashMap<RunId, watch::Sender<u64>>>>,
}

/// One waiter's end. Dropping the last one of a run forgets the run.
pub struct Watch {
    run: RunId,
    changes: watch::Receiver<u64>,
    watchers: Watchers,
}

impl Watchers {
    /// Watches a run; changes from now on are seen. Subscribe first, then look.
    #[must_use]
    pub fn watch(&self, run: &RunId) -> Watch {
        let mut runs = self.runs.lock();
        let changes = runs.entry(run.clone()).or_insert_with(|| watch::channel(0).0).subscribe();
        Watch { run: run.clone(), changes, watchers: self.clone() }
    }

    pub(crate) fn notify(&self, run: &RunId) {
        if let Some(sender) = self.runs.lock().get(run) {
            sender.send_modify(|count| *count += 1);
        }
    }

    /// Everybody looks again, for instance after leadership was lost.
    pub(crate) fn notify_all(&self) {
        for sender in self.runs.lock().values() {
            sender.send_modify(|count| *count += 1);
        }
    }
}

impl Watch {
    /// Waits until something happened since the last call.
    pub async fn changed(&mut self) {
        // The sender lives in the map for as long as this receiver does, so an error cannot come first.
        let _ = self.changes.changed().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut runs = self.watchers.runs.lock();
        if runs.get(&self.run).is_some_and(|sender| sender.receiver_count() <= 1) {
            runs.remove(&self.run);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_watcher_takes_the_run_with_it() {
        let watchers = Watchers::default();
        let first = watchers.watch(&RunId::from("r"));
        let second = watchers.watch(&RunId::from("r"));
        drop(first);
        assert_eq!(watchers.runs.lock().len(), 1);
        drop(second);
        assert!(watchers.runs.lock().is_empty());
    }
}
