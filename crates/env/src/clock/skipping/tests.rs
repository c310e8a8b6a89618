//! When time jumps, and when it does not.

use std::time::Duration;

use futures::{FutureExt, poll};

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn idle(next: Option<UnixNanos>) -> Standing {
    Standing { next, ..Standing::default() }
}

/// A clock with one party, and when it started.
fn with_party(standing: impl FnOnce(UnixNanos) -> Standing) -> (SkippingClock, Party, UnixNanos) {
    let clock = SkippingClock::locked();
    let (start, party) = (clock.now(), clock.party());
    party.report(standing(start));
    (clock, party, start)
}

fn passed(clock: &SkippingClock, since: UnixNanos) -> Duration {
    clock.now().since(since)
}

#[test]
fn time_flows_while_it_is_locked_and_jumps_once_it_is_not() {
    let (clock, party, start) = with_party(|now| idle(Some(now.saturating_add(30 * DAY))));
    assert!(passed(&clock, start) < HOUR);
    clock.unlock().unwrap();
    assert!(passed(&clock, start) >= 30 * DAY);
    assert!(party.jumped().now_or_never().is_some());
    // It is due and has not done its work: nothing jumps over it.
    let second = clock.party();
    second.report(idle(Some(start.saturating_add(60 * DAY))));
    assert!(passed(&clock, start) < 31 * DAY);
    party.report(idle(None));
    assert!(passed(&clock, start) >= 60 * DAY);
}

#[test]
fn monotonic_time_never_jumps() {
    let (clock, _party, start) = with_party(|now| idle(Some(now.saturating_add(DAY))));
    let before = clock.monotonic();
    clock.unlock().unwrap();
    assert!(passed(&clock, start) >= DAY && clock.monotonic() - before < HOUR);
}

#[test]
fn nothing_jumps_while_anybody_works() {
    let (clock, party, start) = with_party(|now| Standing { at_work: true, ..idle(Some(now.saturating_add(DAY))) });
    clock.unlock().unwrap();
    let next = Some(start.saturating_add(DAY));
    assert!(passed(&clock, start) < HOUR);
    for busy in [Standing { activities: 2, ..idle(next) }, Standing { workflow_tasks: 1, ..idle(next) }] {
        party.report(busy);
        assert!(passed(&clock, start) < HOUR);
    }
    let hold = clock.hold();
    party.report(idle(next));
    assert!(passed(&clock, start) < HOUR);
    drop(hold);
    assert!(passed(&clock, start) >= DAY);
}

#[test]
fn a_party_that_has_gone_holds_nothing_up() {
    let clock = SkippingClock::locked();
    let (start, party, other) = (clock.now(), clock.party(), clock.party());
    clock.unlock().unwrap();
    party.report(idle(Some(start.saturating_add(DAY))));
    assert!(passed(&clock, start) < HOUR);
    drop(other);
    assert!(passed(&clock, start) >= DAY);
}

#[test]
fn time_jumps_to_the_nearest_moment_only() {
    let (clock, party, start) = with_party(|now| idle(Some(now.saturating_add(DAY))));
    let other = clock.party();
    other.report(idle(Some(start.saturating_add(2 * DAY))));
    clock.unlock().unwrap();
    assert!(passed(&clock, start) >= DAY && passed(&clock, start) < DAY + HOUR);
    // Both hear of it: the other one's wait was counted from the time before.
    assert!(party.jumped().now_or_never().is_some() && other.jumped().now_or_never().is_some());
}

#[test]
fn locks_are_counted() {
    let clock = SkippingClock::locked();
    clock.lock();
    assert_eq!((clock.unlock(), clock.unlock(), clock.unlock()), (Ok(()), Ok(()), Err(Unbalanced)));
    clock.lock();
    assert_eq!(clock.unlock(), Ok(()));
}

#[tokio::test]
async fn sleepers_are_jumped_to_and_hold_time_until_they_are_gone() {
    let clock = SkippingClock::locked();
    let start = clock.now();
    let mut sleep = Box::pin(clock.sleep(DAY));
    assert!(poll!(&mut sleep).is_pending());
    let (other, far) = (clock.party(), start.saturating_add(9 * DAY));
    other.report(idle(Some(far)));
    clock.unlock().unwrap();
    assert!(passed(&clock, start) >= DAY && passed(&clock, start) < DAY + HOUR);
    sleep.await;
    assert!(passed(&clock, start) >= 9 * DAY);
}

#[tokio::test]
async fn a_moment_of_the_past_is_over() {
    let clock = SkippingClock::locked();
    clock.sleep_to(clock.now().saturating_sub(DAY)).await;
    clock.sleep(Duration::ZERO).await;
}

#[tokio::test]
async fn a_sleeper_wakes_when_time_flows_too() {
    let clock = SkippingClock::locked();
    let start = clock.now();
    clock.sleep(Duration::from_millis(5)).await;
    assert!(passed(&clock, start) >= Duration::from_millis(5) && passed(&clock, start) < HOUR);
}

#[tokio::test]
async fn sleeping_unlocked_gives_the_lock_back_at_its_moment() {
    let (clock, _party, start) = with_party(|now| idle(Some(now.saturating_add(9 * DAY))));
    clock.sleep_unlocked(DAY).await.unwrap();
    assert!(passed(&clock, start) >= DAY && passed(&clock, start) < DAY + HOUR);
    clock.unlock().unwrap();
    assert_eq!(clock.sleep_unlocked(DAY).await, Err(Unbalanced));
}

#[tokio::test]
async fn whoever_has_an_activity_may_sleep_without_the_lock_that_it_is() {
    let (clock, party, start) = with_party(|_| Standing { activities: 1, ..idle(None) });
    clock.unlock().unwrap();
    clock.sleep_unlocked(DAY).await.unwrap();
    assert!(passed(&clock, start) >= DAY);
    // It is a lock again.
    party.report(Standing { activities: 1, ..idle(Some(start.saturating_add(9 * DAY))) });
    assert!(passed(&clock, start) < 2 * DAY);
}

#[tokio::test]
async fn an_activity_that_ends_while_its_worker_sleeps_leaves_no_lock_behind() {
    let (clock, party, start) = with_party(|now| Standing { activities: 1, ..idle(Some(now.saturating_add(HOUR))) });
    clock.unlock().unwrap();
    let mut sleep = Box::pin(clock.sleep_unlocked(DAY));
    assert!(poll!(&mut sleep).is_pending());
    // It has timed out meanwhile, and the workflow hears of it: that is no lock to give away.
    assert!(passed(&clock, start) >= HOUR);
    party.report(Standing { workflow_tasks: 1, ..idle(Some(start.saturating_add(2 * HOUR))) });
    assert!(passed(&clock, start) < 2 * HOUR);
    party.report(idle(None));
    // So may whoever does the next one, though the first sleeps on.
    party.report(Standing { activities: 1, ..idle(None) });
    let (first, second) = futures::join!(sleep, clock.sleep_unlocked(2 * DAY));
    assert_eq!((first, second), (Ok(()), Ok(())));
    party.report(idle(Some(start.saturating_add(9 * DAY))));
    assert!(passed(&clock, start) >= 9 * DAY);
}

#[tokio::test]
async fn a_sleep_that_is_given_up_gives_its_lock_back() {
    let clock = SkippingClock::locked();
    clock.lock();
    let mut sleep = Box::pin(clock.sleep_unlocked(DAY));
    assert!(poll!(&mut sleep).is_pending());
    drop(sleep);
    assert_eq!((clock.unlock(), clock.unlock(), clock.unlock()), (Ok(()), Ok(()), Err(Unbalanced)));
}
