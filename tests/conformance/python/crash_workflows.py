"""Workflows and activities of the crash scenarios, and the worker process that gets killed.

`python crash_workflows.py ADDRESS QUEUE` works until it is killed. With HANG in its environment it gets stuck where the
scenario wants it to be when it dies; a worker in the scenario's own process never does.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUICK = RetryPolicy(initial_interval=timedelta(milliseconds=100), backoff_coefficient=1.0)


def hangs_in(place: str) -> bool:
    return os.environ.get("HANG") == place


@activity.defn
async def read_book() -> str:
    """Reads on from the page its last attempt told of."""
    details = activity.info().heartbeat_details
    if hangs_in("activity"):
        activity.heartbeat("page 7")
        await asyncio.Event().wait()
    return f"read on from {details[0] if details else 'the start'}"


@activity.defn
async def double(n: int) -> int:
    if hangs_in("local activity"):
        await asyncio.Event().wait()
    return 2 * n


@workflow.defn
class Reader:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(
            read_book,
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=2),
            retry_policy=QUICK,
        )


@workflow.defn
class Thinker:
    @workflow.run
    async def run(self) -> str:
        if hangs_in("workflow") and not workflow.unsafe.is_replaying():
            threading.Event().wait()
        return "thought"


@workflow.defn
class LocalDoubler:
    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_local_activity(double, 21, start_to_close_timeout=timedelta(seconds=60))


@workflow.defn
class Collector:
    """Collects signals, each in a task of its own, until it hears "end"."""

    def __init__(self) -> None:
        self.got: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: "end" in self.got)
        return self.got

    @workflow.signal
    def give(self, what: str) -> None:
        self.got.append(what)


@workflow.defn
class Errand:
    """A little of everything: an activity, a timer, another activity."""

    @workflow.run
    async def run(self, n: int) -> int:
        twice = await self.double(n)
        await asyncio.sleep(1)
        return await self.double(twice)

    async def double(self, n: int) -> int:
        return await workflow.execute_activity(
            double, n, start_to_close_timeout=timedelta(seconds=5), retry_policy=QUICK
        )


@workflow.defn
class Ledger:
    """Adds what updates give it; "close" ends it."""

    def __init__(self) -> None:
        self.sum = 0
        self.closed = False

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.closed and workflow.all_handlers_finished())
        return self.sum

    @workflow.update
    def add(self, n: int) -> int:
        if hangs_in("update") and not workflow.unsafe.is_replaying():
            threading.Event().wait()
        self.sum += n
        return self.sum

    @workflow.signal
    def close(self) -> None:
        self.closed = True


@workflow.defn
class Parent:
    """Gives its errand to children and tells the collector of each result."""

    @workflow.run
    async def run(self, prefix: str, count: int, collector: str) -> int:
        to = workflow.get_external_workflow_handle(collector)

        async def one(n: int) -> int:
            result = await workflow.execute_child_workflow(Errand.run, n, id=f"{prefix}-{n}")
            await to.signal(Collector.give, f"{prefix}-{n}")
            return result

        return sum(await asyncio.gather(*(one(n) for n in range(count))))


@workflow.defn
class ThinkingParent:
    @workflow.run
    async def run(self, child_id: str) -> str:
        return await workflow.execute_child_workflow(
            Thinker.run, id=child_id, task_timeout=timedelta(seconds=2)
        )


WORKFLOWS = [Reader, Thinker, LocalDoubler, Collector, Errand, Ledger, Parent, ThinkingParent]
ACTIVITIES = [read_book, double]


async def main(address: str, queue: str) -> None:
    worker = Worker(
        await Client.connect(address),
        task_queue=queue,
        workflows=WORKFLOWS,
        activities=ACTIVITIES,
        workflow_runner=UnsandboxedWorkflowRunner(),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        max_heartbeat_throttle_interval=timedelta(milliseconds=100),
        debug_mode=True,
    )
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
