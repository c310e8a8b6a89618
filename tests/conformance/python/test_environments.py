"""The test environments of the SDK, with `wfctl` in the place of Temporal's programs: its dev server and its test server.

Against the oracle the first is Temporal's own command line; nobody skips time there, so what takes months here takes a
second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy, SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from harness.history import ACTIVITY, TASK
from harness.scenario import Order, Scenario

CUSTOMER = SearchAttributeKey.for_keyword("Customer")
TIMER = "TimerStarted, TimerFired"
LATE = "workflow execution already completed"


@workflow.defn
class Sleeper:
    """Sleeps so often for so long; tells how often it has."""

    def __init__(self) -> None:
        self.naps = 0

    @workflow.run
    async def run(self, seconds: float, times: int) -> float:
        began = workflow.now()
        for _ in range(times):
            await asyncio.sleep(seconds)
            self.naps += 1
        return (workflow.now() - began).total_seconds()

    @workflow.query
    def slept(self) -> int:
        return self.naps

    @workflow.signal
    def hello(self) -> None:
        pass


@workflow.defn
class Mother:
    """Lives as long as her child sleeps, and then begins anew, so many times."""

    @workflow.run
    async def run(self, seconds: float, lives: int) -> str:
        await workflow.execute_child_workflow(Sleeper.run, args=[seconds, 1], id=f"{workflow.info().workflow_id}-{lives}")
        if lives > 1:
            workflow.continue_as_new(args=[seconds, lives - 1])
        return "well"


@workflow.defn
class Race:
    """Which comes first: the work, or the end of patience?"""

    @workflow.run
    async def run(self, patience: float, heartbeat: float | None) -> str:
        work = workflow.start_activity(
            "work",
            start_to_close_timeout=timedelta(days=300),
            heartbeat_timeout=timedelta(seconds=heartbeat) if heartbeat else None,
            cancellation_type=workflow.ActivityCancellationType.ABANDON,
        )
        timer = asyncio.create_task(asyncio.sleep(patience))
        await workflow.wait([timer, work], return_when=asyncio.FIRST_COMPLETED)
        return "patience" if timer.done() else str(await work)


@workflow.defn
class Stubborn:
    """Tries again after a long pause."""

    @workflow.run
    async def run(self, pause: float) -> int:
        return await workflow.execute_activity(
            third_time_lucky,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(initial_interval=timedelta(seconds=pause), backoff_coefficient=1),
        )


@activity.defn
async def third_time_lucky() -> int:
    if activity.info().attempt < 3:
        raise ApplicationError("not yet")
    return activity.info().attempt


@asynccontextmanager
async def skipping(s: Scenario) -> AsyncIterator[WorkflowEnvironment]:
    """An environment whose server skips time, for the scenario's own calls too."""
    if s.launch.is_oracle:
        yield WorkflowEnvironment.from_client(s.client)
        return
    assert s.launch.wfctl_bin, "say with --wfctl-bin which wfctl"
    async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=s.launch.wfctl_bin) as env:
        s.client = env.client
        yield env


def seconds(s: Scenario, **span: int) -> float:
    """Short where nothing skips time: so what is written of spans differs, and only the events are compared."""
    return 0.2 if s.launch.is_oracle else timedelta(**span).total_seconds()


async def test_an_environment_is_a_dev_server(s: Scenario):
    path = s.launch.oracle_bin or s.launch.wfctl_bin
    assert path, "say with --wfctl-bin which wfctl"
    local = WorkflowEnvironment.start_local(
        namespace="orders", search_attributes=[CUSTOMER], dev_server_existing_path=path
    )
    async with await local as env:
        s.client, s.namespace = env.client, "orders"
        found = TypedSearchAttributes([SearchAttributePair(CUSTOMER, "Ada")])
        async with s.worker(Sleeper):
            handle = await s.start(Sleeper.run, 0.2, 1, search_attributes=found)
            assert await handle.result() >= 0.2

        async def listed() -> bool:
            return [it.id async for it in env.client.list_workflows("Customer = 'Ada'")] == [handle.id]

        await s.until(listed, "the list to show the workflow")
        await s.assert_history(handle, f"WorkflowExecutionStarted, {TASK}, {TIMER}, {TASK}, WorkflowExecutionCompleted")
        await s.refused(handle.signal(Sleeper.hello), "NOT_FOUND", LATE)
        address = env.client.service_client.config.target_host
    if not s.launch.is_oracle:
        assert await nobody_answers(address), "the server ended with its environment"


async def nobody_answers(address: str) -> bool:
    host, port = address.split(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return True
    writer.close()
    return False


async def test_months_of_sleep_take_no_time(s: Scenario):
    month = seconds(s, days=30)
    async with skipping(s) as env, s.worker(Sleeper, Mother):
        began = await env.get_current_time()
        handle = await s.start(Sleeper.run, month, 12)
        assert await handle.result() >= 12 * month
        passed = (await env.get_current_time() - began).total_seconds()
        assert 12 * month <= passed
        # Two generations a month each, with a server between parent and child.
        mother = await s.start(Mother.run, month, 2, id=s.id("mother"))
        assert await mother.result() == "well"
        assert 14 * month <= (await env.get_current_time() - began).total_seconds()
        # What has closed long ago is there as on the first day.
        nap = f"{TIMER}, {TASK}"
        await s.assert_history(handle, f"WorkflowExecutionStarted, {TASK}, {nap}{f', {nap}' * 11}, WorkflowExecutionCompleted", order=Order.TIMING)
        await s.refused(handle.signal(Sleeper.hello), "NOT_FOUND", LATE)


async def test_an_environment_sleeps_and_time_moves_with_it(s: Scenario):
    hour = seconds(s, hours=1)
    async with skipping(s) as env, s.worker(Sleeper):
        with env.auto_time_skipping_disabled():
            handle = await s.start(Sleeper.run, hour, 3)
            if not s.launch.is_oracle:
                assert await handle.query(Sleeper.slept) == 0, "time flows, no more"
            for times in (1, 2):
                await env.sleep(hour * (1.25 if times == 1 else 1))

                async def slept() -> bool:
                    return await handle.query(Sleeper.slept) >= times

                await s.until(slept, f"nap number {times} to be over")
            if not s.launch.is_oracle:
                assert await handle.query(Sleeper.slept) == 2
            # Time that is locked flows: this one really sleeps.
            began = await env.get_current_time()
            short = await s.start(Sleeper.run, 0.2, 1, id=s.id("short"))
            assert await short.result() >= 0.2
            passed = (await env.get_current_time() - began).total_seconds()
            assert 0.2 <= passed < 60
        assert await handle.result() >= 3 * hour
        nap = f"{TIMER}, {TASK}"
        await s.assert_history(handle, f"WorkflowExecutionStarted, {TASK}, {nap}, {nap}, {nap}, WorkflowExecutionCompleted", order=Order.TIMING)
        await s.refused(handle.signal(Sleeper.hello), "NOT_FOUND", LATE)


async def test_time_stands_by_while_an_activity_runs(s: Scenario):
    patience = 60.0 if s.launch.is_oracle else seconds(s, days=10)
    retried = seconds(s, days=1)

    @activity.defn(name="work")
    async def work() -> str:
        # Real time: the environment's does not jump while this runs, so neither heartbeat nor patience is late.
        await asyncio.sleep(0.3)
        return "work"

    async with skipping(s) as env:
        async with s.worker(Race, Stubborn, activities=[work, third_time_lucky]):
            began = await env.get_current_time()
            handle = await s.start(Race.run, patience, 30.0)
            assert await handle.result() == "work"
            assert (await env.get_current_time() - began).total_seconds() < 60
            stubborn = await s.start(Stubborn.run, retried, id=s.id("stubborn"))
            assert await stubborn.result() == 3
            assert (await env.get_current_time() - began).total_seconds() >= 2 * retried
            await s.assert_history(
                handle,
                f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, TimerStarted, ActivityTaskStarted,"
                f" ActivityTaskCompleted, {TASK}, WorkflowExecutionCompleted",
                order=Order.TIMING,
            )
            await s.assert_history(stubborn, f"WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, WorkflowExecutionCompleted", order=Order.TIMING)
        await s.refused(handle.signal("hello"), "NOT_FOUND", LATE)


async def test_an_activity_may_sleep_in_the_time_of_its_environment(s: Scenario):
    async with skipping(s) as env:
        patience = seconds(s, days=10)

        @activity.defn(name="work")
        async def work() -> str:
            await env.sleep(5 if s.launch.is_oracle else 2 * patience)
            return "work"

        async with s.worker(Race, activities=[work]):
            handle = await s.start(Race.run, patience, None)
            assert await handle.result() == "patience"
            await s.until_event("WorkflowExecutionCompleted")
        await s.refused(handle.signal("hello"), "NOT_FOUND", LATE)
        events = f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, TimerStarted, TimerFired, {TASK}"
        await s.assert_history(handle, f"{events}, WorkflowExecutionCompleted", order=Order.TIMING)


async def test_locks_of_time_are_counted(s: Scenario):
    import temporalio.api.testservice.v1 as testservice

    async with skipping(s) as env, s.worker(Sleeper):
        service = env.client.test_service
        if not s.launch.is_oracle:
            await service.lock_time_skipping(testservice.LockTimeSkippingRequest())
            for _ in range(2):
                await service.unlock_time_skipping(testservice.UnlockTimeSkippingRequest())
            try:
                await service.unlock_time_skipping(testservice.UnlockTimeSkippingRequest())
                raise AssertionError("it was unlocked more often than locked")
            except RPCError as error:
                assert error.status == RPCStatusCode.FAILED_PRECONDITION
            await service.lock_time_skipping(testservice.LockTimeSkippingRequest())
        handle = await s.start(Sleeper.run, seconds(s, days=1), 1)
        await handle.result()
        await s.assert_history(handle, f"WorkflowExecutionStarted, {TASK}, {TIMER}, {TASK}, WorkflowExecutionCompleted", order=Order.TIMING)
        await s.refused(handle.signal(Sleeper.hello), "NOT_FOUND", LATE)
