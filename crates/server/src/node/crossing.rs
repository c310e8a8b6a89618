//! What goes from one workflow id to another passes here, and can be held for a backup.
//!
//! Invariants: while a hold stands nothing begins to pass, and whoever took it was told when all that was under way had
//! ended; a hold ends by itself, and whoever lets go of it is told whether it stood until then. A node that was started
//! again knows no hold.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Notify;
use weft_env::Clock;

/// How long a hold waits for what is under way.
const QUIET: Duration = Duration::from_secs(5);

/// The passages of one node. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Crossings(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// Something has ended: the last passage, or a hold.
    ended: Notify,
}

#[derive(Default)]
struct State {
    under_way: usize,
    hold: Option<Hold>,
}

struct Hold {
    token: String,
    /// Monotonic.
    until: Duration,
}

/// Something is under way until this is dropped.
pub(crate) struct Passage(Arc<Inner>);

/// Why nothing is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotHeld {
    #[error("another backup is being taken: try again when it has ended, or in some seconds if it was given up")]
    Taken,
    #[error("what was under way from one workflow to another did not end in time: try again")]
    Busy,
}

impl State {
    /// Until when nothing may pass, if there is a hold.
    fn held_until(&self, now: Duration) -> Option<Duration> {
        self.hold.as_ref().map(|hold| hold.until).filter(|until| *until > now)
    }
}

impl Crossings {
    /// Begins to pass, once nothing is held.
    pub(crate) async fn pass(&self, clock: &dyn Clock) -> Passage {
        loop {
            // Hardly ever is anything held.
            if let Ok(passage) = self.admit(clock.monotonic()) {
                return passage;
            }
            let mut ended = std::pin::pin!(self.0.ended.notified());
            // From here on no news is missed.
            ended.as_mut().enable();
            match self.admit(clock.monotonic()) {
                Ok(passage) => return passage,
                Err(until) => tokio::select! {
                    () = ended => {}
                    () = clock.sleep_until(until) => {}
                },
            }
        }
    }

    /// Or says until when nothing may pass.
    fn admit(&self, now: Duration) -> Result<Passage, Duration> {
        let mut state = self.0.state.lock();
        if let Some(until) = state.held_until(now) {
            return Err(until);
        }
        state.hold = None;
        state.under_way += 1;
        Ok(Passage(Arc::clone(&self.0)))
    }

    /// Lets nothing begin to pass for this long, and waits until all that was under way has ended.
    pub(crate) async fn hold(&self, token: String, lease: Duration, clock: &dyn Clock) -> Result<(), NotHeld> {
        let now = clock.monotonic();
        {
            let mut state = self.0.state.lock();
            if state.held_until(now).is_some() {
                return Err(NotHeld::Taken);
            }
            state.hold = Some(Hold { token: token.clone(), until: now + lease });
        }
        tokio::select! {
            biased;
            () = self.quiet() => Ok(()),
            () = clock.sleep_until(now + QUIET.min(lease)) => {
                self.release(&token, clock);
                Err(NotHeld::Busy)
            }
        }
    }

    async fn quiet(&self) {
        loop {
            let mut ended = std::pin::pin!(self.0.ended.notified());
            ended.as_mut().enable();
            if self.0.state.lock().under_way == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Lets go of a hold; says whether it stood until now.
    pub(crate) fn release(&self, token: &str, clock: &dyn Clock) -> bool {
        let mut state = self.0.state.lock();
        let Some(hold) = state.hold.take_if(|hold| hold.token == token) else { return false };
        drop(state);
        self.0.ended.notify_waiters();
        hold.until > clock.monotonic()
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.under_way -= 1;
        if state.under_way == 0 {
            drop(state);
            self.0.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use weft_env::RealClock;

    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_hold_waits_for_what_is_under_way_and_keeps_the_rest_back() {
        let (crossings, clock) = (Crossings::default(), RealClock::new());
        let first = crossings.pass(&clock).await;
        let mut holding = std::pin::pin!(crossings.hold("a".to_owned(), LEASE, &clock));
        assert_eq!(holding.as_mut().now_or_never(), None, "one is under way");
        let mut second = std::pin::pin!(crossings.pass(&clock));
        assert!(second.as_mut().now_or_never().is_none(), "it is held");
        drop(first);
        assert_eq!(holding.await, Ok(()));
        assert!(second.as_mut().now_or_never().is_none(), "it is still held");
        assert!(crossings.release("a", &clock));
        second.await;
    }

    #[tokio::test]
    async fn a_hold_that_ran_out_says_so_and_holds_nothing() {
        let (crossings, clock) = (Crossings::default(), RealClock::new());
        assert_eq!(crossings.hold("a".to_owned(), Duration::from_millis(1), &clock).await, Ok(()));
        // It waits for the end of the lease, and for nobody.
        drop(crossings.pass(&clock).await);
        assert!(!crossings.release("a", &clock));
        assert!(!crossings.release("b", &clock), "nobody has ever held it");
    }

    #[tokio::test]
    async fn there_is_one_hold_at_a_time() {
        let (crossings, clock) = (Crossings::default(), RealClock::new());
        assert_eq!(crossings.hold("a".to_owned(), LEASE, &clock).await, Ok(()));
        assert_eq!(crossings.hold("b".to_owned(), LEASE, &clock).await, Err(NotHeld::Taken));
        assert!(!crossings.release("b", &clock));
        assert!(crossings.release("a", &clock));
        assert_eq!(crossings.hold("b".to_owned(), LEASE, &clock).await, Ok(()));
    }

    #[tokio::test]
    async fn what_does_not_end_is_not_waited_for_longer_than_the_lease() {
        let (crossings, clock) = (Crossings::default(), RealClock::new());
        let under_way = crossings.pass(&clock).await;
        assert_eq!(crossings.hold("a".to_owned(), Duration::from_millis(1), &clock).await, Err(NotHeld::Busy));
        crossings.pass(&clock).await;
        drop(under_way);
    }
}
