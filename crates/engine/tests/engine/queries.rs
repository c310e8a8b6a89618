//! Queries: attached, direct, rejected, given up.

use crate::{
    check,
    script::{changed, check_with},
};

#[test]
fn a_query_goes_out_by_itself_when_nothing_else_does() {
    check(
        "start
        poll
        complete sticky
        query 1
        poll
        terminate
        query 2
        query 3 if-open
        query 4 if-clean",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete sticky
            4 WorkflowTaskCompleted scheduled=2 started=3
            > query 1
            = query direct sticky=sticky
            > poll
            ! TaskGone
            > terminate
            5 WorkflowExecutionTerminated reason="enough"
            > query 2
            = query direct
            > query 3 if-open
            = query rejected: Terminated
            > query 4 if-clean
            = query rejected: Terminated
        "#,
    );
}

#[test]
fn a_query_rides_on_the_next_task_and_is_answered_with_it() {
    check(
        "start
        query 1
        poll
        complete answer=1",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > query 1
            = query attached
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4 queries=1
            > complete answer=1
            4 WorkflowTaskCompleted scheduled=2 started=3
            * query 1 answered
        "#,
    );
}

#[test]
fn a_query_that_comes_during_a_task_waits_for_the_next_one() {
    check(
        "start
        poll
        query 1
        signal a
        complete new
        complete answer=1",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > query 1
            = query attached
            > signal a
            = signaled run-1
            > complete new
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8 queries=1
            > complete answer=1
            8 WorkflowTaskCompleted scheduled=6 started=7
            * query 1 answered
        "#,
    );
}

#[test]
fn a_query_is_released_when_no_further_task_follows() {
    check(
        "start
        poll
        query 1
        complete",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > query 1
            = query attached
            > complete
            4 WorkflowTaskCompleted scheduled=2 started=3
            * query 1 released
        "#,
    );
}

#[test]
fn a_query_is_released_when_the_run_ends() {
    check(
        "start
        poll
        query 1
        complete done",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > query 1
            = query attached
            > complete done
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionCompleted
            * query 1 released
        "#,
    );
}

#[test]
fn a_query_on_a_run_that_ended_before_it_ran_is_not_ready() {
    check(
        "start
        query 1
        terminate
        query 2",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > query 1
            = query attached
            > terminate
            3 WorkflowExecutionTerminated reason="enough"
            * query 1 given up
            > query 2
            ! not ready: Workflow execution closed before WorkflowTaskStarted event
        "#,
    );
}

#[test]
fn a_query_is_given_up_when_tasks_keep_failing() {
    check(
        "start
        query 1
        poll
        fail-task
        poll
        fail-task
        query 2",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > query 1
            = query attached
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4 queries=1
            > fail-task
            4 WorkflowTaskFailed cause=WorkflowWorkerUnhandledFailure failure="Oops"
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5 queries=1
            > fail-task
            * query 1 given up
            > query 2
            ! not ready: Unable to query workflow due to Workflow Task in failed state.
        "#,
    );
}

#[test]
fn a_query_does_not_wait_longer_than_its_caller() {
    check(
        "start delay=20s
        query 1
        +15s
        query 2
        +5s
        poll",
        r#"
            > start delay=20s
            1 WorkflowExecutionStarted attempt=1 backoff=20s
            = started run-1 Running
            > query 1
            ! not ready: Workflow task is not scheduled yet.
            > +15s
            > query 2
            = query attached
            > +5s
            2 WorkflowTaskScheduled timeout=10s
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4 queries=2
        "#,
    );
}

#[test]
fn a_forgotten_query_is_not_asked() {
    check(
        "start
        query 1
        forget
        poll",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > query 1
            = query attached
            > forget
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
        "#,
    );
}

#[test]
fn only_so_many_queries_wait_on_a_run() {
    let settings = changed(|settings| settings.limits.attached_queries = 1);
    check_with(
        settings,
        "start
        query 1
        query 2",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > query 1
            = query attached
            > query 2
            ! busy: consistent query buffer is full, cannot accept new consistent queries
        "#,
    );
}

#[test]
fn deleting_a_run_gives_its_queries_up() {
    check(
        "start
        query 1
        delete
        query 2",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > query 1
            = query attached
            > delete
            * query 1 given up
            * removed run-1
            > query 2
            ! WorkflowNotFound
        "#,
    );
}
