//! Updates: admitted, accepted, completed, rejected; found again by their ids.

use crate::{
    check,
    script::{changed, check_with},
};

#[test]
fn an_update_makes_a_task_that_is_in_no_history_until_the_workflow_accepts_it() {
    check(
        "start
        poll
        complete
        update u1
        poll
        complete accept=u1 respond=u1
        find u1
        update u1",
        r#""#,
    );
}

#[test]
fn a_rejected_update_leaves_no_trace() {
    check(
        "start
        poll
        complete
        update u1
        poll
        complete reject=u1
        find u1
        update u1
        poll",
        r#""#,
    );
}

#[test]
fn updates_ride_on_the_task_that_is_pending_in_the_order_of_their_admission() {
    check(
        "start
        update u2
        update u1
        update u2
        poll
        poll request=poll
        complete accept=u2 reject=u1",
        r#""#,
    );
}

#[test]
fn an_update_may_be_completed_long_after_it_was_accepted() {
    check(
        "start
        poll
        complete
        update u1
        poll
        complete accept=u1
        find u1
        signal s
        poll
        complete respond=u1
        find u1",
        r#""#,
    );
}

#[test]
fn messages_that_no_command_names_take_effect_after_all_commands() {
    check(
        "start
        update u1
        update u2
        poll
        complete accepted=u1 responded=u1 accept=u2 marker=m",
        r#""#,
    );
}

#[test]
fn an_update_that_the_worker_says_nothing_of_is_rejected() {
    check(
        "start
        poll
        complete
        update u1
        poll
        complete
        update u2
        poll
        complete marker=m",
        r#""#,
    );
}

#[test]
fn what_makes_no_sense_fails_the_task_and_gives_up_the_updates_that_it_carried() {
    check(
        "start
        update u1
        poll
        complete absent=u1
        update u2
        poll
        complete unset=u2
        poll
        complete
        update u3
        poll
        complete respond=u3
        poll
        complete
        signal s
        poll
        complete accept=nope
        poll
        complete",
        r#""#,
    );
}

#[test]
fn every_wrong_message_is_called_by_its_name() {
    check(
        "start
        poll
        complete
        update u1
        poll
        complete accept=u1 accepted=u1
        poll
        complete
        update u2
        poll
        complete accept=u2 mismatch=u2
        poll
        complete
        update u3
        poll
        complete accept=u3 respond=u3 responded=u3
        poll
        complete
        update u4
        poll
        complete other=u4
        poll
        complete
        update u5
        poll
        complete foreign=u5
        poll
        complete
        update u6
        poll
        complete nobody=u6
        complete accept=u6 respond=u6
        signal s
        poll
        complete accept=u6",
        r#""#,
    );
}

#[test]
fn a_worker_may_answer_an_update_that_only_the_last_leader_knew() {
    check(
        "start
        poll
        complete
        signal s
        poll
        complete resurrect=u1 responded=u1
        find u1",
        r#""#,
    );
}

#[test]
fn limits_bound_the_updates_in_flight_and_in_all() {
    let settings = changed(|settings| {
        settings.limits.updates_in_flight = 2;
        settings.limits.updates = 3;
        settings.limits.updates_in_flight_bytes = 70;
    });
    check_with(
        settings,
        "start
        update u1
        update u2
        update u3
        update u1
        poll
        complete accept=u1 respond=u1 accept=u2 respond=u2
        update a-name-that-takes-up-all-the-room-that-there-is-for-updates-in-flight
        update u3
        poll
        complete accept=u3 respond=u3
        update u4
        update u3",
        r#""#,
    );
}

#[test]
fn a_run_that_had_many_updates_is_told_to_continue_as_new() {
    let settings = changed(|settings| settings.limits.suggest_continue_as_new_updates = 1);
    check_with(
        settings,
        "start
        update u1
        poll
        complete accept=u1 respond=u1",
        r#""#,
    );
}

#[test]
fn an_update_names_its_run_or_its_chain() {
    check(
        "start
        update u1 first=run-1
        update u1 run=run-1 first=other
        update u1 run=other
        find u1 first=other",
        r#""#,
    );
}
