//! How fast a job may go: as many operations a second as were asked for, with at most one second's worth at once.

use std::time::Duration;

use parking_lot::Mutex;
use weft_engine::state::JobOrder;
use weft_env::Clock;

pub(super) struct Pace {
    interval: Duration,
    burst: Duration,
    /// When the next operation may begin (monotonic).
    next: Mutex<Duration>,
}

impl Pace {
    /// What the job asks for, but not faster than the server lets it go.
    pub(super) fn of(order: &JobOrder, per_second_max: u64) -> Self {
        let in_thousand = per_second_max.max(1).saturating_mul(1000);
        let in_thousand = order.pace.unwrap_or(in_thousand).clamp(1, in_thousand);
        let interval = Duration::from_nanos(1_000_000_000_000 / in_thousand);
        Self { interval, burst: Duration::from_secs(1).saturating_sub(interval), next: Mutex::default() }
    }

    /// Operations that a second has room for, and at least one.
    pub(super) fn page(&self) -> u64 {
        let interval = self.interval.as_nanos().max(1);
        u64::try_from(1_000_000_000 / interval).unwrap_or(u64::MAX).max(1)
    }

    /// Waits until the next operation may begin.
    pub(super) async fn turn(&self, clock: &dyn Clock) {
        let at = {
            let mut next = self.next.lock();
            let at = (*next).max(clock.monotonic().saturating_sub(self.burst));
            *next = at + self.interval;
            at
        };
        clock.sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use weft_engine::state::Aim;
    use weft_protocol::api::workflowservice::start_batch_operation_request::Operation;

    use super::*;

    fn pace(of: Option<u64>, max: u64) -> (Duration, u64) {
        let order = JobOrder {
            reason: "why".into(),
            identity: "me".into(),
            aim: Aim::Query(String::new()),
            operation: Operation::DeletionOperation(Default::default()),
            pace: of,
        };
        let pace = Pace::of(&order, max);
        (pace.interval, pace.page())
    }

    #[test]
    fn a_job_goes_as_fast_as_it_asks_for_and_no_faster_than_it_may() {
        let millis = Duration::from_millis;
        assert_eq!(pace(None, 50), (millis(20), 50));
        assert_eq!(pace(Some(2_000), 50), (millis(500), 2));
        assert_eq!(pace(Some(1_000_000), 50), (millis(20), 50));
        assert_eq!(pace(Some(100), 50), (millis(10_000), 1));
        assert_eq!(pace(Some(0), 0), (millis(1_000_000), 1));
    }
}
