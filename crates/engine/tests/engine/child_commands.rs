//! What a command that starts a child may not ask for.

use crate::{
    family::{check, check_with},
    script::changed,
};

#[test]
fn a_workflow_cannot_be_its_own_child() {
    check(
        "p: start
        p: poll
        p: complete child=p
        post p",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=p
            p: 4 WorkflowTaskCompleted scheduled=2 started=3
            p: 5 StartChildWorkflowExecutionInitiated id=p
            p: * 5 Ask to p: start
            > post p
            p: = AlreadyExists
            p: 6 StartChildWorkflowExecutionFailed initiated=5 cause=WorkflowAlreadyExists
            p: 7 WorkflowTaskScheduled timeout=10s
            p: * settled 5 Ask
        "#,
    );
}

#[test]
fn a_child_with_wrong_options_fails_the_task() {
    check(
        "p: start
        p: poll
        p: complete child=c:negative",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c:negative
            p: 4 WorkflowTaskFailed cause=BadStartChildExecutionAttributes failure="BadStartChildExecutionAttributes: Invalid WorkflowRunTimeout on StartChildWorkflowExecutionCommand: negative duration. WorkflowId=c WorkflowType=Kid Namespace=default"
            p: = task failed: BadStartChildExecutionAttributes: Invalid WorkflowRunTimeout on StartChildWorkflowExecutionCommand: negative duration. WorkflowId=c WorkflowType=Kid Namespace=default
        "#,
    );
}

#[test]
fn a_child_with_too_large_an_input_ends_the_parent() {
    check(
        "p: start
        p: poll
        p: complete child=c:big",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c:big
            p: 4 WorkflowTaskFailed cause=BadStartChildExecutionAttributes failure="BadStartChildExecutionAttributes: StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit."
            p: 5 WorkflowExecutionTerminated reason="BadStartChildExecutionAttributes: StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit."
            p: = task failed: BadStartChildExecutionAttributes: StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit.
        "#,
    );
}

#[test]
fn a_child_in_another_namespace_is_refused_by_default() {
    check(
        "p: start
        p: poll
        p: complete child=c:in=other",
        r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete child=c:in=other
            p: 4 WorkflowTaskFailed cause=BadStartChildExecutionAttributes failure="BadStartChildExecutionAttributes: cross namespace commands are not allowed"
            p: = task failed: BadStartChildExecutionAttributes: cross namespace commands are not allowed
        "#,
    );
}

/// The second of these commands is one too many.
fn check_limit(command: &str, cause: &str, what: &str) {
    let settings = changed(|settings| {
        settings.limits.pending_children = 1;
        settings.limits.pending_external_signals = 1;
        settings.limits.pending_external_cancels = 1;
    });
    let why = format!("{cause}: the number of pending {what}, 1, has reached the per-workflow limit of 1");
    check_with(
        settings,
        &format!("p: start\np: poll\np: complete {command}"),
        &format!(
            r#"
            > p: start
            p: 1 WorkflowExecutionStarted attempt=1
            p: 2 WorkflowTaskScheduled timeout=10s
            p: = started p-1 Running
            > p: poll
            p: 3 WorkflowTaskStarted scheduled=2
            p: = task events 1..4
            > p: complete {command}
            p: 4 WorkflowTaskFailed cause={cause} failure="{why}"
            p: = task failed: {why}
            "#
        ),
    );
}

#[test]
fn no_more_is_pending_than_the_limits_allow() {
    check_limit("child=a child=b", "PendingChildWorkflowsLimitExceeded", "child workflow executions");
    check_limit("send=x:s send=y:s", "PendingSignalsLimitExceeded", "signals to external workflows");
    check_limit(
        "stop-other=x stop-other=y",
        "PendingRequestCancelLimitExceeded",
        "requests to cancel external workflows",
    );
}
