"""Operators and whole workflows: pause and unpause, new options; what is handed out meanwhile, what callers are told."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest
import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio import workflow
from temporalio.api.common.v1 import Priority
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions

from harness.history import ACTIVITY, TASK
from harness.raw import complete_workflow, execution, payloads, schedule_activity, start_timer
from harness.scenario import Scenario

Status = enums.WorkflowExecutionStatus
FAILED_TASK = "WorkflowTaskScheduled, WorkflowTaskFailed, WorkflowExecutionPaused"


async def pause(s: Scenario, reason: str = "", request_id: str | None = None, id: str | None = None, **fields: Any) -> None:
    await s.service.pause_workflow_execution(
        ws.PauseWorkflowExecutionRequest(
            namespace=s.namespace,
            workflow_id=s.id() if id is None else id,
            identity="operator",
            reason=reason,
            request_id=str(uuid.uuid4()) if request_id is None else request_id,
            **fields,
        )
    )


async def unpause(s: Scenario, id: str | None = None, **fields: Any) -> None:
    await s.service.unpause_workflow_execution(
        ws.UnpauseWorkflowExecutionRequest(
            namespace=s.namespace, workflow_id=s.id() if id is None else id, identity="operator", **fields
        )
    )


async def pause_info(s: Scenario) -> list[str]:
    """What lists say of what is paused, without the names of this run."""
    fields = (await s.describe()).workflow_execution_info.search_attributes.indexed_fields
    found = json.loads(fields["TemporalPauseInfo"].data or b"[]") or [] if "TemporalPauseInfo" in fields else []
    return sorted(entry.replace(s.id(), "ID") for entry in found)


async def status(s: Scenario) -> str:
    return Status.Name((await s.describe()).workflow_execution_info.status).removeprefix("WORKFLOW_EXECUTION_STATUS_")


async def nothing_waits(s: Scenario) -> None:
    assert not (await s.raw().poll_once(seconds=2.2)).task_token, "a workflow task was handed out"


async def options(s: Scenario, *paths: str, id: str | None = None, **fields: Any) -> WorkflowExecutionOptions:
    answer = await s.service.update_workflow_execution_options(
        ws.UpdateWorkflowExecutionOptionsRequest(
            namespace=s.namespace,
            workflow_execution=execution(s.id() if id is None else id),
            workflow_execution_options=WorkflowExecutionOptions(**fields),
            update_mask=FieldMask(paths=paths),
            identity="operator",
        )
    )
    return answer.workflow_execution_options


async def test_a_paused_workflow_gets_no_task_until_it_is_unpaused(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await pause(s, "too hot", "first")
    assert await status(s) == "PAUSED"
    description = (await s.describe()).workflow_extended_info.pause_info
    assert (description.identity, description.reason) == ("operator", "too hot") and description.paused_time.seconds
    assert await pause_info(s) == ["Reason:too hot", "Workflow:ID"]
    await nothing_waits(s)
    await pause(s, "too hot", "first")
    await s.refused(pause(s, "again", "second"), "FAILED_PRECONDITION")
    await s.signal_raw("hello")

    async def listed() -> bool:
        query = f"ExecutionStatus = 'Paused' AND WorkflowId = '{s.id()}'"
        request = ws.ListWorkflowExecutionsRequest(namespace=s.namespace, query=query)
        return len((await s.service.list_workflow_executions(request)).executions) == 1

    await s.until(listed, "the paused workflow to be listed")
    await unpause(s, reason="cooler")
    assert await status(s) == "RUNNING"
    assert await pause_info(s) == []
    assert not (await s.describe()).workflow_extended_info.HasField("pause_info")
    await s.refused(unpause(s), "FAILED_PRECONDITION")
    await raw.step(complete_workflow())
    events = await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {FAILED_TASK}, WorkflowExecutionSignaled, WorkflowExecutionUnpaused, {TASK},"
        " WorkflowExecutionCompleted",
    )
    s.same("ignored", [event.worker_may_ignore for event in events])
    failed = events[2].workflow_task_failed_event_attributes
    s.same("failed task", [failed.cause, failed.identity, failed.scheduled_event_id, failed.started_event_id])
    paused, unpaused = events[3].workflow_execution_paused_event_attributes, events[5]
    s.same("paused", [paused.identity, paused.reason, paused.request_id])
    unpaused = unpaused.workflow_execution_unpaused_event_attributes
    s.same("unpaused", [unpaused.identity, unpaused.reason, unpaused.request_id])
    await s.refused(pause(s), "NOT_FOUND")
    await s.refused(unpause(s), "NOT_FOUND")


async def test_a_worker_finishes_what_it_has_when_the_workflow_is_paused(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    task = await raw.poll()
    await pause(s)
    await s.signal_raw("meanwhile")
    await raw.complete(task, schedule_activity("a", s.queue))
    await nothing_waits(s)
    assert not (await raw.poll_activity_once(seconds=2.2)).task_token, "an activity was handed out"
    await unpause(s)
    await raw.step()
    await raw.complete_activity((await raw.poll_activity()).task_token)
    last = await raw.poll()
    await pause(s)
    await s.refused(raw.complete(last, force_new=True), "FAILED_PRECONDITION")
    await raw.complete(last)
    await unpause(s)
    await raw.step(complete_workflow())
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, WorkflowExecutionPaused, WorkflowExecutionSignaled,"
        f" WorkflowExecutionUnpaused, {TASK}, ActivityTaskStarted, ActivityTaskCompleted, {TASK},"
        f" WorkflowExecutionPaused, WorkflowExecutionUnpaused, {TASK}, WorkflowExecutionCompleted",
    )


async def test_an_activity_that_runs_is_completed_while_the_workflow_is_paused(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue))
    running = await raw.poll_activity()
    await pause(s)
    assert not (await raw.heartbeat(running.task_token)).activity_paused
    await raw.complete_activity(running.task_token, "done")
    await nothing_waits(s)
    await unpause(s)
    await raw.step(complete_workflow())
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, WorkflowExecutionPaused, ActivityTaskStarted,"
        f" ActivityTaskCompleted, WorkflowExecutionUnpaused, {TASK}, WorkflowExecutionCompleted",
    )
    await s.refused(pause(s), "NOT_FOUND")


async def test_a_paused_workflow_answers_neither_queries_nor_updates(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step()
    await pause(s)
    query = ws.QueryWorkflowRequest(
        namespace=s.namespace, execution=execution(s.id()), query=WorkflowQuery(query_type="__stack_trace")
    )
    rejected = (await s.service.query_workflow(query)).query_rejected
    assert rejected.status == Status.WORKFLOW_EXECUTION_STATUS_PAUSED
    update = ws.UpdateWorkflowExecutionRequest(namespace=s.namespace, workflow_execution=execution(s.id()))
    update.request.meta.update_id = "u"
    update.request.input.name = "u"
    update.request.input.args.CopyFrom(payloads(1))
    update.wait_policy.lifecycle_stage = enums.UpdateWorkflowExecutionLifecycleStage.Value(
        "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED"
    )
    await s.refused(s.service.update_workflow_execution(update), "FAILED_PRECONDITION")
    await s.refused(s.start_raw(), "ALREADY_EXISTS")
    await s.service.terminate_workflow_execution(
        ws.TerminateWorkflowExecutionRequest(namespace=s.namespace, workflow_execution=execution(s.id()))
    )
    await s.assert_history(
        None, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionPaused, WorkflowExecutionTerminated"
    )
    await s.refused(unpause(s), "NOT_FOUND")


async def test_pauses_that_make_no_sense_are_refused(s: Scenario):
    await s.start_raw()
    for call, code in [
        (unpause(s), "FAILED_PRECONDITION"),
        (pause(s, id=s.id("none")), "NOT_FOUND"),
        (unpause(s, id=s.id("none")), "NOT_FOUND"),
        (pause(s, "r" * 1001), "INVALID_ARGUMENT"),
        (pause(s, request_id="r" * 1001), "INVALID_ARGUMENT"),
        (unpause(s, reason="r" * 1001), "INVALID_ARGUMENT"),
    ]:
        await s.refused(call, code)
    await s.raw().step(complete_workflow())
    await s.assert_history(None, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")


@workflow.defn
class Sleeper:
    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(timedelta(seconds=2))
        return "rested"


async def test_timers_stand_still_while_a_workflow_is_paused(s: Scenario):
    """Temporal lets them fire; here the clock of a paused workflow stands still, and so do its timeouts."""
    async with s.worker(Sleeper):
        handle = await s.start(Sleeper.run, run_timeout=timedelta(seconds=6), id=s.id())
        await s.until_event("TimerStarted")
        await pause(s)
        await s.refused(pause(s), "FAILED_PRECONDITION")
        if s.launch.is_oracle:
            await s.until_event("TimerFired")
        else:
            await nothing_happens_for(s, 7.0)
        await unpause(s)
        assert await handle.result() == "rested"
    paused, fired = "WorkflowExecutionPaused", "TimerFired"
    after = f"{fired}, WorkflowExecutionUnpaused, {TASK}" if s.launch.is_oracle else f"WorkflowExecutionUnpaused, {TASK}, {fired}, {TASK}"
    await s.assert_history(
        handle, f"WorkflowExecutionStarted, {TASK}, TimerStarted, {paused}, {after}, WorkflowExecutionCompleted"
    )


async def nothing_happens_for(s: Scenario, seconds: float) -> None:
    """Polls a queue of nobody for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await s.raw(f"{s.queue}-nobody").poll_once(seconds=2.2)


async def test_a_workflow_of_the_sdk_goes_on_after_a_pause(s: Scenario):
    async with s.worker(Collecting):
        handle = await s.start(Collecting.run, id=s.id())
        await s.until_event("WorkflowTaskCompleted")
        await handle.signal("add", "a")
        await s.until_event("WorkflowTaskCompleted", count=2)
        await pause(s)
        await handle.signal("add", "b")
        await handle.signal("add", "c")
        await s.refused(pause(s), "FAILED_PRECONDITION")
        await unpause(s)
        assert await handle.result() == ["a", "b", "c"]
    await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionPaused,"
        f" WorkflowExecutionSignaled, WorkflowExecutionSignaled, WorkflowExecutionUnpaused, {TASK},"
        " WorkflowExecutionCompleted",
    )


@workflow.defn
class Collecting:
    def __init__(self) -> None:
        self.got: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: len(self.got) == 3)
        return self.got

    @workflow.signal
    def add(self, what: str) -> None:
        self.got.append(what)


async def test_options_of_a_workflow_change(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    urgent = Priority(priority_key=1, fairness_key="k", fairness_weight=2)
    first = await options(s, "priority.priority_key", "priority.fairness_key", priority=urgent)
    assert (first.priority.priority_key, first.priority.fairness_key, first.priority.fairness_weight) == (1, "k", 0)
    assert await options(s, "priority.priority_key", priority=urgent) == first
    upgrade = VersioningOverride(auto_upgrade=True)
    second = await options(s, "versioning_override", versioning_override=upgrade, priority=urgent)
    assert second.versioning_override.auto_upgrade and second.priority == first.priority
    info = (await s.describe()).workflow_execution_info
    assert info.versioning_info.versioning_override.auto_upgrade and info.priority == first.priority
    # The way of older clients; those between say it in both ways.
    old = VersioningOverride(behavior=enums.VersioningBehavior.VERSIONING_BEHAVIOR_AUTO_UPGRADE)
    s.same("old", s.plain(await options(s, "versioning_override", versioning_override=old)))
    s.same("described", s.plain((await s.describe()).workflow_execution_info.versioning_info))
    third = await options(s, "versioning_override", "priority", priority=urgent)
    assert not third.HasField("versioning_override") and third.priority == urgent
    task = await raw.poll()
    await options(s, "priority", priority=Priority(priority_key=5))
    await raw.complete(task)
    await raw.step(complete_workflow())
    updated = "WorkflowExecutionOptionsUpdated"
    events = await s.assert_history(
        None,
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, {updated}, {updated}, {updated}, {updated}, WorkflowTaskStarted,"
        f" WorkflowTaskCompleted, {updated}, {TASK}, WorkflowExecutionCompleted",
    )
    for event in events:
        if event.HasField("workflow_execution_options_updated_event_attributes"):
            s.same(f"event {event.event_id}", [str(event.workflow_execution_options_updated_event_attributes), event.worker_may_ignore])
    await s.refused(options(s, "priority", priority=urgent), "NOT_FOUND")


async def test_options_that_make_no_sense_are_refused(s: Scenario):
    await s.start_raw()
    pinned = VersioningOverride()
    pinned.pinned.behavior = VersioningOverride.PinnedOverrideBehavior.PINNED_OVERRIDE_BEHAVIOR_PINNED
    pinned.pinned.version.deployment_name = "nowhere"
    pinned.pinned.version.build_id = "1"
    pin, upgrade = (
        enums.VersioningBehavior.VERSIONING_BEHAVIOR_PINNED,
        enums.VersioningBehavior.VERSIONING_BEHAVIOR_AUTO_UPGRADE,
    )
    deployed = VersioningOverride(behavior=upgrade)
    deployed.deployment.series_name = "nowhere"

    def instead(override: VersioningOverride) -> Awaitable[Any]:
        return options(s, "versioning_override", versioning_override=override)

    nobody = ws.UpdateWorkflowExecutionOptionsRequest(namespace=s.namespace, workflow_execution=execution(s.id()))
    for call, code in [
        (options(s, "priority", id=""), "INVALID_ARGUMENT"),
        (options(s, "priority", id=s.id("none")), "NOT_FOUND"),
        (s.service.update_workflow_execution_options(nobody), "INVALID_ARGUMENT"),
        (options(s, "priority", priority=Priority(priority_key=-1)), "INVALID_ARGUMENT"),
        (options(s, "versioning_override.pinned"), "INVALID_ARGUMENT"),
        (options(s, "versioning_override.behavior"), "INVALID_ARGUMENT"),
        (options(s, "priority", versioning_override=pinned), "FAILED_PRECONDITION"),
        (options(s, "versioning_override", versioning_override=VersioningOverride(auto_upgrade=False)), "INVALID_ARGUMENT"),
        (options(s, "versioning_override", versioning_override=pinned), "FAILED_PRECONDITION"),
        (instead(VersioningOverride()), "INVALID_ARGUMENT"),
        (instead(VersioningOverride(behavior=pin)), "INVALID_ARGUMENT"),
        (instead(VersioningOverride(behavior=pin, pinned_version="nowhere")), "INVALID_ARGUMENT"),
        (instead(VersioningOverride(behavior=pin, pinned_version="nowhere.1")), "FAILED_PRECONDITION"),
        (instead(VersioningOverride(behavior=pin, deployment={"build_id": "1"})), "INVALID_ARGUMENT"),
        (instead(VersioningOverride(behavior=pin, deployment={"series_name": "nowhere"})), "INVALID_ARGUMENT"),
        (instead(VersioningOverride(behavior=upgrade, pinned_version="nowhere.1")), "INVALID_ARGUMENT"),
        (instead(deployed), "INVALID_ARGUMENT"),
    ]:
        await s.refused(call, code)
    # The library that reads masks words this as it likes.
    await s.refused(options(s, "nonsense"), "INVALID_ARGUMENT", own_words=True)
    await s.raw().step(complete_workflow())
    await s.assert_history(None, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")


@pytest.mark.crash(server=True)
async def test_a_pause_survives_the_server(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue), start_timer("t", 3600))
    await options(s, "priority", priority=Priority(priority_key=2))
    await pause(s, "too hot", "first")
    await s.restart_server()
    raw = s.raw()
    assert await status(s) == "PAUSED"
    assert (await s.describe()).workflow_execution_info.priority.priority_key == 2
    await pause(s, "too hot", "first")
    await s.refused(pause(s, "too hot", "second"), "FAILED_PRECONDITION")
    assert not (await raw.poll_activity_once(seconds=2.2)).task_token, "an activity was handed out"
    await unpause(s)
    await s.restart_server()
    raw = s.raw()
    await raw.complete_activity((await raw.poll_activity()).task_token)
    await raw.step(complete_workflow())
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, TimerStarted, WorkflowExecutionOptionsUpdated,"
        " WorkflowExecutionPaused, WorkflowExecutionUnpaused, WorkflowTaskScheduled, ActivityTaskStarted,"
        " ActivityTaskCompleted, WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted",
    )
