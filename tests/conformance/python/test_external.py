"""Signals and requests to cancel that a workflow sends to others: told once, and what the sender hears."""

from __future__ import annotations

import uuid
from typing import Any

import temporalio.api.enums.v1 as enums
from temporalio import workflow
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.exceptions import ApplicationError

from crash_workflows import Collector
from harness.history import TASK, types
from harness.raw import cancel_external, complete_workflow, payloads, signal_external, start_child
from harness.scenario import Scenario

SIGNALED = "SignalExternalWorkflowExecutionInitiated, ExternalWorkflowExecutionSignaled"
CANCELED = "RequestCancelExternalWorkflowExecutionInitiated, ExternalWorkflowExecutionCancelRequested"
NO_SIGNAL = "SignalExternalWorkflowExecutionInitiated, SignalExternalWorkflowExecutionFailed"
NO_CANCEL = "RequestCancelExternalWorkflowExecutionInitiated, RequestCancelExternalWorkflowExecutionFailed"
SignalCause = enums.SignalExternalWorkflowExecutionFailedCause
CancelCause = enums.CancelExternalWorkflowExecutionFailedCause


async def other(s: Scenario) -> str:
    """A workflow that nobody works on."""
    await s.start_raw(s.id("other"), task_queue=TaskQueue(name=s.queue + "-other"))
    return s.id("other")


async def sends(s: Scenario, command: Any, outcome: str) -> list[Any]:
    """A workflow that sends something and ends when it has heard of it."""
    raw = s.raw()
    await s.start_raw()
    await raw.step(command)
    await raw.step(complete_workflow())
    events = await s.assert_history(
        None, f"WorkflowExecutionStarted, {TASK}, {outcome}, {TASK}, WorkflowExecutionCompleted"
    )
    await s.refused(s.signal_raw("late"), "NOT_FOUND", "workflow execution already completed")
    return events


@workflow.defn
class Tells:
    @workflow.run
    async def run(self, whom: str, words: list[str]) -> str:
        to = workflow.get_external_workflow_handle(whom)
        try:
            for word in words:
                await to.signal(Collector.give, word)
        except ApplicationError as error:
            return str(error)
        return "told"


async def test_a_workflow_signals_another(s: Scenario):
    async with s.worker(Tells, Collector):
        listener = await s.start(Collector.run, id=s.id("listener"))
        handle = await s.start(Tells.run, s.id("listener"), ["one", "two", "end"])
        assert await handle.result() == "told"
        assert await listener.result() == ["one", "two", "end"]
    await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, {SIGNALED}, {TASK}, {SIGNALED}, {TASK}, {SIGNALED}, {TASK},"
        " WorkflowExecutionCompleted",
    )
    signals = [e for e in await s.events(s.id("listener")) if e.HasField("workflow_execution_signaled_event_attributes")]
    for signal in signals:
        attributes = signal.workflow_execution_signaled_event_attributes
        assert attributes.external_workflow_execution.workflow_id == s.id()
        assert (attributes.identity, bool(attributes.request_id)) == ("history-service", True)
    assert len(signals) == 3
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


async def test_a_workflow_that_signals_nobody_is_told_so(s: Scenario):
    async with s.worker(Tells):
        handle = await s.start(Tells.run, s.id("nobody"), ["one"])
        assert "not found" in (await handle.result()).lower()
    events = await s.assert_history(
        handle, f"WorkflowExecutionStarted, {TASK}, {NO_SIGNAL}, {TASK}, WorkflowExecutionCompleted"
    )
    failed = events[5].signal_external_workflow_execution_failed_event_attributes
    s.same("cause", SignalCause.Name(failed.cause))
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


async def test_a_signal_carries_what_it_was_given(s: Scenario):
    whom = await other(s)
    events = await sends(s, signal_external(whom, "word", input=payloads(7), control="c"), SIGNALED)
    told = events[5].external_workflow_execution_signaled_event_attributes
    assert (told.initiated_event_id, told.namespace, told.control) == (5, "default", "c")
    assert told.workflow_execution.workflow_id == whom
    got = (await s.events(whom))[2].workflow_execution_signaled_event_attributes
    assert (got.signal_name, got.input) == ("word", payloads(7))


async def test_a_workflow_asks_another_to_cancel(s: Scenario):
    whom = await other(s)
    await sends(s, cancel_external(whom, reason="enough"), CANCELED)
    asked = (await s.events(whom))[2].workflow_execution_cancel_requested_event_attributes
    assert (asked.cause, asked.external_initiated_event_id, asked.identity) == ("enough", 5, "history-service")
    assert asked.external_workflow_execution.workflow_id == s.id()


async def test_a_request_to_cancel_nobody_fails(s: Scenario):
    events = await sends(s, cancel_external(s.id("nobody")), NO_CANCEL)
    s.same("cause", CancelCause.Name(events[5].request_cancel_external_workflow_execution_failed_event_attributes.cause))


async def test_a_signal_to_a_closed_workflow_fails(s: Scenario):
    whom = await other(s)
    await s.client.get_workflow_handle(whom).terminate()
    await sends(s, signal_external(whom), NO_SIGNAL)


async def test_a_request_to_cancel_a_closed_workflow_is_as_good_as_done(s: Scenario):
    whom = await other(s)
    await s.client.get_workflow_handle(whom).terminate()
    await sends(s, cancel_external(whom), CANCELED)


async def test_a_run_that_is_not_there_is_not_reached(s: Scenario):
    whom = await other(s)
    await sends(s, signal_external(whom, run_id=str(uuid.uuid4())), NO_SIGNAL)


async def test_a_run_is_reached_by_its_id(s: Scenario):
    whom = await other(s)
    run_id = (await s.describe(whom)).workflow_execution_info.execution.run_id
    events = await sends(s, cancel_external(whom, run_id=run_id), CANCELED)
    told = events[5].external_workflow_execution_cancel_requested_event_attributes
    assert told.workflow_execution.run_id == run_id


async def test_a_workflow_does_not_signal_itself(s: Scenario):
    await sends(s, signal_external(s.id()), NO_SIGNAL)


async def test_a_workflow_does_not_cancel_itself_from_outside(s: Scenario):
    await sends(s, cancel_external(s.id()), NO_CANCEL)


async def test_a_signal_for_children_only_reaches_no_other(s: Scenario):
    whom = await other(s)
    await sends(s, signal_external(whom, child_workflow_only=True), NO_SIGNAL)


async def test_a_request_to_cancel_for_children_only_reaches_no_other(s: Scenario):
    whom = await other(s)
    await sends(s, cancel_external(whom, child_workflow_only=True), NO_CANCEL)


async def test_what_is_for_children_only_reaches_a_child(s: Scenario):
    raw, kid_raw, kid = s.raw(), s.raw(queue=s.queue + "-kid"), s.id("kid")
    await s.start_raw()
    await raw.step(start_child(kid, kid_raw.queue))
    await s.until_event("ChildWorkflowExecutionStarted")
    await raw.step(signal_external(kid, child_workflow_only=True))
    await s.until_event("ExternalWorkflowExecutionSignaled")
    await raw.step(cancel_external(kid, child_workflow_only=True))
    await s.until_event("ExternalWorkflowExecutionCancelRequested")
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted,"
        f" {TASK}, {SIGNALED}, {TASK}, {CANCELED}, WorkflowTaskScheduled",
    )
    await kid_raw.step(complete_workflow())
    await s.assert_history(
        kid,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled, WorkflowExecutionCancelRequested,"
        " WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted",
    )
    await s.refused(s.signal_raw("late", kid), "NOT_FOUND", "workflow execution already completed")


async def test_a_workflow_that_ends_with_its_requests_takes_them_back(s: Scenario):
    whom, raw = await other(s), s.raw()
    await s.start_raw()
    await raw.step(signal_external(whom), cancel_external(whom), complete_workflow())
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, SignalExternalWorkflowExecutionInitiated,"
        " RequestCancelExternalWorkflowExecutionInitiated, WorkflowExecutionCompleted",
    )
    await s.assert_history(whom, "WorkflowExecutionStarted, WorkflowTaskScheduled")
    await s.refused(s.signal_raw("late"), "NOT_FOUND", "workflow execution already completed")


async def test_requests_that_make_no_sense_fail_the_task(s: Scenario):
    wrong = [
        signal_external(""),
        signal_external("x" * 1001),
        signal_external("other", ""),
        signal_external("other", run_id="nonsense"),
        cancel_external(""),
        cancel_external("x" * 1001),
        cancel_external("other", run_id="nonsense"),
    ]
    for number, command in enumerate(wrong):
        id, raw = s.id(str(number)), s.raw(queue=f"{s.queue}-{number}")
        await s.start_raw(id, task_queue=TaskQueue(name=raw.queue))
        await s.refused(raw.complete(await raw.poll(), command), "INVALID_ARGUMENT")
        failed = next(e for e in await s.events(id) if e.HasField("workflow_task_failed_event_attributes"))
        s.same(f"cause {number}", enums.WorkflowTaskFailedCause.Name(failed.workflow_task_failed_event_attributes.cause))
    await s.assert_history(s.id("0"), ", ".join(types(await s.events(s.id("0")))))


async def test_a_signal_with_too_large_an_input_ends_its_sender(s: Scenario):
    whom, raw = await other(s), s.raw()
    await s.start_raw()
    command = signal_external(whom, input=payloads("x" * (3 << 20)))
    await s.refused(raw.complete(await raw.poll(), command), "INVALID_ARGUMENT")
    await s.assert_history(
        None,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed,"
        " WorkflowExecutionTerminated",
    )
