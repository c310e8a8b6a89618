"""kill -9 of the server or of a worker while messages go between workflows: each arrives once."""

from __future__ import annotations

import asyncio

import temporalio.api.enums.v1 as enums
from temporalio.api.taskqueue.v1 import TaskQueue

from crash_workflows import ACTIVITIES, WORKFLOWS, Collector, Parent, ThinkingParent
from harness.history import TASK, check, types
from harness.raw import complete_workflow, signal_external, start_child
from harness.scenario import Order, Scenario
from test_crashes import doomed_worker, result_of, server_dies, worker_dies


@server_dies
async def test_a_child_outlives_the_server_from_its_start_to_its_end(s: Scenario):
    raw, kid_raw, kid = s.raw(), s.raw(queue=s.queue + "-kid"), s.id("kid")
    await s.start_raw()
    await raw.step(start_child(kid, kid_raw.queue))
    # The start is accepted, and that is all that is known.
    await s.restart_server()
    await s.until_event("ChildWorkflowExecutionStarted")
    await kid_raw.step(complete_workflow("done"))
    await s.restart_server()
    await s.until_event("ChildWorkflowExecutionCompleted")
    await raw.step(complete_workflow())
    await s.restart_server()
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted,"
        " WorkflowTaskScheduled, ChildWorkflowExecutionCompleted, WorkflowTaskStarted, WorkflowTaskCompleted,"
        " WorkflowExecutionCompleted",
    )
    await s.assert_history(kid, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")
    await s.refused(s.signal_raw("late", kid), "NOT_FOUND", "workflow execution already completed")


@server_dies
async def test_signals_to_others_arrive_once_whatever_dies(s: Scenario):
    whom, raw, count = s.id("other"), s.raw(), 20
    await s.start_raw(whom, task_queue=TaskQueue(name=s.queue + "-other"))
    await s.start_raw()
    await raw.step(*(signal_external(whom, f"word {n}") for n in range(count)))
    await s.restart_server()

    async def all_told() -> bool:
        return types(await s.events()).count("ExternalWorkflowExecutionSignaled") == count

    await s.until(all_told, "all signals to be told of")
    await s.restart_server()
    signals = [e for e in await s.events(whom) if e.HasField("workflow_execution_signaled_event_attributes")]
    names = [e.workflow_execution_signaled_event_attributes.signal_name for e in signals]
    assert sorted(names) == sorted(f"word {n}" for n in range(count))
    # They go out together, and Temporal delivers them in any order.
    expected = f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled*{count}"
    await s.assert_history(whom, expected, order=Order.TIMING)
    await raw.step(complete_workflow())
    await s.refused(s.signal_raw("late"), "NOT_FOUND", "workflow execution already completed")


@server_dies
async def test_the_policy_of_a_parent_outlives_the_server(s: Scenario):
    kid, raw = s.id("kid"), s.raw()
    await s.start_raw()
    await raw.step(start_child(kid, s.queue + "-kid"))
    await s.until_event("ChildWorkflowExecutionStarted")
    await s.client.get_workflow_handle(s.id()).terminate()
    await s.restart_server()
    await s.until_event("WorkflowExecutionTerminated", kid)
    await s.restart_server()
    await s.assert_history(kid, "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionTerminated")
    await s.refused(s.signal_raw("late", kid), "NOT_FOUND", "workflow execution already completed")


@server_dies
async def test_a_family_survives_a_server_that_dies_again_and_again(s: Scenario):
    """Children, their activities and timers, and what they have told others, with three crashes in the middle."""
    count, collector = 8, s.id("collector")
    async with s.worker(*WORKFLOWS, activities=ACTIVITIES):
        listener = await s.start(Collector.run, id=collector)
        handle = await s.start(Parent.run, s.id("kid"), count, collector)
        result = asyncio.ensure_future(result_of(handle))
        for _ in range(3):
            before = len(await s.events())

            async def progress() -> bool:
                return len(await s.events()) > before or result.done()

            await s.until(progress, "any progress")
            await s.restart_server()
        assert await result == sum(4 * n for n in range(count))
        await listener.signal(Collector.give, "end")
        told = await result_of(listener)
    assert sorted(told[:-1]) == sorted(s.id(f"kid-{n}") for n in range(count)) and told[-1] == "end"
    events = await s.events()
    check(events)
    names = types(events)
    for name in ("StartChildWorkflowExecutionInitiated", "ChildWorkflowExecutionStarted",
                 "ChildWorkflowExecutionCompleted", "SignalExternalWorkflowExecutionInitiated",
                 "ExternalWorkflowExecutionSignaled"):  # fmt: skip
        assert names.count(name) == count, names
    await s.assert_history(handle, ", ".join(names), order=Order.TIMING)
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


@worker_dies
async def test_a_child_goes_on_when_its_worker_dies(s: Scenario):
    kid = s.id("kid")
    handle = await s.start(ThinkingParent.run, kid)
    with doomed_worker(s, hang="workflow") as doomed:
        await s.until_event("ChildWorkflowExecutionStarted")
        await s.until_event("WorkflowTaskStarted", kid)
        doomed.kill()
    async with s.worker(*WORKFLOWS, activities=ACTIVITIES):
        assert await handle.result() == "thought"
    events = await s.assert_history(
        kid,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskTimedOut,"
        f" {TASK}, WorkflowExecutionCompleted",
    )
    timed_out = events[3].workflow_task_timed_out_event_attributes
    assert timed_out.timeout_type == enums.TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE
    assert types(await s.events()).count("ChildWorkflowExecutionCompleted") == 1
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")
