//! Order, room, panics and endings of lanes and pools.

use std::sync::Arc;
use std::sync::mpsc;

use parking_lot::Mutex;

use super::{Lane, Panicked, Pool};

fn lanes() -> [Lane; 2] {
    [Lane::thread("test", 4).unwrap(), Lane::inline()]
}

#[tokio::test]
async fn closures_run_in_the_order_in_which_they_came() {
    for lane in lanes() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        for number in 0..100 {
            let seen = seen.clone();
            lane.run(move || seen.lock().push(number));
        }
        lane.call(|| ()).await.unwrap();
        assert_eq!(*seen.lock(), (0..100).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_call_takes_its_place_before_it_is_polled() {
    for lane in lanes() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let [first, second] = ["first", "second"].map(|name| {
            let seen = seen.clone();
            lane.call(move || seen.lock().push(name))
        });
        second.await.unwrap();
        first.await.unwrap();
        assert_eq!(*seen.lock(), vec!["first", "second"]);
    }
}

#[tokio::test]
async fn a_panic_is_reported_and_the_lane_goes_on() {
    for lane in lanes() {
        let failed = lane.call(|| panic!("broken {}", 7)).await;
        assert_eq!(failed, Err::<(), _>(Panicked { message: "broken 7".to_owned() }));
        lane.run(|| panic!("nobody listens"));
        assert_eq!(lane.call(|| 1 + 1).await, Ok(2));
        assert_eq!(lane.panics(), 2);
    }
}

#[tokio::test]
async fn a_full_queue_makes_callers_wait_for_room() {
    let lane = Lane::thread("test", 1).unwrap();
    let (open, gate) = mpsc::channel::<()>();
    let (entered, at_gate) = mpsc::channel();
    let blocked = lane.call(move || {
        entered.send(()).unwrap();
        gate.recv().unwrap();
    });
    at_gate.recv().unwrap();
    let queued = lane.call(|| "queued");
    let mut waiting = Box::pin(lane.call(|| "waiting"));
    let polled = std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context))).await;
    assert!(polled.is_pending());
    open.send(()).unwrap();
    assert_eq!((blocked.await, queued.await, waiting.await), (Ok(()), Ok("queued"), Ok("waiting")));
}

#[test]
fn a_full_queue_blocks_a_caller_without_a_runtime() {
    let lane = Lane::thread("test", 1).unwrap();
    let seen = Arc::new(Mutex::new(0));
    for _ in 0..1_000 {
        let seen = seen.clone();
        lane.run(move || *seen.lock() += 1);
    }
    assert_eq!(lane.call_blocking(|| 5), Ok(5));
    assert_eq!(*seen.lock(), 1_000);
}

#[test]
fn dropping_the_last_handle_waits_for_everything_accepted() {
    for lane in lanes() {
        let seen = Arc::new(Mutex::new(0));
        for _ in 0..4 {
            let seen = seen.clone();
            lane.run(move || *seen.lock() += 1);
        }
        let other = lane.clone();
        drop(lane);
        drop(other);
        assert_eq!(*seen.lock(), 4);
    }
}

#[test]
fn a_lane_may_be_dropped_by_its_own_closure() {
    let (done, finished) = mpsc::channel();
    let lane = Lane::thread("test", 4).unwrap();
    let inner = lane.clone();
    lane.run(move || {
        drop(inner);
        done.send(()).unwrap();
    });
    drop(lane);
    finished.recv().unwrap();
}

#[test]
fn a_closure_given_from_within_runs_after_the_one_that_gave_it() {
    for lane in lanes() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (again, outer, inner) = (lane.clone(), seen.clone(), seen.clone());
        lane.run(move || {
            again.run(move || inner.lock().push("inner"));
            outer.lock().push("outer");
        });
        // On a thread the first call may overtake the inner closure, the second cannot.
        lane.call_blocking(|| ()).unwrap();
        lane.call_blocking(|| ()).unwrap();
        assert_eq!(*seen.lock(), vec!["outer", "inner"]);
    }
}

#[test]
fn what_is_held_runs_in_order_when_it_is_let_and_is_dropped_with_the_hand() {
    let (lane, hand) = Lane::held();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (again, outer, inner) = (lane.clone(), seen.clone(), seen.clone());
    lane.run(move || {
        again.run(move || inner.lock().push("inner"));
        outer.lock().push("outer");
    });
    assert_eq!(*seen.lock(), Vec::<&str>::new());
    assert!(hand.release());
    assert_eq!(*seen.lock(), ["outer", "inner"]);
    assert!(!hand.release());
    let late = seen.clone();
    lane.run(move || late.lock().push("late"));
    drop(hand);
    assert_eq!((seen.lock().len(), Arc::strong_count(&seen)), (2, 1));
    let later = seen.clone();
    lane.run(move || later.lock().push("later"));
    assert_eq!((seen.lock().len(), Arc::strong_count(&seen)), (2, 1), "nobody will ever let it run");
    let told = lane.call_blocking(|| "never").expect_err("nor this");
    assert_eq!(told.message, "the hand of the lane is gone");
}

#[tokio::test]
async fn a_pool_runs_as_many_at_once_as_it_has_threads() {
    let pool = Pool::threads("test", 2, 8).unwrap();
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let [first, second] = [barrier.clone(), barrier].map(|barrier| pool.call(move || barrier.wait().is_leader()));
    assert_ne!(first.await.unwrap(), second.await.unwrap());
    assert_eq!(Pool::inline().call(|| 3).await, Ok(3));
}
