//! Workflow tasks that fail or time out.

use crate::{
    check,
    script::{changed, check_with},
};

#[test]
fn only_the_first_failure_in_a_row_is_written() {
    check(
        "start
        poll
        fail-task
        poll
        fail-task
        poll
        complete marker=m",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > fail-task
            4 WorkflowTaskFailed cause=WorkflowWorkerUnhandledFailure failure="Oops"
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > fail-task
            > poll
            = task events 1..5 attempt=3 + 5 WorkflowTaskScheduled attempt=3 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > complete marker=m
            5 WorkflowTaskScheduled attempt=3 timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 MarkerRecorded name=m
        "#,
    );
}

#[test]
fn a_timeout_of_a_retry_grows_from_the_fourth_attempt_on() {
    check(
        "start
        poll
        +10s
        poll
        +10s
        poll
        +10s
        poll
        +14s
        +1s
        poll
        +20s
        poll
        complete done",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > +10s
            4 WorkflowTaskTimedOut type=StartToClose
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > +10s
            > poll
            = task events 1..5 attempt=3 + 5 WorkflowTaskScheduled attempt=3 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > +10s
            > poll
            = task events 1..5 attempt=4 + 5 WorkflowTaskScheduled attempt=4 timeout=15s + 6 WorkflowTaskStarted scheduled=5
            > +14s
            > +1s
            > poll
            = task events 1..5 attempt=5 + 5 WorkflowTaskScheduled attempt=5 timeout=20s + 6 WorkflowTaskStarted scheduled=5
            > +20s
            ~ listed Running TemporalReportedProblems=["category=WorkflowTaskTimedOut","cause=WorkflowTaskTimedOutCauseStartToClose"]
            > poll
            = task events 1..5 attempt=6 + 5 WorkflowTaskScheduled attempt=6 timeout=30s + 6 WorkflowTaskStarted scheduled=5
            > complete done
            5 WorkflowTaskScheduled attempt=6 timeout=30s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 WorkflowExecutionCompleted
        "#,
    );
}

#[test]
fn a_sticky_worker_that_fails_uses_no_attempt() {
    check(
        "start
        poll
        complete sticky
        signal a
        poll sticky
        fail-task
        poll
        fail-task
        poll",
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
            > signal a
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled sticky=sticky timeout=10s
            * offered on sticky
            = signaled run-1
            > poll sticky
            7 WorkflowTaskStarted scheduled=6
            = task events 4..8
            > fail-task
            8 WorkflowTaskFailed cause=WorkflowWorkerUnhandledFailure failure="Oops"
            9 WorkflowTaskScheduled timeout=10s
            > poll
            10 WorkflowTaskStarted scheduled=9
            = task events 1..11
            > fail-task
            11 WorkflowTaskFailed cause=WorkflowWorkerUnhandledFailure failure="Oops"
            > poll
            = task events 1..12 attempt=2 + 12 WorkflowTaskScheduled attempt=2 timeout=10s + 13 WorkflowTaskStarted scheduled=12
        "#,
    );
}

#[test]
fn news_make_a_retry_a_first_attempt_again() {
    check(
        "start
        poll
        fail-task
        signal a
        poll
        complete done",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > fail-task
            4 WorkflowTaskFailed cause=WorkflowWorkerUnhandledFailure failure="Oops"
            > signal a
            5 WorkflowExecutionSignaled name=a
            = signaled run-1
            > poll
            6 WorkflowTaskScheduled timeout=10s
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete done
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 WorkflowExecutionCompleted
        "#,
    );
}

#[test]
fn news_during_a_retry_make_the_next_one_a_first_attempt() {
    check(
        "start
        poll
        fail-task
        poll
        signal a
        fail-task
        poll
        complete done",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > fail-task
            4 WorkflowTaskFailed cause=WorkflowWorkerUnhandledFailure failure="Oops"
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > signal a
            = signaled run-1
            > fail-task
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete done
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 WorkflowExecutionCompleted
        "#,
    );
}

#[test]
fn a_workflow_may_not_end_before_it_has_seen_everything() {
    check(
        "start
        poll
        signal a
        complete marker=m done
        again
        poll
        signal b
        complete done
        signal c",
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
            > complete marker=m done
            4 WorkflowTaskFailed cause=UnhandledCommand failure="UnhandledCommand"
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            = task failed: UnhandledCommand
            > again
            = task failed before: event 4
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > signal b
            ! busy: workflow operation can not be applied because workflow is closing
            > complete done
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 WorkflowExecutionCompleted
            > signal c
            ! WorkflowClosed
        "#,
    );
}

#[test]
fn a_bad_command_fails_the_task_and_nothing_of_the_answer_takes_effect() {
    check(
        "start
        poll
        complete marker=fine memo=1 marker=
        poll
        complete marker=fine marker=
        complete marker=fine done",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete marker=fine memo=1 marker=
            4 WorkflowTaskFailed cause=BadRecordMarkerAttributes failure="BadRecordMarkerAttributes: MarkerName is not set on RecordMarkerCommand."
            = task failed: BadRecordMarkerAttributes: MarkerName is not set on RecordMarkerCommand.
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > complete marker=fine marker=
            ! invalid argument: BadRecordMarkerAttributes: MarkerName is not set on RecordMarkerCommand.
            > complete marker=fine done
            5 WorkflowTaskScheduled attempt=2 timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 MarkerRecorded name=fine
            9 WorkflowExecutionCompleted
        "#,
    );
}

#[test]
fn a_command_that_does_not_say_how_fails_the_task() {
    check(
        "start
        poll
        complete bare",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete bare
            4 WorkflowTaskFailed cause=BadStartTimerAttributes failure="BadStartTimerAttributes: StartTimerCommandAttributes is not set on StartTimerCommand."
            = task failed: BadStartTimerAttributes: StartTimerCommandAttributes is not set on StartTimerCommand.
        "#,
    );
}

#[test]
fn an_unknown_search_attribute_is_a_bad_command() {
    check(
        "start
        poll
        complete sa=unknown",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete sa=unknown
            4 WorkflowTaskFailed cause=BadSearchAttributes failure="BadSearchAttributes: Namespace default has no mapping defined for search attribute Unknown"
            = task failed: BadSearchAttributes: Namespace default has no mapping defined for search attribute Unknown
        "#,
    );
}

#[test]
fn a_search_attribute_of_the_wrong_type_is_a_bad_command() {
    check(
        "start
        poll
        complete sa=5",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete sa=5
            4 WorkflowTaskFailed cause=BadSearchAttributes failure="BadSearchAttributes: invalid value for search attribute Known of type Keyword: 5"
            = task failed: BadSearchAttributes: invalid value for search attribute Known of type Keyword: 5
        "#,
    );
}

#[test]
fn a_search_attribute_that_is_too_large_ends_the_run() {
    let long = "x".repeat(2047);
    let why = "BadSearchAttributes: search attribute Known value size 2049 exceeds size limit 2048";
    check(
        &format!("start\npoll\ncomplete sa=\"{long}\""),
        &format!(
            r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete sa="{long}"
            4 WorkflowTaskFailed cause=BadSearchAttributes failure="{why}"
            5 WorkflowExecutionTerminated reason="{why}"
            = task failed: {why}
        "#
        ),
    );
}

#[test]
fn a_run_does_not_continue_with_a_search_attribute_of_the_wrong_type() {
    let why = "BadSearchAttributes: invalid SearchAttributes on ContinueAsNewWorkflowExecutionCommand: invalid value for \
               search attribute Known of type Keyword: 5. WorkflowType=Type TaskQueue=name:\"queue\" \
               kind:TASK_QUEUE_KIND_NORMAL";
    let quoted = why.replace('"', "\\\"");
    check(
        "start
        poll
        complete can-sa=5",
        &format!(
            r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete can-sa=5
            4 WorkflowTaskFailed cause=BadSearchAttributes failure="{quoted}"
            = task failed: {why}
        "#
        ),
    );
}

#[test]
fn a_child_without_a_workflow_id_is_refused_with_its_cause() {
    check(
        "start
        poll
        complete child",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete child
            4 WorkflowTaskFailed cause=BadStartChildExecutionAttributes failure="BadStartChildExecutionAttributes: Required field WorkflowId is not set on StartChildWorkflowExecutionCommand. WorkflowType=Kid Namespace=default"
            = task failed: BadStartChildExecutionAttributes: Required field WorkflowId is not set on StartChildWorkflowExecutionCommand. WorkflowType=Kid Namespace=default
        "#,
    );
}

#[test]
fn an_answer_that_makes_no_sense_is_refused_as_a_whole() {
    check(
        "start
        poll
        complete unknown
        complete done marker=m",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete unknown
            ! invalid argument: unknown command type: Unspecified
            > complete done marker=m
            ! invalid argument: invalid command sequence: [CompleteWorkflowExecution, RecordMarker], command CompleteWorkflowExecution must be the last command.
        "#,
    );
}

#[test]
fn a_result_that_is_too_large_ends_the_run() {
    check(
        "start
        poll
        signal a
        complete marker=m
        poll
        complete done big",
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
            > complete marker=m
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 MarkerRecorded name=m
            6 WorkflowExecutionSignaled name=a
            7 WorkflowTaskScheduled timeout=10s
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > complete done big
            9 WorkflowTaskFailed cause=BadScheduleActivityAttributes failure="BadScheduleActivityAttributes: CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit."
            10 WorkflowExecutionTerminated reason="BadScheduleActivityAttributes: CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit."
            = task failed: BadScheduleActivityAttributes: CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.
        "#,
    );
}

#[test]
fn an_answer_too_large_to_be_sent_ends_the_run() {
    check(
        "start
        poll
        signal a
        fail-task cause=too-large",
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
            > fail-task cause=too-large
            4 WorkflowTaskFailed cause=GrpcMessageTooLarge failure="Oops"
            5 WorkflowExecutionSignaled name=a
            6 WorkflowExecutionTerminated reason="GrpcMessageTooLarge"
        "#,
    );
}

#[test]
fn a_full_buffer_ends_the_workers_task() {
    let settings = changed(|settings| settings.limits.buffered_events = 2);
    check_with(
        settings,
        "start
        poll
        signal a
        signal b
        signal c
        complete done
        poll
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
            > signal b
            = signaled run-1
            > signal c
            4 WorkflowTaskFailed cause=ForceCloseCommand
            5 WorkflowExecutionSignaled name=a
            6 WorkflowExecutionSignaled name=b
            7 WorkflowExecutionSignaled name=c
            = signaled run-1
            > complete done
            ! WorkflowTaskNotFound
            > poll
            = task events 1..8 attempt=2 + 8 WorkflowTaskScheduled attempt=2 timeout=10s + 9 WorkflowTaskStarted scheduled=8
            > complete done
            8 WorkflowTaskScheduled attempt=2 timeout=10s
            9 WorkflowTaskStarted scheduled=8
            10 WorkflowTaskCompleted scheduled=8 started=9
            11 WorkflowExecutionCompleted
        "#,
    );
}

#[test]
fn a_workflow_that_could_not_end_may_be_signalled_again_after_its_task_timed_out() {
    check(
        "start
        poll
        signal a
        complete done
        poll
        signal b
        +10s
        signal b",
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
            > complete done
            4 WorkflowTaskFailed cause=UnhandledCommand failure="UnhandledCommand"
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            = task failed: UnhandledCommand
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > signal b
            ! busy: workflow operation can not be applied because workflow is closing
            > +10s
            8 WorkflowTaskTimedOut type=StartToClose
            > signal b
            9 WorkflowExecutionSignaled name=b
            = signaled run-1
        "#,
    );
}

#[test]
fn lists_are_told_of_tasks_that_keep_failing_until_one_goes_well() {
    let settings = changed(|settings| settings.reported_problems_after = 2);
    check_with(
        settings,
        "start memo=1
        poll
        fail-task
        poll
        fail-task
        poll
        +10s
        poll
        complete marker=m",
        r#"
            > start memo=1
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            ~ listed Running key=1
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > fail-task
            4 WorkflowTaskFailed cause=WorkflowWorkerUnhandledFailure failure="Oops"
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > fail-task
            ~ listed Running TemporalReportedProblems=["category=WorkflowTaskFailed","cause=WorkflowTaskFailedCauseWorkflowWorkerUnhandledFailure"] key=1
            > poll
            = task events 1..5 attempt=3 + 5 WorkflowTaskScheduled attempt=3 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > +10s
            > poll
            = task events 1..5 attempt=4 + 5 WorkflowTaskScheduled attempt=4 timeout=15s + 6 WorkflowTaskStarted scheduled=5
            > complete marker=m
            5 WorkflowTaskScheduled attempt=4 timeout=15s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 MarkerRecorded name=m
            ~ listed Running key=1
        "#,
    );
}
