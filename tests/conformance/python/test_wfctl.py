"""The JSON histories that people get from `wfctl`, replayed by the SDK."""

from __future__ import annotations

import asyncio
import json

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from crash_workflows import ACTIVITIES, WORKFLOWS, Collector, Errand, LocalDoubler, Reader
from harness.history import ACTIVITY, TASK
from harness.scenario import Scenario


async def show(s: Scenario, workflow_id: str) -> tuple[int, bytes]:
    assert s.launch.wfctl_bin, "say with --wfctl-bin which wfctl"
    process = await asyncio.create_subprocess_exec(
        s.launch.wfctl_bin, "workflow", "show", workflow_id, "--address", s.address, "--output", "json",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    stdout, _ = await process.communicate()
    return process.returncode, stdout


async def test_histories_from_wfctl_are_replayed(s: Scenario):
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=UnsandboxedWorkflowRunner())
    async with s.worker(*WORKFLOWS, activities=ACTIVITIES):
        for workflow, *args in ((Errand, 7), (LocalDoubler,), (Reader,)):
            await (await s.start(workflow.run, *args, id=s.id(workflow.__name__))).result()
        collector = await s.start(Collector.run, id=s.id("Collector"))
        for word in ("schön", "end"):
            await collector.signal(Collector.give, word)
        assert await collector.result() == ["schön", "end"]
    for name in ("Errand", "LocalDoubler", "Reader", "Collector"):
        code, shown = await show(s, s.id(name))
        assert code == 0, name
        history = WorkflowHistory.from_json(s.id(name), shown.decode())
        assert list(history.events) == await s.events(s.id(name)), "the JSON holds the very events that the server gives"
        await replayer.replay_workflow(history, raise_on_replay_failure=True)
        # And the replayer does look: the same decisions about another activity type are not those of the code.
        other = json.loads(shown)
        for event in other["events"]:
            attributes = event.get("activityTaskScheduledEventAttributes")
            if attributes:
                attributes["activityType"]["name"] = "other"
        if other != json.loads(shown):
            result = await replayer.replay_workflow(
                WorkflowHistory.from_json(s.id(name), other), raise_on_replay_failure=False
            )
            assert result.replay_failure is not None, name
    code, _ = await show(s, s.id("absent"))
    assert code != 0, "there is no such workflow"
    await s.assert_history(
        s.id("Errand"),
        f"WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, TimerStarted, TimerFired, {TASK}, {ACTIVITY}, {TASK},"
        " WorkflowExecutionCompleted",
    )
    await s.refused(s.signal_raw("late", s.id("Errand")), "NOT_FOUND", "workflow execution already completed")
