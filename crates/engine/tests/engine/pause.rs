//! Runs that are paused: what is not handed out meanwhile, what is written, what becomes of timers and timeouts.

use crate::check;

#[test]
fn a_paused_run_gets_no_task_until_it_is_unpaused() {
    check(
        "start
        freeze request=a reason=hot
        poll
        freeze request=a
        freeze request=b
        signal s
        thaw
        thaw
        poll
        complete done
        freeze",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > freeze request=a reason=hot
            3 WorkflowTaskFailed cause=WorkflowPauseRequestedBeforeTaskStarted
            4 WorkflowExecutionPaused reason=hot
            ~ listed Paused TemporalPauseInfo=["Workflow:wf","Reason:hot"]
            > poll
            ! TaskGone
            > freeze request=a
            > freeze request=b
            ! not now: workflow is already paused.
            > signal s
            5 WorkflowExecutionSignaled name=s
            = signaled run-1
            > thaw
            6 WorkflowExecutionUnpaused
            7 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            > thaw
            ! not now: workflow is not paused.
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > complete done
            9 WorkflowTaskCompleted scheduled=7 started=8
            10 WorkflowExecutionCompleted
            > freeze
            ! WorkflowClosed
        "#,
    );
}

#[test]
fn timers_stand_still_while_the_run_is_paused() {
    check(
        "start
        poll
        complete timer=t:10s timer=u:30s
        +4s
        freeze
        +1h
        thaw
        +5s
        poll
        complete
        +1s
        +19s
        +1s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:10s timer=u:30s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=10s
            6 TimerStarted id=u after=30s
            > +4s
            > freeze
            7 WorkflowExecutionPaused
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > +1h
            > thaw
            8 WorkflowExecutionUnpaused
            9 WorkflowTaskScheduled timeout=10s
            > +5s
            > poll
            10 WorkflowTaskStarted scheduled=9
            = task events 1..11
            > complete
            11 WorkflowTaskCompleted scheduled=9 started=10
            > +1s
            12 TimerFired id=t started=5
            13 WorkflowTaskScheduled timeout=10s
            > +19s
            > +1s
            14 TimerFired id=u started=6
        "#,
    );
}

#[test]
fn timeouts_of_the_run_stand_still_while_it_is_paused() {
    check(
        "start run-timeout=10s execution-timeout=20s
        poll
        complete
        +4s
        freeze
        +1h
        thaw
        poll
        complete
        +5s
        +1s",
        r#"
            > start run-timeout=10s execution-timeout=20s
            1 WorkflowExecutionStarted attempt=1 run-timeout=10s execution-timeout=20s
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete
            4 WorkflowTaskCompleted scheduled=2 started=3
            > +4s
            > freeze
            5 WorkflowExecutionPaused
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > +1h
            > thaw
            6 WorkflowExecutionUnpaused
            7 WorkflowTaskScheduled timeout=10s
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > complete
            9 WorkflowTaskCompleted scheduled=7 started=8
            > +5s
            > +1s
            10 WorkflowExecutionTimedOut retry=RetryPolicyNotSet
        "#,
    );
}

#[test]
fn activities_are_not_handed_out_and_their_timeouts_stand_still() {
    check(
        "start
        poll
        complete activity=a:start=10s,beat=2s,retry=1s/1 activity=b:wait=3s,start=9s activity=c:start=5s,retry=3s/0
        take a
        take c
        fail-activity c
        +1s
        freeze
        take b
        +1h
        take c
        beat a
        thaw
        take c
        +1s
        beat a
        +1s
        take b
        +1s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=10s,beat=2s,retry=1s/1 activity=b:wait=3s,start=9s activity=c:start=5s,retry=3s/0
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s heartbeat=2s
            6 ActivityTaskScheduled id=b schedule-to-start=3s start-to-close=9s
            7 ActivityTaskScheduled id=c start-to-close=5s
            > take a
            = activity task a attempt=1
            > take c
            = activity task c attempt=1
            > fail-activity c
            > +1s
            > freeze
            8 WorkflowExecutionPaused
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > take b
            ! TaskGone
            > +1h
            > take c
            ! TaskGone
            > beat a
            = heard, cancel_requested=false
            > thaw
            9 WorkflowExecutionUnpaused
            10 WorkflowTaskScheduled timeout=10s
            > take c
            ! TaskGone
            > +1s
            > beat a
            = heard, cancel_requested=false
            > +1s
            11 ActivityTaskTimedOut scheduled=6 retry=Timeout failure="activity ScheduleToStart timeout"
            > take b
            ! TaskGone
            > +1s
            12 ActivityTaskStarted scheduled=5 attempt=1
            13 ActivityTaskTimedOut scheduled=5 started=12 retry=MaximumAttemptsReached failure="activity Heartbeat timeout"
        "#,
    );
}

#[test]
fn what_a_worker_has_it_may_finish() {
    check(
        "start
        poll
        freeze
        signal s
        complete timer=t:5s activity=a:start=9s,eager marker=m
        take a
        +1h
        thaw
        take a
        finish a
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
            > freeze
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > signal s
            = signaled run-1
            > complete timer=t:5s activity=a:start=9s,eager marker=m
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=5s
            6 ActivityTaskScheduled id=a start-to-close=9s
            7 MarkerRecorded name=m
            8 WorkflowExecutionPaused
            9 WorkflowExecutionSignaled name=s
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > take a
            ! TaskGone
            > +1h
            > thaw
            10 WorkflowExecutionUnpaused
            11 WorkflowTaskScheduled timeout=10s
            > take a
            = activity task a attempt=1
            > finish a
            12 ActivityTaskStarted scheduled=6 attempt=1
            13 ActivityTaskCompleted scheduled=6 started=12
            > +4s
            > +1s
            14 TimerFired id=t started=5
        "#,
    );
}

#[test]
fn a_pause_that_begins_and_ends_within_a_task_stops_no_timer() {
    check(
        "start
        poll
        complete timer=t:10s force
        poll
        freeze
        +2s
        thaw
        +1s
        complete timer=u:10s
        +7s
        +3s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:10s force
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=10s
            6 WorkflowTaskScheduled timeout=10s
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > freeze
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > +2s
            > thaw
            > +1s
            > complete timer=u:10s
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 TimerStarted id=u after=10s
            10 WorkflowExecutionPaused
            11 WorkflowExecutionUnpaused
            12 WorkflowTaskScheduled timeout=10s
            > +7s
            13 TimerFired id=t started=5
            > +3s
            14 TimerFired id=u started=9
        "#,
    );
}

#[test]
fn an_unpause_within_a_task_lets_timers_go_on_when_the_task_ends() {
    check(
        "start
        poll
        complete timer=t:10s
        signal s
        poll
        +1s
        freeze
        +1s
        complete timer=u:6s
        +1m
        thaw
        +7s
        +1s",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete timer=t:10s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 TimerStarted id=t after=10s
            > signal s
            6 WorkflowExecutionSignaled name=s
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > +1s
            > freeze
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > +1s
            > complete timer=u:6s
            9 WorkflowTaskCompleted scheduled=7 started=8
            10 TimerStarted id=u after=6s
            11 WorkflowExecutionPaused
            > +1m
            > thaw
            12 WorkflowExecutionUnpaused
            13 WorkflowTaskScheduled timeout=10s
            > +7s
            14 TimerFired id=u started=10
            > +1s
            15 TimerFired id=t started=5
        "#,
    );
}

#[test]
fn a_task_that_fails_or_times_out_while_the_run_is_paused_is_not_tried_again() {
    check(
        "start
        poll
        freeze
        fail-task
        +1h
        thaw
        poll
        freeze
        +10s
        thaw
        poll
        complete force",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > freeze
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > fail-task
            4 WorkflowTaskFailed cause=WorkflowWorkerUnhandledFailure failure="Oops"
            5 WorkflowExecutionPaused
            > +1h
            > thaw
            6 WorkflowExecutionUnpaused
            7 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > freeze
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > +10s
            9 WorkflowTaskTimedOut type=StartToClose
            10 WorkflowExecutionPaused
            > thaw
            11 WorkflowExecutionUnpaused
            12 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            > poll
            13 WorkflowTaskStarted scheduled=12
            = task events 1..14
            > complete force
            14 WorkflowTaskCompleted scheduled=12 started=13
            15 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn a_paused_run_is_not_kept_alive_by_its_worker() {
    check(
        "start
        poll
        freeze
        complete force
        complete",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > freeze
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > complete force
            ! not now: Workflow is paused and force create new workflow task is not allowed.
            > complete
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionPaused
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
        "#,
    );
}

#[test]
fn queries_and_updates_of_a_paused_run_are_refused() {
    check(
        "start
        poll
        complete
        freeze
        query 1
        query 2 if-open
        update u
        thaw
        update u
        freeze
        poll
        thaw
        poll
        complete accepted=u responded=u",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete
            4 WorkflowTaskCompleted scheduled=2 started=3
            > freeze
            5 WorkflowExecutionPaused
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > query 1
            = query rejected: Paused
            > query 2 if-open
            = query rejected: Paused
            > update u
            ! not now: Workflow is paused. Cannot update the workflow.
            > thaw
            6 WorkflowExecutionUnpaused
            7 WorkflowTaskScheduled timeout=10s
            > update u
            = update Admitted
            > freeze
            8 WorkflowTaskFailed cause=WorkflowPauseRequestedBeforeTaskStarted
            9 WorkflowExecutionPaused
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > poll
            ! TaskGone
            > thaw
            10 WorkflowExecutionUnpaused
            11 WorkflowTaskScheduled timeout=10s
            > poll
            12 WorkflowTaskStarted scheduled=11
            = task events 1..13 update=u
            > complete accepted=u responded=u
            13 WorkflowTaskCompleted scheduled=11 started=12
            14 WorkflowExecutionUpdateAccepted
            15 WorkflowExecutionUpdateCompleted
            * update u completed
        "#,
    );
}

#[test]
fn a_paused_run_can_be_cancelled_and_terminated_and_is_known_as_running() {
    check(
        "start
        freeze
        start request=again
        start request=use conflict=use attach
        signal-with-start s request=more conflict=use
        cancel
        terminate
        thaw",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > freeze
            3 WorkflowTaskFailed cause=WorkflowPauseRequestedBeforeTaskStarted
            4 WorkflowExecutionPaused
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > start request=again
            ! already started: run-1 closed=false
            > start request=use conflict=use attach
            5 WorkflowExecutionOptionsUpdated attached=use
            = uses run-1 Paused
            > signal-with-start s request=more conflict=use
            6 WorkflowExecutionSignaled name=s
            = uses run-1 Paused
            > cancel
            7 WorkflowExecutionCancelRequested cause=please
            > terminate
            8 WorkflowExecutionTerminated reason="enough"
            ~ listed Terminated TemporalPauseInfo=["Workflow:wf"]
            > thaw
            ! WorkflowClosed
        "#,
    );
}

#[test]
fn a_first_task_waits_for_its_time_unless_the_run_is_to_stop() {
    check(
        "start delay=10s
        freeze
        +3s
        thaw
        +6s
        freeze
        +1h
        cancel
        thaw",
        r#"
            > start delay=10s
            1 WorkflowExecutionStarted attempt=1 backoff=10s
            = started run-1 Running
            > freeze
            2 WorkflowExecutionPaused
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > +3s
            > thaw
            3 WorkflowExecutionUnpaused
            ~ listed Running
            > +6s
            > freeze
            4 WorkflowExecutionPaused
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > +1h
            > cancel
            5 WorkflowExecutionCancelRequested cause=please
            > thaw
            6 WorkflowExecutionUnpaused
            7 WorkflowTaskScheduled timeout=10s
            ~ listed Running
        "#,
    );
}

#[test]
fn a_run_may_end_while_it_is_paused() {
    check(
        "start
        poll
        freeze
        complete done
        thaw
        poll
        freeze
        complete can=again
        thaw
        poll
        complete can=again
        freeze",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > freeze
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > complete done
            4 WorkflowTaskFailed cause=UnhandledCommand failure="UnhandledCommand"
            5 WorkflowExecutionPaused
            = task failed: UnhandledCommand
            > thaw
            6 WorkflowExecutionUnpaused
            7 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > freeze
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
            > complete can=again
            9 WorkflowTaskFailed cause=UnhandledCommand failure="UnhandledCommand"
            10 WorkflowExecutionPaused
            = task failed: UnhandledCommand
            > thaw
            11 WorkflowExecutionUnpaused
            12 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            > poll
            13 WorkflowTaskStarted scheduled=12
            = task events 1..14
            > complete can=again
            14 WorkflowTaskCompleted scheduled=12 started=13
            15 WorkflowExecutionContinuedAsNew next=run-2
            run-2/1 WorkflowExecutionStarted attempt=1 by=Workflow input=again after=run-1 backoff=1s
            > freeze
            run-2/2 WorkflowExecutionPaused
            ~ listed Paused TemporalPauseInfo=["Workflow:wf"]
        "#,
    );
}
