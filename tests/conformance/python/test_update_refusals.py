"""Updates that make no sense, meet a limit or the end of their workflow; and updates that start their workflow."""

from __future__ import annotations

import asyncio
import uuid

import temporalio.api.enums.v1 as enums
import temporalio.api.errordetails.v1 as errordetails
import temporalio.api.workflowservice.v1 as ws
from temporalio.api.update.v1 import Input, Meta, Request, Response

from harness.history import TASK
from harness.raw import complete_workflow, execution, seconds
from harness.scenario import Scenario, detail_of, error_of, with_fields
from harness.updates import (
    ADMITTED,
    CLOSED,
    COMPLETED,
    STARTED,
    UPDATED,
    accept,
    admitted,
    command_for,
    message,
    outcome_of,
    pending,
    poll_update,
    ready,
    reject,
    respond,
    update,
    update_request,
)


# What makes no sense


async def test_wrong_messages_fail_the_task_by_name(s: Scenario):
    raw = await ready(s)
    wrong = {
        "absent": ([], [command_for(accept("u"))]),
        "unknown": ([respond("nobody")], []),
        "twice": ([accept("u"), accept("u")], []),
        "too early": ([respond("u")], []),
        "without its place": ([accept("u", sequencing=0)], []),
        "of another": ([accept("u"), message("u", Response(meta=Meta(update_id="v")))], []),
        "without an outcome": ([accept("u"), message("u", Response(meta=Meta(update_id="u")))], []),
        "no message of updates": ([message("u", execution("w"))], []),
        "of no known kind": ([message("u", Meta())], []),
    }
    for label, (messages, commands) in wrong.items():
        asked = asyncio.create_task(update(s))
        await s.refused(raw.complete(await raw.poll(), *commands, messages=messages), "INVALID_ARGUMENT")
        error = await error_of(asked)
        s.same(f"what the caller hears: {label}", [error.status.name, error.message])
        await raw.step()
    await s.assert_history(
        s.id(), f"{STARTED}, " + ", ".join(["WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed", TASK] * 9)
    )


async def test_an_update_is_accepted_once(s: Scenario):
    raw = await ready(s)
    asked = asyncio.create_task(update(s))
    messages = [accept("u"), respond("u", 1)]
    await raw.complete(await raw.poll(), *map(command_for, messages), messages=messages)
    assert outcome_of(await asked) == "1"
    for answer in (accept("u"), respond("u", 2), reject("u")):
        await s.signal_raw("go")
        await s.refused(raw.complete(await raw.poll(), messages=[answer]), "INVALID_ARGUMENT")
        await raw.step()
    assert outcome_of(await poll_update(s, stage=COMPLETED)) == "1"
    failed = f"WorkflowExecutionSignaled, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, {TASK}"
    await s.assert_history(s.id(), f"{STARTED}, {UPDATED}, {failed}, {failed}, {failed}")


async def test_a_worker_may_bring_the_request_of_a_forgotten_update(s: Scenario):
    raw = await ready(s)
    await s.signal_raw("go")
    request = Request(meta=Meta(update_id="u", identity="i"), input=Input(name="n"))
    await raw.step(messages=[accept("u", request), respond("u", "kept")])
    assert outcome_of(await poll_update(s, stage=COMPLETED)) == '"kept"'
    assert outcome_of(await update(s)) == '"kept"'
    await s.assert_history(
        s.id(),
        f"{STARTED}, WorkflowExecutionSignaled, {UPDATED}",
    )
    await s.refused(poll_update(s, "v"), "NOT_FOUND", 'update "v" not found')


async def test_requests_for_updates_that_make_no_sense_are_refused(s: Scenario):
    await ready(s)

    def changed(change) -> ws.UpdateWorkflowExecutionRequest:
        request = update_request(s)
        change(request)
        return request

    async def ask(change):
        return await s.service.update_workflow_execution(changed(change))

    for change in (
        lambda r: r.ClearField("request"),
        lambda r: r.request.ClearField("meta"),
        lambda r: r.request.ClearField("input"),
        lambda r: r.request.input.ClearField("name"),
        lambda r: setattr(r.request.meta, "update_id", "u" * 1001),
        lambda r: r.ClearField("workflow_execution"),
        lambda r: r.workflow_execution.ClearField("workflow_id"),
        lambda r: setattr(r.workflow_execution, "run_id", "no-uuid"),
    ):
        await s.refused(ask(change), "INVALID_ARGUMENT")
    await s.refused(
        ask(lambda r: setattr(r.wait_policy, "lifecycle_stage", ADMITTED)),
        "PERMISSION_DENIED",
        detail="PermissionDeniedFailure",
    )
    for change in (
        lambda r: setattr(r.workflow_execution, "workflow_id", "absent-" + s.nonce),
        lambda r: setattr(r.workflow_execution, "run_id", str(uuid.uuid4())),
        lambda r: setattr(r, "first_execution_run_id", str(uuid.uuid4())),
        lambda r: setattr(r, "namespace", "nowhere-" + s.nonce),
    ):
        await s.refused(ask(change), "NOT_FOUND")
    for fields in (
        {"update_ref": {"workflow_execution": {"workflow_id": ""}}},
        {"update_ref": {"workflow_execution": {"run_id": "no-uuid"}}},
    ):
        await s.refused(poll_update(s, **fields), "INVALID_ARGUMENT")
    no_reference = ws.PollWorkflowExecutionUpdateRequest(namespace=s.namespace)
    await s.refused(s.service.poll_workflow_execution_update(no_reference), "INVALID_ARGUMENT")
    await s.refused(poll_update(s, "absent"), "NOT_FOUND")
    await s.refused(poll_update(s, id="absent-" + s.nonce), "NOT_FOUND")
    await s.assert_history(s.id(), STARTED)


async def test_at_most_ten_updates_are_in_flight(s: Scenario):
    raw = await ready(s)
    asked = [asyncio.create_task(update(s, f"u{n}")) for n in range(10)]
    for n in range(10):
        await s.until(lambda: admitted(s, f"u{n}"), f"u{n}")
    error = await s.refused(update(s, "u10"), "RESOURCE_EXHAUSTED", detail="ResourceExhaustedFailure")
    exhausted = detail_of(error, errordetails.ResourceExhaustedFailure())
    s.same("the cause", [exhausted.cause, exhausted.scope])
    task = await raw.poll()
    await raw.complete(task, messages=[reject(f"u{n}") for n in range(10)])
    assert {outcome_of(await one) for one in asked} == {"not today"}
    asked = asyncio.create_task(update(s, "u10"))
    await raw.complete(await raw.poll(), messages=[reject("u10")])
    await asked
    await s.assert_history(s.id(), STARTED)


# Ends


async def test_updates_hear_of_the_end_of_their_workflow(s: Scenario):
    raw = await ready(s)
    accepted = asyncio.create_task(update(s, "accepted"))
    await raw.complete(await raw.poll(), messages=[accept("accepted")])
    await s.until_event("WorkflowExecutionUpdateAccepted")
    sent = asyncio.create_task(update(s, "sent"))
    task = await raw.poll()
    waiting = asyncio.create_task(update(s, "waiting"))
    await s.until(lambda: admitted(s, "waiting"), "the update")
    await raw.complete(task, complete_workflow())
    cut_short = await accepted
    failure = cut_short.outcome.failure
    s.same(
        "an update that is cut short",
        [failure.message, failure.source, failure.application_failure_info.type, cut_short.stage,
         cut_short.link.workflow.reason],
    )  # fmt: skip
    await s.refused(sent, "NOT_FOUND", detail="NotFoundFailure")
    await s.refused(waiting, "NOT_FOUND", detail="NotFoundFailure")
    assert outcome_of(await poll_update(s, "accepted")) == failure.message
    assert outcome_of(await update(s, "accepted")) == failure.message
    await s.refused(update(s, "new"), "NOT_FOUND", CLOSED, "NotFoundFailure")
    await s.assert_history(
        s.id(), f"{STARTED}, {TASK}, WorkflowExecutionUpdateAccepted, {TASK}, WorkflowExecutionCompleted"
    )


async def test_a_termination_ends_the_tasks_of_updates(s: Scenario):
    raw = await ready(s)
    asked = asyncio.create_task(update(s))
    await s.until(lambda: pending(s), "the task")
    await s.client.get_workflow_handle(s.id()).terminate("enough")
    await s.refused(asked, "NOT_FOUND", detail="NotFoundFailure")
    await s.assert_history(s.id(), f"{STARTED}, WorkflowExecutionTerminated")
    await s.start_raw()
    await raw.step()
    asked = asyncio.create_task(update(s))
    await raw.poll()
    await s.client.get_workflow_handle(s.id()).terminate("enough")
    await s.refused(asked, "NOT_FOUND", detail="NotFoundFailure")
    await s.assert_history(
        s.id(),
        f"{STARTED}, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, WorkflowExecutionTerminated",
    )


async def test_workflows_that_fail_or_close_take_no_updates(s: Scenario):
    raw = await ready(s)
    asked = asyncio.create_task(update(s))
    task = await raw.poll()
    await s.signal_raw("go")
    messages = [accept("u"), respond("u")]
    await s.refused(
        raw.complete(task, *map(command_for, messages), complete_workflow(), messages=messages), "INVALID_ARGUMENT"
    )
    await s.refused(asked, "FAILED_PRECONDITION", detail="WorkflowNotReadyFailure")
    closing = await raw.poll()
    await s.refused(update(s, "late"), "RESOURCE_EXHAUSTED", detail="ResourceExhaustedFailure")
    await raw.fail(closing)
    await raw.fail(await raw.poll())
    await s.refused(update(s, "later"), "FAILED_PRECONDITION", detail="WorkflowNotReadyFailure")
    failed = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed"
    await s.assert_history(s.id(), f"{STARTED}, {failed}, WorkflowExecutionSignaled, {failed}")


# Starts


def start_and_update(s: Scenario, update_id: str = "u", stage: int = COMPLETED, **fields):
    request = ws.ExecuteMultiOperationRequest(namespace=s.namespace)
    request.operations.add().start_workflow.CopyFrom(with_fields(s.start_request(), fields))
    request.operations.add().update_workflow.CopyFrom(update_request(s, update_id, stage))
    return request


def statuses(error) -> list:
    failure = detail_of(error, errordetails.MultiOperationExecutionFailure())
    return [
        [status.code, status.message, [d.type_url.rsplit(".", 1)[-1] for d in status.details]]
        for status in failure.statuses
    ]


async def test_starts_with_updates_that_make_no_sense_are_refused_operation_by_operation(s: Scenario):
    await ready(s)

    def start(name: str, value):
        return lambda r: with_fields(r.operations[0].start_workflow, {name: value})

    def updated(*path_and_value):
        *path, name, value = path_and_value

        def change(request):
            inner = request.operations[1].update_workflow
            for part in path:
                inner = getattr(inner, part)
            setattr(inner, name, value)

        return change

    for label, change in {
        "cron": start("cron_schedule", "* * * * *"),
        "delay": start("workflow_start_delay", seconds(3)),
        "eager": start("request_eager_execution", True),
        "no type": lambda r: r.operations[0].start_workflow.ClearField("workflow_type"),
        "run": updated("workflow_execution", "run_id", str(uuid.uuid4())),
        "first run": updated("first_execution_run_id", str(uuid.uuid4())),
        "another workflow": updated("workflow_execution", "workflow_id", "another"),
        "another namespace": updated("namespace", "another"),
        "no name": updated("request", "input", "name", ""),
        "no input": lambda r: r.operations[1].update_workflow.request.ClearField("input"),
    }.items():
        request = start_and_update(s)
        change(request)
        error = await s.refused(s.service.execute_multi_operation(request), "INVALID_ARGUMENT")
        s.same(f"statuses: {label}", statuses(error))
    admitted_only = start_and_update(s, stage=ADMITTED)
    error = await s.refused(s.service.execute_multi_operation(admitted_only), "PERMISSION_DENIED")
    s.same("statuses: admitted", statuses(error))
    for change in (
        lambda r: r.operations.pop(),
        lambda r: r.ClearField("operations"),
        lambda r: r.operations.reverse(),
        lambda r: r.operations[1].start_workflow.CopyFrom(r.operations[0].start_workflow),
    ):
        request = start_and_update(s)
        change(request)
        await s.refused(s.service.execute_multi_operation(request), "INVALID_ARGUMENT")
    await s.assert_history(s.id(), STARTED)


async def test_a_start_with_an_update_does_both_or_says_which_it_did(s: Scenario):
    raw = s.raw()
    call = s.service.execute_multi_operation
    request = start_and_update(s, "one", request_id="start-" + s.nonce)
    asked = asyncio.create_task(call(request))
    task = await raw.poll()
    assert [sent.protocol_instance_id for sent in task.messages] == ["one"]
    await raw.complete(task, messages=[accept("one"), respond("one", 1)])
    started, updated = (await asked).responses
    assert started.start_workflow.started and outcome_of(updated.update_workflow) == "1"
    # Found, whatever the start says.
    started, updated = (await call(start_and_update(s, "one"))).responses
    assert not started.start_workflow.started and outcome_of(updated.update_workflow) == "1"
    error = await s.refused(call(start_and_update(s, "two")), "ALREADY_EXISTS")
    code, text, details = statuses(error)[0]
    assert (code, details) == (6, ["WorkflowExecutionAlreadyStartedFailure"])
    # The same start again, or one that may use what runs, updates it.
    use = enums.WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
    for update_id, fields in (
        ("two", {"request_id": "start-" + s.nonce}),
        ("three", {"workflow_id_conflict_policy": use}),
    ):
        asked = asyncio.create_task(call(start_and_update(s, update_id, **fields)))
        await raw.complete(await raw.poll(), messages=[reject(update_id)])
        started, updated = (await asked).responses
        assert not started.start_workflow.started and outcome_of(updated.update_workflow) == "not today"
    # An update that is aborted with the run that it started says that the start was done.
    await s.client.get_workflow_handle(s.id()).terminate()
    asked = asyncio.create_task(call(start_and_update(s, "four")))
    await raw.complete(await raw.poll(), complete_workflow())
    error = await s.refused(asked, "NOT_FOUND")
    s.same("statuses: closed", statuses(error))
    await s.assert_history(s.id(), f"{STARTED}, WorkflowExecutionCompleted")
