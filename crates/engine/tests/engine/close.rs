//! Ends: by command, by timeout, and the runs that follow.

use crate::check;

#[test]
fn a_workflow_completes_fails_and_cancels_by_command() {
    check(
        "start
        poll
        complete done=result
        start request=b
        poll
        complete fail=Oops
        start request=c
        poll
        complete canceled",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete done=result
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionCompleted result=result
            > start request=b
            run-2/1 WorkflowExecutionStarted attempt=1
            run-2/2 WorkflowTaskScheduled timeout=10s
            = started run-2 Running
            > poll
            run-2/3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete fail=Oops
            run-2/4 WorkflowTaskCompleted scheduled=2 started=3
            run-2/5 WorkflowExecutionFailed failure="Oops" retry=RetryPolicyNotSet
            > start request=c
            run-3/1 WorkflowExecutionStarted attempt=1
            run-3/2 WorkflowTaskScheduled timeout=10s
            = started run-3 Running
            > poll
            run-3/3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete canceled
            run-3/4 WorkflowTaskCompleted scheduled=2 started=3
            run-3/5 WorkflowExecutionCanceled
        "#,
    );
}

#[test]
fn a_workflow_continues_as_new_in_one_step() {
    check(
        "start input=a run-timeout=20s execution-timeout=60s retry=1s/3
        +2s
        poll
        complete can=b
        poll
        complete done
        signal x run=run-1",
        r#"
            > start input=a run-timeout=20s execution-timeout=60s retry=1s/3
            1 WorkflowExecutionStarted attempt=1 input=a run-timeout=20s execution-timeout=60s
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > +2s
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete can=b
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionContinuedAsNew next=run-2
            run-2/1 WorkflowExecutionStarted attempt=1 by=Workflow input=b after=run-1 run-timeout=20s execution-timeout=60s
            run-2/2 WorkflowTaskScheduled timeout=10s
            > poll
            run-2/3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete done
            run-2/4 WorkflowTaskCompleted scheduled=2 started=3
            run-2/5 WorkflowExecutionCompleted
            > signal x run=run-1
            ! WorkflowClosed
        "#,
    );
}

#[test]
fn a_workflow_that_continues_as_new_at_once_is_slowed_down() {
    check(
        "start
        poll
        +200ms
        complete can
        +799ms
        +1ms",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > +200ms
            > complete can
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionContinuedAsNew next=run-2
            run-2/1 WorkflowExecutionStarted attempt=1 by=Workflow after=run-1 backoff=0.8s
            > +799ms
            > +1ms
            run-2/2 WorkflowTaskScheduled timeout=10s
        "#,
    );
}

#[test]
fn the_wait_for_the_first_task_is_no_part_of_a_runs_life() {
    check(
        "start
        poll
        +200ms
        complete can
        +800ms
        poll
        +200ms
        complete can",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > +200ms
            > complete can
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionContinuedAsNew next=run-2
            run-2/1 WorkflowExecutionStarted attempt=1 by=Workflow after=run-1 backoff=0.8s
            > +800ms
            run-2/2 WorkflowTaskScheduled timeout=10s
            > poll
            run-2/3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > +200ms
            > complete can
            run-2/4 WorkflowTaskCompleted scheduled=2 started=3
            run-2/5 WorkflowExecutionContinuedAsNew next=run-3
            run-3/1 WorkflowExecutionStarted attempt=1 by=Workflow after=run-2 backoff=0.8s
        "#,
    );
}

#[test]
fn a_run_that_takes_too_long_times_out() {
    check(
        "start run-timeout=3s
        poll
        signal a
        +3s",
        r#"
            > start run-timeout=3s
            1 WorkflowExecutionStarted attempt=1 run-timeout=3s
            2 WorkflowTaskScheduled timeout=3s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > signal a
            = signaled run-1
            > +3s
            4 WorkflowTaskFailed cause=ForceCloseCommand
            5 WorkflowExecutionSignaled name=a
            6 WorkflowExecutionTimedOut retry=RetryPolicyNotSet
        "#,
    );
}

#[test]
fn the_timeout_of_a_run_counts_from_its_first_task() {
    check(
        "start run-timeout=3s delay=10s
        +10s
        +2s
        +1s",
        r#"
            > start run-timeout=3s delay=10s
            1 WorkflowExecutionStarted attempt=1 run-timeout=3s backoff=10s
            = started run-1 Running
            > +10s
            2 WorkflowTaskScheduled timeout=3s
            > +2s
            > +1s
            3 WorkflowExecutionTimedOut retry=RetryPolicyNotSet
        "#,
    );
}

#[test]
fn the_timeout_of_the_chain_covers_all_runs() {
    check(
        "start execution-timeout=5s
        poll
        +2s
        complete can
        +3s",
        r#"
            > start execution-timeout=5s
            1 WorkflowExecutionStarted attempt=1 run-timeout=5s execution-timeout=5s
            2 WorkflowTaskScheduled timeout=5s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > +2s
            > complete can
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionContinuedAsNew next=run-2
            run-2/1 WorkflowExecutionStarted attempt=1 by=Workflow after=run-1 run-timeout=5s execution-timeout=5s
            run-2/2 WorkflowTaskScheduled timeout=5s
            > +3s
            run-2/3 WorkflowExecutionTimedOut retry=Timeout
        "#,
    );
}

#[test]
fn a_cron_workflow_runs_again_after_each_end() {
    check(
        "start cron=60s
        +60s
        poll
        complete done=one
        +60s
        poll
        complete fail=Oops
        +60s
        poll
        complete canceled",
        r#"
            > start cron=60s
            1 WorkflowExecutionStarted attempt=1 backoff=20s
            = started run-1 Running
            > +60s
            2 WorkflowTaskScheduled timeout=10s
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete done=one
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionCompleted result=one next=run-2
            run-2/1 WorkflowExecutionStarted attempt=1 by=CronSchedule after=run-1 last=one backoff=20s
            > +60s
            run-2/2 WorkflowTaskScheduled timeout=10s
            > poll
            run-2/3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete fail=Oops
            run-2/4 WorkflowTaskCompleted scheduled=2 started=3
            run-2/5 WorkflowExecutionFailed failure="Oops" retry=RetryPolicyNotSet next=run-3
            run-3/1 WorkflowExecutionStarted attempt=1 by=CronSchedule after=run-2 last=one failure="Oops" backoff=20s
            > +60s
            run-3/2 WorkflowTaskScheduled timeout=10s
            > poll
            run-3/3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete canceled
            run-3/4 WorkflowTaskCompleted scheduled=2 started=3
            run-3/5 WorkflowExecutionCanceled
        "#,
    );
}

#[test]
fn a_failed_run_without_a_policy_is_not_tried_again() {
    check(
        "start
        poll
        complete fail=Oops
        wake",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete fail=Oops
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionFailed failure="Oops" retry=RetryPolicyNotSet
            > wake
        "#,
    );
}

#[test]
fn a_failed_run_is_tried_again_as_its_policy_says() {
    check(
        "start input=a memo=1 retry=2s/3
        +2s
        poll
        complete marker=m fail=First
        +2s
        poll
        complete fail=Second
        +4s
        poll
        complete fail=Third",
        r#"
            > start input=a memo=1 retry=2s/3
            1 WorkflowExecutionStarted attempt=1 input=a
            2 WorkflowTaskScheduled timeout=10s
            ~ listed Running key=1
            = started run-1 Running
            > +2s
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete marker=m fail=First
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 MarkerRecorded name=m
            6 WorkflowExecutionFailed failure="First" retry=InProgress next=run-2
            run-2/1 WorkflowExecutionStarted attempt=2 by=Retry input=a after=run-1 failure="First" backoff=2s
            ~ listed Failed key=1
            ~ listed Running key=1
            > +2s
            run-2/2 WorkflowTaskScheduled timeout=10s
            > poll
            run-2/3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete fail=Second
            run-2/4 WorkflowTaskCompleted scheduled=2 started=3
            run-2/5 WorkflowExecutionFailed failure="Second" retry=InProgress next=run-3
            run-3/1 WorkflowExecutionStarted attempt=3 by=Retry input=a after=run-2 failure="Second" backoff=4s
            ~ listed Failed key=1
            ~ listed Running key=1
            > +4s
            run-3/2 WorkflowTaskScheduled timeout=10s
            > poll
            run-3/3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete fail=Third
            run-3/4 WorkflowTaskCompleted scheduled=2 started=3
            run-3/5 WorkflowExecutionFailed failure="Third" retry=MaximumAttemptsReached
            ~ listed Failed key=1
        "#,
    );
}

#[test]
fn a_failure_that_is_not_retryable_ends_the_chain() {
    check(
        "start retry=2s/3
        poll
        complete fail=Fatal",
        r#"
            > start retry=2s/3
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete fail=Fatal
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionFailed failure="Fatal" retry=NonRetryableFailure
        "#,
    );
}

#[test]
fn a_run_that_timed_out_is_tried_again_unless_the_chain_ends_before() {
    check(
        "start retry=2s/0 run-timeout=3s execution-timeout=9s
        +3s
        +2s
        +3s",
        r#"
            > start retry=2s/0 run-timeout=3s execution-timeout=9s
            1 WorkflowExecutionStarted attempt=1 run-timeout=3s execution-timeout=9s
            2 WorkflowTaskScheduled timeout=3s
            = started run-1 Running
            > +3s
            3 WorkflowExecutionTimedOut retry=InProgress next=run-2
            run-2/1 WorkflowExecutionStarted attempt=2 by=Retry after=run-1 failure="workflow timeout" run-timeout=3s execution-timeout=9s backoff=2s
            > +2s
            run-2/2 WorkflowTaskScheduled timeout=3s
            > +3s
            run-2/3 WorkflowExecutionTimedOut retry=Timeout
        "#,
    );
}

#[test]
fn a_retry_comes_before_the_next_tick() {
    check(
        "start cron=60s retry=2s/2
        +60s
        poll
        complete fail=First
        +2s
        poll
        complete fail=Second",
        r#"
            > start cron=60s retry=2s/2
            1 WorkflowExecutionStarted attempt=1 backoff=20s
            = started run-1 Running
            > +60s
            2 WorkflowTaskScheduled timeout=10s
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete fail=First
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowExecutionFailed failure="First" retry=InProgress next=run-2
            run-2/1 WorkflowExecutionStarted attempt=2 by=Retry after=run-1 failure="First" backoff=2s
            > +2s
            run-2/2 WorkflowTaskScheduled timeout=10s
            > poll
            run-2/3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete fail=Second
            run-2/4 WorkflowTaskCompleted scheduled=2 started=3
            run-2/5 WorkflowExecutionFailed failure="Second" retry=MaximumAttemptsReached next=run-3
            run-3/1 WorkflowExecutionStarted attempt=1 by=CronSchedule after=run-2 failure="Second" backoff=18s
        "#,
    );
}
