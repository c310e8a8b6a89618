//! Conditions: looked at when the code came to rest, and true when it goes on.

use std::{cell::Cell, rc::Rc};

use weft_replay::{End, ScopeId};

use crate::code::{It, check, ended, told};

#[test]
fn a_condition_that_signals_make_true_goes_on() {
    let code = async |it: It| ended(told(it.heard(2).await));
    check(code, "start; signal a; task?", "");
    check(code, "start; signal a; task; signal b; task?", "end: ");
}

#[test]
fn a_condition_of_a_cancelled_scope_ends() {
    check(async |it| ended(told(it.heard(1).await)), "start; task; cancel; task?", "end: wait canceled");
}

/// Of several that wait for the same thing, those that go on later see what those before them did.
#[test]
fn what_was_waited_for_still_holds_when_the_one_who_waited_goes_on() {
    let code = async |it: It| {
        let (free, taken) = (Rc::new(Cell::new(true)), Rc::new(Cell::new(0)));
        for _ in 0..3 {
            let (it, free, taken) = (it.clone(), Rc::clone(&free), Rc::clone(&taken));
            it.clone().context.spawn(Box::pin(async move {
                let is_free = Rc::clone(&free);
                let wait = it.context.condition(it.scope, move || is_free.get(), source());
                let _ = wait.await;
                assert!(free.replace(false), "the lock is free when it is taken");
                let _ = it.timer(1).await;
                free.set(true);
                taken.set(taken.get() + 1);
                End::Handler
            }));
        }
        let all = Rc::clone(&taken);
        let _ = it.context.condition(it.scope, move || all.get() == 3, source()).await;
        ended(taken.get().to_string())
    };
    check(code, "start; task?", "timer 1 1s");
    check(code, "start; task; timer 1; fired 1; task?", "timer 2 1s");
    let over = "start; task; timer 1; fired 1; task; timer 2; fired 2; task; timer 3; fired 3; task?";
    check(code, over, "end: 3");
}

/// The closure that is dropped here uses the context: it must not be dropped while the run's state is in use.
#[test]
fn a_condition_may_hold_what_uses_the_run_when_it_is_dropped() {
    struct Closes(It);
    impl Drop for Closes {
        fn drop(&mut self) {
            self.0.context.close_scope(self.0.scope);
        }
    }
    let code = async |it: It| {
        let closes = Closes(it.within(Some(ScopeId::ROOT)));
        let wait = it.context.condition(it.scope, move || closes.0.heard.borrow().len() == 1, source());
        ended(told(wait.await))
    };
    check(code, "start; signal a; task?", "end: ");
}

#[test]
fn code_that_never_comes_to_rest_fails_the_task() {
    let code = async |it: It| {
        loop {
            it.context.spawn(Box::pin(async { End::Handler }));
            let mut yielded = false;
            std::future::poll_fn(|polled| {
                polled.waker().wake_by_ref();
                if std::mem::replace(&mut yielded, true) {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            })
            .await;
        }
    };
    let mut run = crate::code::run(code);
    let said = crate::code::answer(&mut run, "start; task?", Vec::new());
    assert!(said.starts_with("task failed: the workflow wakes itself without end"), "{said}");
}

#[track_caller]
fn source() -> weft_replay::Source {
    std::panic::Location::caller().into()
}
