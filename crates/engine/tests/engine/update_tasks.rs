//! Speculative workflow tasks: how they go out, vanish, or are written after all.

use crate::{
    check,
    script::{changed, check_with},
};

#[test]
fn a_signal_writes_a_task_that_waits_and_comes_after_it() {
    check(
        "start
        poll
        complete
        update u1
        signal s
        poll
        complete reject=u1",
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
            > signal s
            5 WorkflowTaskScheduled timeout=10s
            6 WorkflowExecutionSignaled name=s
            = signaled run-1
            > poll
            7 WorkflowTaskStarted scheduled=5
            = task events 1..8 update=u1
            > complete reject=u1
            8 WorkflowTaskCompleted scheduled=5 started=7
            * update u1 rejected: "No"
        "#,
    );
}

#[test]
fn a_task_that_is_written_while_it_waits_is_offered_again() {
    check(
        "start
        poll
        complete sticky
        update u1
        signal s",
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
            > update u1
            * offered on sticky
            = update Admitted
            > signal s
            5 WorkflowTaskScheduled sticky=sticky timeout=10s
            6 WorkflowExecutionSignaled name=s
            * offered on sticky
            = signaled run-1
        "#,
    );
}

#[test]
fn a_signal_writes_a_task_that_a_worker_has_and_waits_for_its_end() {
    check(
        "start
        poll
        complete
        update u1
        poll
        signal s
        complete reject=u1",
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
            > signal s
            5 WorkflowTaskScheduled timeout=10s
            6 WorkflowTaskStarted scheduled=5
            = signaled run-1
            > complete reject=u1
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 WorkflowExecutionSignaled name=s
            9 WorkflowTaskScheduled timeout=10s
            * update u1 rejected: "No"
        "#,
    );
}

#[test]
fn a_heartbeat_writes_the_task() {
    check(
        "start
        poll
        complete activity=a
        take a
        update u1
        poll
        beat a
        complete reject=u1 discards",
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
            > update u1
            = update Admitted
            > poll
            = task events 1..6 + 6 WorkflowTaskScheduled timeout=10s + 7 WorkflowTaskStarted scheduled=6 update=u1
            > beat a
            6 WorkflowTaskScheduled timeout=10s
            7 WorkflowTaskStarted scheduled=6
            = heard, cancel_requested=false
            > complete reject=u1 discards
            8 WorkflowTaskCompleted scheduled=6 started=7
            * update u1 rejected: "No"
        "#,
    );
}

#[test]
fn a_task_that_nobody_takes_is_written_as_timed_out() {
    check(
        "start
        poll
        complete
        update u1
        +4s
        +1s
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
            > update u1
            = update Admitted
            > +4s
            > +1s
            5 WorkflowTaskScheduled timeout=10s
            6 WorkflowTaskTimedOut type=ScheduleToStart
            7 WorkflowTaskScheduled timeout=10s
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9 update=u1
        "#,
    );
}

#[test]
fn a_sticky_task_that_nobody_takes_is_written_as_timed_out() {
    check(
        "start
        poll
        complete sticky
        update u1
        +5s
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
            > update u1
            * offered on sticky
            = update Admitted
            > +5s
            5 WorkflowTaskScheduled sticky=sticky timeout=10s
            6 WorkflowTaskTimedOut type=ScheduleToStart
            7 WorkflowTaskScheduled timeout=10s
            > poll
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9 update=u1
        "#,
    );
}

#[test]
fn a_task_that_is_not_answered_is_written_and_its_updates_go_out_again() {
    check(
        "start
        poll
        complete
        update u1
        poll
        +10s
        poll
        complete stale reject=u1
        complete reject=u1",
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
            > +10s
            5 WorkflowTaskScheduled timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskTimedOut type=StartToClose
            > poll
            = task events 1..8 attempt=2 + 8 WorkflowTaskScheduled attempt=2 timeout=10s + 9 WorkflowTaskStarted scheduled=8 update=u1
            > complete stale reject=u1
            ! WorkflowTaskNotFound
            > complete reject=u1
            8 WorkflowTaskScheduled attempt=2 timeout=10s
            9 WorkflowTaskStarted scheduled=8
            10 WorkflowTaskCompleted scheduled=8 started=9
            * update u1 rejected: "No"
        "#,
    );
}

#[test]
fn a_task_that_fails_is_written_and_its_updates_go_out_again() {
    check(
        "start
        poll
        complete
        update u1
        poll
        fail-task
        fail-task
        poll
        complete reject=u1",
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
            > fail-task
            5 WorkflowTaskScheduled timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskFailed cause=WorkflowWorkerUnhandledFailure failure="Oops"
            > fail-task
            > poll
            = task events 1..8 attempt=2 + 8 WorkflowTaskScheduled attempt=2 timeout=10s + 9 WorkflowTaskStarted scheduled=8 update=u1
            > complete reject=u1
            8 WorkflowTaskScheduled attempt=2 timeout=10s
            9 WorkflowTaskStarted scheduled=8
            10 WorkflowTaskCompleted scheduled=8 started=9
            * update u1 rejected: "No"
        "#,
    );
}

#[test]
fn updates_that_came_meanwhile_get_a_speculative_task_with_the_answer() {
    check(
        "start
        poll
        complete sticky
        update u1
        poll sticky
        update u2
        complete accept=u1 respond=u1 sticky new
        update u3
        complete reject=u2 sticky new
        complete reject=u3 sticky new",
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
            > update u1
            * offered on sticky
            = update Admitted
            > poll sticky
            = task events 4..5 + 5 WorkflowTaskScheduled sticky=sticky timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
            > update u2
            = update Admitted
            > complete accept=u1 respond=u1 sticky new
            5 WorkflowTaskScheduled sticky=sticky timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 WorkflowExecutionUpdateAccepted
            9 WorkflowExecutionUpdateCompleted
            * update u1 completed
            = task events 7..10 + 10 WorkflowTaskScheduled sticky=sticky timeout=10s + 11 WorkflowTaskStarted scheduled=10 update=u2
            > update u3
            = update Admitted
            > complete reject=u2 sticky new
            10 WorkflowTaskScheduled sticky=sticky timeout=10s
            11 WorkflowTaskStarted scheduled=10
            12 WorkflowTaskCompleted scheduled=10 started=11
            * update u2 rejected: "No"
            = task events 12..13 + 13 WorkflowTaskScheduled sticky=sticky timeout=10s + 14 WorkflowTaskStarted scheduled=13 update=u3
            > complete reject=u3 sticky new
            * update u3 rejected: "No"
            = nothing after 11
        "#,
    );
}

#[test]
fn updates_that_came_meanwhile_get_a_written_task_if_no_worker_takes_it_at_once() {
    check(
        "start
        poll
        complete
        update u1
        poll
        update u2
        complete reject=u1
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
            > update u1
            = update Admitted
            > poll
            = task events 1..5 + 5 WorkflowTaskScheduled timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
            > update u2
            = update Admitted
            > complete reject=u1
            5 WorkflowTaskScheduled timeout=10s
            * update u1 rejected: "No"
            = nothing after 3
            > poll
            6 WorkflowTaskStarted scheduled=5
            = task events 1..7 update=u2
        "#,
    );
}

#[test]
fn a_heartbeat_keeps_the_updates_with_the_worker() {
    check(
        "start
        poll
        complete sticky
        update u1
        poll sticky
        update u2
        complete force new sticky
        complete reject=u1 reject=u2 sticky",
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
            > update u1
            * offered on sticky
            = update Admitted
            > poll sticky
            = task events 4..5 + 5 WorkflowTaskScheduled sticky=sticky timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
            > update u2
            = update Admitted
            > complete force new sticky
            5 WorkflowTaskScheduled sticky=sticky timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 WorkflowTaskScheduled sticky=sticky timeout=10s
            9 WorkflowTaskStarted scheduled=8
            = task events 7..10 update=u2
            > complete reject=u1 reject=u2 sticky
            10 WorkflowTaskCompleted scheduled=8 started=9
            * update u1 rejected: "No"
            * update u2 rejected: "No"
        "#,
    );
}

#[test]
fn events_that_the_task_showed_are_shown_again_only_to_workers_that_can() {
    check(
        "start
        poll
        complete activity=a
        update u1
        poll
        complete reject=u1 discards
        update u1
        poll
        complete reject=u1",
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
            > update u1
            = update Admitted
            > poll
            = task events 1..6 + 6 WorkflowTaskScheduled timeout=10s + 7 WorkflowTaskStarted scheduled=6 update=u1
            > complete reject=u1 discards
            * update u1 rejected: "No"
            = nothing after 3
            > update u1
            = update Admitted
            > poll
            = task events 1..6 + 6 WorkflowTaskScheduled timeout=10s + 7 WorkflowTaskStarted scheduled=6 update=u1
            > complete reject=u1
            6 WorkflowTaskScheduled timeout=10s
            7 WorkflowTaskStarted scheduled=6
            8 WorkflowTaskCompleted scheduled=6 started=7
            * update u1 rejected: "No"
        "#,
    );
}

#[test]
fn a_task_that_showed_many_events_is_written_whatever_the_worker_can() {
    let settings = changed(|settings| settings.limits.speculative_events = 1);
    check_with(
        settings,
        "start
        poll
        complete activity=a activity=b
        update u1
        poll
        complete reject=u1 discards",
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
            > update u1
            = update Admitted
            > poll
            = task events 1..7 + 7 WorkflowTaskScheduled timeout=10s + 8 WorkflowTaskStarted scheduled=7 update=u1
            > complete reject=u1 discards
            7 WorkflowTaskScheduled timeout=10s
            8 WorkflowTaskStarted scheduled=7
            9 WorkflowTaskCompleted scheduled=7 started=8
            * update u1 rejected: "No"
        "#,
    );
}

#[test]
fn a_repeated_answer_to_a_task_that_vanished_is_answered_again() {
    check(
        "start
        poll
        complete sticky
        update u1
        poll sticky
        complete reject=u1 sticky
        again
        update u1
        poll sticky
        complete stale reject=u1",
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
            > update u1
            * offered on sticky
            = update Admitted
            > poll sticky
            = task events 4..5 + 5 WorkflowTaskScheduled sticky=sticky timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
            > complete reject=u1 sticky
            * update u1 rejected: "No"
            = nothing after 3
            > again
            = nothing after 3
            > update u1
            * offered on sticky
            = update Admitted
            > poll sticky
            = task events 4..5 + 5 WorkflowTaskScheduled sticky=sticky timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
            > complete stale reject=u1
            = nothing after 3
        "#,
    );
}

#[test]
fn a_task_that_was_lost_with_its_leader_is_another_when_it_is_made_again() {
    check(
        "start
        poll
        complete
        update u1
        poll
        lose
        find u1
        +1s
        complete accept=u1
        update u1
        poll
        complete stale accept=u1
        complete accept=u1 respond=u1
        lose
        find u1",
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
            > lose
            > find u1
            ! UpdateNotFound("u1")
            > +1s
            > complete accept=u1
            ! WorkflowTaskNotFound
            > update u1
            = update Admitted
            > poll
            = task events 1..5 + 5 WorkflowTaskScheduled timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
            > complete stale accept=u1
            ! WorkflowTaskNotFound
            > complete accept=u1 respond=u1
            5 WorkflowTaskScheduled timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 WorkflowExecutionUpdateAccepted
            9 WorkflowExecutionUpdateCompleted
            * update u1 completed
            > lose
            > find u1
            = update Completed(EventId(9))
        "#,
    );
}

#[test]
fn a_task_whose_poller_has_gone_waits_again() {
    check(
        "start
        poll
        complete sticky
        update u1
        poll sticky
        give-back
        poll
        complete reject=u1 sticky
        update u2",
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
            > update u1
            * offered on sticky
            = update Admitted
            > poll sticky
            = task events 4..5 + 5 WorkflowTaskScheduled sticky=sticky timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
            > give-back
            * offered on sticky
            > poll
            = task events 1..5 + 5 WorkflowTaskScheduled timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
            > complete reject=u1 sticky
            * update u1 rejected: "No"
            = nothing after 3
            > update u2
            * offered on sticky
            = update Admitted
        "#,
    );
}

#[test]
fn a_task_that_leaves_its_sticky_queue_leaves_no_trace_either() {
    check(
        "start
        poll
        complete sticky
        update u1
        sticky-gone
        poll sticky
        poll
        complete reject=u1",
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
            > update u1
            * offered on sticky
            = update Admitted
            > sticky-gone
            > poll sticky
            ! TaskGone
            > poll
            = task events 1..5 + 5 WorkflowTaskScheduled timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
            > complete reject=u1
            * update u1 rejected: "No"
            = nothing after 3
        "#,
    );
}

#[test]
fn a_query_rides_on_the_task_and_is_released_when_it_vanishes() {
    check(
        "start
        poll
        complete
        update u1
        query 1
        poll
        complete reject=u1
        update u2
        query 2
        poll
        complete reject=u2 answer=2",
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
            > query 1
            = query attached
            > poll
            = task events 1..5 + 5 WorkflowTaskScheduled timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1 queries=1
            > complete reject=u1
            * update u1 rejected: "No"
            * query 1 released
            = nothing after 3
            > update u2
            = update Admitted
            > query 2
            = query attached
            > poll
            = task events 1..5 + 5 WorkflowTaskScheduled timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u2 queries=2
            > complete reject=u2 answer=2
            * update u2 rejected: "No"
            * query 2 answered
            = nothing after 3
        "#,
    );
}

#[test]
fn an_update_does_not_wait_for_a_delayed_first_task() {
    check(
        "start delay=10s
        update u1
        poll
        complete accept=u1 respond=u1
        +10s",
        r#"
            > start delay=10s
            1 WorkflowExecutionStarted attempt=1 backoff=10s
            = started run-1 Running
            > update u1
            = update Admitted
            > poll
            = task events 1..2 + 2 WorkflowTaskScheduled timeout=10s + 3 WorkflowTaskStarted scheduled=2 update=u1
            > complete accept=u1 respond=u1
            2 WorkflowTaskScheduled timeout=10s
            3 WorkflowTaskStarted scheduled=2
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionUpdateAccepted
            6 WorkflowExecutionUpdateCompleted
            * update u1 completed
            > +10s
        "#,
    );
}

#[test]
fn a_rejected_update_leaves_a_delayed_first_task_where_it_was() {
    check(
        "start delay=10s
        update u1
        poll
        complete reject=u1
        +10s",
        r#"
            > start delay=10s
            1 WorkflowExecutionStarted attempt=1 backoff=10s
            = started run-1 Running
            > update u1
            = update Admitted
            > poll
            = task events 1..2 + 2 WorkflowTaskScheduled timeout=10s + 3 WorkflowTaskStarted scheduled=2 update=u1
            > complete reject=u1
            * update u1 rejected: "No"
            = nothing after 0
            > +10s
            2 WorkflowTaskScheduled timeout=10s
        "#,
    );
}
