//! The pollers that were at a queue lately.
//!
//! Invariant: one entry per identity, at most `pollers_seen_max` of them: the one not seen for longest makes room.

use crate::options::Options;
use crate::poller::{PollerInfo, PollerSeen};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use weft_env::UnixNanos;

#[derive(Debug, Default)]
pub(crate) struct Seen(BTreeMap<Arc<str>, Entry>);

#[derive(Debug)]
struct Entry {
    at: Duration,
    info: Arc<PollerInfo>,
}

impl Seen {
    /// Remembers a poll. True if this poller had limited the rate before and now no poller does.
    pub(crate) fn note(&mut self, info: &Arc<PollerInfo>, now: Duration, options: &Options) -> bool {
        let before = self.0.insert(Arc::clone(&info.identity), Entry { at: now, info: Arc::clone(info) });
        if before.is_none() && self.0.len() > options.pollers_seen_max {
            self.drop_oldest();
        }
        before.is_some_and(|entry| entry.info.max_tasks_per_second.is_some()) && !self.any_rate()
    }

    /// A poll that this poller began earlier has just ended.
    pub(crate) fn touch(&mut self, identity: &str, now: Duration) {
        if let Some(entry) = self.0.get_mut(identity) {
            entry.at = now;
        }
    }

    /// Forgets who has not polled for long. True if with them went the last one that limited the rate.
    pub(crate) fn prune(&mut self, now: Duration, options: &Options) -> bool {
        let mut rate_gone = false;
        self.0.retain(|_, entry| {
            let keep = now.saturating_sub(entry.at) < options.poller_memory;
            rate_gone |= !keep && entry.info.max_tasks_per_second.is_some();
            keep
        });
        rate_gone && !self.any_rate()
    }

    /// Forgets some pollers. True if with them went the last one that limited the rate.
    pub(crate) fn forget(&mut self, which: impl Fn(&PollerInfo) -> bool) -> bool {
        let limited = self.any_rate();
        self.0.retain(|_, entry| !which(&entry.info));
        limited && !self.any_rate()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The latest first, in wall time.
    pub(crate) fn list(&self, now: Duration, wall: UnixNanos) -> Vec<PollerSeen> {
        let mut entries: Vec<&Entry> = self.0.values().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        let told = |entry: &Entry| PollerSeen {
            identity: Arc::clone(&entry.info.identity),
            last_access: wall.saturating_sub(now.saturating_sub(entry.at)),
            rate_per_second: entry.info.max_tasks_per_second,
            version: entry.info.version.clone(),
        };
        entries.into_iter().map(told).collect()
    }

    fn any_rate(&self) -> bool {
        self.0.values().any(|entry| entry.info.max_tasks_per_second.is_some())
    }

    fn drop_oldest(&mut self) {
        let oldest = self.0.iter().min_by_key(|(_, entry)| entry.at).map(|(identity, _)| Arc::clone(identity));
        if let Some(identity) = oldest {
            self.0.remove(&identity);
        }
    }
}
