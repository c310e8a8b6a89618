"""How runs end and go on: timeouts, retry, cron, continue-as-new, cancel, terminate, delete."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.duration_pb2 import Duration
from temporalio import workflow
from temporalio.api.common.v1 import RetryPolicy as RawRetryPolicy
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError, TimeoutError

from harness.history import TASK, types
from harness.raw import (
    cancel_workflow,
    complete_workflow,
    continue_as_new,
    execution,
    fail_workflow,
    failure,
    marker,
    payloads,
    schedule_activity,
    seconds,
    start_timer,
)
from harness.scenario import Scenario

Initiator = enums.ContinueAsNewInitiator
RetryState = enums.RetryState
Status = enums.WorkflowExecutionStatus
COMPLETED_AT_ONCE = f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted"


def status(name: str) -> int:
    return Status.Value(f"WORKFLOW_EXECUTION_STATUS_{name}")


@workflow.defn
class Forever:
    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.wait_condition(lambda: False)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            raise
        return "not reached"


@workflow.defn
class StopsPolitely:
    @workflow.run
    async def run(self) -> str:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            return "stopped politely"
        return "not reached"


async def test_a_run_that_takes_too_long_times_out(s: Scenario):
    async with s.worker(Forever):
        handle = await s.start(Forever.run, run_timeout=timedelta(seconds=3))
        try:
            await handle.result()
            raise AssertionError("the workflow did not time out")
        except WorkflowFailureError as error:
            assert isinstance(error.cause, TimeoutError)
    events = await s.assert_history(handle, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionTimedOut")
    timed_out = events[-1].workflow_execution_timed_out_event_attributes
    s.same("retry state", RetryState.Name(timed_out.retry_state))
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


async def test_the_execution_timeout_covers_all_runs(s: Scenario):
    raw = s.raw()
    first = await s.start_raw(
        workflow_execution_timeout=seconds(6),
        workflow_run_timeout=seconds(600),
        retry_policy=RawRetryPolicy(initial_interval=seconds(0.1), backoff_coefficient=1.0),
    )
    await raw.step(fail_workflow())
    closed = await s.until_closed(run_id=first.run_id)
    assert closed.workflow_execution_info.status == status("FAILED")
    await raw.step(start_timer("t", 600))

    async def timed_out() -> bool:
        return (await s.describe()).workflow_execution_info.status == status("TIMED_OUT")

    await s.until(timed_out, "the chain to time out")
    events = await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, {TASK}, TimerStarted, WorkflowExecutionTimedOut"
    )
    started = events[0].workflow_execution_started_event_attributes
    assert started.workflow_run_timeout == Duration(seconds=6), "a run cannot be longer than the execution"
    s.same("retry state", RetryState.Name(events[-1].workflow_execution_timed_out_event_attributes.retry_state))
    assert not events[-1].workflow_execution_timed_out_event_attributes.new_execution_run_id
    await s.refused(s.signal_raw("late"), "NOT_FOUND", "workflow execution already completed")


@workflow.defn
class SucceedsAtThird:
    @workflow.run
    async def run(self) -> int:
        attempt = workflow.info().attempt
        if attempt < 3:
            raise ApplicationError(f"run {attempt}", type="NotYet")
        return attempt


async def test_a_failed_run_is_followed_by_another(s: Scenario):
    async with s.worker(SucceedsAtThird):
        handle = await s.start(
            SucceedsAtThird.run,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100), backoff_coefficient=1.0),
        )
        assert await handle.result() == 3
    run_id = handle.first_execution_run_id
    first = run_id
    for attempt in (1, 2, 3):
        last = attempt == 3
        closing = "WorkflowExecutionCompleted" if last else "WorkflowExecutionFailed"
        events = await s.assert_history(handle.id, f"WorkflowExecutionStarted, {TASK}, {closing}", run_id)
        started = events[0].workflow_execution_started_event_attributes
        assert (started.attempt, started.first_execution_run_id) == (attempt, first)
        if attempt > 1:
            assert started.initiator == Initiator.CONTINUE_AS_NEW_INITIATOR_RETRY
            assert started.continued_failure.message == f"run {attempt - 1}"
            # The policy says 100 ms, but a run that lived for less than a second makes its successor wait for the rest.
            assert 100 <= started.first_workflow_task_backoff.ToMilliseconds() <= 1000
        if not last:
            failed = events[-1].workflow_execution_failed_event_attributes
            assert failed.retry_state == RetryState.RETRY_STATE_IN_PROGRESS
            run_id = failed.new_execution_run_id
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


async def test_a_retry_ends_with_its_policy(s: Scenario):
    raw = s.raw()
    policy = RawRetryPolicy(initial_interval=seconds(0.1), maximum_attempts=2, non_retryable_error_types=["Fatal"])
    for suffix, causes, state in (
        ("attempts", ["Again", "Again"], "MAXIMUM_ATTEMPTS_REACHED"),
        ("type", ["Fatal"], "NON_RETRYABLE_FAILURE"),
    ):
        await s.start_raw(s.id(suffix), retry_policy=policy)
        for cause in causes:
            await raw.step(fail_workflow(failure(type=cause)))
        events = await s.assert_history(s.id(suffix), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed")
        assert events[-1].workflow_execution_failed_event_attributes.retry_state == RetryState.Value(
            f"RETRY_STATE_{state}"
        )
    await s.refused(s.signal_raw("late", s.id("type")), "NOT_FOUND", "workflow execution already completed")


async def test_a_cron_workflow_runs_again_and_again(s: Scenario):
    raw = s.raw()
    first = await s.start_raw(cron_schedule="@every 1s")
    await s.assert_history(s.id(), "WorkflowExecutionStarted")
    task = await raw.poll()
    started = task.history.events[0].workflow_execution_started_event_attributes
    assert 0 < started.first_workflow_task_backoff.ToMilliseconds() <= 1000
    s.same("initiator of the first run", Initiator.Name(started.initiator))
    await raw.complete(task, complete_workflow("one"))
    events = await s.assert_history(s.id(), COMPLETED_AT_ONCE, first.run_id)
    second = events[-1].workflow_execution_completed_event_attributes.new_execution_run_id

    task = await raw.poll()
    assert task.workflow_execution.run_id == second
    started = task.history.events[0].workflow_execution_started_event_attributes
    assert started.initiator == Initiator.CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE
    assert started.last_completion_result == payloads("one")
    await raw.complete(task, fail_workflow(failure("bad day")))
    events = await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed", second)
    third = events[-1].workflow_execution_failed_event_attributes.new_execution_run_id
    s.same("retry state", RetryState.Name(events[-1].workflow_execution_failed_event_attributes.retry_state))
    started = (await s.events(run_id=third))[0].workflow_execution_started_event_attributes
    assert started.last_completion_result == payloads("one"), "a failure keeps the last good result"
    assert started.continued_failure.message == "bad day"
    assert (started.cron_schedule, started.first_execution_run_id) == ("@every 1s", first.run_id)
    await s.client.get_workflow_handle(s.id()).terminate("enough")
    assert types(await s.events(run_id=third))[-1] == "WorkflowExecutionTerminated"
    await s.refused(s.start_raw(s.id("bad"), cron_schedule="61 * * * *"), "INVALID_ARGUMENT")


@workflow.defn
class CountDown:
    @workflow.run
    async def run(self, left: int) -> str:
        if left:
            workflow.continue_as_new(left - 1, memo={"left": left - 1})
        return "lift-off"


async def test_a_workflow_continues_as_new(s: Scenario):
    async with s.worker(CountDown):
        handle = await s.start(CountDown.run, 2, memo={"left": 2}, execution_timeout=timedelta(seconds=50))
        assert await handle.result() == "lift-off"
    run_id = first = handle.first_execution_run_id
    for _ in range(2):
        events = await s.assert_history(
            handle.id, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionContinuedAsNew", run_id
        )
        continued = events[-1].workflow_execution_continued_as_new_event_attributes
        s.same("initiator in the old run", Initiator.Name(continued.initiator))
        closed = await s.describe(run_id=run_id)
        assert closed.workflow_execution_info.status == status("CONTINUED_AS_NEW")
        previous, run_id = run_id, continued.new_execution_run_id
    events = await s.assert_history(handle.id, COMPLETED_AT_ONCE, run_id)
    started = events[0].workflow_execution_started_event_attributes
    assert (started.continued_execution_run_id, started.first_execution_run_id) == (previous, first)
    s.same("initiator in the new run", Initiator.Name(started.initiator))
    # A run that lived for less than a second makes its successor wait for the rest of it.
    assert 0 < started.first_workflow_task_backoff.ToMilliseconds() <= 1000
    assert await (await handle.describe()).memo() == {"left": 0}
    await s.refused(
        s.client.get_workflow_handle(handle.id, run_id=first).signal("late"),
        "NOT_FOUND",
        "workflow execution already completed",
    )


async def test_continue_as_new_inherits_what_it_does_not_say(s: Scenario):
    raw = s.raw()
    first = await s.start_raw(workflow_run_timeout=seconds(77), workflow_task_timeout=seconds(7))
    task = await raw.poll()
    await s.refused(
        raw.complete(task, continue_as_new(workflow_run_timeout=Duration(seconds=-1))),
        "INVALID_ARGUMENT",
        own_words=True,
    )
    await raw.step(continue_as_new(input=payloads("next")))
    events = await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, {TASK},"
        " WorkflowExecutionContinuedAsNew",
        first.run_id,
    )
    continued = events[-1].workflow_execution_continued_as_new_event_attributes
    assert (continued.workflow_type.name, continued.task_queue.name) == ("Raw", s.queue)
    await raw.step(continue_as_new(workflow_type=WorkflowType(name="Other"), task_queue=TaskQueue(name=s.queue)))
    events = await s.events(run_id=continued.new_execution_run_id)
    started = events[0].workflow_execution_started_event_attributes
    assert started.input == payloads("next")
    assert (started.workflow_run_timeout.seconds, started.workflow_task_timeout.seconds) == (77, 7)
    assert (await s.describe()).workflow_execution_info.type.name == "Other"


async def test_cancel_asks_and_the_workflow_decides(s: Scenario):
    async with s.worker(Forever, StopsPolitely):
        handle = await s.start(StopsPolitely.run)
        await s.until_event("TimerStarted")
        await handle.cancel()
        assert await handle.result() == "stopped politely"
        await s.assert_history(
            handle,
            f"WorkflowExecutionStarted, {TASK}, TimerStarted, WorkflowExecutionCancelRequested, {TASK}, TimerCanceled,"
            " WorkflowExecutionCompleted",
        )
        other = await s.start(Forever.run, id=s.id("forever"))
        await s.until_event("WorkflowTaskCompleted", other.id)
        await other.cancel()
        try:
            await other.result()
            raise AssertionError("the workflow was not cancelled")
        except WorkflowFailureError as error:
            assert isinstance(error.cause, CancelledError)
    await s.assert_history(
        other,
        f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCancelRequested, {TASK}, TimerStarted, TimerFired,"
        f" {TASK}, WorkflowExecutionCanceled",
    )
    # To cancel what has closed is no error and no event.
    before = len(await s.events(other.id))
    await other.cancel()
    assert len(await s.events(other.id)) == before
    await s.refused(s.client.get_workflow_handle("absent-" + s.nonce).cancel(), "NOT_FOUND", detail="NotFoundFailure")


def cancel_request(s: Scenario, **fields) -> ws.RequestCancelWorkflowExecutionRequest:
    return ws.RequestCancelWorkflowExecutionRequest(
        namespace=s.namespace, workflow_execution=execution(s.id()), identity="raw-client", **fields
    )


async def test_a_second_cancel_request_changes_nothing(s: Scenario):
    started = await s.start_raw()
    await s.service.request_cancel_workflow_execution(cancel_request(s, request_id="one", reason="because"))
    await s.service.request_cancel_workflow_execution(cancel_request(s, request_id="one"))
    await s.service.request_cancel_workflow_execution(cancel_request(s, request_id="two"))
    await s.refused(
        s.service.request_cancel_workflow_execution(
            cancel_request(s, request_id="three", first_execution_run_id=str(uuid.uuid4()))
        ),
        "NOT_FOUND",
    )
    await s.service.request_cancel_workflow_execution(
        cancel_request(s, request_id="four", first_execution_run_id=started.run_id)
    )
    await s.raw().step(cancel_workflow())
    await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionCancelRequested, WorkflowTaskStarted,"
        " WorkflowTaskCompleted, WorkflowExecutionCanceled",
    )


async def test_terminate_ends_a_run_whatever_it_does(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    task = await raw.poll()
    await s.signal_raw("buffered")
    handle = s.client.get_workflow_handle(s.id())
    await handle.terminate("detail", reason="enough")
    events = await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed,"
        " WorkflowExecutionSignaled, WorkflowExecutionTerminated",
    )
    cause = events[3].workflow_task_failed_event_attributes.cause
    assert cause == enums.WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND
    terminated = events[-1].workflow_execution_terminated_event_attributes
    assert (terminated.reason, terminated.details) == ("enough", payloads("detail"))
    try:
        await handle.result()
        raise AssertionError("the workflow was not terminated")
    except WorkflowFailureError as error:
        assert isinstance(error.cause, TerminatedError)
    await s.refused(raw.complete(task, complete_workflow()), "NOT_FOUND", detail="NotFoundFailure")
    await s.refused(handle.terminate(), "NOT_FOUND", "workflow execution already completed", "NotFoundFailure")
    await s.refused(
        s.client.get_workflow_handle("absent-" + s.nonce).terminate(), "NOT_FOUND", detail="NotFoundFailure"
    )


async def test_terminate_names_a_chain_by_its_first_run(s: Scenario):
    raw = s.raw()
    first = await s.start_raw()
    await raw.step(continue_as_new())

    def terminate(**fields):
        return s.service.terminate_workflow_execution(
            ws.TerminateWorkflowExecutionRequest(namespace=s.namespace, workflow_execution=execution(s.id()), **fields)
        )

    await s.refused(terminate(first_execution_run_id=str(uuid.uuid4())), "NOT_FOUND", detail="NotFoundFailure")
    await terminate(first_execution_run_id=first.run_id, reason="the chain")
    events = await s.events()
    assert events[-1].workflow_execution_terminated_event_attributes.reason == "the chain"
    assert events[0].workflow_execution_started_event_attributes.first_execution_run_id == first.run_id
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionContinuedAsNew", first.run_id)


async def test_nothing_happens_after_the_end(s: Scenario):
    """Timers and activities of a closed run are gone."""
    raw = s.raw()
    await s.start_raw()
    await raw.step(start_timer("t", 5), schedule_activity("a", s.queue), schedule_activity("b", s.queue))
    running = await raw.poll_activity()
    await s.signal_raw("end")
    await raw.step(complete_workflow("end"))
    await s.refused(raw.complete_activity(running.task_token, "late"), "NOT_FOUND", detail="NotFoundFailure")
    await s.refused(raw.heartbeat(running.task_token), "NOT_FOUND", detail="NotFoundFailure")
    # A later timer of another workflow shows that the time of this one has passed.
    await s.start_raw(s.id("later"))
    await raw.step(start_timer("t", 5.5))
    await s.until_event("TimerFired", s.id("later"))
    expected = (
        f"WorkflowExecutionStarted, {TASK}, TimerStarted, ActivityTaskScheduled*2, WorkflowExecutionSignaled, {TASK},"
        " WorkflowExecutionCompleted"
    )
    await s.assert_history(s.id(), expected)


def delete_request(s: Scenario, suffix: str) -> ws.DeleteWorkflowExecutionRequest:
    return ws.DeleteWorkflowExecutionRequest(namespace=s.namespace, workflow_execution=execution(s.id(suffix)))


async def test_a_deleted_execution_is_gone(s: Scenario):
    raw = s.raw()
    for suffix in ("open", "closed", "kept"):
        await s.start_raw(s.id(suffix))
    for _ in range(3):
        task = await raw.poll()
        commands = [marker("m")] if task.workflow_execution.workflow_id == s.id("open") else [complete_workflow()]
        await raw.complete(task, *commands)
    for suffix in ("open", "closed"):
        await s.service.delete_workflow_execution(delete_request(s, suffix))

        async def gone() -> bool:
            try:
                await s.describe(s.id(suffix))
                return False
            except Exception:
                return True

        await s.until(gone, f"{suffix} to be gone")
        await s.refused(s.describe(s.id(suffix)), "NOT_FOUND", detail="NotFoundFailure")
        await s.refused(s.events(s.id(suffix)), "NOT_FOUND", detail="NotFoundFailure")

    async def unlisted() -> bool:
        listed = [w.id async for w in s.client.list_workflows(f"TaskQueue = '{s.queue}'")]
        return listed == [s.id("kept")]

    await s.until(unlisted, "visibility to forget them")
    await s.refused(s.service.delete_workflow_execution(delete_request(s, "absent")), "NOT_FOUND")
    await s.assert_history(s.id("kept"), COMPLETED_AT_ONCE)
