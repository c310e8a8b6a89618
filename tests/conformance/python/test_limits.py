"""Sizes: what is too large is refused at the door, fails its task, or ends the workflow, and 200 workflows run at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from temporalio import activity, workflow
from temporalio.api.common.v1 import Memo, Payload, Payloads
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.service import RPCError

from harness.history import ACTIVITY, TASK, types
from harness.raw import (
    complete_workflow,
    execution,
    failure,
    marker,
    schedule_activity,
    seconds,
    upsert_memo,
)
from harness.scenario import Scenario

BLOB_LIMIT = 2 * 1024 * 1024
LARGE = Payload(metadata={"encoding": b"binary/plain"}, data=b"x" * (BLOB_LIMIT + 1))
TOO_LARGE = Payloads(payloads=[LARGE])
FITS = Payloads(payloads=[Payload(metadata={"encoding": b"binary/plain"}, data=b"x" * (BLOB_LIMIT - 10_000))])


async def test_what_is_too_large_is_refused_at_the_door(s: Scenario):
    await s.refused(s.start_raw(input=TOO_LARGE), "INVALID_ARGUMENT")
    await s.refused(s.start_raw(memo=Memo(fields={"m": LARGE})), "INVALID_ARGUMENT")
    await s.refused(s.describe(), "NOT_FOUND", detail="NotFoundFailure")
    await s.start_raw(input=FITS)
    await s.refused(s.signal_raw("large", input=TOO_LARGE), "INVALID_ARGUMENT")
    await s.signal_raw("fits", input=FITS)
    query = ws.QueryWorkflowRequest(
        namespace=s.namespace,
        execution=execution(s.id()),
        query=WorkflowQuery(query_type="q", query_args=TOO_LARGE),
    )
    await s.refused(s.service.query_workflow(query), "INVALID_ARGUMENT")
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled")


def large_marker():
    command = marker("large")
    command.record_marker_command_attributes.details["d"].CopyFrom(TOO_LARGE)
    return command


def large_completion():
    command = complete_workflow()
    command.complete_workflow_execution_command_attributes.result.CopyFrom(TOO_LARGE)
    return command


async def test_a_command_that_is_too_large_ends_the_workflow(s: Scenario):
    """The task fails with its cause, and the server terminates the workflow: it could never get past this command."""
    large_activity = schedule_activity("a", s.queue, input=TOO_LARGE)
    for suffix, command in {
        "marker": large_marker(),
        "completion": large_completion(),
        "activity": large_activity,
        "memo": upsert_memo(m=LARGE),
    }.items():
        raw = s.raw(f"{s.queue}-{suffix}")
        await s.start_raw(s.id(suffix), task_queue={"name": raw.queue})
        task = await raw.poll()
        await s.refused(raw.complete(task, command), "INVALID_ARGUMENT")
        events = await s.assert_history(
            s.id(suffix),
            "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed,"
            " WorkflowExecutionTerminated",
        )
        cause = events[3].workflow_task_failed_event_attributes.cause
        s.same(f"cause of {suffix}", enums.WorkflowTaskFailedCause.Name(cause))
        s.same(f"reason of {suffix}", events[4].workflow_execution_terminated_event_attributes.reason)


async def too_large_for_an_activity(s: Scenario, report) -> None:
    """The server fails the activity for good, so that nobody waits for a report that cannot come."""
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue, heartbeat_timeout=60))
    task = await raw.poll_activity()
    await report(task.task_token)
    await raw.step(complete_workflow())
    events = await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskFailed, {TASK},"
        " WorkflowExecutionCompleted",
    )
    failed = events[6].activity_task_failed_event_attributes
    assert failed.failure.server_failure_info.non_retryable
    s.same("message", failed.failure.message)
    await s.refused(raw.complete_activity(task.task_token, "small"), "NOT_FOUND", detail="NotFoundFailure")


async def test_an_activity_result_that_is_too_large_fails_the_activity(s: Scenario):
    async def report(token: bytes) -> None:
        request = ws.RespondActivityTaskCompletedRequest(namespace=s.namespace, task_token=token, result=TOO_LARGE)
        await s.service.respond_activity_task_completed(request)

    await too_large_for_an_activity(s, report)


async def test_a_heartbeat_that_is_too_large_fails_the_activity(s: Scenario):
    async def report(token: bytes) -> None:
        request = ws.RecordActivityTaskHeartbeatRequest(namespace=s.namespace, task_token=token, details=TOO_LARGE)
        assert (await s.service.record_activity_task_heartbeat(request)).cancel_requested

    await too_large_for_an_activity(s, report)


async def test_a_failure_that_is_too_large_is_cut(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    task = await raw.poll()
    await s.service.respond_workflow_task_failed(
        ws.RespondWorkflowTaskFailedRequest(
            namespace=s.namespace,
            task_token=task.task_token,
            failure=failure("m" * (BLOB_LIMIT + 1)),
            cause=enums.WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR,
        )
    )
    events = await s.assert_history(
        s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed"
    )
    failed = events[3].workflow_task_failed_event_attributes.failure
    assert len(failed.SerializeToString()) < BLOB_LIMIT // 2
    s.same("message", failed.message)
    await raw.fail(await raw.poll())
    await s.refused(raw.fail(task), "NOT_FOUND", "Workflow task not found.", "NotFoundFailure")


async def test_a_history_that_is_too_long_ends_the_workflow(s: Scenario):
    """51,200 events, written by markers; the server terminates the workflow and says why."""
    raw = s.raw()
    await s.start_raw()
    first = task = await raw.poll()
    markers = [marker("m")] * 5000
    for _ in range(10):
        task = (await raw.complete(task, *markers, force_new=True, return_new=True, sticky=10)).workflow_task
    try:
        answer = await raw.complete(task, *markers, force_new=True, return_new=True, sticky=10)
        s.same("answer", {"has a task": answer.HasField("workflow_task")})
    except RPCError as error:
        s.same("answer", error.message)
    info = (await s.until_closed()).workflow_execution_info
    assert info.status == enums.WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED
    events = await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, "
        + f"{TASK}, MarkerRecorded*5000, " * 10
        + "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, WorkflowExecutionTerminated",
    )
    s.same("cause", enums.WorkflowTaskFailedCause.Name(events[-2].workflow_task_failed_event_attributes.cause))
    s.same("reason", events[-1].workflow_execution_terminated_event_attributes.reason)
    await s.refused(raw.complete(first, complete_workflow()), "NOT_FOUND", detail="NotFoundFailure")


async def test_too_many_events_during_one_task_fail_it(s: Scenario):
    """At most 100 events are buffered; one more fails the task, so that they can be written."""
    raw = s.raw()
    await s.start_raw(workflow_task_timeout=seconds(60))
    task = await raw.poll()
    for n in range(101):
        await s.signal_raw(f"s{n}")
    await s.until_event("WorkflowTaskFailed")
    await s.refused(raw.complete(task, marker("m")), "NOT_FOUND", "Workflow task not found.", "NotFoundFailure")
    events = await s.events()
    s.same("cause", enums.WorkflowTaskFailedCause.Name(events[3].workflow_task_failed_event_attributes.cause))
    await raw.step(complete_workflow())
    events = await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed,"
        f" WorkflowExecutionSignaled*101, {TASK}, WorkflowExecutionCompleted",
    )
    signals = [
        e.workflow_execution_signaled_event_attributes.signal_name
        for e in events
        if e.HasField("workflow_execution_signaled_event_attributes")
    ]
    assert signals == [f"s{n}" for n in range(101)]


@activity.defn
async def increment(n: int) -> int:
    return n + 1


@workflow.defn
class Small:
    @workflow.run
    async def run(self, n: int) -> int:
        return await workflow.execute_activity(increment, n, start_to_close_timeout=timedelta(seconds=30))


@pytest.mark.alone
async def test_200_workflows_run_at_once(s: Scenario):
    async with s.worker(Small, activities=[increment]):
        handles = await asyncio.gather(*(s.start(Small.run, n, id=s.id(str(n))) for n in range(200)))
        assert await asyncio.gather(*(handle.result() for handle in handles)) == [n + 1 for n in range(200)]
    expected = f"WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, WorkflowExecutionCompleted"
    for handle in handles[::40]:
        await s.assert_history(handle, expected)
    for handle in handles:
        assert ", ".join(types(await s.events(handle.id))) == expected
    await s.refused(handles[0].signal("late"), "NOT_FOUND", "workflow execution already completed")

    async def counted() -> bool:
        return (
            await s.client.count_workflows(f"TaskQueue = '{s.queue}' AND ExecutionStatus = 'Completed'")
        ).count == 200

    await s.until(counted, "visibility to count them")
