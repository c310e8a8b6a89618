//! Activities that end by what a worker says: results, failures and retries, hand-over; and those that make no sense.

use crate::{
    check,
    script::{changed, check_with},
};

#[test]
fn an_activity_is_done_by_a_worker() {
    check(
        "start
        poll
        complete activity=a
        take a
        finish a result=42
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
            > complete activity=a
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            > take a
            = activity task a attempt=1
            > finish a result=42
            6 ActivityTaskStarted scheduled=5 attempt=1
            7 ActivityTaskCompleted scheduled=5 started=6 result=42
            8 WorkflowTaskScheduled timeout=10s
            > poll
            9 WorkflowTaskStarted scheduled=8
            = task events 1..10
            > complete done
            10 WorkflowTaskCompleted scheduled=8 started=9
            11 WorkflowExecutionCompleted
        "#,
    );
}

#[test]
fn what_is_left_out_is_filled_in() {
    check(
        "start run-timeout=100s
        poll
        complete activity=a:start=10s,beat=20s activity=b:close=20s activity=c:start=200s,wait=5s,close=300s",
        r#"
            > start run-timeout=100s
            1 WorkflowExecutionStarted attempt=1 run-timeout=100s
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=10s,beat=20s activity=b:close=20s activity=c:start=200s,wait=5s,close=300s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a schedule-to-close=100s schedule-to-start=100s start-to-close=10s heartbeat=10s
            6 ActivityTaskScheduled id=b schedule-to-close=20s schedule-to-start=20s start-to-close=20s
            7 ActivityTaskScheduled id=c schedule-to-close=100s schedule-to-start=5s start-to-close=100s
        "#,
    );
}

#[test]
fn a_hand_over_gives_the_same_task_again_and_to_nobody_else() {
    check(
        "start
        poll
        complete activity=a
        take a
        again
        take a request=other
        take a attempt=2
        take unknown",
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
            > again
            = activity task a attempt=1
            > take a request=other
            ! TaskTaken
            > take a attempt=2
            ! TaskGone
            > take unknown
            ! TaskGone
        "#,
    );
}

#[test]
fn a_task_given_back_uses_no_attempt() {
    check(
        "start
        poll
        complete activity=a
        take a
        return a request=other
        return a
        finish a
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
            > complete activity=a
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            > take a
            = activity task a attempt=1
            > return a request=other
            ! ActivityNotFound
            > return a
            > finish a
            ! ActivityNotFound
            > take a
            = activity task a attempt=1
            > finish a
            6 ActivityTaskStarted scheduled=5 attempt=1
            7 ActivityTaskCompleted scheduled=5 started=6
            8 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn only_the_last_attempt_is_written() {
    check(
        "start
        poll
        complete activity=a:start=10s,retry=1s/3
        take a
        fail-activity a type=First
        +1s
        take a
        fail-activity a type=Second
        +1s
        +1s
        take a
        fail-activity a type=Third",
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
            > fail-activity a type=First
            > +1s
            > take a
            = activity task a attempt=2
            > fail-activity a type=Second
            > +1s
            > +1s
            > take a
            = activity task a attempt=3
            > fail-activity a type=Third
            6 ActivityTaskStarted scheduled=5 attempt=3 last-failure="Second"
            7 ActivityTaskFailed scheduled=5 started=6 retry=MaximumAttemptsReached failure="Third"
            8 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn a_late_answer_of_an_earlier_attempt_finds_nothing() {
    check(
        "start
        poll
        complete activity=a:start=10s,retry=1s/3
        take a
        fail-activity a
        again
        finish a
        beat a
        stop a
        +1s
        fail-activity a
        take a
        finish a stale
        fail-activity a stale
        beat a stale
        finish a
        again",
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
            > again
            > finish a
            ! ActivityNotFound
            > beat a
            ! ActivityNotFound
            > stop a
            ! ActivityNotFound
            > +1s
            > fail-activity a
            > take a
            = activity task a attempt=2
            > finish a stale
            ! ActivityNotFound
            > fail-activity a stale
            ! ActivityNotFound
            > beat a stale
            ! ActivityNotFound
            > finish a
            6 ActivityTaskStarted scheduled=5 attempt=2 last-failure="Oops"
            7 ActivityTaskCompleted scheduled=5 started=6
            8 WorkflowTaskScheduled timeout=10s
            > again
        "#,
    );
}

#[test]
fn a_failure_may_say_when_to_try_again() {
    check(
        "start
        poll
        complete activity=a:start=10s,retry=1m/3
        take a
        fail-activity a delay=2s
        +1s
        take a
        +1s
        take a",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=10s,retry=1m/3
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            > take a
            = activity task a attempt=1
            > fail-activity a delay=2s
            > +1s
            > take a
            ! TaskGone
            > +1s
            > take a
            = activity task a attempt=2
        "#,
    );
}

#[test]
fn some_failures_are_not_tried_again() {
    check(
        "start
        poll
        complete activity=a:start=10s,retry=1s/0 activity=b:start=10s,retry=1s/0
        take a
        take b
        fail-activity a type=Fatal
        fail-activity b final",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=10s,retry=1s/0 activity=b:start=10s,retry=1s/0
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            6 ActivityTaskScheduled id=b start-to-close=10s
            > take a
            = activity task a attempt=1
            > take b
            = activity task b attempt=1
            > fail-activity a type=Fatal
            7 ActivityTaskStarted scheduled=5 attempt=1
            8 ActivityTaskFailed scheduled=5 started=7 retry=NonRetryableFailure failure="Fatal"
            9 WorkflowTaskScheduled timeout=10s
            > fail-activity b final
            10 ActivityTaskStarted scheduled=6 attempt=1
            11 ActivityTaskFailed scheduled=6 started=10 retry=NonRetryableFailure failure="Oops"
        "#,
    );
}

#[test]
fn an_activity_without_time_for_another_attempt_tells_its_last_failure() {
    check(
        "start
        poll
        complete activity=a:close=2s,retry=30s/0
        take a
        fail-activity a type=Real",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:close=2s,retry=30s/0
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a schedule-to-close=2s schedule-to-start=2s start-to-close=2s
            > take a
            = activity task a attempt=1
            > fail-activity a type=Real
            6 ActivityTaskStarted scheduled=5 attempt=1
            7 ActivityTaskFailed scheduled=5 started=6 retry=Timeout failure="Real"
            8 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn results_that_come_during_a_task_are_written_after_it() {
    check(
        "start
        poll
        complete activity=a activity=b
        take a
        take b
        signal s
        poll
        finish b result=B
        signal t
        +1s
        fail-activity a final
        complete marker=m",
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
            > finish b result=B
            > signal t
            = signaled run-1
            > +1s
            > fail-activity a final
            > complete marker=m
            10 WorkflowTaskCompleted scheduled=8 started=9
            11 MarkerRecorded name=m
            12 ActivityTaskStarted scheduled=6 attempt=1
            13 WorkflowExecutionSignaled name=t
            14 ActivityTaskStarted scheduled=5 attempt=1
            15 ActivityTaskCompleted scheduled=6 started=12 result=B
            16 ActivityTaskFailed scheduled=5 started=14 retry=NonRetryableFailure failure="Oops"
            17 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn an_activity_is_finished_from_elsewhere_by_its_id() {
    check(
        "start
        poll
        complete activity=a activity=b
        take a
        beat a by-id details=half
        finish a by-id result=A
        fail-activity b by-id
        beat b by-id
        finish b by-id result=B
        finish b by-id
        finish unknown by-id",
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
            > beat a by-id details=half
            = heard, cancel_requested=false
            > finish a by-id result=A
            7 ActivityTaskStarted scheduled=5 attempt=1
            8 ActivityTaskCompleted scheduled=5 started=7 result=A
            9 WorkflowTaskScheduled timeout=10s
            > fail-activity b by-id
            ! ActivityNotStarted
            > beat b by-id
            ! ActivityNotStarted
            > finish b by-id result=B
            10 ActivityTaskStarted scheduled=6 attempt=1
            11 ActivityTaskCompleted scheduled=6 started=10 result=B
            > finish b by-id
            ! ActivityNotFound
            > finish unknown by-id
            ! ActivityNotFound
        "#,
    );
}

#[test]
fn what_is_too_large_fails_the_activity() {
    let settings = changed(|settings| {
        settings.limits.last_failure_bytes = 100;
        settings.limits.blob_bytes_warn = 0;
    });
    check_with(
        settings,
        "start
        poll
        complete activity=a activity=b activity=c activity=d
        take a
        finish a big
        take b
        fail-activity b big
        +1s
        take b
        take c
        beat c big
        take d
        poll
        complete cancel-activity=8
        stop d big",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a activity=b activity=c activity=d
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            6 ActivityTaskScheduled id=b start-to-close=10s
            7 ActivityTaskScheduled id=c start-to-close=10s
            8 ActivityTaskScheduled id=d start-to-close=10s
            > take a
            = activity task a attempt=1
            > finish a big
            9 ActivityTaskStarted scheduled=5 attempt=1
            10 ActivityTaskFailed scheduled=5 started=9 retry=NonRetryableFailure failure="Complete result exceeds size limit."
            11 WorkflowTaskScheduled timeout=10s
            > take b
            = activity task b attempt=1
            > fail-activity b big
            12 ActivityTaskStarted scheduled=6 attempt=1
            13 ActivityTaskFailed scheduled=6 started=12 retry=NonRetryableFailure failure="Failure exceeds size limit."("")
            = failure cut, told of 1
            > +1s
            > take b
            ! TaskGone
            > take c
            = activity task c attempt=1
            > beat c big
            14 ActivityTaskStarted scheduled=7 attempt=1
            15 ActivityTaskFailed scheduled=7 started=14 retry=NonRetryableFailure failure="Heartbeat details exceed size limit."
            = heard, cancel_requested=true
            > take d
            = activity task d attempt=1
            > poll
            16 WorkflowTaskStarted scheduled=11
            = task events 1..17
            > complete cancel-activity=8
            17 WorkflowTaskCompleted scheduled=11 started=16
            18 ActivityTaskCancelRequested scheduled=8
            > stop d big
            19 ActivityTaskStarted scheduled=8 attempt=1
            20 ActivityTaskFailed scheduled=8 started=19 retry=CancelRequested failure="Cancel details exceed size limit."
            21 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn a_kept_failure_is_cut() {
    let settings = changed(|settings| settings.limits.last_failure_bytes = 100);
    check_with(
        settings,
        "start
        poll
        complete activity=a:start=10s,retry=1s/2
        take a
        fail-activity a type=Tooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo
        +1s
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
            > complete activity=a:start=10s,retry=1s/2
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            > take a
            = activity task a attempt=1
            > fail-activity a type=Tooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo
            > +1s
            > take a
            = activity task a attempt=2
            > finish a
            6 ActivityTaskStarted scheduled=5 attempt=2 last-failure="Failure exceeds size limit."("")
            7 ActivityTaskCompleted scheduled=5 started=6
            8 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn activities_that_make_no_sense_fail_their_task() {
    let settings = changed(|settings| settings.limits.pending_activities = 1);
    check_with(
        settings,
        "start
        poll
        complete activity=a activity=b
        poll
        complete activity=a:wait=1s
        signal s
        +10s
        poll
        complete activity=:start=1s
        poll
        complete cancel-activity=99
        complete activity=a:start=1s,queue=other,on-build
        complete activity=a:start=1s,coefficient=0.5
        signal s
        +10s
        poll
        complete activity=a:start=1s,big",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a activity=b
            4 WorkflowTaskFailed cause=PendingActivitiesLimitExceeded failure="PendingActivitiesLimitExceeded: the number of pending activities, 1, has reached the per-workflow limit of 1"
            = task failed: PendingActivitiesLimitExceeded: the number of pending activities, 1, has reached the per-workflow limit of 1
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > complete activity=a:wait=1s
            ! invalid argument: BadScheduleActivityAttributes: a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity. ActivityId=a ActivityType=activity
            > signal s
            = signaled run-1
            > +10s
            5 WorkflowExecutionSignaled name=s
            6 WorkflowTaskScheduled timeout=10s
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete activity=:start=1s
            8 WorkflowTaskFailed cause=BadScheduleActivityAttributes failure="BadScheduleActivityAttributes: activityId is not set"
            = task failed: BadScheduleActivityAttributes: activityId is not set
            > poll
            = task events 1..9 attempt=2 + 9 WorkflowTaskScheduled attempt=2 timeout=10s + 10 WorkflowTaskStarted scheduled=9
            > complete cancel-activity=99
            ! invalid argument: BadRequestCancelActivityAttributes: invalid history builder state for action: add-activitytask-cancel-requested-event, ScheduledEventID: 99
            > complete activity=a:start=1s,queue=other,on-build
            ! invalid argument: BadScheduleActivityAttributes: Activity with UseCompatibleVersion cannot run on different task queue.
            > complete activity=a:start=1s,coefficient=0.5
            ! invalid argument: BadScheduleActivityAttributes: BackoffCoefficient cannot be less than 1 on retry policy.
            > signal s
            = signaled run-1
            > +10s
            9 WorkflowExecutionSignaled name=s
            10 WorkflowTaskScheduled timeout=10s
            > poll
            11 WorkflowTaskStarted scheduled=10
            = task events 1..12
            > complete activity=a:start=1s,big
            12 WorkflowTaskFailed cause=BadScheduleActivityAttributes failure="BadScheduleActivityAttributes: ScheduleActivityTaskCommandAttributes.Input exceeds size limit."
            13 WorkflowExecutionTerminated reason="BadScheduleActivityAttributes: ScheduleActivityTaskCommandAttributes.Input exceeds size limit."
            ~ listed Terminated TemporalReportedProblems=["category=WorkflowTaskFailed","cause=WorkflowTaskFailedCauseBadScheduleActivityAttributes"]
            = task failed: BadScheduleActivityAttributes: ScheduleActivityTaskCommandAttributes.Input exceeds size limit.
        "#,
    );
}

#[test]
fn two_pending_activities_cannot_have_one_id() {
    check(
        "start
        poll
        complete activity=a activity=a
        poll
        complete activity=a
        take a
        finish a
        poll
        complete activity=a",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a activity=a
            4 WorkflowTaskFailed cause=ScheduleActivityDuplicateId failure="ScheduleActivityDuplicateId: invalid history builder state for action: add-activitytask-scheduled-event, ActivityID: a"
            = task failed: ScheduleActivityDuplicateId: invalid history builder state for action: add-activitytask-scheduled-event, ActivityID: a
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > complete activity=a
            5 WorkflowTaskScheduled attempt=2 timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 ActivityTaskScheduled id=a start-to-close=10s
            > take a
            = activity task a attempt=1
            > finish a
            9 ActivityTaskStarted scheduled=8 attempt=1
            10 ActivityTaskCompleted scheduled=8 started=9
            11 WorkflowTaskScheduled timeout=10s
            > poll
            12 WorkflowTaskStarted scheduled=11
            = task events 1..13
            > complete activity=a
            13 WorkflowTaskCompleted scheduled=11 started=12
            14 ActivityTaskScheduled id=a start-to-close=10s
        "#,
    );
}

#[test]
fn nothing_of_an_activity_outlives_its_run() {
    check(
        "start
        poll
        complete activity=a activity=b
        take a
        terminate
        finish a
        beat a
        finish a by-id
        take b
        +1h",
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
            > terminate
            7 WorkflowExecutionTerminated reason="enough"
            > finish a
            ! WorkflowClosed
            > beat a
            ! WorkflowClosed
            > finish a by-id
            ! WorkflowClosed
            > take b
            ! TaskGone
            > +1h
        "#,
    );
}
