//! How many polls a worker should keep at a queue: a hint that comes with what a poll brought.
//!
//! Invariant: one more or one less at a time, and never more than [`DECISIONS_PER_SECOND`] hints to do with more for
//! each poller, so that the numbers do not swing. The numbers are Temporal's.

use super::Queue;
use crate::payload::Payloads;
use std::time::Duration;

/// A poll that was idle for so long is one too many.
const IDLE: Duration = Duration::from_secs(1);
/// A backlog younger than this passes by itself.
const BACKLOG_AGE: Duration = Duration::from_millis(200);
/// Tasks come so much faster than they go that more polls are wanted.
const ADDED_TO_DISPATCHED: f64 = 1.2;
const DECISIONS_PER_SECOND: u32 = 10;

impl<P: Payloads, W> Queue<P, W> {
    /// What a poll that waited for so long and was served may do: -1 to poll less, 1 to poll more.
    pub(crate) fn scaling(&mut self, waited: Duration, now: Duration) -> Option<i32> {
        if waited >= IDLE {
            return Some(-1);
        }
        let pollers = u32::try_from(self.seen.len().max(1)).unwrap_or(u32::MAX);
        let pause = Duration::from_secs(1) / DECISIONS_PER_SECOND / pollers;
        if self.scaled_at.is_some_and(|at| now.saturating_sub(at) < pause) {
            return None;
        }
        self.scaled_at = Some(now);
        let age = self.backlog.first_since().map(|since| now.saturating_sub(since)).max(self.root.age);
        let old = age.is_some_and(|age| age > BACKLOG_AGE);
        let more =
            old || self.rates.added_per_second(now) > self.rates.dispatched_per_second(now) * ADDED_TO_DISPATCHED;
        more.then_some(1)
    }
}

#[cfg(test)]
mod tests {
    use crate::payload::toys::job;
    use crate::queue::tests::Bench;
    use std::time::Duration;

    fn scaling(bench: &mut Bench, waited: f64) -> Option<i32> {
        bench.queue.scaling(Duration::from_secs_f64(waited), bench.now)
    }

    #[test]
    fn a_poll_that_was_idle_is_one_too_many() {
        let mut bench = Bench::activities();
        bench.offer(job(1));
        assert_eq!((scaling(&mut bench, 1.0), scaling(&mut bench, 5.0)), (Some(-1), Some(-1)));
    }

    #[test]
    fn a_backlog_that_stays_wants_more_polls_but_not_all_at_once() {
        let mut bench = Bench::activities();
        bench.poll_as(1, "one", None);
        for id in 1..=12 {
            bench.offer(job(id));
        }
        for to in 2..=11 {
            bench.poll_as(to, "one", None);
        }
        assert_eq!(bench.tasks().len(), 11);
        assert_eq!(scaling(&mut bench, 0.0), None, "it is young, and nearly as many went as came");
        bench.pass(0.2001);
        assert_eq!(scaling(&mut bench, 0.0), Some(1));
        assert_eq!(scaling(&mut bench, 0.0), None, "just said");
        bench.poll_as(12, "two", None);
        bench.offer(job(13));
        bench.pass(0.25);
        assert_eq!(scaling(&mut bench, 0.0), Some(1));
    }

    #[test]
    fn tasks_that_come_faster_than_they_go_want_more_polls() {
        let mut bench = Bench::activities();
        bench.poll(1);
        bench.offer(job(1));
        assert_eq!(scaling(&mut bench, 0.0), None);
        bench.offer(job(2));
        bench.pass(0.1);
        assert_eq!(scaling(&mut bench, 0.0), Some(1));
    }
}
