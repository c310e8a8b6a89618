//! Histories that grow too long, states that grow too large, and requests that would write too much at once.

use crate::script::{changed, check_with};

#[test]
fn a_history_with_too_many_events_is_warned_of_and_then_ended() {
    let settings = changed(|settings| {
        settings.limits.history_events_warn = 3;
        settings.limits.history_events_error = 5;
    });
    check_with(
        settings,
        "start
        signal a
        signal b
        signal c
        signal d
        signal e
        signal f",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > signal a
            3 WorkflowExecutionSignaled name=a
            = signaled run-1
            > signal b
            4 WorkflowExecutionSignaled name=b
            * warn history events 4 > 3
            = signaled run-1
            > signal c
            5 WorkflowExecutionSignaled name=c
            = signaled run-1
            > signal d
            6 WorkflowExecutionSignaled name=d
            = signaled run-1
            > signal e
            7 WorkflowExecutionTerminated reason="Workflow history count exceeds limit."
            = outgrown: Workflow history count exceeds limit.
            > signal f
            ! WorkflowClosed
        "#,
    );
}

#[test]
fn commands_that_make_a_history_too_long_end_the_run_and_are_not_written() {
    let settings = changed(|settings| settings.limits.history_events_error = 5);
    check_with(
        settings,
        "start
        poll
        complete marker=a marker=b",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete marker=a marker=b
            4 WorkflowTaskFailed cause=ForceCloseCommand
            5 WorkflowExecutionTerminated reason="Workflow history count exceeds limit."
            = outgrown: Workflow history count exceeds limit.
        "#,
    );
}

/// A signal and the task it wants are two events; when they no longer fit neither is written.
#[test]
fn a_signal_whose_task_does_not_fit_is_not_written() {
    let settings = changed(|settings| settings.limits.history_events_error = 5);
    check_with(
        settings,
        "start
        poll
        complete
        signal a
        signal b",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete
            4 WorkflowTaskCompleted scheduled=2 started=3
            > signal a
            5 WorkflowExecutionTerminated reason="Workflow history count exceeds limit."
            = outgrown: Workflow history count exceeds limit.
            > signal b
            ! WorkflowClosed
        "#,
    );
}

#[test]
fn a_timer_of_a_history_that_is_too_long_does_not_fire() {
    let settings = changed(|settings| settings.limits.history_events_error = 7);
    check_with(
        settings,
        "start
        poll
        complete timer=t:5s
        signal a
        signal b
        +5s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:5s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=5s
            > signal a
            6 WorkflowExecutionSignaled name=a
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > signal b
            8 WorkflowExecutionSignaled name=b
            = signaled run-1
            > +5s
            9 WorkflowExecutionTerminated reason="Workflow history count exceeds limit."
            = outgrown: Workflow history count exceeds limit.
        "#,
    );
}

#[test]
fn a_history_with_too_many_bytes_is_ended() {
    let settings = changed(|settings| settings.limits.history_bytes_error = 400);
    check_with(
        settings,
        "start
        poll
        signal a input=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        complete marker=m
        signal a input=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        signal a",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > signal a input=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
            = signaled run-1
            > complete marker=m
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 MarkerRecorded name=m
            6 WorkflowExecutionSignaled name=a
            7 WorkflowTaskScheduled timeout=10s
            > signal a input=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
            8 WorkflowExecutionSignaled name=a
            = signaled run-1
            > signal a
            9 WorkflowExecutionTerminated reason="Workflow history size exceeds limit."
            = outgrown: Workflow history size exceeds limit.
        "#,
    );
}

#[test]
fn a_long_history_suggests_to_continue_as_new() {
    let settings = changed(|settings| settings.limits.suggest_continue_as_new_events = 5);
    check_with(
        settings,
        "start
        poll
        complete
        signal a
        poll",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete
            4 WorkflowTaskCompleted scheduled=2 started=3
            > signal a
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            7 WorkflowTaskStarted scheduled=6 suggest-continue-as-new
            = task events 1..8
        "#,
    );
}

#[test]
fn a_state_that_grows_too_large_ends_the_run() {
    let settings = changed(|settings| settings.limits.mutable_state_bytes_error = 900);
    check_with(
        settings,
        "start
        poll
        complete activity=a
        take a
        beat a details=x
        beat a details=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        signal late",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            > take a
            = activity task a attempt=1
            > beat a details=x
            = heard, cancel_requested=false
            > beat a details=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
            6 WorkflowExecutionTerminated reason="Workflow mutable state size exceeds limit."
            = outgrown: Workflow mutable state size exceeds limit.
            > signal late
            ! WorkflowClosed
        "#,
    );
}

#[test]
fn a_request_that_would_write_too_much_is_refused_and_leaves_nothing() {
    let settings = changed(|settings| settings.limits.transaction_bytes = 300);
    check_with(
        settings,
        "start
        signal a input=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        signal a input=x",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > signal a input=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
            ! invalid argument: transaction size of 335 bytes exceeds limit of 300 bytes
            > signal a input=x
            3 WorkflowExecutionSignaled name=a
            = signaled run-1
        "#,
    );
}

#[test]
fn a_workflow_task_that_would_write_too_much_ends_the_run() {
    let settings = changed(|settings| settings.limits.transaction_bytes = 300);
    check_with(
        settings,
        "start
        poll
        complete marker=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa marker=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb marker=cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc marker=dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd marker=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee marker=ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete marker=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa marker=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb marker=cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc marker=dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd marker=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee marker=ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
            4 WorkflowTaskFailed cause=ForceCloseCommand
            5 WorkflowExecutionTerminated reason="Transaction size exceeds limit." details="transaction size of 493 bytes exceeds limit of 300 bytes"
            = outgrown: transaction size of 493 bytes exceeds limit of 300 bytes
        "#,
    );
}

/// The run that it would go on as was never there to be ended: the one whose worker asks is.
#[test]
fn a_run_that_would_continue_as_one_that_is_too_large_is_ended() {
    let settings = changed(|settings| settings.limits.transaction_bytes = 300);
    let complete = format!("complete can={}", "x".repeat(300));
    check_with(
        settings,
        &format!("start\npoll\n{complete}\nsignal late"),
        &format!(
            r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > {complete}
            4 WorkflowTaskFailed cause=ForceCloseCommand
            5 WorkflowExecutionTerminated reason="Transaction size exceeds limit." details="transaction size of 411 bytes exceeds limit of 300 bytes"
            = outgrown: transaction size of 411 bytes exceeds limit of 300 bytes
            > signal late
            ! WorkflowClosed
        "#
        ),
    );
}

#[test]
fn a_start_that_is_over_a_limit_at_once_is_refused() {
    let settings = changed(|settings| settings.limits.history_events_error = 1);
    check_with(
        settings,
        "start
        signal late",
        r#"
            > start
            ! invalid argument: Workflow history count exceeds limit.
            > signal late
            ! WorkflowNotFound
        "#,
    );
}

/// Each signal fits, but a reset writes both at once.
#[test]
fn a_reset_that_would_take_along_too_much_is_refused_and_changes_nothing() {
    let settings = changed(|settings| settings.limits.transaction_bytes = 500);
    let [a, b] = ["a", "b"].map(|name| format!("signal {name} input={}", "x".repeat(250)));
    check_with(
        settings,
        &format!("start\npoll\ncomplete\n{a}\n{b}\nreset first\nsignal c"),
        &format!(
            r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete
            4 WorkflowTaskCompleted scheduled=2 started=3
            > {a}
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > {b}
            7 WorkflowExecutionSignaled name=b
            = signaled run-1
            > reset first
            ! invalid argument: transaction size of 661 bytes exceeds limit of 500 bytes
            > signal c
            8 WorkflowExecutionSignaled name=c
            = signaled run-1
        "#
        ),
    );
}
