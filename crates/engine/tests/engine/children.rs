//! Children: their start, and what their parent learns of their end.

use crate::family::check;

#[test]
fn a_child_starts_runs_and_its_parent_learns_the_result() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p
        post p
        c: poll
        c: complete done=42
        post c
        p: poll
        p: complete done",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            > post p
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > c: poll
            c: 3 WorkflowTaskStarted scheduled=2
            c: = task events 1..4
            > c: complete done=42
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionCompleted result=42
            c: * 5 Ask to p: child closed, WorkflowExecutionCompleted
            > post c
            p: 8 ChildWorkflowExecutionCompleted initiated=5 started=6 run=c-1 result=42
            p: = Done
            > p: poll
            p: 9 WorkflowTaskStarted scheduled=7
            p: = task events 1..10
            > p: complete done
            p: 10 WorkflowTaskCompleted scheduled=7 started=9
            p: 11 WorkflowExecutionCompleted
        "#,
    );
}

#[test]
fn a_child_that_fails_tells_its_parent_why() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p all
        c: poll
        c: complete fail=Oops
        post c",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > c: poll
            c: 3 WorkflowTaskStarted scheduled=2
            c: = task events 1..4
            > c: complete fail=Oops
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionFailed failure="Oops" retry=RetryPolicyNotSet
            c: * 5 Ask to p: child closed, WorkflowExecutionFailed
            > post c
            p: 8 ChildWorkflowExecutionFailed initiated=5 started=6 run=c-1 failure="Oops" retry=RetryPolicyNotSet
            p: = Done
        "#,
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one transcript")]
fn a_child_that_is_cancelled_or_terminated_or_takes_too_long_ends_for_its_parent_too() {
    check(
        "p: start
        p: poll
        p: complete child=a child=b child=c:run-timeout=5s
        post p all
        a: poll
        a: complete canceled
        b: terminate
        +5s
        post a all",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=a child=b child=c:run-timeout=5s
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=a
            p: 6 StartChildWorkflowExecutionInitiated id=b
            p: 7 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to a: start
            p: * 6 Ask to b: start
            p: * 7 Ask to c: start
            > post p all
            a: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            a: = ChildStarted("a-1")
            p: 8 ChildWorkflowExecutionStarted initiated=5 run=a-1
            p: 9 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to a: first task of a-1
            p: * settled 5 Ask
            a: 2 WorkflowTaskScheduled timeout=10s
            a: = Done
            b: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=6 root=p-1
            b: = ChildStarted("b-1")
            p: 10 ChildWorkflowExecutionStarted initiated=6 run=b-1
            p: * 6 Follow to b: first task of b-1
            p: * settled 6 Ask
            b: 2 WorkflowTaskScheduled timeout=10s
            b: = Done
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=7 root=p-1 run-timeout=5s
            c: = ChildStarted("c-1")
            p: 11 ChildWorkflowExecutionStarted initiated=7 run=c-1
            p: * 7 Follow to c: first task of c-1
            p: * settled 7 Ask
            c: 2 WorkflowTaskScheduled timeout=5s
            c: = Done
            > a: poll
            a: 3 WorkflowTaskStarted scheduled=2
            a: = task events 1..4
            > a: complete canceled
            a: 4 WorkflowTaskCompleted scheduled=2 started=3
            a: 5 WorkflowExecutionCanceled
            a: * 5 Ask to p: child closed, WorkflowExecutionCanceled
            > b: terminate
            b: 3 WorkflowExecutionTerminated reason="enough"
            b: * 3 Ask to p: child closed, WorkflowExecutionTerminated
            > +5s
            c: 3 WorkflowExecutionTimedOut retry=RetryPolicyNotSet
            c: * 3 Ask to p: child closed, WorkflowExecutionTimedOut
            > post a all
            p: 12 ChildWorkflowExecutionCanceled initiated=5 started=8 run=a-1
            p: = Done
            p: 13 ChildWorkflowExecutionTerminated initiated=6 started=10 run=b-1
            p: = Done
            p: 14 ChildWorkflowExecutionTimedOut initiated=7 started=11 run=c-1 retry=RetryPolicyNotSet
            p: = Done
        "#,
    );
}

#[test]
fn the_parent_of_a_child_that_goes_on_sees_only_the_last_run() {
    check(
        "p: start
        p: poll
        p: complete child=c:retry=1s/3
        post p all
        c: poll
        c: complete can=again
        +1s
        c: poll
        c: complete done=second
        post c all",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c:retry=1s/3
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > c: poll
            c: 3 WorkflowTaskStarted scheduled=2
            c: = task events 1..4
            > c: complete can=again
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionContinuedAsNew next=c-2
            c: c-2/1 WorkflowExecutionStarted attempt=1 by=Workflow input=again after=c-1 parent=p-1 initiated=5 root=p-1 backoff=1s
            > +1s
            c: c-2/2 WorkflowTaskScheduled timeout=10s
            > c: poll
            c: c-2/3 WorkflowTaskStarted scheduled=2
            c: = task events 1..4
            > c: complete done=second
            c: c-2/4 WorkflowTaskCompleted scheduled=2 started=3
            c: c-2/5 WorkflowExecutionCompleted result=second
            c: * 5 Ask to p: child closed, WorkflowExecutionCompleted
            > post c all
            p: 8 ChildWorkflowExecutionCompleted initiated=5 started=6 run=c-2 result=second
            p: = Done
        "#,
    );
}

#[test]
fn a_child_is_tried_again_before_its_parent_hears_of_it() {
    check(
        "p: start
        p: poll
        p: complete child=c:retry=1s/2
        post p all
        c: poll
        c: complete fail=Oops
        +1s
        c: poll
        c: complete fail=Oops
        post c all",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c:retry=1s/2
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > c: poll
            c: 3 WorkflowTaskStarted scheduled=2
            c: = task events 1..4
            > c: complete fail=Oops
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionFailed failure="Oops" retry=InProgress next=c-2
            c: c-2/1 WorkflowExecutionStarted attempt=2 by=Retry after=c-1 parent=p-1 initiated=5 root=p-1 failure="Oops" backoff=1s
            > +1s
            c: c-2/2 WorkflowTaskScheduled timeout=10s
            > c: poll
            c: c-2/3 WorkflowTaskStarted scheduled=2
            c: = task events 1..4
            > c: complete fail=Oops
            c: c-2/4 WorkflowTaskCompleted scheduled=2 started=3
            c: c-2/5 WorkflowExecutionFailed failure="Oops" retry=MaximumAttemptsReached
            c: * 5 Ask to p: child closed, WorkflowExecutionFailed
            > post c all
            p: 8 ChildWorkflowExecutionFailed initiated=5 started=6 run=c-2 failure="Oops" retry=MaximumAttemptsReached
            p: = Done
        "#,
    );
}

#[test]
fn a_workflow_id_that_is_taken_is_no_child() {
    check(
        "c: start
        p: start
        p: poll
        p: complete child=c
        post p",
        r#"
            > c: start
            c: 1 WorkflowExecutionStarted attempt=1
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = started c-1 Running
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p
            c: = AlreadyExists
            p: 6 StartChildWorkflowExecutionFailed initiated=5 cause=WorkflowAlreadyExists
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * settled 5 Ask
        "#,
    );
}

#[test]
fn a_child_may_end_the_run_that_has_its_workflow_id() {
    check(
        "c: start
        p: start
        p: poll
        p: complete child=c:reuse=terminate
        post p all",
        r#"
            > c: start
            c: 1 WorkflowExecutionStarted attempt=1
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = started c-1 Running
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c:reuse=terminate
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p all
            c: 3 WorkflowExecutionTerminated reason="TerminateIfRunning WorkflowIdReusePolicy" details="terminated by new runID: c-2"
            c: c-2/1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-2")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-2
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-2
            p: * settled 5 Ask
            c: c-2/2 WorkflowTaskScheduled timeout=10s
            c: = Done
        "#,
    );
}

#[test]
fn a_start_that_comes_twice_starts_one_child() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p lost
        post p lost
        post p
        post p",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p lost
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            > post p lost
            c: = ChildStarted("c-1")
            > post p
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            > post p
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
        "#,
    );
}

#[test]
fn a_child_that_ends_before_its_parent_heard_of_its_start_did_start() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p lost
        c: terminate
        post c
        post p all",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p lost
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            > c: terminate
            c: 2 WorkflowExecutionTerminated reason="enough"
            c: * 2 Ask to p: child closed, WorkflowExecutionTerminated
            > post c
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: 8 ChildWorkflowExecutionTerminated initiated=5 started=6 run=c-1
            p: * 5 Follow to c: acknowledge
            p: * settled 5 Ask
            p: = Done
            > post p all
            c: = Done
        "#,
    );
}

#[test]
fn a_child_that_is_cancelled_before_its_first_task_runs_to_see_that() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p lost
        c: cancel
        post p all",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p lost
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            > c: cancel
            c: 2 WorkflowExecutionCancelRequested cause=please
            c: 3 WorkflowTaskScheduled timeout=10s
            > post p all
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: = Done
        "#,
    );
}

#[test]
fn a_child_with_a_schedule_waits_for_its_time() {
    check(
        "p: start
        p: poll
        p: complete child=c:cron=5s
        post p all
        +5s",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c:cron=5s
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1 backoff=5s
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: = Done
            > +5s
            c: 2 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn the_end_of_a_child_waits_for_the_workers_answer() {
    check(
        "p: start
        p: poll
        p: complete child=c force
        p: poll
        post p all
        c: poll
        c: complete done=x
        post c
        p: complete",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c force
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: 6 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: start
            > p: poll
            p: 7 WorkflowTaskStarted scheduled=6
            p: = task events 1..8
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > c: poll
            c: 3 WorkflowTaskStarted scheduled=2
            c: = task events 1..4
            > c: complete done=x
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionCompleted result=x
            c: * 5 Ask to p: child closed, WorkflowExecutionCompleted
            > post c
            p: = Done
            > p: complete
            p: 8 WorkflowTaskCompleted scheduled=6 started=7
            p: 9 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 10 ChildWorkflowExecutionCompleted initiated=5 started=9 run=c-1 result=x
            p: 11 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn the_end_of_a_child_reaches_only_the_run_that_started_it() {
    check(
        "p: start
        p: poll
        p: complete child=c:policy=abandon
        post p all
        p: terminate
        p: start request=again
        c: poll
        c: complete done
        post c",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c:policy=abandon
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c policy=Abandon
            p: * 5 Ask to c: start
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > p: terminate
            p: 8 WorkflowExecutionTerminated reason="enough"
            > p: start request=again
            p: p-2/1 WorkflowExecutionStarted attempt=1
            p: p-2/2 WorkflowTaskScheduled timeout=10s
            p: = started p-2 Running
            > c: poll
            c: 3 WorkflowTaskStarted scheduled=2
            c: = task events 1..4
            > c: complete done
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionCompleted
            c: * 5 Ask to p: child closed, WorkflowExecutionCompleted
            > post c
            p: = Done
        "#,
    );
}

#[test]
fn a_child_that_is_deleted_ends_for_its_parent() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p all
        c: delete
        post c",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > c: delete
            c: * removed c-1
            c: * 3 Ask to p: child closed, WorkflowExecutionTerminated
            > post c
            p: 8 ChildWorkflowExecutionTerminated initiated=5 started=6 run=c-1
            p: = Done
        "#,
    );
}

#[test]
fn a_child_of_a_child_knows_its_root() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p all
        c: poll
        c: complete child=g
        post c all
        g: poll",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > c: poll
            c: 3 WorkflowTaskStarted scheduled=2
            c: = task events 1..4
            > c: complete child=g
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 StartChildWorkflowExecutionInitiated id=g
            c: * 5 Ask to g: start
            > post c all
            g: 1 WorkflowExecutionStarted attempt=1 parent=c-1 initiated=5 root=p-1
            g: = ChildStarted("g-1")
            c: 6 ChildWorkflowExecutionStarted initiated=5 run=g-1
            c: 7 WorkflowTaskScheduled timeout=10s
            c: * 5 Follow to g: first task of g-1
            c: * settled 5 Ask
            g: 2 WorkflowTaskScheduled timeout=10s
            g: = Done
            > g: poll
            g: 3 WorkflowTaskStarted scheduled=2
            g: = task events 1..4
        "#,
    );
}
