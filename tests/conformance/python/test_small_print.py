"""The small print: what Temporal's server does where nobody looks, until an SDK or a tool depends on it."""

from __future__ import annotations

import pytest
import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Memo, Payload, Priority, WorkerVersionStamp, WorkflowType
from temporalio.api.failure.v1 import ApplicationFailureInfo, CanceledFailureInfo, Failure
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.service import RPCError, RPCStatusCode

from harness.history import TASK, types
from harness.raw import (
    cancel_activity,
    complete_workflow,
    continue_as_new,
    execution,
    fail_workflow,
    failure,
    marker,
    payloads,
    schedule_activity,
    seconds,
    start_child,
    start_timer,
)
from harness.scenario import Order, Scenario
from test_operating_workflows import options


async def test_a_full_buffer_does_not_make_the_next_attempt_a_first_one(s: Scenario):
    """More events than the buffer holds fail the task; what waited is written, and the next task is attempt 2."""
    raw = s.raw()
    await s.start_raw(workflow_task_timeout=seconds(60))
    held = await raw.poll()
    for n in range(101):
        await s.signal_raw(f"s{n}")
    task = await raw.poll()
    assert (task.attempt, task.previous_started_event_id, task.started_event_id) == (2, 0, 107)
    assert types(task.history.events)[-2:] == ["WorkflowTaskScheduled", "WorkflowTaskStarted"]
    await raw.complete(task, complete_workflow())
    events = await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed,"
        f" WorkflowExecutionSignaled*101, {TASK}, WorkflowExecutionCompleted",
    )
    assert events[105].workflow_task_scheduled_event_attributes.attempt == 2
    await s.refused(raw.complete(held), "NOT_FOUND", detail="NotFoundFailure")


async def test_a_history_that_is_too_long_takes_no_more(s: Scenario):
    """The request that finds the history too long does nothing but end the workflow, and is told so."""
    raw = s.raw()
    await s.start_raw(workflow_task_timeout=seconds(60))
    task = await raw.poll()
    for _ in range(10):
        task = (
            await raw.complete(task, *[marker("m")] * 5000, force_new=True, return_new=True, sticky=10)
        ).workflow_task
    length = (await s.describe()).workflow_execution_info.history_length
    await raw.complete(task, *[marker("m")] * (51_200 - length - 3))
    assert (await s.describe()).workflow_execution_info.history_length == 51_198
    # A signal and its task, then signals that ride on it, until one more event would be too many.
    for name in ("one", "two"):
        await s.signal_raw(name)
    await s.refused(s.signal_raw("three"), "INVALID_ARGUMENT", "Workflow history count exceeds limit.")
    await s.refused(s.signal_raw("four"), "NOT_FOUND", "workflow execution already completed")
    events = await s.assert_history(
        s.id(),
        "WorkflowExecutionStarted, "
        + f"{TASK}, MarkerRecorded*5000, " * 10
        + f"{TASK}, MarkerRecorded*1164, WorkflowExecutionSignaled, WorkflowTaskScheduled, WorkflowExecutionSignaled,"
        " WorkflowExecutionTerminated",
    )
    s.same("end", events[-1].workflow_execution_terminated_event_attributes.reason)


def shape(failure: Failure) -> list:
    """A failure and its causes: kind, type, and how long each text is."""
    kind = failure.WhichOneof("failure_info")
    info = failure.application_failure_info
    texts = [len(text.encode()) for text in (failure.source, failure.message, failure.stack_trace)]
    rest = shape(failure.cause) if failure.HasField("cause") else []
    return [[kind, info.type, info.non_retryable, texts], *rest]


async def test_a_failure_that_is_cut_keeps_its_type(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(schedule_activity("a", s.queue))
    large = Failure(
        message="m" * 2000,
        source="raw",
        stack_trace="t" * 1000,
        application_failure_info=ApplicationFailureInfo(type="Large", details=payloads("d" * 3000)),
        cause=Failure(
            message="\u00e4" * 1000,
            application_failure_info=ApplicationFailureInfo(type="Inner", non_retryable=True),
            cause=Failure(message="innermost", canceled_failure_info=CanceledFailureInfo()),
        ),
    )
    task = await raw.poll_activity()
    await s.refused(
        raw.fail_activity(task.task_token, Failure(message="no kind")),
        "INVALID_ARGUMENT",
        "Failure must have ApplicationFailureInfo.",
    )
    await raw.fail_activity(task.task_token, large)
    kept = (await s.describe()).pending_activities[0].last_failure
    s.same("kept", shape(kept))
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled")


async def test_what_a_worker_is_told_of_what_is_too_large(s: Scenario):
    """A failure is cut; details of a heartbeat are left out. Both are told, and the activity fails as it said."""
    raw = s.raw()
    await s.start_raw()
    activities = (schedule_activity(name, f"{s.queue}-{name}") for name in ("failure", "details"))
    await raw.step(*activities)
    large = "x" * (2 * 1024 * 1024 + 1)
    for name, fields in {
        "failure": {"failure": failure(large, non_retryable=True)},
        "details": {"failure": failure("small", non_retryable=True), "last_heartbeat_details": payloads(large)},
    }.items():
        task = await s.raw(f"{s.queue}-{name}").poll_activity()
        answer = await s.service.respond_activity_task_failed(
            ws.RespondActivityTaskFailedRequest(namespace=s.namespace, task_token=task.task_token, **fields)
        )
        s.same(f"told of {name}", [shape(each) for each in answer.failures])
    events = await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled*2, ActivityTaskStarted, ActivityTaskFailed,"
        " WorkflowTaskScheduled, ActivityTaskStarted, ActivityTaskFailed",
    )
    for event in (events[7], events[10]):
        s.same(f"kept in {event.event_id}", shape(event.activity_task_failed_event_attributes.failure))
    await s.refused(raw.fail_activity(b""), "INVALID_ARGUMENT")


async def test_who_terminated_and_why_is_always_said(s: Scenario):
    await s.start_raw()
    request = ws.TerminateWorkflowExecutionRequest(namespace=s.namespace, workflow_execution=execution(s.id()))
    await s.service.terminate_workflow_execution(request)
    events = await s.assert_history(
        s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionTerminated"
    )
    end = events[-1].workflow_execution_terminated_event_attributes
    s.same("end", [end.identity, end.reason])
    await s.refused(s.service.terminate_workflow_execution(request), "NOT_FOUND", detail="NotFoundFailure")


def builds(info) -> dict:
    points = [[it.build_id, it.binary_checksum, it.first_workflow_task_completed_id] for it in info.auto_reset_points.points]
    attributes = {name: value.data.decode() for name, value in info.search_attributes.indexed_fields.items()}
    return {"points": points, "attributes": attributes, "version": MessageToDict(info.most_recent_worker_version_stamp)}


async def test_builds_of_workers_are_kept(s: Scenario):
    """Search attributes name the builds that answered, each is a place to reset to, and the next run inherits those."""
    raw = s.raw()
    first = await s.start_raw()
    task = await raw.poll()
    for fields in (
        {},
        {"worker_version_stamp": WorkerVersionStamp(build_id="b1")},
        {"binary_checksum": "c1"},
        {"worker_version_stamp": WorkerVersionStamp(build_id="b1")},
    ):
        answer = await s.service.respond_workflow_task_completed(
            ws.RespondWorkflowTaskCompletedRequest(
                namespace=s.namespace,
                task_token=task.task_token,
                force_create_new_workflow_task=True,
                return_new_workflow_task=True,
                **fields,
            )
        )
        task = answer.workflow_task
        s.same(f"builds after {task.started_event_id}", builds((await s.describe()).workflow_execution_info))
    await raw.complete(task, continue_as_new())
    events = await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, {f'{TASK}, ' * 5} WorkflowExecutionContinuedAsNew".replace(",  ", ", "), first.run_id
    )
    assert not events[3].workflow_task_completed_event_attributes.HasField("metering_metadata")
    next_start = (await s.events())[0].workflow_execution_started_event_attributes
    inherited = next_start.prev_auto_reset_points.points
    s.same("inherited", [[it.build_id, it.binary_checksum, it.HasField("expire_time")] for it in inherited])
    assert {it.run_id for it in inherited} == {first.run_id}
    s.same("builds of the next run", builds((await s.describe()).workflow_execution_info))
    await s.refused(s.start_raw(), "ALREADY_EXISTS")


async def test_places_to_go_back_to_say_whether_that_is_possible(s: Scenario):
    """A child that was pending when the build answered first decides it."""
    raw, queue = s.raw(), s.id("nobody")
    await s.start_raw()
    task = await raw.poll()
    for checksum, commands in ("c1", [start_child(s.id("kid"), queue)]), ("c2", []):
        await s.service.respond_workflow_task_completed(
            ws.RespondWorkflowTaskCompletedRequest(
                namespace=s.namespace, task_token=task.task_token, binary_checksum=checksum, commands=commands
            )
        )
        task = await raw.poll() if commands else None
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted, {TASK}",
    )
    points = (await s.describe()).workflow_execution_info.auto_reset_points.points
    s.same("resettable", [[it.binary_checksum, it.resettable] for it in points])
    await s.refused(s.start_raw(), "ALREADY_EXISTS")


async def test_urgent_tasks_come_first(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(*(schedule_activity(str(key), s.queue, priority=Priority(priority_key=key)) for key in (5, 3, 1, 4, 2)))

    async def all_there() -> bool:
        stats = await s.service.describe_task_queue(
            ws.DescribeTaskQueueRequest(
                namespace=s.namespace, task_queue={"name": s.queue}, task_queue_type=2, report_stats=True
            )
        )
        return sum(each.approximate_backlog_count for each in stats.stats_by_priority_key.values()) == 5

    await s.until(all_there, "five tasks to wait")
    order = [(await raw.poll_activity()).activity_id for _ in range(5)]
    # Temporal's queues have partitions, and each has an order of its own.
    assert (sorted(order) if s.launch.is_oracle else order) == ["1", "2", "3", "4", "5"]
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled*5")
    too_long = schedule_activity("f", s.queue, priority=Priority(fairness_key="k" * 65))
    await s.signal_raw("go on")
    await s.refused(raw.complete(await raw.poll(), too_long), "INVALID_ARGUMENT")


async def test_an_activity_is_as_urgent_as_its_workflow(s: Scenario):
    """What it does not say of itself; the event says only what it said."""
    raw = s.raw()
    await s.start_raw(priority=Priority(priority_key=2, fairness_key="tenant", fairness_weight=3))
    plain, own = schedule_activity("plain", s.queue), schedule_activity("own", s.queue, priority=Priority(priority_key=5))
    await raw.step(plain, own)
    tasks = {task.activity_id: task for task in [await raw.poll_activity(), await raw.poll_activity()]}
    s.same("priorities", {name: s.plain(task.priority) for name, task in sorted(tasks.items())})
    for task in tasks.values():
        await raw.fail_activity(task.task_token, failure(non_retryable=True))
    await raw.step(complete_workflow())
    events = await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled*2, ActivityTaskStarted, ActivityTaskFailed,"
        f" WorkflowTaskScheduled, ActivityTaskStarted, ActivityTaskFailed, WorkflowTaskStarted, WorkflowTaskCompleted,"
        " WorkflowExecutionCompleted",
        order=Order.CHANCE,
    )
    said = [event.activity_task_scheduled_event_attributes.priority.priority_key for event in events[4:6]]
    assert said == [0, 5]
    await s.refused(s.signal_raw("late"), "NOT_FOUND")


async def test_an_activity_that_waits_becomes_as_urgent_as_its_workflow(s: Scenario):
    """The workflow's priority changes while its activities wait."""
    raw = s.raw()
    for name, key in (("calm", 4), ("urgent", 5)):
        await s.start_raw(s.id(name), priority=Priority(priority_key=key))
        await raw.step(schedule_activity(name, s.queue))
    await options(s, "priority", id=s.id("urgent"), priority=Priority(priority_key=1))
    tasks = [await raw.poll_activity() for _ in range(2)]
    # In Temporal what waits in a queue may stay where it is.
    order = [task.activity_id for task in tasks]
    assert (sorted(order, reverse=True) if s.launch.is_oracle else order) == ["urgent", "calm"]
    assert sorted(task.priority.priority_key for task in tasks) == [1, 4]
    updated = "WorkflowExecutionOptionsUpdated"
    await s.assert_history(s.id("urgent"), f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, {updated}")
    await s.refused(options(s, "priority", id=s.id("urgent"), priority=Priority(priority_key=-1)), "INVALID_ARGUMENT")


@pytest.mark.crash(server=True)
async def test_urgent_tasks_come_first_after_a_crash(s: Scenario):
    raw = s.raw()
    for key in (5, 3, 1, 4, 2):
        await s.start_raw(s.id(str(key)), priority=Priority(priority_key=key))
    await s.restart_server()

    order = [(await raw.poll()).workflow_execution.workflow_id[-1] for _ in range(5)]
    assert (sorted(order) if s.launch.is_oracle else order) == ["1", "2", "3", "4", "5"]
    await s.assert_history(s.id("1"), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted")
    await s.refused(s.start_raw(s.id("1")), "ALREADY_EXISTS")


async def test_clients_that_do_not_follow_runs_are_shown_a_continuation(s: Scenario):
    """Asked for the close event alone, by a client that does not say that it follows any end with a next run."""
    first = await s.start_raw(retry_policy={"initial_interval": seconds(60)})
    await s.raw().step(fail_workflow(failure("first")))
    request = ws.GetWorkflowExecutionHistoryRequest(
        namespace=s.namespace,
        execution=execution(s.id(), first.run_id),
        history_event_filter_type=enums.HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
    )
    for features, expected in {
        "": "WorkflowExecutionContinuedAsNew",
        "other,follows-next-run-id": "WorkflowExecutionFailed",
    }.items():
        page = await s.service.get_workflow_execution_history(request, metadata={"supported-features": features})
        assert types(page.history.events) == [expected]
        attributes = getattr(page.history.events[0], page.history.events[0].WhichOneof("attributes"))
        assert attributes.failure.message == "first" and attributes.new_execution_run_id
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed", first.run_id)
    await s.refused(s.start_raw(), "ALREADY_EXISTS")


async def test_timers_that_are_due_together_share_a_task(s: Scenario):
    raw = s.raw()
    await s.start_raw()
    await raw.step(start_timer("a", 0.3), start_timer("b", 0.3))
    await raw.step(complete_workflow())
    await s.assert_history(
        s.id(), f"WorkflowExecutionStarted, {TASK}, TimerStarted*2, TimerFired*2, {TASK}, WorkflowExecutionCompleted"
    )
    await s.refused(s.signal_raw("late"), "NOT_FOUND", "workflow execution already completed")


async def test_an_activity_that_nobody_took_timed_out_before_its_start(s: Scenario):
    """Of two timeouts that come at the same time the one that ends the waiting is told."""
    raw = s.raw()
    await s.start_raw()
    fields = {"start_to_close_timeout": None, "schedule_to_close_timeout": 1}
    await raw.step(schedule_activity("a", f"{s.queue}-nobody", **fields))
    timed_out = (await s.until_event("ActivityTaskTimedOut")).activity_task_timed_out_event_attributes
    s.same("timeout", [timed_out.failure.message, timed_out.failure.timeout_failure_info.timeout_type])
    await s.refused(raw.complete(await raw.poll(), cancel_activity(5)), "INVALID_ARGUMENT")
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, ActivityTaskTimedOut, WorkflowTaskScheduled,"
        " WorkflowTaskStarted, WorkflowTaskFailed",
    )


async def test_a_lost_answer_gives_its_next_task_again(s: Scenario):
    """A worker that did not get the reply to its answer sends it again. Temporal finds nothing; Weft gives what it gave."""
    raw = s.raw()
    await s.start_raw()
    task = await raw.poll()
    command = schedule_activity("a", s.queue, request_eager_execution=True)
    first = await raw.complete(task, command, force_new=True, return_new=True, sticky=10)
    try:
        again = await raw.complete(task, command, force_new=True, return_new=True, sticky=10)
        assert again == first and again.workflow_task.task_token and len(again.activity_tasks) == 1
    except RPCError as error:
        assert s.launch.is_oracle and error.status == RPCStatusCode.NOT_FOUND
    await raw.complete_activity(first.activity_tasks[0].task_token, "done")
    await raw.complete(first.workflow_task, marker("m"))
    await raw.step(complete_workflow())
    await s.assert_history(
        s.id(),
        f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, WorkflowTaskScheduled, WorkflowTaskStarted,"
        f" WorkflowTaskCompleted, MarkerRecorded, ActivityTaskStarted, ActivityTaskCompleted, {TASK},"
        " WorkflowExecutionCompleted",
    )
    await s.refused(raw.complete(first.workflow_task), "NOT_FOUND", detail="NotFoundFailure")


async def test_long_and_missing_namespaces_are_refused(s: Scenario):
    def describe(namespace: str):
        request = ws.DescribeWorkflowExecutionRequest(namespace=namespace, execution=execution(s.id()))
        return s.service.describe_workflow_execution(request)

    await s.start_raw()
    await s.refused(describe(""), "INVALID_ARGUMENT", "Namespace is empty.")
    for length in (1001, 10_000):
        await s.refused(describe("n" * length), "INVALID_ARGUMENT", "Namespace length exceeds limit.")
    both = ws.DescribeNamespaceRequest(namespace=s.namespace, id="00000000-0000-4000-8000-000000000000")
    await s.refused(s.service.describe_namespace(both), "INVALID_ARGUMENT")
    await s.assert_history(s.id(), "WorkflowExecutionStarted, WorkflowTaskScheduled")


async def test_what_a_continuation_may_not_say(s: Scenario):
    for suffix, fields in {
        "type": {"workflow_type": {"name": "t" * 1001}},
        "queue": {"task_queue": {"name": "q" * 1001}},
        "reserved": {"task_queue": {"name": "/_sys/mine"}},
        "policy": {"retry_policy": {"backoff_coefficient": 0.1}},
        "timeout": {"workflow_run_timeout": {"seconds": -1}},
    }.items():
        raw = s.raw(f"{s.queue}-{suffix}")
        await s.start_raw(s.id(suffix), task_queue={"name": raw.queue})
        await s.refused(raw.complete(await raw.poll(), continue_as_new(**fields)), "INVALID_ARGUMENT")
    await s.assert_history(
        s.id("type"), "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed"
    )
    raw = s.raw(f"{s.queue}-long")
    await s.start_raw(s.id("long"), task_queue={"name": raw.queue})
    await raw.step(continue_as_new(workflow_task_timeout=seconds(1000)))
    start = (await s.events(s.id("long")))[0].workflow_execution_started_event_attributes
    assert start.workflow_task_timeout.seconds == 120, "a workflow task's timeout has a longest value"


async def test_an_empty_memo_is_none(s: Scenario):
    null = Payload(metadata={"encoding": b"binary/null"})
    for kind, memo in (("empty", Memo()), ("null", Memo(fields={"a": null}))):
        raw, workflow_id, kid = s.raw(queue=s.queue + kind), s.id(kind), s.id(kind + "-kid")
        first = await s.start_raw(workflow_id, task_queue=TaskQueue(name=raw.queue), memo=memo)
        await raw.step(start_child(kid, s.queue + "-kid", memo=memo))
        await s.until_event("ChildWorkflowExecutionStarted", workflow_id)
        await raw.step(continue_as_new(workflow_type=WorkflowType(name="Raw"), memo=memo))
        events = await s.assert_history(
            workflow_id,
            f"WorkflowExecutionStarted, {TASK}, StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted,"
            f" {TASK}, WorkflowExecutionContinuedAsNew",
            run_id=first.run_id,
        )
        found = {
            "started": events[0].workflow_execution_started_event_attributes,
            "child": events[4].start_child_workflow_execution_initiated_event_attributes,
            "continues": events[-1].workflow_execution_continued_as_new_event_attributes,
        }
        for label, run in (("continued", workflow_id), ("started by a parent", kid)):
            found[label] = (await s.events(run))[0].workflow_execution_started_event_attributes
        s.same(kind, {label: sorted(it.memo.fields) if it.HasField("memo") else None for label, it in found.items()})
    await s.refused(raw.complete(await raw.poll(), start_child("", memo=Memo())), "INVALID_ARGUMENT")
