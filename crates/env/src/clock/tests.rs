//! How each clock keeps its two times apart and wakes its sleepers.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::{Clock, RealClock, TokioClock, UnixNanos, VirtualClock};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn arithmetic_on_wall_time_saturates() {
    assert_eq!(UnixNanos::MAX.saturating_add(SECOND), UnixNanos::MAX);
    assert_eq!(UnixNanos(i64::MIN).saturating_sub(Duration::MAX), UnixNanos(i64::MIN));
    assert_eq!(UnixNanos(5).since(UnixNanos(7)), Duration::ZERO);
    assert_eq!(UnixNanos::MAX.since(UnixNanos(i64::MIN)), Duration::from_nanos(u64::MAX));
}

#[test]
fn a_wall_jump_moves_neither_monotonic_time_nor_waits() {
    let clock = VirtualClock::starting_at(UnixNanos(1_000));
    clock.jump_wall(-900);
    assert_eq!((clock.now(), clock.monotonic()), (UnixNanos(100), Duration::ZERO));
    clock.advance(SECOND);
    assert_eq!((clock.now(), clock.monotonic()), (UnixNanos(1_000_000_100), SECOND));
}

#[tokio::test]
async fn sleepers_wake_in_the_order_of_their_deadlines() {
    let clock = VirtualClock::starting_at(UnixNanos::EPOCH);
    let woken = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = [3_u64, 1, 2, 1]
        .into_iter()
        .enumerate()
        .map(|(who, seconds)| {
            let (sleep, woken) = (clock.sleep_until(SECOND * u32::try_from(seconds).unwrap()), woken.clone());
            tokio::spawn(async move {
                sleep.await;
                woken.lock().push(who);
            })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(clock.next_deadline(), Some(SECOND));
    clock.advance(SECOND * 10);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*woken.lock(), vec![1, 3, 2, 0]);
}

#[tokio::test]
async fn a_dropped_sleep_leaves_nothing_behind() {
    let clock = VirtualClock::starting_at(UnixNanos::EPOCH);
    let waiting = tokio::spawn(clock.sleep_until(SECOND));
    tokio::task::yield_now().await;
    assert_eq!(clock.next_deadline(), Some(SECOND));
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(clock.next_deadline(), None);
}

#[tokio::test(start_paused = true)]
async fn the_runtime_clock_follows_paused_time() {
    let clock = TokioClock::starting_at(UnixNanos(7));
    clock.sleep_until(Duration::from_secs(3600)).await;
    assert!(clock.monotonic() >= Duration::from_secs(3600));
    assert_eq!(clock.now(), UnixNanos(7).saturating_add(clock.monotonic()));
    clock.jump_wall(-5);
    assert_eq!(clock.now(), UnixNanos(2).saturating_add(clock.monotonic()));
}

#[tokio::test]
async fn the_real_clock_goes_on_and_deadlines_of_the_past_are_over() {
    let clock = RealClock::new();
    let before = clock.monotonic();
    clock.sleep_until(Duration::ZERO).await;
    assert!(clock.monotonic() >= before);
    assert!(clock.now() > UnixNanos::EPOCH);
}
