//! A clock for tests of workflows: wall time goes on as it does outside, and jumps to the next moment that anybody waits
//! for whenever nobody has anything to do before it.
//!
//! Who waits and who works says so here. A [`Party`] (a shard) reports whether it is at work, what workers owe it, and the
//! next moment it waits for. A [`Hold`] keeps time from jumping while a call is under way. A sleeper waits for a moment of
//! wall time. Beside them stands the counter of Temporal's test service: above zero time is locked and flows, no more. Each
//! activity that a worker owes counts as a lock too, so that whoever does it may give its lock away while it sleeps.
//!
//! Invariants: time jumps only forward, and only to a moment that somebody waits for; whoever a jump made due counts as at
//! work from the jump itself until it reports again, so no second jump comes in between. Monotonic time, and with it
//! every wait that is not for a moment of a workflow (polls, retries), never jumps.

mod sleeper;
mod state;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Clock, RealClock, Sleep, UnixNanos};
use sleeper::Ticket;
use state::{Jump, State};

/// Time that is skipped. Clones are the same clock.
#[derive(Clone)]
pub struct SkippingClock {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    real: RealClock,
    /// Wall time at the start of monotonic time.
    origin: UnixNanos,
    state: Mutex<State>,
}

/// The counter of locks would have gone below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time skipping is not locked: each unlock must follow a lock")]
pub struct Unbalanced;

/// What a party says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// It has begun something that it will end by itself.
    pub at_work: bool,
    /// Workflow tasks that workers have, or are to take.
    pub workflow_tasks: usize,
    /// Activities that workers have, or are to take.
    pub activities: usize,
    /// The next moment at which it will have something to do.
    pub next: Option<UnixNanos>,
}

/// One that works and waits. Its last report holds until the next one, or until it is dropped.
pub struct Party {
    shared: Arc<Shared>,
    id: u64,
    jumped: Arc<Notify>,
}

/// Time does not jump while this is held.
#[must_use = "time is held only until this is dropped"]
pub struct Hold {
    shared: Arc<Shared>,
}

impl SkippingClock {
    /// Starts at the machine's time, locked once: time flows until it is unlocked.
    #[must_use]
    pub fn locked() -> Self {
        let real = RealClock::new();
        let origin = real.now().saturating_sub(real.monotonic());
        Self { shared: Arc::new(Shared { real, origin, state: Mutex::new(State::locked()) }) }
    }

    /// Adds a lock: time flows, and does not jump.
    pub fn lock(&self) {
        self.shared.state.lock().locks += 1;
    }

    /// Takes a lock away; with the last one time begins to jump.
    ///
    /// # Errors
    /// When there is none to take.
    pub fn unlock(&self) -> Result<(), Unbalanced> {
        self.shared.change(State::take_lock)
    }

    /// Ends once wall time has gone on by `by`, by itself or in jumps.
    ///
    /// Time stands still from then until the future that ended is gone, so its caller sees the moment it waited for.
    pub async fn sleep(&self, by: Duration) {
        self.sleep_to(self.now().saturating_add(by)).await;
    }

    /// Ends once wall time is `at`; see [`SkippingClock::sleep`].
    pub async fn sleep_to(&self, at: UnixNanos) {
        Ticket::of(&self.shared, at).end().await;
    }

    /// Sleeps with one lock less: its own lock, if there is no other, does not keep it waiting.
    ///
    /// # Errors
    /// When there is no lock to take.
    pub async fn sleep_unlocked(&self, by: Duration) -> Result<(), Unbalanced> {
        let ticket = Ticket::unlocking(&self.shared, self.now().saturating_add(by))?;
        ticket.end().await;
        Ok(())
    }

    /// Keeps time from jumping.
    pub fn hold(&self) -> Hold {
        self.shared.state.lock().holds += 1;
        Hold { shared: Arc::clone(&self.shared) }
    }

    /// A new party, at work until it reports.
    #[must_use]
    pub fn party(&self) -> Party {
        let (id, jumped) = self.shared.state.lock().admit();
        Party { shared: Arc::clone(&self.shared), id, jumped }
    }
}

impl Shared {
    fn now(&self, state: &State) -> UnixNanos {
        self.origin.saturating_add(self.real.monotonic()).saturating_add(state.skipped)
    }

    /// Does something that may have been the last thing before a jump, and jumps.
    fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let result = act(&mut state);
        let now = self.now(&state);
        let jump = state.jump(now);
        drop(state);
        // Outside the lock: a woken task may be polled at once.
        jump.into_iter().for_each(Jump::tell);
        result
    }
}

impl Party {
    pub fn report(&self, standing: Standing) {
        self.shared.change(|state| state.report(self.id, standing));
    }

    /// Ends after a jump: what was computed from the time before it is wrong. Cancel safe.
    pub async fn jumped(&self) {
        self.jumped.notified().await;
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        self.shared.change(|state| state.dismiss(self.id));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.change(|state| state.holds -= 1);
    }
}

impl Clock for SkippingClock {
    fn now(&self) -> UnixNanos {
        self.shared.now(&self.shared.state.lock())
    }

    fn monotonic(&self) -> Duration {
        self.shared.real.monotonic()
    }

    fn sleep_until(&self, deadline: Duration) -> Sleep {
        self.shared.real.sleep_until(deadline)
    }

    fn skipping(&self) -> Option<&SkippingClock> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
