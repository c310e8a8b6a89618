//! What operators do to pending activities: pause and unpause, begin again, change options.

use crate::check;

/// What comes before each of these scenarios, and what it says.
fn check_after(before: &str, scenario: &str, expected: &str) {
    let start = format!("start\npoll\ncomplete {before}");
    let script = crate::script::run(weft_engine::Settings::default(), &start);
    check(&format!("{start}\n{scenario}"), &format!("{script}{}", expected.trim()));
}

#[test]
fn a_paused_activity_is_not_handed_out_until_it_is_unpaused() {
    check_after(
        "activity=a",
        "pause id=a
        take a
        +1h
        pause id=a
        pause id=a request=other
        unpause id=a
        unpause id=a
        take a
        finish a",
        r#"
            > pause id=a
            ~ listed Running TemporalPauseInfo=["property:activityType=activity"]
            > take a
            ! TaskGone
            > +1h
            > pause id=a
            > pause id=a request=other
            ! not now: activity is already paused
            > unpause id=a
            > unpause id=a
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
fn a_started_attempt_goes_on_and_its_worker_hears_of_the_pause() {
    check_after(
        "activity=a:start=10s,beat=2s,retry=1s/2",
        "take a
        beat a
        pause id=a
        beat a
        +1h
        beat a
        fail-activity a
        take a
        unpause id=a
        take a
        fail-activity a",
        r#"
            > take a
            = activity task a attempt=1
            > beat a
            = heard, cancel_requested=false
            > pause id=a
            ~ listed Running TemporalPauseInfo=["property:activityType=activity"]
            > beat a
            = heard, cancel_requested=false paused
            > +1h
            > beat a
            = heard, cancel_requested=false paused
            > fail-activity a
            > take a
            ! TaskGone
            > unpause id=a
            > take a
            = activity task a attempt=2
            > fail-activity a
            6 ActivityTaskStarted scheduled=5 attempt=2
            7 ActivityTaskFailed scheduled=5 started=6 retry=MaximumAttemptsReached failure="Oops"
            8 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn a_failure_that_is_final_ends_a_paused_activity() {
    check_after(
        "activity=a:start=10s,retry=1s/1",
        "take a
        pause id=a
        fail-activity a final",
        r#"
            > take a
            = activity task a attempt=1
            > pause id=a
            ~ listed Running TemporalPauseInfo=["property:activityType=activity"]
            > fail-activity a final
            6 ActivityTaskStarted scheduled=5 attempt=1
            7 ActivityTaskFailed scheduled=5 started=6 retry=NonRetryableFailure failure="Oops"
            8 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn attempts_of_a_paused_activity_are_not_counted_against_its_policy() {
    check_after(
        "activity=a:start=10s,retry=1s/1",
        "take a
        pause id=a
        fail-activity a
        unpause id=a attempts
        take a
        fail-activity a",
        r#"
            > take a
            = activity task a attempt=1
            > pause id=a
            ~ listed Running TemporalPauseInfo=["property:activityType=activity"]
            > fail-activity a
            > unpause id=a attempts
            > take a
            = activity task a attempt=1
            > fail-activity a
            6 ActivityTaskStarted scheduled=5 attempt=1
            7 ActivityTaskFailed scheduled=5 started=6 retry=MaximumAttemptsReached failure="Oops"
            8 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn unpausing_begins_again_and_forgets_heartbeats_and_waits_if_it_should() {
    check_after(
        "activity=a:start=10s,retry=1s/5",
        "take a
        fail-activity a beat=x
        pause id=a
        unpause id=a attempts heartbeat jitter=10s
        take a
        +5s
        take a",
        r#"
            > take a
            = activity task a attempt=1
            > fail-activity a beat=x
            > pause id=a
            ~ listed Running TemporalPauseInfo=["property:activityType=activity"]
            > unpause id=a attempts heartbeat jitter=10s
            > take a
            ! TaskGone
            > +5s
            > take a
            ! TaskGone
        "#,
    );
}

#[test]
fn a_reset_activity_begins_again_at_once_if_it_waits() {
    check_after(
        "activity=a:start=10s,retry=100s/3",
        "take a
        fail-activity a
        reset-activity id=a
        take a
        beat a",
        r#"
            > take a
            = activity task a attempt=1
            > fail-activity a
            > reset-activity id=a
            > take a
            = activity task a attempt=1
            > beat a
            = heard, cancel_requested=false
        "#,
    );
}

#[test]
fn a_running_attempt_hears_of_its_reset_and_the_next_one_knows_no_heartbeat() {
    check_after(
        "activity=a:start=10s,beat=5s,retry=1s/0",
        "take a
        beat a details=x
        reset-activity id=a heartbeat
        beat a details=y
        fail-activity a
        +1s
        take a
        beat a",
        r#"
            > take a
            = activity task a attempt=1
            > beat a details=x
            = heard, cancel_requested=false
            > reset-activity id=a heartbeat
            > beat a details=y
            = heard, cancel_requested=false reset
            > fail-activity a
            > +1s
            > take a
            = activity task a attempt=2
            > beat a
            = heard, cancel_requested=false
        "#,
    );
}

#[test]
fn a_reset_activity_stays_paused_if_it_should() {
    check_after(
        "activity=a:start=10s,retry=1s/0",
        "take a
        fail-activity a
        pause id=a
        reset-activity id=a keep-paused
        take a attempt=1
        reset-activity id=a
        take a attempt=1",
        r#"
            > take a
            = activity task a attempt=1
            > fail-activity a
            > pause id=a
            ~ listed Running TemporalPauseInfo=["property:activityType=activity"]
            > reset-activity id=a keep-paused
            > take a attempt=1
            ! TaskGone
            > reset-activity id=a
            > take a attempt=1
            = activity task a attempt=1
        "#,
    );
}

#[test]
fn options_change_where_the_task_waits_and_how_long_it_may_take() {
    check_after(
        "activity=a",
        "set id=a queue=other start=3s urgency=1
        take a queue=queue
        take a queue=other
        set id=a start=5s
        +4s
        +1s
        set id=a start=5s",
        r#"
            > set id=a queue=other start=3s urgency=1
            = options queue=other start-to-close=3s retry=1s/0 urgency=1
            > take a queue=queue
            ! TaskGone
            > take a queue=other
            = activity task a attempt=1
            > set id=a start=5s
            = options queue=other start-to-close=5s retry=1s/0 urgency=1
            > +4s
            > +1s
            > set id=a start=5s
            = options queue=other start-to-close=5s retry=1s/0 urgency=1
        "#,
    );
}

#[test]
fn a_longer_interval_puts_the_next_attempt_off_and_a_shorter_one_brings_it_on() {
    check_after(
        "activity=a:start=10s,retry=5s/0",
        "take a
        fail-activity a
        +1s
        set id=a retry=50s/0
        +40s
        take a
        set id=a retry=1s/0
        take a",
        r#"
            > take a
            = activity task a attempt=1
            > fail-activity a
            > +1s
            > set id=a retry=50s/0
            = options queue=queue start-to-close=10s retry=50s/0
            > +40s
            > take a
            ! TaskGone
            > set id=a retry=1s/0
            = options queue=queue start-to-close=10s retry=1s/0
            > take a
            = activity task a attempt=2
        "#,
    );
}

#[test]
fn changed_options_can_be_restored() {
    check_after(
        "activity=a:start=10s,retry=1s/3 activity=b:start=4s,queue=other",
        "set id=a queue=x close=9s retry=2s/7
        set id=a start=2s
        set all original
        set id=b start=1s
        reset-activity id=b original
        set id=b",
        r#"
            > set id=a queue=x close=9s retry=2s/7
            = options queue=x schedule-to-close=9s schedule-to-start=9s start-to-close=9s retry=2s/7
            > set id=a start=2s
            = options queue=x schedule-to-close=9s schedule-to-start=9s start-to-close=2s retry=2s/7
            > set all original
            = options queue=other start-to-close=4s retry=1s/0
            > set id=b start=1s
            = options queue=other start-to-close=1s retry=1s/0
            > reset-activity id=b original
            > set id=b
            = options queue=other start-to-close=4s retry=1s/0
        "#,
    );
}

#[test]
fn options_that_make_no_sense_are_refused() {
    check_after(
        "activity=a",
        "set id=a queue=
        set id=a start=0s close=0s
        set id=a coefficient=0.5
        set id=a no-policy
        set id=none start=3s
        set type=none start=3s
        pause id=none
        unpause all
        reset-activity type=none
        terminate
        pause id=a",
        r#"
            > set id=a queue=
            ! invalid argument: missing task queue name
            > set id=a start=0s close=0s
            ! invalid argument: a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity. ActivityId=a ActivityType=activity
            > set id=a coefficient=0.5
            ! invalid argument: BackoffCoefficient cannot be less than 1 on retry policy.
            > set id=a no-policy
            ! invalid argument: RetryPolicy is not provided
            > set id=none start=3s
            ! NoSuchActivity
            > set type=none start=3s
            ! NoSuchActivity
            > pause id=none
            ! NoSuchActivity
            > unpause all
            > reset-activity type=none
            ! NoSuchActivity
            > terminate
            6 WorkflowExecutionTerminated reason="enough"
            > pause id=a
            ! WorkflowClosed
        "#,
    );
}

#[test]
fn a_task_that_is_paused_for_its_type_is_found_by_its_type() {
    check_after(
        "activity=a:start=10s,type=charge activity=b:start=10s,type=ship activity=c:start=10s,type=charge",
        "pause type=charge
        pause id=b
        take a
        take b
        finish a by-id
        unpause type=charge
        unpause all
        take b
        take c",
        r#"
            > pause type=charge
            ~ listed Running TemporalPauseInfo=["property:activityType=charge"]
            > pause id=b
            ~ listed Running TemporalPauseInfo=["property:activityType=charge","property:activityType=ship"]
            > take a
            ! TaskGone
            > take b
            ! TaskGone
            > finish a by-id
            8 ActivityTaskStarted scheduled=5 attempt=1
            9 ActivityTaskCompleted scheduled=5 started=8
            10 WorkflowTaskScheduled timeout=10s
            > unpause type=charge
            ~ listed Running TemporalPauseInfo=["property:activityType=ship"]
            > unpause all
            > take b
            = activity task b attempt=1
            > take c
            = activity task c attempt=1
        "#,
    );
}

#[test]
fn what_is_done_once_is_not_done_again_though_others_did_something_in_between() {
    check_after(
        "activity=a",
        "pause id=a
        unpause all once=job:1
        pause id=a request=somebody
        unpause all once=job:1
        take a
        unpause all once=job:2
        take a
        fail-activity a
        reset-activity all once=job:3
        terminate
        unpause all once=job:1
        unpause all once=job:4",
        r#"
            > pause id=a
            ~ listed Running TemporalPauseInfo=["property:activityType=activity"]
            > unpause all once=job:1
            > pause id=a request=somebody
            ~ listed Running TemporalPauseInfo=["property:activityType=activity"]
            > unpause all once=job:1
            > take a
            ! TaskGone
            > unpause all once=job:2
            > take a
            = activity task a attempt=1
            > fail-activity a
            > reset-activity all once=job:3
            > terminate
            6 WorkflowExecutionTerminated reason="enough"
            > unpause all once=job:1
            > unpause all once=job:4
            ! WorkflowClosed
        "#,
    );
}
