"""Child workflows: how they start and end, what their parent learns, and what becomes of them when it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from temporalio import workflow
from temporalio.api.common.v1 import Priority, WorkflowExecution
from temporalio.api.common.v1 import RetryPolicy as RawRetryPolicy
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, ChildWorkflowError, WorkflowAlreadyStartedError

from harness.history import TASK, types
from harness.raw import (
    RawWorker,
    cancel_external,
    cancel_workflow,
    complete_workflow,
    continue_as_new,
    fail_workflow,
    payload,
    payloads,
    seconds,
    signal_external,
    start_child,
)
from harness.scenario import Order, Scenario

INITIATED = f"WorkflowExecutionStarted, {TASK}, StartChildWorkflowExecutionInitiated"
STARTED = f"{INITIATED}, ChildWorkflowExecutionStarted"
KID = f"WorkflowExecutionStarted, {TASK}"
Policy = enums.ParentClosePolicy
Reuse = enums.WorkflowIdReusePolicy


async def parent_of(s: Scenario, kid: str, **fields: Any) -> tuple[RawWorker, RawWorker]:
    """A parent whose child has started; both have a raw worker."""
    raw, kid_raw = s.raw(), s.raw(queue=s.queue + "-kid")
    await s.start_raw()
    await raw.step(start_child(kid, kid_raw.queue, **fields))
    await s.until_event("ChildWorkflowExecutionStarted")
    return raw, kid_raw


async def tell_late(s: Scenario, id: str | None = None) -> None:
    await s.refused(s.signal_raw("late", id), "NOT_FOUND", "workflow execution already completed")


@workflow.defn
class Patient:
    """Does as it is told."""

    def __init__(self) -> None:
        self.told = ""

    @workflow.signal
    def go(self, how: str) -> None:
        self.told = how

    @workflow.run
    async def run(self, name: str) -> str:
        await workflow.wait_condition(lambda: self.told != "")
        if self.told == "fail":
            raise ApplicationError("as told", type="Told", non_retryable=True)
        if self.told == "again":
            workflow.continue_as_new(name + " again")
        return f"{name} {self.told}"


@workflow.defn
class Waits:
    @workflow.run
    async def run(self, kid: str) -> str:
        try:
            return await workflow.execute_child_workflow(Patient.run, "kid", id=kid)
        except ChildWorkflowError as error:
            assert isinstance(error.cause, ApplicationError), error.cause
            return f"failed: {error.cause.message} {error.cause.type}"


async def waits(s: Scenario, *told: str) -> list[Any]:
    """A parent of the SDK, whose child is told what to do when the parent has seen it start."""
    kid = s.id("kid")
    async with s.worker(Waits, Patient):
        handle = await s.start(Waits.run, kid)
        await s.until_event("WorkflowTaskCompleted", count=2)
        for how in told:
            await s.client.get_workflow_handle(kid).signal(Patient.go, how)
            if how == "again":

                async def continued() -> bool:
                    return (await s.describe(kid)).workflow_execution_info.first_run_id != (
                        await s.describe(kid)
                    ).workflow_execution_info.execution.run_id

                await s.until(continued, "the child to go on")
        return [handle, await handle.result()]


async def test_a_child_gives_its_result_to_its_parent(s: Scenario):
    handle, result = await waits(s, "well")
    assert result == "kid well"
    events = await s.assert_history(
        handle, f"{STARTED}, {TASK}, ChildWorkflowExecutionCompleted, {TASK}, WorkflowExecutionCompleted"
    )
    completed = events[9].child_workflow_execution_completed_event_attributes
    assert (completed.initiated_event_id, completed.started_event_id, completed.namespace) == (5, 6, "default")
    await tell_late(s, s.id("kid"))


async def test_a_child_that_fails_tells_its_parent_why(s: Scenario):
    handle, result = await waits(s, "fail")
    assert result == "failed: as told Told"
    await s.assert_history(
        handle, f"{STARTED}, {TASK}, ChildWorkflowExecutionFailed, {TASK}, WorkflowExecutionCompleted"
    )
    await tell_late(s)


async def test_the_parent_sees_only_the_last_run_of_its_child(s: Scenario):
    handle, result = await waits(s, "again", "well")
    assert result == "kid again well"
    events = await s.assert_history(
        handle, f"{STARTED}, {TASK}, ChildWorkflowExecutionCompleted, {TASK}, WorkflowExecutionCompleted"
    )
    first = events[5].child_workflow_execution_started_event_attributes.workflow_execution.run_id
    last = events[9].child_workflow_execution_completed_event_attributes.workflow_execution.run_id
    assert first != last
    await tell_late(s)


@workflow.defn
class Cancels:
    @workflow.run
    async def run(self, kid: str) -> str:
        child = await workflow.start_child_workflow(Patient.run, "kid", id=kid)
        child.cancel()
        try:
            await child
        except ChildWorkflowError as error:
            return type(error.cause).__name__
        return "not cancelled"


async def test_a_parent_cancels_its_child(s: Scenario):
    async with s.worker(Cancels, Patient):
        handle = await s.start(Cancels.run, s.id("kid"))
        assert await handle.result() == "CancelledError"
    events = await s.events()
    names = types(events)
    # Whether the child's end comes before or after the parent has seen the request's is a matter of timing.
    assert names[:10] == [*f"{STARTED}, {TASK}".split(", "), "RequestCancelExternalWorkflowExecutionInitiated"]
    assert names.count("ExternalWorkflowExecutionCancelRequested") == 1
    assert names.count("ChildWorkflowExecutionCanceled") == 1
    await s.assert_history(handle, ", ".join(names), order=Order.TIMING)
    kid = await s.events(s.id("kid"))
    asked = next(e for e in kid if e.HasField("workflow_execution_cancel_requested_event_attributes"))
    attributes = asked.workflow_execution_cancel_requested_event_attributes
    assert attributes.external_initiated_event_id == 10
    assert attributes.external_workflow_execution.workflow_id == s.id()
    await tell_late(s)


@workflow.defn
class TakesAnId:
    @workflow.run
    async def run(self, kid: str) -> str:
        try:
            await workflow.execute_child_workflow(Patient.run, "kid", id=kid)
        except WorkflowAlreadyStartedError:
            return "taken"
        return "not taken"


async def test_a_workflow_id_that_is_taken_is_no_child(s: Scenario):
    kid = s.id("kid")
    await s.start_raw(kid, task_queue=TaskQueue(name=s.queue + "-other"))
    async with s.worker(TakesAnId, Patient):
        handle = await s.start(TakesAnId.run, kid)
        assert await handle.result() == "taken"
    events = await s.assert_history(
        handle, f"{INITIATED}, StartChildWorkflowExecutionFailed, {TASK}, WorkflowExecutionCompleted"
    )
    failed = events[5].start_child_workflow_execution_failed_event_attributes
    cause = enums.StartChildWorkflowExecutionFailedCause
    assert failed.cause == cause.START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS
    await tell_late(s)


async def test_a_child_knows_its_parent_and_its_root(s: Scenario):
    kid, grandkid = s.id("kid"), s.id("grandkid")
    started = await s.start_raw(priority=Priority(priority_key=2))
    raw, kid_raw, last = s.raw(), s.raw(queue=s.queue + "-kid"), s.raw(queue=s.queue + "-grandkid")
    await raw.step(start_child(kid, kid_raw.queue, input=payloads("in"), workflow_execution_timeout=50))
    await kid_raw.step(start_child(grandkid, last.queue))
    await last.poll()
    events = await s.assert_history(kid, f"{STARTED}, WorkflowTaskScheduled")
    first = events[0].workflow_execution_started_event_attributes
    assert first.parent_workflow_execution == WorkflowExecution(workflow_id=s.id(), run_id=started.run_id)
    assert (first.parent_workflow_namespace, first.parent_initiated_event_id) == ("default", 5)
    assert (first.priority.priority_key, first.input) == (2, payloads("in"))
    root = (await s.events(grandkid))[0].workflow_execution_started_event_attributes.root_workflow_execution
    assert root == WorkflowExecution(workflow_id=s.id(), run_id=started.run_id)
    pending = (await s.describe()).pending_children
    assert [(it.workflow_id, it.workflow_type_name, it.initiated_id) for it in pending] == [(kid, "Kid", 5)]
    assert pending[0].parent_close_policy == Policy.PARENT_CLOSE_POLICY_TERMINATE
    info = (await s.describe(grandkid)).workflow_execution_info
    assert (info.parent_execution.workflow_id, info.root_execution.workflow_id) == (kid, s.id())

    async def listed(query: str) -> list[str]:
        answer = await s.service.list_workflow_executions(
            ws.ListWorkflowExecutionsRequest(namespace=s.namespace, query=query)
        )
        return sorted(e.execution.workflow_id for e in answer.executions)

    async def both() -> bool:
        of_parent = await listed(f"ParentWorkflowId = '{s.id()}'")
        of_root = await listed(f"RootWorkflowId = '{s.id()}' AND ParentWorkflowId IS NOT NULL")
        return (of_parent, of_root) == ([kid], sorted([kid, grandkid]))

    await s.until(both, "lists to show the family")
    await s.refused(s.start_raw(kid), "ALREADY_EXISTS", detail="WorkflowExecutionAlreadyStartedFailure")


async def test_a_child_that_is_terminated_ends_for_its_parent(s: Scenario):
    kid = s.id("kid")
    await parent_of(s, kid)
    await s.client.get_workflow_handle(kid).terminate()
    await s.until_event("ChildWorkflowExecutionTerminated")
    await s.assert_history(None, f"{STARTED}, WorkflowTaskScheduled, ChildWorkflowExecutionTerminated")
    await tell_late(s, kid)


async def test_a_child_that_takes_too_long_ends_for_its_parent(s: Scenario):
    kid = s.id("kid")
    await parent_of(s, kid, workflow_run_timeout=1)
    await s.until_event("ChildWorkflowExecutionTimedOut")
    events = await s.assert_history(None, f"{STARTED}, WorkflowTaskScheduled, ChildWorkflowExecutionTimedOut")
    state = events[7].child_workflow_execution_timed_out_event_attributes.retry_state
    assert state == enums.RetryState.RETRY_STATE_RETRY_POLICY_NOT_SET
    await tell_late(s, kid)


async def test_a_child_that_cancels_itself_ends_for_its_parent(s: Scenario):
    _, kid_raw = await parent_of(s, s.id("kid"))
    await kid_raw.step(cancel_workflow())
    await s.until_event("ChildWorkflowExecutionCanceled")
    await s.assert_history(None, f"{STARTED}, WorkflowTaskScheduled, ChildWorkflowExecutionCanceled")
    await tell_late(s, s.id("kid"))


async def test_a_child_is_tried_again_before_its_parent_hears_of_it(s: Scenario):
    policy = RawRetryPolicy(initial_interval=seconds(1), maximum_attempts=2)
    raw, kid_raw = await parent_of(s, s.id("kid"), retry_policy=policy)
    await kid_raw.step(fail_workflow())
    await kid_raw.step(fail_workflow())
    await s.until_event("ChildWorkflowExecutionFailed")
    events = await s.assert_history(None, f"{STARTED}, WorkflowTaskScheduled, ChildWorkflowExecutionFailed")
    state = events[7].child_workflow_execution_failed_event_attributes.retry_state
    assert state == enums.RetryState.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED
    await tell_late(s, s.id("kid"))


async def test_a_child_that_is_deleted_ends_for_its_parent(s: Scenario):
    kid = s.id("kid")
    await parent_of(s, kid)
    target = WorkflowExecution(workflow_id=kid)
    await s.service.delete_workflow_execution(
        ws.DeleteWorkflowExecutionRequest(namespace=s.namespace, workflow_execution=target)
    )
    await s.until_event("ChildWorkflowExecutionTerminated")
    await s.assert_history(None, f"{STARTED}, WorkflowTaskScheduled, ChildWorkflowExecutionTerminated")
    gone = s.service.describe_workflow_execution(
        ws.DescribeWorkflowExecutionRequest(namespace=s.namespace, execution=WorkflowExecution(workflow_id=s.id("no")))
    )
    await s.refused(gone, "NOT_FOUND")


async def test_the_end_of_a_child_waits_for_the_workers_answer(s: Scenario):
    raw, kid_raw = s.raw(), s.raw(queue=s.queue + "-kid")
    await s.start_raw()
    await raw.step(start_child(s.id("kid"), kid_raw.queue), force_new=True)
    task = await raw.poll()
    await kid_raw.step(complete_workflow("done"))

    async def told() -> bool:
        return not (await s.describe()).pending_children

    await s.until(told, "the parent to hear of the child's end")
    await raw.complete(task)
    await raw.step(complete_workflow())
    # The start of the child may be in time for the task.
    names = types(await s.events())
    names.remove("ChildWorkflowExecutionStarted")
    assert ", ".join(names) == (
        f"{INITIATED}, {TASK}, ChildWorkflowExecutionCompleted, {TASK}, WorkflowExecutionCompleted"
    )
    await s.assert_history(None, ", ".join(types(await s.events())), order=Order.TIMING)
    await tell_late(s)


async def test_a_child_whose_parent_ends_in_the_same_task_is_never_started(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(start_child(s.id("kid")), complete_workflow())
    await s.assert_history(None, f"{INITIATED}, WorkflowExecutionCompleted")
    await s.refused(s.signal_raw("hello", s.id("kid")), "NOT_FOUND", detail="NotFoundFailure")


async def ends_with_its_parent(s: Scenario, policy: int, end: Any, expected: str) -> None:
    raw, _ = await parent_of(s, s.id("kid"), parent_close_policy=policy)
    run_id = (await s.describe()).workflow_execution_info.execution.run_id
    await end(raw)
    await s.until_closed(s.id(), run_id)
    last = expected.split(", ")[-1]
    await s.until_event(last, s.id("kid"))
    events = await s.assert_history(s.id("kid"), expected)
    if last == "WorkflowExecutionTerminated":
        attributes = events[-1].workflow_execution_terminated_event_attributes
        assert (attributes.reason, attributes.identity) == ("by parent close policy", "history-service")
    if last == "WorkflowExecutionCancelRequested":
        attributes = events[-1].workflow_execution_cancel_requested_event_attributes
        assert attributes.external_workflow_execution.run_id == run_id
        assert (attributes.external_initiated_event_id, attributes.identity) == (0, "history-service")
    old = s.service.signal_workflow_execution(
        ws.SignalWorkflowExecutionRequest(
            namespace=s.namespace,
            workflow_execution=WorkflowExecution(workflow_id=s.id(), run_id=run_id),
            signal_name="late",
        )
    )
    await s.refused(old, "NOT_FOUND", "workflow execution already completed")


WAITING_KID = "WorkflowExecutionStarted, WorkflowTaskScheduled"


async def test_a_parent_that_completes_ends_its_child(s: Scenario):
    async def end(raw: RawWorker) -> None:
        await raw.step(complete_workflow())

    policy = Policy.PARENT_CLOSE_POLICY_UNSPECIFIED
    await ends_with_its_parent(s, policy, end, f"{WAITING_KID}, WorkflowExecutionTerminated")


async def test_a_parent_that_is_terminated_cancels_its_child(s: Scenario):
    async def end(_: RawWorker) -> None:
        await s.client.get_workflow_handle(s.id()).terminate()

    policy = Policy.PARENT_CLOSE_POLICY_REQUEST_CANCEL
    await ends_with_its_parent(s, policy, end, f"{WAITING_KID}, WorkflowExecutionCancelRequested")


async def test_a_parent_that_fails_abandons_its_child(s: Scenario):
    async def end(raw: RawWorker) -> None:
        await raw.step(fail_workflow())

    await ends_with_its_parent(s, Policy.PARENT_CLOSE_POLICY_ABANDON, end, WAITING_KID)


async def test_a_parent_that_continues_as_new_ends_its_child(s: Scenario):
    """The policy counts at the end of every run, not only of the last."""

    async def end(raw: RawWorker) -> None:
        await raw.step(continue_as_new())

    policy = Policy.PARENT_CLOSE_POLICY_TERMINATE
    await ends_with_its_parent(s, policy, end, f"{WAITING_KID}, WorkflowExecutionTerminated")


async def test_the_policy_follows_the_child_along_its_chain(s: Scenario):
    kid = s.id("kid")
    _, kid_raw = await parent_of(s, kid)
    task = await kid_raw.step(continue_as_new())
    await s.client.get_workflow_handle(s.id()).terminate()
    await s.until_event("WorkflowExecutionTerminated", kid)
    second = (await s.describe(kid)).workflow_execution_info.execution.run_id
    assert second != task.workflow_execution.run_id
    names = types(await s.events(kid, second))
    # Its first task waits for the rest of a second, which may or may not be over.
    assert names[0] == "WorkflowExecutionStarted" and names[-1] == "WorkflowExecutionTerminated"
    await s.assert_history(kid, f"{KID}, WorkflowExecutionContinuedAsNew", run_id=task.workflow_execution.run_id)
    await tell_late(s, kid)


async def test_the_policy_does_not_reach_another_workflow_of_the_same_id(s: Scenario):
    kid = s.id("kid")
    await parent_of(s, kid)
    await s.client.get_workflow_handle(kid).terminate()
    await s.until_event("ChildWorkflowExecutionTerminated")
    other = await s.start_raw(kid)
    await s.client.get_workflow_handle(s.id()).terminate()
    await s.until_closed()
    await s.signal_raw("still there", kid)
    await s.assert_history(kid, f"{WAITING_KID}, WorkflowExecutionSignaled", run_id=other.run_id)
    await tell_late(s)


async def test_the_reuse_policy_of_a_child_counts(s: Scenario):
    kid, raw = s.id("kid"), s.raw()
    await s.start_raw(kid, task_queue=TaskQueue(name=s.queue + "-kid"))
    await s.raw(queue=s.queue + "-kid").step(complete_workflow())
    await s.start_raw()
    queue = s.queue + "-kid"
    await raw.step(start_child(kid, queue, workflow_id_reuse_policy=Reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE))
    await s.until_event("StartChildWorkflowExecutionFailed")
    only_failed = Reuse.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
    await raw.step(start_child(kid, queue, workflow_id_reuse_policy=only_failed))
    await s.until_event("StartChildWorkflowExecutionFailed", count=2)
    await raw.step(start_child(kid, queue))
    await s.until_event("ChildWorkflowExecutionStarted")
    failed = "StartChildWorkflowExecutionInitiated, StartChildWorkflowExecutionFailed"
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, {failed}, {TASK}, {failed}, {TASK},"
        " StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted, WorkflowTaskScheduled",
    )
    await s.refused(s.start_raw(kid), "ALREADY_EXISTS", detail="WorkflowExecutionAlreadyStartedFailure")


async def test_a_child_with_a_schedule_waits_for_its_time(s: Scenario):
    kid = s.id("kid")
    await parent_of(s, kid, cron_schedule="0 0 1 1 *")
    events = await s.assert_history(kid, "WorkflowExecutionStarted")
    assert events[0].workflow_execution_started_event_attributes.first_workflow_task_backoff.seconds > 0
    await s.assert_history(None, f"{STARTED}, WorkflowTaskScheduled")
    await s.refused(s.start_raw(kid), "ALREADY_EXISTS", detail="WorkflowExecutionAlreadyStartedFailure")


async def test_children_that_make_no_sense_fail_the_task(s: Scenario):
    kid = s.id("kid")
    wrong = {
        "no id": start_child(""),
        "no type": start_child(kid, type_name=""),
        "long id": start_child("x" * 1001),
        "negative run timeout": start_child(kid, workflow_run_timeout=-1),
        "negative execution timeout": start_child(kid, workflow_execution_timeout=-1),
        "negative task timeout": start_child(kid, workflow_task_timeout=-1),
        "retry policy": start_child(kid, retry_policy=RawRetryPolicy(maximum_attempts=-1)),
        "schedule": start_child(kid, cron_schedule="nonsense"),
        "reserved queue": start_child(kid, "/_sys/queue"),
        "negative priority": start_child(kid, priority=Priority(priority_key=-1)),
    }
    for number, commands in enumerate([*([it] for it in wrong.values()), [start_child(kid), cancel_external(kid)]]):
        id, raw = s.id(str(number)), s.raw(queue=f"{s.queue}-{number}")
        await s.start_raw(id, task_queue=TaskQueue(name=raw.queue))
        await s.refused(raw.complete(await raw.poll(), *commands), "INVALID_ARGUMENT")
        failed = "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed"
        events = (await s.events(id))[:4]
        assert ", ".join(types(events)) == failed
        cause = events[3].workflow_task_failed_event_attributes.cause
        s.same(f"cause {number}", enums.WorkflowTaskFailedCause.Name(cause))
    await s.assert_history(s.id("0"), ", ".join(types(await s.events(s.id("0")))))


async def test_an_unknown_search_attribute_of_a_child_fails_the_task(s: Scenario):
    raw, command = s.raw(), start_child(s.id("kid"))
    fields = command.start_child_workflow_execution_command_attributes.search_attributes.indexed_fields
    fields["NobodyKnows"].CopyFrom(payload(1))
    await s.start_raw()
    await s.refused(raw.complete(await raw.poll(), command), "INVALID_ARGUMENT")
    await s.assert_history(None, ", ".join(types(await s.events())))


async def test_a_child_with_too_large_an_input_ends_its_parent(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    command = start_child(s.id("kid"), input=payloads("x" * (3 << 20)))
    await s.refused(raw.complete(await raw.poll(), command), "INVALID_ARGUMENT")
    await s.assert_history(
        None,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed,"
        " WorkflowExecutionTerminated",
    )


async def test_another_namespace_is_out_of_reach(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    task = await raw.poll()
    for command in (
        start_child(s.id("kid"), namespace="nobody-knows"),
        signal_external(s.id("kid"), namespace="nobody-knows"),
        cancel_external(s.id("kid"), namespace="nobody-knows"),
    ):
        await s.refused(raw.complete(task, command), "NOT_FOUND", detail="NamespaceNotFoundFailure")
    await raw.complete(task, complete_workflow())
    await s.assert_history(None, f"{KID}, WorkflowExecutionCompleted")


async def test_the_child_of_a_failed_workflow_task_is_not_started(s: Scenario):
    """Nothing of an answer with a wrong command takes effect."""
    raw = s.raw()
    await s.start_raw()
    await s.refused(raw.complete(await raw.poll(), start_child(s.id("kid")), start_child("")), "INVALID_ARGUMENT")
    await raw.step(complete_workflow())
    await s.assert_history(
        None,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed,"
        f" {TASK}, WorkflowExecutionCompleted",
    )
    await s.refused(s.signal_raw("hello", s.id("kid")), "NOT_FOUND", detail="NotFoundFailure")


async def test_a_result_of_a_failing_parent_is_a_failure(s: Scenario):
    """An SDK parent that lets its child's failure through fails with it."""
    kid = s.id("kid")
    async with s.worker(LetsThrough, Patient):
        handle = await s.start(LetsThrough.run, kid)
        await s.until_event("WorkflowTaskCompleted", count=2)
        await s.client.get_workflow_handle(kid).signal(Patient.go, "fail")
        try:
            await handle.result()
            raise AssertionError("it did not fail")
        except WorkflowFailureError as error:
            assert isinstance(error.cause, ChildWorkflowError)
            assert isinstance(error.cause.cause, ApplicationError)
    await s.assert_history(
        handle, f"{STARTED}, {TASK}, ChildWorkflowExecutionFailed, {TASK}, WorkflowExecutionFailed"
    )
    await tell_late(s)


@workflow.defn
class LetsThrough:
    @workflow.run
    async def run(self, kid: str) -> str:
        return await workflow.execute_child_workflow(Patient.run, "kid", id=kid)


@workflow.defn
class Many:
    @workflow.run
    async def run(self, prefix: str, count: int) -> int:
        results = await asyncio.gather(
            *(workflow.execute_child_workflow(Quick.run, n, id=f"{prefix}-{n}") for n in range(count))
        )
        return sum(results)


@workflow.defn
class Quick:
    @workflow.run
    async def run(self, n: int) -> int:
        return n


async def test_a_parent_has_many_children_at_once(s: Scenario):
    async with s.worker(Many, Quick):
        handle = await s.start(Many.run, s.id("kid"), 50)
        assert await handle.result() == sum(range(50))
    names = types(await s.events())
    for name in ("StartChildWorkflowExecutionInitiated", "ChildWorkflowExecutionStarted",
                 "ChildWorkflowExecutionCompleted"):  # fmt: skip
        assert names.count(name) == 50
    await s.assert_history(handle, ", ".join(names), order=Order.TIMING)
    await tell_late(s)
