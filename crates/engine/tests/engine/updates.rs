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
            > find u1
            = update Completed(EventId(9))
            > update u1
            = update Completed(EventId(9))
        "#,
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
            > complete reject=u1
            * update u1 rejected: "No"
            = nothing after 3
            > find u1
            ! UpdateNotFound("u1")
            > update u1
            = update Admitted
            > poll
            = task events 1..5 + 5 WorkflowTaskScheduled timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
        "#,
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
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > update u2
            = update Admitted
            > update u1
            = update Admitted
            > update u2
            = update Admitted
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4 update=u2 update=u1
            > poll request=poll
            = task events 1..4 update=u2 update=u1
            > complete accept=u2 reject=u1
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionUpdateAccepted
            * update u2 accepted
            * update u1 rejected: "No"
        "#,
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
            > find u1
            = update Accepted
            > signal s
            9 WorkflowExecutionSignaled name=s
            10 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            11 WorkflowTaskStarted scheduled=10
            = task events 1..12
            > complete respond=u1
            12 WorkflowTaskCompleted scheduled=10 started=11
            13 WorkflowExecutionUpdateCompleted
            * update u1 completed
            > find u1
            = update Completed(EventId(13))
        "#,
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
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > update u1
            = update Admitted
            > update u2
            = update Admitted
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4 update=u1 update=u2
            > complete accepted=u1 responded=u1 accept=u2 marker=m
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionUpdateAccepted
            6 MarkerRecorded name=m
            7 WorkflowExecutionUpdateAccepted
            8 WorkflowExecutionUpdateCompleted
            * update u2 accepted
            * update u1 completed
        "#,
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
            > complete
            * update u1 rejected: "Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow Update is not supported by the worker."
            = nothing after 3
            > update u2
            = update Admitted
            > poll
            = task events 1..5 + 5 WorkflowTaskScheduled timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u2
            > complete marker=m
            5 WorkflowTaskScheduled timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 MarkerRecorded name=m
            * update u2 rejected: "Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow Update is not supported by the worker."
        "#,
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one transcript")]
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
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > update u1
            = update Admitted
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4 update=u1
            > complete absent=u1
            4 WorkflowTaskFailed cause=BadUpdateWorkflowExecutionMessage failure="BadUpdateWorkflowExecutionMessage: ProtocolMessageCommand referenced absent message ID u1/absent"
            * update u1 given up
            = task failed: BadUpdateWorkflowExecutionMessage: ProtocolMessageCommand referenced absent message ID u1/absent
            > update u2
            = update Admitted
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u2
            > complete unset=u2
            * update u2 given up
            = task failed: BadUpdateWorkflowExecutionMessage: invalid *update.Acceptance: accepted_request_sequencing_event_id is not set
            > poll
            ! TaskTaken
            > complete
            5 WorkflowTaskScheduled attempt=2 timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            > update u3
            = update Admitted
            > poll
            = task events 1..8 + 8 WorkflowTaskScheduled timeout=10s + 9 WorkflowTaskStarted scheduled=8 update=u3
            > complete respond=u3
            8 WorkflowTaskScheduled timeout=10s
            9 WorkflowTaskStarted scheduled=8
            10 WorkflowTaskFailed cause=BadUpdateWorkflowExecutionMessage failure="BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u3: received *update.Response message while in state Sent"
            * update u3 given up
            = task failed: BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u3: received *update.Response message while in state Sent
            > poll
            = task events 1..11 attempt=2 + 11 WorkflowTaskScheduled attempt=2 timeout=10s + 12 WorkflowTaskStarted scheduled=11
            > complete
            11 WorkflowTaskScheduled attempt=2 timeout=10s
            12 WorkflowTaskStarted scheduled=11
            13 WorkflowTaskCompleted scheduled=11 started=12
            > signal s
            14 WorkflowExecutionSignaled name=s
            15 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            16 WorkflowTaskStarted scheduled=15
            = task events 1..17
            > complete accept=nope
            17 WorkflowTaskFailed cause=BadUpdateWorkflowExecutionMessage failure="BadUpdateWorkflowExecutionMessage: update nope wasn't found on the server. This is most likely a transient error which will be resolved automatically by retries"
            = task failed: BadUpdateWorkflowExecutionMessage: update nope wasn't found on the server. This is most likely a transient error which will be resolved automatically by retries
            > poll
            = task events 1..18 attempt=2 + 18 WorkflowTaskScheduled attempt=2 timeout=10s + 19 WorkflowTaskStarted scheduled=18
            > complete
            18 WorkflowTaskScheduled attempt=2 timeout=10s
            19 WorkflowTaskStarted scheduled=18
            20 WorkflowTaskCompleted scheduled=18 started=19
        "#,
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one transcript")]
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
            > complete accept=u1 accepted=u1
            5 WorkflowTaskScheduled timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskFailed cause=BadUpdateWorkflowExecutionMessage failure="BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u1: received *update.Acceptance message while in state ProvisionallyAccepted"
            * update u1 given up
            = task failed: BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u1: received *update.Acceptance message while in state ProvisionallyAccepted
            > poll
            = task events 1..8 attempt=2 + 8 WorkflowTaskScheduled attempt=2 timeout=10s + 9 WorkflowTaskStarted scheduled=8
            > complete
            8 WorkflowTaskScheduled attempt=2 timeout=10s
            9 WorkflowTaskStarted scheduled=8
            10 WorkflowTaskCompleted scheduled=8 started=9
            > update u2
            = update Admitted
            > poll
            = task events 1..11 + 11 WorkflowTaskScheduled timeout=10s + 12 WorkflowTaskStarted scheduled=11 update=u2
            > complete accept=u2 mismatch=u2
            11 WorkflowTaskScheduled timeout=10s
            12 WorkflowTaskStarted scheduled=11
            13 WorkflowTaskFailed cause=BadUpdateWorkflowExecutionMessage failure="BadUpdateWorkflowExecutionMessage: invalid *update.Response: meta.update_id != u2"
            * update u2 given up
            = task failed: BadUpdateWorkflowExecutionMessage: invalid *update.Response: meta.update_id != u2
            > poll
            = task events 1..14 attempt=2 + 14 WorkflowTaskScheduled attempt=2 timeout=10s + 15 WorkflowTaskStarted scheduled=14
            > complete
            14 WorkflowTaskScheduled attempt=2 timeout=10s
            15 WorkflowTaskStarted scheduled=14
            16 WorkflowTaskCompleted scheduled=14 started=15
            > update u3
            = update Admitted
            > poll
            = task events 1..17 + 17 WorkflowTaskScheduled timeout=10s + 18 WorkflowTaskStarted scheduled=17 update=u3
            > complete accept=u3 respond=u3 responded=u3
            17 WorkflowTaskScheduled timeout=10s
            18 WorkflowTaskStarted scheduled=17
            19 WorkflowTaskFailed cause=BadUpdateWorkflowExecutionMessage failure="BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u3: received *update.Response message while in state ProvisionallyCompleted"
            * update u3 given up
            = task failed: BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u3: received *update.Response message while in state ProvisionallyCompleted
            > poll
            = task events 1..20 attempt=2 + 20 WorkflowTaskScheduled attempt=2 timeout=10s + 21 WorkflowTaskStarted scheduled=20
            > complete
            20 WorkflowTaskScheduled attempt=2 timeout=10s
            21 WorkflowTaskStarted scheduled=20
            22 WorkflowTaskCompleted scheduled=20 started=21
            > update u4
            = update Admitted
            > poll
            = task events 1..23 + 23 WorkflowTaskScheduled timeout=10s + 24 WorkflowTaskStarted scheduled=23 update=u4
            > complete other=u4
            23 WorkflowTaskScheduled timeout=10s
            24 WorkflowTaskStarted scheduled=23
            25 WorkflowTaskFailed cause=BadUpdateWorkflowExecutionMessage failure="BadUpdateWorkflowExecutionMessage: Message type *update.Meta not supported"
            * update u4 given up
            = task failed: BadUpdateWorkflowExecutionMessage: Message type *update.Meta not supported
            > poll
            = task events 1..26 attempt=2 + 26 WorkflowTaskScheduled attempt=2 timeout=10s + 27 WorkflowTaskStarted scheduled=26
            > complete
            26 WorkflowTaskScheduled attempt=2 timeout=10s
            27 WorkflowTaskStarted scheduled=26
            28 WorkflowTaskCompleted scheduled=26 started=27
            > update u5
            = update Admitted
            > poll
            = task events 1..29 + 29 WorkflowTaskScheduled timeout=10s + 30 WorkflowTaskStarted scheduled=29 update=u5
            > complete foreign=u5
            29 WorkflowTaskScheduled timeout=10s
            30 WorkflowTaskStarted scheduled=29
            31 WorkflowTaskFailed cause=BadUpdateWorkflowExecutionMessage failure="BadUpdateWorkflowExecutionMessage: unsupported protocol type temporal.api.common.v1"
            * update u5 given up
            = task failed: BadUpdateWorkflowExecutionMessage: unsupported protocol type temporal.api.common.v1
            > poll
            = task events 1..32 attempt=2 + 32 WorkflowTaskScheduled attempt=2 timeout=10s + 33 WorkflowTaskStarted scheduled=32
            > complete
            32 WorkflowTaskScheduled attempt=2 timeout=10s
            33 WorkflowTaskStarted scheduled=32
            34 WorkflowTaskCompleted scheduled=32 started=33
            > update u6
            = update Admitted
            > poll
            = task events 1..35 + 35 WorkflowTaskScheduled timeout=10s + 36 WorkflowTaskStarted scheduled=35 update=u6
            > complete nobody=u6
            ! invalid argument: nil message body
            > complete accept=u6 respond=u6
            35 WorkflowTaskScheduled timeout=10s
            36 WorkflowTaskStarted scheduled=35
            37 WorkflowTaskCompleted scheduled=35 started=36
            38 WorkflowExecutionUpdateAccepted
            39 WorkflowExecutionUpdateCompleted
            * update u6 completed
            > signal s
            40 WorkflowExecutionSignaled name=s
            41 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            42 WorkflowTaskStarted scheduled=41
            = task events 1..43
            > complete accept=u6
            43 WorkflowTaskFailed cause=BadUpdateWorkflowExecutionMessage failure="BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u6: received *update.Acceptance message while in state Completed"
            = task failed: BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u6: received *update.Acceptance message while in state Completed
        "#,
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
            > signal s
            5 WorkflowExecutionSignaled name=s
            6 WorkflowTaskScheduled timeout=10s
            = signaled run-1
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete resurrect=u1 responded=u1
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 WorkflowExecutionUpdateAccepted
            10 WorkflowExecutionUpdateCompleted
            * update u1 completed
            > find u1
            = update Completed(EventId(10))
        "#,
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
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > update u1
            = update Admitted
            > update u2
            = update Admitted
            > update u3
            ! UpdatesInFlight("limit on number of concurrent in-flight updates has been reached (2)")
            > update u1
            = update Admitted
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4 update=u1 update=u2
            > complete accept=u1 respond=u1 accept=u2 respond=u2
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionUpdateAccepted
            6 WorkflowExecutionUpdateCompleted
            7 WorkflowExecutionUpdateAccepted
            8 WorkflowExecutionUpdateCompleted
            * update u1 completed
            * update u2 completed
            > update a-name-that-takes-up-all-the-room-that-there-is-for-updates-in-flight
            ! UpdatesInFlight("limit on total payload size of in-flight updates has been reached (70 bytes)")
            > update u3
            = update Admitted
            > poll
            = task events 1..9 + 9 WorkflowTaskScheduled timeout=10s + 10 WorkflowTaskStarted scheduled=9 update=u3
            > complete accept=u3 respond=u3
            9 WorkflowTaskScheduled timeout=10s
            10 WorkflowTaskStarted scheduled=9
            11 WorkflowTaskCompleted scheduled=9 started=10
            12 WorkflowExecutionUpdateAccepted
            13 WorkflowExecutionUpdateCompleted
            * update u3 completed
            > update u4
            ! UpdatesExhausted("limit on number of total updates has been reached (3)")
            > update u3
            = update Completed(EventId(13))
        "#,
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
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > update u1
            = update Admitted
            > poll
            3 WorkflowTaskStarted scheduled=2 suggest-continue-as-new
            = task events 1..4 update=u1
            > complete accept=u1 respond=u1
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionUpdateAccepted
            6 WorkflowExecutionUpdateCompleted
            * update u1 completed
        "#,
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
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > update u1 first=run-1
            = update Admitted
            > update u1 run=run-1 first=other
            ! WorkflowNotFound
            > update u1 run=other
            ! WorkflowNotFound
            > find u1 first=other
            ! WorkflowNotFound
        "#,
    );
}
