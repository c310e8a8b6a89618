"""Schedules: their times, their actions, what overlaps, and what lists and descriptions show of them."""

from __future__ import annotations

import time as clock
import uuid
from datetime import datetime, timedelta, timezone

import temporalio.api.enums.v1 as enums
import temporalio.api.schedule.v1 as sch
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
)

from harness.history import TASK
from harness.raw import complete_workflow, fail_workflow, failure, payload
from harness.scenario import Scenario, error_of
from test_crashes import server_dies

HOUR = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(hours=1))])
SECOND = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=1))])
STATUS = enums.WorkflowExecutionStatus


def action(s: Scenario, suffix: str = "w", **options) -> ScheduleActionStartWorkflow:
    return ScheduleActionStartWorkflow("Raw", "in", id=s.id(suffix), task_queue=s.queue, **options)


async def create(s: Scenario, spec: ScheduleSpec = HOUR, id: str = "", **options) -> ScheduleHandle:
    """Paused unless a state is given: it acts when it is told to."""
    parts = {name: options.pop(name) for name in ("action", "policy", "state") if name in options}
    parts.setdefault("action", action(s))
    parts.setdefault("state", ScheduleState(paused=True))
    return await s.client.create_schedule(s.id(id), Schedule(spec=spec, **parts), **options)


async def delete(handle: ScheduleHandle) -> None:
    await handle.delete()


async def until(s: Scenario, handle: ScheduleHandle, condition, what: str) -> ScheduleDescription:
    async def holds() -> ScheduleDescription | None:
        description = await handle.describe()
        return description if condition(description) else None

    return await s.until(holds, what)


async def another_second(s: Scenario) -> None:
    """A workflow id says for which second it is: another action needs another one."""
    began = int(clock.time())

    async def passed() -> bool:
        return int(clock.time()) > began

    await s.until(passed, "the next second")


def workflows_of(description: ScheduleDescription) -> list[str]:
    return [act.action.workflow_id for act in description.info.recent_actions]


def time(text: str) -> Timestamp:
    stamp = Timestamp()
    stamp.FromJsonString(text)
    return stamp


def raw_create(s: Scenario, id: str = "raw", **fields) -> ws.CreateScheduleRequest:
    request = ws.CreateScheduleRequest(namespace=s.namespace, schedule_id=s.id(id), request_id=str(uuid.uuid4()))
    start = request.schedule.action.start_workflow
    start.workflow_id, start.workflow_type.name, start.task_queue.name = s.id("w"), "Raw", s.queue
    request.schedule.state.paused = True
    for name, value in fields.items():
        setattr(request, name, value)
    return request


async def finish(s: Scenario, workflow_id: str, handle: ScheduleHandle) -> None:
    """The last two assertions of most scenarios: a workflow ran as any other does, and what is gone is refused."""
    await s.assert_history(workflow_id, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")
    await handle.delete()
    await s.refused(handle.describe(), "NOT_FOUND", "schedule not found")


async def test_a_schedule_acts_at_its_times_until_its_actions_are_used_up(s: Scenario):
    raw = s.raw()
    state = ScheduleState(limited_actions=True, remaining_actions=2)
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.BUFFER_ALL)
    handle = await create(s, SECOND, state=state, policy=policy, action=action(s, memo={"m": 1}))
    first = await raw.step(complete_workflow("one"))
    second = await raw.step(complete_workflow("two"))
    description = await until(s, handle, lambda d: d.info.num_actions == 2 and not d.info.running_actions, "two actions")
    assert description.schedule.state.remaining_actions == 0
    assert list(description.info.next_action_times) == []
    assert workflows_of(description) == [first.workflow_execution.workflow_id, second.workflow_execution.workflow_id]
    started = [task.history.events[0].workflow_execution_started_event_attributes for task in (first, second)]
    assert [list(it.last_completion_result.payloads) for it in started] == [[], [payload("one")]]
    for it, act in zip(started, description.info.recent_actions, strict=True):
        nominal = act.scheduled_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert it.workflow_id == s.id("w") + "-" + nominal
        attributes = it.search_attributes.indexed_fields
        assert attributes["TemporalScheduledById"].data.decode() == f'"{s.id()}"'
        assert attributes["TemporalScheduledStartTime"].data.decode() == f'"{nominal}"'
        assert it.identity == f"temporal-scheduler-{s.namespace}-{s.id()}"
        assert not it.HasField("parent_workflow_execution") and it.attempt == 1
        s.same(f"metadata {it is started[1]}", sorted((n, p.metadata["type"].decode()) for n, p in attributes.items()))
    await finish(s, first.workflow_execution.workflow_id, handle)


async def test_a_trigger_acts_at_once_and_a_pause_holds_back_what_is_not_triggered(s: Scenario):
    raw = s.raw()
    handle = await create(s, SECOND, state=ScheduleState(paused=True, note="by hand"))
    await handle.trigger()
    task = await raw.step(complete_workflow())
    description = await until(s, handle, lambda d: d.info.num_actions == 1, "an action")
    assert description.schedule.state.paused and description.schedule.state.note == "by hand"
    await handle.pause(note="still")
    await handle.unpause(note="go")
    assert (await until(s, handle, lambda d: d.schedule.state.note == "go", "the note")).schedule.state.paused is False
    other = await raw.step(complete_workflow())
    assert other.workflow_execution.workflow_id != task.workflow_execution.workflow_id
    await finish(s, task.workflow_execution.workflow_id, handle)


async def overlapping(s: Scenario, overlap: ScheduleOverlapPolicy) -> tuple[ScheduleHandle, str]:
    """A schedule whose first action runs, and then another is due."""
    handle = await create(s)
    await handle.trigger(overlap=ScheduleOverlapPolicy.SKIP)
    first = (await s.raw().poll()).workflow_execution.workflow_id
    await until(s, handle, lambda d: len(d.info.running_actions) == 1, "the first to run")
    await another_second(s)
    await handle.trigger(overlap=overlap)
    return handle, first


async def test_an_action_is_skipped_while_another_runs(s: Scenario):
    handle, first = await overlapping(s, ScheduleOverlapPolicy.SKIP)
    description = await until(s, handle, lambda d: d.info.num_actions_skipped_overlap == 1, "one to be skipped")
    assert description.info.num_actions == 1 and workflows_of(description) == [first]
    await s.client.get_workflow_handle(first).terminate()
    await s.assert_history(first, "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted,"
        " WorkflowTaskFailed, WorkflowExecutionTerminated")  # fmt: skip
    await handle.delete()
    await s.refused(handle.trigger(), "NOT_FOUND", own_words=True)


async def test_an_action_waits_for_another_to_end(s: Scenario):
    raw = s.raw()
    handle = await create(s)
    await handle.trigger(overlap=ScheduleOverlapPolicy.BUFFER_ONE)
    task = await raw.poll()
    await until(s, handle, lambda d: len(d.info.running_actions) == 1, "the first to run")
    await another_second(s)
    await handle.trigger(overlap=ScheduleOverlapPolicy.BUFFER_ONE)
    await until(s, handle, lambda d: d.raw_description.info.buffer_size == 1, "one to wait")
    await handle.trigger(overlap=ScheduleOverlapPolicy.BUFFER_ONE)
    await until(s, handle, lambda d: d.info.num_actions_skipped_overlap == 1, "there to be room for one")
    await raw.complete(task, complete_workflow("first"))
    second = await raw.step(complete_workflow())
    started = second.history.events[0].workflow_execution_started_event_attributes
    assert list(started.last_completion_result.payloads) == [payload("first")]
    description = await until(s, handle, lambda d: d.info.num_actions == 2, "both")
    assert description.raw_description.info.buffer_size == 0
    await finish(s, task.workflow_execution.workflow_id, handle)


async def test_an_action_cancels_the_one_before(s: Scenario):
    raw = s.raw()
    handle = await create(s)
    await handle.trigger(overlap=ScheduleOverlapPolicy.SKIP)
    first = (await raw.step()).workflow_execution.workflow_id
    await until(s, handle, lambda d: len(d.info.running_actions) == 1, "the first to run")
    await another_second(s)
    await handle.trigger(overlap=ScheduleOverlapPolicy.CANCEL_OTHER)
    event = await s.until_event("WorkflowExecutionCancelRequested", first)
    asked = event.workflow_execution_cancel_requested_event_attributes
    s.same("cancel", [asked.cause, asked.identity.replace(s.id(), "ID"), asked.HasField("external_workflow_execution")])
    await raw.step(complete_workflow())
    await raw.step(complete_workflow())
    await until(s, handle, lambda d: d.info.num_actions == 2, "both")
    await s.assert_history(first, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCancelRequested, {TASK},"
        " WorkflowExecutionCompleted")  # fmt: skip
    await handle.delete()
    await s.refused(handle.describe(), "NOT_FOUND", "schedule not found")


async def test_an_action_terminates_the_one_before(s: Scenario):
    handle, first = await overlapping(s, ScheduleOverlapPolicy.TERMINATE_OTHER)
    event = await s.until_event("WorkflowExecutionTerminated", first)
    ended = event.workflow_execution_terminated_event_attributes
    s.same("termination", [ended.reason, ended.identity.replace(s.id(), "ID")])
    second = await s.raw().step(complete_workflow())
    description = await until(s, handle, lambda d: d.info.num_actions == 2, "both")
    assert description.raw_description.info.recent_actions[0].start_workflow_status == STATUS.Value(
        "WORKFLOW_EXECUTION_STATUS_TERMINATED"
    )
    await finish(s, second.workflow_execution.workflow_id, handle)


async def test_a_backfill_acts_for_every_time_of_its_range(s: Scenario):
    raw = s.raw()
    handle = await create(s)
    start = datetime(2024, 1, 1, 0, 0, tzinfo=timezone.utc)
    fill = ScheduleBackfill(start, start + timedelta(hours=3), overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    await handle.backfill(fill)
    ids = {(await raw.step(complete_workflow())).workflow_execution.workflow_id for _ in range(4)}
    times = [f"2024-01-01T0{hour}:00:00Z" for hour in range(4)]
    assert ids == {s.id("w") + "-" + text for text in times}
    description = await until(s, handle, lambda d: d.info.num_actions == 4, "all of them")
    assert [f"{a.scheduled_at:%Y-%m-%dT%H:%M:%SZ}" for a in description.info.recent_actions] == times
    await finish(s, s.id("w") + "-" + times[0], handle)


async def test_a_failure_pauses_a_schedule_that_wants_it(s: Scenario):
    raw = s.raw()
    policy = SchedulePolicy(pause_on_failure=True, overlap=ScheduleOverlapPolicy.BUFFER_ALL)
    handle = await create(s, SECOND, policy=policy, state=ScheduleState())
    task = await raw.step(fail_workflow(failure("boom")))
    description = await until(s, handle, lambda d: d.schedule.state.paused, "the pause")
    failed = task.workflow_execution.workflow_id
    assert description.schedule.state.note == f"paused due to workflow failure: {failed}: boom"
    await another_second(s)
    await handle.trigger()
    second = await raw.step(complete_workflow())
    started = second.history.events[0].workflow_execution_started_event_attributes
    assert started.continued_failure.message == "boom"
    await s.assert_history(failed, f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed")
    await handle.delete()
    await s.refused(handle.unpause(), "NOT_FOUND", own_words=True)


async def test_an_update_replaces_what_was_said(s: Scenario):
    raw = s.raw()
    handle = await create(s, memo={"memo": "kept"})
    before = await handle.describe()

    def change(it) -> ScheduleUpdate:
        schedule = it.description.schedule
        schedule.spec = ScheduleSpec(cron_expressions=["0 12 * * mon-fri # noon"], time_zone_name="Europe/Paris")
        schedule.state.note = "changed"
        schedule.action = action(s, "other")
        return ScheduleUpdate(schedule)

    await handle.update(change)
    after = await until(s, handle, lambda d: d.schedule.state.note == "changed", "the update")
    assert after.info.created_at == before.info.created_at and after.info.last_updated_at is not None
    assert before.info.last_updated_at is None
    assert (await after.memo()) == {"memo": "kept"}
    calendar = after.raw_description.schedule.spec
    s.same("canonical", [str(calendar.structured_calendar[0]), calendar.timezone_name, list(calendar.cron_string)])
    await handle.trigger()
    task = await raw.step(complete_workflow())
    assert task.workflow_execution.workflow_id.startswith(s.id("other"))
    await finish(s, task.workflow_execution.workflow_id, handle)


async def test_an_update_of_a_schedule_that_has_changed_changes_nothing(s: Scenario):
    raw = s.raw()
    handle = await create(s)
    token = (await handle.describe()).raw_description.conflict_token
    await handle.pause(note="changed meanwhile")
    await until(s, handle, lambda d: d.schedule.state.note == "changed meanwhile", "the pause")
    request = ws.UpdateScheduleRequest(
        namespace=s.namespace, schedule_id=s.id(), request_id=str(uuid.uuid4()), conflict_token=token
    )
    request.schedule.CopyFrom(raw_create(s).schedule)
    if s.launch.is_oracle:
        # It says that all is well, and does nothing.
        await s.service.update_schedule(request)
    else:
        refusal = await error_of(s.service.update_schedule(request))
        assert (refusal.status.name, refusal.message) == ("FAILED_PRECONDITION", "mismatched conflict token")
    await handle.trigger()
    task = await raw.step(complete_workflow())
    await until(s, handle, lambda d: d.info.num_actions == 1, "the action")
    assert (await handle.describe()).schedule.state.note == "changed meanwhile"
    await finish(s, task.workflow_execution.workflow_id, handle)


async def test_schedules_are_listed_and_counted_by_what_they_are(s: Scenario):
    raw = s.raw()
    handles = [await create(s, id=name, state=ScheduleState(paused=name != "c"), memo={"n": name}) for name in "abc"]
    mine = " OR ".join(f"ScheduleId = '{h.id}'" for h in handles)

    async def listed(query: str) -> list[str]:
        return sorted([e.id.rsplit("-", 1)[1] async for e in await s.client.list_schedules(query=query)])

    async def found(query: str, expected: list[str]) -> None:
        async def same() -> bool:
            return await listed(query) == expected

        await s.until(same, f"{query} to find {expected}")

    await found(mine, ["a", "b", "c"])
    await found(f"({mine}) AND TemporalSchedulePaused = true", ["a", "b"])
    await found(f"({mine}) AND TemporalSchedulePaused = false", ["c"])
    await found(f"ScheduleId STARTS_WITH '{s.id()}'", ["a", "b", "c"])
    count = await s.service.count_schedules(ws.CountSchedulesRequest(namespace=s.namespace, query=mine))
    assert count.count == 3
    await handles[0].trigger()
    task = await raw.step(complete_workflow())

    async def entry():
        entries = [e async for e in await s.client.list_schedules(query=f"ScheduleId = '{handles[0].id}'")]
        return entries[0] if entries and entries[0].info.recent_actions else None

    shown = await s.until(entry, "the list to show the action")
    assert shown.schedule.action.workflow == "Raw" and shown.schedule.state.paused
    assert len(shown.info.next_action_times) == 5 and (await shown.memo()) == {"n": "a"}
    # Schedules are no workflows.
    assert [w.id async for w in s.client.list_workflows(f"WorkflowId STARTS_WITH '{s.id()}'")] in (
        [], [task.workflow_execution.workflow_id]
    )  # fmt: skip
    for query in ["WorkflowType = 'Raw'", "WorkflowId = 'x'", "Nonsense = 1"]:
        request = ws.ListSchedulesRequest(namespace=s.namespace, query=query)
        await s.refused(s.service.list_schedules(request), "INVALID_ARGUMENT", own_words=True)
    await handles[1].delete()
    await found(mine, ["a", "c"])
    await handles[2].delete()
    await finish(s, task.workflow_execution.workflow_id, handles[0])


async def test_matching_times_are_those_of_the_spec(s: Scenario):
    cases = {
        "0 12 * * *": ("2024-01-01T00:00:00Z", "2024-01-03T12:00:00Z"),
        "*/20 9-17/4 * * mon-fri": ("2024-01-05T00:00:00Z", "2024-01-08T10:00:00Z"),
        "CRON_TZ=America/New_York 30 1,2 * * *": ("2024-11-01T00:00:00Z", "2024-11-06T00:00:00Z"),
        "TZ=America/New_York */30 1-3 * * *": ("2024-03-10T00:00:00Z", "2024-03-11T00:00:00Z"),
        "0 0 29 2 * 2024-2032 # leap": ("2023-01-01T00:00:00Z", "2040-01-01T00:00:00Z"),
        "@every 7h30m/90m": ("2024-01-01T00:00:00Z", "2024-01-02T12:00:00Z"),
    }
    for number, (cron, (start, end)) in enumerate(cases.items()):
        request = raw_create(s, f"m{number}")
        request.schedule.spec.cron_string.append(cron)
        await s.service.create_schedule(request)
        asked = ws.ListScheduleMatchingTimesRequest(
            namespace=s.namespace, schedule_id=request.schedule_id, start_time=time(start), end_time=time(end)
        )
        times = (await s.service.list_schedule_matching_times(asked, retry=True)).start_time
        s.same(cron, [it.ToJsonString() for it in times])
        described = await s.service.describe_schedule(
            ws.DescribeScheduleRequest(namespace=s.namespace, schedule_id=request.schedule_id)
        )
        s.same(f"{cron}, kept", str(described.schedule.spec))
        asked.ClearField("end_time")
        await s.refused(s.service.list_schedule_matching_times(asked), "INVALID_ARGUMENT")
    handle = s.client.get_schedule_handle(s.id("m0"))
    await handle.trigger()
    task = await s.raw().step(complete_workflow())
    await finish(s, task.workflow_execution.workflow_id, handle)


async def test_what_makes_no_sense_is_refused(s: Scenario):
    raw = s.raw()
    handle = await create(s)

    async def wrong(change) -> None:
        request = raw_create(s, "wrong")
        change(request)
        await s.refused(s.service.create_schedule(request), "INVALID_ARGUMENT")

    crons = ["60 * * * *", "* * *", "@every 0s", "@every", "TZ=Nowhere * * * * *", "TZ=UTC", "1/2/3 * * * *"]
    crons += ["*/0 * * * *", "*/x * * * *", "5-1 * * * *", "* * 0 * *", "* * * foo *", "@every 1h/2h", "5/ * * * *"]
    for cron in crons:
        await wrong(lambda it, cron=cron: it.schedule.spec.cron_string.append(cron))
    await wrong(lambda it: it.schedule.spec.cron_string.extend(["TZ=UTC 0 0 * * *", "0 0 * * *"]))
    await wrong(lambda it: setattr(it.schedule.spec, "timezone_name", "Foo/Bar"))
    await wrong(lambda it: it.schedule.spec.interval.add().interval.FromMilliseconds(500))
    await wrong(lambda it: it.schedule.spec.structured_calendar.add().second.add(start=61, end=3, step=-1))
    await wrong(lambda it: setattr(it, "request_id", ""))
    await wrong(lambda it: setattr(it, "schedule_id", ""))
    await wrong(lambda it: setattr(it, "schedule_id", "i" * 1000))
    start = lambda it: it.schedule.action.start_workflow  # noqa: E731
    await wrong(lambda it: setattr(start(it).workflow_type, "name", ""))
    await wrong(lambda it: setattr(start(it).task_queue, "name", ""))
    await wrong(lambda it: start(it).ClearField("task_queue"))
    await wrong(lambda it: setattr(start(it), "workflow_id", "i" * 990))
    await wrong(lambda it: setattr(start(it), "cron_schedule", "* * * * *"))
    await wrong(lambda it: setattr(start(it), "workflow_id_reuse_policy", 3))
    await wrong(lambda it: setattr(start(it).workflow_run_timeout, "seconds", -1))
    await wrong(lambda it: start(it).search_attributes.indexed_fields["Nope"].CopyFrom(payload("x")))
    await wrong(lambda it: it.search_attributes.indexed_fields["Nope"].CopyFrom(payload("x")))
    same = raw_create(s, "")
    await s.refused(s.service.create_schedule(same), "ALREADY_EXISTS")
    patch = ws.PatchScheduleRequest(namespace=s.namespace, schedule_id=s.id())
    await s.refused(s.service.patch_schedule(patch), "INVALID_ARGUMENT")
    patch.patch.pause = "x" * 1001
    await s.refused(s.service.patch_schedule(patch), "INVALID_ARGUMENT")
    update = ws.UpdateScheduleRequest(namespace=s.namespace, schedule_id=s.id())
    await s.refused(s.service.update_schedule(update), "INVALID_ARGUMENT")
    missing = s.client.get_schedule_handle(s.id("missing"))
    for call in (missing.describe(), missing.pause(), missing.delete()):
        await s.refused(call, "NOT_FOUND", own_words=True)
    await handle.trigger()
    task = await raw.step(complete_workflow())
    await finish(s, task.workflow_execution.workflow_id, handle)


async def test_a_create_that_is_repeated_is_the_same_schedule(s: Scenario):
    request = raw_create(s, "")
    request.initial_patch.trigger_immediately.overlap_policy = 1
    answers = [await s.service.create_schedule(request) for _ in range(2)]
    assert answers[0].conflict_token == answers[1].conflict_token == (1).to_bytes(8, "big")
    task = await s.raw().step(complete_workflow())
    handle = s.client.get_schedule_handle(s.id())
    description = await until(s, handle, lambda d: d.info.num_actions == 1, "the first action")
    s.same("policies", str(description.raw_description.schedule.policies))
    await finish(s, task.workflow_execution.workflow_id, handle)


@server_dies
async def test_each_time_acts_once_whenever_the_server_dies(s: Scenario):
    """Every second there is an action; the server is killed again and again."""
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    handle = await create(s, SECOND, state=ScheduleState(), policy=policy)
    for rounds in range(5):
        await until(s, handle, lambda d, rounds=rounds: d.info.num_actions >= 2 * (rounds + 1), "actions")
        await s.restart_server()
    await handle.pause()

    asked = clock.time() + 1

    async def settled() -> ScheduleDescription | None:
        found = await handle.describe()
        return found if clock.time() > asked and found.schedule.state.paused else None

    description = await s.until(settled, "the schedule to rest")
    mine = f"TemporalScheduledById = '{s.id()}'"
    ids = sorted([w.id async for w in s.client.list_workflows(mine)])
    assert len(ids) == description.info.num_actions, "what is counted was started"
    nominal = [datetime.fromisoformat(id.removeprefix(s.id("w") + "-")) for id in ids]
    gaps = {(later - earlier).total_seconds() for earlier, later in zip(nominal, nominal[1:])}
    assert gaps == {1.0}, f"every second acts once: {ids}"
    await s.assert_history(ids[0], "WorkflowExecutionStarted, WorkflowTaskScheduled")
    await handle.delete()
    await s.refused(handle.describe(), "NOT_FOUND", "schedule not found")


@server_dies
async def test_what_runs_and_what_waits_outlives_the_server(s: Scenario):
    raw = s.raw()
    handle = await create(s)
    await handle.trigger(overlap=ScheduleOverlapPolicy.BUFFER_ALL)
    task = await raw.poll()
    await until(s, handle, lambda d: len(d.info.running_actions) == 1, "the first to run")
    await another_second(s)
    await handle.trigger(overlap=ScheduleOverlapPolicy.BUFFER_ALL)
    await until(s, handle, lambda d: d.raw_description.info.buffer_size == 1, "one to wait")
    await s.restart_server()
    await raw.complete(task, complete_workflow("first"))
    await s.restart_server()
    await until(s, handle, lambda d: d.info.num_actions == 2, "the second to begin")
    second = await raw.step(complete_workflow())
    started = second.history.events[0].workflow_execution_started_event_attributes
    assert list(started.last_completion_result.payloads) == [payload("first")]
    await s.restart_server()
    await until(s, handle, lambda d: not d.info.running_actions, "the second to end")
    await finish(s, task.workflow_execution.workflow_id, handle)
