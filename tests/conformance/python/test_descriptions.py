"""Descriptions of a run in the states that it goes through: every field, as Temporal fills it."""

from __future__ import annotations

import re
from typing import Any

import temporalio.api.workflowservice.v1 as ws
from temporalio.api.common.v1 import Memo, Priority, RetryPolicy
from temporalio.api.sdk.v1 import UserMetadata

from harness.history import ACTIVITY, TASK
from harness.raw import (
    complete_workflow,
    continue_as_new,
    execution,
    failure,
    payload,
    schedule_activity,
    seconds,
    start_child,
    start_timer,
)
from harness.scenario import Scenario

# What only counts, and when a run would time out that never does.
# And what Temporal says of the reset points of a run that went on as another.
UNTOLD = {"stateTransitionCount", "runExpirationTime", "expireTime", "executionDuration"}
UUID = re.compile(r"uuid-\d+")
# Spans that clocks measured.
MEASURED = {"currentRetryInterval"}


def told(value: Any) -> Any:
    """Without what differs each time. No span of time and one of nothing are the same."""
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key not in UNTOLD and each != "0s"}
        # Nobody asked for an id that is a UUID; how many there were before is the server's business.
        kept = {"uuid" if UUID.fullmatch(key) else key: each for key, each in kept.items()}
        return {key: "<span>" if key in MEASURED else told(each) for key, each in kept.items()}
    if isinstance(value, list):
        return [told(each) for each in value]
    return value


async def same(s: Scenario, label: str, id: str | None = None, run_id: str = "") -> None:
    """The description is Temporal's, field by field."""
    description = await s.describe(id, run_id)
    if description.workflow_execution_info.HasField("close_time"):
        # Temporal still shows what was pending when the run ended.
        del description.pending_children[:], description.pending_activities[:]
    for pending in (description.pending_activities, description.pending_children):
        pending.sort(key=lambda it: it.SerializeToString(deterministic=True))
    s.same(label, told(s.plain(description)))


async def test_a_run_is_described_from_its_start_to_its_end(s: Scenario):
    raw = s.raw()
    memo, summary = Memo(fields={"who": payload("Ada")}), UserMetadata(summary=payload("two boots"))
    await s.start_raw(
        memo=memo,
        user_metadata=summary,
        priority=Priority(priority_key=2, fairness_key="k", fairness_weight=3),
        workflow_execution_timeout=seconds(3600),
        workflow_run_timeout=seconds(1800),
        workflow_task_timeout=seconds(7),
        request_id="start",
    )
    await same(s, "started")
    task = await raw.poll()
    await same(s, "task started")
    await raw.complete(task, start_timer("t", 3600))
    await same(s, "waiting")
    await s.signal_raw("hello", request_id="signal")
    await same(s, "signaled")
    task = await raw.poll()
    await s.signal_raw("again", request_id="buffered")
    await same(s, "signaled during a task")
    await raw.fail(task)
    await same(s, "task failed")
    await s.service.request_cancel_workflow_execution(
        ws.RequestCancelWorkflowExecutionRequest(
            namespace=s.namespace, workflow_execution=execution(s.id()), reason="enough", request_id="cancel"
        )
    )
    await same(s, "asked to cancel")
    await raw.step(complete_workflow("done"))
    await same(s, "completed")
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, TimerStarted, WorkflowExecutionSignaled, WorkflowTaskScheduled,"
        " WorkflowTaskStarted, WorkflowTaskFailed, WorkflowExecutionSignaled, WorkflowTaskScheduled,"
        " WorkflowExecutionCancelRequested, WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted",
    )
    await s.refused(s.describe(s.id("none")), "NOT_FOUND")


async def test_pending_activities_are_described(s: Scenario):
    raw = s.raw()
    await s.start_raw(request_id="start")
    policy = RetryPolicy(initial_interval=seconds(60), maximum_attempts=7, non_retryable_error_types=["Fatal"])
    timeouts = dict(schedule_to_close_timeout=900, schedule_to_start_timeout=90, heartbeat_timeout=30)
    await raw.step(schedule_activity("a", s.queue, retry_policy=policy, **timeouts))
    await same(s, "scheduled")
    task = await raw.poll_activity()
    await same(s, "started")
    await raw.heartbeat(task.task_token, "half")
    await same(s, "heard of")
    await raw.fail_activity(task.task_token, failure("not yet"))
    await same(s, "waiting for the next attempt")
    request = ws.RespondActivityTaskCompletedByIdRequest(
        namespace=s.namespace, workflow_id=s.id(), activity_id="a", identity="somebody"
    )
    await s.service.respond_activity_task_completed_by_id(request)
    await same(s, "done")
    await raw.step(complete_workflow())
    await s.assert_history(None, f"WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, WorkflowExecutionCompleted")
    await s.refused(s.describe(run_id="00000000-0000-4000-8000-000000000000"), "NOT_FOUND")


async def test_families_and_chains_are_described(s: Scenario):
    raw = s.raw()
    await s.start_raw(request_id="start")
    kid = s.id("kid")
    await raw.step(start_child(kid, f"{s.queue}-kid", workflow_run_timeout=600))
    await s.until_event("ChildWorkflowExecutionStarted")
    await same(s, "parent")
    await same(s, "child", kid)
    first = await raw.poll()
    await raw.complete(first, continue_as_new())
    await same(s, "continued", run_id=first.workflow_execution.run_id)
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted, {TASK},"
        " WorkflowExecutionContinuedAsNew",
        run_id=first.workflow_execution.run_id,
    )
    await raw.poll()
    await same(s, "next run")
    await s.refused(s.describe(s.id("none")), "NOT_FOUND")


async def test_a_start_that_waits_and_one_that_is_used_are_described(s: Scenario):
    await s.start_raw(request_id="start", workflow_start_delay=seconds(3600))
    await same(s, "waiting for its time")
    request = s.start_request(request_id="attached", workflow_id_conflict_policy=2)
    request.on_conflict_options.attach_request_id = True
    await s.service.start_workflow_execution(request)
    await same(s, "used")
    await s.service.terminate_workflow_execution(
        ws.TerminateWorkflowExecutionRequest(namespace=s.namespace, workflow_execution=execution(s.id()), reason="enough")
    )
    await same(s, "terminated")
    await s.assert_history(
        None, "WorkflowExecutionStarted, WorkflowExecutionOptionsUpdated, WorkflowExecutionTerminated"
    )
    await s.refused(s.start_raw(workflow_id_reuse_policy=3), "ALREADY_EXISTS")
