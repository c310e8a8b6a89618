//! Workflow tasks that go well: hand-over, sticky queues, inline and forced tasks, repeated answers.

use crate::{check, script::changed};

#[test]
fn a_task_is_handed_to_one_worker_and_to_it_again() {
    check(
        "start
        poll
        again
        poll request=other
        poll gone",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > again
            = task events 1..4
            > poll request=other
            ! TaskTaken
            > poll gone
            ! TaskGone
        "#,
    );
}

#[test]
fn the_whole_token_must_match() {
    check(
        "start
        poll
        complete force new
        complete stale marker=m
        complete
        complete stale",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete force new
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowTaskScheduled timeout=10s
            6 WorkflowTaskStarted scheduled=5
            = task events 1..7
            > complete stale marker=m
            > complete
            7 WorkflowTaskCompleted scheduled=5 started=6
            > complete stale
            ! WorkflowTaskNotFound
        "#,
    );
}

#[test]
fn a_repeated_answer_is_answered_as_before() {
    check(
        "start
        poll
        signal a
        complete marker=m new
        again
        complete done
        again",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > signal a
            = signaled run-1
            > complete marker=m new
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 MarkerRecorded name=m
            6 WorkflowExecutionSignaled name=a
            7 WorkflowTaskScheduled timeout=10s
            8 WorkflowTaskStarted scheduled=7
            = task events 1..9
            > again
            = task events 1..9
            > complete done
            9 WorkflowTaskCompleted scheduled=7 started=8
            10 WorkflowExecutionCompleted
            > again
        "#,
    );
}

#[test]
fn a_repeated_report_of_failure_is_answered_as_before() {
    check(
        "start
        poll
        fail-task
        again",
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
            > again
        "#,
    );
}

#[test]
fn a_sticky_worker_gets_what_is_new() {
    check(
        "start
        poll
        complete sticky
        signal a
        poll sticky
        signal b
        complete sticky new",
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
            > signal a
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled sticky=sticky timeout=10s
            * offered on sticky
            = signaled run-1
            > poll sticky
            7 WorkflowTaskStarted scheduled=6
            = task events 4..8
            > signal b
            = signaled run-1
            > complete sticky new
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 WorkflowExecutionSignaled name=b
            10 WorkflowTaskScheduled sticky=sticky timeout=10s
            11 WorkflowTaskStarted scheduled=10
            = task events 8..12
        "#,
    );
}

#[test]
fn a_sticky_task_that_nobody_takes_goes_to_the_normal_queue() {
    check(
        "start
        poll
        complete sticky
        signal a
        +5s
        poll sticky
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
            > complete sticky
            4 WorkflowTaskCompleted scheduled=2 started=3
            > signal a
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled sticky=sticky timeout=10s
            * offered on sticky
            = signaled run-1
            > +5s
            7 WorkflowTaskTimedOut type=ScheduleToStart
            8 WorkflowTaskScheduled timeout=10s
            > poll sticky
            ! TaskGone
            > poll
            9 WorkflowTaskStarted scheduled=8
            = task events 1..10
            > complete
            10 WorkflowTaskCompleted scheduled=8 started=9
        "#,
    );
}

#[test]
fn a_sticky_queue_without_pollers_gives_its_task_up_at_once() {
    check(
        "start
        poll
        complete sticky
        signal a
        sticky-gone
        poll sticky
        poll
        complete sticky
        signal b",
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
            > signal a
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled sticky=sticky timeout=10s
            * offered on sticky
            = signaled run-1
            > sticky-gone
            > poll sticky
            ! TaskGone
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete sticky
            8 WorkflowTaskCompleted scheduled=6 started=7
            > signal b
            9 WorkflowExecutionSignaled name=b
            10 WorkflowTaskScheduled sticky=sticky timeout=10s
            * offered on sticky
            = signaled run-1
        "#,
    );
}

#[test]
fn a_reset_of_stickiness_sends_the_pending_task_to_the_normal_queue() {
    check(
        "start
        poll
        complete sticky
        signal a
        reset-sticky
        poll
        complete
        terminate
        reset-sticky",
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
            > signal a
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled sticky=sticky timeout=10s
            * offered on sticky
            = signaled run-1
            > reset-sticky
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete
            8 WorkflowTaskCompleted scheduled=6 started=7
            > terminate
            9 WorkflowExecutionTerminated reason="enough"
            > reset-sticky
            ! WorkflowClosed
        "#,
    );
}

#[test]
fn a_worker_may_keep_its_task_alive_but_not_for_ever() {
    check(
        "start
        poll
        +9s
        complete force new sticky
        +9s
        complete force new sticky",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > +9s
            > complete force new sticky
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowTaskScheduled sticky=sticky timeout=10s
            6 WorkflowTaskStarted scheduled=5
            = task events 4..7
            > +9s
            > complete force new sticky
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 WorkflowTaskScheduled sticky=sticky timeout=10s
            9 WorkflowTaskStarted scheduled=8
            = task events 7..10
        "#,
    );
}

#[test]
fn heartbeats_without_progress_end() {
    let settings = changed(|settings| settings.workflow_task_heartbeat_max = std::time::Duration::from_secs(15));
    crate::script::check_with(
        settings,
        "start
        poll
        +9s
        complete force new sticky
        +9s
        complete force new sticky",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > +9s
            > complete force new sticky
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowTaskScheduled sticky=sticky timeout=10s
            6 WorkflowTaskStarted scheduled=5
            = task events 4..7
            > +9s
            > complete force new sticky
            7 WorkflowTaskTimedOut type=StartToClose
            8 WorkflowTaskScheduled timeout=10s
            = task timed out
        "#,
    );
}

#[test]
fn progress_starts_the_heartbeats_anew() {
    let settings = changed(|settings| settings.workflow_task_heartbeat_max = std::time::Duration::from_secs(15));
    crate::script::check_with(
        settings,
        "start
        poll
        +9s
        complete marker=m force new sticky
        +9s
        complete force new sticky",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > +9s
            > complete marker=m force new sticky
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 MarkerRecorded name=m
            6 WorkflowTaskScheduled sticky=sticky timeout=10s
            7 WorkflowTaskStarted scheduled=6
            = task events 4..8
            > +9s
            > complete force new sticky
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 WorkflowTaskScheduled sticky=sticky timeout=10s
            10 WorkflowTaskStarted scheduled=9
            = task events 8..11
        "#,
    );
}

#[test]
fn memo_and_search_attributes_change_by_command() {
    check(
        "start memo=1
        poll
        complete memo=2 sa=\"v\"",
        r#"
            > start memo=1
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            ~ listed Running key=1
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > complete memo=2 sa="v"
            4 WorkflowTaskCompleted scheduled=2 started=3
            5 WorkflowPropertiesModified
            6 UpsertWorkflowSearchAttributes
            ~ listed Running Known="v" key=2
        "#,
    );
}

#[test]
fn a_task_that_is_given_back_is_scheduled_anew_at_the_same_attempt() {
    check(
        "start
        poll
        signal a
        give-back
        poll
        complete done",
        r#"
            > start
            1 WorkflowExecutionStarted attempt=1
            2 WorkflowTaskScheduled timeout=10s
            = started run-1 Running
            > poll
            3 WorkflowTaskStarted scheduled=2
            = task events 1..4
            > signal a
            = signaled run-1
            > give-back
            4 WorkflowTaskTimedOut type=StartToClose
            5 WorkflowExecutionSignaled name=a
            6 WorkflowTaskScheduled timeout=10s
            > poll
            7 WorkflowTaskStarted scheduled=6
            = task events 1..8
            > complete done
            8 WorkflowTaskCompleted scheduled=6 started=7
            9 WorkflowExecutionCompleted
        "#,
    );
}

#[test]
fn a_retry_that_is_given_back_stays_the_same_retry() {
    check(
        "start
        poll
        fail-task
        poll
        give-back request=wrong
        give-back
        poll
        complete done",
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
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > give-back request=wrong
            ! WorkflowTaskNotFound
            > give-back
            > poll
            = task events 1..5 attempt=2 + 5 WorkflowTaskScheduled attempt=2 timeout=10s + 6 WorkflowTaskStarted scheduled=5
            > complete done
            5 WorkflowTaskScheduled attempt=2 timeout=10s
            6 WorkflowTaskStarted scheduled=5
            7 WorkflowTaskCompleted scheduled=5 started=6
            8 WorkflowExecutionCompleted
        "#,
    );
}
