//! Signals and requests to cancel that a workflow sends to others: told once, or not at all.

use crate::family::check;

#[test]
fn a_signal_reaches_another_workflow() {
    check(
        "x: start
        p: start
        p: poll
        p: complete send=x:hello
        post p
        post p",
        r#"
            > x: start
            x: 1 WorkflowExecutionStarted attempt=1
            x: 2 WorkflowTaskScheduled timeout=10s
            x: = started x-1 Running
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=x:hello
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=x name=hello
            p: * 5 Ask to x: signal hello
            > post p
            x: 3 WorkflowExecutionSignaled name=hello from=p-1
            x: = Done
            p: 6 ExternalWorkflowExecutionSignaled initiated=5
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to x: acknowledge
            p: * settled 5 Ask
            > post p
            x: = Done
        "#,
    );
}

#[test]
fn a_signal_that_comes_twice_is_recorded_once() {
    check(
        "x: start
        p: start
        p: poll
        p: complete send=x:hello
        post p lost
        post p lost
        post p
        post p",
        r#"
            > x: start
            x: 1 WorkflowExecutionStarted attempt=1
            x: 2 WorkflowTaskScheduled timeout=10s
            x: = started x-1 Running
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=x:hello
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=x name=hello
            p: * 5 Ask to x: signal hello
            > post p lost
            x: 3 WorkflowExecutionSignaled name=hello from=p-1
            x: = Done
            > post p lost
            x: = Done
            > post p
            x: = Done
            p: 6 ExternalWorkflowExecutionSignaled initiated=5
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to x: acknowledge
            p: * settled 5 Ask
            > post p
            x: = Done
        "#,
    );
}

#[test]
fn a_signal_is_not_given_to_the_next_run_of_the_id_as_well() {
    check(
        "x: start
        p: start
        p: poll
        p: complete send=x:hello
        post p lost
        x: terminate
        x: start request=again
        post p all",
        r#"
            > x: start
            x: 1 WorkflowExecutionStarted attempt=1
            x: 2 WorkflowTaskScheduled timeout=10s
            x: = started x-1 Running
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=x:hello
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=x name=hello
            p: * 5 Ask to x: signal hello
            > post p lost
            x: 3 WorkflowExecutionSignaled name=hello from=p-1
            x: = Done
            > x: terminate
            x: 4 WorkflowExecutionTerminated reason="enough"
            > x: start request=again
            x: x-2/1 WorkflowExecutionStarted attempt=1
            x: x-2/2 WorkflowTaskScheduled timeout=10s
            x: = started x-2 Running
            > post p all
            x: = Done
            p: 6 ExternalWorkflowExecutionSignaled initiated=5
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to x: acknowledge
            p: * settled 5 Ask
            x: = Done
        "#,
    );
}

#[test]
fn a_signal_is_not_given_to_the_next_run_after_the_first_was_deleted() {
    check(
        "x: start
        p: start
        p: poll
        p: complete send=x:hello
        post p lost
        x: delete
        x: start request=again
        post p all",
        r#"
            > x: start
            x: 1 WorkflowExecutionStarted attempt=1
            x: 2 WorkflowTaskScheduled timeout=10s
            x: = started x-1 Running
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=x:hello
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=x name=hello
            p: * 5 Ask to x: signal hello
            > post p lost
            x: 3 WorkflowExecutionSignaled name=hello from=p-1
            x: = Done
            > x: delete
            x: * removed x-1
            > x: start request=again
            x: x-2/1 WorkflowExecutionStarted attempt=1
            x: x-2/2 WorkflowTaskScheduled timeout=10s
            x: = started x-2 Running
            > post p all
            x: = Done
            p: 6 ExternalWorkflowExecutionSignaled initiated=5
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to x: acknowledge
            p: * settled 5 Ask
            x: = Done
        "#,
    );
}

#[test]
fn signals_arrive_in_order() {
    check(
        "x: start
        p: start
        p: poll
        p: complete send=x:one send=x:two send=x:three
        post p all",
        r#"
            > x: start
            x: 1 WorkflowExecutionStarted attempt=1
            x: 2 WorkflowTaskScheduled timeout=10s
            x: = started x-1 Running
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=x:one send=x:two send=x:three
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=x name=one
            p: 6 SignalExternalWorkflowExecutionInitiated to=x name=two
            p: 7 SignalExternalWorkflowExecutionInitiated to=x name=three
            p: * 5 Ask to x: signal one
            p: * 6 Ask to x: signal two
            p: * 7 Ask to x: signal three
            > post p all
            x: 3 WorkflowExecutionSignaled name=one from=p-1
            x: = Done
            p: 8 ExternalWorkflowExecutionSignaled initiated=5
            p: 9 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to x: acknowledge
            p: * settled 5 Ask
            x: = Done
            x: 4 WorkflowExecutionSignaled name=two from=p-1
            x: = Done
            p: 10 ExternalWorkflowExecutionSignaled initiated=6
            p: * 6 Follow to x: acknowledge
            p: * settled 6 Ask
            x: = Done
            x: 5 WorkflowExecutionSignaled name=three from=p-1
            x: = Done
            p: 11 ExternalWorkflowExecutionSignaled initiated=7
            p: * 7 Follow to x: acknowledge
            p: * settled 7 Ask
            x: = Done
        "#,
    );
}

#[test]
fn a_signal_to_nobody_fails() {
    check(
        "p: start
        p: poll
        p: complete send=x:hello stop-other=x
        post p all",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=x:hello stop-other=x
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=x name=hello
            p: 6 RequestCancelExternalWorkflowExecutionInitiated to=x
            p: * 5 Ask to x: signal hello
            p: * 6 Ask to x: cancel
            > post p all
            x: = NotFound
            p: 7 SignalExternalWorkflowExecutionFailed initiated=5 cause=ExternalWorkflowExecutionNotFound
            p: 8 WorkflowTaskScheduled timeout=10s
            p: * settled 5 Ask
            x: = NotFound
            p: 9 RequestCancelExternalWorkflowExecutionFailed initiated=6 cause=ExternalWorkflowExecutionNotFound
            p: * settled 6 Ask
        "#,
    );
}

#[test]
fn a_signal_to_a_closed_workflow_fails_and_a_cancel_does_not() {
    check(
        "x: start
        x: terminate
        p: start
        p: poll
        p: complete send=x:hello stop-other=x
        post p all",
        r#"
            > x: start
            x: 1 WorkflowExecutionStarted attempt=1
            x: 2 WorkflowTaskScheduled timeout=10s
            x: = started x-1 Running
            > x: terminate
            x: 3 WorkflowExecutionTerminated reason="enough"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=x:hello stop-other=x
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=x name=hello
            p: 6 RequestCancelExternalWorkflowExecutionInitiated to=x
            p: * 5 Ask to x: signal hello
            p: * 6 Ask to x: cancel
            > post p all
            x: = NotFound
            p: 7 SignalExternalWorkflowExecutionFailed initiated=5 cause=ExternalWorkflowExecutionNotFound
            p: 8 WorkflowTaskScheduled timeout=10s
            p: * settled 5 Ask
            x: = Done
            p: 9 ExternalWorkflowExecutionCancelRequested initiated=6
            p: * 6 Follow to x: acknowledge
            p: * settled 6 Ask
            x: = Done
        "#,
    );
}

#[test]
fn a_workflow_does_not_reach_itself() {
    check(
        "p: start
        p: poll
        p: complete send=p:hello stop-other=p
        post p all",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=p:hello stop-other=p
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=p name=hello
            p: 6 RequestCancelExternalWorkflowExecutionInitiated to=p
            p: * 5 Ask to p: signal hello
            p: * 6 Ask to p: cancel
            > post p all
            p: = NotFound
            p: 7 SignalExternalWorkflowExecutionFailed initiated=5 cause=ExternalWorkflowExecutionNotFound
            p: 8 WorkflowTaskScheduled timeout=10s
            p: * settled 5 Ask
            p: = NotFound
            p: 9 RequestCancelExternalWorkflowExecutionFailed initiated=6 cause=ExternalWorkflowExecutionNotFound
            p: * settled 6 Ask
        "#,
    );
}

#[test]
fn what_is_for_children_only_reaches_no_other() {
    check(
        "x: start
        p: start
        p: poll
        p: complete send=x:hello,only stop-other=x:only
        post p all",
        r#"
            > x: start
            x: 1 WorkflowExecutionStarted attempt=1
            x: 2 WorkflowTaskScheduled timeout=10s
            x: = started x-1 Running
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=x:hello,only stop-other=x:only
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=x name=hello
            p: 6 RequestCancelExternalWorkflowExecutionInitiated to=x
            p: * 5 Ask to x: signal hello
            p: * 6 Ask to x: cancel
            > post p all
            x: = NotFound
            p: 7 SignalExternalWorkflowExecutionFailed initiated=5 cause=ExternalWorkflowExecutionNotFound
            p: 8 WorkflowTaskScheduled timeout=10s
            p: * settled 5 Ask
            x: = NotFound
            p: 9 RequestCancelExternalWorkflowExecutionFailed initiated=6 cause=ExternalWorkflowExecutionNotFound
            p: * settled 6 Ask
        "#,
    );
}

#[test]
fn what_is_for_children_only_reaches_children() {
    check(
        "p: start
        p: poll
        p: complete child=c send=c:hello,only
        post p all
        p: poll
        p: complete stop-other=c:only
        post p all",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c send=c:hello,only
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: 6 SignalExternalWorkflowExecutionInitiated to=c name=hello
            p: * 5 Ask to c: start
            p: * 6 Ask to c: signal hello
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 7 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 8 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            c: 3 WorkflowExecutionSignaled name=hello from=p-1
            c: = Done
            p: 9 ExternalWorkflowExecutionSignaled initiated=6
            p: * 6 Follow to c: acknowledge
            p: * settled 6 Ask
            c: = Done
            > p: poll
            p: 10 WorkflowTaskStarted scheduled=8
            p: = task events 1..11
            > p: complete stop-other=c:only
            p: 11 WorkflowTaskCompleted scheduled=8 started=10
            p: 12 RequestCancelExternalWorkflowExecutionInitiated to=c
            p: * 12 Ask to c: cancel
            > post p all
            c: 4 WorkflowExecutionCancelRequested cause=why from=p-1 initiated=12
            c: = Done
            p: 13 ExternalWorkflowExecutionCancelRequested initiated=12
            p: 14 WorkflowTaskScheduled timeout=10s
            p: * 12 Follow to c: acknowledge
            p: * settled 12 Ask
            c: = Done
        "#,
    );
}

#[test]
fn a_cancel_that_comes_twice_is_told_once() {
    check(
        "x: start
        p: start
        p: poll
        p: complete stop-other=x
        post p lost
        post p
        post p",
        r#"
            > x: start
            x: 1 WorkflowExecutionStarted attempt=1
            x: 2 WorkflowTaskScheduled timeout=10s
            x: = started x-1 Running
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete stop-other=x
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 RequestCancelExternalWorkflowExecutionInitiated to=x
            p: * 5 Ask to x: cancel
            > post p lost
            x: 3 WorkflowExecutionCancelRequested cause=why from=p-1 initiated=5
            x: = Done
            > post p
            x: = Done
            p: 6 ExternalWorkflowExecutionCancelRequested initiated=5
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to x: acknowledge
            p: * settled 5 Ask
            > post p
            x: = Done
        "#,
    );
}

#[test]
fn a_cancel_is_not_given_to_the_next_run_of_the_id_as_well() {
    check(
        "x: start
        p: start
        p: poll
        p: complete stop-other=x
        post p lost
        x: terminate
        x: start request=again
        post p all",
        r#"
            > x: start
            x: 1 WorkflowExecutionStarted attempt=1
            x: 2 WorkflowTaskScheduled timeout=10s
            x: = started x-1 Running
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete stop-other=x
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 RequestCancelExternalWorkflowExecutionInitiated to=x
            p: * 5 Ask to x: cancel
            > post p lost
            x: 3 WorkflowExecutionCancelRequested cause=why from=p-1 initiated=5
            x: = Done
            > x: terminate
            x: 4 WorkflowExecutionTerminated reason="enough"
            > x: start request=again
            x: x-2/1 WorkflowExecutionStarted attempt=1
            x: x-2/2 WorkflowTaskScheduled timeout=10s
            x: = started x-2 Running
            > post p all
            x: = Done
            p: 6 ExternalWorkflowExecutionCancelRequested initiated=5
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to x: acknowledge
            p: * settled 5 Ask
            x: = Done
        "#,
    );
}

#[test]
fn a_workflow_that_ends_takes_back_what_was_not_sent() {
    check(
        "x: start
        p: start
        p: poll
        p: complete send=x:one stop-other=x
        p: terminate
        post p all",
        r#"
            > x: start
            x: 1 WorkflowExecutionStarted attempt=1
            x: 2 WorkflowTaskScheduled timeout=10s
            x: = started x-1 Running
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=x:one stop-other=x
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=x name=one
            p: 6 RequestCancelExternalWorkflowExecutionInitiated to=x
            p: * 5 Ask to x: signal one
            p: * 6 Ask to x: cancel
            > p: terminate
            p: 7 WorkflowExecutionTerminated reason="enough"
            p: * 5 Follow to x: recall
            p: * 6 Follow to x: recall
            p: * settled 5 Ask
            p: * settled 6 Ask
            > post p all
            x: = Done
            x: = Done
        "#,
    );
}

#[test]
fn a_workflow_that_ends_takes_back_the_receipt_of_what_was_sent() {
    check(
        "x: start
        p: start
        p: poll
        p: complete send=x:one
        post p lost
        p: terminate
        post p all",
        r#"
            > x: start
            x: 1 WorkflowExecutionStarted attempt=1
            x: 2 WorkflowTaskScheduled timeout=10s
            x: = started x-1 Running
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=x:one
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=x name=one
            p: * 5 Ask to x: signal one
            > post p lost
            x: 3 WorkflowExecutionSignaled name=one from=p-1
            x: = Done
            > p: terminate
            p: 6 WorkflowExecutionTerminated reason="enough"
            p: * 5 Follow to x: recall
            p: * settled 5 Ask
            > post p all
            x: = Done
        "#,
    );
}

#[test]
fn a_request_that_starts_and_cancels_a_child_at_once_makes_no_sense() {
    check(
        "p: start
        p: poll
        p: complete child=c stop-other=c",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c stop-other=c
            p: 4 WorkflowTaskFailed cause=BadRequestCancelExternalWorkflowExecutionAttributes failure="BadRequestCancelExternalWorkflowExecutionAttributes: Start and RequestCancel for child workflow is not allowed in same workflow task. WorkflowId=c RunId= Namespace="
            p: = task failed: BadRequestCancelExternalWorkflowExecutionAttributes: Start and RequestCancel for child workflow is not allowed in same workflow task. WorkflowId=c RunId= Namespace=
        "#,
    );
}

#[test]
fn a_request_without_a_target_fails_the_task() {
    check(
        "p: start
        p: poll
        p: complete send=:hello",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=:hello
            p: 4 WorkflowTaskFailed cause=BadSignalWorkflowExecutionAttributes failure="BadSignalWorkflowExecutionAttributes: WorkflowId is not set on SignalExternalWorkflowExecutionCommand. Namespace= RunId= SignalName=hello"
            p: = task failed: BadSignalWorkflowExecutionAttributes: WorkflowId is not set on SignalExternalWorkflowExecutionCommand. Namespace= RunId= SignalName=hello
        "#,
    );
}

#[test]
fn a_run_id_must_look_like_one() {
    check(
        "p: start
        p: poll
        p: complete stop-other=x:run=nonsense",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete stop-other=x:run=nonsense
            p: 4 WorkflowTaskFailed cause=BadRequestCancelExternalWorkflowExecutionAttributes failure="BadRequestCancelExternalWorkflowExecutionAttributes: Invalid RunId set on RequestCancelExternalWorkflowExecutionCommand. WorkflowId=x RunId=nonsense Namespace="
            p: = task failed: BadRequestCancelExternalWorkflowExecutionAttributes: Invalid RunId set on RequestCancelExternalWorkflowExecutionCommand. WorkflowId=x RunId=nonsense Namespace=
        "#,
    );
}

#[test]
fn a_signal_that_waits_for_a_worker_is_told_of_afterwards() {
    check(
        "x: start
        x: poll
        p: start
        p: poll
        p: complete send=x:hello
        post p all
        x: complete",
        r#"
            > x: start
            x: 1 WorkflowExecutionStarted attempt=1
            x: 2 WorkflowTaskScheduled timeout=10s
            x: = started x-1 Running
            > x: poll
            x: 3 WorkflowTaskStarted scheduled=2
            x: = task events 1..4
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete send=x:hello
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=x name=hello
            p: * 5 Ask to x: signal hello
            > post p all
            x: = Done
            p: 6 ExternalWorkflowExecutionSignaled initiated=5
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to x: acknowledge
            p: * settled 5 Ask
            x: = Done
            > x: complete
            x: 4 WorkflowTaskCompleted scheduled=2 started=3
            x: 5 WorkflowExecutionSignaled name=hello from=p-1
            x: 6 WorkflowTaskScheduled timeout=10s
        "#,
    );
}
