//! How long the waits are and when there are no more of them.

use alloc::{string::ToString, vec};

use proptest::prelude::*;
use weft_protocol::api::failure::{ApplicationFailureInfo, ServerFailureInfo, TimeoutFailureInfo};

use super::*;

const NOW: Timestamp = Timestamp(1_000_000_000_000);

fn policy() -> RetryPolicy {
    RetryPolicy::filled_in(&WirePolicy::default(), &Settings::default())
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn failure(info: FailureInfo) -> Failure {
    Failure { failure_info: Some(info), ..Failure::default() }
}

fn application(info: ApplicationFailureInfo) -> Failure {
    failure(FailureInfo::ApplicationFailureInfo(info))
}

fn timeout(kind: TimeoutType) -> Failure {
    failure(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
        timeout_type: kind as i32,
        ..TimeoutFailureInfo::default()
    }))
}

fn after(attempt: u32) -> Retry {
    decide(Some(&policy()), attempt, None, NOW, None)
}

#[test]
fn waits_double_up_to_a_hundred_times_the_first() {
    let waits = [1, 2, 3, 7, 8, 9, 4_000_000_000].map(after);
    assert_eq!(waits, [1, 2, 4, 64, 100, 100, 100].map(|count| Retry::After(seconds(count))));
}

#[test]
fn an_interval_that_cannot_be_said_is_the_longest_one() {
    let policy = RetryPolicy { coefficient: 1e300, ..policy() };
    assert_eq!(decide(Some(&policy), 9, None, NOW, None), Retry::After(seconds(100)));
    let unbounded = RetryPolicy { max_interval: Duration::ZERO, ..policy };
    assert_eq!(decide(Some(&unbounded), 9, None, NOW, None), Retry::Stop(RetryState::Timeout));
}

#[test]
fn without_a_policy_nothing_is_tried_again() {
    assert_eq!(decide(None, 1, None, NOW, None), Retry::Stop(RetryState::RetryPolicyNotSet));
}

#[test]
fn the_last_attempt_is_the_last() {
    let policy = RetryPolicy { max_attempts: 3, ..policy() };
    assert_eq!(decide(Some(&policy), 2, None, NOW, None), Retry::After(seconds(2)));
    assert_eq!(decide(Some(&policy), 3, None, NOW, None), Retry::Stop(RetryState::MaximumAttemptsReached));
}

#[test]
fn an_attempt_that_would_begin_too_late_does_not() {
    let decide = |left| decide(Some(&policy()), 3, None, NOW, Some(NOW.after(seconds(left))));
    assert_eq!(decide(4), Retry::After(seconds(4)));
    assert_eq!(decide(3), Retry::Stop(RetryState::Timeout));
}

#[test]
fn some_failures_are_not_tried_again() {
    let listed = |types: &[&str]| RetryPolicy {
        non_retryable_types: types.iter().map(ToString::to_string).collect(),
        ..policy()
    };
    let policy = listed(&["Fatal", "TemporalTimeout:Heartbeat"]);
    let retried = |failure: &Failure| matches!(decide(Some(&policy), 1, Some(failure), NOW, None), Retry::After(_));
    let typed = |name: &str| application(ApplicationFailureInfo { r#type: name.into(), ..Default::default() });
    assert!(retried(&typed("Usual")));
    assert!(!retried(&typed("Fatal")));
    assert!(!retried(&application(ApplicationFailureInfo { non_retryable: true, ..Default::default() })));
    assert!(retried(&timeout(TimeoutType::StartToClose)));
    assert!(!retried(&timeout(TimeoutType::Heartbeat)));
    assert!(!retried(&timeout(TimeoutType::ScheduleToStart)));
    assert!(!retried(&timeout(TimeoutType::ScheduleToClose)));
    assert!(!retried(&failure(FailureInfo::CanceledFailureInfo(Default::default()))));
    assert!(!retried(&failure(FailureInfo::TerminatedFailureInfo(Default::default()))));
    assert!(!retried(&failure(FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: true }))));
    assert!(retried(&Failure::default()));
}

#[test]
fn a_failure_may_say_when_to_try_again() {
    let soon = |delay| {
        let next_retry_delay = Some(wire_span(delay));
        application(ApplicationFailureInfo { next_retry_delay, ..Default::default() })
    };
    let activity = |delay| decide_activity(&policy(), 5, Some(&soon(delay)), NOW, None);
    assert_eq!(activity(seconds(1)), Retry::After(seconds(1)));
    assert_eq!(activity(seconds(500)), Retry::After(seconds(500)), "longer than the longest interval");
    let workflow = |delay| decide(Some(&policy()), 5, Some(&soon(delay)), NOW, None);
    assert_eq!(workflow(seconds(1)), Retry::After(seconds(1)));
    assert_eq!(workflow(seconds(500)), Retry::After(seconds(100)), "cut to the longest interval");
}

#[test]
fn a_policy_that_makes_no_sense_is_refused() {
    let settings = Settings::default();
    let check = |policy: WirePolicy| check_policy(&policy, &settings);
    let span = |seconds: i64| Some(weft_protocol::Duration { seconds, nanos: 0 });
    assert_eq!(check(WirePolicy::default()), Ok(()));
    let wrong = [
        WirePolicy { backoff_coefficient: 0.5, ..Default::default() },
        WirePolicy { initial_interval: span(-1), ..Default::default() },
        WirePolicy { maximum_interval: span(-1), ..Default::default() },
        WirePolicy { initial_interval: span(10), maximum_interval: span(5), ..Default::default() },
        WirePolicy { maximum_attempts: -1, ..Default::default() },
        WirePolicy { non_retryable_error_types: vec!["TemporalTimeout:Never".into()], ..Default::default() },
    ];
    for policy in wrong {
        assert!(check(policy.clone()).is_err(), "{policy:?}");
        assert_eq!(check(WirePolicy { maximum_attempts: 1, ..policy }), Ok(()), "one attempt is no retry");
    }
    assert_eq!(
        check(WirePolicy { non_retryable_error_types: vec!["TemporalTimeout:Heartbeat".into()], ..Default::default() }),
        Ok(())
    );
}

proptest! {
    #[test]
    fn waits_never_shrink_and_never_pass_their_bound(initial in 1u64..5_000, coefficient in 1.0f64..10.0, longest in 1u64..1_000_000) {
        let initial = Duration::from_millis(initial);
        let max_interval = initial.max(Duration::from_millis(longest));
        let policy = RetryPolicy { initial, coefficient, max_interval, max_attempts: 0, non_retryable_types: vec![] };
        let mut last = Duration::ZERO;
        for attempt in 1..40 {
            let Retry::After(wait) = decide(Some(&policy), attempt, None, NOW, None) else {
                return Err(TestCaseError::fail("unlimited attempts never stop"));
            };
            prop_assert!(wait >= last && wait >= initial.min(max_interval) && wait <= max_interval);
            last = wait;
        }
    }
}
