//! What belongs together: tasks that failed, parts of histories, ends.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
};

use weft_replay::{End, Foreign, Outcome};

use crate::code::{It, answer, check, ended, run, run_watched, told};

async fn timed(it: It) -> Outcome {
    let _ = it.timer(1).await;
    let done = told(it.activity("a").await);
    ended(format!("{} {done}", it.heard.borrow().join(" ")))
}

#[test]
fn what_failed_tasks_were_told_is_told_again_with_the_next() {
    let events = "start; task!; signal a; task~; signal b; task; timer 1; task!; fired 1; task?";
    check(timed, events, "activity 1 a");
}

#[test]
fn a_run_that_is_kept_and_one_that_is_built_anew_answer_alike() {
    let whole = "start; task; timer 1; signal a; task; fired 1; task; activity 1 a; done 1 x; task?";
    let mut kept = run(timed);
    assert_eq!(answer(&mut kept, "start; task?", Vec::new()), "timer 1 1s");
    assert_eq!(answer(&mut kept, "start; task; timer 1; signal a; task?", Vec::new()), "");
    let fired = "start; task; timer 1; signal a; task; fired 1; task?";
    assert_eq!(answer(&mut kept, fired, Vec::new()), "activity 1 a");
    assert_eq!(answer(&mut kept, whole, Vec::new()), "end: a x");
    check(timed, whole, "end: a x");
}

#[test]
fn a_run_whose_answer_was_lost_says_that_it_is_stale() {
    let mut kept = run(timed);
    assert_eq!(answer(&mut kept, "start; task?", Vec::new()), "timer 1 1s");
    assert_eq!(answer(&mut kept, "start; task!; task?", Vec::new()), "stale");
}

#[test]
fn a_history_to_its_end_is_replayed_without_an_answer() {
    check(timed, "start; task; timer 1; fired 1; task; activity 1 a; done 1 x; task; complete", "replayed");
}

#[test]
fn a_run_goes_on_as_a_new_one() {
    let code = async |it: It| {
        let _ = it.timer(1).await;
        Outcome::ContinuedAsNew(Box::default())
    };
    check(code, "start; task; timer 1; fired 1; task?", "continue as new");
    check(code, "start; task; timer 1; fired 1; task; continued", "replayed");
}

#[test]
fn a_workflow_that_was_asked_to_cancel_may_end_as_canceled() {
    let code = async |it: It| {
        let _ = it.timer(1).await;
        Outcome::Canceled(None)
    };
    check(code, "start; task; timer 1; cancel; task?", "cancel timer 1\ncanceled");
}

struct Watch(AtomicBool);

impl Foreign for Watch {
    fn is_at_home(&self) -> bool {
        true
    }

    fn strayed(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Wakes another when it is dropped.
struct Wakes(Rc<RefCell<Option<Waker>>>);

impl Drop for Wakes {
    fn drop(&mut self) {
        if let Some(waker) = self.0.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// A channel wakes its other end when it is dropped: that is not a stranger's doing.
#[test]
fn a_run_that_is_dropped_accuses_nobody() {
    let watch = Arc::new(Watch(AtomicBool::new(false)));
    let mut run = run_watched(Some(Arc::clone(&watch) as _), async |it: It| {
        let other = Rc::new(RefCell::new(None::<Waker>));
        let _wakes = Wakes(Rc::clone(&other));
        it.context.spawn(Box::pin(async move {
            std::future::poll_fn(|polled| {
                *other.borrow_mut() = Some(polled.waker().clone());
                Poll::<()>::Pending
            })
            .await;
            End::Handler
        }));
        ended(told(it.timer(1).await))
    });
    assert_eq!(answer(&mut run, "start; task?", Vec::new()), "timer 1 1s");
    drop(run);
    assert!(!watch.0.load(Ordering::Acquire));
}
