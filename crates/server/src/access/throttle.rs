//! Lines of a log that strangers cause: one a second at most, so that nobody can fill a disk with them.

use std::time::Duration;

use parking_lot::Mutex;

/// At least so long between two lines.
const BETWEEN: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Duration>,
    unsaid: u64,
}

impl Throttle {
    /// Whether a line may be written at this moment (monotonic), and how many were not since the last one.
    pub(crate) fn speak(&self, now: Duration) -> Option<u64> {
        let mut state = self.0.lock();
        if state.last.is_some_and(|last| now < last + BETWEEN) {
            state.unsaid += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_says_how_many_were_left_out() {
        let throttle = Throttle::default();
        let at = |millis| throttle.speak(Duration::from_millis(millis));
        assert_eq!([at(5), at(6), at(1004), at(1005), at(2005)], [Some(0), None, None, Some(2), Some(0)]);
    }
}
