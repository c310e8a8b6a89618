"""Activities: retries and their delays, all four timeouts, heartbeats, cancellation, asynchronous completion, local and eager ones."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.duration_pb2 import Duration
from temporalio import activity, workflow
from temporalio.api.common.v1 import RetryPolicy as RawRetryPolicy
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from harness.history import ACTIVITY, TASK, types
from harness.raw import (
    cancel_activity,
    complete_workflow,
    failure,
    payloads,
    schedule_activity,
    seconds,
)
from harness.scenario import Order, Scenario

RetryState = enums.RetryState
QUICK = RetryPolicy(initial_interval=timedelta(milliseconds=50), backoff_coefficient=1.0)
ONE_ACTIVITY = f"WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, WorkflowExecutionCompleted"


@activity.defn
async def stubborn(succeeds_at: int) -> int:
    """Fails until its attempt number is reached."""
    attempt = activity.info().attempt
    if attempt < succeeds_at:
        raise ApplicationError(f"attempt {attempt}", type="NotYet")
    return attempt


@workflow.defn
class Retried:
    @workflow.run
    async def run(self, succeeds_at: int) -> int:
        return await workflow.execute_activity(
            stubborn, succeeds_at, start_to_close_timeout=timedelta(seconds=10), retry_policy=QUICK
        )


async def test_a_retried_activity_writes_only_its_last_attempt(s: Scenario):
    async with s.worker(Retried, activities=[stubborn]):
        handle = await s.start(Retried.run, 3)
        assert await handle.result() == 3
    events = await s.assert_history(handle, ONE_ACTIVITY)
    started = events[5].activity_task_started_event_attributes
    assert (started.attempt, started.last_failure.message) == (3, "attempt 2")
    policy = events[4].activity_task_scheduled_event_attributes.retry_policy
    assert policy.maximum_interval.ToMilliseconds() == 5000, "a policy is written with its defaults filled in"
    await s.refused(
        s.client.get_async_activity_handle(workflow_id=handle.id, run_id=None, activity_id="1").complete(),
        "NOT_FOUND",
        "workflow execution already completed",
    )


@activity.defn
async def refuse(how: str) -> None:
    if how == "flag":
        raise ApplicationError("never again", type="Flagged", non_retryable=True)
    raise ApplicationError("never again", type="Listed")


@workflow.defn
class NonRetryable:
    @workflow.run
    async def run(self, how: str) -> None:
        await workflow.execute_activity(
            refuse,
            how,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(milliseconds=50),
                maximum_attempts=2 if how == "attempts" else 0,
                non_retryable_error_types=["Listed"] if how == "listed" else [],
            ),
        )


async def test_some_failures_are_not_retried(s: Scenario):
    expected = {
        "flag": (RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE, 1),
        "listed": (RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE, 1),
        "attempts": (RetryState.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED, 2),
    }
    async with s.worker(NonRetryable, activities=[refuse]):
        for how, (state, attempt) in expected.items():
            handle = await s.start(NonRetryable.run, how, id=s.id(how))
            try:
                await handle.result()
                raise AssertionError("the workflow did not fail")
            except WorkflowFailureError as error:
                assert isinstance(error.cause, ActivityError) and error.cause.retry_state == state
                assert isinstance(error.cause.cause, ApplicationError)
            events = await s.assert_history(
                handle,
                f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskFailed,"
                f" {TASK}, WorkflowExecutionFailed",
            )
            assert events[5].activity_task_started_event_attributes.attempt == attempt
            assert events[6].activity_task_failed_event_attributes.retry_state == state
    await s.refused(s.raw().fail_activity(b"garbage"), "INVALID_ARGUMENT")


async def test_a_failure_may_say_when_to_try_again(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue, retry_policy=RawRetryPolicy(initial_interval=seconds(60))))
    first = await raw.poll_activity()
    assert first.attempt == 1
    soon = Failure(
        message="soon",
        application_failure_info=ApplicationFailureInfo(type="Soon", next_retry_delay=Duration(nanos=200_000_000)),
    )
    await raw.fail_activity(first.task_token, soon)
    second = await raw.poll_activity()
    assert second.attempt == 2
    waited = second.current_attempt_scheduled_time.ToNanoseconds() - first.started_time.ToNanoseconds()
    assert 0.2e9 <= waited < 10e9
    # The token of the first attempt is of no use any more.
    await s.refused(raw.complete_activity(first.task_token, "late"), "NOT_FOUND", detail="NotFoundFailure")
    await s.refused(raw.heartbeat(first.task_token), "NOT_FOUND", detail="NotFoundFailure")
    await raw.complete_activity(second.task_token, "in time")
    await raw.step(complete_workflow())
    await s.assert_history(s.id(), ONE_ACTIVITY)


async def test_a_pending_activity_is_described(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    policy = RawRetryPolicy(initial_interval=seconds(60), maximum_attempts=7)
    await raw.step(schedule_activity("a", s.queue, retry_policy=policy, heartbeat_timeout=30))
    pending = (await s.describe()).pending_activities[0]
    assert (pending.activity_id, pending.activity_type.name) == ("a", "raw-activity")
    assert (pending.state, pending.attempt) == (enums.PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED, 1)
    task = await raw.poll_activity()
    await raw.heartbeat(task.task_token, "half-way")
    pending = (await s.describe()).pending_activities[0]
    assert pending.state == enums.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    assert pending.heartbeat_details == payloads("half-way")
    assert pending.last_worker_identity == raw.identity
    await raw.fail_activity(task.task_token, failure("broken"))
    answer = await s.describe()
    pending = answer.pending_activities[0]
    s.record("in-backoff", answer)
    assert (pending.state, pending.attempt) == (enums.PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED, 2)
    assert (pending.maximum_attempts, pending.last_failure.message) == (7, "broken")
    assert pending.next_attempt_schedule_time.ToNanoseconds() > pending.last_attempt_complete_time.ToNanoseconds()
    assert pending.heartbeat_details == payloads("half-way")
    await s.refused(raw.cancel_activity(task.task_token), "NOT_FOUND", detail="NotFoundFailure")
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled")


async def time_out(s: Scenario, start: bool, expected: str, **fields) -> ws.PollActivityTaskQueueResponse | None:
    """Schedules an activity that nobody finishes and asserts the history of its timeout."""
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", f"{s.queue}-activities", **fields))
    task = await s.raw(f"{s.queue}-activities").poll_activity() if start else None
    await raw.step(complete_workflow())
    started = "ActivityTaskStarted, " if start else ""
    events = await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, {started}ActivityTaskTimedOut, {TASK},"
        " WorkflowExecutionCompleted",
    )
    timed_out = next(e for e in events if e.HasField("activity_task_timed_out_event_attributes"))
    attributes = timed_out.activity_task_timed_out_event_attributes
    kind = enums.TimeoutType.Name(attributes.failure.timeout_failure_info.timeout_type)
    assert kind == f"TIMEOUT_TYPE_{expected}"
    s.same("retry state", RetryState.Name(attributes.retry_state))
    s.same("message", attributes.failure.message)
    if task is not None:
        await s.refused(raw.complete_activity(task.task_token, "late"), "NOT_FOUND", detail="NotFoundFailure")
    return task


ONCE = RawRetryPolicy(maximum_attempts=1)


async def test_an_activity_times_out_while_it_runs(s: Scenario):
    await time_out(s, True, "START_TO_CLOSE", start_to_close_timeout=1, retry_policy=ONCE)


async def test_an_activity_times_out_before_it_starts(s: Scenario):
    await time_out(s, False, "SCHEDULE_TO_START", schedule_to_start_timeout=1)
    await s.refused(s.raw().complete_activity(b"", 1), "INVALID_ARGUMENT")


async def test_an_activity_times_out_over_all_its_attempts(s: Scenario):
    await time_out(s, True, "SCHEDULE_TO_CLOSE", schedule_to_close_timeout=4, start_to_close_timeout=None)


async def test_an_activity_that_stops_beating_times_out(s: Scenario):
    await time_out(s, True, "HEARTBEAT", heartbeat_timeout=1, retry_policy=ONCE)


async def test_an_activity_without_time_for_another_attempt_tells_its_last_failure(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(
        schedule_activity(
            "a", s.queue, schedule_to_close_timeout=8, retry_policy=RawRetryPolicy(initial_interval=seconds(30))
        )
    )
    task = await raw.poll_activity()
    await raw.fail_activity(task.task_token, failure("the real reason"))
    await raw.step(complete_workflow())
    events = await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskFailed, {TASK},"
        " WorkflowExecutionCompleted",
    )
    failed = events[6].activity_task_failed_event_attributes
    assert (failed.retry_state, failed.failure.message) == (RetryState.RETRY_STATE_TIMEOUT, "the real reason")
    await s.refused(raw.fail_activity(task.task_token), "NOT_FOUND", detail="NotFoundFailure")


@activity.defn
async def resumable() -> str:
    """Beats once and hangs; the next attempt goes on from what was beaten."""
    details = activity.info().heartbeat_details
    if details:
        return f"resumed from {details[0]}"
    activity.heartbeat("page 7")
    await asyncio.Event().wait()
    raise AssertionError("not reached")


@workflow.defn
class Resuming:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(
            resumable,
            start_to_close_timeout=timedelta(seconds=30),
            heartbeat_timeout=timedelta(seconds=2),
            retry_policy=QUICK,
        )


async def test_heartbeat_details_reach_the_next_attempt(s: Scenario):
    async with s.worker(Resuming, activities=[resumable]):
        handle = await s.start(Resuming.run)
        assert await handle.result() == "resumed from page 7"
    events = await s.assert_history(handle, ONE_ACTIVITY)
    started = events[5].activity_task_started_event_attributes
    assert started.attempt >= 2
    assert started.last_failure.timeout_failure_info.timeout_type == enums.TimeoutType.TIMEOUT_TYPE_HEARTBEAT
    await s.refused(s.raw().heartbeat(b"garbage"), "INVALID_ARGUMENT")


@activity.defn
async def beat_until_cancelled() -> str:
    try:
        while True:
            activity.heartbeat("still here")
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        activity.heartbeat("cleaned up")
        raise


@workflow.defn
class Cancelling:
    @workflow.run
    async def run(self, how: str) -> str:
        handle = workflow.start_activity(
            beat_until_cancelled,
            start_to_close_timeout=timedelta(seconds=30),
            heartbeat_timeout=timedelta(seconds=5),
            retry_policy=QUICK,
            cancellation_type=workflow.ActivityCancellationType[how],
        )
        await workflow.wait_condition(lambda: self.told)
        handle.cancel()
        try:
            await handle
            return "not cancelled"
        except ActivityError as error:
            return type(error.cause).__name__

    def __init__(self) -> None:
        self.told = False

    @workflow.signal
    def stop(self) -> None:
        self.told = True


async def cancel_with(s: Scenario, how: str, expected: str) -> None:
    async with s.worker(
        Cancelling, activities=[beat_until_cancelled], max_heartbeat_throttle_interval=timedelta(milliseconds=100)
    ):
        handle = await s.start(Cancelling.run, how)

        async def started() -> bool:
            pending = (await s.describe()).pending_activities
            return bool(pending) and pending[0].state == enums.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED

        await s.until(started, "the activity to start")
        await handle.signal(Cancelling.stop)
        assert await handle.result() == "CancelledError"
        await s.assert_history(handle, expected)
    await s.refused(handle.signal(Cancelling.stop), "NOT_FOUND", "workflow execution already completed")


UNTIL_CANCEL = f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, WorkflowExecutionSignaled, {TASK}"


async def test_a_cancelled_activity_hears_of_it_by_its_heartbeat(s: Scenario):
    await cancel_with(
        s,
        "WAIT_CANCELLATION_COMPLETED",
        f"{UNTIL_CANCEL}, ActivityTaskCancelRequested, ActivityTaskStarted, ActivityTaskCanceled, {TASK},"
        " WorkflowExecutionCompleted",
    )


async def test_a_workflow_need_not_wait_for_the_cancelled_activity(s: Scenario):
    await cancel_with(s, "TRY_CANCEL", f"{UNTIL_CANCEL}, ActivityTaskCancelRequested, WorkflowExecutionCompleted")


async def test_an_abandoned_activity_is_not_told(s: Scenario):
    await cancel_with(s, "ABANDON", f"{UNTIL_CANCEL}, WorkflowExecutionCompleted")


async def test_an_activity_that_has_not_started_is_cancelled_at_once(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", "nobody-" + s.queue))
    await s.signal_raw("cancel it")
    await raw.step(cancel_activity(5))
    await raw.step(complete_workflow())
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, WorkflowExecutionSignaled, {TASK},"
        f" ActivityTaskCancelRequested, ActivityTaskCanceled, {TASK}, WorkflowExecutionCompleted",
    )
    await s.refused(raw.cancel_activity(b"garbage"), "INVALID_ARGUMENT")


async def test_an_activity_may_finish_although_it_was_asked_to_stop(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue))
    task = await raw.poll_activity()
    await s.refused(raw.cancel_activity(task.task_token), "INVALID_ARGUMENT")
    assert not (await raw.heartbeat(task.task_token)).cancel_requested
    await s.signal_raw("cancel it")
    await raw.step(cancel_activity(5))
    assert (await raw.heartbeat(task.task_token)).cancel_requested
    await raw.complete_activity(task.task_token, "done all the same")
    await raw.step(complete_workflow())
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, WorkflowExecutionSignaled, {TASK},"
        f" ActivityTaskCancelRequested, ActivityTaskStarted, ActivityTaskCompleted, {TASK}, WorkflowExecutionCompleted",
    )


@activity.defn
async def elsewhere() -> str:
    activity.raise_complete_async()


@workflow.defn
class Elsewhere:
    @workflow.run
    async def run(self) -> str:
        try:
            return await workflow.execute_activity(
                elsewhere,
                activity_id="elsewhere",
                start_to_close_timeout=timedelta(seconds=30),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except ActivityError as error:
            return f"{type(error.cause).__name__}: {error.cause}"


async def test_an_activity_is_completed_from_elsewhere_by_its_id(s: Scenario):
    async with s.worker(Elsewhere, activities=[elsewhere]):
        for how, event, result in (
            ("complete", "ActivityTaskCompleted", "by id"),
            ("fail", "ActivityTaskFailed", "ApplicationError: Planned: by id"),
        ):
            handle = await s.start(Elsewhere.run, id=s.id(how))
            by_id = s.client.get_async_activity_handle(workflow_id=handle.id, run_id=None, activity_id="elsewhere")

            async def started() -> bool:
                pending = (await s.describe(handle.id)).pending_activities
                return bool(pending) and pending[0].state == enums.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED

            await s.until(started, "the activity to start")
            await by_id.heartbeat("from afar")
            if how == "complete":
                await by_id.complete("by id")
            else:
                await by_id.fail(ApplicationError("by id", type="Planned"))
            assert await handle.result() == result
            await s.assert_history(
                handle,
                f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, ActivityTaskStarted, {event}, {TASK},"
                " WorkflowExecutionCompleted",
            )
    await s.start_raw(s.id("none"))
    unknown = s.client.get_async_activity_handle(workflow_id=s.id("none"), run_id=None, activity_id="unknown")
    await s.refused(unknown.complete("nobody asked"), "NOT_FOUND", detail="NotFoundFailure")
    await s.refused(unknown.heartbeat(), "NOT_FOUND", detail="NotFoundFailure")


async def test_a_large_part_of_the_activities_may_run_at_once(s: Scenario):
    async with s.worker(FanOut, activities=[double]):
        handle = await s.start(FanOut.run, 50)
        assert await handle.result() == sum(2 * n for n in range(50))
    events = await s.events()
    names = types(events)
    assert names.count("ActivityTaskCompleted") == names.count("ActivityTaskStarted") == 50
    assert (
        names[:4] == ["WorkflowExecutionStarted", *TASK.split(", ")] and names[4:54] == ["ActivityTaskScheduled"] * 50
    )
    scheduled = {e.activity_task_completed_event_attributes.scheduled_event_id for e in events} - {0}
    assert scheduled == set(range(5, 55))
    # How the results share workflow tasks is a matter of timing; that nothing else is written is not.
    await s.assert_history(handle, ", ".join(names), order=Order.TIMING)
    assert set(names) == {
        "WorkflowExecutionStarted",
        "WorkflowExecutionCompleted",
        *TASK.split(", "),
        *ACTIVITY.split(", "),
    }
    await s.refused(handle.terminate(), "NOT_FOUND", "workflow execution already completed")


@activity.defn
async def double(n: int) -> int:
    return 2 * n


@workflow.defn
class FanOut:
    @workflow.run
    async def run(self, width: int) -> int:
        done = await asyncio.gather(
            *(workflow.execute_activity(double, n, start_to_close_timeout=timedelta(seconds=20)) for n in range(width))
        )
        return sum(done)


@activity.defn
async def slow_local(duration: float) -> str:
    if activity.info().attempt == 1:
        raise ApplicationError("first attempt")
    await asyncio.sleep(duration)
    return "slow"


@workflow.defn
class Local:
    @workflow.run
    async def run(self, duration: float) -> list:
        quick = await workflow.execute_local_activity(double, 21, start_to_close_timeout=timedelta(seconds=5))
        slow = await workflow.execute_local_activity(
            slow_local, duration, start_to_close_timeout=timedelta(seconds=20), retry_policy=QUICK
        )
        return [quick, slow]


async def test_local_activities_leave_only_markers(s: Scenario):
    async with s.worker(Local, activities=[double, slow_local]):
        handle = await s.start(Local.run, 0.05)
        assert await handle.result() == [42, "slow"]
    await s.assert_history(handle, f"WorkflowExecutionStarted, {TASK}, MarkerRecorded*2, WorkflowExecutionCompleted")
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


async def test_a_long_local_activity_keeps_its_workflow_task_alive(s: Scenario):
    """The SDK answers with an empty completion that forces a new task, at 80 % of the task's timeout."""
    async with s.worker(Local, activities=[double, slow_local]):
        handle = await s.start(Local.run, 6, task_timeout=timedelta(seconds=5))
        assert await handle.result() == [42, "slow"]
    events = await s.events()
    names = types(events)
    assert "WorkflowTaskTimedOut" not in names and "WorkflowTaskFailed" not in names
    await s.assert_history(
        handle, f"WorkflowExecutionStarted, {TASK}, MarkerRecorded, {TASK}, MarkerRecorded, WorkflowExecutionCompleted"
    )
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


async def test_an_eager_activity_comes_with_the_answer(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    task = await raw.poll()
    answer = await raw.complete(task, schedule_activity("a", s.queue, request_eager_execution=True))
    assert len(answer.activity_tasks) == 1
    eager = answer.activity_tasks[0]
    assert (eager.activity_id, eager.attempt) == ("a", 1)
    s.record("eager-activity", eager)
    await raw.complete_activity(eager.task_token, "eagerly")
    await raw.step(complete_workflow())
    await s.assert_history(s.id(), ONE_ACTIVITY)
    await s.refused(raw.complete_activity(eager.task_token, "again"), "NOT_FOUND", detail="NotFoundFailure")


async def test_timeouts_of_an_activity_are_filled_in(s: Scenario):
    raw = s.raw()
    await s.start_raw(workflow_run_timeout=seconds(100))
    await raw.step(
        schedule_activity("only start", s.queue, start_to_close_timeout=10, heartbeat_timeout=99),
        schedule_activity("only schedule", s.queue, start_to_close_timeout=None, schedule_to_close_timeout=20),
        schedule_activity("too long", s.queue, start_to_close_timeout=1000, schedule_to_close_timeout=1000),
    )
    events = await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled*3")
    for event in events[4:]:
        attributes = event.activity_task_scheduled_event_attributes
        names = (
            "schedule_to_close_timeout",
            "schedule_to_start_timeout",
            "start_to_close_timeout",
            "heartbeat_timeout",
        )
        s.same(attributes.activity_id, [getattr(attributes, name).ToSeconds() for name in names])
    await s.refused(raw.poll_activity_once(seconds=1), "FAILED_PRECONDITION")
    await s.refused(raw.poll_once(seconds=1), "FAILED_PRECONDITION")
