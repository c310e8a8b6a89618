//! A clock that moves only when a test moves it. Sleepers are woken in the order of their deadlines, and those with
//! the same deadline in the order in which they began to wait, so a run with the same steps is the same run.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use super::{Clock, Sleep, UnixNanos};

/// Virtual time. Clones show the same time.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    monotonic: Duration,
    wall: UnixNanos,
    next_ticket: u64,
    /// By (deadline, ticket). Every entry's deadline lies after `monotonic`.
    sleepers: BTreeMap<(Duration, u64), Waker>,
}

impl VirtualClock {
    pub fn starting_at(wall: UnixNanos) -> Self {
        let state = State { monotonic: Duration::ZERO, wall, next_ticket: 0, sleepers: BTreeMap::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Moves both times forward and wakes, in order, whoever's deadline has come.
    pub fn advance(&self, by: Duration) {
        let woken = {
            let mut state = self.state.lock();
            state.monotonic = state.monotonic.saturating_add(by);
            state.wall = state.wall.saturating_add(by);
            state.take_due()
        };
        // Outside the lock: a waker may poll its task at once, which asks this clock again.
        woken.into_iter().for_each(Waker::wake);
    }

    /// Sets wall time forward or back; monotonic time and waits do not notice.
    pub fn jump_wall(&self, nanos: i64) {
        let mut state = self.state.lock();
        state.wall = UnixNanos(state.wall.0.saturating_add(nanos));
    }

    /// The earliest deadline that somebody waits for, in monotonic time: what time-skipping jumps to.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.state.lock().sleepers.first_key_value().map(|((deadline, _), _)| *deadline)
    }
}

impl State {
    fn take_due(&mut self) -> Vec<Waker> {
        let mut due = Vec::new();
        while let Some(first) = self.sleepers.first_entry() {
            if first.key().0 > self.monotonic {
                break;
            }
            due.push(first.remove());
        }
        due
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> UnixNanos {
        self.state.lock().wall
    }

    fn monotonic(&self) -> Duration {
        self.state.lock().monotonic
    }

    fn sleep_until(&self, deadline: Duration) -> Sleep {
        Box::pin(Sleeper { state: self.state.clone(), deadline, ticket: None })
    }
}

struct Sleeper {
    state: Arc<Mutex<State>>,
    deadline: Duration,
    ticket: Option<u64>,
}

impl Future for Sleeper {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let shared = self.state.clone();
        let mut state = shared.lock();
        if state.monotonic >= self.deadline {
            return Poll::Ready(());
        }
        let ticket = *self.ticket.get_or_insert_with(|| {
            state.next_ticket += 1;
            state.next_ticket
        });
        state.sleepers.insert((self.deadline, ticket), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.state.lock().sleepers.remove(&(self.deadline, ticket));
        }
    }
}
