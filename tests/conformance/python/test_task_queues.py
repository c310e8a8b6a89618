"""Task queues: what operators set for them, what holds, and what is told of them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Priority
from temporalio.api.taskqueue.v1 import RateLimit, TaskQueueMetadata

from harness.history import TASK
from harness.raw import schedule_activity, seconds
from harness.scenario import Scenario

STARTED = "WorkflowTaskScheduled, WorkflowTaskStarted"
ACTIVITY = enums.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
Source = enums.RateLimitSource
Update = ws.UpdateTaskQueueConfigRequest.RateLimitUpdate


def rate(per_second: float | None, reason: str = "") -> Update:
    return Update(rate_limit=None if per_second is None else RateLimit(requests_per_second=per_second), reason=reason)


def configure(s: Scenario, kind=ACTIVITY, **fields):
    request = ws.UpdateTaskQueueConfigRequest(
        namespace=s.namespace, identity="operator", task_queue=s.queue, task_queue_type=kind, **fields
    )
    return s.service.update_task_queue_config(request)


async def describe(s: Scenario, **fields) -> ws.DescribeTaskQueueResponse:
    request = ws.DescribeTaskQueueRequest(
        namespace=s.namespace, task_queue={"name": s.queue}, task_queue_type=ACTIVITY, report_config=True, **fields
    )
    return await s.service.describe_task_queue(request)


async def until_in_force(s: Scenario, source: Source, per_second: float | None = None) -> None:
    async def in_force() -> bool:
        effective = (await describe(s)).effective_rate_limit
        return effective.rate_limit_source == source and per_second in (None, effective.requests_per_second)

    await s.until(in_force, f"{per_second} tasks a second to be in force")


def told(config) -> dict:
    """A configuration without its times."""
    found = MessageToDict(config)
    for limit in ("queueRateLimit", "fairnessKeysRateLimitDefault"):
        assert found.get(limit, {}).get("metadata", {}).pop("updateTime", "2026").startswith("2")
    return found


async def test_what_is_set_for_a_queue_is_told_and_holds(s: Scenario):
    raw = s.raw()
    assert not (await describe(s)).HasField("config")
    answer = await configure(
        s,
        update_queue_rate_limit=rate(0, "stop"),
        update_fairness_key_rate_limit_default=rate(3.5, "each"),
        set_fairness_weight_overrides={"big": 10, "small": 0.5},
    )
    s.same("set", told(answer.config))
    await until_in_force(s, Source.RATE_LIMIT_SOURCE_API, 0)
    assert told((await describe(s)).config) == told(answer.config)
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue))
    assert not (await raw.poll_activity_once(3)).task_token
    answer = await configure(
        s,
        update_queue_rate_limit=rate(None, "go on"),
        update_fairness_key_rate_limit_default=rate(None),
        set_fairness_weight_overrides={"small": 2},
        unset_fairness_weight_overrides=["big"],
    )
    s.same("changed", told(answer.config))
    await until_in_force(s, Source.RATE_LIMIT_SOURCE_SYSTEM)
    await raw.complete_activity((await raw.poll_activity()).task_token)
    await s.until_event("ActivityTaskCompleted")
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskCompleted,"
        " WorkflowTaskScheduled",
    )
    workflows = enums.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
    await s.refused(configure(s, workflows, update_queue_rate_limit=rate(1)), "INVALID_ARGUMENT")
    await s.refused(configure(s, workflows, update_fairness_key_rate_limit_default=rate(1)), "INVALID_ARGUMENT")
    await s.refused(configure(s, update_queue_rate_limit=rate(-1)), "INVALID_ARGUMENT")
    await s.refused(configure(s, update_queue_rate_limit=rate(1, "r" * 1001)), "INVALID_ARGUMENT")
    await s.refused(configure(s, set_fairness_weight_overrides={"k": 0}), "INVALID_ARGUMENT")
    await s.refused(configure(s, set_fairness_weight_overrides={"k" * 65: 1}), "INVALID_ARGUMENT")
    await s.refused(configure(s, unset_fairness_weight_overrides=[""]), "INVALID_ARGUMENT")
    both = configure(s, set_fairness_weight_overrides={"k": 1}, unset_fairness_weight_overrides=["k"])
    await s.refused(both, "INVALID_ARGUMENT")


async def test_a_workers_rate_holds_for_its_queue(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue), schedule_activity("b", s.queue))

    async def poll(per_second: float | None, seconds: float) -> ws.PollActivityTaskQueueResponse:
        metadata = TaskQueueMetadata()
        if per_second is not None:
            metadata.max_tasks_per_second.value = per_second
        request = ws.PollActivityTaskQueueRequest(
            namespace=s.namespace, task_queue={"name": s.queue}, identity="one", task_queue_metadata=metadata
        )
        return await s.service.poll_activity_task_queue(request, timeout=timedelta(seconds=seconds))

    assert not (await poll(0, 3)).task_token
    if not s.launch.is_oracle:
        # Temporal tells of one partition, and the poll may have been at another.
        await until_in_force(s, Source.RATE_LIMIT_SOURCE_WORKER, 0)
        [poller] = (await describe(s)).pollers
        assert (poller.identity, poller.rate_per_second) == ("one", 0)
    await configure(s, update_queue_rate_limit=rate(1000))
    await until_in_force(s, Source.RATE_LIMIT_SOURCE_API, 1000)
    assert {(await poll(0, 20)).activity_id for _ in range(2)} == {"a", "b"}
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled*2")
    await s.refused(configure(s, update_queue_rate_limit=rate(-1)), "INVALID_ARGUMENT")


@pytest.mark.crash(server=True)
async def test_what_is_set_for_a_queue_survives_a_crash(s: Scenario):
    raw = s.raw()
    answer = await configure(s, update_queue_rate_limit=rate(0, "stop"), set_fairness_weight_overrides={"big": 10})
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue))
    await s.restart_server()
    assert told((await describe(s)).config) == told(answer.config)
    await until_in_force(s, Source.RATE_LIMIT_SOURCE_API, 0)
    assert not (await raw.poll_activity_once(3)).task_token
    await configure(s, update_queue_rate_limit=rate(None))
    await until_in_force(s, Source.RATE_LIMIT_SOURCE_SYSTEM)
    assert (await raw.poll_activity()).activity_id == "a"
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled")
    await s.refused(configure(s, update_queue_rate_limit=rate(-1)), "INVALID_ARGUMENT")


async def keys_polled(s: Scenario, count: int) -> list[str]:
    """The fairness keys, which the workflow ids end with, of the next workflow tasks."""
    raw = s.raw()
    return [(await raw.poll()).workflow_execution.workflow_id.rsplit("-", 1)[-1] for _ in range(count)]


async def start_tenants(s: Scenario) -> None:
    """A tenant with many workflows, and then two with few; one of them counts twice."""
    for tenant, weight, count in (("big", 1, 24), ("small", 1, 4), ("double", 2, 8)):
        for n in range(count):
            priority = Priority(fairness_key=tenant, fairness_weight=weight)
            # Nobody answers the tasks, and none is to come again while the others are polled.
            await s.start_raw(s.id(f"{n}-{tenant}"), priority=priority, workflow_task_timeout=seconds(60))


async def test_tenants_take_turns_by_their_weights(s: Scenario):
    await start_tenants(s)
    polled = await keys_polled(s, 36)
    # Temporal does so behind a flag of its configuration, and by partitions.
    if not s.launch.is_oracle:
        assert Counter(polled[:16]) == {"big": 4, "small": 4, "double": 8}
    assert Counter(polled) == {"big": 24, "small": 4, "double": 8}
    await s.assert_history(s.id("0-big"), f"WorkflowExecutionStarted, {STARTED}")
    refused = s.start_raw(s.id("long"), priority=Priority(fairness_key="k" * 65))
    await s.refused(refused, "INVALID_ARGUMENT")


@pytest.mark.crash(server=True)
async def test_tenants_take_turns_after_a_crash(s: Scenario):
    await start_tenants(s)
    await configure(s, enums.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, set_fairness_weight_overrides={"double": 1})
    await s.restart_server()
    polled = await keys_polled(s, 36)
    if not s.launch.is_oracle:
        assert Counter(polled[:12]) == {"big": 4, "small": 4, "double": 4}
    assert Counter(polled) == {"big": 24, "small": 4, "double": 8}
    await s.assert_history(s.id("0-big"), f"WorkflowExecutionStarted, {STARTED}")
    await s.refused(s.start_raw(s.id("0-big")), "ALREADY_EXISTS")
