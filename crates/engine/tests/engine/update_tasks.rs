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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
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
        r#""#,
    );
}
