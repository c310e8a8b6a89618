"""`wfctl workflow fork` and `verify`: another future beside the old one, by the SDK's worker. Weft's own; a Temporal server says that it has no such call."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.api.enums.v1 import WorkflowTaskFailedCause

from harness.history import ACTIVITY, TASK
from harness.raw import complete_workflow, payloads, schedule_activity, start_child, start_timer
from harness.scenario import Order, Scenario

# How a copy goes on: the workflow task of the point ends, and the next one replays.
ANEW = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed"


@activity.defn
async def price(item: str) -> int:
    return len(item)


@workflow.defn
class Crossroads:
    """Draws a number, asks for a price, waits for a word, and then draws another number."""

    def __init__(self) -> None:
        self.way = ""

    @workflow.run
    async def run(self) -> list[Any]:
        before = workflow.random().random()
        cost = await workflow.execute_activity(price, "boots", start_to_close_timeout=timedelta(seconds=10))
        await workflow.wait_condition(lambda: self.way != "")
        return [before, cost, self.way, workflow.random().random()]

    @workflow.signal
    def take(self, way: str) -> None:
        self.way = way


async def wfctl(s: Scenario, *args: str) -> tuple[int, str, str]:
    assert s.launch.wfctl_bin, "say with --wfctl-bin which wfctl"
    process = await asyncio.create_subprocess_exec(
        s.launch.wfctl_bin, *args, "--address", s.address,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def fork(s: Scenario, workflow_id: str, at: int, new_id: str) -> dict[str, Any]:
    args = ("workflow", "fork", workflow_id, "--at", str(at), "--id", new_id, "--output", "json")
    code, out, err = await wfctl(s, *args)
    assert code == 0, err
    return json.loads(out)


async def verified(s: Scenario, workflow_id: str, *more: str) -> dict[str, Any]:
    code, out, err = await wfctl(s, "workflow", "verify", workflow_id, "--output", "json", *more)
    assert code == 0, (out, err)
    return json.loads(out)


async def only_on_weft(s: Scenario, workflow_id: str) -> bool:
    """A Temporal server does not know the call, and wfctl says so."""
    if not s.launch.is_oracle:
        return True
    code, out, err = await wfctl(s, "workflow", "fork", workflow_id, "--at", "1", "--id", "other")
    assert (code, out) == (1, "") and "that is Weft's own" in err, (code, out, err)
    return False


async def test_a_fork_takes_another_way(s: Scenario):
    waits = f"WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}"
    goes = f"WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted"
    async with s.worker(Crossroads, activities=[price]):
        handle = await s.start(Crossroads.run)
        await s.until_event("WorkflowTaskCompleted", count=2)
        if await only_on_weft(s, handle.id):
            kept = (await verified(s, handle.id))["computedHead"]
            forked = await fork(s, handle.id, 10, s.id("fork"))
            assert forked["forkedFrom"] == {"workflowId": handle.id, "runId": handle.result_run_id, "eventId": 10}
            other = s.client.get_workflow_handle(s.id("fork"))
            await s.until_event("WorkflowTaskCompleted", s.id("fork"), count=3)
            await other.signal(Crossroads.take, "left")
            left = await other.result()
            assert (await verified(s, handle.id, "--head", kept["hash"]))["keptAfterEvent"] == 10, "it did not notice"
        await handle.signal(Crossroads.take, "right")
        right = await handle.result()
    assert right[1:3] == [5, "right"]
    await s.assert_history(handle, f"{waits}, {goes}")
    if not s.launch.is_oracle:
        # What was drawn before is drawn again in a replay; what comes after is the copy's own.
        assert left[:3] == [right[0], 5, "left"] and left[3] != right[3]
        await s.assert_history(s.id("fork"), f"{waits}, {ANEW}, {TASK}, {goes}", order=Order.OWN)
        await names_its_origin(s, handle.id, handle.result_run_id)
        await verified(s, s.id("fork"))
    await s.refused(handle.signal(Crossroads.take, "late"), "NOT_FOUND", "workflow execution already completed")


async def names_its_origin(s: Scenario, workflow_id: str, run_id: str) -> None:
    events = await s.events(s.id("fork"))
    link = events[0].links[0].workflow_event
    assert (link.workflow_id, link.run_id, link.event_ref.event_id) == (workflow_id, run_id, 10)
    failed = next(e for e in events if e.HasField("workflow_task_failed_event_attributes"))
    attributes = failed.workflow_task_failed_event_attributes
    assert attributes.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
    assert attributes.base_run_id == run_id
    code, out, _ = await wfctl(s, "workflow", "describe", s.id("fork"))
    assert code == 0 and f"{workflow_id} (run {run_id}) at event 10" in out, out


async def test_what_is_pending_goes_on_in_a_fork(s: Scenario):
    """A timer keeps its due time, an activity is scheduled again, a child is not connected."""
    worker = s.raw()
    await s.start_raw()
    await worker.step(schedule_activity("a", s.queue), start_timer("t", 1.0), start_child(s.id("child")))
    origin = [event for event in await s.events() if event.event_id <= 7]
    if await only_on_weft(s, s.id()):
        forked = await fork(s, s.id(), 7, s.id("fork"))
        assert forked["forkedFrom"]["eventId"] == 7
        described = await s.describe(s.id("fork"))
        assert [it.activity_id for it in described.pending_activities] == ["a"]
        assert not described.pending_children
        fired = await s.until_event("TimerFired", s.id("fork"))
        due = origin[5].event_time.ToMilliseconds() + 1000
        assert fired.event_time.ToMilliseconds() >= due
        # In the middle of what a task decided: the task is decided anew.
        forked = await fork(s, s.id(), 5, s.id("earlier"))
        assert forked["forkedFrom"]["eventId"] == 3
        assert not (await s.describe(s.id("earlier"))).pending_activities
        for new_id, at, why in (
            (s.id("fork"), 7, "already running"),
            (s.id("new"), 0, "is not in the history"),
            (s.id("new"), 999, "is not in the history"),
        ):
            code, _, err = await wfctl(s, "workflow", "fork", s.id(), "--at", str(at), "--id", new_id)
            assert code == 1 and why in err, err
        code, _, err = await wfctl(s, "workflow", "fork", s.id("nobody"), "--at", "1", "--id", s.id("new"))
        assert code == 1 and "workflow not found" in err, err
    await s.until_event("TimerFired")
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, TimerStarted, StartChildWorkflowExecutionInitiated,"
        " ChildWorkflowExecutionStarted, WorkflowTaskScheduled, TimerFired",
    )
    await s.refused(s.signal_raw("hello", s.id("new")), "NOT_FOUND")


async def test_a_closed_workflow_is_forked_before_its_end(s: Scenario):
    worker = s.raw()
    await s.start_raw()
    await worker.step(complete_workflow("old"))
    if await only_on_weft(s, s.id()):
        await fork(s, s.id(), 5, s.id("fork"))
        await worker.step(complete_workflow("new"))
        await s.assert_history(
            s.id("fork"),
            f"WorkflowExecutionStarted, {ANEW}, {TASK}, WorkflowExecutionCompleted",
            order=Order.OWN,
        )
        result = await s.client.get_workflow_handle(s.id("fork")).result()
        assert result == "new"
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")
    await s.refused(s.signal_raw("late"), "NOT_FOUND", "workflow execution already completed")


@pytest.mark.crash(server=True)
async def test_a_fork_of_a_long_history_is_whole_or_not_there(s: Scenario):
    """kill -9 while it is copied: the new id has all of it, or does not exist and is free."""
    await s.start_raw()
    large = payloads("x" * 100_000)
    for _ in range(60):
        await asyncio.gather(*(s.signal_raw("fill", input=large) for _ in range(4)))
    if await only_on_weft(s, s.id()):
        for attempt in range(4):
            new_id = s.id(f"fork-{attempt}")
            copying = asyncio.create_task(wfctl(s, "workflow", "fork", s.id(), "--at", "240", "--id", new_id))
            await asyncio.sleep(0.05 * attempt)
            s.server.kill()
            await s.restart_server(dead=True)
            await copying
            code, _, err = await wfctl(s, "workflow", "describe", new_id)
            if code != 0:
                assert "workflow not found" in err, err
                await fork(s, s.id(), 240, new_id)
            assert len(await s.events(new_id)) >= 240
            await verified(s, new_id)
            await verified(s, s.id())
    await s.client.get_workflow_handle(s.id()).terminate()
    filled = "WorkflowExecutionSignaled, " * 240
    await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, WorkflowTaskScheduled, {filled}WorkflowExecutionTerminated"
    )
    await s.refused(s.signal_raw("late"), "NOT_FOUND", "workflow execution already completed")
