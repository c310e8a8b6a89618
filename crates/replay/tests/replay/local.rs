//! Local activities: run by the worker, ended by markers in their order.

use weft_protocol::api::common::Payloads;

use crate::{
    code::{It, answer, check, completion, ended, run, told},
    history::{history, text},
};

fn result(value: &str) -> Result<Option<Payloads>, Box<weft_protocol::api::failure::Failure>> {
    Ok(Some(text(value)))
}

async fn two(it: It) -> weft_replay::Outcome {
    let (first, second) = futures_util::future::join(it.local("a"), it.local("b")).await;
    let timer = told(it.timer(1).await);
    ended(format!("{}{}{timer}", told(first), told(second)))
}

#[test]
fn local_activities_end_within_the_task_and_leave_markers_in_the_order_of_their_ends() {
    let mut live = run(two);
    let progress = live.advance(history("start; task?"), Vec::new()).expect("it goes on");
    let wanted: Vec<_> = progress.local.iter().map(|it| (it.id.as_str(), it.kind.as_str())).collect();
    assert_eq!(wanted, [("1", "a"), ("2", "b")]);
    live.end_local("2", 1, result("y")).expect("it goes on");
    live.end_local("1", 3, result("x")).expect("it goes on");
    assert_eq!(completion(&live.complete()), "LocalActivity 2 y\nLocalActivity 1 x\ntimer 1 1s");
    check(two, "start; task; local 2 y; local 1 x; timer 1; fired 1; task?", "end: xy");
}

#[test]
fn a_local_activity_that_outlives_its_task_is_run_again_by_another_worker() {
    check(two, "start; task; task?", "run 1 a\nrun 2 b\n");
    check(two, "start; task; local 1 x; task?", "run 2 b\n");
    check(two, "start; task; task; local 1 x; local 2 y; timer 1; task?", "");
}

#[test]
fn a_failed_local_activity_says_why() {
    let code = async |it: It| {
        let why = told(it.local("a").await);
        let _ = it.timer(1).await;
        ended(why)
    };
    check(code, "start; task; local-failed 1 boom; timer 1; fired 1; task?", "end: local activity failed: boom");
}

#[test]
fn one_that_nobody_waits_for_any_more_leaves_nothing() {
    let race = async |it: It| {
        let raced = futures_util::future::select(it.local("a"), it.local("b")).await;
        drop(raced);
        ended(told(it.timer(1).await))
    };
    let mut live = run(race);
    live.advance(history("start; task?"), Vec::new()).expect("it goes on");
    let progress = live.end_local("1", 1, result("x")).expect("it goes on");
    assert_eq!((progress.wanted.len(), progress.local.len()), (0, 0));
    live.end_local("2", 1, result("y")).expect("it goes on");
    assert_eq!(completion(&live.complete()), "LocalActivity 1 x\ntimer 1 1s");
    check(race, "start; task; local 1 x; timer 1; fired 1; task?", "end: ");
}

#[test]
fn one_that_is_left_running_ends_with_the_workflow() {
    let code = async |it: It| {
        let _left = it.local("a");
        ended("over")
    };
    let mut live = run(code);
    let said = answer(&mut live, "start; task?", Vec::new());
    assert_eq!(said, "end: over", "it is not even begun");
}
