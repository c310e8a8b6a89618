//! Signals, requests to cancel, terminations, removals.

use crate::{
    check,
    script::{changed, check_with},
};

#[test]
fn a_signal_asks_for_a_task_unless_one_is_pending() {
    check(
        "start
        signal a
        poll
        complete
        signal b
        signal c",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > signal a
            3 WorkflowExecutionSignaled name=a
            = signaled run-1
            > poll
            4 WorkflowTaskStarted scheduled=2
            = task events 1..5
            > complete
            5 WorkflowTaskCompleted scheduled=2 started=4
            > signal b
            6 WorkflowExecutionSignaled name=b
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > signal c
            8 WorkflowExecutionSignaled name=c
            = signaled run-1
        "#,
    );
}

#[test]
fn a_signal_with_a_request_id_is_written_once() {
    check(
        "start
        signal a request=x
        again
        poll
        signal b request=y
        again
        complete
        signal b request=y",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > signal a request=x
            3 WorkflowExecutionSignaled name=a
            = signaled run-1
            > again
            = signaled run-1
            > poll
            4 WorkflowTaskStarted scheduled=2
            = task events 1..5
            > signal b request=y
            = signaled run-1
            > again
            = signaled run-1
            > complete
            5 WorkflowTaskCompleted scheduled=2 started=4
            6 WorkflowExecutionSignaled name=b
            7 WorkflowTaskScheduled timeout=10s
            > signal b request=y
            = signaled run-1
        "#,
    );
}

#[test]
fn a_signal_that_was_taken_is_taken_again_after_the_end() {
    check(
        "start
        signal a request=x
        terminate
        signal a request=x
        signal a run=run-1 request=x
        signal a request=y",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > signal a request=x
            3 WorkflowExecutionSignaled name=a
            = signaled run-1
            > terminate
            4 WorkflowExecutionTerminated reason="enough"
            > signal a request=x
            = signaled run-1
            > signal a run=run-1 request=x
            = signaled run-1
            > signal a request=y
            ! WorkflowClosed
        "#,
    );
}

#[test]
fn what_comes_during_a_task_is_written_after_it_and_makes_another_task() {
    check(
        "start
        poll
        signal a
        cancel
        signal b
        complete marker=m",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > signal a
            = signaled run-1
            > cancel
            > signal b
            = signaled run-1
            > complete marker=m
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 MarkerRecorded name=m
            6 WorkflowExecutionSignaled name=a
            7 WorkflowExecutionCancelRequested cause=please
            8 WorkflowExecutionSignaled name=b
            9 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn a_signal_to_nothing_and_to_a_closed_run_is_refused() {
    check(
        "signal a
        start
        signal a run=nowhere
        terminate
        signal a
        signal a run=run-1",
        r#"
            > signal a
            ! WorkflowNotFound
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > signal a run=nowhere
            ! WorkflowNotFound
            > terminate
            3 WorkflowExecutionTerminated reason="enough"
            > signal a
            ! WorkflowClosed
            > signal a run=run-1
            ! WorkflowClosed
        "#,
    );
}

#[test]
fn a_run_takes_only_so_many_signals() {
    let settings = changed(|settings| settings.limits.signals = 2);
    check_with(
        settings,
        "start
        signal a
        signal b
        signal c",
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
            = signaled run-1
            > signal c
            ! invalid argument: exceeded workflow execution limit for signal events
        "#,
    );
}

#[test]
fn a_request_to_cancel_is_written_once_and_does_nothing_after_the_end() {
    check(
        "start
        poll
        complete
        cancel
        cancel request=another
        poll
        complete canceled
        cancel
        cancel run=nowhere",
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
            > cancel
            5 WorkflowExecutionCancelRequested cause=please
            6 WorkflowTaskScheduled timeout=10s
            > cancel request=another
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete canceled
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 WorkflowExecutionCanceled
            > cancel
            > cancel run=nowhere
            ! WorkflowNotFound
        "#,
    );
}

#[test]
fn a_chain_is_named_by_its_first_run() {
    check(
        "start
        cancel first=run-1
        terminate first=run-2
        terminate first=run-1",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > cancel first=run-1
            3 WorkflowExecutionCancelRequested cause=please
            > terminate first=run-2
            ! WorkflowNotFound
            > terminate first=run-1
            4 WorkflowExecutionTerminated reason="enough"
        "#,
    );
}

#[test]
fn terminate_fails_the_workers_task_and_writes_what_waited() {
    check(
        "start
        poll
        signal a
        terminate
        terminate
        complete done",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > signal a
            = signaled run-1
            > terminate
            4 WorkflowTaskFailed cause=ForceCloseCommand
            5 WorkflowExecutionSignaled name=a
            6 WorkflowExecutionTerminated reason="enough"
            > terminate
            ! WorkflowClosed
            > complete done
            ! WorkflowTaskNotFound
        "#,
    );
}

#[test]
fn terminate_leaves_a_task_alone_that_nobody_has() {
    check(
        "start
        terminate",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > terminate
            3 WorkflowExecutionTerminated reason="enough"
        "#,
    );
}

#[test]
fn a_deleted_run_leaves_nothing_and_its_id_may_be_used_again() {
    check(
        "start
        poll
        signal a request=x
        delete
        signal a
        start request=b reuse=reject
        poll
        complete done
        delete
        delete",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > signal a request=x
            = signaled run-1
            > delete
            * removed run-1
            > signal a
            ! WorkflowNotFound
            > start request=b reuse=reject
            run-2/1 WorkflowExecutionStarted attempt=1
            run-2/2 WorkflowTaskScheduled timeout=10s
            = started run-2 Running
            > poll
            run-2/3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete done
            run-2/4 WorkflowTaskCompleted scheduled=2 started=3
            run-2/5 WorkflowExecutionCompleted
            > delete
            * removed run-2
            > delete
            ! WorkflowNotFound
        "#,
    );
}

#[test]
fn retention_removes_a_closed_run_and_its_history() {
    check(
        "start
        terminate
        +1h
        +15m
        start",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > terminate
            3 WorkflowExecutionTerminated reason="enough"
            > +1h
            > +15m
            * removed run-1
            > start
            run-2/1 WorkflowExecutionStarted attempt=1
            run-2/2 WorkflowTaskScheduled timeout=10s
            = started run-2 Running
        "#,
    );
}

#[test]
fn retention_of_an_older_run_leaves_the_current_one_alone() {
    check(
        "start
        terminate
        start request=b
        +2h
        signal a",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > terminate
            3 WorkflowExecutionTerminated reason="enough"
            > start request=b
            run-2/1 WorkflowExecutionStarted attempt=1
            run-2/2 WorkflowTaskScheduled timeout=10s
            = started run-2 Running
            > +2h
            * removed run-1
            > signal a
            run-2/3 WorkflowExecutionSignaled name=a
            = signaled run-2
        "#,
    );
}

#[test]
fn a_request_to_cancel_and_signal_with_start_do_not_wait_for_the_first_tick() {
    check(
        "start delay=1h
        cancel
        terminate
        start delay=1h request=b
        signal-with-start s request=c conflict=use",
        r#"
            > start delay=1h
            1 WorkflowExecutionStarted attempt=1 backoff=3600s
            = started run-1 Running
            > cancel
            2 WorkflowExecutionCancelRequested cause=please
            3 WorkflowTaskScheduled timeout=10s
            > terminate
            4 WorkflowExecutionTerminated reason="enough"
            > start delay=1h request=b
            run-2/1 WorkflowExecutionStarted attempt=1 backoff=3600s
            = started run-2 Running
            > signal-with-start s request=c conflict=use
            run-2/2 WorkflowExecutionSignaled name=s
            run-2/3 WorkflowTaskScheduled timeout=10s
            = uses run-2 Running
        "#,
    );
}
