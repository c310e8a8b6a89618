//! Histories that grow too long.

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
        signal e",
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
            7 WorkflowExecutionTerminated reason="Workflow history count exceeds limit."
            = signaled run-1
            > signal e
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
            4 WorkflowTaskFailed cause=ForceCloseCommand failure="Workflow history count exceeds limit."
            5 WorkflowExecutionTerminated reason="Workflow history count exceeds limit."
            = task failed: Workflow history count exceeds limit.
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
            9 WorkflowExecutionTerminated reason="Workflow history size exceeds limit."
            = signaled run-1
            > signal a
            ! WorkflowClosed
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
