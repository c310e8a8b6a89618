"""kill -9 of the server at random moments, again and again, under a load that never stops; then everything is audited.

The seed decides what is called and when the server dies, as far as time allows: `WEFT_CRASH_SEED` gives it,
`WEFT_CRASH_KILLS` the number of kills.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import secrets
from collections import Counter

import pytest
from temporalio.api.history.v1 import HistoryEvent

from crash_load import Depot, Load
from harness import history
from harness.audit import audit
from harness.scenario import Order, Scenario

KILLS = int(os.environ.get("WEFT_CRASH_KILLS", "20"))
SEED = int(os.environ.get("WEFT_CRASH_SEED") or secrets.randbits(32))
CALLERS = 12
# Between a call and the kill that may interrupt it, on average.
MOMENT_SECONDS = 0.001
# Calls of each kind must be under way at some kill, else the run shows nothing of them.
KINDS = ("start", "signal with start", "signal", "completion")
# How many more there may be until they are.
KILLS_MORE = 40
# What a kill may take: the time until it, the start that follows, and its share of the audit.
SECONDS_PER_KILL = 12


@pytest.mark.crash(server=True)
@pytest.mark.alone(seconds=60 + SECONDS_PER_KILL * KILLS)
async def test_a_load_survives_kill_after_kill(s: Scenario):
    s.note(f"WEFT_CRASH_SEED={SEED} WEFT_CRASH_KILLS={KILLS}")
    load = Load(s, SEED, CALLERS)
    async with s.worker(Depot, activities=load.activities()):
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run())
            await kill_again_and_again(s, load)
            load.stopping = True
    histories = {workflow_id: await s.events(workflow_id) for workflow_id in load.ledger.workflows}
    s.note(told(load, histories))
    complaints = audit(load.ledger, histories)
    assert not complaints, f"{len(complaints)} complaints:\n" + "\n".join(complaints[:50])
    await lists_show_each_once(s, load)
    await history.replay_all([Depot], histories)
    workflow_id, events = max(histories.items(), key=lambda entry: len(entry[1]))
    await s.assert_history(workflow_id, ", ".join(history.types(events)), order=Order.CHANCE)
    handle = s.client.get_workflow_handle(workflow_id)
    await s.refused(handle.signal(Depot.parcel, 0), "NOT_FOUND", "workflow execution already completed")


async def kill_again_and_again(s: Scenario, load: Load) -> None:
    """Each kill comes when some calls have been answered since the last one and a call of a chosen kind has gone out.

    That call may be answered first, so there are more kills than asked for if some kind has never been interrupted.
    """
    chance = random.Random(f"{SEED} kills")
    for kind in itertools.islice(itertools.cycle(KINDS), KILLS + KILLS_MORE):
        if load.kills >= KILLS and all(load.interrupted[each] for each in KINDS):
            return
        enough = load.answered.total() + chance.randint(1, 150)

        async def reached() -> bool:
            return load.answered.total() >= enough

        await s.until(reached, "the load to go on after a kill", seconds=30)
        await asyncio.wait_for(load.goes_out(kind), 30)
        await asyncio.sleep(chance.expovariate(1 / MOMENT_SECONDS))
        # Some die again while they start.
        await kill(s, load, chance.uniform(0, 0.5) if chance.random() < 0.2 else None)
    raise AssertionError(f"of some kind no call was under way at any kill: {load.interrupted}")


async def kill(s: Scenario, load: Load, start_seconds: float | None = None) -> None:
    """Kills and starts the server; a start that takes longer than it may is killed too, and a last one awaited."""
    load.kills += 1
    s.server.kill()
    try:
        await asyncio.wait_for(s.server.start(), start_seconds)
    except asyncio.TimeoutError:
        await kill(s, load)


async def lists_show_each_once(s: Scenario, load: Load) -> None:
    expected = sorted((workflow_id, asked.run_id) for workflow_id, asked in load.ledger.workflows.items())
    query = f"TaskQueue = '{s.queue}' AND ExecutionStatus = 'Completed'"

    async def shown() -> bool:
        found = [(each.id, each.run_id) async for each in s.client.list_workflows(query)]
        return sorted(found) == expected

    await s.until(shown, "the list to show each workflow once")


def told(load: Load, histories: dict[str, list[HistoryEvent]]) -> str:
    count = sum(len(events) for events in histories.values())
    what = f"{load.kills} kills, {len(histories)} workflows, {count} events"
    return f"{what}; answered: {listed(load.answered)}; interrupted by a kill: {listed(load.interrupted)}"


def listed(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counter.items()))
