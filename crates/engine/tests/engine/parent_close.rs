//! What becomes of children when their parent ends.

use crate::family::check;

#[test]
fn a_child_whose_parent_closes_in_the_same_breath_is_never_started() {
    check(
        "p: start
        p: poll
        p: complete child=c send=x:s done
        post p all",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c send=x:s done
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: 6 SignalExternalWorkflowExecutionInitiated to=x name=s
            p: 7 WorkflowExecutionCompleted
            > post p all
        "#,
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one transcript")]
fn the_reuse_policy_of_a_child_counts() {
    check(
        "c: start
        c: poll
        c: complete done
        p: start
        p: poll
        p: complete child=c:reuse=reject
        post p
        p: poll
        p: complete child=c:reuse=failed-only
        post p
        p: poll
        p: complete child=c
        post p all",
        r#"
            > c: start
            c: 1 WorkflowExecutionStarted attempt=1
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = started c-1 Running
            > c: poll
            c: 3 WorkflowTaskStarted scheduled=2
            c: = task events 1..4
            > c: complete done
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionCompleted
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c:reuse=reject
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c
            p: * 5 Ask to c: start
            > post p
            c: = AlreadyExists
            p: 6 StartChildWorkflowExecutionFailed initiated=5 cause=WorkflowAlreadyExists
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * settled 5 Ask
            > p: poll
            p: 8 WorkflowTaskStarted scheduled=7
            p: = task events 1..9
            > p: complete child=c:reuse=failed-only
            p: 9 WorkflowTaskCompleted scheduled=7 started=8
            p: 10 StartChildWorkflowExecutionInitiated id=c
            p: * 10 Ask to c: start
            > post p
            c: = AlreadyExists
            p: 11 StartChildWorkflowExecutionFailed initiated=10 cause=WorkflowAlreadyExists
            p: 12 WorkflowTaskScheduled timeout=10s
            p: * settled 10 Ask
            > p: poll
            p: 13 WorkflowTaskStarted scheduled=12
            p: = task events 1..14
            > p: complete child=c
            p: 14 WorkflowTaskCompleted scheduled=12 started=13
            p: 15 StartChildWorkflowExecutionInitiated id=c
            p: * 15 Ask to c: start
            > post p all
            c: c-2/1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=15 root=p-1
            c: = ChildStarted("c-2")
            p: 16 ChildWorkflowExecutionStarted initiated=15 run=c-2
            p: 17 WorkflowTaskScheduled timeout=10s
            p: * 15 Follow to c: first task of c-2
            p: * settled 15 Ask
            c: c-2/2 WorkflowTaskScheduled timeout=10s
            c: = Done
        "#,
    );
}

#[test]
fn a_child_that_started_unheard_before_its_parent_ended_is_ended() {
    check(
        "p: start
        p: poll
        p: complete child=c:policy=abandon
        post p lost
        p: terminate
        post p all",
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
            > post p lost
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            > p: terminate
            p: 6 WorkflowExecutionTerminated reason="enough"
            p: * 5 Follow to c: recall
            p: * settled 5 Ask
            > post p all
            c: 2 WorkflowExecutionTerminated reason="by parent close policy"
            c: * 2 Ask to p: child closed, WorkflowExecutionTerminated
            c: = Done
            p: = Done
        "#,
    );
}

#[test]
fn a_child_that_was_not_asked_before_its_parent_ended_is_not_asked() {
    check(
        "p: start
        p: poll
        p: complete child=c
        p: terminate
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
            > p: terminate
            p: 6 WorkflowExecutionTerminated reason="enough"
            p: * 5 Follow to c: recall
            p: * settled 5 Ask
            > post p all
            c: = Done
        "#,
    );
}

#[test]
fn a_parent_that_ends_ends_its_children_by_their_policies() {
    check(
        "p: start
        p: poll
        p: complete child=a child=b:policy=cancel child=c:policy=abandon
        post p all
        p: poll
        p: complete done
        post p all",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=a child=b:policy=cancel child=c:policy=abandon
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=a
            p: 6 StartChildWorkflowExecutionInitiated id=b policy=RequestCancel
            p: 7 StartChildWorkflowExecutionInitiated id=c policy=Abandon
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
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=7 root=p-1
            c: = ChildStarted("c-1")
            p: 11 ChildWorkflowExecutionStarted initiated=7 run=c-1
            p: * 7 Follow to c: first task of c-1
            p: * settled 7 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > p: poll
            p: 12 WorkflowTaskStarted scheduled=9
            p: = task events 1..13
            > p: complete done
            p: 13 WorkflowTaskCompleted scheduled=9 started=12
            p: 14 WorkflowExecutionCompleted
            p: * 5 End to a: parent closed, Terminate a-1
            p: * 6 End to b: parent closed, RequestCancel b-1
            > post p all
            a: 3 WorkflowExecutionTerminated reason="by parent close policy"
            a: * 3 Ask to p: child closed, WorkflowExecutionTerminated
            a: = Done
            p: = Done
            b: 3 WorkflowExecutionCancelRequested from=p-1
            b: = Done
        "#,
    );
}

#[test]
fn a_parent_that_goes_on_ends_its_children_too() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p all
        +5s
        p: poll
        p: complete can=again
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
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > +5s
            > p: poll
            p: 8 WorkflowTaskStarted scheduled=7
            p: = task events 1..9
            > p: complete can=again
            p: 9 WorkflowTaskCompleted scheduled=7 started=8
            p: 10 WorkflowExecutionContinuedAsNew next=p-2
            p: p-2/1 WorkflowExecutionStarted attempt=1 by=Workflow input=again after=p-1
            p: p-2/2 WorkflowTaskScheduled timeout=10s
            p: * 5 End to c: parent closed, Terminate c-1
            > post p all
            c: 3 WorkflowExecutionTerminated reason="by parent close policy"
            c: * 3 Ask to p: child closed, WorkflowExecutionTerminated
            c: = Done
            p: = Done
        "#,
    );
}

#[test]
fn the_policy_follows_the_child_along_its_chain() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p all
        +5s
        c: poll
        c: complete can=again
        p: terminate
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
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > +5s
            > c: poll
            c: 3 WorkflowTaskStarted scheduled=2
            c: = task events 1..4
            > c: complete can=again
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionContinuedAsNew next=c-2
            c: c-2/1 WorkflowExecutionStarted attempt=1 by=Workflow input=again after=c-1 parent=p-1 initiated=5 root=p-1
            c: c-2/2 WorkflowTaskScheduled timeout=10s
            > p: terminate
            p: 8 WorkflowExecutionTerminated reason="enough"
            p: * 5 End to c: parent closed, Terminate c-1
            > post p all
            c: c-2/3 WorkflowExecutionTerminated reason="by parent close policy"
            c: * 3 Ask to p: child closed, WorkflowExecutionTerminated
            c: = Done
            p: = Done
        "#,
    );
}

#[test]
fn the_policy_does_not_reach_another_workflow_of_the_same_id() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p all
        c: terminate
        c: start request=other
        p: terminate
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
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > c: terminate
            c: 3 WorkflowExecutionTerminated reason="enough"
            c: * 3 Ask to p: child closed, WorkflowExecutionTerminated
            > c: start request=other
            c: c-2/1 WorkflowExecutionStarted attempt=1
            c: c-2/2 WorkflowTaskScheduled timeout=10s
            c: = started c-2 Running
            > p: terminate
            p: 8 WorkflowExecutionTerminated reason="enough"
            p: * 5 End to c: parent closed, Terminate c-1
            > post p all
            p: = Done
            c: = Done
        "#,
    );
}

#[test]
fn a_policy_that_comes_twice_does_nothing_more() {
    check(
        "p: start
        p: poll
        p: complete child=c:policy=cancel
        post p all
        p: terminate
        post p lost
        post p",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c:policy=cancel
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=c policy=RequestCancel
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
            p: * 5 End to c: parent closed, RequestCancel c-1
            > post p lost
            c: 3 WorkflowExecutionCancelRequested from=p-1
            c: = Done
            > post p
            c: = Done
        "#,
    );
}

#[test]
fn the_first_task_of_an_abandoned_child_is_scheduled_after_its_parents_end() {
    check(
        "p: start
        p: poll
        p: complete child=c:policy=abandon
        post p
        p: terminate
        post p all",
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
            > post p
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            > p: terminate
            p: 8 WorkflowExecutionTerminated reason="enough"
            > post p all
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
        "#,
    );
}

#[test]
fn a_parent_that_is_deleted_ends_its_child() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p all
        p: delete
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
            > post p all
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            p: 6 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
            > p: delete
            p: * removed p-1
            p: * 5 End to c: parent closed, Terminate c-1
            > post p all
            c: 3 WorkflowExecutionTerminated reason="by parent close policy"
            c: * 3 Ask to p: child closed, WorkflowExecutionTerminated
            c: = Done
            p: = Done
        "#,
    );
}
