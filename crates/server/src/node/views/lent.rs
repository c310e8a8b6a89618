//! Views that this node lends to others, which make a backup.
//!
//! Invariants: a loan ends when it is given back, when nobody has asked for it as long as its lease, and when the node stops:
//! views keep old rows alive, and the data directory locked. Few are lent at a time. A view that is lent stays the one that was
//! lent: what is read in pieces is of one moment.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::watch;
use weft_env::Clock;
use weft_shard::GroupView;

use super::{LEASE, ViewError};

/// Backups of other nodes that read here at the same time.
const LOANS_MAX: usize = 8;

/// All that is lent. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Lent(Arc<Mutex<BTreeMap<String, Loan>>>);

struct Loan {
    views: BTreeMap<u32, Arc<GroupView>>,
    /// Monotonic.
    until: Duration,
}

impl Lent {
    /// Lends views by a name, beside those that are lent by it already, and gives those that are lent now. A question may come
    /// again, or late, when the answer to it is being read already: then that is the answer again.
    pub(super) fn lend(
        &self,
        token: &str,
        views: Vec<GroupView>,
        clock: &Arc<dyn Clock>,
        stopping: &watch::Receiver<bool>,
    ) -> Result<Vec<Arc<GroupView>>, ViewError> {
        let views: Vec<_> = views.into_iter().map(Arc::new).collect();
        let until = clock.monotonic() + LEASE;
        let mut loans = self.0.lock();
        let is_new = !loans.contains_key(token);
        if is_new && loans.len() >= LOANS_MAX {
            return Err(ViewError::Room(loans.len()));
        }
        let loan = loans.entry(token.to_owned()).or_insert_with(|| Loan { views: BTreeMap::new(), until });
        let mut kept = |view: &Arc<GroupView>| Arc::clone(loan.views.entry(view.group()).or_insert(Arc::clone(view)));
        let lent = views.iter().map(&mut kept).collect();
        loan.until = until;
        drop(loans);
        if is_new {
            tokio::spawn(self.clone().watch(token.to_owned(), Arc::clone(clock), stopping.clone()));
        }
        Ok(lent)
    }

    /// A view that is lent, for as long again.
    pub(super) fn view(&self, token: &str, group: u32, now: Duration) -> Option<Arc<GroupView>> {
        let mut loans = self.0.lock();
        let loan = loans.get_mut(token).filter(|loan| loan.until > now)?;
        loan.until = now + LEASE;
        loan.views.get(&group).cloned()
    }

    /// What is lent by a name stays for as long again, if there is anything.
    pub(super) fn keep(&self, token: &str, now: Duration) -> bool {
        let mut loans = self.0.lock();
        let loan = loans.get_mut(token).filter(|loan| loan.until > now);
        loan.map(|loan| loan.until = now + LEASE).is_some()
    }

    pub(super) fn end(&self, token: &str) {
        let ended = self.0.lock().remove(token);
        // To let go of views may take the store a moment.
        drop(ended);
    }

    /// Ends a loan when it is time.
    async fn watch(self, token: String, clock: Arc<dyn Clock>, mut stopping: watch::Receiver<bool>) {
        loop {
            let Some(until) = self.0.lock().get(&token).map(|loan| loan.until) else { return };
            if until <= clock.monotonic() {
                tracing::warn!(token, "rows were lent to another node's backup, which has not asked for them any more");
                return self.end(&token);
            }
            tokio::select! {
                () = clock.sleep_until(until) => {}
                // Nobody says so who has gone.
                _ = stopping.wait_for(|stopping| *stopping) => return self.end(&token),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use weft_env::{UnixNanos, VirtualClock};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    struct Desk {
        lent: Lent,
        time: VirtualClock,
        clock: Arc<dyn Clock>,
        stop: watch::Sender<bool>,
    }

    fn desk() -> Desk {
        let time = VirtualClock::starting_at(UnixNanos(0));
        Desk { lent: Lent::default(), clock: Arc::new(time.clone()), time, stop: watch::channel(false).0 }
    }

    impl Desk {
        fn lend(&self, token: &str) -> Result<(), ViewError> {
            self.lent.lend(token, Vec::new(), &self.clock, &self.stop.subscribe()).map(drop)
        }

        fn keep(&self, token: &str) -> bool {
            self.lent.keep(token, self.clock.monotonic())
        }

        fn count(&self) -> usize {
            self.lent.0.lock().len()
        }

        /// Whatever watches has seen what time it is.
        async fn settle(&self) {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_asked_for_any_more_ends_by_itself() {
        let desk = desk();
        desk.lend("kept").expect("there is room");
        desk.lend("left").expect("there is room");
        desk.settle().await;
        desk.time.advance(LEASE - SECOND);
        assert!(desk.keep("kept"));
        desk.time.advance(SECOND);
        desk.settle().await;
        assert_eq!((desk.count(), desk.keep("left"), desk.keep("kept")), (1, false, true), "whoever took it has died");
        desk.lent.end("kept");
        assert_eq!((desk.count(), desk.keep("kept")), (0, false));
    }

    #[tokio::test]
    async fn nothing_is_lent_when_the_node_stops() {
        let desk = desk();
        desk.lend("a").expect("there is room");
        desk.stop.send_replace(true);
        desk.settle().await;
        assert_eq!(desk.count(), 0);
    }

    #[tokio::test]
    async fn few_are_lent_at_a_time() {
        let desk = desk();
        for number in 0..LOANS_MAX {
            desk.lend(&number.to_string()).expect("there is room");
        }
        assert!(matches!(desk.lend("more"), Err(ViewError::Room(LOANS_MAX))));
        desk.lend("0").expect("it has its room already");
        desk.lent.end("0");
        desk.lend("more").expect("there is room again");
    }
}
