//! How many polls a worker has at once: as many as it is told, or as many as the server thinks right.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// How many polls of a kind there are at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polls {
    Fixed(usize),
    /// Begins with `initial`, and follows what the server says with the tasks that it gives.
    Between {
        min: usize,
        initial: usize,
        max: usize,
    },
}

impl Default for Polls {
    fn default() -> Self {
        Self::Between { min: 1, initial: 5, max: 100 }
    }
}

impl From<usize> for Polls {
    fn from(count: usize) -> Self {
        Self::Fixed(count)
    }
}

impl Polls {
    pub(crate) fn bounds(self) -> (usize, usize, usize) {
        match self {
            Self::Fixed(count) => (count.max(1), count.max(1), count.max(1)),
            Self::Between { min, initial, max } => {
                let max = max.max(1);
                let min = min.clamp(1, max);
                (min, initial.clamp(min, max), max)
            }
        }
    }
}

/// What a poll came back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A task, or none, with what the server suggests.
    Suggested(i32),
    Task,
    /// Its time was over.
    Nothing,
    /// The server has too much to do.
    Overloaded,
    Failed,
}

/// The number of polls of one kind.
pub(crate) struct Scale {
    min: usize,
    max: usize,
    scales: bool,
    state: Mutex<State>,
    pub(crate) changed: Notify,
}

#[derive(Clone, Copy, Debug)]
struct State {
    target: usize,
    /// The server makes suggestions: only then does an empty poll mean that there are too many.
    suggests: bool,
    running: usize,
    last_success: Option<Duration>,
    /// Without a success between them.
    failures: usize,
}

const PAUSE_MIN: Duration = Duration::from_millis(50);
/// A server that is back is found this soon.
const PAUSE_MAX: Duration = Duration::from_secs(2);

impl Scale {
    /// No more than `most`, whatever is asked for.
    pub(crate) fn new(polls: Polls, most: usize) -> Self {
        let (min, initial, max) = polls.bounds();
        let max = max.min(most.max(1));
        let state = State { target: initial.min(max), suggests: false, running: 0, last_success: None, failures: 0 };
        let scales = matches!(polls, Polls::Between { .. });
        Self { min: min.min(max), max, scales, state: Mutex::new(state), changed: Notify::new() }
    }

    pub(crate) fn scales(&self) -> bool {
        self.scales
    }

    pub(crate) fn running(&self) -> usize {
        self.state.lock().running
    }

    /// When a poll last came back without an error.
    pub(crate) fn last_success(&self) -> Option<Duration> {
        self.state.lock().last_success
    }

    /// Whether another poll may begin; it counts as begun then.
    pub(crate) fn begin(&self) -> bool {
        let mut state = self.state.lock();
        let begins = state.running < state.target;
        state.running += usize::from(begins);
        begins
    }

    pub(crate) fn end(&self) {
        self.state.lock().running -= 1;
    }

    /// How long to wait after a failure: longer each time that all polls have failed.
    pub(crate) fn pause(&self) -> Duration {
        let state = self.state.lock();
        let rounds = u32::try_from(state.failures / state.running.max(1)).unwrap_or(u32::MAX).min(16);
        PAUSE_MIN.saturating_mul(1 << rounds).min(PAUSE_MAX)
    }

    pub(crate) fn hear(&self, heard: Heard, now: Duration) {
        let mut state = self.state.lock();
        match heard {
            Heard::Suggested(_) | Heard::Task | Heard::Nothing => {
                state.last_success = Some(now);
                state.failures = 0;
            }
            Heard::Overloaded | Heard::Failed => state.failures += 1,
        }
        state.suggests |= matches!(heard, Heard::Suggested(_));
        if self.scales {
            state.target = next(state.target, state.suggests, heard).clamp(self.min, self.max);
            drop(state);
            self.changed.notify_one();
        }
    }
}

fn next(target: usize, suggests: bool, heard: Heard) -> usize {
    match heard {
        Heard::Suggested(delta) => target.saturating_add_signed(isize::try_from(delta).unwrap_or_default()),
        Heard::Task => target,
        Heard::Nothing if suggests => target.saturating_sub(1),
        Heard::Nothing => target,
        Heard::Overloaded => target / 2,
        Heard::Failed => target.saturating_sub(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(scale: &Scale, all: &[Heard]) -> usize {
        all.iter().for_each(|heard| scale.hear(*heard, Duration::ZERO));
        scale.state.lock().target
    }

    #[test]
    fn the_server_says_how_many() {
        let scale = Scale::new(Polls::Between { min: 2, initial: 3, max: 6 }, usize::MAX);
        assert_eq!(after(&scale, &[Heard::Suggested(1)]), 4);
        assert_eq!(after(&scale, &[Heard::Suggested(9)]), 6, "no more than the most");
        assert_eq!(after(&scale, &[Heard::Suggested(-1), Heard::Task]), 5);
        assert_eq!(after(&scale, &[Heard::Nothing]), 4, "nothing to do is too many polls");
        assert_eq!(after(&scale, &[Heard::Overloaded, Heard::Overloaded]), 2, "no less than the least");
    }

    #[test]
    fn a_server_that_suggests_nothing_is_polled_as_before() {
        let scale = Scale::new(Polls::default(), usize::MAX);
        assert_eq!(after(&scale, &[Heard::Nothing, Heard::Task, Heard::Nothing]), 5);
    }

    #[test]
    fn a_fixed_number_stays() {
        let scale = Scale::new(3.into(), usize::MAX);
        assert_eq!(after(&scale, &[Heard::Suggested(5), Heard::Failed, Heard::Overloaded]), 3);
        assert!([scale.begin(), scale.begin(), scale.begin()].iter().all(|begins| *begins));
        assert!(!scale.begin());
        scale.end();
        assert!(scale.begin());
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_waits() {
        let scale = Scale::new(1.into(), 1);
        assert!(scale.begin());
        let waits: Vec<u128> = std::iter::repeat_with(|| {
            scale.hear(Heard::Failed, Duration::ZERO);
            scale.pause().as_millis()
        })
        .take(7)
        .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 2_000, 2_000]);
        scale.hear(Heard::Nothing, Duration::ZERO);
        assert_eq!(scale.pause(), PAUSE_MIN);
    }

    #[test]
    fn there_are_no_more_polls_than_slots() {
        let scale = Scale::new(Polls::Between { min: 4, initial: 5, max: 100 }, 2);
        assert_eq!(after(&scale, &[Heard::Suggested(9)]), 2);
    }
}
