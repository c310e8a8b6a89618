//! Activities that run out of time.

use crate::check;

#[test]
fn an_activity_times_out_before_it_starts() {
    check(
        "start
        poll
        complete activity=a:start=10s,wait=1s
        +2s
        take a",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=10s,wait=1s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a schedule-to-start=1s start-to-close=10s
            > +2s
            6 ActivityTaskTimedOut scheduled=5 retry=Timeout failure="activity ScheduleToStart timeout"
            7 WorkflowTaskScheduled timeout=10s
            > take a
            ! TaskGone
        "#,
    );
}

#[test]
fn an_attempt_that_takes_too_long_is_tried_again() {
    check(
        "start
        poll
        complete activity=a:start=10s,retry=1s/2
        take a
        +10s
        finish a
        +1s
        take a
        +10s
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
            > +10s
            > finish a
            ! ActivityNotFound
            > +1s
            > take a
            = activity task a attempt=2
            > +10s
            6 ActivityTaskStarted scheduled=5 attempt=2 last-failure="activity StartToClose timeout"
            7 ActivityTaskTimedOut scheduled=5 started=6 retry=MaximumAttemptsReached failure="activity StartToClose timeout"("activity StartToClose timeout")
            8 WorkflowTaskScheduled timeout=10s
            > finish a
            ! ActivityNotFound
        "#,
    );
}

#[test]
fn an_activity_that_stops_beating_times_out() {
    check(
        "start
        poll
        complete activity=a:start=1m,beat=5s,retry=1s/1
        take a
        +4s
        beat a details=one
        +4s
        beat a details=two
        +4s
        +1s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=1m,beat=5s,retry=1s/1
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=60s heartbeat=5s
            > take a
            = activity task a attempt=1
            > +4s
            > beat a details=one
            = heard, cancel_requested=false
            > +4s
            > beat a details=two
            = heard, cancel_requested=false
            > +4s
            > +1s
            6 ActivityTaskStarted scheduled=5 attempt=1
            7 ActivityTaskTimedOut scheduled=5 started=6 retry=MaximumAttemptsReached failure="activity Heartbeat timeout"
            8 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn heartbeat_details_reach_the_next_attempt() {
    check(
        "start
        poll
        complete activity=a:start=1m,beat=5s,retry=1s/3
        take a
        beat a details=one
        +6s
        take a
        fail-activity a beat=two
        +2s
        take a
        +5s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=1m,beat=5s,retry=1s/3
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=60s heartbeat=5s
            > take a
            = activity task a attempt=1
            > beat a details=one
            = heard, cancel_requested=false
            > +6s
            > take a
            = activity task a attempt=2
            > fail-activity a beat=two
            > +2s
            > take a
            = activity task a attempt=3
            > +5s
            6 ActivityTaskStarted scheduled=5 attempt=3 last-failure="Oops"
            7 ActivityTaskTimedOut scheduled=5 started=6 retry=MaximumAttemptsReached failure="activity Heartbeat timeout"("Oops")
            8 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn an_activity_times_out_over_all_its_attempts() {
    check(
        "start
        poll
        complete activity=a:close=10s,start=4s,retry=1s/0
        take a
        fail-activity a type=Real
        +1s
        take a
        +4s
        +2s
        take a
        +5s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:close=10s,start=4s,retry=1s/0
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a schedule-to-close=10s schedule-to-start=10s start-to-close=4s
            > take a
            = activity task a attempt=1
            > fail-activity a type=Real
            > +1s
            > take a
            = activity task a attempt=2
            > +4s
            > +2s
            > take a
            = activity task a attempt=3
            > +5s
            6 ActivityTaskStarted scheduled=5 attempt=3 last-failure="activity StartToClose timeout"
            7 ActivityTaskTimedOut scheduled=5 started=6 retry=Timeout failure="Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying"("activity StartToClose timeout")
            8 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn an_activity_that_waits_for_its_next_attempt_times_out_as_a_whole() {
    check(
        "start
        poll
        complete activity=a:close=10s,retry=1s/0
        +9s
        take a
        fail-activity a type=Real delay=1s
        +1s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:close=10s,retry=1s/0
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a schedule-to-close=10s schedule-to-start=10s start-to-close=10s
            > +9s
            > take a
            = activity task a attempt=1
            > fail-activity a type=Real delay=1s
            > +1s
            6 ActivityTaskTimedOut scheduled=5 retry=Timeout failure="Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying"("Real")
            7 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn an_attempt_without_time_for_another_times_out_as_the_whole() {
    check(
        "start
        poll
        complete activity=a:close=10s,start=8s,retry=5s/0
        take a
        +8s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:close=10s,start=8s,retry=5s/0
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a schedule-to-close=10s schedule-to-start=10s start-to-close=8s
            > take a
            = activity task a attempt=1
            > +8s
            6 ActivityTaskStarted scheduled=5 attempt=1
            7 ActivityTaskTimedOut scheduled=5 started=6 retry=Timeout failure="Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying"
            8 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn an_activity_that_was_asked_to_stop_is_not_tried_again() {
    check(
        "start
        poll
        complete activity=a:start=5s
        take a
        signal s
        poll
        complete cancel-activity=5
        +5s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=5s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=5s
            > take a
            = activity task a attempt=1
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
            > +5s
            11 ActivityTaskStarted scheduled=5 attempt=1
            12 ActivityTaskTimedOut scheduled=5 started=11 retry=CancelRequested failure="activity StartToClose timeout"
            13 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn a_timeout_that_comes_during_a_task_is_written_after_it() {
    check(
        "start
        poll
        complete activity=a:start=5s,retry=1s/1
        take a
        signal s
        poll
        +6s
        complete",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=5s,retry=1s/1
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=5s
            > take a
            = activity task a attempt=1
            > signal s
            6 WorkflowExecutionSignaled name=s
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > +6s
            > complete
            9 WorkflowTaskCompleted scheduled=7 started=8
            10 ActivityTaskStarted scheduled=5 attempt=1
            11 ActivityTaskTimedOut scheduled=5 started=10 retry=MaximumAttemptsReached failure="activity StartToClose timeout"
            12 WorkflowTaskScheduled timeout=10s
        "#,
    );
}
