"""Runs the selected scenarios side by side on one event loop and hands each outcome to its pytest item.

Most scenarios wait for timers, so running them one after the other would take many times longer than the work does.
The first item starts the loop; every item then waits for its own scenario. A scenario that does not end in time fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
import time
from concurrent.futures import Future

import pytest

from harness.recording import Recording
from harness.scenario import Scenario
from harness.server import Launch

# A scenario that is alone may ask for more.
SCENARIO_SECONDS = 90
AT_ONCE = 8
CRASHING_AT_ONCE = 2


class Pool:
    def __init__(self, launch: Launch, dump: str | None, recording: Recording) -> None:
        self.launch = launch
        self.dump = dump
        self.recording = recording
        self.passed: set[str] = set()
        self.outcomes: dict[str, Future[None]] = {}
        self.seconds: dict[str, float] = {}
        self.notes: list[str] = []
        self.thread: threading.Thread | None = None
        self.everything: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None

    def run(self, item: pytest.Function, items: list[pytest.Function]) -> None:
        """Blocks until the scenario of `item` has ended and raises what it raised."""
        if self.thread is None:
            self.outcomes = {each.nodeid: Future() for each in items}
            self.thread = threading.Thread(target=self._main, args=(items,), daemon=True)
            self.thread.start()
        self.outcomes[item.nodeid].result()

    def end(self) -> None:
        """Stops what still runs, which is nothing unless pytest was told to give up early, and takes the servers down."""
        if self.thread is None:
            return
        if self.everything is not None:
            loop, task = self.everything
            with contextlib.suppress(RuntimeError):  # the loop may have closed by itself meanwhile
                loop.call_soon_threadsafe(task.cancel)
        self.thread.join()

    def _main(self, items: list[pytest.Function]) -> None:
        async def main() -> None:
            task = asyncio.ensure_future(self._run_all(items))
            self.everything = (asyncio.get_running_loop(), task)
            await task

        try:
            asyncio.run(main())
        except BaseException as error:
            for outcome in self.outcomes.values():
                if not outcome.done():
                    outcome.set_exception(error)

    async def _run_all(self, items: list[pytest.Function]) -> None:
        server = None
        address = self.launch.address
        if address is None:
            server = self.launch.server(to_be_killed=False)
            await server.start()
            address = server.address
        try:
            plain = asyncio.Semaphore(AT_ONCE)
            crashing = asyncio.Semaphore(CRASHING_AT_ONCE)
            alone = [item for item in items if item.get_closest_marker("alone")]
            await asyncio.gather(
                *(
                    self._run_one(item, address, crashing if item.get_closest_marker("crash") else plain)
                    for item in items
                    if item not in alone
                )
            )
            for item in alone:
                await self._run_one(item, address, plain)
        finally:
            if server is not None:
                server.dispose()

    async def _run_one(self, item: pytest.Function, address: str, slot: asyncio.Semaphore) -> None:
        outcome = self.outcomes[item.nodeid]
        async with slot:
            began = time.monotonic()
            scenario = Scenario(item.name, self.launch, address, self.dump, self.recording)
            alone = item.get_closest_marker("alone")
            limit = alone.kwargs.get("seconds", SCENARIO_SECONDS) if alone else SCENARIO_SECONDS
            try:
                await asyncio.wait_for(self._body(item, scenario), limit)
            except BaseException as error:
                outcome.set_exception(error)
            else:
                self.passed.add(scenario.name)
                outcome.set_result(None)
            finally:
                self.seconds[item.name] = time.monotonic() - began
                self.notes += [f"{scenario.name}: {note}" for note in scenario.notes]

    @staticmethod
    async def _body(item: pytest.Function, scenario: Scenario) -> None:
        crash = item.get_closest_marker("crash")
        try:
            await scenario.open(own_server=crash is not None and crash.kwargs.get("server", False))
            await item.obj(scenario)
            scenario.assert_complete()
        finally:
            await scenario.close()


def is_scenario(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj)
