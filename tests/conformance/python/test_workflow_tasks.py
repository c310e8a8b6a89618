"""The life of workflow tasks: failures and transient attempts, stickiness, buffering, tokens, commands that make no sense."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest
import temporalio.api.command.v1 as command
import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.duration_pb2 import Duration
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.service import RPCError, RPCStatusCode

from harness.history import ACTIVITY, TASK, type_name, types
from harness.raw import (
    cancel_activity,
    cancel_timer,
    complete_workflow,
    execution,
    marker,
    payload,
    schedule_activity,
    seconds,
    start_timer,
    upsert_search_attributes,
)
from harness.scenario import Scenario

Cause = enums.WorkflowTaskFailedCause


def failed_cause(event: HistoryEvent) -> str:
    cause = event.workflow_task_failed_event_attributes.cause
    return Cause.Name(cause).removeprefix("WORKFLOW_TASK_FAILED_CAUSE_")


@workflow.defn
class BugUntilFixed:
    """Fails its workflow task, not itself, until somebody fixes the bug."""

    broken = True

    @workflow.run
    async def run(self) -> str:
        if BugUntilFixed.broken and not workflow.unsafe.is_replaying():
            raise RuntimeError("a bug in the workflow's code")
        return "fixed"


async def test_a_failing_workflow_task_is_written_once_and_tried_again(s: Scenario):
    async with s.worker(BugUntilFixed):
        handle = await s.start(BugUntilFixed.run, task_timeout=timedelta(seconds=2))
        failed = await s.until_event("WorkflowTaskFailed")
        assert failed_cause(failed) == "WORKFLOW_WORKER_UNHANDLED_FAILURE"
        assert failed.workflow_task_failed_event_attributes.failure.message == "a bug in the workflow's code"

        async def second_attempt() -> bool:
            return (await s.describe()).pending_workflow_task.attempt >= 2

        await s.until(second_attempt, "the second attempt")
        await s.assert_history(
            handle, "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed"
        )
        BugUntilFixed.broken = False
        assert await handle.result() == "fixed"
    events = await s.assert_history(
        handle,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed,"
        f" {TASK}, WorkflowExecutionCompleted",
    )
    assert events[4].workflow_task_scheduled_event_attributes.attempt >= 2
    await s.refused(handle.terminate(), "NOT_FOUND", "workflow execution already completed", "NotFoundFailure")


async def test_a_transient_attempt_is_shown_to_its_worker_but_not_written(s: Scenario):
    raw = s.raw()
    await s.start_raw(workflow_task_timeout=seconds(5))
    tasks = []
    for attempt in (1, 2, 3):
        task = await raw.poll()
        tasks.append(task)
        assert task.attempt == attempt
        assert types(task.history.events)[-2:] == ["WorkflowTaskScheduled", "WorkflowTaskStarted"]
        assert task.history.events[-1].event_id == task.started_event_id
        await raw.fail(task)
        await s.assert_history(
            s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed"
        )
    await s.refused(raw.fail(tasks[1]), "NOT_FOUND", "Workflow task not found.", "NotFoundFailure")
    # Something new makes the next task an ordinary one.
    await s.signal_raw("news")
    task = await raw.poll()
    assert task.attempt == 1
    await raw.complete(task, complete_workflow("at last"))
    await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed,"
        f" WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted",
    )


async def test_a_workflow_task_that_nobody_answers_times_out(s: Scenario):
    raw = s.raw()
    await s.start_raw(workflow_task_timeout=seconds(2))
    held = await raw.poll()
    await s.until_event("WorkflowTaskTimedOut")
    await s.refused(raw.complete(held, complete_workflow()), "NOT_FOUND", "Workflow task not found.", "NotFoundFailure")
    task = await raw.poll()
    assert task.attempt == 2
    await raw.complete(task, complete_workflow("second"))
    events = await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskTimedOut,"
        f" {TASK}, WorkflowExecutionCompleted",
    )
    timed_out = events[3].workflow_task_timed_out_event_attributes
    assert timed_out.timeout_type == enums.TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE


@workflow.defn
class Conversation:
    """Answers signals until it hears "bye"; each of them is a workflow task of its own."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: "bye" in self.heard)
        return self.heard

    @workflow.signal
    def say(self, word: str) -> None:
        self.heard.append(word)


async def converse(s: Scenario, **options) -> None:
    async with s.worker(Conversation, **options):
        handle = await s.start(Conversation.run)
        for count, word in enumerate(["hello", "again", "bye"], start=1):
            await s.until_event("WorkflowTaskCompleted", count=count)
            await handle.signal(Conversation.say, word)
        assert await handle.result() == ["hello", "again", "bye"]
    await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionSignaled, {TASK},"
        f" WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted",
    )
    await s.refused(
        handle.signal(Conversation.say, "late"), "NOT_FOUND", "workflow execution already completed", "NotFoundFailure"
    )


async def test_a_worker_with_a_cache_gets_only_news(s: Scenario):
    await converse(s)


async def test_a_worker_without_a_cache_gets_everything(s: Scenario):
    await converse(s, max_cached_workflows=0)


async def test_a_sticky_task_carries_only_what_is_new(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    # The sticky queue must have been polled lately, else the server goes straight to the normal one.
    early = asyncio.create_task(raw.poll(sticky=True))
    await raw.step(sticky=10)
    await s.signal_raw("one")
    task = await early
    assert types(task.history.events) == [
        "WorkflowTaskCompleted", "WorkflowExecutionSignaled", "WorkflowTaskScheduled", "WorkflowTaskStarted",
    ]  # fmt: skip
    s.record("sticky-task", task)
    assert (task.previous_started_event_id, task.attempt) == (3, 1)
    await raw.complete(task, sticky=10)

    reset = ws.ResetStickyTaskQueueRequest(namespace=s.namespace, execution=execution(s.id()))
    await s.service.reset_sticky_task_queue(reset)
    await s.signal_raw("two")
    task = await raw.poll()
    assert len(task.history.events) == task.started_event_id, "after a reset the whole history is delivered"
    await raw.complete(task, complete_workflow())
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionSignaled, {TASK},"
        " WorkflowExecutionCompleted",
    )
    await s.refused(s.service.reset_sticky_task_queue(reset), "NOT_FOUND", detail="NotFoundFailure")


async def test_a_sticky_task_that_nobody_takes_goes_to_the_normal_queue(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    early = asyncio.create_task(raw.poll(sticky=True))
    first = await raw.step(sticky=1)
    await s.signal_raw("one")
    await raw.complete(await early, sticky=1)
    # Nobody polls the sticky queue any more, but somebody did a moment ago.
    await s.signal_raw("two")
    task = await raw.poll()
    assert len(task.history.events) == task.started_event_id
    await raw.complete(task, complete_workflow())
    events = await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionSignaled,"
        f" WorkflowTaskScheduled, WorkflowTaskTimedOut, {TASK}, WorkflowExecutionCompleted",
    )
    timed_out = events[10].workflow_task_timed_out_event_attributes
    assert timed_out.timeout_type == enums.TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START
    await s.refused(raw.complete(first, complete_workflow()), "NOT_FOUND", detail="NotFoundFailure")


async def test_a_worker_that_shuts_down_gives_its_sticky_queue_back(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    early = asyncio.create_task(raw.poll(sticky=True))
    await raw.step(sticky=10)
    await s.signal_raw("one")
    await raw.complete(await early, sticky=10)
    await s.service.shutdown_worker(
        ws.ShutdownWorkerRequest(
            namespace=s.namespace, sticky_task_queue=raw.sticky_queue, identity=raw.identity, reason="test"
        )
    )
    await s.signal_raw("two")
    task = await raw.poll()
    assert len(task.history.events) == task.started_event_id
    await raw.complete(task, complete_workflow())
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionSignaled, {TASK},"
        " WorkflowExecutionCompleted",
    )
    await s.refused(
        s.service.shutdown_worker(ws.ShutdownWorkerRequest(namespace="nowhere-" + s.nonce)),
        "NOT_FOUND",
        detail="NamespaceNotFoundFailure",
    )


async def test_a_workflow_cannot_close_over_news_it_has_not_seen(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    task = await raw.poll()
    await s.signal_raw("news")
    refusal = await s.refused(raw.complete(task, complete_workflow("too early")), "INVALID_ARGUMENT")
    assert refusal.message == "UnhandledCommand", refusal.message
    await raw.step(complete_workflow("now"))
    events = await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed,"
        f" WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted",
    )
    assert failed_cause(events[3]) == "UNHANDLED_COMMAND"


async def test_what_comes_during_a_task_is_written_after_it(s: Scenario):
    """Results of activities go behind everything else that was buffered; that they were started does not."""
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue))
    activity = await raw.poll_activity()
    await s.signal_raw("first")
    task = await raw.poll()
    await raw.complete_activity(activity.task_token, "done")
    await s.signal_raw("second")
    await raw.complete(task, marker("decided"))
    task = await raw.poll()
    await raw.complete(task, complete_workflow())
    events = await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, WorkflowExecutionSignaled, {TASK}, MarkerRecorded,"
        " ActivityTaskStarted, WorkflowExecutionSignaled, ActivityTaskCompleted,"
        f" {TASK}, WorkflowExecutionCompleted",
    )
    assert events[11].workflow_execution_signaled_event_attributes.signal_name == "second"
    await s.refused(raw.complete_activity(activity.task_token, "again"), "NOT_FOUND", detail="NotFoundFailure")


async def test_a_new_task_can_come_back_with_the_answer(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    task = await raw.poll()
    # Forced: a heartbeat, as local activities send it. Its next task starts at once, in the answer.
    answer = await raw.complete(task, force_new=True, return_new=True, sticky=10)
    inline = answer.workflow_task
    assert inline.task_token and inline.attempt == 1
    s.record("inline-task", inline)
    assert types(inline.history.events) == ["WorkflowTaskCompleted", "WorkflowTaskScheduled", "WorkflowTaskStarted"]
    # News during the task: the answer brings a task that shows it.
    await s.signal_raw("news")
    answer = await raw.complete(inline, return_new=True, sticky=10)
    assert "WorkflowExecutionSignaled" in types(answer.workflow_task.history.events)
    # Nothing new and nothing forced: no task.
    answer = await raw.complete(answer.workflow_task, return_new=True, sticky=10)
    assert not answer.HasField("workflow_task")
    await s.signal_raw("last")
    await s.refused(
        raw.complete(inline, complete_workflow()), "NOT_FOUND", "Workflow task not found.", "NotFoundFailure"
    )
    await raw.step(complete_workflow())
    events = await s.events()
    expected = (
        f"WorkflowExecutionStarted, {TASK}, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionSignaled, {TASK},"
        " WorkflowExecutionCompleted"
    )
    await s.assert_history(s.id(), expected)
    assert len(events) == 16


async def test_a_poll_that_nobody_answers_ends_empty(s: Scenario):
    """An idle poll is answered with an empty message before its caller's deadline, never with an error."""
    raw = s.raw()
    assert not (await raw.poll_once(seconds=3)).task_token
    assert not (await raw.poll_activity_once(seconds=3)).task_token
    await s.refused(raw.poll_once(seconds=0.9), "FAILED_PRECONDITION")
    raw.queue = ""
    await s.refused(raw.poll_once(), "INVALID_ARGUMENT")
    await s.refused(raw.poll_activity_once(), "INVALID_ARGUMENT")
    raw.queue = "q" * 1001
    await s.refused(raw.poll_once(), "INVALID_ARGUMENT")
    raw.queue, raw.identity = s.queue, "i" * 1001
    await s.refused(raw.poll_once(), "INVALID_ARGUMENT")
    await s.start_raw()
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled")


async def test_a_task_token_fences(s: Scenario):
    """A token answers once, for the task it was made for, and garbage is told from a task that is gone."""
    raw = s.raw()
    await s.start_raw()
    task = await raw.poll()
    for token in (b"garbage", b"\xff" * 64):
        await s.refused(raw.complete(token, complete_workflow()), "INVALID_ARGUMENT")
    await s.refused(raw.complete(b"", complete_workflow()), "INVALID_ARGUMENT")
    await raw.complete(task, start_timer("t", 0.05))
    await raw.step()
    # Weft answers a repeat of the last accepted completion as it did the first time; a later one was accepted here, so
    # that both servers refuse.
    await s.refused(raw.complete(task, start_timer("u", 1)), "NOT_FOUND", "Workflow task not found.", "NotFoundFailure")
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, TimerStarted, TimerFired, {TASK}")


async def test_a_repeated_answer_is_taken_once(s: Scenario):
    """A worker that lost the answer to its answer sends it again. Temporal finds no such task; Weft says again what it
    said, as long as that answer is the last one it took. Both write it once."""

    async def again(call: Awaitable[Any]) -> None:
        if s.launch.is_oracle:
            with pytest.raises(RPCError) as refusal:
                await call
            assert refusal.value.status == RPCStatusCode.NOT_FOUND
        else:
            await call

    raw = s.raw()
    await s.start_raw()
    first = await raw.step(schedule_activity("a", s.queue))
    await again(raw.complete(first, schedule_activity("a", s.queue)))
    activity_task = await raw.poll_activity()
    await raw.complete_activity(activity_task.task_token, "done")
    await again(raw.complete_activity(activity_task.task_token, "done"))
    last = await raw.step(complete_workflow("once"))
    await again(raw.complete(last, complete_workflow("once")))
    await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, WorkflowExecutionCompleted"
    )
    await s.refused(raw.complete(first, complete_workflow()), "NOT_FOUND", "Workflow task not found.", "NotFoundFailure")


NONSENSE = {
    "no attributes": command.Command(command_type=enums.CommandType.COMMAND_TYPE_START_TIMER),
    "timer without id": start_timer("", 1),
    "timer with a long id": start_timer("t" * 1001, 1),
    "negative timer": command.Command(
        command_type=enums.CommandType.COMMAND_TYPE_START_TIMER,
        start_timer_command_attributes=command.StartTimerCommandAttributes(
            timer_id="n", start_to_fire_timeout=Duration(seconds=-1)
        ),
    ),
    "cancel of an unknown timer": cancel_timer("unknown"),
    "cancel of an unknown activity": cancel_activity(99),
    "marker without name": marker(""),
    "activity without id": schedule_activity("", "queue"),
    "activity without type": schedule_activity("a", "queue", type_name=""),
    "activity without timeout": schedule_activity("a", "queue", start_to_close_timeout=None),
    "activity without queue": schedule_activity("a", ""),
    "activity with a negative timeout": schedule_activity("a", "queue", start_to_close_timeout=-1),
    "activity with a long id": schedule_activity("a" * 1001, "queue"),
    "unknown search attribute": upsert_search_attributes(NoSuchAttribute=payload("x")),
    "search attribute of the wrong type": upsert_search_attributes(
        BatcherUser=Payload(metadata={"encoding": b"json/plain", "type": b"Int"}, data=b"5")
    ),
    "failure without failure": command.Command(
        command_type=enums.CommandType.COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION,
        fail_workflow_execution_command_attributes=command.FailWorkflowExecutionCommandAttributes(),
    ),
}


async def test_commands_that_make_no_sense_fail_their_task(s: Scenario):
    """Each gets its own workflow; the task fails with its cause, the worker is told, and nothing of the commands stays."""
    for index, (what, nonsense) in enumerate(NONSENSE.items()):
        raw = s.raw(f"{s.queue}-{index}")
        workflow_id = s.id(str(index))
        await s.start_raw(workflow_id, task_queue={"name": raw.queue})
        task = await raw.poll()
        await s.refused(raw.complete(task, marker("before"), nonsense), "INVALID_ARGUMENT")
        events = await s.assert_history(
            workflow_id, "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed"
        )
        s.same(f"cause of {what}", failed_cause(events[-1]))
        # The next attempt may do the same: the worker is told again, and nothing more is written.
        task = await raw.poll()
        assert task.attempt == 2, what
        await s.refused(raw.complete(task, nonsense), "INVALID_ARGUMENT")
        assert len(await s.events(workflow_id)) == 4, what


async def test_duplicate_ids_fail_the_task(s: Scenario):
    for suffix, twice, cause in (
        ("timer", start_timer("same", 10), "START_TIMER_DUPLICATE_ID"),
        ("activity", schedule_activity("same", s.queue), "SCHEDULE_ACTIVITY_DUPLICATE_ID"),
    ):
        raw = s.raw(f"{s.queue}-{suffix}")
        await s.start_raw(s.id(suffix), task_queue={"name": raw.queue})
        task = await raw.poll()
        await s.refused(raw.complete(task, twice, twice), "INVALID_ARGUMENT")
        events = await s.assert_history(
            s.id(suffix), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed"
        )
        assert failed_cause(events[-1]) == cause


async def test_a_completion_that_cannot_be_read_changes_nothing(s: Scenario):
    """The whole call is refused; the task is still there and can be answered properly."""
    raw = s.raw()
    await s.start_raw()
    task = await raw.poll()
    for commands in (
        [complete_workflow(), start_timer("t", 1)],
        [complete_workflow(), complete_workflow()],
        [command.Command(command_type=0)],
        [command.Command(command_type=999)],
    ):
        await s.refused(raw.complete(task, *commands), "INVALID_ARGUMENT")
    pending = (await s.describe()).pending_workflow_task
    assert pending.state == enums.PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED
    await raw.complete(task, complete_workflow())
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")


async def test_a_long_history_asks_for_continue_as_new(s: Scenario):
    """4,096 events: the server suggests to continue as new, and pages of 256 carry the history to the worker."""
    raw = s.raw()
    await s.start_raw()
    task = await raw.poll()
    for batch in range(4):
        started = task.history.events[-1].workflow_task_started_event_attributes
        assert not started.suggest_continue_as_new
        markers = [marker(f"m-{batch}-{n}") for n in range(1030)]
        task = (await raw.complete(task, *markers, force_new=True, return_new=True, sticky=10)).workflow_task
        await raw.read_rest(task)
    assert task.history.events[-1].workflow_task_started_event_attributes.suggest_continue_as_new
    await s.refused(raw.complete(task.task_token + b"x", complete_workflow()), "INVALID_ARGUMENT")
    await s.service.reset_sticky_task_queue(
        ws.ResetStickyTaskQueueRequest(namespace=s.namespace, execution=execution(s.id()))
    )
    await raw.fail(task)
    task = await raw.poll()
    events = task.history.events
    assert [e.event_id for e in events] == list(range(1, len(events) + 1))
    await raw.complete(task, complete_workflow())
    await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, "
        + f"{TASK}, MarkerRecorded*1030, " * 4
        + f"WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, {TASK}, WorkflowExecutionCompleted",
    )
    assert type_name(events[-1]) == "WorkflowTaskStarted"
