//! Updates: validated and taken once, taken again out of events at replay.

use crate::{
    code::{It, answer, asks, check, completion, ended, run, told},
    history::history,
};

async fn three(it: It) -> weft_replay::Outcome {
    let _ = it.heard(3).await;
    ended(it.heard.borrow().join(" "))
}

#[test]
fn an_update_is_accepted_and_answered_before_the_workflow_goes_on() {
    let mut live = run(async |it: It| {
        let _ = it.heard(1).await;
        ended(told(it.timer(1).await))
    });
    assert_eq!(answer(&mut live, "start; task?", vec![asks("u", "now")]), "u/accept\nu/complete\ntimer 1 1s");
}

#[test]
fn a_refused_update_leaves_nothing() {
    let mut live = run(three);
    assert_eq!(
        answer(&mut live, "start; task?", vec![asks("u", "bad"), asks("v", "now")]),
        "v/accept\nv/complete\nu/reject"
    );
    let said = answer(&mut live, "start; task; accepted v now; updated v; signal s; task?", Vec::new());
    assert_eq!(said, "");
}

#[test]
fn a_task_that_only_refused_is_forgotten() {
    let mut live = run(three);
    assert_eq!(answer(&mut live, "start; task?", Vec::new()), "");
    assert_eq!(answer(&mut live, "start; task; task?", vec![asks("u", "bad")]), "u/reject");
    live.forget_after(3);
    let again = history("start; task; signal a; signal b; signal c; task?").split_off(3);
    live.advance(again, Vec::new()).expect("it goes on");
    assert_eq!(completion(&live.complete()), "end: a b c");
}

#[test]
fn accepted_updates_are_taken_again_at_replay_in_their_order_with_the_signals() {
    let events = "start; signal a; task; accepted u now; updated u; task; signal b; task?";
    check(three, events, "end: a now b");
}

#[test]
fn a_slow_update_is_answered_when_it_is_done() {
    let mut live = run(three);
    let asked = vec![asks("u", "slow"), asks("v", "now")];
    assert_eq!(answer(&mut live, "start; task?", asked), "u/accept\nv/accept\nv/complete\ntimer 1 60s");
    let events = "start; task; accepted u slow; accepted v now; updated v; timer 1; fired 1; task?";
    assert_eq!(answer(&mut live, events, Vec::new()), "u/complete");
    check(three, events, "u/complete");
    check(three, &events.replace("task?", "task; updated u; signal z; task?"), "end: slow now z");
}

/// A reset brings updates to the new run as events, and their answers refer to those.
#[test]
fn an_update_that_a_reset_admitted_is_known_by_its_id() {
    let events = "start; reset; admitted u now; task; accepted-before u; updated u; signal a; signal b; task?";
    check(three, events, "end: now a b");
}

#[test]
fn an_update_that_is_not_done_when_the_workflow_ends_is_accepted_all_the_same() {
    let mut live = run(async |it: It| {
        let _ = it.heard(1).await;
        ended("over")
    });
    let said = answer(&mut live, "start; task?", vec![asks("u", "slow")]);
    assert_eq!(said, "u/accept\ntimer 1 60s\nend: over");
}
