//! Options of a run that change while it is open.

use crate::check;

#[test]
fn options_that_change_are_written_once() {
    check(
        "start
        options urgency=1
        options urgency=1
        options auto-upgrade fairness=k
        options unset
        options path=versioning_override.pinned
        options path=versioning_override.behavior
        poll
        options urgency=2
        complete can=again
        poll
        complete can=again
        options
        terminate
        options urgency=1 run=run-1",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > options urgency=1
            3 WorkflowExecutionOptionsUpdated urgency=1
            = options urgency=1 fairness=
            > options urgency=1
            = options urgency=1 fairness=
            > options auto-upgrade fairness=k
            4 WorkflowExecutionOptionsUpdated urgency=1
            = options urgency=1 fairness=k auto-upgrade
            > options unset
            5 WorkflowExecutionOptionsUpdated urgency=1
            = options urgency=1 fairness=k
            > options path=versioning_override.pinned
            ! invalid argument: error applying update_options: versioning_override doesn't support partial updates
            > options path=versioning_override.behavior
            ! invalid argument: error applying update_options: versioning_override fields must be updated together
            > poll
            6 WorkflowTaskStarted scheduled=2
            = task events 1..7
            > options urgency=2
            = options urgency=2 fairness=k
            > complete can=again
            7 WorkflowTaskFailed cause=UnhandledCommand failure="UnhandledCommand"
            8 WorkflowExecutionOptionsUpdated urgency=2
            9 WorkflowTaskScheduled timeout=10s
            = task failed: UnhandledCommand
            > poll
            10 WorkflowTaskStarted scheduled=9
            = task events 1..11
            > complete can=again
            11 WorkflowTaskCompleted scheduled=9 started=10
            12 WorkflowExecutionContinuedAsNew next=run-2
            run-2/1 WorkflowExecutionStarted attempt=1 by=Workflow input=again after=run-1 backoff=1s
            > options
            = options urgency=2 fairness=k
            > terminate
            run-2/2 WorkflowExecutionTerminated reason="enough"
            > options urgency=1 run=run-1
            ! WorkflowClosed
        "#,
    );
}

#[test]
fn options_that_are_set_once_do_not_undo_what_was_set_since() {
    check(
        "start
        options urgency=1 once=job:1
        options urgency=2
        options urgency=1 once=job:1
        signal job:1 request=job:1",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > options urgency=1 once=job:1
            3 WorkflowExecutionOptionsUpdated urgency=1
            = options urgency=1 fairness=
            > options urgency=2
            4 WorkflowExecutionOptionsUpdated urgency=2
            = options urgency=2 fairness=
            > options urgency=1 once=job:1
            > signal job:1 request=job:1
            5 WorkflowExecutionSignaled name=job:1
            = signaled run-1
        "#,
    );
}

/// Where their tasks stand is held against the executions after every line.
#[test]
fn activities_are_as_urgent_as_their_workflow() {
    check(
        "start
        options urgency=2
        poll
        complete activity=a activity=b
        options urgency=1
        take a
        set id=b urgency=4
        options urgency=5
        take b",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > options urgency=2
            3 WorkflowExecutionOptionsUpdated urgency=2
            = options urgency=2 fairness=
            > poll
            4 WorkflowTaskStarted scheduled=2
            = task events 1..5
            > complete activity=a activity=b
            5 WorkflowTaskCompleted scheduled=2 started=4
            6 ActivityTaskScheduled id=a start-to-close=10s
            7 ActivityTaskScheduled id=b start-to-close=10s
            > options urgency=1
            8 WorkflowExecutionOptionsUpdated urgency=1
            = options urgency=1 fairness=
            > take a
            = activity task a attempt=1
            > set id=b urgency=4
            = options queue=queue start-to-close=10s retry=1s/0 urgency=4
            > options urgency=5
            9 WorkflowExecutionOptionsUpdated urgency=5
            = options urgency=5 fairness=
            > take b
            = activity task b attempt=1
        "#,
    );
}
