//! Resets that change the workflow's options.

use crate::check;

#[test]
fn options_stand_after_what_is_taken_along_and_are_written_once() {
    check(
        "start
        poll
        complete
        signal a
        options urgency=4
        reset first urgency=1 auto-upgrade signal=b
        reset first run=run-1 request=again urgency=4
        options
        reset first run=run-1 request=bad path=versioning_override.behavior
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
            > options urgency=4
            7 WorkflowExecutionOptionsUpdated urgency=4
            = options urgency=4 fairness=
            > reset first urgency=1 auto-upgrade signal=b
            8 WorkflowExecutionTerminated reason="again"
            run-2/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-2/5 WorkflowExecutionSignaled name=a
            run-2/6 WorkflowExecutionOptionsUpdated urgency=4
            run-2/7 WorkflowExecutionOptionsUpdated urgency=1
            run-2/8 WorkflowExecutionSignaled name=b
            run-2/9 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            = reset to run-2
            > reset first run=run-1 request=again urgency=4
            run-2/10 WorkflowExecutionTerminated reason="again"
            run-3/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-3/5 WorkflowExecutionSignaled name=a
            run-3/6 WorkflowExecutionOptionsUpdated urgency=4
            run-3/7 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            = reset to run-3
            > options
            = options urgency=4 fairness=
            > reset first run=run-1 request=bad path=versioning_override.behavior
            ! invalid argument: error applying update_options: versioning_override fields must be updated together
            > poll
            run-3/8 WorkflowTaskStarted scheduled=7
            = task events 1..9
        "#,
    );
}

#[test]
fn changes_of_options_may_stay_behind_and_attached_requests_do_not() {
    check(
        "start
        poll
        complete
        options urgency=4
        start request=b conflict=use attach
        reset first without=options",
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
            > options urgency=4
            5 WorkflowExecutionOptionsUpdated urgency=4
            = options urgency=4 fairness=
            > start request=b conflict=use attach
            6 WorkflowExecutionOptionsUpdated attached=b
            = uses run-1 Running
            > reset first without=options
            7 WorkflowExecutionTerminated reason="again"
            run-2/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-2/5 WorkflowExecutionOptionsUpdated attached=b
            run-2/6 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            = reset to run-2
        "#,
    );
}

#[test]
fn a_signal_that_is_repeated_after_a_reset_is_the_same_signal() {
    check(
        "start
        poll
        complete
        signal a request=x
        reset first
        signal a request=x",
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
            > signal a request=x
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > reset first
            7 WorkflowExecutionTerminated reason="again"
            run-2/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-2/5 WorkflowExecutionSignaled name=a
            run-2/6 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            = reset to run-2
            > signal a request=x
            = signaled run-2
        "#,
    );
}
