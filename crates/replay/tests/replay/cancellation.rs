//! What becomes of operations that nobody wants any more.

use weft_replay::{Cancellation, ChildCancellation, ScopeId};

use crate::code::{It, answer, check, ended, run, told};

const ASKED: &str = "start; task; activity 1 slow; cancel;";

fn cancelled_with(cancellation: Cancellation) -> impl AsyncFn(It) -> weft_replay::Outcome + Copy {
    async move |it: It| ended(told(it.activity_that("slow", cancellation).await))
}

#[test]
fn an_activity_that_is_tried_to_cancel_is_not_waited_for() {
    let ended = "cancel activity of event 5\nend: activity canceled: canceled";
    check(async |it| cancelled_with(Cancellation::Try)(it).await, &format!("{ASKED} task?"), ended);
}

#[test]
fn an_activity_that_is_waited_for_says_itself_how_it_ended() {
    let code = async |it: It| cancelled_with(Cancellation::Wait)(it).await;
    check(code, &format!("{ASKED} task?"), "cancel activity of event 5");
    check(code, &format!("{ASKED} task; cancel-asked 1; done 1 anyway; task?"), "end: anyway");
    check(code, &format!("{ASKED} task; cancel-asked 1; canceled 1; task?"), "end: activity canceled: canceled");
}

/// The server refuses to cancel what has ended.
#[test]
fn what_ended_in_the_same_turn_is_not_cancelled() {
    let code = async |it: It| cancelled_with(Cancellation::Try)(it).await;
    check(code, &format!("{ASKED} done 1 just; task?"), "end: just");
    check(async |it| ended(told(it.timer(1).await)), "start; task; timer 1; cancel; fired 1; task?", "end: ");
}

#[test]
fn an_abandoned_activity_is_not_told() {
    let code = async |it: It| cancelled_with(Cancellation::Abandon)(it).await;
    check(code, &format!("{ASKED} task?"), "end: activity canceled: canceled");
}

#[test]
fn what_is_said_of_an_activity_after_it_was_cancelled_is_not_heard() {
    let code = async |it: It| {
        let first = told(it.activity("slow").await);
        ended(format!("{first}/{}", told(it.within(None).timer(1).await)))
    };
    let asked = format!("{ASKED} task; cancel-asked 1; timer 1; done 1 late; task?");
    check(code, &asked, "");
    let over = format!("{ASKED} task; cancel-asked 1; timer 1; done 1 late; task; fired 1; task?");
    check(code, &over, "end: activity canceled: canceled/");
}

#[test]
fn what_was_not_sent_is_cancelled_without_a_word() {
    let code = async |it: It| {
        drop(it.activity("never"));
        let waits = it.timer(9);
        waits.cancel();
        ended(told(waits.await))
    };
    check(code, "start; task?", "end: timer canceled");
}

#[test]
fn the_loser_of_a_race_is_cancelled() {
    let code = async |it: It| {
        let raced = futures_util::future::select(it.activity("slow"), it.timer(1)).await;
        let who = if matches!(raced, futures_util::future::Either::Left(_)) { "activity" } else { "timer" };
        drop(raced);
        let _ = it.timer(7).await;
        ended(who)
    };
    let begun = "start; task; activity 1 slow; timer 1;";
    check(code, &format!("{begun} done 1 x; task?"), "cancel timer 1\ntimer 2 7s");
    check(code, &format!("{begun} fired 1; task?"), "cancel activity of event 5\ntimer 2 7s");
    let both = format!("{begun} fired 1; done 1 x; task; timer 2; fired 2; task?");
    check(code, &both, "end: activity");
}

#[test]
fn children_are_cancelled_in_their_manner() {
    let code = |cancellation| {
        async move |it: It| {
            let child = it.child("c", "Kind", cancellation);
            let _ = child.started.await;
            ended(told(child.ended.await))
        }
    };
    let asked = "start; task; child c Kind; child-started c; task; cancel;";
    let canceled = "end: child workflow canceled: canceled";
    check(code(ChildCancellation::Wait), &format!("{asked} task?"), "cancel child c");
    check(
        code(ChildCancellation::Wait),
        &format!("{asked} task; cancel-other c; other-told c; child-canceled c; task?"),
        canceled,
    );
    check(code(ChildCancellation::Try), &format!("{asked} task?"), &format!("cancel child c\n{canceled}"));
    check(code(ChildCancellation::Abandon), &format!("{asked} task?"), canceled);
}

#[test]
fn a_scope_is_cancelled_with_those_above_it_but_not_when_it_is_shielded() {
    let code = async |it: It| {
        let below = it.within(Some(ScopeId::ROOT));
        let shielded = it.within(None);
        let (first, second) = futures_util::future::join(below.timer(1), shielded.timer(2)).await;
        ended(format!("{}/{}", told(first), told(second)))
    };
    let begun = "start; task; timer 1; timer 2; cancel;";
    check(code, &format!("{begun} task?"), "cancel timer 1");
    check(code, &format!("{begun} task; timer-canceled 1; fired 2; task?"), "end: timer canceled/");
}

#[test]
fn what_begins_in_a_cancelled_scope_has_ended() {
    let code = async |it: It| {
        let reason = it.context.cancelled(ScopeId::ROOT).await;
        ended(format!("{reason}: {}", told(it.activity("never").await)))
    };
    check(code, "start; cancel; task?", "end: workflow canceled: activity canceled: canceled");
}

#[test]
fn what_runs_in_a_scope_that_nobody_holds_is_cancelled_with_the_one_above() {
    let code = async |it: It| {
        let below = it.within(Some(ScopeId::ROOT));
        let waits = below.timer(1);
        it.context.close_scope(below.scope);
        ended(told(waits.await))
    };
    check(code, "start; task; timer 1; cancel; task?", "cancel timer 1\nend: timer canceled");
}

#[test]
fn nothing_is_heard_of_a_run_that_is_dropped() {
    let mut run = run(async |it| {
        let held = it.clone();
        let _guard = scopeguard(move || drop(held.activity("at the end")));
        ended(told(it.timer(1).await))
    });
    assert_eq!(answer(&mut run, "start; task?", Vec::new()), "timer 1 1s");
    drop(run);
}

#[test]
fn what_code_does_while_the_workflow_ends_is_not_answered() {
    let code = async |it: It| {
        let held = it.clone();
        it.context.spawn(Box::pin(async move {
            let _guard = scopeguard(move || {
                drop(held.activity("at the end"));
                held.effect(|| "at the end".to_owned());
            });
            std::future::pending::<()>().await;
            weft_replay::End::Handler
        }));
        let _ = it.timer(1).await;
        ended("done")
    };
    check(code, "start; task; timer 1; fired 1; task?", "end: done");
}

struct Guard<F: FnMut()>(F);

impl<F: FnMut()> Drop for Guard<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn scopeguard<F: FnMut()>(at_the_end: F) -> Guard<F> {
    Guard(at_the_end)
}
