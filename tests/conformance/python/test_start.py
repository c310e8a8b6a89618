"""Starting workflows: id policies, request ids, delays, eager starts, signal-with-start, and what is refused at the door."""

from __future__ import annotations

import uuid
from datetime import timedelta

import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.duration_pb2 import Duration
from temporalio import activity, workflow
from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.errordetails.v1 import WorkflowExecutionAlreadyStartedFailure
from temporalio.api.workflow.v1 import VersioningOverride
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from harness.history import ACTIVITY, TASK
from harness.raw import complete_workflow, continue_as_new, execution, fail_workflow, payloads, seconds
from harness.scenario import Scenario, detail_of, with_fields

Reuse = enums.WorkflowIdReusePolicy
Conflict = enums.WorkflowIdConflictPolicy
RUNNING = enums.WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING


@activity.defn
async def greet(name: str) -> str:
    return f"Hello, {name}!"


@workflow.defn
class Hello:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(greet, name, start_to_close_timeout=timedelta(seconds=10))


@workflow.defn
class Fail:
    @workflow.run
    async def run(self) -> None:
        raise ApplicationError("as planned", "detail", type="Planned", non_retryable=True)


async def test_hello(s: Scenario):
    async with s.worker(Hello, activities=[greet]):
        handle = await s.start(Hello.run, "Weft")
        assert await handle.result() == "Hello, Weft!"
    await s.assert_history(handle, f"WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, WorkflowExecutionCompleted")
    await s.refused(
        s.describe("absent-" + s.nonce), "NOT_FOUND", f"workflow not found for ID: absent-{s.nonce}", "NotFoundFailure"
    )


async def test_a_failed_workflow_tells_its_failure(s: Scenario):
    async with s.worker(Fail):
        handle = await s.start(Fail.run)
        try:
            await handle.result()
            raise AssertionError("the workflow did not fail")
        except WorkflowFailureError as error:
            assert isinstance(error.cause, ApplicationError)
            assert (error.cause.message, error.cause.type, list(error.cause.details)) == (
                "as planned", "Planned", ["detail"],
            )  # fmt: skip
    events = await s.assert_history(handle, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed")
    assert (
        events[-1].workflow_execution_failed_event_attributes.retry_state
        == enums.RetryState.RETRY_STATE_RETRY_POLICY_NOT_SET
    )
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed", "NotFoundFailure")


async def test_the_conflict_policy_decides_about_a_running_workflow(s: Scenario):
    first = await s.start_raw()
    assert (first.started, first.status) == (True, RUNNING)
    refusal = await s.refused(s.start_raw(), "ALREADY_EXISTS", detail="WorkflowExecutionAlreadyStartedFailure")
    assert refusal.message.startswith("Workflow execution is already running. WorkflowId: ")
    assert detail_of(refusal, WorkflowExecutionAlreadyStartedFailure()).run_id == first.run_id

    existing = await s.start_raw(workflow_id_conflict_policy=Conflict.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
    assert (existing.run_id, existing.started, existing.status) == (first.run_id, False, RUNNING)

    second = await s.start_raw(workflow_id_conflict_policy=Conflict.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
    assert second.run_id != first.run_id and second.started
    events = await s.assert_history(
        s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionTerminated", first.run_id
    )
    terminated = events[-1].workflow_execution_terminated_event_attributes
    assert terminated.reason == "TerminateIfRunning WorkflowIdReusePolicy"
    assert second.run_id in str(terminated.details)

    await s.raw().step(complete_workflow("done"))
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted", second.run_id)


async def test_the_reuse_policy_decides_about_a_closed_workflow(s: Scenario):
    raw = s.raw()
    failed_only = Reuse.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
    reject = Reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
    first = await s.start_raw()
    await raw.step(complete_workflow("one"))
    refusal = await s.refused(
        s.start_raw(workflow_id_reuse_policy=failed_only),
        "ALREADY_EXISTS",
        detail="WorkflowExecutionAlreadyStartedFailure",
    )
    assert refusal.message.startswith("Workflow execution already finished successfully. WorkflowId: "), refusal.message
    second = await s.start_raw()
    await raw.step(fail_workflow())
    third = await s.start_raw(workflow_id_reuse_policy=failed_only)
    await raw.step(fail_workflow())
    refusal = await s.refused(
        s.start_raw(workflow_id_reuse_policy=reject), "ALREADY_EXISTS", detail="WorkflowExecutionAlreadyStartedFailure"
    )
    assert refusal.message.startswith("Workflow execution already finished. WorkflowId: "), refusal.message
    assert detail_of(refusal, WorkflowExecutionAlreadyStartedFailure()).run_id == third.run_id
    assert len({first.run_id, second.run_id, third.run_id}) == 3
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted", first.run_id)
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed", third.run_id)


async def test_policies_that_contradict_each_other_are_refused(s: Scenario):
    await s.refused(
        s.start_raw(
            workflow_id_reuse_policy=Reuse.WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING,
            workflow_id_conflict_policy=Conflict.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
        ),
        "INVALID_ARGUMENT",
    )
    await s.refused(
        s.start_raw(
            workflow_id_reuse_policy=Reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
            workflow_id_conflict_policy=Conflict.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING,
        ),
        "INVALID_ARGUMENT",
    )
    old_way = Reuse.WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING
    first = await s.start_raw(workflow_id_reuse_policy=old_way)
    second = await s.start_raw(workflow_id_reuse_policy=old_way)
    await s.assert_history(
        s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionTerminated", first.run_id
    )
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled", second.run_id)


async def test_a_repeated_request_id_starts_nothing(s: Scenario):
    request = str(uuid.uuid4())
    first = await s.start_raw(request_id=request)
    again = await s.start_raw(request_id=request)
    assert (again.run_id, again.started) == (first.run_id, True)
    await s.refused(s.start_raw(), "ALREADY_EXISTS", detail="WorkflowExecutionAlreadyStartedFailure")
    await s.raw().step(complete_workflow("once"))
    late = await s.start_raw(request_id=request)
    assert (late.run_id, late.started) == (first.run_id, True)
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted", first.run_id)


async def test_a_start_delay_holds_the_first_task_back(s: Scenario):
    await s.start_raw(workflow_start_delay=seconds(4))
    await s.signal_raw("early")
    # Temporal records a plain signal during the delay but lets the delay run.
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowExecutionSignaled")
    task = await s.raw().poll()
    waited = task.history.events[2].event_time.ToNanoseconds() - task.history.events[0].event_time.ToNanoseconds()
    assert waited >= 3.9e9, f"the first task came after {waited} ns"
    await s.raw().complete(task, complete_workflow("late"))
    events = await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted"
    )
    started = events[0].workflow_execution_started_event_attributes
    assert started.first_workflow_task_backoff.ToMilliseconds() == 4000
    info = (await s.describe()).workflow_execution_info
    assert info.execution_time.ToNanoseconds() - info.start_time.ToNanoseconds() == 4_000_000_000
    await s.refused(
        s.start_raw(s.id("cron"), workflow_start_delay=seconds(1), cron_schedule="@hourly"),
        "INVALID_ARGUMENT",
    )


async def test_an_eager_start_brings_its_first_task_along(s: Scenario):
    raw = s.raw()
    answer = await s.start_raw(request_eager_execution=True)
    task = answer.eager_workflow_task
    assert task.task_token and (task.attempt, task.started_event_id) == (1, 3)
    assert [e.event_id for e in task.history.events] == [1, 2, 3]
    await raw.complete(task, complete_workflow("eager"))
    events = await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")
    assert events[0].workflow_execution_started_event_attributes.eager_execution_accepted
    delayed = await s.start_raw(s.id("delayed"), request_eager_execution=True, workflow_start_delay=seconds(30))
    assert not delayed.HasField("eager_workflow_task"), "a delayed start cannot be eager"
    await s.refused(raw.complete(b"garbage"), "INVALID_ARGUMENT")


def signal_with_start(s: Scenario, **fields):
    request = ws.SignalWithStartWorkflowExecutionRequest(
        namespace=s.namespace,
        workflow_id=s.id(),
        identity="raw-client",
        request_id=str(uuid.uuid4()),
        signal_name="knock",
        signal_input=payloads(1),
    )
    request.workflow_type.name = "Raw"
    request.task_queue.name = s.queue
    return s.service.signal_with_start_workflow_execution(with_fields(request, fields))


async def test_signal_with_start_starts_only_what_does_not_run(s: Scenario):
    request = str(uuid.uuid4())
    first = await signal_with_start(s, request_id=request)
    assert first.started
    assert (await signal_with_start(s, request_id=request)).run_id == first.run_id
    second = await signal_with_start(s)
    assert (second.run_id, second.started) == (first.run_id, False)
    await s.assert_history(
        s.id(), "WorkflowExecutionStarted, WorkflowExecutionSignaled, WorkflowTaskScheduled, WorkflowExecutionSignaled"
    )
    await s.raw().step(complete_workflow())
    await s.refused(
        signal_with_start(s, workflow_id_reuse_policy=Reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE),
        "ALREADY_EXISTS",
        detail="WorkflowExecutionAlreadyStartedFailure",
    )
    await s.refused(
        signal_with_start(s, workflow_id_conflict_policy=Conflict.WORKFLOW_ID_CONFLICT_POLICY_FAIL), "INVALID_ARGUMENT"
    )
    await s.refused(signal_with_start(s, signal_name=""), "INVALID_ARGUMENT")
    again = await signal_with_start(s)
    assert again.started and again.run_id != first.run_id
    await s.assert_history(
        s.id(), "WorkflowExecutionStarted, WorkflowExecutionSignaled, WorkflowTaskScheduled", again.run_id
    )


async def test_signal_with_start_during_a_start_delay(s: Scenario):
    """A plain signal lets the delay run, another signal-with-start ends it."""
    await signal_with_start(s, workflow_start_delay=seconds(600))
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowExecutionSignaled")
    await s.signal_raw("plain")
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowExecutionSignaled*2")
    assert not (await signal_with_start(s)).started
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowExecutionSignaled*3, WorkflowTaskScheduled")
    await s.refused(
        signal_with_start(s, workflow_id=s.id("cron"), workflow_start_delay=seconds(1), cron_schedule="@hourly"),
        "INVALID_ARGUMENT",
    )
    await s.client.get_workflow_handle(s.id()).terminate()


async def test_a_start_that_makes_no_sense_is_refused(s: Scenario):
    bad = {
        "negative run timeout": dict(workflow_run_timeout=Duration(seconds=-1)),
        "negative execution timeout": dict(workflow_execution_timeout=Duration(seconds=-1)),
        "negative task timeout": dict(workflow_task_timeout=Duration(seconds=-1)),
        "negative delay": dict(workflow_start_delay=Duration(seconds=-1)),
        "no workflow id": dict(workflow_id=""),
        "no workflow type": dict(workflow_type={"name": ""}),
        "no task queue": dict(task_queue={"name": ""}),
        "reserved task queue": dict(task_queue={"name": "/_sys/mine"}),
        "workflow id of 1,001 bytes": dict(workflow_id="i" * 1001),
        "workflow id of 10,000 bytes": dict(workflow_id="i" * 10_000),
        "workflow type too long": dict(workflow_type={"name": "t" * 1001}),
        "task queue too long": dict(task_queue={"name": "q" * 1001}),
        "request id too long": dict(request_id="r" * 1001),
        "cron nonsense": dict(cron_schedule="every full moon"),
        "retry without coefficient": dict(retry_policy=RetryPolicy(backoff_coefficient=0.5)),
        "retry with negative interval": dict(retry_policy=RetryPolicy(initial_interval=Duration(seconds=-1))),
        "retry with maximum below initial": dict(
            retry_policy=RetryPolicy(initial_interval=seconds(10), maximum_interval=seconds(1))
        ),
        "retry with negative attempts": dict(retry_policy=RetryPolicy(maximum_attempts=-1)),
    }
    for fields in bad.values():
        await s.refused(s.start_raw(**fields), "INVALID_ARGUMENT")
    await s.refused(
        s.start_raw(namespace="nowhere-" + s.nonce),
        "NOT_FOUND",
        f"Namespace nowhere-{s.nonce} is not found.",
        "NamespaceNotFoundFailure",
    )
    # An id of exactly 1,000 bytes is fine, and nothing of the above was written.
    longest = s.id() + "x" * (1000 - len(s.id()))
    await s.start_raw(longest)
    await s.assert_history(longest, "WorkflowExecutionStarted, WorkflowTaskScheduled")
    await s.refused(s.describe(), "NOT_FOUND", detail="NotFoundFailure")


async def test_a_run_id_that_is_no_uuid_is_refused(s: Scenario):
    await s.start_raw()
    await s.refused(s.describe(run_id="not-a-uuid"), "INVALID_ARGUMENT")
    await s.refused(s.events(run_id="not-a-uuid"), "INVALID_ARGUMENT")
    await s.refused(s.signal_raw("x", workflow_execution=execution(s.id(), "not-a-uuid")), "INVALID_ARGUMENT")
    await s.refused(s.describe(run_id=str(uuid.uuid4())), "NOT_FOUND", detail="NotFoundFailure")
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled")


async def test_a_timeout_of_zero_is_none_but_stands_as_it_was_said(s: Scenario):
    zero = seconds(0)
    await s.start_raw(workflow_run_timeout=zero, workflow_execution_timeout=zero, workflow_task_timeout=zero)
    await s.start_raw(s.id("one"), workflow_run_timeout=zero, workflow_execution_timeout=seconds(60))
    for label, id in (("all", s.id()), ("two", s.id("one"))):
        events = await s.assert_history(id, "WorkflowExecutionStarted, WorkflowTaskScheduled")
        started = events[0].workflow_execution_started_event_attributes
        timeouts = ("workflow_run_timeout", "workflow_execution_timeout", "workflow_task_timeout")
        found = {name: getattr(started, name).seconds if started.HasField(name) else None for name in timeouts}
        s.same(label, found)
    await s.refused(s.start_raw(workflow_run_timeout=seconds(-1)), "INVALID_ARGUMENT")


async def test_a_workflow_is_started_with_an_override_of_its_version(s: Scenario):
    upgrade = enums.VersioningBehavior.VERSIONING_BEHAVIOR_AUTO_UPGRADE
    raw = s.raw()
    # As clients say it today, and as older ones do.
    for label, override in (("today", VersioningOverride(auto_upgrade=True)), ("old", VersioningOverride(behavior=upgrade))):
        id = s.id(label)
        first = await s.start_raw(id, versioning_override=override)
        s.same(label, s.plain((await s.events(id))[0].workflow_execution_started_event_attributes))
        s.same(f"{label} described", s.plain((await s.describe(id)).workflow_execution_info.versioning_info))
        # Whoever pins a run wants the runs after it pinned too; nobody said that of this one.
        await raw.step(continue_as_new())
        await s.assert_history(id, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionContinuedAsNew", first.run_id)
        s.same(f"{label}, next run", s.plain((await s.describe(id)).workflow_execution_info.versioning_info))
        await raw.step(complete_workflow())
    pinned = VersioningOverride()
    pinned.pinned.behavior = VersioningOverride.PinnedOverrideBehavior.PINNED_OVERRIDE_BEHAVIOR_PINNED
    pinned.pinned.version.deployment_name = "nowhere"
    pinned.pinned.version.build_id = "1"
    await s.refused(s.start_raw(versioning_override=pinned), "FAILED_PRECONDITION")
    await s.refused(s.start_raw(versioning_override=VersioningOverride(auto_upgrade=False)), "INVALID_ARGUMENT")
    await s.refused(s.start_raw(versioning_override=VersioningOverride()), "INVALID_ARGUMENT")
    await s.refused(s.describe(), "NOT_FOUND", detail="NotFoundFailure")
