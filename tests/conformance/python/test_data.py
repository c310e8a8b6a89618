"""What a workflow carries: memo, search attributes, user metadata, markers and patches; and what describe tells of it."""

from __future__ import annotations

from datetime import timedelta

import temporalio.api.enums.v1 as enums
from temporalio import activity, workflow
from temporalio.api.common.v1 import Memo, Payload, SearchAttributes
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from harness.history import ACTIVITY, TASK, types
from harness.raw import (
    complete_workflow,
    marker,
    payload,
    schedule_activity,
    seconds,
    start_timer,
    upsert_memo,
    upsert_search_attributes,
)
from harness.scenario import Scenario

BATCHER_USER = SearchAttributeKey.for_keyword("BatcherUser")
NULL = Payload(metadata={"encoding": b"binary/null"})


@workflow.defn
class Annotated:
    @workflow.run
    async def run(self) -> None:
        workflow.upsert_memo({"kept": 1, "changed": "new", "removed": None})
        workflow.upsert_search_attributes([BATCHER_USER.value_set("somebody")])


async def test_memo_and_search_attributes_are_upserted(s: Scenario):
    async with s.worker(Annotated):
        handle = await s.start(
            Annotated.run,
            memo={"changed": "old", "removed": True, "other": [1, 2]},
            search_attributes=TypedSearchAttributes([SearchAttributePair(BATCHER_USER, "nobody")]),
        )
        await handle.result()
    events = await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, WorkflowPropertiesModified, UpsertWorkflowSearchAttributes,"
        " WorkflowExecutionCompleted",
    )
    started = events[0].workflow_execution_started_event_attributes
    assert started.search_attributes.indexed_fields["BatcherUser"].metadata["type"] == b"Keyword"
    described = await handle.describe()
    assert await described.memo() == {"changed": "new", "other": [1, 2], "kept": 1}
    assert described.typed_search_attributes[BATCHER_USER] == "somebody"

    async def found() -> bool:
        query = f"BatcherUser = 'somebody' AND WorkflowId = '{handle.id}'"
        return [w.id async for w in s.client.list_workflows(query)] == [handle.id]

    await s.until(found, "visibility to know the search attribute")
    unknown = SearchAttributes(indexed_fields={"NoSuchAttribute": payload("x")})
    await s.refused(s.start_raw(s.id("bad"), search_attributes=unknown), "INVALID_ARGUMENT")
    wrong = SearchAttributes(indexed_fields={"BatcherUser": payload({"not": "a keyword"})})
    await s.refused(s.start_raw(s.id("bad"), search_attributes=wrong), "INVALID_ARGUMENT")
    system = SearchAttributes(indexed_fields={"WorkflowType": payload("mine")})
    await s.refused(s.start_raw(s.id("bad"), search_attributes=system), "INVALID_ARGUMENT")


async def test_a_null_takes_a_memo_or_search_attribute_away(s: Scenario):
    raw = s.raw()
    await s.start_raw(
        memo=Memo(fields={"a": payload(1), "none": NULL}),
        search_attributes=SearchAttributes(indexed_fields={"BatcherUser": payload("me"), "BuildIds": NULL}),
    )
    events = await s.events()
    started = events[0].workflow_execution_started_event_attributes
    s.same("memo at the start", sorted(started.memo.fields))
    s.same("search attributes at the start", sorted(started.search_attributes.indexed_fields))
    await raw.step(upsert_memo(a=NULL, b=payload(2)), upsert_search_attributes(BatcherUser=NULL))
    info = (await s.describe()).workflow_execution_info
    s.same("memo", sorted(info.memo.fields))
    # Temporal adds BuildIds by itself, for a kind of versioning that it has deprecated.
    assert set(info.search_attributes.indexed_fields) <= {"BuildIds"}
    await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowPropertiesModified, UpsertWorkflowSearchAttributes"
    )
    await s.signal_raw("again")
    await s.refused(raw.complete(await raw.poll(), upsert_memo()), "INVALID_ARGUMENT")
    await s.refused(raw.complete(await raw.poll(), upsert_search_attributes()), "INVALID_ARGUMENT")


@activity.defn
async def noop() -> None:
    pass


@workflow.defn
class Documented:
    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(0.05, summary="a short rest")
        await workflow.execute_activity(noop, start_to_close_timeout=timedelta(seconds=5), summary="no work")


async def test_user_metadata_stays_with_its_events(s: Scenario):
    async with s.worker(Documented, activities=[noop]):
        handle = await s.start(Documented.run, static_summary="in short", static_details="and at length")
        await handle.result()
    events = await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, TimerStarted, TimerFired, {TASK}, {ACTIVITY}, {TASK},"
        " WorkflowExecutionCompleted",
    )
    summaries = {
        t: e.user_metadata.summary.data
        for t, e in zip(types(events), events, strict=True)
        if e.HasField("user_metadata")
    }
    assert summaries == {
        "WorkflowExecutionStarted": b'"in short"', "TimerStarted": b'"a short rest"', "ActivityTaskScheduled": b'"no work"',
    }  # fmt: skip
    config = (await s.describe()).execution_config
    assert config.user_metadata.details.data == b'"and at length"'
    await s.refused(handle.signal("late"), "NOT_FOUND", "workflow execution already completed")


@workflow.defn(name="Patched")
class Unpatched:
    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(0.01)
        await workflow.wait_condition(lambda: self.released)
        return "old"

    def __init__(self) -> None:
        self.released = False

    @workflow.signal
    def release(self) -> None:
        self.released = True


@workflow.defn(name="Patched")
class Patched(Unpatched):
    @workflow.run
    async def run(self) -> str:
        if workflow.patched("improved"):
            return "new"
        return await super().run()

    @workflow.signal
    def release(self) -> None:
        self.released = True


async def test_a_patch_is_marked_in_new_workflows_only(s: Scenario):
    async with s.worker(Unpatched):
        old = await s.start("Patched", id=s.id("old"))
        await s.until_event("WorkflowTaskCompleted", old.id, count=2)
    async with s.worker(Patched):
        new = await s.start("Patched", id=s.id("new"))
        assert await new.result() == "new"
        await old.signal("release")
        assert await old.result() == "old"
    events = await s.assert_history(
        new,
        f"WorkflowExecutionStarted, {TASK}, MarkerRecorded, UpsertWorkflowSearchAttributes, WorkflowExecutionCompleted",
    )
    assert events[4].marker_recorded_event_attributes.marker_name == "core_patch"
    changes = SearchAttributeKey.for_keyword_list("TemporalChangeVersion")
    assert list((await new.describe()).typed_search_attributes[changes]) == ["improved"]
    # The first worker gave its sticky queue back when it shut down, so nothing had to time out.
    await s.assert_history(
        old,
        f"WorkflowExecutionStarted, {TASK}, TimerStarted, TimerFired, {TASK}, WorkflowExecutionSignaled, {TASK},"
        " WorkflowExecutionCompleted",
    )
    await s.refused(old.signal("release"), "NOT_FOUND", "workflow execution already completed")


async def test_describe_tells_the_whole_state(s: Scenario):
    raw = s.raw()
    start = await s.start_raw(
        workflow_execution_timeout=seconds(500),
        workflow_run_timeout=seconds(400),
        workflow_task_timeout=seconds(9),
        memo=Memo(fields={"a": payload(1)}),
    )
    answer = await s.describe()
    s.record("scheduled", answer)
    assert answer.pending_workflow_task.state == enums.PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED
    task = await raw.poll()
    answer = await s.describe()
    s.record("started", answer)
    assert answer.pending_workflow_task.state == enums.PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED
    await raw.complete(task, start_timer("t", 100), schedule_activity("a", s.queue), marker("m", key="value"))
    answer = await s.describe()
    s.record("running", answer)
    assert not answer.HasField("pending_workflow_task")
    config, info = answer.execution_config, answer.workflow_execution_info
    assert (config.task_queue.name, config.workflow_execution_timeout.seconds) == (s.queue, 500)
    assert (config.workflow_run_timeout.seconds, config.default_workflow_task_timeout.seconds) == (400, 9)
    assert (info.execution.run_id, info.type.name, info.task_queue) == (start.run_id, "Raw", s.queue)
    assert (info.history_length, info.first_run_id) == (7, start.run_id)
    assert info.history_size_bytes > 0 and info.start_time == info.execution_time
    assert not info.HasField("close_time") and dict(info.memo.fields) == {"a": payload(1)}
    assert [a.activity_id for a in answer.pending_activities] == ["a"]
    expiration = answer.workflow_extended_info.execution_expiration_time.ToNanoseconds()
    assert abs(expiration - info.start_time.ToNanoseconds() - 500_000_000_000) < 1_000_000_000
    await s.signal_raw("end")
    await raw.step(complete_workflow())
    answer = await s.describe()
    s.record("closed", answer)
    info = answer.workflow_execution_info
    assert info.status == enums.WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED
    # Temporal goes on to list the activities that were pending when it closed; nothing depends on it, so neither does this.
    assert info.close_time.ToNanoseconds() > info.start_time.ToNanoseconds()
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, TimerStarted, ActivityTaskScheduled, MarkerRecorded,"
        f" WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted",
    )
    await s.refused(s.client.get_workflow_handle("").describe(), "INVALID_ARGUMENT")
