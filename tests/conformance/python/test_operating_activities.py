"""Operators and pending activities: pause, unpause, reset, new options, by id, by type and all at once; what workers and
descriptions say of it."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio import activity, workflow
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import Priority, RetryPolicy
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import PendingActivityInfo

from harness.history import ACTIVITY, TASK
from harness.raw import complete_workflow, execution, failure, schedule_activity, seconds
from harness.scenario import Scenario

ONE_ACTIVITY = f"WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, WorkflowExecutionCompleted"
LONG = RetryPolicy(initial_interval=seconds(60), backoff_coefficient=1.0)
SOON = RetryPolicy(initial_interval=seconds(0.05), backoff_coefficient=1.0)


async def pause(s: Scenario, request_id: str | None = None, **which: Any) -> None:
    request = ws.PauseActivityRequest(
        namespace=s.namespace,
        execution=execution(which.pop("of", s.id())),
        identity="operator",
        reason="too hot",
        request_id=str(uuid.uuid4()) if request_id is None else request_id,
        **which,
    )
    await s.service.pause_activity(request)


async def unpause(s: Scenario, **fields: Any) -> None:
    request = ws.UnpauseActivityRequest(
        namespace=s.namespace, execution=execution(fields.pop("of", s.id())), identity="operator", **fields
    )
    await s.service.unpause_activity(request)


async def reset(s: Scenario, **fields: Any) -> None:
    request = ws.ResetActivityRequest(
        namespace=s.namespace, execution=execution(fields.pop("of", s.id())), identity="operator", **fields
    )
    await s.service.reset_activity(request)


async def update(s: Scenario, *paths: str, **fields: Any) -> ActivityOptions:
    request = ws.UpdateActivityOptionsRequest(
        namespace=s.namespace,
        execution=execution(fields.pop("of", s.id())),
        identity="operator",
        update_mask=FieldMask(paths=paths) if paths else None,
        **fields,
    )
    return (await s.service.update_activity_options(request)).activity_options


def options(given: ActivityOptions) -> dict[str, Any]:
    """What an answer says of options; the queue's name is the scenario's."""
    policy = given.retry_policy
    return {
        "timeouts": [
            getattr(given, f"{name}_timeout").ToTimedelta().total_seconds()
            for name in ("schedule_to_close", "schedule_to_start", "start_to_close", "heartbeat")
        ],
        "retry": [
            policy.initial_interval.ToTimedelta().total_seconds(),
            policy.backoff_coefficient,
            policy.maximum_interval.ToTimedelta().total_seconds(),
            policy.maximum_attempts,
        ],
        "priority": [given.priority.priority_key, given.priority.fairness_key, given.priority.fairness_weight],
    }


def picture(pending: PendingActivityInfo) -> dict[str, Any]:
    """What a description says, without times and names."""
    paused_by = pending.pause_info.manual
    return {
        "id": pending.activity_id,
        "state": enums.PendingActivityState.Name(pending.state),
        "attempt": pending.attempt,
        "paused": pending.paused,
        "pause": [paused_by.identity, paused_by.reason, pending.pause_info.HasField("pause_time")],
        "failure": pending.last_failure.message,
        "details": [part.data.decode() for part in pending.heartbeat_details.payloads],
        "waits": pending.HasField("next_attempt_schedule_time"),
        "started": pending.HasField("last_started_time"),
        "options": options(pending.activity_options),
        "maximum attempts": pending.maximum_attempts,
    }


async def pending(s: Scenario, id: str | None = None) -> dict[str, Any]:
    found = (await s.describe(id)).pending_activities
    assert len(found) == 1
    return picture(found[0])


async def pause_info(s: Scenario) -> list[str]:
    """What lists say of what is paused."""
    fields = (await s.describe()).workflow_execution_info.search_attributes.indexed_fields
    return sorted(json.loads(fields["TemporalPauseInfo"].data or b"[]") or []) if "TemporalPauseInfo" in fields else []


async def nothing_waits(s: Scenario, queue: str | None = None) -> None:
    task = await s.raw(queue).poll_activity_once(seconds=2.2)
    assert not task.task_token, "an activity was handed out"


async def test_a_paused_activity_waits_until_it_is_unpaused(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue, type_name="charge"))
    await pause(s, id="a", request_id="first")
    s.same("paused", await pending(s))
    assert await pause_info(s) == ["property:activityType=charge"]
    await nothing_waits(s)
    await pause(s, id="a", request_id="first")
    await s.refused(pause(s, id="a", request_id="second"), "FAILED_PRECONDITION")
    await unpause(s, id="a")
    await unpause(s, id="a")
    s.same("unpaused", await pending(s))
    assert await pause_info(s) == []
    await raw.complete_activity((await raw.poll_activity()).task_token)
    await raw.step(complete_workflow())
    await s.assert_history(None, ONE_ACTIVITY)
    await s.refused(pause(s, id="a"), "NOT_FOUND")


async def test_a_started_attempt_goes_on_while_its_activity_is_paused(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue, retry_policy=SOON, heartbeat_timeout=2))
    task = await raw.poll_activity()
    assert not (await raw.heartbeat(task.task_token, "x")).activity_paused
    await pause(s, id="a")
    s.same("pause requested", await pending(s))
    assert (await raw.heartbeat(task.task_token, "y")).activity_paused
    # Neither its heartbeat timeout nor the start of the next attempt comes.
    await nothing_waits(s)
    assert (await raw.heartbeat(task.task_token, "z")).activity_paused
    await raw.fail_activity(task.task_token, failure("hot"))
    s.same("failed while paused", await pending(s))
    await s.refused(raw.heartbeat(task.task_token), "NOT_FOUND")
    await nothing_waits(s)
    await unpause(s, id="a")
    again = await raw.poll_activity()
    assert (again.attempt, json.loads(again.heartbeat_details.payloads[0].data)) == (2, "z")
    await raw.complete_activity(again.task_token)
    await raw.step(complete_workflow())
    await s.assert_history(None, ONE_ACTIVITY)


async def test_an_activity_that_waits_for_its_next_attempt_can_be_paused(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue, retry_policy=LONG))
    first = await raw.poll_activity()
    await raw.heartbeat(first.task_token, "half")
    await raw.fail_activity(first.task_token, failure("first"))
    await pause(s, id="a")
    s.same("paused", await pending(s))
    await unpause(s, id="a", reset_attempts=True, reset_heartbeat=True)
    again = await raw.poll_activity()
    assert (again.attempt, len(again.heartbeat_details.payloads)) == (1, 0)
    s.same("started anew", await pending(s))
    await raw.complete_activity(again.task_token)
    await raw.step(complete_workflow())
    events = await s.assert_history(None, ONE_ACTIVITY)
    started = events[5].activity_task_started_event_attributes
    s.same("last failure", [started.attempt, started.last_failure.message])
    await s.refused(unpause(s, id="a"), "NOT_FOUND")


async def test_a_reset_activity_begins_again(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue, retry_policy=LONG))
    await raw.fail_activity((await raw.poll_activity()).task_token, failure("first"))
    await reset(s, id="a")
    task = await raw.poll_activity()
    assert task.attempt == 1
    await reset(s, id="a", reset_heartbeat=True)
    heard = await raw.heartbeat(task.task_token, "x")
    assert (heard.activity_reset, heard.activity_paused, heard.cancel_requested) == (True, False, False)
    s.same("reset while started", await pending(s))
    await raw.fail_activity(task.task_token, failure("second"))
    s.same("reset and failed", await pending(s))
    await reset(s, id="a")
    last = await raw.poll_activity()
    assert not (await raw.heartbeat(last.task_token)).activity_reset
    await raw.complete_activity(last.task_token)
    await raw.step(complete_workflow())
    await s.assert_history(None, ONE_ACTIVITY)
    await s.refused(reset(s, id="a"), "NOT_FOUND")


async def test_a_reset_may_keep_an_activity_paused(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue, retry_policy=LONG))
    await raw.fail_activity((await raw.poll_activity()).task_token)
    await pause(s, id="a")
    await reset(s, match_all=True, keep_paused=True)
    s.same("still paused", await pending(s))
    await nothing_waits(s)
    await reset(s, match_all=True)
    assert await pause_info(s) == []
    await raw.complete_activity((await raw.poll_activity()).task_token)
    await raw.step(complete_workflow())
    await s.assert_history(None, ONE_ACTIVITY)
    await s.refused(reset(s, match_all=True), "NOT_FOUND")


async def test_options_of_an_activity_change_at_once(s: Scenario):
    raw, other = s.raw(), s.raw(f"{s.queue}-other")
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue, retry_policy=LONG))
    queue = TaskQueue(name=other.queue)
    changed = await update(s, "task_queue.name", id="a", activity_options=ActivityOptions(task_queue=queue))
    assert changed.task_queue.name == other.queue
    s.same("moved", options(changed))
    await nothing_waits(s)
    task = await other.poll_activity()
    short = ActivityOptions(
        start_to_close_timeout=seconds(0.5),
        heartbeat_timeout=seconds(20),
        retry_policy=RetryPolicy(maximum_attempts=5, maximum_interval=seconds(90)),
        priority=Priority(priority_key=1, fairness_key="k"),
    )
    paths = ["startToCloseTimeout", "heartbeat_timeout", "retryPolicy.maximumAttempts", "priority.priority_key"]
    s.same("changed", options(await update(s, *paths, id="a", activity_options=short)))
    await s.until(lambda: waits(s), "the attempt to time out after its new time")
    s.same("timed out", await pending(s))
    # A shorter interval is over already.
    quick = ActivityOptions(retry_policy=SOON)
    s.same("quick", options(await update(s, "retry_policy.initial_interval", type="raw-activity", activity_options=quick)))
    again = await other.poll_activity()
    assert again.attempt == 2 and task.attempt == 1
    s.same("restored", options(await update(s, match_all=True, restore_original=True)))
    description = (await s.describe()).pending_activities[0]
    assert description.activity_options.task_queue.name == s.queue
    await other.complete_activity(again.task_token)
    await raw.step(complete_workflow())
    await s.assert_history(None, ONE_ACTIVITY)
    await s.refused(update(s, "heartbeat_timeout", id="a", activity_options=quick), "NOT_FOUND")


async def waits(s: Scenario) -> bool:
    return (await pending(s))["waits"]


async def test_options_are_restored_with_a_reset(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue, retry_policy=LONG))
    nowhere = ActivityOptions(task_queue=TaskQueue(name=f"{s.queue}-nowhere"), start_to_close_timeout=seconds(3))
    await update(s, "task_queue.name", "start_to_close_timeout", id="a", activity_options=nowhere)
    await reset(s, id="a", restore_original_options=True)
    s.same("restored", await pending(s))
    await raw.complete_activity((await raw.poll_activity()).task_token)
    await raw.step(complete_workflow())
    await s.assert_history(None, ONE_ACTIVITY)
    await s.refused(reset(s, id="a", restore_original_options=True), "NOT_FOUND")


async def test_operations_that_make_no_sense_are_refused(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue))
    some = ActivityOptions(start_to_close_timeout=seconds(3))
    for call, code in [
        (pause(s), "INVALID_ARGUMENT"),
        (unpause(s), "INVALID_ARGUMENT"),
        (reset(s), "INVALID_ARGUMENT"),
        (update(s), "INVALID_ARGUMENT"),
        (pause(s, id="a", of=""), "INVALID_ARGUMENT"),
        (pause(s, id="none"), "NOT_FOUND"),
        (pause(s, type="none"), "NOT_FOUND"),
        (pause(s, id="a", of=s.id("none")), "NOT_FOUND"),
        (unpause(s, type="none"), "NOT_FOUND"),
        (reset(s, id="none"), "NOT_FOUND"),
        (update(s, "start_to_close_timeout", id="none", activity_options=some), "NOT_FOUND"),
        (update(s, "start_to_close_timeout", id="a"), "INVALID_ARGUMENT"),
        (update(s, id="a", activity_options=some), "INVALID_ARGUMENT"),
        (update(s, "start_to_close_timeout", id="a", restore_original=True), "INVALID_ARGUMENT"),
        (update(s, "task_queue.name", id="a", activity_options=some), "INVALID_ARGUMENT"),
        (update(s, "retry_policy", id="a", activity_options=some), "INVALID_ARGUMENT"),
        (update(s, "retry_policy.backoff_coefficient", id="a", activity_options=ActivityOptions(retry_policy=RetryPolicy())), "INVALID_ARGUMENT"),
        (update(s, "start_to_close_timeout", id="a", activity_options=ActivityOptions()), "INVALID_ARGUMENT"),
        (update(s, "heartbeat_timeout", id="a", activity_options=ActivityOptions(heartbeat_timeout=seconds(-1))), "INVALID_ARGUMENT"),
        (update(s, "priority", id="a", activity_options=ActivityOptions(priority=Priority(priority_key=-1))), "INVALID_ARGUMENT"),
    ]:
        await s.refused(call, code)
    s.same("unchanged", await pending(s))
    # What names nothing is passed over.
    s.same("passed over", options(await update(s, "no_such_field", id="a", activity_options=some)))
    await raw.complete_activity((await raw.poll_activity()).task_token)
    await raw.step(complete_workflow())
    await s.assert_history(None, ONE_ACTIVITY)


async def test_activities_are_found_by_their_type(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    types = {"a": "charge", "b": "ship", "c": "charge"}
    await raw.step(*(schedule_activity(id, s.queue, type_name=name) for id, name in types.items()))
    await pause(s, type="charge")
    await pause(s, id="b")
    states = {it.activity_id: it.paused for it in (await s.describe()).pending_activities}
    assert states == {"a": True, "b": True, "c": True}
    assert await pause_info(s) == ["property:activityType=charge", "property:activityType=ship"]
    await unpause(s, type="charge")
    got = {(await raw.poll_activity()).activity_id for _ in range(2)}
    assert got == {"a", "c"}
    await unpause(s, unpause_all=True)
    assert (await raw.poll_activity()).activity_id == "b"
    await s.refused(pause(s, type="none"), "NOT_FOUND")
    await s.service.terminate_workflow_execution(
        ws.TerminateWorkflowExecutionRequest(namespace=s.namespace, workflow_execution=execution(s.id()))
    )
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, ActivityTaskScheduled, ActivityTaskScheduled,"
        " WorkflowExecutionTerminated",
    )


class Seen:
    """What happened to the activity of one scenario."""

    def __init__(self) -> None:
        self.paused = asyncio.Event()


async def test_an_activity_of_the_sdk_hears_that_it_is_paused(s: Scenario):
    seen = Seen()

    @activity.defn(name="patient")
    async def patient() -> str:
        if activity.info().attempt > 1 or seen.paused.is_set():
            return "done"
        try:
            while True:
                activity.heartbeat()
                await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            details = activity.cancellation_details()
            assert details is not None and details.paused, f"it was cancelled for another reason: {details}"
            seen.paused.set()
            raise

    async with s.worker(Patient, activities=[patient]):
        handle = await s.start(Patient.run)

        async def started() -> bool:
            found = (await s.describe()).pending_activities
            return bool(found) and found[0].state == enums.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED

        await s.until(started, "the activity to start")
        await pause(s, type="patient")
        await asyncio.wait_for(seen.paused.wait(), 20)

        async def at_rest() -> bool:
            found = (await s.describe()).pending_activities
            return found[0].state == enums.PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED

        await s.until(at_rest, "the attempt to end")
        await unpause(s, type="patient")
        assert await handle.result() == "done"
    await s.assert_history(handle, ONE_ACTIVITY)
    await s.refused(unpause(s, type="patient"), "NOT_FOUND")


@workflow.defn
class Patient:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(
            "patient", start_to_close_timeout=timedelta(seconds=30), heartbeat_timeout=timedelta(seconds=5)
        )


@pytest.mark.crash(server=True)
async def test_paused_activities_and_new_options_survive_the_server(s: Scenario):
    raw, other = s.raw(), s.raw(f"{s.queue}-other")
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue), schedule_activity("b", s.queue))
    await pause(s, id="a", request_id="first")
    moved = ActivityOptions(task_queue=TaskQueue(name=other.queue), start_to_close_timeout=seconds(20))
    await update(s, "task_queue.name", "start_to_close_timeout", id="b", activity_options=moved)
    before = {it.activity_id: picture(it) for it in (await s.describe()).pending_activities}
    await s.restart_server()
    raw, other = s.raw(), s.raw(f"{s.queue}-other")
    assert {it.activity_id: picture(it) for it in (await s.describe()).pending_activities} == before
    await pause(s, id="a", request_id="first")
    await nothing_waits(s)
    await other.complete_activity((await other.poll_activity()).task_token)
    await raw.step()
    await unpause(s, id="a")
    await s.restart_server()
    raw = s.raw()
    await raw.complete_activity((await raw.poll_activity()).task_token)
    await raw.step(complete_workflow())
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, ActivityTaskScheduled,"
        f" ActivityTaskStarted, ActivityTaskCompleted, {TASK}, ActivityTaskStarted, ActivityTaskCompleted, {TASK},"
        " WorkflowExecutionCompleted",
    )
    await s.refused(pause(s, id="a"), "NOT_FOUND")
