//! Broken code says where it left its history: the event, the command, the line that issued it, and the way out.

use weft_replay::{ChildCancellation, Fault, Outcome};

use crate::{
    code::{It, answer, ended, run},
    history::history,
};

const REMEDY: &str = "; the code of a running workflow must keep its recorded steps in their order: guard a change with \
                      `patched`, or run the old code to the end";

/// What is said, with `HERE` for a line of this file and without the remedy, which it always names.
#[track_caller]
fn check<F: Future<Output = Outcome> + 'static>(code: impl FnOnce(It) -> F + 'static, events: &str, expected: &str) {
    let said = answer(&mut run(code), events, Vec::new());
    let said = said.strip_prefix("nondeterministic workflow: ").unwrap_or_else(|| panic!("not a divergence: {said}"));
    let said = said.strip_suffix(REMEDY).expect("the remedy is named");
    let said = match said.split_once(" at crates/replay/tests/replay/divergence.rs:") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
            format!("{before} at HERE{rest}")
        }
        None => said.to_owned(),
    };
    assert_eq!(said, expected);
}

#[test]
fn steps_in_another_order() {
    check(
        async |it| {
            let (timer, activity) = (it.timer(1), it.activity("a"));
            let _ = futures_util::future::join(timer, activity).await;
            ended("")
        },
        "start; task; activity 1 a; timer 1; task?",
        "event 5 of its history is ActivityTaskScheduled (activity 1, type `a`), but the code issued StartTimer (timer 1, \
         1000 ms) at HERE",
    );
}

#[test]
fn a_step_that_was_added() {
    check(
        async |it| {
            let _ = it.activity("a").await;
            let _ = futures_util::future::join(it.activity("b"), it.activity("new")).await;
            ended("")
        },
        "start; task; activity 1 a; done 1 x; task; activity 2 b; task?",
        "the code issued ScheduleActivityTask (activity 3, type `new`) at HERE, which the history after event 8 does not \
         have",
    );
}

#[test]
fn a_step_that_was_removed() {
    check(
        async |it| {
            let _ = it.activity("a").await;
            ended("")
        },
        "start; task; activity 1 a; timer 1; task?",
        "event 6 of its history is TimerStarted (timer 1), but the code issued nothing in its place",
    );
    check(
        async |_| ended("too early"),
        "start; task; activity 1 a; done 1 x; task?",
        "event 5 of its history is ActivityTaskScheduled (activity 1, type `a`), but the code issued \
         CompleteWorkflowExecution",
    );
}

#[test]
fn a_step_of_another_type_or_id() {
    check(
        async |it| {
            let _ = it.activity("renamed").await;
            ended("")
        },
        "start; task; activity 1 a; task?",
        "event 5 of its history is ActivityTaskScheduled (activity 1, type `a`), but the code issued ScheduleActivityTask \
         (activity 1, type `renamed`) at HERE",
    );
    check(
        async |it| {
            let _ = it.child("d", "Kind", ChildCancellation::Wait).ended.await;
            ended("")
        },
        "start; task; child c Kind; task?",
        "event 5 of its history is StartChildWorkflowExecutionInitiated (child `c`, type `Kind`), but the code issued \
         StartChildWorkflowExecution (child `d`, type `Kind`) at HERE",
    );
    check(
        async |it| {
            let _ = it.send("other", "stop").await;
            ended("")
        },
        "start; task; send other go; task?",
        "event 5 of its history is SignalExternalWorkflowExecutionInitiated (signal `go` to `other`), but the code issued \
         SignalExternalWorkflowExecution (signal `stop` to `other`) at HERE",
    );
}

#[test]
fn an_end_that_is_none_any_more() {
    check(
        async |it| {
            let _ = it.timer(1).await;
            let _ = it.timer(2).await;
            ended("")
        },
        "start; task; timer 1; fired 1; task; complete",
        "event 10 of its history is WorkflowExecutionCompleted, but the code issued StartTimer (timer 2, 2000 ms) at HERE",
    );
}

#[test]
fn a_cancellation_that_history_has_not() {
    check(
        async |it| {
            let given_up = it.timer(60);
            let _ = it.activity("a").await;
            given_up.cancel();
            let _ = it.activity("b").await;
            ended("")
        },
        "start; task; timer 1; activity 1 a; done 1 x; task; activity 2 b; task?",
        "event 11 of its history is ActivityTaskScheduled (activity 2, type `b`), but the code issued CancelTimer (timer \
         1) at HERE",
    );
}

#[test]
fn a_marker_that_is_missing() {
    check(
        async |it| {
            let made = it.effect(|| "x".to_owned());
            let _ = it.timer(1).await;
            ended(made)
        },
        "start; task; timer 1; task?",
        "the code made side effect 1 at HERE, which the history after event 3 does not have",
    );
    check(
        async |it| {
            let _ = it.timer(1).await;
            ended("")
        },
        "start; task; version change; attributes; timer 1; task?",
        "event 5 of its history is MarkerRecorded (Version `change`), but the code issued StartTimer (timer 1, 1000 ms) \
         at HERE",
    );
    check(
        async |it| {
            let _ = it.timer(1).await;
            ended("")
        },
        "start; task; local 1 x; timer 1; task?",
        "event 5 of its history is MarkerRecorded (LocalActivity `1`), but the code issued StartTimer (timer 1, 1000 ms) \
         at HERE",
    );
}

#[test]
fn an_update_that_is_answered_otherwise() {
    check(
        async |it| {
            let _ = it.timer(1).await;
            ended("")
        },
        "start; task; accepted u slow; updated u; timer 1; task?",
        "event 6 of its history is WorkflowExecutionUpdateCompleted (update `u`), but the code issued StartTimer (timer \
         1, 1000 ms) at HERE",
    );
}

#[test]
fn the_line_is_the_one_that_issued_the_command() {
    let code = async |it: It| {
        let _ = it.timer(3).await;
        ended("")
    };
    let line = line!() - 3;
    let fault = run(code).advance(history("start; task; activity 1 a; task?"), Vec::new()).expect_err("they part");
    let Fault::Diverged(parted) = fault else { panic!("they part, and not {fault:?}") };
    let source = parted.source().expect("a line issued it");
    assert_eq!((source.file, source.line, parted.event_id()), (file!(), line, 5));
}

/// What a step is given may change between versions: it is no step of its own.
#[test]
fn another_span_or_argument_is_no_divergence() {
    let code = async |it: It| {
        let _ = it.timer(3600).await;
        ended("")
    };
    assert_eq!(answer(&mut run(code), "start; task; timer 1; fired 1; task?", Vec::new()), "end: ");
}
