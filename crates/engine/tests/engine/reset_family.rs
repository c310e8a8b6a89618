//! Resets of workflows that have children, are children, or have something on its way to others.

use weft_engine::Settings;

use crate::{
    children_property::check_quiet,
    family::{Family, check},
};

#[test]
fn a_child_that_runs_reports_to_the_new_run() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p all
        p: poll
        p: complete
        p: reset last
        post p all
        c: poll
        c: complete done=42
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
            > p: poll
            p: 8 WorkflowTaskStarted scheduled=7
            p: = task events 1..9
            > p: complete
            p: 9 WorkflowTaskCompleted scheduled=7 started=8
            > p: reset last
            p: 10 WorkflowExecutionTerminated reason="again"
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: find c-1
            p: = reset to p-2
            > post p all
            c: found Open
            p: * settled 5 Ask
            > c: poll
            c: 3 WorkflowTaskStarted scheduled=2
            c: = task events 1..4
            > c: complete done=42
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionCompleted result=42
            c: * 5 Ask to p: child closed, WorkflowExecutionCompleted
            > post c
            p: p-2/11 ChildWorkflowExecutionCompleted initiated=5 started=6 run=c-1 result=42
            p: = Done
        "#,
    );
}

#[test]
fn a_child_whose_start_was_on_its_way_starts_once() {
    check(
        "p: start
        p: poll
        p: complete child=c
        p: signal a
        p: poll
        p: complete
        post p lost
        p: reset last
        post p
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
            > p: signal a
            p: 6 WorkflowExecutionSignaled name=a
            p: 7 WorkflowTaskScheduled timeout=10s
            p: = signaled p-1
            > p: poll
            p: 8 WorkflowTaskStarted scheduled=7
            p: = task events 1..9
            > p: complete
            p: 9 WorkflowTaskCompleted scheduled=7 started=8
            > post p lost
            c: 1 WorkflowExecutionStarted attempt=1 parent=p-1 initiated=5 root=p-1
            c: = ChildStarted("c-1")
            > p: reset last
            p: 10 WorkflowExecutionTerminated reason="again"
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: start
            p: * settled 5 Ask
            p: = reset to p-2
            > post p
            c: = ChildStarted("c-1")
            p: p-2/11 ChildWorkflowExecutionStarted initiated=5 run=c-1
            p: * 5 Follow to c: first task of c-1
            p: * settled 5 Ask
            > post p all
            c: 2 WorkflowTaskScheduled timeout=10s
            c: = Done
        "#,
    );
}

#[test]
fn a_signal_that_had_arrived_is_not_sent_again() {
    check(
        "c: start
        p: start
        p: poll
        p: complete send=c:hello
        p: signal a
        p: poll
        p: complete
        post p lost
        p: reset last
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
            > p: complete send=c:hello
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 SignalExternalWorkflowExecutionInitiated to=c name=hello
            p: * 5 Ask to c: signal hello
            > p: signal a
            p: 6 WorkflowExecutionSignaled name=a
            p: 7 WorkflowTaskScheduled timeout=10s
            p: = signaled p-1
            > p: poll
            p: 8 WorkflowTaskStarted scheduled=7
            p: = task events 1..9
            > p: complete
            p: 9 WorkflowTaskCompleted scheduled=7 started=8
            > post p lost
            c: 3 WorkflowExecutionSignaled name=hello from=p-1
            c: = Done
            > p: reset last
            p: 10 WorkflowExecutionTerminated reason="again"
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: signal hello
            p: * settled 5 Ask
            p: = reset to p-2
            > post p all
            c: = Done
            p: p-2/11 ExternalWorkflowExecutionSignaled initiated=5
            p: * 5 Follow to c: acknowledge
            p: * settled 5 Ask
            c: = Done
        "#,
    );
}

#[test]
fn what_the_new_run_does_not_know_of_is_called_back() {
    check(
        "p: start
        p: poll
        p: complete child=c
        p: reset first
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
            > p: reset first
            p: 6 WorkflowExecutionTerminated reason="again"
            p: p-2/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/5 WorkflowTaskScheduled timeout=10s
            p: ~ listed Running
            p: * 5 Follow to c: recall
            p: * settled 5 Ask
            p: = reset to p-2
            > post p all
            c: = Done
        "#,
    );
}

#[test]
fn the_parent_of_a_reset_child_learns_the_result_of_its_last_run() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p all
        c: poll
        c: complete
        c: reset last
        post c all
        c: poll
        c: complete done=42
        post c all",
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
            > c: complete
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            > c: reset last
            c: 5 WorkflowExecutionTerminated reason="again"
            c: c-2/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            c: c-2/5 WorkflowTaskScheduled timeout=10s
            c: ~ listed Running
            c: = reset to c-2
            > post c all
            > c: poll
            c: c-2/6 WorkflowTaskStarted scheduled=5
            c: = task events 1..7
            > c: complete done=42
            c: c-2/7 WorkflowTaskCompleted scheduled=5 started=6
            c: c-2/8 WorkflowExecutionCompleted result=42
            c: * 8 Ask to p: child closed, WorkflowExecutionCompleted
            > post c all
            p: 8 ChildWorkflowExecutionCompleted initiated=5 started=6 run=c-2 result=42
            p: = Done
        "#,
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one transcript")]
fn a_child_of_a_run_that_followed_is_not_the_child_of_the_same_number() {
    check(
        "p: start
        p: poll
        p: complete child=c
        post p all
        p: poll
        p: complete can=again
        p: +1s
        p: poll
        p: complete child=d
        post p all
        d: poll
        d: complete done=42
        post d
        p: reset last run=p-1",
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
            > p: poll
            p: 8 WorkflowTaskStarted scheduled=7
            p: = task events 1..9
            > p: complete can=again
            p: 9 WorkflowTaskCompleted scheduled=7 started=8
            p: 10 WorkflowExecutionContinuedAsNew next=p-2
            p: p-2/1 WorkflowExecutionStarted attempt=1 by=Workflow input=again after=p-1 backoff=1s
            p: * 5 End to c: parent closed, Terminate c-1
            > p: +1s
            p: p-2/2 WorkflowTaskScheduled timeout=10s
            > p: poll
            p: p-2/3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=d
            p: p-2/4 WorkflowTaskCompleted scheduled=2 started=3
            p: p-2/5 StartChildWorkflowExecutionInitiated id=d
            p: * 5 Ask to d: start
            > post p all
            c: 3 WorkflowExecutionTerminated reason="by parent close policy"
            c: * 3 Ask to p: child closed, WorkflowExecutionTerminated
            c: = Done
            p: = Done
            d: 1 WorkflowExecutionStarted attempt=1 parent=p-2 initiated=5 root=p-2
            d: = ChildStarted("d-1")
            p: p-2/6 ChildWorkflowExecutionStarted initiated=5 run=d-1
            p: p-2/7 WorkflowTaskScheduled timeout=10s
            p: * 5 Follow to d: first task of d-1
            p: * settled 5 Ask
            d: 2 WorkflowTaskScheduled timeout=10s
            d: = Done
            > d: poll
            d: 3 WorkflowTaskStarted scheduled=2
            d: = task events 1..4
            > d: complete done=42
            d: 4 WorkflowTaskCompleted scheduled=2 started=3
            d: 5 WorkflowExecutionCompleted result=42
            d: * 5 Ask to p: child closed, WorkflowExecutionCompleted
            > post d
            p: p-2/8 ChildWorkflowExecutionCompleted initiated=5 started=6 run=d-1 result=42
            p: = Done
            > p: reset last run=p-1
            p: p-2/9 WorkflowExecutionTerminated reason="again"
            p: p-3/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-3/10 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: find c-1
            p: = reset to p-3
        "#,
    );
}

/// A parent with a child that lives on, or ends by its policy; then the parent has ended.
const ENDED_PARENT: &str = "p: start
        p: poll
        p: complete child=c
        post p all
        p: poll
        p: complete done
        post p all";

/// What comes after that, alone.
fn check_after(before: &str, scenario: &str, expected: &str) {
    let mut family = Family::new(Settings::default());
    before.lines().for_each(|line| family.line(line.trim()));
    drop(family.take_transcript());
    scenario.lines().for_each(|line| family.line(line.trim()));
    check_quiet(&family);
    let trim = |text: &str| text.trim().lines().map(|line| format!("{}\n", line.trim())).collect::<String>();
    let actual = family.take_transcript();
    assert!(trim(&actual) == trim(expected), "the transcript is\n{actual}\nand should be\n{}", trim(expected));
}

#[test]
fn a_child_that_its_parents_end_ended_is_known_to_have_ended() {
    check_after(
        ENDED_PARENT,
        "p: reset last
        post p all",
        r#"
            > p: reset last
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: find c-1
            p: = reset to p-2
            > post p all
            c: found c-1, WorkflowExecutionTerminated
            p: p-2/11 ChildWorkflowExecutionTerminated initiated=5 started=6 run=c-1
            p: * settled 5 Ask
        "#,
    );
}

#[test]
fn a_child_that_ended_while_nobody_waited_gives_its_result() {
    check_after(
        "p: start
        p: poll
        p: complete child=c:policy=abandon
        post p all
        p: poll
        p: complete done
        c: poll
        c: complete can=again
        c: +1s
        c: poll
        c: complete done=42
        post c all",
        "p: reset last
        post p lost
        post p lost
        post p all",
        r#"
            > p: reset last
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: find c-1
            p: = reset to p-2
            > post p lost
            c: found c-2, WorkflowExecutionCompleted
            > post p lost
            c: found c-2, WorkflowExecutionCompleted
            > post p all
            c: found c-2, WorkflowExecutionCompleted
            p: p-2/11 ChildWorkflowExecutionCompleted initiated=5 started=6 run=c-2 result=42
            p: * settled 5 Ask
        "#,
    );
}

#[test]
fn a_child_whose_workflow_id_was_taken_since_is_found_all_the_same() {
    check_after(
        &format!(
            "{ENDED_PARENT}
        c: start"
        ),
        "p: reset last
        post p all",
        r#"
            > p: reset last
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: find c-1
            p: = reset to p-2
            > post p all
            c: found c-1, WorkflowExecutionTerminated
            p: p-2/11 ChildWorkflowExecutionTerminated initiated=5 started=6 run=c-1
            p: * settled 5 Ask
        "#,
    );
}

#[test]
fn a_child_that_is_gone_is_known_to_be_gone() {
    check_after(
        &format!(
            "{ENDED_PARENT}
        c: delete"
        ),
        "p: reset last
        post p all",
        r#"
            > p: reset last
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: find c-1
            p: = reset to p-2
            > post p all
            c: found Gone
            p: p-2/11 ChildWorkflowExecutionFailed initiated=5 started=6 run=c-1 failure="The child workflow is not there any more: how it ended is not known." retry=NonRetryableFailure
            p: * settled 5 Ask
        "#,
    );
}

#[test]
fn a_run_that_is_reset_before_it_hears_of_its_child_leaves_no_question_behind() {
    check_after(
        ENDED_PARENT,
        "p: reset last
        p: reset last run=p-1 request=again
        post p all",
        r#"
            > p: reset last
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: find c-1
            p: = reset to p-2
            > p: reset last run=p-1 request=again
            p: p-2/11 WorkflowExecutionTerminated reason="again"
            p: p-3/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-3/10 WorkflowTaskScheduled timeout=10s
            p: * 5 End to c: parent closed, Terminate c-1
            p: * 5 Ask to c: find c-1
            p: = reset to p-3
            > post p all
            c: found c-1, WorkflowExecutionTerminated
            p: * settled 5 Ask
            c: = Done
            c: found c-1, WorkflowExecutionTerminated
            p: p-3/11 ChildWorkflowExecutionTerminated initiated=5 started=6 run=c-1
            p: * settled 5 Ask
        "#,
    );
}

#[test]
fn a_child_tells_of_its_end_before_it_is_found() {
    check_after(
        "p: start
        p: poll
        p: complete child=c
        post p all
        p: poll
        p: complete
        c: poll",
        "p: reset last
        c: complete done=42
        post c
        post p",
        r#"
            > p: reset last
            p: 10 WorkflowExecutionTerminated reason="again"
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: find c-1
            p: = reset to p-2
            > c: complete done=42
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionCompleted result=42
            c: * 5 Ask to p: child closed, WorkflowExecutionCompleted
            > post c
            p: p-2/11 ChildWorkflowExecutionCompleted initiated=5 started=6 run=c-1 result=42
            p: = Done
            > post p
            c: found c-1, WorkflowExecutionCompleted
            p: * settled 5 Ask
        "#,
    );
}

#[test]
fn a_reset_run_that_is_deleted_leaves_no_question_behind() {
    check_after(
        ENDED_PARENT,
        "p: reset last
        p: delete
        post p all",
        r#"
            > p: reset last
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: find c-1
            p: = reset to p-2
            > p: delete
            p: * removed p-2
            p: * 5 End to c: parent closed, Terminate c-1
            > post p all
            c: found c-1, WorkflowExecutionTerminated
            p: * settled 5 Ask
            c: = Done
        "#,
    );
}

/// A parent that has seen its child start, and has ended its task.
const PARENT_WITH_CHILD: &str = "p: start
        p: poll
        p: complete child=c
        post p all
        p: poll
        p: complete
        c: poll";

#[test]
fn a_child_that_is_left_lives_on_and_its_new_parent_is_told() {
    check_after(
        PARENT_WITH_CHILD,
        "p: reset last leave dry
        p: reset last leave
        c: complete done=42
        post c
        p: poll
        p: complete done
        post p all",
        r#"
            > p: reset last leave dry
            p: = would share up to 9 ResetPlan { base: "p-1", finish: EventId(9), reapplied: [], dropped: [("p-1", EventId(9)), ("p-1", EventId(10))], again: [], left: [EventId(5)] }
            > p: reset last leave
            p: 10 WorkflowExecutionTerminated reason="again"
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 ChildWorkflowExecutionFailed initiated=5 started=6 run=c-1 failure="The child workflow was left to the run that was reset: it may run on." retry=NonRetryableFailure
            p: p-2/11 WorkflowTaskScheduled timeout=10s
            p: = reset to p-2
            > c: complete done=42
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionCompleted result=42
            c: * 5 Ask to p: child closed, WorkflowExecutionCompleted
            > post c
            p: = Done
            > p: poll
            p: p-2/12 WorkflowTaskStarted scheduled=11
            p: = task events 1..13
            > p: complete done
            p: p-2/13 WorkflowTaskCompleted scheduled=11 started=12
            p: p-2/14 WorkflowExecutionCompleted
            > post p all
        "#,
    );
}

#[test]
fn a_child_that_was_left_stays_left_when_its_parent_is_reset_again() {
    check_after(
        PARENT_WITH_CHILD,
        "p: reset last leave
        p: poll
        p: complete
        p: reset last request=again
        post p all",
        r#"
            > p: reset last leave
            p: 10 WorkflowExecutionTerminated reason="again"
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 ChildWorkflowExecutionFailed initiated=5 started=6 run=c-1 failure="The child workflow was left to the run that was reset: it may run on." retry=NonRetryableFailure
            p: p-2/11 WorkflowTaskScheduled timeout=10s
            p: = reset to p-2
            > p: poll
            p: p-2/12 WorkflowTaskStarted scheduled=11
            p: = task events 1..13
            > p: complete
            p: p-2/13 WorkflowTaskCompleted scheduled=11 started=12
            > p: reset last request=again
            p: p-2/14 WorkflowExecutionTerminated reason="again"
            p: p-3/13 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-3/14 WorkflowTaskScheduled timeout=10s
            p: = reset to p-3
            > post p all
        "#,
    );
}

#[test]
fn a_child_that_was_left_is_taken_back_by_a_reset_of_the_run_that_began_it() {
    check_after(
        PARENT_WITH_CHILD,
        "p: reset last leave
        p: reset last run=p-1 request=again
        post p all
        c: complete done=42
        post c",
        r#"
            > p: reset last leave
            p: 10 WorkflowExecutionTerminated reason="again"
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 ChildWorkflowExecutionFailed initiated=5 started=6 run=c-1 failure="The child workflow was left to the run that was reset: it may run on." retry=NonRetryableFailure
            p: p-2/11 WorkflowTaskScheduled timeout=10s
            p: = reset to p-2
            > p: reset last run=p-1 request=again
            p: p-2/12 WorkflowExecutionTerminated reason="again"
            p: p-3/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-3/10 WorkflowTaskScheduled timeout=10s
            p: * 5 Ask to c: find c-1
            p: = reset to p-3
            > post p all
            c: found Open
            p: * settled 5 Ask
            > c: complete done=42
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionCompleted result=42
            c: * 5 Ask to p: child closed, WorkflowExecutionCompleted
            > post c
            p: p-3/11 ChildWorkflowExecutionCompleted initiated=5 started=6 run=c-1 result=42
            p: = Done
        "#,
    );
}

#[test]
fn what_a_left_child_came_to_is_not_taken_along() {
    check_after(
        PARENT_WITH_CHILD,
        "c: complete done=42
        post c
        p: reset 9 leave
        post p all",
        r#"
            > c: complete done=42
            c: 4 WorkflowTaskCompleted scheduled=2 started=3
            c: 5 WorkflowExecutionCompleted result=42
            c: * 5 Ask to p: child closed, WorkflowExecutionCompleted
            > post c
            p: 10 ChildWorkflowExecutionCompleted initiated=5 started=6 run=c-1 result=42
            p: 11 WorkflowTaskScheduled timeout=10s
            p: = Done
            > p: reset 9 leave
            p: 12 WorkflowExecutionTerminated reason="again"
            p: p-2/9 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            p: p-2/10 ChildWorkflowExecutionFailed initiated=5 started=6 run=c-1 failure="The child workflow was left to the run that was reset: it may run on." retry=NonRetryableFailure
            p: p-2/11 WorkflowTaskScheduled timeout=10s
            p: = reset to p-2
            > post p all
        "#,
    );
}
