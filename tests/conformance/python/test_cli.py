"""Temporal's own command line, unmodified, does its work here as it does there."""

from __future__ import annotations

from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.exceptions import ApplicationError

from harness.cli import Cli
from harness.history import TASK, replay
from harness.raw import complete_workflow, schedule_activity
from harness.scenario import Scenario
from test_schedules import until


@workflow.defn
class Desk:
    """Answers whatever a person at a terminal may ask a workflow."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @workflow.run
    async def run(self, first: str) -> list[str]:
        self.notes.insert(0, first)
        await workflow.wait_condition(lambda: "end" in self.notes)
        return self.notes

    @workflow.signal
    def note(self, text: str) -> None:
        self.notes.append(text)

    @workflow.query
    def count(self) -> int:
        return len(self.notes)

    @workflow.update
    def ask(self, text: str) -> str:
        self.notes.append(text)
        return f"noted {text}"

    @ask.validator
    def no_insults(self, text: str) -> None:
        if text == "insult":
            raise ApplicationError("mind your words", type="Insult")


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, what: str) -> str:
        return f"echo of {what}"


def start(s: Scenario, command: str = "start", id: str | None = None, type: str = "Desk") -> str:
    return f"workflow {command} --type {type} --task-queue {s.queue} --workflow-id {id or s.id()}"


def one(s: Scenario, id: str | None = None) -> str:
    return f"--workflow-id {id or s.id()}"


async def test_the_cli_starts_shows_and_ends_workflows(s: Scenario):
    cli = Cli(s)
    async with s.worker(Desk, Echo):
        started = await cli.json(start(s), "--input", '"hello"', "--memo", 'why="because"')
        assert (started["workflowId"], started["namespace"], started["type"]) == (s.id(), "default", "Desk")
        await cli.refused(start(s) + " --fail-existing", "--input", '"again"')
        described = await cli.json(f"workflow describe {one(s)}")
        info = described["workflowExecutionInfo"]
        assert (info["status"], info["execution"]["runId"]) == ("WORKFLOW_EXECUTION_STATUS_RUNNING", started["runId"])
        assert described["executionConfig"]["taskQueue"]["name"] == s.queue
        assert "Desk" in await cli.text(f"workflow describe {one(s)}")

        async def listed() -> list[dict]:
            return await cli.json("workflow list --query", f"WorkflowId = '{s.id()}'")

        found = await s.until(listed, "the workflow in the list")
        assert [each["execution"]["workflowId"] for each in found] == [s.id()]
        assert (await cli.json("workflow count --query", f"WorkflowId = '{s.id()}'"))["count"] == "1"
        await cli.refused("workflow list --query", "this is no filter", own_words=True)

        await s.until_event("WorkflowTaskCompleted")
        await cli.text(f"workflow signal {one(s)} --name note --input", '"end"')
        result = await cli.json(f"workflow result {one(s)}")
        assert (result["status"], result["result"]) == ("COMPLETED", ["hello", "end"])
        executed = await cli.json(start(s, "execute", s.id("echo"), "Echo"), "--input", '"words"')
        assert (executed["status"], executed["result"]) == ("COMPLETED", "echo of words")
    shown = await cli.json(f"workflow show {one(s)}")
    history = WorkflowHistory.from_json(s.id(), shown)
    assert list(history.events) == await s.events(), "the CLI's JSON holds the very events that the server gives"
    await replay([Desk], history)
    assert "WorkflowExecutionCompleted" in await cli.text(f"workflow show {one(s)}")
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted",
    )
    await cli.refused(f"workflow signal {one(s)} --name note --input", '"late"')
    await cli.refused(f"workflow describe {one(s, 'nobody')}")
    await cli.refused(f"workflow show {one(s, s.id('nobody'))}")
    await cli.text(f"workflow delete {one(s)}")

    async def gone() -> bool:
        code, _, _ = await cli.run(f"workflow describe {one(s)}")
        return code != 0

    await s.until(gone, "the workflow to be deleted")


async def test_the_cli_cancels_and_terminates(s: Scenario):
    cli = Cli(s)
    for id in ("cancelled", "terminated"):
        await cli.json(start(s, id=s.id(id)), "--input", '"x"')
    await cli.text(f"workflow cancel {one(s, s.id('cancelled'))}")
    await cli.text(f"workflow terminate {one(s, s.id('terminated'))} --reason", "no more")
    events = await s.assert_history(
        s.id("terminated"), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionTerminated"
    )
    assert events[-1].workflow_execution_terminated_event_attributes.reason == "no more"
    await s.assert_history(
        s.id("cancelled"), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionCancelRequested"
    )
    await cli.refused(f"workflow terminate {one(s, s.id('terminated'))}")
    await cli.refused(f"workflow cancel {one(s, s.id('nobody'))}")
    await cli.refused(f"workflow result {one(s, s.id('terminated'))}")


async def test_the_cli_asks_and_changes_running_workflows(s: Scenario):
    cli = Cli(s)
    async with s.worker(Desk):
        await cli.json(start(s), "--input", '"hello"')
        await s.until_event("WorkflowTaskCompleted")
        assert (await cli.json(f"workflow query {one(s)} --type count"))["queryResult"] == [1]
        assert "Desk" in await cli.text(f"workflow stack {one(s)}")
        assert "count" in await cli.text(f"workflow metadata {one(s)}")
        await cli.refused(f"workflow query {one(s)} --type nothing")

        update = f"workflow update execute {one(s)} --name ask --update-id first"
        assert (await cli.json(update, "--input", '"a"'))["result"] == "noted a"
        assert (await cli.json(update, "--input", '"a"'))["result"] == "noted a", "the same id is the same update"
        await cli.json(
            f"workflow update start {one(s)} --name ask --update-id second --wait-for-stage accepted", "--input", '"b"'
        )
        assert (await cli.json(f"workflow update result {one(s)} --update-id second"))["result"] == "noted b"
        assert (await cli.json(f"workflow update describe {one(s)} --update-id second"))["stage"] == "Completed"
        await cli.refused(f"workflow update execute {one(s)} --name ask --update-id third", "--input", '"insult"')
        await cli.refused(f"workflow update result {one(s)} --update-id fourth")

        await cli.json(
            f"workflow signal-with-start --type Desk --task-queue {s.queue} {one(s)}",
            "--input", '"never"', "--signal-name", "note", "--signal-input", '"end"',
        )  # fmt: skip
        assert (await cli.json(f"workflow result {one(s)}"))["result"] == ["hello", "a", "b", "end"]
        both = await cli.json(
            f"workflow execute-update-with-start --type Desk --task-queue {s.queue} {one(s, s.id('both'))}"
            " --update-name ask --id-conflict-policy Fail",
            "--input", '"x"', "--update-input", '"y"',
        )  # fmt: skip
        assert both["updateResult"] == "noted y"
    updated = f"{TASK}, WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateCompleted"
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, {updated}, {updated}, WorkflowExecutionSignaled, {TASK},"
        " WorkflowExecutionCompleted",
    )


async def test_the_cli_answers_for_activities(s: Scenario):
    cli, raw = Cli(s), s.raw()
    await s.start_raw()
    await raw.step(*(schedule_activity(id, s.queue, start_to_close_timeout=60) for id in ("done", "failed")))
    for _ in range(2):
        await raw.poll_activity()
    await cli.text(f"activity complete {one(s)} --activity-id done --result", '"by hand"')
    await cli.text(f"activity fail {one(s)} --activity-id failed --reason broken --detail", '"why"')
    await cli.refused(f"activity complete {one(s)} --activity-id done --result 1")
    await cli.refused(f"activity fail {one(s)} --activity-id nothing")
    await s.until_event("ActivityTaskFailed")
    events = await s.events()
    completed = next(e for e in events if e.HasField("activity_task_completed_event_attributes"))
    assert completed.activity_task_completed_event_attributes.result.payloads[0].data == b'"by hand"'
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled*2, ActivityTaskStarted, ActivityTaskCompleted,"
        " WorkflowTaskScheduled, ActivityTaskStarted, ActivityTaskFailed",
    )


async def test_the_cli_operates_the_server(s: Scenario):
    name = f"place-{s.nonce}"
    cli, there = Cli(s), Cli(s, name)
    assert (await cli.json("operator cluster health"))["status"] == "SERVING"
    assert (await cli.json("operator cluster system"))["serverVersion"]
    assert (await cli.json("operator cluster describe"))["clusterName"]
    await there.text("operator namespace create --retention 48h --description", "a place to try things")
    described = await there.json("operator namespace describe")
    assert (described["namespaceInfo"]["name"], described["config"]["workflowExecutionRetentionTtl"]) == (name, "172800s")
    await there.text("operator namespace update --retention 72h")
    assert (await there.json("operator namespace describe"))["config"]["workflowExecutionRetentionTtl"] == "259200s"
    assert name in [each["namespaceInfo"]["name"] for each in await cli.json("operator namespace list")]
    await there.refused("operator namespace create")
    await Cli(s, f"nowhere-{s.nonce}").refused("operator namespace describe")

    attribute = f"Cli{s.nonce}"
    await there.text(f"operator search-attribute create --name {attribute} --type Keyword")
    listed = await there.json("operator search-attribute list")
    assert listed["customAttributes"][attribute] == "INDEXED_VALUE_TYPE_KEYWORD"
    await there.refused(f"operator search-attribute create --name {attribute} --type Int")
    await there.text(f"operator search-attribute remove --yes --name {attribute}")
    await there.text("operator namespace delete --yes")

    await s.start_raw()
    polled = await cli.json(f"task-queue describe --task-queue {s.queue}")
    assert polled is not None
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled")


async def test_the_cli_resets_workflows(s: Scenario):
    cli = Cli(s)
    async with s.worker(Desk):
        await cli.json(start(s), "--input", '"hello"')
        await s.until_event("WorkflowTaskCompleted")
        for text in ("a", "end"):
            await cli.text(f"workflow signal {one(s)} --name note --input", f'"{text}"')
            await s.until_event("WorkflowExecutionSignaled", count=1 if text == "a" else 2)
        first = (await cli.json(f"workflow result {one(s)}"))["result"]
        assert first == ["hello", "a", "end"]
        old = await s.events()
        reset = await cli.json(f"workflow reset {one(s)} --event-id 4 --reason", "once more")
        assert reset["runId"] != old[0].workflow_execution_started_event_attributes.original_execution_run_id
        assert (await cli.json(f"workflow result {one(s)}"))["result"] == first, "signals are applied again"
        last = await cli.json(
            f"workflow reset {one(s)} --type LastWorkflowTask --reapply-exclude All --reason", "and again"
        )
        assert last["runId"] not in (None, reset["runId"])
    await cli.refused(f"workflow reset {one(s)} --event-id 99 --reason x")
    await cli.refused(f"workflow reset {one(s, s.id('nobody'))} --event-id 4 --reason x")
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionSignaled, {TASK},"
        " WorkflowExecutionCompleted",
        run_id=old[0].workflow_execution_started_event_attributes.original_execution_run_id,
    )


async def test_the_cli_makes_and_triggers_schedules(s: Scenario):
    cli, schedule = Cli(s), f"--schedule-id {s.id('schedule')}"
    async with s.worker(Echo):
        create = f"schedule create {schedule} --interval 10h --type Echo --task-queue {s.queue} {one(s)}"
        await cli.text(create + " --paused --notes", "not yet", "--input", '"words"')
        await cli.refused(create, "--input", '"words"')
        described = await cli.json(f"schedule describe {schedule}")
        assert (described["schedule"]["state"]["paused"], described["schedule"]["state"]["notes"]) == (True, "not yet")
        await cli.text(f"schedule toggle {schedule} --unpause --reason", "now")
        assert not (await cli.json(f"schedule describe {schedule}"))["schedule"]["state"].get("paused", False)
        await cli.text(f"schedule trigger {schedule}")

        async def ran() -> list[dict]:
            described = await cli.json(f"schedule describe {schedule}")
            return described["info"].get("recentActions", [])

        (action,) = await s.until(ran, "the schedule to have acted")
        run = action["startWorkflowResult"]
        await s.until_closed(run["workflowId"], run["runId"])

        async def listed() -> bool:
            found = await cli.json("schedule list")
            return s.id("schedule") in [each["scheduleId"] for each in found or []]

        await s.until(listed, "the schedule in the list")
        await cli.text(f"schedule update {schedule} --interval 20h --type Echo --task-queue {s.queue} {one(s)}")
        interval = (await cli.json(f"schedule describe {schedule}"))["schedule"]["spec"]["interval"]
        assert [each["interval"] for each in interval] == ["72000s"]
        await cli.text(f"schedule delete {schedule}")
        await cli.refused(f"schedule describe {schedule}")
        await cli.refused(f"schedule trigger {schedule}", own_words=True)
    await s.assert_history(run["workflowId"], f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")


async def test_the_cli_runs_batches(s: Scenario):
    cli, ids = Cli(s), [s.id(f"{n}") for n in range(3)]
    for id in ids:
        await cli.json(start(s, id=id), "--input", '"x"')
    query = f"TaskQueue = '{s.queue}' AND ExecutionStatus = 'Running'"

    async def indexed() -> bool:
        return (await cli.json("workflow count --query", query))["count"] == str(len(ids))

    await s.until(indexed, "all workflows in the list")
    for command in ("workflow signal --name note --input 1", "workflow terminate"):
        job = (await cli.json(f"{command} --yes --reason many --query", query))["batchJobId"]

        async def done() -> dict | None:
            described = await cli.json(f"batch describe --job-id {job}")
            return described if described["state"] == "BATCH_OPERATION_STATE_COMPLETED" else None

        described = await s.until(done, "the batch to be done")
        assert int(described["completeOperationCount"]) == len(ids)
    assert job in [each["jobId"] for each in await cli.json("batch list")]
    for id in ids:
        await s.assert_history(
            id, "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled, WorkflowExecutionTerminated"
        )
    await cli.refused("batch describe --job-id nothing")
    await cli.refused("batch terminate --job-id nothing --reason x")


async def test_the_cli_operates_activities(s: Scenario):
    cli, raw = Cli(s), s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue, start_to_close_timeout=60))
    of = f"{one(s)} --activity-id a"

    async def pending() -> dict:
        return (await cli.json(f"workflow describe {one(s)}"))["pendingActivities"][0]

    await cli.text(f"activity pause {of}")
    assert (await pending())["paused"]
    await cli.text(f"activity update-options {of} --start-to-close-timeout 77s")
    assert (await pending())["activityOptions"]["startToCloseTimeout"] == "77s"
    await cli.text(f"activity reset {of} --keep-paused")
    await cli.text(f"activity unpause {of}")
    assert not (await pending()).get("paused", False)
    await cli.refused(f"activity pause {one(s)} --activity-id nothing")
    await cli.refused(f"activity unpause {one(s, s.id('nobody'))} --activity-id a")
    await cli.text(f"workflow update-options {one(s)} --versioning-override-behavior auto_upgrade")
    await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, WorkflowExecutionOptionsUpdated"
    )


async def test_the_cli_keeps_schedules(s: Scenario):
    cli, one = Cli(s), f"--schedule-id {s.id()}"
    await cli.text(
        f"schedule create {one} --workflow-id {s.id('w')} --type Raw --task-queue {s.queue} --interval 6h/15m --paused"
    )
    await cli.refused(f"schedule create {one} --workflow-id x --type Raw --task-queue {s.queue} --interval 5h")
    described = await cli.json(f"schedule describe {one}")
    s.same("spec", described["schedule"]["spec"])
    assert described["schedule"]["state"]["paused"] is True
    assert s.id() in await cli.text("schedule list")
    await cli.text(f"schedule toggle {one} --unpause --reason", "go on")
    assert "go on" in await cli.text(f"schedule describe {one}")
    await cli.text(f"schedule trigger {one}")
    task = await s.raw().step(complete_workflow())
    handle = s.client.get_schedule_handle(s.id())
    await until(s, handle, lambda d: d.info.num_actions == 1, "the action")
    await cli.text(
        f"schedule backfill {one} --overlap-policy AllowAll"
        " --start-time 2024-01-01T00:00:00Z --end-time 2024-01-01T07:00:00Z"
    )
    ids = {(await s.raw().step(complete_workflow())).workflow_execution.workflow_id for _ in range(2)}
    assert ids == {s.id("w") + f"-2024-01-01T{hour}:15:00Z" for hour in ("00", "06")}
    await cli.text(f"schedule update {one} --workflow-id x --type Raw --task-queue {s.queue} --cron", "0 12 * * *")
    description = await until(s, handle, lambda d: d.schedule.spec.calendars, "the update")
    assert not description.schedule.spec.intervals
    await cli.text(f"schedule delete {one}")
    await cli.refused(f"schedule trigger {one}", own_words=True)
    await s.assert_history(
        task.workflow_execution.workflow_id, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted"
    )
