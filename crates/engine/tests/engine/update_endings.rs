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
            > update u2
            = update Admitted
            > poll
            = task events 1..9 + 9 WorkflowTaskScheduled timeout=10s + 10 WorkflowTaskStarted scheduled=9 update=u2
            > update u3
            = update Admitted
            > complete done
            9 WorkflowTaskScheduled timeout=10s
            10 WorkflowTaskStarted scheduled=9
            11 WorkflowTaskCompleted scheduled=9 started=10
            12 WorkflowExecutionCompleted
            * update u2 closed, continues=false
            * update u3 closed, continues=false
            * update u1 cut short
            > find u1
            = update CutShort
            > update u1
            = update CutShort
            > find u2
            ! UpdateNotFound("u2")
            > update u4
            ! WorkflowClosed
        "#,
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
            > complete accept=u1 respond=u1 done
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionUpdateAccepted
            6 WorkflowExecutionUpdateCompleted
            7 WorkflowExecutionCompleted
            * update u1 completed
            > find u1
            = update Completed(EventId(6))
        "#,
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
            > complete accept=u1 accepted=u2 done
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionUpdateAccepted
            6 WorkflowExecutionCompleted
            * update u2 closed, continues=false
            * update u1 cut short
            > find u1
            = update CutShort
            > find u2
            ! UpdateNotFound("u2")
        "#,
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
            > update u3
            = update Admitted
            > complete accept=u1 can=again
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionUpdateAccepted
            6 WorkflowExecutionContinuedAsNew next=run-2
            run-2/1 WorkflowExecutionStarted attempt=1 by=Workflow input=again after=run-1 backoff=1s
            * update u2 closed, continues=true
            * update u3 closed, continues=true
            * update u1 cut short
            > update u2 run=run-1
            ! WorkflowClosed
            > update u2
            = update Admitted in run-2
            > find u1 run=run-1
            = update CutShort
        "#,
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
            > terminate
            5 WorkflowExecutionTerminated reason="enough"
            * update u1 closed, continues=false
        "#,
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
            > terminate
            5 WorkflowTaskScheduled timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskFailed cause=ForceCloseCommand
            8 WorkflowExecutionTerminated reason="enough"
            * update u1 closed, continues=false
        "#,
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
            > update u2
            = update Admitted
            > delete
            * update u2 closed, continues=false
            * update u1 cut short
            * removed run-1
            > find u1
            ! WorkflowNotFound
        "#,
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
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > fail-task
            4 WorkflowTaskFailed cause=WorkflowWorkerUnhandledFailure failure="Oops"
            > update u1
            = update Admitted
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5 update=u1
            > fail-task
            > update u2
            ! not ready: Unable to perform workflow execution update due to Workflow Task in failed state.
        "#,
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
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > signal s
            = signaled run-1
            > complete done
            4 WorkflowTaskFailed cause=UnhandledCommand failure="UnhandledCommand"
            5 WorkflowExecutionSignaled name=s
            6 WorkflowTaskScheduled timeout=10s
            = task failed: UnhandledCommand
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > update u1
            ! busy: workflow operation can not be applied because workflow is closing
            > complete done
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 WorkflowExecutionCompleted
            > update u2
            ! WorkflowClosed
        "#,
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
            > complete accept=u1 done
            7 WorkflowTaskFailed cause=UnhandledCommand failure="UnhandledCommand"
            8 WorkflowExecutionSignaled name=s
            9 WorkflowTaskScheduled timeout=10s
            * update u1 given up
            = task failed: UnhandledCommand
        "#,
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
        r#"
            > update-with-start u1
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running, update Admitted
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4 update=u1
            > complete accept=u1 respond=u1
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionUpdateAccepted
            6 WorkflowExecutionUpdateCompleted
            * update u1 completed
            > update-with-start u1
            = uses run-1 Running, update Completed(EventId(6))
            > update-with-start u2
            = uses run-1 Running, update Admitted
            > update-with-start u2 request=other
            = uses run-1 Running, update Admitted
            > update-with-start u3 request=other
            ! already started: run-1 closed=false
            > update-with-start u3 request=other conflict=use
            = uses run-1 Running, update Admitted
            > update-with-start u4 request=third conflict=terminate
            7 WorkflowExecutionTerminated reason="TerminateIfRunning WorkflowIdReusePolicy" details="terminated by new runID: run-2"
            run-2/1 WorkflowExecutionStarted attempt=1
            run-2/2 WorkflowTaskScheduled timeout=10s
            * update u2 closed, continues=false
            * update u3 closed, continues=false
            = started run-2 Running, update Admitted in run-2
        "#,
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
        r#"
            > update-with-start u1
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running, update Admitted
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4 update=u1
            > complete accept=u1 respond=u1 done
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionUpdateAccepted
            6 WorkflowExecutionUpdateCompleted
            7 WorkflowExecutionCompleted
            * update u1 completed
            > update-with-start u1
            = uses run-1 Completed, update Completed(EventId(6))
            > update-with-start u2
            ! NotStarted
            > update-with-start u2 request=other reuse=reject
            ! already started: run-1 closed=true
            > update-with-start u2 request=other
            run-2/1 WorkflowExecutionStarted attempt=1
            run-2/2 WorkflowTaskScheduled timeout=10s
            = started run-2 Running, update Admitted in run-2
        "#,
    );
}

#[test]
fn an_update_that_cannot_be_leaves_nothing_started() {
    let settings = changed(|settings| settings.limits.updates_in_flight = 0);
    check_with(
        settings,
        "update-with-start u1
        update u1",
        r#"
            > update-with-start u1
            ! OfUpdate(UpdatesInFlight("limit on number of concurrent in-flight updates has been reached (0)"))
            > update u1
            ! WorkflowNotFound
        "#,
    );
}
