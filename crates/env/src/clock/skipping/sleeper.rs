//! A wait for a moment of wall time, which comes by itself or by a jump.
//!
//! Invariant: whoever took a lock away to sleep has given it back when the wait is over, also when nobody waits to its end.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{
    Clock, Shared, Unbalanced, UnixNanos,
    state::{Loan, State},
};

/// A sleeper's place.
pub(super) struct Ticket {
    shared: Arc<Shared>,
    at: UnixNanos,
    number: u64,
    woken: Arc<Notify>,
}

impl Ticket {
    pub(super) fn of(shared: &Arc<Shared>, at: UnixNanos) -> Self {
        let (number, woken) = shared.change(|state| state.enlist(at, Loan::Nothing));
        Self { shared: Arc::clone(shared), at, number, woken }
    }

    /// Takes a lock away until the moment comes.
    pub(super) fn unlocking(shared: &Arc<Shared>, at: UnixNanos) -> Result<Self, Unbalanced> {
        let enlist = |state: &mut State| {
            let loan = state.borrow()?;
            Ok(state.enlist(at, loan))
        };
        let (number, woken) = shared.change(enlist)?;
        Ok(Self { shared: Arc::clone(shared), at, number, woken })
    }

    pub(super) async fn end(self) {
        loop {
            let left = {
                let mut state = self.shared.state.lock();
                let now = self.shared.now(&state);
                let woken = state.wake(now);
                woken.into_iter().for_each(|other| other.notify_one());
                if !state.sleeps(self.at, self.number) {
                    return;
                }
                self.at.since(now)
            };
            let real = self.shared.real;
            tokio::select! {
                () = real.sleep_until(real.monotonic().saturating_add(left)) => {}
                () = self.woken.notified() => {}
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let (at, number) = (self.at, self.number);
        self.shared.change(|state| {
            // One that was woken held time until now.
            if !state.strike(at, number) {
                state.holds -= 1;
            }
        });
    }
}
