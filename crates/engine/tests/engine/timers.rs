//! Timers: they fire once or are cancelled.

use crate::check;

#[test]
fn a_timer_fires_when_it_is_due() {
    check(
        "start
        poll
        complete timer=t:5s
        +4s
        +2s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:5s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=5s
            > +4s
            > +2s
            6 TimerFired id=t started=5
            7 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn a_timer_of_no_length_fires_at_once() {
    check(
        "start
        poll
        complete timer=t:0s timer=u:1h
        +0s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:0s timer=u:1h
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t
            6 TimerStarted id=u after=3600s
            > +0s
            7 TimerFired id=t started=5
            8 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn timers_that_are_due_together_fire_in_their_order_and_share_a_task() {
    check(
        "start
        poll
        complete timer=10:5s timer=9:5s timer=early:1s
        +10s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=10:5s timer=9:5s timer=early:1s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=10 after=5s
            6 TimerStarted id=9 after=5s
            7 TimerStarted id=early after=1s
            > +10s
            8 TimerFired id=early started=7
            9 WorkflowTaskScheduled timeout=10s
            10 TimerFired id=10 started=5
            11 TimerFired id=9 started=6
        "#,
    );
}

#[test]
fn a_cancelled_timer_never_fires() {
    check(
        "start
        poll
        complete timer=t:5s
        signal s
        poll
        complete cancel-timer=t
        +1h",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:5s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=5s
            > signal s
            6 WorkflowExecutionSignaled name=s
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > complete cancel-timer=t
            9 WorkflowTaskCompleted scheduled=7 started=8
            10 TimerCanceled id=t started=5
            > +1h
        "#,
    );
}

#[test]
fn a_timer_id_is_free_again_once_it_was_cancelled() {
    check(
        "start
        poll
        complete timer=t:5s cancel-timer=t timer=t:1s
        +1h",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:5s cancel-timer=t timer=t:1s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=5s
            6 TimerCanceled id=t started=5
            7 TimerStarted id=t after=1s
            > +1h
            8 TimerFired id=t started=7
            9 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn a_timer_that_fires_while_a_worker_has_the_task_is_written_after_it() {
    check(
        "start
        poll
        complete timer=t:5s
        signal s
        poll
        +6s
        complete marker=m",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:5s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=5s
            > signal s
            6 WorkflowExecutionSignaled name=s
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > +6s
            > complete marker=m
            9 WorkflowTaskCompleted scheduled=7 started=8
            10 MarkerRecorded name=m
            11 TimerFired id=t started=5
            12 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn a_timer_that_fired_unseen_can_still_be_cancelled() {
    check(
        "start
        poll
        complete timer=t:5s
        signal s
        poll
        +6s
        complete cancel-timer=t done",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:5s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=5s
            > signal s
            6 WorkflowExecutionSignaled name=s
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > +6s
            > complete cancel-timer=t done
            9 WorkflowTaskCompleted scheduled=7 started=8
            10 TimerCanceled id=t started=5
            11 WorkflowExecutionCompleted
        "#,
    );
}

#[test]
fn a_workflow_that_takes_a_firing_back_still_waits_for_other_news() {
    check(
        "start
        poll
        complete timer=t:5s
        signal s
        poll
        +6s
        signal other
        complete cancel-timer=t done",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:5s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=5s
            > signal s
            6 WorkflowExecutionSignaled name=s
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > +6s
            > signal other
            = signaled run-1
            > complete cancel-timer=t done
            9 WorkflowTaskFailed cause=UnhandledCommand failure="UnhandledCommand"
            10 TimerFired id=t started=5
            11 WorkflowExecutionSignaled name=other
            12 WorkflowTaskScheduled timeout=10s
            = task failed: UnhandledCommand
        "#,
    );
}

#[test]
fn a_timer_may_begin_again_before_its_firing_was_seen() {
    check(
        "start
        poll
        complete timer=t:5s
        signal s
        poll
        +6s
        complete timer=t:1s
        poll
        complete
        +2s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:5s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=5s
            > signal s
            6 WorkflowExecutionSignaled name=s
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > +6s
            > complete timer=t:1s
            9 WorkflowTaskCompleted scheduled=7 started=8
            10 TimerStarted id=t after=1s
            11 TimerFired id=t started=5
            12 WorkflowTaskScheduled timeout=10s
            > poll
            13 WorkflowTaskStarted scheduled=12
            = task events 1..14
            > complete
            14 WorkflowTaskCompleted scheduled=12 started=13
            > +2s
            15 TimerFired id=t started=10
            16 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn timers_that_make_no_sense_fail_their_task() {
    check(
        "start
        poll
        complete timer=t:5s timer=t:6s
        poll
        complete timer=:5s
        signal s
        +10s
        poll
        complete timer=n:negative
        signal s
        +10s
        poll
        complete cancel-timer=unknown",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:5s timer=t:6s
            4 WorkflowTaskFailed cause=StartTimerDuplicateId failure="StartTimerDuplicateId: invalid history builder state for action: add-timer-started-event, TimerID: t"
            = task failed: StartTimerDuplicateId: invalid history builder state for action: add-timer-started-event, TimerID: t
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > complete timer=:5s
            ! invalid argument: BadStartTimerAttributes: TimerId is not set on StartTimerCommand.
            > signal s
            = signaled run-1
            > +10s
            5 WorkflowExecutionSignaled name=s
            6 WorkflowTaskScheduled timeout=10s
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete timer=n:negative
            8 WorkflowTaskFailed cause=BadStartTimerAttributes failure="BadStartTimerAttributes: An invalid StartToFireTimeout is set on StartTimerCommand: negative duration. TimerId=n"
            = task failed: BadStartTimerAttributes: An invalid StartToFireTimeout is set on StartTimerCommand: negative duration. TimerId=n
            > signal s
            9 WorkflowExecutionSignaled name=s
            = signaled run-1
            > +10s
            > poll
            10 WorkflowTaskScheduled timeout=10s
            11 WorkflowTaskStarted scheduled=10
            = task events 1..12
            > complete cancel-timer=unknown
            12 WorkflowTaskFailed cause=BadCancelTimerAttributes failure="BadCancelTimerAttributes: invalid history builder state for action: add-timer-canceled-event, TimerID: unknown"
            = task failed: BadCancelTimerAttributes: invalid history builder state for action: add-timer-canceled-event, TimerID: unknown
        "#,
    );
}

#[test]
fn a_timer_does_not_outlive_its_run() {
    check(
        "start
        poll
        complete timer=t:5s done
        +1h",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:5s done
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=5s
            6 WorkflowExecutionCompleted
            > +1h
        "#,
    );
}
