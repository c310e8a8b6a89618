"""Timers: firing, many at once, cancelling, and the race between the two."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio import workflow

from harness.history import TASK, types
from harness.raw import cancel_timer, complete_workflow, marker, start_timer
from harness.scenario import Order, Scenario


@workflow.defn
class Sleepy:
    @workflow.run
    async def run(self, seconds: float) -> float:
        before = workflow.now()
        await asyncio.sleep(seconds)
        return (workflow.now() - before).total_seconds()


async def test_a_timer_fires_when_it_is_due(s: Scenario):
    async with s.worker(Sleepy):
        handle = await s.start(Sleepy.run, 1.0)
        assert 1.0 <= await handle.result() < 10
    events = await s.assert_history(
        handle, f"WorkflowExecutionStarted, {TASK}, TimerStarted, TimerFired, {TASK}, WorkflowExecutionCompleted"
    )
    assert events[4].timer_started_event_attributes.start_to_fire_timeout == Duration(seconds=1)
    waited = events[5].event_time.ToNanoseconds() - events[4].event_time.ToNanoseconds()
    assert waited >= 1e9, f"fired after {waited} ns"
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


@workflow.defn
class ManyTimers:
    @workflow.run
    async def run(self, count: int) -> list[int]:
        fired: list[int] = []

        async def one(n: int) -> None:
            await asyncio.sleep(0.1 + 0.02 * n)
            fired.append(n)

        await asyncio.gather(*(one(n) for n in range(count)))
        return fired


async def test_many_timers_fire_in_the_order_in_which_they_are_due(s: Scenario):
    async with s.worker(ManyTimers):
        handle = await s.start(ManyTimers.run, 40)
        assert await handle.result() == list(range(40))
    names = types(await s.events())
    assert names[4:44] == ["TimerStarted"] * 40 and names.count("TimerFired") == 40
    # How many of them share a workflow task is a matter of timing; that nothing else is written is not.
    assert set(names) == {
        "WorkflowExecutionStarted", *TASK.split(", "), "TimerStarted", "TimerFired", "WorkflowExecutionCompleted",
    }  # fmt: skip
    await s.assert_history(handle, ", ".join(names), order=Order.TIMING)
    await s.refused(handle.terminate(), "NOT_FOUND", "workflow execution already completed")


@workflow.defn
class Impatient:
    def __init__(self) -> None:
        self.told = False

    @workflow.signal
    def hurry(self) -> None:
        self.told = True

    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.wait_condition(lambda: self.told, timeout=timedelta(minutes=5))
            return "hurried"
        except asyncio.TimeoutError:
            return "waited"


async def test_a_cancelled_timer_never_fires(s: Scenario):
    async with s.worker(Impatient):
        handle = await s.start(Impatient.run)
        await s.until_event("TimerStarted")
        await handle.signal(Impatient.hurry)
        assert await handle.result() == "hurried"
    await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, TimerStarted, WorkflowExecutionSignaled, {TASK}, TimerCanceled,"
        " WorkflowExecutionCompleted",
    )
    await s.refused(handle.signal(Impatient.hurry), "NOT_FOUND", "workflow execution already completed")


async def test_a_timer_that_fired_unseen_can_still_be_cancelled(s: Scenario):
    """The firing is buffered while a task runs; cancelling takes it out again, and the workflow may even close."""
    raw = s.raw()
    await s.start_raw()
    first = await raw.step(start_timer("t", 3))
    await s.signal_raw("go")
    task = await raw.poll()
    # The buffer cannot be seen from outside; another workflow's timer of the same age shows that the time has come.
    other = s.raw(f"{s.queue}-other")
    await s.start_raw(s.id("other"), task_queue={"name": other.queue})
    await other.step(start_timer("t", 3))
    await s.until_event("TimerFired", s.id("other"))
    await other.step(marker("seen"))
    await raw.complete(task, cancel_timer("t"), complete_workflow())
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, TimerStarted, WorkflowExecutionSignaled, {TASK}, TimerCanceled,"
        " WorkflowExecutionCompleted",
    )
    await s.assert_history(
        s.id("other"), f"WorkflowExecutionStarted, {TASK}, TimerStarted, TimerFired, {TASK}, MarkerRecorded"
    )
    await s.refused(raw.complete(first, cancel_timer("t")), "NOT_FOUND", detail="NotFoundFailure")


async def test_a_timer_of_no_length_fires_at_once(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(start_timer("t", 0), start_timer("u", 3600))
    task = await raw.poll()
    assert types(task.history.events)[-3] == "TimerFired"
    await s.refused(raw.complete(task, cancel_timer("t")), "INVALID_ARGUMENT")
    await raw.step(cancel_timer("u"), start_timer("u", 3600), complete_workflow())
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, TimerStarted*2, TimerFired, WorkflowTaskScheduled, WorkflowTaskStarted,"
        f" WorkflowTaskFailed, {TASK}, TimerCanceled, TimerStarted, WorkflowExecutionCompleted",
    )
