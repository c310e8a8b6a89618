//! Timers, activities, children and other workflows: begun, ended, and told to the code.

use futures_util::future::join_all;
use weft_replay::ChildCancellation;

use crate::code::{check, ended, told};

#[test]
fn a_timer_is_started_and_waited_for() {
    check(async |it| ended(told(it.timer(5).await)), "start; task?", "timer 1 5s");
    check(async |it| ended(told(it.timer(5).await)), "start; task; timer 1; task?", "");
    check(async |it| ended(told(it.timer(5).await)), "start; task; timer 1; fired 1; task?", "end: ");
}

#[test]
fn an_activity_tells_how_it_ended() {
    let code = async |it: crate::code::It| ended(told(it.activity("greet").await));
    let begun = "start; task; activity 1 greet;";
    check(code, "start; task?", "activity 1 greet");
    check(code, &format!("{begun} done 1 hello; task?"), "end: hello");
    check(code, &format!("{begun} failed 1 boom; task?"), "end: activity failed: boom");
    check(code, &format!("{begun} timed-out 1; task?"), "end: activity timed out: too late");
    check(code, &format!("{begun} canceled 1; task?"), "end: activity canceled: canceled");
}

#[test]
fn what_runs_at_once_is_begun_in_its_order_and_may_end_in_any() {
    let code = async |it: crate::code::It| {
        let all = join_all([it.activity("a"), it.timer(1), it.activity("b")]).await;
        ended(all.into_iter().map(told).collect::<Vec<_>>().join(","))
    };
    check(code, "start; task?", "activity 1 a\ntimer 1 1s\nactivity 2 b");
    let begun = "start; task; activity 1 a; timer 1; activity 2 b;";
    check(code, &format!("{begun} done 2 y; task; fired 1; done 1 x; task?"), "end: x,,y");
}

#[test]
fn a_child_tells_that_it_runs_and_how_it_ended() {
    let code = async |it: crate::code::It| {
        let child = it.child("c", "Kind", ChildCancellation::Wait);
        let started = told(child.started.await);
        let run = child.ended.child_run().map(|run| run.run_id).unwrap_or_default();
        ended(format!("{started}/{run}/{}", told(child.ended.await)))
    };
    let begun = "start; task; child c Kind;";
    check(code, "start; task?", "child c");
    check(code, &format!("{begun} child-started c; child-done c yes; task?"), "end: /child-run/yes");
    check(
        code,
        &format!("{begun} child-started c; task; child-failed c no; task?"),
        "end: /child-run/child workflow failed: no",
    );
    check(
        code,
        &format!("{begun} child-started c; task; child-killed c; task?"),
        "end: /child-run/child workflow terminated: child workflow terminated",
    );
    let refused = "child workflow not started: a workflow with this id is running or has run";
    check(code, &format!("{begun} child-refused c; task?"), &format!("end: {refused}//{refused}"));
}

#[test]
fn other_workflows_are_signalled_and_cancelled() {
    let code = async |it: crate::code::It| {
        let sent = told(it.send("other", "go").await);
        ended(format!("{sent}/{}", told(it.cancel_other("other").await)))
    };
    check(code, "start; task?", "send other go");
    check(code, "start; task; send other go; sent other; task?", "cancel other");
    check(
        code,
        "start; task; send other go; not-sent other; task; cancel-other other; other-told other; task?",
        "end: the workflow to signal was not found/",
    );
}

#[test]
fn the_same_history_draws_the_same_numbers_until_a_reset() {
    let drawn = |events: &str| {
        let mut run = crate::code::run(async |it| {
            let first = it.context.uuid();
            let _ = it.timer(1).await;
            ended(format!("{first} {}", it.context.uuid()))
        });
        crate::code::answer(&mut run, events, Vec::new())
    };
    let as_it_was = drawn("start; task; timer 1; fired 1; task?");
    assert_eq!(as_it_was, drawn("start; task; timer 1; fired 1; task!; task?"));
    let after_reset = drawn("start; task; timer 1; fired 1; reset; task?");
    assert_eq!(as_it_was[..36 + 5], after_reset[..36 + 5], "what was drawn before stays");
    assert_ne!(as_it_was, after_reset, "what is drawn after a reset is new");
}
