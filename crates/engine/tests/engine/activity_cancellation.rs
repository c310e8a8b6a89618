//! Activities that are asked to stop, and activities that start with an answer.

use weft_engine::Settings;

use crate::{check, script::check_with};

#[test]
fn an_activity_that_no_worker_has_is_cancelled_at_once() {
    check(
        "start
        poll
        complete activity=a
        signal s
        poll
        complete cancel-activity=5
        take a",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            > signal s
            6 WorkflowExecutionSignaled name=s
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > complete cancel-activity=5
            9 WorkflowTaskCompleted scheduled=7 started=8
            10 ActivityTaskCancelRequested scheduled=5
            11 ActivityTaskCanceled scheduled=5 requested=10
            12 WorkflowTaskScheduled timeout=10s
            > take a
            ! TaskGone
        "#,
    );
}

#[test]
fn an_activity_that_waits_for_its_next_attempt_is_cancelled_at_once() {
    check(
        "start
        poll
        complete activity=a:start=10s,retry=1s/3
        take a
        fail-activity a
        signal s
        poll
        complete cancel-activity=5
        +1h",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=10s,retry=1s/3
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            > take a
            = activity task a attempt=1
            > fail-activity a
            > signal s
            6 WorkflowExecutionSignaled name=s
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > complete cancel-activity=5
            9 WorkflowTaskCompleted scheduled=7 started=8
            10 ActivityTaskCancelRequested scheduled=5
            11 ActivityTaskCanceled scheduled=5 requested=10
            12 WorkflowTaskScheduled timeout=10s
            > +1h
        "#,
    );
}

#[test]
fn a_started_activity_hears_of_its_cancellation_by_its_heartbeat() {
    check(
        "start
        poll
        complete activity=a
        take a
        stop a
        beat a
        signal s
        poll
        complete cancel-activity=5
        beat a
        stop a details=stopped",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            > take a
            = activity task a attempt=1
            > stop a
            ! invalid argument: unable to mark activity as canceled without activity being request canceled first
            > beat a
            = heard, cancel_requested=false
            > signal s
            6 WorkflowExecutionSignaled name=s
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > complete cancel-activity=5
            9 WorkflowTaskCompleted scheduled=7 started=8
            10 ActivityTaskCancelRequested scheduled=5
            > beat a
            = heard, cancel_requested=true
            > stop a details=stopped
            11 ActivityTaskStarted scheduled=5 attempt=1
            12 ActivityTaskCanceled scheduled=5 started=11 requested=10
            13 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn an_activity_may_finish_or_fail_although_it_was_asked_to_stop() {
    check(
        "start
        poll
        complete activity=a activity=b
        take a
        take b
        signal s
        poll
        complete cancel-activity=5 cancel-activity=6
        finish a
        fail-activity b",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a activity=b
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            6 ActivityTaskScheduled id=b start-to-close=10s
            > take a
            = activity task a attempt=1
            > take b
            = activity task b attempt=1
            > signal s
            7 WorkflowExecutionSignaled name=s
            8 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            9 WorkflowTaskStarted scheduled=8
            = task events 1..10
            > complete cancel-activity=5 cancel-activity=6
            10 WorkflowTaskCompleted scheduled=8 started=9
            11 ActivityTaskCancelRequested scheduled=5
            12 ActivityTaskCancelRequested scheduled=6
            > finish a
            13 ActivityTaskStarted scheduled=5 attempt=1
            14 ActivityTaskCompleted scheduled=5 started=13
            15 WorkflowTaskScheduled timeout=10s
            > fail-activity b
            16 ActivityTaskStarted scheduled=6 attempt=1
            17 ActivityTaskFailed scheduled=6 started=16 retry=CancelRequested failure="Oops"
        "#,
    );
}

#[test]
fn an_activity_that_ended_unseen_may_be_asked_to_stop() {
    check(
        "start
        poll
        complete activity=a
        take a
        signal s
        poll
        finish a result=done
        complete cancel-activity=5
        poll
        complete cancel-activity=5",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            > take a
            = activity task a attempt=1
            > signal s
            6 WorkflowExecutionSignaled name=s
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > finish a result=done
            > complete cancel-activity=5
            9 WorkflowTaskCompleted scheduled=7 started=8
            10 ActivityTaskCancelRequested scheduled=5
            11 ActivityTaskStarted scheduled=5 attempt=1
            12 ActivityTaskCompleted scheduled=5 started=11 result=done
            13 WorkflowTaskScheduled timeout=10s
            > poll
            14 WorkflowTaskStarted scheduled=13
            = task events 1..15
            > complete cancel-activity=5
            15 WorkflowTaskFailed cause=BadRequestCancelActivityAttributes failure="BadRequestCancelActivityAttributes: invalid history builder state for action: add-activitytask-cancel-requested-event, ScheduledEventID: 5"
            = task failed: BadRequestCancelActivityAttributes: invalid history builder state for action: add-activitytask-cancel-requested-event, ScheduledEventID: 5
        "#,
    );
}

#[test]
fn an_eager_activity_comes_with_the_answer() {
    check(
        "start
        poll
        complete activity=a:start=10s,eager activity=b:start=10s
        again
        take a
        finish a",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=10s,eager activity=b:start=10s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            6 ActivityTaskScheduled id=b start-to-close=10s
            = eager a
            > again
            = eager a
            > take a
            ! TaskTaken
            > finish a
            7 ActivityTaskStarted scheduled=5 attempt=1
            8 ActivityTaskCompleted scheduled=5 started=7
            9 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn an_eager_activity_that_is_cancelled_by_the_same_answer_does_not_start() {
    check(
        "start
        poll
        complete activity=a:start=10s,eager cancel-activity=5
        poll
        complete activity=b:start=10s,eager done",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=10s,eager cancel-activity=5
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            6 ActivityTaskCancelRequested scheduled=5
            7 ActivityTaskCanceled scheduled=5 requested=6
            8 WorkflowTaskScheduled timeout=10s
            > poll
            9 WorkflowTaskStarted scheduled=8
            = task events 1..10
            > complete activity=b:start=10s,eager done
            10 WorkflowTaskCompleted scheduled=8 started=9
            11 ActivityTaskScheduled id=b start-to-close=10s
            12 WorkflowExecutionCompleted
        "#,
    );
}

#[test]
fn eager_activities_can_be_switched_off() {
    check_with(
        Settings { eager_activities: false, ..Settings::default() },
        "start
        poll
        complete activity=a:start=10s,eager",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=10s,eager
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
        "#,
    );
}

#[test]
fn an_activity_is_asked_to_stop_once() {
    check(
        "start
        poll
        complete activity=a
        take a
        signal s
        poll
        complete cancel-activity=5 cancel-activity=5",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            > take a
            = activity task a attempt=1
            > signal s
            6 WorkflowExecutionSignaled name=s
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > complete cancel-activity=5 cancel-activity=5
            9 WorkflowTaskFailed cause=BadRequestCancelActivityAttributes failure="BadRequestCancelActivityAttributes: invalid history builder state for action: add-activitytask-cancel-requested-event, ScheduledEventID: 5"
            = task failed: BadRequestCancelActivityAttributes: invalid history builder state for action: add-activitytask-cancel-requested-event, ScheduledEventID: 5
        "#,
    );
}
