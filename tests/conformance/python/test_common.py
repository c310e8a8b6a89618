"""Scenarios that every SDK's suite plays (`../scenarios.toml`) and that no other file here has."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from harness.history import ACTIVITY, TASK, types
from harness.scenario import Order, Scenario

ONE_ACTIVITY = f"WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, WorkflowExecutionCompleted"
CLOSED = "workflow execution already completed"


@workflow.defn
class Collector:
    """Collects words until the word `end`, which it keeps too."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: "end" in self.heard)
        return self.heard

    @workflow.signal
    def give(self, word: str) -> None:
        self.heard.append(word)

    @workflow.query
    def words(self) -> list[str]:
        return self.heard


class Elsewhere:
    """An activity that somebody else completes; it shows the token of its last attempt."""

    def __init__(self) -> None:
        self.tokens: list[bytes] = []

    @activity.defn
    async def elsewhere(self) -> str:
        self.tokens.append(activity.info().task_token)
        activity.raise_complete_async()

    async def token(self, s: Scenario, attempt: int) -> bytes:
        async def there() -> bool:
            return len(self.tokens) >= attempt

        await s.until(there, f"the token of attempt {attempt}")
        return self.tokens[attempt - 1]


@workflow.defn
class Waiting:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(
            "elsewhere",
            result_type=str,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_attempts=2),
        )


async def test_an_activity_is_completed_elsewhere_by_its_token(s: Scenario):
    deed = Elsewhere()
    async with s.worker(Waiting, activities=[deed.elsewhere]):
        handle = await s.start(Waiting.run)
        by_token = s.client.get_async_activity_handle(task_token=await deed.token(s, 1))
        await by_token.heartbeat("alive")
        assert (await s.describe()).pending_activities[0].heartbeat_details.payloads[0].data == b'"alive"'
        await by_token.complete("done elsewhere")
        assert await handle.result() == "done elsewhere"
    await s.refused(by_token.heartbeat("late"), "NOT_FOUND", detail="NotFoundFailure")
    garbage = s.client.get_async_activity_handle(task_token=b"garbage")
    await s.refused(garbage.complete("x"), "INVALID_ARGUMENT")
    await s.assert_history(handle, ONE_ACTIVITY)


async def test_an_activity_that_fails_elsewhere_is_retried(s: Scenario):
    deed = Elsewhere()
    async with s.worker(Waiting, activities=[deed.elsewhere]):
        handle = await s.start(Waiting.run)
        first = s.client.get_async_activity_handle(task_token=await deed.token(s, 1))
        await first.fail(ApplicationError("failed elsewhere"))
        second = s.client.get_async_activity_handle(task_token=await deed.token(s, 2))
        await s.refused(first.heartbeat("late"), "NOT_FOUND", detail="NotFoundFailure")
        await second.fail(ApplicationError("failed elsewhere"))
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    ended = failed.value.cause
    assert isinstance(ended, ActivityError) and isinstance(ended.cause, ApplicationError)
    assert ended.cause.message == "failed elsewhere"
    s.same("retry state", ended.retry_state.name)
    events = await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskFailed, {TASK},"
        " WorkflowExecutionFailed",
    )
    assert events[5].activity_task_started_event_attributes.attempt == 2


@activity.defn
async def at_second(word: str) -> str:
    if activity.info().attempt == 1:
        raise ApplicationError("the first attempt fails")
    return word


@activity.defn
async def never_again(word: str) -> str:
    raise ApplicationError(word, non_retryable=True)


@workflow.defn
class Local:
    @workflow.run
    async def run(self, deed: str, word: str) -> str:
        return await workflow.execute_local_activity(
            deed,
            word,
            result_type=str,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=500)),
            local_retry_threshold=timedelta(milliseconds=100),
        )


async def test_a_local_activity_that_fails_leaves_its_failure(s: Scenario):
    async with s.worker(Local, activities=[never_again]):
        handle = await s.start(Local.run, "never_again", "no")
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert isinstance(failed.value.cause, ApplicationError) and failed.value.cause.message == "no"
    await s.assert_history(handle, f"WorkflowExecutionStarted, {TASK}, MarkerRecorded, WorkflowExecutionFailed")
    await s.refused(handle.signal("late"), "NOT_FOUND", CLOSED)


async def test_a_long_backoff_of_a_local_activity_is_a_timer(s: Scenario):
    async with s.worker(Local, activities=[at_second]):
        handle = await s.start(Local.run, "at_second", "yes")
        assert await handle.result() == "yes"
    await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, MarkerRecorded, TimerStarted, TimerFired, {TASK}, MarkerRecorded,"
        " WorkflowExecutionCompleted",
    )
    await s.refused(handle.signal("late"), "NOT_FOUND", CLOSED)


async def test_evicted_workflows_come_back_by_replay(s: Scenario):
    """Two workflows and room for one: each task of one evicts the other."""
    suffixes = ("a", "b")
    async with s.worker(Collector, max_cached_workflows=1):
        handles = []
        for suffix in suffixes:
            handles.append(await s.start(Collector.run, id=s.id(suffix)))
            await s.until_event("WorkflowTaskCompleted", s.id(suffix))
        for done, word in enumerate(["one", "end"], start=2):
            for handle in handles:
                await handle.signal(Collector.give, word)
                await s.until_event("WorkflowTaskCompleted", handle.id, count=done)
        for handle in handles:
            assert await handle.result() == ["one", "end"]
            assert await handle.query(Collector.words) == ["one", "end"]
            await s.assert_history(
                handle,
                f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionSignaled,"
                f" {TASK}, WorkflowExecutionCompleted",
            )
    await s.refused(handles[0].signal(Collector.give, "late"), "NOT_FOUND", CLOSED)


@workflow.defn
class Scribe:
    """Writes so many pages into its history, then waits for the end."""

    def __init__(self) -> None:
        self.ended = False

    @workflow.run
    async def run(self, pages: int) -> int:
        for page in range(pages):
            workflow.upsert_memo({"page": page})
        await workflow.wait_condition(lambda: self.ended)
        return pages

    @workflow.signal
    def end(self) -> None:
        self.ended = True


async def test_a_long_history_is_read_in_pages(s: Scenario):
    """More events than the server gives in one page: a new worker must read on to replay."""
    async with s.worker(Scribe):
        handle = await s.start(Scribe.run, 1_200)
        await s.until_event("WorkflowTaskCompleted")
    await handle.signal(Scribe.end)
    async with s.worker(Scribe):
        assert await handle.result() == 1_200
    await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, WorkflowPropertiesModified*1200, WorkflowExecutionSignaled, {TASK},"
        " WorkflowExecutionCompleted",
    )
    await s.refused(handle.signal(Scribe.end), "NOT_FOUND", CLOSED)


@pytest.mark.crash(server=True)
async def test_a_closed_workflow_is_the_same_after_the_crash(s: Scenario):
    async with s.worker(Collector):
        handle = await s.start(Collector.run)
        await handle.signal(Collector.give, "end")
        assert await handle.result() == ["end"]
        before = await s.events()
        await s.restart_server()
        assert await s.events() == before, "every event as it was"
        again = s.client.get_workflow_handle_for(Collector.run, s.id())
        assert await again.result() == ["end"]
        assert await again.query(Collector.words) == ["end"]
    # How many workflow tasks the signal found is a matter of timing.
    await s.assert_history(handle, ", ".join(types(before)), order=Order.TIMING)
    await s.refused(handle.signal(Collector.give, "late"), "NOT_FOUND", CLOSED)
