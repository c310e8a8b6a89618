//! Updates of workflows that end, fail, start or go on in another run.

use crate::{
    check,
    script::{changed, check_with},
};

#[test]
fn updates_hear_of_the_end_of_their_workflow() {
    check(
        "start
        poll
        complete
        update u1
        poll
        complete accept=u1
        update u2
        poll
        update u3
        complete done
        find u1
        update u1
        find u2
        update u4",
        r#""#,
    );
}

#[test]
fn an_update_may_be_completed_with_the_workflow() {
    check(
        "start
        update u1
        poll
        complete accept=u1 respond=u1 done
        find u1",
        r#""#,
    );
}

#[test]
fn an_update_that_is_accepted_with_the_end_is_cut_short() {
    check(
        "start
        update u1
        update u2
        poll
        complete accept=u1 accepted=u2 done
        find u1
        find u2",
        r#""#,
    );
}

#[test]
fn updates_that_were_not_accepted_are_asked_for_in_the_next_run() {
    check(
        "start
        update u1
        update u2
        poll
        update u3
        complete accept=u1 can=again
        update u2 run=run-1
        update u2
        find u1 run=run-1",
        r#""#,
    );
}

#[test]
fn a_termination_drops_a_task_that_waits() {
    check(
        "start
        poll
        complete
        update u1
        terminate",
        r#""#,
    );
}

#[test]
fn a_termination_fails_a_task_that_a_worker_has() {
    check(
        "start
        poll
        complete
        update u1
        poll
        terminate",
        r#""#,
    );
}

#[test]
fn a_removed_workflow_takes_its_updates_with_it() {
    check(
        "start
        poll
        complete
        update u1
        poll
        complete accept=u1
        update u2
        delete
        find u1",
        r#""#,
    );
}

#[test]
fn a_workflow_whose_tasks_keep_failing_takes_no_updates() {
    check(
        "start
        poll
        fail-task
        update u1
        poll
        fail-task
        update u2",
        r#""#,
    );
}

#[test]
fn a_workflow_that_is_closing_takes_no_updates() {
    check(
        "start
        poll
        signal s
        complete done
        poll
        update u1
        complete done
        update u2",
        r#""#,
    );
}

#[test]
fn an_unhandled_command_gives_up_the_updates_that_it_would_have_answered() {
    check(
        "start
        poll
        complete
        update u1
        poll
        signal s
        complete accept=u1 done",
        r#""#,
    );
}

#[test]
fn an_update_starts_its_workflow_and_rides_on_its_first_task() {
    check(
        "update-with-start u1
        poll
        complete accept=u1 respond=u1
        update-with-start u1
        update-with-start u2
        update-with-start u2 request=other
        update-with-start u3 request=other
        update-with-start u3 request=other conflict=use
        update-with-start u4 request=third conflict=terminate",
        r#""#,
    );
}

#[test]
fn an_update_with_a_start_that_was_done_before_and_has_ended_starts_nothing() {
    check(
        "update-with-start u1
        poll
        complete accept=u1 respond=u1 done
        update-with-start u1
        update-with-start u2
        update-with-start u2 request=other reuse=reject
        update-with-start u2 request=other",
        r#""#,
    );
}

#[test]
fn an_update_that_cannot_be_leaves_nothing_started() {
    let settings = changed(|settings| settings.limits.updates_in_flight = 0);
    check_with(
        settings,
        "update-with-start u1
        update u1",
        r#""#,
    );
}
