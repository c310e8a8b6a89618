//! Resets: a new run goes on from an earlier workflow task, with what others did since.

use weft_engine::{Refusal, Settings, handle};

use crate::{check, script::Script, world::moment};

#[test]
fn a_closed_run_goes_on_from_its_first_task() {
    check(
        "start
        poll
        complete
        signal a
        poll
        complete done
        reset first
        reset first
        poll",
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
            > signal a
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete done
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 WorkflowExecutionCompleted
            > reset first
            run-2/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-2/5 WorkflowExecutionSignaled name=a
            run-2/6 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            = reset to run-2
            > reset first
            = reset to run-2
            > poll
            run-2/7 WorkflowTaskStarted scheduled=6
            = task events 1..8
        "#,
    );
}

#[test]
fn an_open_run_ends_and_what_waited_for_its_worker_is_taken_along() {
    check(
        "start
        poll
        complete
        signal a request=x
        poll
        signal b
        reset first signal=c
        complete
        signal a request=x",
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
            > signal a request=x
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > signal b
            = signaled run-1
            > reset first signal=c
            8 WorkflowTaskFailed cause=ForceCloseCommand
            9 WorkflowExecutionSignaled name=b
            10 WorkflowExecutionTerminated reason="again"
            run-2/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-2/5 WorkflowExecutionSignaled name=a
            run-2/6 WorkflowExecutionSignaled name=b
            run-2/7 WorkflowExecutionSignaled name=c
            run-2/8 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            = reset to run-2
            > complete
            ! WorkflowTaskNotFound
            > signal a request=x
            = signaled run-2
        "#,
    );
}

#[test]
fn what_is_excluded_stays_behind() {
    check(
        "start
        poll
        complete
        signal a
        update u1
        poll
        complete accept=u1 respond=u1
        reset first without=signals,updates",
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
            > signal a
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > update u1
            = update Admitted
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8 update=u1
            > complete accept=u1 respond=u1
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 WorkflowExecutionUpdateAccepted
            10 WorkflowExecutionUpdateCompleted
            * update u1 completed
            > reset first without=signals,updates
            11 WorkflowExecutionTerminated reason="again"
            run-2/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-2/5 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            = reset to run-2
        "#,
    );
}

#[test]
fn what_came_of_activities_and_timers_is_kept_up_to_an_event() {
    check(
        "start
        poll
        complete activity=a:start=10s activity=b:start=10s timer=t:1s
        take a
        finish a
        poll
        +2s
        take b
        finish b
        complete
        reset last keep=13",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete activity=a:start=10s activity=b:start=10s timer=t:1s
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 ActivityTaskScheduled id=a start-to-close=10s
            6 ActivityTaskScheduled id=b start-to-close=10s
            7 TimerStarted id=t after=1s
            > take a
            = activity task a attempt=1
            > finish a
            8 ActivityTaskStarted scheduled=5 attempt=1
            9 ActivityTaskCompleted scheduled=5 started=8
            10 WorkflowTaskScheduled timeout=10s
            > poll
            11 WorkflowTaskStarted scheduled=10
            = task events 1..12
            > +2s
            > take b
            = activity task b attempt=1
            > finish b
            > complete
            12 WorkflowTaskCompleted scheduled=10 started=11
            13 TimerFired id=t started=7
            14 ActivityTaskStarted scheduled=6 attempt=1
            15 ActivityTaskCompleted scheduled=6 started=14
            16 WorkflowTaskScheduled timeout=10s
            > reset last keep=13
            17 WorkflowExecutionTerminated reason="again"
            run-2/12 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-2/13 TimerFired id=t started=7
            run-2/14 WorkflowTaskScheduled timeout=10s
            = reset to run-2
        "#,
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a transcript")]
fn an_update_is_admitted_again_and_told_of_in_history() {
    check(
        "start
        poll
        complete
        update u1
        poll
        complete accept=u1 respond=u1
        update u2
        poll
        complete accept=u2
        reset first
        find u1
        update u2
        lose
        poll
        complete accept=u1 respond=u1 reject=u2
        find u1
        find u2",
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
            > update u1
            = update Admitted
            > poll
            = task events 1..5 + 5 WorkflowTaskScheduled timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
            > complete accept=u1 respond=u1
            5 WorkflowTaskScheduled timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 WorkflowExecutionUpdateAccepted
            9 WorkflowExecutionUpdateCompleted
            * update u1 completed
            > update u2
            = update Admitted
            > poll
            = task events 1..10 + 10 WorkflowTaskScheduled timeout=10s + 11 WorkflowTaskStarted scheduled=10 update=u2
            > complete accept=u2
            10 WorkflowTaskScheduled timeout=10s
            11 WorkflowTaskStarted scheduled=10
            12 WorkflowTaskCompleted scheduled=10 started=11
            13 WorkflowExecutionUpdateAccepted
            * update u2 accepted
            > reset first
            14 WorkflowExecutionTerminated reason="again"
            run-2/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-2/5 WorkflowExecutionUpdateAdmitted
            run-2/6 WorkflowExecutionUpdateAdmitted
            run-2/7 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            * update u2 cut short
            = reset to run-2
            > find u1
            = update Admitted in run-2
            > update u2
            = update Admitted in run-2
            > lose
            > poll
            run-2/8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > complete accept=u1 respond=u1 reject=u2
            run-2/9 WorkflowTaskCompleted scheduled=7 started=8
            run-2/10 WorkflowExecutionUpdateAccepted
            run-2/11 WorkflowExecutionUpdateCompleted
            * update u1 completed
            * update u2 rejected: "No"
            > find u1
            = update Completed(EventId(11)) in run-2
            > find u2
            ! UpdateNotFound("u2")
        "#,
    );
}

#[test]
fn an_update_that_the_worker_passes_over_is_rejected() {
    check(
        "start
        poll
        complete
        update u1
        poll
        complete accept=u1
        reset first
        poll
        complete",
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
            > update u1
            = update Admitted
            > poll
            = task events 1..5 + 5 WorkflowTaskScheduled timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
            > complete accept=u1
            5 WorkflowTaskScheduled timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 WorkflowExecutionUpdateAccepted
            * update u1 accepted
            > reset first
            9 WorkflowExecutionTerminated reason="again"
            run-2/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-2/5 WorkflowExecutionUpdateAdmitted
            run-2/6 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            * update u1 cut short
            = reset to run-2
            > poll
            run-2/7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete
            run-2/8 WorkflowTaskCompleted scheduled=6 started=7
            * update u1 rejected: "Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow Update is not supported by the worker."
        "#,
    );
}

#[test]
fn signals_of_runs_that_followed_are_taken_along() {
    check(
        "start
        poll
        complete
        signal a
        poll
        complete can=again
        signal b
        reset first run=run-1",
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
            > signal a
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete can=again
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 WorkflowExecutionContinuedAsNew next=run-2
            run-2/1 WorkflowExecutionStarted attempt=1 by=Workflow input=again after=run-1 backoff=1s
            > signal b
            run-2/2 WorkflowExecutionSignaled name=b
            = signaled run-2
            > reset first run=run-1
            run-2/3 WorkflowExecutionTerminated reason="again"
            run-3/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-3/5 WorkflowExecutionSignaled name=a
            run-3/6 WorkflowExecutionSignaled name=b
            run-3/7 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            = reset to run-3
        "#,
    );
}

#[test]
fn a_run_that_a_reset_made_may_be_reset_again() {
    check(
        "start
        poll
        complete
        signal a
        poll
        complete
        reset last
        poll
        complete
        reset last request=r2
        reset first run=run-2 request=r3
        delete run=run-1
        delete run=run-2
        delete run=run-3
        delete",
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
            > signal a
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete
            8 WorkflowTaskCompleted scheduled=6 started=7
            > reset last
            9 WorkflowExecutionTerminated reason="again"
            run-2/8 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-2/9 WorkflowTaskScheduled timeout=10s
            = reset to run-2
            > poll
            run-2/10 WorkflowTaskStarted scheduled=9
            = task events 1..11
            > complete
            run-2/11 WorkflowTaskCompleted scheduled=9 started=10
            > reset last request=r2
            run-2/12 WorkflowExecutionTerminated reason="again"
            run-3/11 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-3/12 WorkflowTaskScheduled timeout=10s
            = reset to run-3
            > reset first run=run-2 request=r3
            run-3/13 WorkflowExecutionTerminated reason="again"
            run-4/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-4/5 WorkflowExecutionSignaled name=a
            run-4/6 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            = reset to run-4
            > delete run=run-1
            * removed run-1
            > delete run=run-2
            * removed run-2
            > delete run=run-3
            * removed run-3
            > delete
            * removed run-4
        "#,
    );
}

#[test]
fn what_is_no_end_of_a_task_is_refused() {
    check(
        "reset 4 run=run-1
        start
        poll
        complete marker=m
        signal a
        reset 1
        reset 2
        reset 5
        reset 6
        reset 7
        reset 8
        reset 4 old
        reset 4 run=other",
        r#"
            > reset 4 run=run-1
            ! WorkflowNotFound
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete marker=m
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 MarkerRecorded name=m
            > signal a
            6 WorkflowExecutionSignaled name=a
            7 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > reset 1
            ! invalid argument: Workflow task finish ID must be > 1 && <= workflow last event ID.
            > reset 2
            ! invalid argument: Can only reset workflow to event ID in range [WorkflowTaskScheduled +1, WorkflowTaskStarted + 1]: 2
            > reset 5
            ! invalid argument: Can only reset workflow to event ID in range [WorkflowTaskScheduled +1, WorkflowTaskStarted + 1]: 5
            > reset 6
            ! invalid argument: Can only reset workflow to event ID in range [WorkflowTaskScheduled +1, WorkflowTaskStarted + 1]: 6
            > reset 7
            ! invalid argument: Can only reset workflow to event ID in range [WorkflowTaskScheduled +1, WorkflowTaskStarted + 1]: 7
            > reset 8
            ! invalid argument: Workflow task finish ID must be > 1 && <= workflow last event ID.
            > reset 4 old
            ! HistoryGrew
            > reset 4 run=other
            ! WorkflowNotFound
        "#,
    );
}

#[test]
fn timeouts_count_from_the_reset() {
    check(
        "start run-timeout=10s execution-timeout=15s
        poll
        complete
        +8s
        signal a
        reset first
        +8s
        signal b
        +3s",
        r#"
            > start run-timeout=10s execution-timeout=15s
            1 WorkflowExecutionStarted attempt=1 run-timeout=10s execution-timeout=15s
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete
            4 WorkflowTaskCompleted scheduled=2 started=3
            > +8s
            > signal a
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > reset first
            7 WorkflowExecutionTerminated reason="again"
            run-2/4 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-2/5 WorkflowExecutionSignaled name=a
            run-2/6 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            = reset to run-2
            > +8s
            > signal b
            run-2/7 WorkflowExecutionSignaled name=b
            = signaled run-2
            > +3s
            run-2/8 WorkflowExecutionTimedOut retry=RetryPolicyNotSet
        "#,
    );
}

#[test]
fn a_start_that_used_the_run_is_known_after_a_reset() {
    check(
        "start
        start request=early conflict=use attach
        poll
        complete
        start request=late conflict=use attach
        reset first
        start request=early
        start request=late
        start request=other",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > start request=early conflict=use attach
            3 WorkflowExecutionOptionsUpdated attached=early
            = uses run-1 Running
            > poll
            4 WorkflowTaskStarted scheduled=2
            = task events 1..5
            > complete
            5 WorkflowTaskCompleted scheduled=2 started=4
            > start request=late conflict=use attach
            6 WorkflowExecutionOptionsUpdated attached=late
            = uses run-1 Running
            > reset first
            7 WorkflowExecutionTerminated reason="again"
            run-2/5 WorkflowTaskFailed cause=ResetWorkflow failure="again"
            run-2/6 WorkflowExecutionOptionsUpdated attached=late
            run-2/7 WorkflowTaskScheduled timeout=10s
            ~ listed Running
            = reset to run-2
            > start request=early
            = uses run-2 Running
            > start request=late
            = uses run-2 Running
            > start request=other
            ! already started: run-2 closed=false
        "#,
    );
}

/// What comes of a reset that was asked for before the rest happened, when no closed run but its base is in memory.
fn asked_before(rest: &[&str]) -> Result<(), Refusal> {
    let mut script = Script::new(Settings::default());
    let chain = ["start", "poll", "complete can=again", "+1s", "poll", "complete can=again", "+1s", "signal a"];
    chain.iter().for_each(|line| script.line(line));
    let request = script.step("reset first run=run-1").expect("there is such a task");
    rest.iter().for_each(|line| script.line(line));
    let world = &script.world;
    let mut workflow = world.workflow.clone();
    workflow.runs.retain(|run, execution| run.as_str() == "run-1" || execution.is_open());
    let moment = moment(world.now, "run-9".into(), &world.namespace, &world.settings);
    handle(&mut workflow, request, &moment).map(drop)
}

#[test]
fn a_run_that_continued_as_new_while_it_was_read_is_read_again() {
    assert_eq!(asked_before(&[]), Ok(()));
    let grew = Err(Refusal::HistoryGrew);
    assert_eq!(asked_before(&["signal b"]), grew);
    assert_eq!(asked_before(&["signal b", "poll", "complete can=again", "signal c"]), grew);
    assert_eq!(asked_before(&["terminate"]), grew);
}

/// What a reset to the last task of a run with so many signals writes: events, and rows.
fn written_after(signals: usize) -> (usize, usize) {
    let mut script = Script::new(Settings::default());
    ["start", "poll", "complete"].iter().for_each(|line| script.line(line));
    (0..signals).for_each(|_| script.line("signal a"));
    ["poll", "complete", "signal b"].iter().for_each(|line| script.line(line));
    let request = script.step("reset last").expect("there is such a task");
    let (transition, _) = script.send(request).expect("it is taken");
    (transition.events.iter().map(|appended| appended.events.len()).sum(), transition.rows.len())
}

#[test]
fn a_reset_copies_nothing_however_long_the_history_is() {
    let few = written_after(2);
    assert_eq!(few, written_after(3_000));
    // The end of the old run; the failed task, the signal that came since and the next task of the new one.
    assert_eq!(few.0, 4);
}
