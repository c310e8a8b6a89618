"""Reset: a new run goes on from a workflow task of an earlier one, with what others did since."""

from __future__ import annotations

import asyncio
import json
import uuid

import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.json_format import MessageToDict
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.service import RPCError

from harness.history import TASK, type_name
from harness.raw import complete_workflow, continue_as_new, payloads, schedule_activity, start_child, start_timer
from harness.scenario import Order, Scenario, with_fields
from test_crashes import server_dies

RESET = "WorkflowTaskFailed"
SIGNALED = "WorkflowExecutionSignaled"
EXCLUDE = enums.ResetReapplyExcludeType
TERMINATED = enums.WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED


def reset_request(s: Scenario, finish: int, id: str | None = None, run_id: str = "", **fields):
    request = ws.ResetWorkflowExecutionRequest(
        namespace=s.namespace,
        workflow_execution=WorkflowExecution(workflow_id=id or s.id(), run_id=run_id),
        reason="try again",
        workflow_task_finish_event_id=finish,
        request_id=str(uuid.uuid4()),
        identity="raw-client",
    )
    exclude = fields.pop("exclude", [])
    request.reset_reapply_exclude_types.extend(exclude)
    request.post_reset_operations.extend(fields.pop("operations", []))
    return with_fields(request, fields)


async def reset(s: Scenario, finish: int, id: str | None = None, run_id: str = "", **fields) -> str:
    return (await s.service.reset_workflow_execution(reset_request(s, finish, id, run_id, **fields))).run_id


def failed_by_reset(events: list[HistoryEvent]) -> dict:
    """What the event says that ends the shared history, without ids."""
    event = next(event for event in reversed(events) if type_name(event) == RESET)
    attributes = MessageToDict(event.workflow_task_failed_event_attributes)
    for name in ("baseRunId", "newRunId"):
        attributes[name] = bool(attributes.get(name))
    return attributes


def signals(events: list[HistoryEvent]) -> list[str]:
    return [
        event.workflow_execution_signaled_event_attributes.signal_name
        for event in events
        if type_name(event) == SIGNALED
    ]


@workflow.defn
class Purse:
    """Collects what signals bring until it is told to close."""

    def __init__(self) -> None:
        self.coins: list[str] = []
        self.closing = False

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: self.closing)
        return self.coins

    @workflow.signal
    def put(self, coin: str) -> None:
        self.coins.append(coin)

    @workflow.signal
    def close(self) -> None:
        self.closing = True

    @workflow.update
    def pay(self, coin: str) -> int:
        self.coins.append(coin)
        return len(self.coins)


async def test_a_closed_workflow_goes_on_from_its_first_task(s: Scenario):
    async with s.worker(Purse):
        handle = await s.start(Purse.run)
        await s.until_event("WorkflowTaskCompleted")
        for number, coin in enumerate(["a", "b"], 2):
            await handle.signal(Purse.put, coin)
            await s.until_event("WorkflowTaskCompleted", count=number)
        await handle.signal(Purse.close)
        assert await handle.result() == ["a", "b"]
        base = handle.result_run_id
        await s.refused(reset(s, 1), "INVALID_ARGUMENT")
        new = await reset(s, 4)
        assert new != base
        assert await s.client.get_workflow_handle(s.id(), run_id=new).result() == ["a", "b"]
    # All signals stand before the first task of the new run, in their order.
    events = await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, "
        f"{SIGNALED}, {SIGNALED}, {SIGNALED}, {TASK}, WorkflowExecutionCompleted",
        run_id=new,
    )
    assert signals(events) == ["put", "put", "close"]
    s.same("task failed by reset", failed_by_reset(events))
    s.same("fields of a signal that is there again", sorted(MessageToDict(events[4].workflow_execution_signaled_event_attributes)))
    old = await s.describe(run_id=base)
    assert old.workflow_extended_info.reset_run_id == new
    found = await s.describe(run_id=new)
    info, extended = found.workflow_execution_info, found.workflow_extended_info
    assert info.first_run_id == base and not extended.reset_run_id
    assert extended.original_start_time == old.workflow_execution_info.start_time
    assert info.start_time == extended.last_reset_time
    s.same("execution time is that of the start", info.execution_time == old.workflow_execution_info.execution_time)
    s.same("execution time is the start time", info.execution_time == info.start_time)
    # The old run is as it was.
    await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, {TASK}, {SIGNALED}, {TASK}, {SIGNALED}, {TASK}, {SIGNALED}, {TASK}, "
        "WorkflowExecutionCompleted",
        run_id=base,
    )


async def test_an_open_workflow_goes_on_from_its_middle(s: Scenario):
    async with s.worker(Purse):
        handle = await s.start(Purse.run)
        await s.until_event("WorkflowTaskCompleted")
        for number, coin in enumerate(["a", "b", "c"], 2):
            await handle.signal(Purse.put, coin)
            await s.until_event("WorkflowTaskCompleted", count=number)
        base = handle.result_run_id
        # The task that the first coin wanted.
        new = await reset(s, 8, exclude=[EXCLUDE.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL])
        old = await s.until_closed(run_id=base)
        assert old.workflow_execution_info.status == TERMINATED
        await s.until_event("WorkflowTaskCompleted", run_id=new, count=2)
        await handle.signal(Purse.close)
        assert await s.client.get_workflow_handle(s.id(), run_id=new).result() == ["a"]
    events = await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, {TASK}, {SIGNALED}, {TASK}, {SIGNALED}, {TASK}, {SIGNALED}, {TASK}, "
        "WorkflowExecutionTerminated",
        run_id=base,
    )
    s.same("terminated by reset", MessageToDict(events[-1].workflow_execution_terminated_event_attributes))
    await s.until_closed(run_id=new)
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, {SIGNALED}, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, "
        f"{TASK}, {SIGNALED}, {TASK}, WorkflowExecutionCompleted",
        run_id=new,
    )
    await s.refused(reset(s, 8, run_id=str(uuid.uuid4())), "NOT_FOUND")


async def test_a_reset_names_the_end_of_a_workflow_task(s: Scenario):
    worker = s.raw()
    await s.start_raw()
    await worker.step(start_timer("t", 1000))
    await s.signal_raw("one")
    await worker.step()
    # 1 Started, 2-4 task, 5 TimerStarted, 6 Signaled, 7-9 task.
    for finish in (-1, 0, 1, 10, 100):
        await s.refused(reset(s, finish), "INVALID_ARGUMENT")
    await s.refused(reset(s, 6), "INVALID_ARGUMENT")
    for finish in (2, 5, 7):
        # Temporal says in its own way that these are in the middle of what it stored together.
        await s.refused(reset(s, finish), "INVALID_ARGUMENT", own_words=True)
    await s.refused(reset(s, 4, request_id=""), "INVALID_ARGUMENT")
    await s.refused(reset(s, 4, id=s.id("other")), "NOT_FOUND")
    await s.refused(reset(s, 4, run_id="no-uuid"), "INVALID_ARGUMENT")
    await s.refused(reset(s, 4, namespace="nowhere"), "NOT_FOUND")
    await s.refused(reset(s, 4, reset_reapply_type=9), "INTERNAL", own_words=True)
    await s.assert_history(None, f"WorkflowExecutionStarted, {TASK}, TimerStarted, {SIGNALED}, {TASK}")


async def test_a_task_that_nobody_had_started_starts_and_fails(s: Scenario):
    worker = s.raw()
    base = (await s.start_raw()).run_id
    await worker.step(start_timer("t", 1000))
    await s.signal_raw("one")
    await worker.step()
    new = await reset(s, 8)
    events = await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, TimerStarted, {SIGNALED}, WorkflowTaskScheduled, WorkflowTaskStarted, "
        f"{RESET}, WorkflowTaskScheduled",
        run_id=new,
    )
    started = MessageToDict(events[7].workflow_task_started_event_attributes)
    s.same("started by the reset", {k: v for k, v in started.items() if k != "historySizeBytes"})
    s.same("failed by the reset", failed_by_reset(events))
    await s.refused(reset(s, 100, run_id=base), "INVALID_ARGUMENT")
    task = await worker.poll()
    assert task.attempt == 1 and task.previous_started_event_id == 3
    assert [event.event_id for event in task.history.events] == list(range(1, 12))
    await worker.complete(task, complete_workflow())


async def test_an_activity_that_was_pending_is_offered_again(s: Scenario):
    worker = s.raw()
    base = (await s.start_raw()).run_id
    await worker.step(schedule_activity("a", s.queue, start_to_close_timeout=100))
    held = await worker.poll_activity()
    await s.signal_raw("look")
    await worker.step()
    # The place is after the activity was scheduled: 5 ActivityTaskScheduled, 6 Signaled, 7-9 task.
    new = await reset(s, 9)
    again = await worker.poll_activity()
    assert again.workflow_execution.run_id == new and again.attempt == 1
    await s.refused(worker.complete_activity(held.task_token, "late"), "NOT_FOUND")
    await worker.complete_activity(again.task_token, "done")
    await worker.step()
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, {SIGNALED}, WorkflowTaskScheduled, "
        f"WorkflowTaskStarted, {RESET}, WorkflowTaskScheduled, ActivityTaskStarted, ActivityTaskCompleted, "
        "WorkflowTaskStarted, WorkflowTaskCompleted",
        run_id=new,
    )
    found = await s.describe(run_id=base)
    assert found.workflow_extended_info.reset_run_id == new


async def test_signals_and_a_signal_of_the_reset_itself(s: Scenario):
    worker = s.raw()
    await s.start_raw()
    await worker.step()
    await s.signal_raw("one")
    await s.signal_raw("two")
    new = await reset(s, 4)
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, {SIGNALED}, {SIGNALED}, "
        "WorkflowTaskScheduled",
        run_id=new,
    )
    # None is reapplied when the older field says so.
    bare = await reset(s, 4, reset_reapply_type=enums.ResetReapplyType.RESET_REAPPLY_TYPE_NONE)
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, WorkflowTaskScheduled",
        run_id=bare,
    )
    await s.refused(reset(s, 4, run_id=str(uuid.uuid4())), "NOT_FOUND")


async def test_events_that_waited_for_the_task_are_reapplied(s: Scenario):
    worker = s.raw()
    base = (await s.start_raw()).run_id
    await worker.step()
    await s.signal_raw("one")
    task = await worker.poll()
    await s.signal_raw("buffered")
    new = await reset(s, 4)
    await s.refused(worker.complete(task, complete_workflow()), "NOT_FOUND")
    events = await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, {SIGNALED}, WorkflowTaskScheduled, WorkflowTaskStarted, "
        f"WorkflowTaskFailed, {SIGNALED}, WorkflowExecutionTerminated",
        run_id=base,
    )
    s.same("task that was cut short", MessageToDict(events[-3].workflow_task_failed_event_attributes))
    events = await s.assert_history(
        None,
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, {SIGNALED}, {SIGNALED}, "
        "WorkflowTaskScheduled",
        run_id=new,
    )
    assert signals(events) == ["one", "buffered"]


async def test_signals_of_runs_that_followed_are_reapplied(s: Scenario):
    worker = s.raw()
    base = (await s.start_raw()).run_id
    await worker.step()
    await s.signal_raw("one")
    await worker.step(continue_as_new())
    await s.signal_raw("two")
    await worker.step()
    await s.signal_raw("three")
    new = await reset(s, 4, run_id=base)
    events = await s.assert_history(
        None,
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, {SIGNALED}, {SIGNALED}, "
        f"{SIGNALED}, WorkflowTaskScheduled",
        run_id=new,
    )
    assert signals(events) == ["one", "two", "three"]
    await s.refused(reset(s, 1), "INVALID_ARGUMENT")


async def test_an_update_is_admitted_again(s: Scenario):
    async with s.worker(Purse, max_cached_workflows=0):
        handle = await s.start(Purse.run)
        await s.until_event("WorkflowTaskCompleted")
        assert await handle.execute_update(Purse.pay, "a", id="u1") == 1
        assert await handle.execute_update(Purse.pay, "b", id="u2") == 2
        new = await reset(s, 4)
        again = s.client.get_workflow_handle(s.id(), run_id=new)
        # Callers that ask again hear what came of it in the new run.
        assert await again.get_update_handle("u2").result() == 2
        await again.signal(Purse.close)
        assert await again.result() == ["a", "b"]
        bare = await reset(s, 4, run_id=handle.result_run_id, exclude=[EXCLUDE.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE])
        again = s.client.get_workflow_handle(s.id(), run_id=bare)
        await again.signal(Purse.close)
        assert await again.result() == []
        await s.refused(again.get_update_handle("u1").result(), "NOT_FOUND")
    events = await s.events(run_id=new)
    admitted = [event for event in events if type_name(event) == "WorkflowExecutionUpdateAdmitted"]
    assert [event.workflow_execution_update_admitted_event_attributes.request.meta.update_id for event in admitted] == [
        "u1",
        "u2",
    ]
    s.same("origin", admitted[0].workflow_execution_update_admitted_event_attributes.origin)
    accepted = [event for event in events if type_name(event) == "WorkflowExecutionUpdateAccepted"]
    assert not any(
        event.workflow_execution_update_accepted_event_attributes.HasField("accepted_request") for event in accepted
    )
    completed = "WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateCompleted"
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, "
        f"WorkflowExecutionUpdateAdmitted, WorkflowExecutionUpdateAdmitted, {TASK}, {completed}, {completed}, "
        f"{SIGNALED}, {TASK}, WorkflowExecutionCompleted",
        run_id=new,
    )


async def test_a_child_that_was_running_reports_to_the_new_run(s: Scenario):
    worker = s.raw()
    base = (await s.start_raw()).run_id
    kid = s.id("kid")
    await worker.step(start_child(kid, s.queue, type_name="Kid"))
    tasks = [await worker.poll(), await worker.poll()]
    tasks.sort(key=lambda task: task.workflow_type.name)
    child, parent = tasks
    await worker.complete(parent)
    # 5 Initiated, 6 ChildStarted, 7-9 task.
    new = await reset(s, 9)
    task = await worker.poll()
    assert task.workflow_execution.run_id == new
    await worker.complete(task)
    found = await s.describe(kid)
    assert found.workflow_execution_info.status == enums.WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING
    await worker.complete(child, complete_workflow("grown up"))
    task = await worker.poll()
    assert task.workflow_execution.run_id == new
    await worker.complete(task, complete_workflow())
    events = await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted, "
        f"WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, {TASK}, ChildWorkflowExecutionCompleted, {TASK}, "
        "WorkflowExecutionCompleted",
        run_id=new,
    )
    assert events[12].child_workflow_execution_completed_event_attributes.started_event_id == 6
    await s.refused(reset(s, 9, run_id=str(uuid.uuid4())), "NOT_FOUND")
    assert (await s.describe(run_id=base)).workflow_extended_info.reset_run_id == new


async def test_what_a_child_came_to_is_reapplied(s: Scenario):
    worker = s.raw()
    await s.start_raw()
    kid = s.id("kid")
    await worker.step(start_child(kid, s.queue, type_name="Kid"))
    tasks = [await worker.poll(), await worker.poll()]
    tasks.sort(key=lambda task: task.workflow_type.name)
    child, parent = tasks
    await worker.complete(parent)
    await worker.complete(child, complete_workflow("grown up"))
    await worker.step(start_timer("t", 1000))
    new = await reset(s, 9)
    events = await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted, "
        f"WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, ChildWorkflowExecutionCompleted, WorkflowTaskScheduled",
        run_id=new,
    )
    result = events[9].child_workflow_execution_completed_event_attributes
    assert (result.initiated_event_id, result.started_event_id) == (5, 6)
    assert result.result == payloads("grown up")
    await s.refused(reset(s, 1), "INVALID_ARGUMENT")


async def test_the_parent_of_a_reset_child_learns_its_result(s: Scenario):
    worker = s.raw()
    await s.start_raw()
    kid = s.id("kid")
    await worker.step(start_child(kid, s.queue, type_name="Kid"))
    tasks = [await worker.poll(), await worker.poll()]
    tasks.sort(key=lambda task: task.workflow_type.name)
    child, parent = tasks
    await worker.complete(parent)
    await worker.complete(child)
    await s.refused(reset(s, 99, id=kid), "INVALID_ARGUMENT")
    new = await reset(s, 4, id=kid)
    task = await worker.poll()
    assert task.workflow_execution.run_id == new
    await worker.complete(task, complete_workflow("second life"))
    task = await worker.poll()
    await worker.complete(task, complete_workflow())
    events = await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted, "
        f"{TASK}, ChildWorkflowExecutionCompleted, {TASK}, WorkflowExecutionCompleted",
    )
    attributes = events[9].child_workflow_execution_completed_event_attributes
    assert attributes.result == payloads("second life")
    s.same("run that the parent is told of is the new one", attributes.workflow_execution.run_id == new)


async def test_a_timer_keeps_its_time(s: Scenario):
    worker = s.raw()
    await s.start_raw()
    await worker.step(start_timer("t", 1))
    await s.signal_raw("one")
    await worker.step()
    await s.until_event("TimerFired")
    await worker.step()
    # 5 TimerStarted, 6 Signaled, 7-9 task, 10 TimerFired: it fires again at once.
    new = await reset(s, 9)
    await s.until_event("TimerFired", run_id=new)
    await worker.step(complete_workflow())
    events = await s.events(run_id=new)
    assert events[-1].HasField("workflow_execution_completed_event_attributes")
    await s.refused(reset(s, 1), "INVALID_ARGUMENT")
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, TimerStarted, {SIGNALED}, WorkflowTaskScheduled, WorkflowTaskStarted, "
        f"{RESET}, WorkflowTaskScheduled, TimerFired, WorkflowTaskStarted, WorkflowTaskCompleted, "
        "WorkflowExecutionCompleted",
        run_id=new,
    )


async def test_a_reset_run_may_be_reset_again(s: Scenario):
    worker = s.raw()
    await s.start_raw()
    await worker.step()
    await s.signal_raw("one")
    await worker.step()
    first = await reset(s, 8)
    await worker.step()
    second = await reset(s, 11)
    await worker.step(complete_workflow())
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, {SIGNALED}, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, "
        f"WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, {TASK}, WorkflowExecutionCompleted",
        run_id=second,
    )
    # Before the place where the first one was divided.
    third = await reset(s, 4, run_id=second)
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, {SIGNALED}, "
        "WorkflowTaskScheduled",
        run_id=third,
    )
    assert (await s.describe(run_id=first)).workflow_extended_info.reset_run_id == second
    await s.refused(reset(s, 12, run_id=first, namespace="nowhere"), "NOT_FOUND")


async def test_a_repeated_reset_is_the_same_reset(s: Scenario):
    worker = s.raw()
    base = (await s.start_raw()).run_id
    await worker.step()
    request = reset_request(s, 4, run_id=base)
    first = (await s.service.reset_workflow_execution(request)).run_id
    again = (await s.service.reset_workflow_execution(request)).run_id
    # Temporal 1.32 resets once more.
    assert (first == again) != s.launch.is_oracle
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, WorkflowTaskScheduled",
        run_id=again,
    )
    await s.refused(reset(s, 1), "INVALID_ARGUMENT")


@server_dies
async def test_a_reset_outlives_the_server(s: Scenario):
    worker = s.raw()
    base = (await s.start_raw()).run_id
    await worker.step(schedule_activity("a", s.queue, start_to_close_timeout=100))
    await s.signal_raw("one")
    await worker.step()
    await s.signal_raw("two")
    new = await reset(s, 9)
    await s.restart_server()
    # The activity that was pending is there, and so is the task; the old run is as it ended.
    activity = await worker.poll_activity()
    assert activity.workflow_execution.run_id == new
    await worker.complete_activity(activity.task_token, "done")
    task = await worker.poll()
    assert task.workflow_execution.run_id == new and task.previous_started_event_id == 3
    await s.restart_server()
    await worker.complete(task, complete_workflow())
    await s.restart_server()
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, {SIGNALED}, WorkflowTaskScheduled, "
        f"WorkflowTaskStarted, {RESET}, {SIGNALED}, WorkflowTaskScheduled, ActivityTaskStarted, "
        "ActivityTaskCompleted, WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted",
        run_id=new,
    )
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, {SIGNALED}, {TASK}, {SIGNALED}, "
        "WorkflowTaskScheduled, WorkflowExecutionTerminated",
        run_id=base,
    )
    await s.refused(reset(s, 1), "INVALID_ARGUMENT")


@server_dies
async def test_resets_whose_answers_are_lost_are_asked_again(s: Scenario):
    worker = s.raw()
    base = (await s.start_raw()).run_id
    await worker.step()
    await s.signal_raw("one")
    requests = [reset_request(s, 4) for _ in range(3)]

    async def answered(request) -> str | None:
        try:
            return (await s.service.reset_workflow_execution(request)).run_id
        except RPCError as error:
            assert error.status.name in ("UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "UNKNOWN"), error
            return None

    runs = [base]
    for request in requests:
        asked = asyncio.create_task(answered(request))
        await s.restart_server()
        await asked
        runs.append(await s.until(lambda: answered(request), "the reset to be answered"))
    # Whatever was lost on the way, the last one is current, and the signal is in it once.
    found = await s.describe()
    assert found.workflow_execution_info.execution.run_id == runs[-1]
    events = await s.assert_history(
        None,
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, {SIGNALED}, "
        "WorkflowTaskScheduled",
    )
    assert signals(events) == ["one"]
    for run in runs[:-1]:
        assert (await s.describe(run_id=run)).workflow_execution_info.status == TERMINATED
    await s.refused(reset(s, 1), "INVALID_ARGUMENT")


async def wfctl(s: Scenario, verb: str, *arguments: str) -> tuple[int, dict]:
    assert s.launch.wfctl_bin, "say with --wfctl-bin which wfctl"
    process = await asyncio.create_subprocess_exec(
        s.launch.wfctl_bin, "workflow", verb, s.id(), *arguments, "--address", s.address, "--output", "json",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    stdout, _ = await process.communicate()
    return process.returncode or 0, json.loads(stdout) if stdout and not process.returncode else {}


async def test_wfctl_resets_to_a_task_and_to_any_event(s: Scenario):
    worker = s.raw()
    base = (await s.start_raw()).run_id
    await worker.step(schedule_activity("a", s.queue, start_to_close_timeout=100), start_timer("t", 1000))
    await s.signal_raw("one")
    await worker.step()
    activity = await worker.poll_activity()
    await worker.complete_activity(activity.task_token, "done")
    await worker.step()
    shared = f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, TimerStarted, {SIGNALED}"
    await s.assert_history(None, f"{shared}, {TASK}, ActivityTaskStarted, ActivityTaskCompleted, {TASK}", run_id=base)
    code, plan = await wfctl(s, "reset", "--event", "12", "--dry-run")
    if s.launch.is_oracle:
        assert code != 0, "only Weft resets to any event"
    else:
        assert code == 0 and plan["keptUpTo"] == 9 and plan["runAgain"] == []
        assert [it["eventId"] for it in plan["reapplied"]] == [11, 12]
        assert [it["eventId"] for it in plan["dropped"]][:4] == [10, 13, 14, 15]
        assert (await s.describe()).workflow_execution_info.execution.run_id == base
        # The result that came after the task is there, and the signal of the reset itself.
        code, done = await wfctl(s, "reset", "--event", "12", "--signal", "hurry", "--input", "7", "--reason", "slow")
        assert code == 0
        events = await s.assert_history(
            None,
            f"{shared}, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, ActivityTaskStarted, "
            f"ActivityTaskCompleted, {SIGNALED}, WorkflowTaskScheduled",
            run_id=done["runId"],
            order=Order.OWN,
        )
        assert events[11].activity_task_completed_event_attributes.started_event_id == 11
        assert signals(events) == ["one", "hurry"]
        code, _ = await wfctl(s, "reset", "--event", "3", "--run-id", base)
        assert code != 0, "no workflow task ended before event 3"
    code, done = await wfctl(s, "reset", "--to", "last", "--run-id", base)
    assert code == 0
    await s.assert_history(
        None,
        f"{shared}, {TASK}, ActivityTaskStarted, ActivityTaskCompleted, WorkflowTaskScheduled, WorkflowTaskStarted, "
        f"{RESET}, WorkflowTaskScheduled",
        run_id=done["runId"],
    )
    code, done = await wfctl(s, "reset", "--to", "first", "--run-id", base, "--exclude", "signals")
    assert code == 0
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, WorkflowTaskScheduled",
        run_id=done["runId"],
    )
    if not s.launch.is_oracle:
        # The chain of hashes goes on from the middle of the old run's, of which nothing was changed.
        for run in (base, done["runId"]):
            code, verified = await wfctl(s, "verify", "--run-id", run)
            assert code == 0, verified
    await s.refused(reset(s, 1), "INVALID_ARGUMENT")
