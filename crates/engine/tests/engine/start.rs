//! Starting: policies, request ids, delays, eager first tasks.

use crate::check;

#[test]
fn a_plain_start_writes_its_start_and_schedules_a_task() {
    check(
        "start input=a",
        r#"
            > start input=a
            1 WorkflowExecutionStarted attempt=1 input=a
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
        "#,
    );
}

#[test]
fn a_repeated_request_id_is_answered_as_before_even_after_the_end() {
    check(
        "start
        again
        poll
        complete done
        again
        start",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > again
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete done
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionCompleted
            > again
            > start
            = started run-1 Completed
        "#,
    );
}

#[test]
fn a_running_workflow_is_not_started_again() {
    check(
        "start
        start request=b",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > start request=b
            ! already started: run-1 closed=false
        "#,
    );
}

#[test]
fn a_start_may_use_the_existing_run_and_leave_its_request_id_there() {
    check(
        "start
        start request=b conflict=use attach
        again
        start request=c conflict=use",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > start request=b conflict=use attach
            3 WorkflowExecutionOptionsUpdated attached=b
            = uses run-1 Running
            > again
            = uses run-1 Running
            > start request=c conflict=use
            = uses run-1 Running
        "#,
    );
}

#[test]
fn a_request_id_attached_while_a_worker_is_busy_waits_for_the_task_to_end() {
    check(
        "start
        poll
        start request=b conflict=use attach
        complete marker=m",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > start request=b conflict=use attach
            = uses run-1 Running
            > complete marker=m
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 MarkerRecorded name=m
            6 WorkflowExecutionOptionsUpdated attached=b
            7 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn a_start_may_replace_the_running_run() {
    check(
        "start
        poll
        signal s
        start request=b conflict=terminate",
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
            > start request=b conflict=terminate
            4 WorkflowTaskFailed cause=ForceCloseCommand
            5 WorkflowExecutionSignaled name=s
            6 WorkflowExecutionTerminated reason="TerminateIfRunning WorkflowIdReusePolicy" details="terminated by new runID: run-2"
            run-2/1 WorkflowExecutionStarted attempt=1
            run-2/2 WorkflowTaskScheduled timeout=10s
            = started run-2 Running
        "#,
    );
}

#[test]
fn the_reuse_policy_looks_at_how_the_last_run_ended() {
    check(
        "start
        poll
        complete done
        start request=b reuse=reject
        start request=b reuse=failed-only
        start request=b
        terminate
        start request=c reuse=reject
        start request=c reuse=failed-only",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete done
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionCompleted
            > start request=b reuse=reject
            ! already started: run-1 closed=true
            > start request=b reuse=failed-only
            ! already started: run-1 closed=true
            > start request=b
            run-2/1 WorkflowExecutionStarted attempt=1
            run-2/2 WorkflowTaskScheduled timeout=10s
            = started run-2 Running
            > terminate
            run-2/3 WorkflowExecutionTerminated reason="enough"
            > start request=c reuse=reject
            ! already started: run-2 closed=true
            > start request=c reuse=failed-only
            run-3/1 WorkflowExecutionStarted attempt=1
            run-3/2 WorkflowTaskScheduled timeout=10s
            = started run-3 Running
        "#,
    );
}

#[test]
fn a_start_delay_holds_the_first_task_back_and_a_signal_does_not_cut_it_short() {
    check(
        "start delay=5s eager
        signal early
        +4s
        +1s
        signal late",
        r#"
            > start delay=5s eager
            1 WorkflowExecutionStarted attempt=1 backoff=5s
            = started run-1 Running
            > signal early
            2 WorkflowExecutionSignaled name=early
            = signaled run-1
            > +4s
            > +1s
            3 WorkflowTaskScheduled timeout=10s
            > signal late
            4 WorkflowExecutionSignaled name=late
            = signaled run-1
        "#,
    );
}

#[test]
fn an_eager_start_brings_its_first_task_and_brings_it_again_while_it_is_out() {
    check(
        "start eager
        again
        complete done
        start eager",
        r#"
            > start eager
            1 WorkflowExecutionStarted attempt=1 eager
            2 WorkflowTaskScheduled timeout=10s
            3 WorkflowTaskStarted scheduled=2
            = started run-1 Running with task events 1..4
            > again
            = started run-1 Running with task events 1..4
            > complete done
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionCompleted
            > start eager
            = started run-1 Completed
        "#,
    );
}

#[test]
fn timeouts_bound_each_other() {
    check(
        "start run-timeout=2h execution-timeout=1h task-timeout=200s",
        r#"
            > start run-timeout=2h execution-timeout=1h task-timeout=200s
            1 WorkflowExecutionStarted attempt=1 run-timeout=3600s execution-timeout=3600s
            2 WorkflowTaskScheduled timeout=120s
            = started run-1 Running
        "#,
    );
}

#[test]
fn a_run_without_a_timeout_of_its_own_takes_that_of_the_chain() {
    check(
        "start execution-timeout=4s",
        r#"
            > start execution-timeout=4s
            1 WorkflowExecutionStarted attempt=1 run-timeout=4s execution-timeout=4s
            2 WorkflowTaskScheduled timeout=4s
            = started run-1 Running
        "#,
    );
}

#[test]
fn signal_with_start_writes_the_signal_before_the_first_task() {
    check(
        "signal-with-start s request=a
        again
        signal-with-start s request=b conflict=use
        again
        signal-with-start s request=c
        terminate
        signal-with-start s request=d reuse=reject
        signal-with-start s request=d",
        r#"
            > signal-with-start s request=a
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowExecutionSignaled name=s
            3 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > again
            = uses run-1 Running
            > signal-with-start s request=b conflict=use
            4 WorkflowExecutionSignaled name=s
            = uses run-1 Running
            > again
            = uses run-1 Running
            > signal-with-start s request=c
            ! already started: run-1 closed=false
            > terminate
            5 WorkflowExecutionTerminated reason="enough"
            > signal-with-start s request=d reuse=reject
            ! already started: run-1 closed=true
            > signal-with-start s request=d
            run-2/1 WorkflowExecutionStarted attempt=1
            run-2/2 WorkflowExecutionSignaled name=s
            run-2/3 WorkflowTaskScheduled timeout=10s
            = started run-2 Running
        "#,
    );
}

#[test]
fn signal_with_start_may_replace_the_running_run() {
    check(
        "start
        signal-with-start s request=b conflict=terminate",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > signal-with-start s request=b conflict=terminate
            3 WorkflowExecutionTerminated reason="TerminateIfRunning WorkflowIdReusePolicy" details="terminated by new runID: run-2"
            run-2/1 WorkflowExecutionStarted attempt=1
            run-2/2 WorkflowExecutionSignaled name=s
            run-2/3 WorkflowTaskScheduled timeout=10s
            = started run-2 Running
        "#,
    );
}

#[test]
fn a_cron_workflow_waits_for_its_first_tick() {
    check(
        "start cron=60s
        +60s",
        r#"
            > start cron=60s
            1 WorkflowExecutionStarted attempt=1 backoff=20s
            = started run-1 Running
            > +60s
            2 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn an_override_of_the_version_is_kept_by_its_run_alone() {
    check(
        "start pinned=workers:7
        start auto-upgrade
        start request=other pinned=workers:7
        options
        poll
        complete can=again
        options",
        r#"
            > start pinned=workers:7
            ! not now: Pinned version 'workers:7' is not present in task queue 'queue' of type 'Workflow'
            > start auto-upgrade
            1 WorkflowExecutionStarted attempt=1 auto-upgrade
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > start request=other pinned=workers:7
            ! not now: Pinned version 'workers:7' is not present in task queue 'queue' of type 'Workflow'
            > options
            = options auto-upgrade
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete can=again
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionContinuedAsNew next=run-2
            run-2/1 WorkflowExecutionStarted attempt=1 by=Workflow input=again after=run-1 backoff=1s
            > options
            = options
        "#,
    );
}
