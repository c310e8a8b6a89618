"""kill -9 in the middle: of the server, of a worker, of both. What was acknowledged is still there, once, and the work goes on.

A scenario with `server=True` has a server of its own. A worker that dies is a process of its own.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from temporalio import activity
from temporalio.api.common.v1 import RetryPolicy as RawRetryPolicy
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from crash_workflows import ACTIVITIES, WORKFLOWS, Collector, Errand, LocalDoubler, Reader, Thinker, double
from harness.history import ACTIVITY, TASK, check, types
from harness.raw import complete_workflow, failure, marker, payloads, schedule_activity, seconds, start_timer
from harness.scenario import Order, Scenario

PROGRAM = Path(__file__).parent / "crash_workflows.py"
ONE_ACTIVITY = f"WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, WorkflowExecutionCompleted"


server_dies = pytest.mark.crash(server=True)
worker_dies = pytest.mark.crash


@contextmanager
def doomed_worker(s: Scenario, hang: str = "") -> Iterator[subprocess.Popen]:
    """A worker process; killed at the end at the latest."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), s.address, s.queue],
        env={**os.environ, "HANG": hang},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def result_of(handle: WorkflowHandle) -> Any:
    """Asks again where the SDK itself gives up because the server is away for too long."""
    while True:
        try:
            return await handle.result()
        except RPCError as error:
            assert error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.UNKNOWN), error


# The server dies


@server_dies
async def test_a_timer_survives_the_server(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(start_timer("t", 1.5))
    await s.restart_server()
    await raw.step(complete_workflow("after the crash"))
    await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, {TASK}, TimerStarted, TimerFired, {TASK}, WorkflowExecutionCompleted"
    )
    assert await s.client.get_workflow_handle(s.id()).result() == "after the crash"
    await s.refused(s.signal_raw("late"), "NOT_FOUND", "workflow execution already completed")


@server_dies
async def test_acknowledged_signals_survive_the_server(s: Scenario):
    handle = await s.start(Collector.run)
    words = [f"word {n}" for n in range(20)]
    for word in words[:10]:
        await handle.signal(Collector.give, word)
    await s.restart_server()
    for word in [*words[10:], "end"]:
        await handle.signal(Collector.give, word)
    await s.restart_server()
    async with s.worker(Collector):
        assert await handle.result() == [*words, "end"]
    await s.assert_history(
        handle,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled*21, WorkflowTaskStarted,"
        " WorkflowTaskCompleted, WorkflowExecutionCompleted",
    )
    await s.restart_server()
    assert await handle.result() == [*words, "end"]
    await s.refused(handle.signal(Collector.give, "late"), "NOT_FOUND", "workflow execution already completed")


@server_dies
async def test_request_ids_survive_the_server(s: Scenario):
    start, signal = str(uuid.uuid4()), str(uuid.uuid4())
    first = await s.start_raw(request_id=start)
    await s.signal_raw("once", request_id=signal)
    await s.restart_server()
    again = await s.start_raw(request_id=start)
    assert (again.run_id, again.started) == (first.run_id, True)
    await s.signal_raw("once", request_id=signal)
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled")
    await s.refused(s.start_raw(), "ALREADY_EXISTS", detail="WorkflowExecutionAlreadyStartedFailure")


@server_dies
async def test_task_tokens_survive_the_server(s: Scenario):
    """Tasks that were taken before the crash are answered after it, and their tokens still fence."""
    raw = s.raw()
    await s.start_raw()
    task = await raw.poll()
    await s.restart_server()
    await raw.complete(task, schedule_activity("a", s.queue, start_to_close_timeout=30))
    activity_task = await raw.poll_activity()
    await s.restart_server()
    await raw.heartbeat(activity_task.task_token, "alive")
    await raw.complete_activity(activity_task.task_token, "done")
    # A heartbeat, because Weft answers the last completion as the first time when it is repeated.
    await s.refused(raw.heartbeat(activity_task.task_token, "late"), "NOT_FOUND", detail="NotFoundFailure")
    await raw.step(complete_workflow())
    await s.assert_history(s.id(), ONE_ACTIVITY)
    await s.refused(raw.complete(task, marker("late")), "NOT_FOUND", detail="NotFoundFailure")


@server_dies
async def test_an_activity_in_backoff_survives_the_server(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    policy = RawRetryPolicy(initial_interval=seconds(2))
    await raw.step(schedule_activity("a", s.queue, retry_policy=policy, heartbeat_timeout=30))
    task = await raw.poll_activity()
    await raw.heartbeat(task.task_token, "half-way")
    await raw.fail_activity(task.task_token, failure("broken"))
    await s.restart_server()
    pending = (await s.describe()).pending_activities[0]
    assert (pending.attempt, pending.last_failure.message) == (2, "broken")
    second = await raw.poll_activity()
    assert (second.attempt, second.heartbeat_details) == (2, payloads("half-way"))
    await s.refused(raw.complete_activity(task.task_token, "first"), "NOT_FOUND", detail="NotFoundFailure")
    await raw.complete_activity(second.task_token, "second")
    await raw.step(complete_workflow())
    events = await s.assert_history(s.id(), ONE_ACTIVITY)
    assert events[5].activity_task_started_event_attributes.attempt == 2


@server_dies
async def test_a_running_activity_outlives_the_server(s: Scenario):
    """The SDK's worker keeps its activity, finds the server again, and reports to it."""
    began, release = asyncio.Event(), asyncio.Event()

    @activity.defn(name="read_book")
    async def patient() -> str:
        began.set()
        while not release.is_set():
            activity.heartbeat()
            await asyncio.sleep(0.1)
        return "read in one go"

    async with s.worker(Reader, activities=[patient]):
        handle = await s.start(Reader.run)
        waiting = asyncio.create_task(result_of(handle))
        await began.wait()
        await s.restart_server()
        release.set()
        assert await waiting == "read in one go"
    await s.assert_history(handle, ONE_ACTIVITY)
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


@server_dies
async def test_many_workflows_survive_a_server_that_dies_again_and_again(s: Scenario):
    async with s.worker(Errand, activities=[double]):
        handles = await asyncio.gather(*(s.start(Errand.run, n, id=s.id(str(n))) for n in range(20)))
        results = asyncio.gather(*(result_of(handle) for handle in handles))
        for _ in range(3):
            # The next crash comes when something has happened since the last.
            before = [len(await s.events(handle.id)) for handle in handles[:3]]

            async def progress() -> bool:
                now = [len(await s.events(handle.id)) for handle in handles[:3]]
                return now != before or results.done()

            await s.until(progress, "any progress")
            await s.restart_server()
        assert await results == [4 * n for n in range(20)]
    for handle in handles:
        events = await s.events(handle.id)
        check(events)
        names = types(events)
        counted = ("WorkflowExecutionStarted", "ActivityTaskScheduled", "ActivityTaskCompleted", "TimerStarted",
                   "TimerFired", "WorkflowExecutionCompleted")  # fmt: skip
        assert [names.count(name) for name in counted] == [1, 2, 2, 1, 1, 1], names
    # A crash may cost a workflow task its time; nothing else may differ from an undisturbed run.
    await s.assert_history(handles[0], ", ".join(types(await s.events(handles[0].id))), order=Order.TIMING)
    await s.refused(handles[0].signal("late"), "NOT_FOUND", "workflow execution already completed")


# A worker dies


@worker_dies
async def test_another_worker_goes_on_with_the_activity_of_a_dead_one(s: Scenario):
    handle = await s.start(Reader.run)
    with doomed_worker(s, hang="activity") as doomed:

        async def beating() -> bool:
            pending = (await s.describe()).pending_activities
            return bool(pending) and pending[0].heartbeat_details == payloads("page 7")

        await s.until(beating, "the activity's heartbeat")
        doomed.kill()
    async with s.worker(*WORKFLOWS, activities=ACTIVITIES):
        assert await handle.result() == "read on from page 7"
    events = await s.events()
    started = next(e for e in events if e.HasField("activity_task_started_event_attributes"))
    attributes = started.activity_task_started_event_attributes
    assert attributes.attempt >= 2
    assert attributes.last_failure.timeout_failure_info.timeout_type == enums.TimeoutType.TIMEOUT_TYPE_HEARTBEAT
    names = types(events)
    if "WorkflowTaskTimedOut" in names:
        # The dead worker was sticky, and the result came while its sticky queue still counted as polled.
        sticky = names.index("WorkflowTaskTimedOut")
        assert names[sticky - 1] == "WorkflowTaskScheduled"
        del names[sticky - 1 : sticky + 1]
    assert ", ".join(names) == ONE_ACTIVITY
    await s.assert_history(handle, ", ".join(types(events)), order=Order.TIMING)
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


@worker_dies
async def test_a_worker_that_dies_while_it_waits_takes_no_task_with_it(s: Scenario):
    with doomed_worker(s) as doomed:

        async def polls() -> bool:
            queue = ws.DescribeTaskQueueRequest(
                namespace=s.namespace,
                task_queue=TaskQueue(name=s.queue),
                task_queue_type=enums.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            )
            return bool((await s.service.describe_task_queue(queue)).pollers)

        await s.until(polls, "the worker to poll")
        doomed.kill()
        doomed.wait()
    handle = await s.start(Errand.run, 3)
    async with s.worker(*WORKFLOWS, activities=ACTIVITIES):
        assert await handle.result() == 12
    await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, TimerStarted, TimerFired, {TASK}, {ACTIVITY}, {TASK},"
        " WorkflowExecutionCompleted",
    )
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


async def dies_in_its_first_task(s: Scenario, workflow, hang: str, result, expected: str) -> None:
    handle = await s.start(workflow.run, task_timeout=timedelta(seconds=2))
    with doomed_worker(s, hang=hang) as doomed:
        await s.until_event("WorkflowTaskStarted")
        doomed.kill()
    async with s.worker(*WORKFLOWS, activities=ACTIVITIES):
        assert await handle.result() == result
    events = await s.assert_history(handle, expected)
    timed_out = events[3].workflow_task_timed_out_event_attributes
    assert timed_out.timeout_type == enums.TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


UNANSWERED = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskTimedOut"


@worker_dies
async def test_another_worker_takes_the_workflow_task_of_a_dead_one(s: Scenario):
    expected = f"WorkflowExecutionStarted, {UNANSWERED}, {TASK}, WorkflowExecutionCompleted"
    await dies_in_its_first_task(s, Thinker, "workflow", "thought", expected)


@worker_dies
async def test_another_worker_repeats_the_local_activity_of_a_dead_one(s: Scenario):
    expected = f"WorkflowExecutionStarted, {UNANSWERED}, {TASK}, MarkerRecorded, WorkflowExecutionCompleted"
    await dies_in_its_first_task(s, LocalDoubler, "local activity", 42, expected)


@worker_dies
async def test_another_worker_replays_what_a_dead_one_had_in_its_cache(s: Scenario):
    handle = await s.start(Collector.run)
    with doomed_worker(s) as doomed:
        for count, word in enumerate(["one", "two"], start=1):
            await s.until_event("WorkflowTaskCompleted", count=count)
            await handle.signal(Collector.give, word)
        await s.until_event("WorkflowTaskCompleted", count=3)
        doomed.kill()
    await handle.signal(Collector.give, "end")
    async with s.worker(*WORKFLOWS, activities=ACTIVITIES):
        assert await handle.result() == ["one", "two", "end"]
    # The last task was meant for the dead worker's sticky queue and came to the living one after a second. Or it was
    # handed to a poll of the dead worker, if the server had not yet heard that its connection is gone, and timed out.
    events = await s.events(handle.id)
    timed_out = next(e for e in events if e.HasField("workflow_task_timed_out_event_attributes"))
    kind = timed_out.workflow_task_timed_out_event_attributes.timeout_type
    was_handed_out = kind == enums.TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE
    assert was_handed_out or kind == enums.TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START
    lost = "WorkflowTaskScheduled, WorkflowTaskStarted" if was_handed_out else "WorkflowTaskScheduled"
    await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionSignaled, {TASK},"
        f" WorkflowExecutionSignaled, {lost}, WorkflowTaskTimedOut, {TASK}, WorkflowExecutionCompleted",
        order=Order.TIMING,
    )
    await s.refused(handle.signal(Collector.give, "late"), "NOT_FOUND", "workflow execution already completed")


@server_dies
async def test_server_and_worker_die_together(s: Scenario):
    handle = await s.start(Collector.run)
    await handle.signal(Collector.give, "one")
    with doomed_worker(s) as doomed:
        await s.until_event("WorkflowTaskCompleted")
        doomed.kill()
        s.server.kill()
    await s.restart_server(dead=True)
    await handle.signal(Collector.give, "end")
    async with s.worker(*WORKFLOWS, activities=ACTIVITIES):
        assert await handle.result() == ["one", "end"]
    # The new server knows of no poller of the dead worker's sticky queue, so nothing has to time out.
    await s.assert_history(
        handle,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled, WorkflowTaskStarted,"
        f" WorkflowTaskCompleted, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted",
    )
    await s.refused(handle.signal(Collector.give, "late"), "NOT_FOUND", "workflow execution already completed")
