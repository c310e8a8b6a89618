"""Signals that arrive early, twice or late, and queries: direct, attached to a task, on closed runs, and without a worker."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from temporalio import workflow
from temporalio.api.query.v1 import WorkflowQuery, WorkflowQueryResult
from temporalio.client import WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition

from harness.history import TASK, types
from harness.raw import complete_workflow, execution, fail_workflow, marker, payloads, start_timer
from harness.scenario import Order, Scenario, error_of

COMPLETED_AT_ONCE = f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted"


@workflow.defn
class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: "bye" in self.heard)
        return self.heard

    @workflow.signal
    def say(self, word: str) -> None:
        self.heard.append(word)

    @workflow.query
    def so_far(self) -> list[str]:
        return self.heard

    @workflow.query
    def explode(self) -> str:
        raise ValueError("as planned")


async def test_signals_wait_for_a_worker_in_their_order(s: Scenario):
    handle = await s.start(Listener.run)
    words = [str(n) for n in range(10)] + ["bye"]
    for word in words:
        await handle.signal(Listener.say, word)
    async with s.worker(Listener):
        assert await handle.result() == words
    await s.assert_history(
        handle,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled*11, WorkflowTaskStarted,"
        " WorkflowTaskCompleted, WorkflowExecutionCompleted",
    )
    await s.refused(
        handle.signal(Listener.say, "late"), "NOT_FOUND", "workflow execution already completed", "NotFoundFailure"
    )


async def test_a_repeated_signal_is_written_once(s: Scenario):
    await s.start_raw()
    request = str(uuid.uuid4())
    for _ in range(3):
        await s.signal_raw("once", request_id=request, input=payloads("a"))
    await s.signal_raw("twice", request_id=str(uuid.uuid4()))
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled*2")
    await s.refused(s.signal_raw(""), "INVALID_ARGUMENT")
    await s.refused(s.signal_raw("n" * 1001), "INVALID_ARGUMENT")
    await s.refused(s.signal_raw("x", workflow_execution=execution("")), "INVALID_ARGUMENT")
    await s.refused(s.signal_raw("x", "absent-" + s.nonce), "NOT_FOUND", detail="NotFoundFailure")
    await s.refused(
        s.signal_raw("x", workflow_execution=execution(s.id(), str(uuid.uuid4()))),
        "NOT_FOUND",
        detail="NotFoundFailure",
    )
    await s.raw().step(complete_workflow())
    # What was answered once is answered so again, also after the end; what is new is refused.
    await s.signal_raw("once", request_id=request)
    await s.refused(s.signal_raw("new"), "NOT_FOUND", "workflow execution already completed", "NotFoundFailure")


async def test_a_signal_that_nobody_handles_harms_nothing(s: Scenario):
    async with s.worker(Listener):
        handle = await s.start(Listener.run)
        await s.until_event("WorkflowTaskCompleted")
        await handle.signal("unheard-of", "x")
        await s.until_event("WorkflowTaskCompleted", count=2)
        await handle.signal(Listener.say, "bye")
        assert await handle.result() == ["bye"]
    await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionSignaled, {TASK},"
        " WorkflowExecutionCompleted",
    )
    await s.refused(s.signal_raw("x", namespace="nowhere-" + s.nonce), "NOT_FOUND", detail="NamespaceNotFoundFailure")


async def test_queries_on_open_and_closed_workflows(s: Scenario):
    async with s.worker(Listener):
        handle = await s.start(Listener.run)
        await s.until_event("WorkflowTaskCompleted")
        await handle.signal(Listener.say, "hello")

        async def heard() -> bool:
            return await handle.query(Listener.so_far) == ["hello"]

        await s.until(heard, "the signal to be heard")
        await s.until_event("WorkflowTaskCompleted", count=2)
        before = len(await s.events())
        for _ in range(5):
            assert await handle.query(Listener.so_far) == ["hello"]
        try:
            await handle.query(Listener.explode)
            raise AssertionError("the query did not fail")
        except WorkflowQueryFailedError as error:
            assert error.message == "as planned"
        try:
            await handle.query("unheard-of")
            raise AssertionError("the query did not fail")
        except WorkflowQueryFailedError as error:
            assert "unheard-of" in error.message
        assert len(await s.events()) == before, "queries leave no trace"
        await handle.query(Listener.so_far, reject_condition=QueryRejectCondition.NOT_OPEN)
        await handle.signal(Listener.say, "bye")
        await handle.result()
        assert await handle.query(Listener.so_far) == ["hello", "bye"]
        for condition, rejected in (
            (QueryRejectCondition.NOT_OPEN, True),
            (QueryRejectCondition.NOT_COMPLETED_CLEANLY, False),
        ):
            try:
                await handle.query(Listener.so_far, reject_condition=condition)
                assert not rejected
            except WorkflowQueryRejectedError as error:
                assert rejected and error.status.name == "COMPLETED"
    # Another worker that has never seen it answers from its history.
    async with s.worker(Listener):
        assert await handle.query(Listener.so_far) == ["hello", "bye"]
    await s.assert_history(
        handle,
        f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionSignaled, {TASK},"
        " WorkflowExecutionCompleted",
    )
    await s.refused(s.client.get_workflow_handle("absent-" + s.nonce).query("q"), "NOT_FOUND", detail="NotFoundFailure")


def query_request(s: Scenario, kind: str = "q", **fields) -> ws.QueryWorkflowRequest:
    return ws.QueryWorkflowRequest(
        namespace=s.namespace, execution=execution(s.id()), query=WorkflowQuery(query_type=kind), **fields
    )


async def test_a_query_without_a_worker_ends_with_its_deadline(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(marker("m"))
    refusal = await error_of(s.service.query_workflow(query_request(s), timeout=timedelta(seconds=1.5)))
    # The SDK's own clock may end the call a moment before the server does, and calls that a cancellation.
    assert refusal.status.name in ("DEADLINE_EXCEEDED", "CANCELLED"), refusal.message
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, MarkerRecorded")
    await s.refused(s.service.query_workflow(query_request(s, kind="")), "INVALID_ARGUMENT")
    request = query_request(s)
    request.ClearField("query")
    await s.refused(s.service.query_workflow(request), "INVALID_ARGUMENT")


async def test_a_query_is_a_task_of_its_own_when_no_other_is_under_way(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(start_timer("t", 600))
    asking = asyncio.create_task(s.service.query_workflow(query_request(s), timeout=timedelta(seconds=15)))
    task = await raw.poll()
    assert (task.query.query_type, task.started_event_id, task.previous_started_event_id) == ("q", 0, 3)
    assert [e.event_id for e in task.history.events] == [1, 2, 3, 4, 5]
    s.record("query-task", task)
    # Temporal reads a query's token as a workflow task's and then misses the workflow; a server may also tell them apart.
    mixed_up = await error_of(raw.complete(task, marker("m")))
    assert mixed_up.status.name in ("NOT_FOUND", "INVALID_ARGUMENT"), mixed_up.message
    await raw.answer_query(task, "the answer")
    assert (await asking).query_result == payloads("the answer")
    await s.refused(raw.answer_query(task, "again"), "NOT_FOUND")

    failing = asyncio.create_task(error_of(s.service.query_workflow(query_request(s), timeout=timedelta(seconds=15))))
    await raw.answer_query(await raw.poll(), error="cannot say")
    refusal = await failing
    assert (refusal.status.name, refusal.message) == ("INVALID_ARGUMENT", "cannot say")
    assert refusal.grpc_status.details[0].type_url.endswith("QueryFailedFailure")
    await s.refused(
        s.service.respond_query_task_completed(
            ws.RespondQueryTaskCompletedRequest(namespace=s.namespace, task_token=b"garbage")
        ),
        "INVALID_ARGUMENT",
    )
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, TimerStarted")


async def test_a_query_rides_on_a_workflow_task(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    first = await raw.step(start_timer("t", 600))
    await s.signal_raw("work")
    asking = asyncio.create_task(s.service.query_workflow(query_request(s), timeout=timedelta(seconds=15)))
    task = await raw.poll()
    extra = 0
    while not task.queries:
        # The query was slower than the task: force another one, so that the query always finds one to ride on.
        await raw.complete(task, force_new=True)
        task = await raw.poll()
        extra += 1
    (key,) = task.queries.keys()
    assert task.queries[key].query_type == "q"
    assert task.started_event_id == task.history.events[-1].event_id
    answered = WorkflowQueryResult(
        result_type=enums.QueryResultType.QUERY_RESULT_TYPE_ANSWERED, answer=payloads("on the way")
    )
    await raw.complete(task, marker("m"), query_results={key: answered})
    assert (await asking).query_result == payloads("on the way")
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, TimerStarted, WorkflowExecutionSignaled, "
        + f"{TASK}, " * (extra + 1)
        + "MarkerRecorded",
        order=Order.TIMING,
    )
    await s.refused(raw.complete(first, query_results={key: answered}), "NOT_FOUND", detail="NotFoundFailure")


async def test_a_query_on_a_workflow_that_never_ran_is_not_ready(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await s.client.get_workflow_handle(s.id()).terminate()
    await s.refused(s.service.query_workflow(query_request(s)), "FAILED_PRECONDITION", detail="WorkflowNotReadyFailure")
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionTerminated")
    # Nor is one whose tasks keep failing.
    await s.start_raw(s.id("failing"))
    for _ in range(3):
        await raw.fail(await raw.poll())
    request = query_request(s)
    request.execution.workflow_id = s.id("failing")
    await s.refused(
        s.service.query_workflow(request, timeout=timedelta(seconds=5)),
        "FAILED_PRECONDITION",
        detail="WorkflowNotReadyFailure",
    )
    await s.assert_history(
        s.id("failing"), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed"
    )


async def test_a_closed_workflow_answers_with_its_whole_history(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(fail_workflow())
    asking = asyncio.create_task(s.service.query_workflow(query_request(s), timeout=timedelta(seconds=15)))
    task = await raw.poll()
    assert task.query.query_type == "q"
    assert types(task.history.events) == ["WorkflowExecutionStarted", *TASK.split(", "), "WorkflowExecutionFailed"]
    await raw.answer_query(task, "post mortem")
    assert (await asking).query_result == payloads("post mortem")
    rejected = await s.service.query_workflow(
        query_request(s, query_reject_condition=enums.QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY)
    )
    assert rejected.query_rejected.status == enums.WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed")
    request = query_request(s)
    request.execution.run_id = "not-a-uuid"
    await s.refused(s.service.query_workflow(request), "INVALID_ARGUMENT")
