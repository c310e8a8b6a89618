"""Updates: accepted, rejected, completed, found again; tasks that leave no trace; updates that start their workflow."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import temporalio.api.enums.v1 as enums
from temporalio import common, workflow
from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateFailedError, WorkflowUpdateStage
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from crash_workflows import ACTIVITIES, WORKFLOWS, Ledger
from harness.history import TASK, types
from harness.raw import complete_workflow, continue_as_new, marker, schedule_activity, seconds
from harness.scenario import Scenario
from harness.updates import (
    ACCEPTED,
    CLOSED,
    COMPLETED,
    STARTED,
    UPDATED,
    accept,
    admitted,
    command_for,
    outcome_of,
    pending,
    poll_update,
    ready,
    reject,
    respond,
    update,
)
from test_crashes import doomed_worker, server_dies, worker_dies


@workflow.defn
class Till:
    """Takes money through a slot that takes no debts; slow payments wait for a nod."""

    def __init__(self) -> None:
        self.sum = 0
        self.nods = 0
        self.closing = False

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.closing and workflow.all_handlers_finished())
        return self.sum

    @workflow.update
    def pay(self, amount: int) -> int:
        self.sum += amount
        return self.sum

    @pay.validator
    def no_debts(self, amount: int) -> None:
        if amount < 0:
            raise ValueError("no debts")

    @workflow.update
    async def pay_slowly(self, amount: int) -> int:
        await workflow.wait_condition(lambda: self.nods > 0)
        return self.pay(amount)

    @workflow.update
    def break_it(self) -> None:
        raise ApplicationError("it broke", type="Broken")

    @workflow.signal
    def nod(self) -> None:
        self.nods += 1

    @workflow.signal
    def close(self) -> None:
        self.closing = True


# Through the SDK


async def test_an_update_changes_the_workflow_and_has_a_result(s: Scenario):
    async with s.worker(Till):
        handle = await s.start(Till.run)
        await s.until_event("WorkflowTaskCompleted")
        assert await handle.execute_update(Till.pay, 3) == 3
        assert await handle.execute_update(Till.pay, 4, id="second") == 7
        assert await handle.execute_update(Till.pay, 4, id="second") == 7
        assert await handle.get_update_handle("second", result_type=int).result() == 7
        await handle.signal(Till.close)
        assert await handle.result() == 7
        # What was asked once is answered so again, also after the end.
        assert await handle.execute_update(Till.pay, 9, id="second") == 7
    await s.assert_history(
        handle, f"{STARTED}, {UPDATED}, {UPDATED}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted"
    )
    await s.refused(handle.execute_update(Till.pay, 1, id="new"), "NOT_FOUND", CLOSED, "NotFoundFailure")


async def test_a_rejected_update_leaves_no_trace(s: Scenario):
    async with s.worker(Till):
        handle = await s.start(Till.run)
        await s.until_event("WorkflowTaskCompleted")
        for _ in range(3):
            try:
                await handle.execute_update(Till.pay, -1, id="debt")
                raise AssertionError("a debt was taken")
            except WorkflowUpdateFailedError as error:
                assert isinstance(error.cause, ApplicationError) and error.cause.message == "no debts"
        await s.assert_history(handle, STARTED)
        await s.refused(poll_update(s, "debt"), "NOT_FOUND", 'update "debt" not found', "NotFoundFailure")
        # The worker goes on from where it was.
        assert await handle.execute_update(Till.pay, 1) == 1
        await handle.signal(Till.close)
        assert await handle.result() == 1
    await s.assert_history(
        handle, f"{STARTED}, {UPDATED}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted"
    )


async def test_an_accepted_update_is_waited_for_later(s: Scenario):
    async with s.worker(Till):
        handle = await s.start(Till.run)
        await s.until_event("WorkflowTaskCompleted")
        slow = await handle.start_update(Till.pay_slowly, 5, id="slow", wait_for_stage=WorkflowUpdateStage.ACCEPTED)
        assert (await poll_update(s, "slow")).stage == ACCEPTED
        await handle.signal(Till.nod)
        assert await slow.result() == 5
        try:
            await handle.execute_update(Till.break_it)
            raise AssertionError("it did not break")
        except WorkflowUpdateFailedError as error:
            assert error.cause.message == "it broke" and error.cause.type == "Broken"
        await handle.signal(Till.close)
        await handle.result()
    await s.assert_history(
        handle,
        f"{STARTED}, {TASK}, WorkflowExecutionUpdateAccepted, WorkflowExecutionSignaled, {TASK},"
        f" WorkflowExecutionUpdateCompleted, {UPDATED}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted",
    )
    await s.refused(poll_update(s, "fast"), "NOT_FOUND", 'update "fast" not found')


async def test_an_update_starts_its_workflow(s: Scenario):
    def start(policy: common.WorkflowIDConflictPolicy) -> WithStartWorkflowOperation:
        return WithStartWorkflowOperation(Till.run, id=s.id(), task_queue=s.queue, id_conflict_policy=policy)

    async def pay(operation: WithStartWorkflowOperation, amount: int, id: str) -> int:
        return await s.client.execute_update_with_start_workflow(
            Till.pay, amount, id=id, start_workflow_operation=operation
        )

    fail, use = common.WorkflowIDConflictPolicy.FAIL, common.WorkflowIDConflictPolicy.USE_EXISTING
    async with s.worker(Till):
        first = start(fail)
        assert await pay(first, 3, "first") == 3
        handle = await first.workflow_handle()
        assert await pay(start(use), 4, "second") == 7
        # A completed update is found, whatever the start says.
        assert await pay(start(fail), 4, "second") == 7
        try:
            await pay(start(fail), 5, "third")
            raise AssertionError("a second workflow was started")
        except WorkflowAlreadyStartedError as error:
            assert error.workflow_id == s.id()
        await s.refused(poll_update(s, "third"), "NOT_FOUND", 'update "third" not found')
        await handle.signal(Till.close)
        assert await handle.result() == 7
    await s.assert_history(
        handle,
        f"{STARTED}, WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateCompleted, {UPDATED},"
        f" WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted",
    )


async def test_updates_go_on_in_the_next_run(s: Scenario):
    raw = await ready(s)
    first = (await s.describe()).workflow_execution_info.execution.run_id
    handle = s.client.get_workflow_handle(s.id())
    kept = asyncio.create_task(handle.execute_update("keep", id="kept"))
    task = await raw.poll()
    messages = [accept("kept")]
    await raw.complete(task, command_for(messages[0]), messages=messages)
    moved = asyncio.create_task(handle.execute_update("move", id="moved"))
    task = await raw.poll()
    assert [m.protocol_instance_id for m in task.messages] == ["moved"]
    await raw.complete(task, continue_as_new())
    try:
        await kept
        raise AssertionError("the update was completed")
    except WorkflowUpdateFailedError as error:
        s.same("an update that is cut short", [error.cause.message, error.cause.type, error.cause.non_retryable])

    async def delivered():
        task = await raw.poll()
        if task.messages:
            return task
        await raw.complete(task)
        return None

    task = await s.until(delivered, "the update in the next run")
    assert task.workflow_execution.run_id != first
    messages = [accept("moved"), respond("moved", "here")]
    await raw.complete(task, *map(command_for, messages), complete_workflow(), messages=messages)
    assert await moved == "here"
    await s.assert_history(
        s.id(),
        f"{STARTED}, {TASK}, WorkflowExecutionUpdateAccepted, {TASK}, WorkflowExecutionContinuedAsNew",
        run_id=first,
    )
    await s.refused(poll_update(s, "kept"), "NOT_FOUND", 'update "kept" not found')


# Task by task


async def test_a_task_for_rejected_updates_has_never_been(s: Scenario):
    raw = await ready(s)
    asked = asyncio.create_task(update(s))
    task = await raw.poll()
    assert (task.attempt, task.previous_started_event_id, task.started_event_id) == (1, 3, 6)
    assert types(task.history.events)[-3:] == ["WorkflowTaskCompleted", "WorkflowTaskScheduled", "WorkflowTaskStarted"]
    [sent] = task.messages
    s.same("the message", [sent.id, sent.protocol_instance_id, sent.event_id, sent.body.type_url])
    await s.assert_history(s.id(), STARTED)
    pending = (await s.describe()).pending_workflow_task
    assert pending.state == enums.PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED
    answer = await raw.complete(task, messages=[reject("u")])
    assert answer.reset_history_event_id == 3
    reached = await asked
    assert (reached.stage, outcome_of(reached)) == (COMPLETED, "not today")
    s.same("the link", reached.link.workflow.reason)
    await s.refused(poll_update(s), "NOT_FOUND", 'update "u" not found', "NotFoundFailure")
    # The next one has the same numbers.
    asked = asyncio.create_task(update(s, stage=ACCEPTED))
    again = await raw.poll()
    assert again.started_event_id == task.started_event_id and again.task_token != task.task_token
    messages = [accept("u"), respond("u")]
    await raw.complete(again, *map(command_for, messages), messages=messages)
    assert outcome_of(await asked) == '"done"'
    await s.assert_history(s.id(), f"{STARTED}, {UPDATED}")


async def test_updates_ride_on_the_task_that_waits(s: Scenario):
    await s.start_raw()
    raw = s.raw()
    names = ["b", "a", "c"]
    asked = []
    for name in names:
        asked.append(asyncio.create_task(update(s, name)))

        await s.until(lambda: admitted(s, name), f"{name} to be admitted")
    task = await raw.poll()
    assert [sent.protocol_instance_id for sent in task.messages] == names
    messages = [accept("b"), respond("b", 1), reject("a"), accept("c")]
    commands = [command_for(m) for m in messages if not m.id.endswith("Rejection")]
    await raw.complete(task, marker("first"), *commands, messages=messages)
    assert outcome_of(await asked[0]) == "1"
    assert outcome_of(await asked[1]) == "not today"
    await s.signal_raw("go")
    await raw.step(messages=[respond("c", 3)])
    assert outcome_of(await asked[2]) == "3"
    events = await s.assert_history(
        s.id(),
        f"{STARTED}, MarkerRecorded, WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateCompleted,"
        f" WorkflowExecutionUpdateAccepted, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionUpdateCompleted",
    )
    accepted = events[5].workflow_execution_update_accepted_event_attributes
    s.same("an accepted event", [accepted.protocol_instance_id, accepted.accepted_request_message_id,
                                 accepted.accepted_request_sequencing_event_id])  # fmt: skip
    assert accepted.accepted_request.input.name == "raw-update"
    assert events[-1].workflow_execution_update_completed_event_attributes.accepted_event_id == 8
    await s.refused(poll_update(s, "a"), "NOT_FOUND", 'update "a" not found')


async def test_a_signal_makes_the_task_a_written_one(s: Scenario):
    raw = await ready(s)
    asked = asyncio.create_task(update(s))
    await s.until(lambda: pending(s), "the task")
    await s.signal_raw("one")
    await s.assert_history(s.id(), f"{STARTED}, WorkflowTaskScheduled, WorkflowExecutionSignaled")
    task = await raw.poll()
    assert task.messages[0].event_id == 6
    await raw.complete(task, messages=[reject("u")])
    assert outcome_of(await asked) == "not today"
    asked = asyncio.create_task(update(s))
    task = await raw.poll()
    await s.signal_raw("two")
    await raw.complete(task, messages=[reject("u")])
    await asked
    await raw.step(complete_workflow())
    await s.assert_history(
        s.id(),
        f"{STARTED}, WorkflowTaskScheduled, WorkflowExecutionSignaled, WorkflowTaskStarted, WorkflowTaskCompleted,"
        f" {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted",
    )
    await s.refused(update(s), "NOT_FOUND", CLOSED, "NotFoundFailure")


async def test_a_heartbeat_of_an_activity_makes_the_task_a_written_one(s: Scenario):
    raw = await ready(s, schedule_activity("a", s.queue))
    activity = await raw.poll_activity()
    asked = asyncio.create_task(update(s))
    task = await raw.poll()
    await raw.heartbeat(activity.task_token, "alive")
    await raw.complete(task, messages=[reject("u")], discards=True)
    assert outcome_of(await asked) == "not today"
    await s.assert_history(s.id(), f"{STARTED}, ActivityTaskScheduled, {TASK}")
    await s.refused(poll_update(s), "NOT_FOUND", 'update "u" not found')


async def test_events_that_a_task_showed_are_shown_again_only_to_workers_that_can(s: Scenario):
    raw = await ready(s, schedule_activity("a", s.queue))
    asked = asyncio.create_task(update(s))
    answer = await raw.complete(await raw.poll(), messages=[reject("u")], discards=True)
    assert answer.reset_history_event_id == 3
    await asked
    await s.assert_history(s.id(), f"{STARTED}, ActivityTaskScheduled")
    asked = asyncio.create_task(update(s))
    answer = await raw.complete(await raw.poll(), messages=[reject("u")])
    assert answer.reset_history_event_id == 0
    await asked
    await s.assert_history(s.id(), f"{STARTED}, ActivityTaskScheduled, {TASK}")
    await s.refused(poll_update(s), "NOT_FOUND", 'update "u" not found')


async def test_a_task_that_nobody_takes_is_written_after_five_seconds(s: Scenario):
    raw = await ready(s)
    asked = asyncio.create_task(update(s))
    await s.until_event("WorkflowTaskTimedOut")
    # A server may lose an update here and have its client ask again.
    await s.until(lambda: admitted(s, "u"), "the update")
    task = await raw.poll()
    assert [sent.protocol_instance_id for sent in task.messages] == ["u"]
    await raw.complete(task, messages=[reject("u")])
    assert outcome_of(await asked) == "not today"
    events = await s.assert_history(s.id(), f"{STARTED}, WorkflowTaskScheduled, WorkflowTaskTimedOut, {TASK}")
    timed_out = events[5].workflow_task_timed_out_event_attributes
    s.same("the timeout", [timed_out.scheduled_event_id, timed_out.started_event_id, timed_out.timeout_type])
    waited = events[5].event_time.ToNanoseconds() - events[4].event_time.ToNanoseconds()
    assert 4.9e9 < waited < 8e9, waited
    await s.refused(poll_update(s), "NOT_FOUND", 'update "u" not found')


async def test_an_update_whose_task_failed_or_timed_out_goes_out_again(s: Scenario):
    raw = await ready(s, workflow_task_timeout=seconds(1))
    asked = asyncio.create_task(update(s))
    lost = await raw.poll()
    again = await raw.poll()
    assert (again.attempt, [sent.event_id for sent in again.messages]) == (2, [8])
    await s.refused(raw.complete(lost, messages=[reject("u")]), "NOT_FOUND", "Workflow task not found.")
    await raw.complete(again, messages=[reject("u")])
    assert outcome_of(await asked) == "not today"
    asked = asyncio.create_task(update(s))
    await raw.fail(await raw.poll())
    again = await raw.poll()
    await raw.complete(again, messages=[accept("u"), respond("u")])
    assert outcome_of(await asked) == '"done"'
    await s.assert_history(
        s.id(),
        f"{STARTED}, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskTimedOut, {TASK},"
        f" WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, {UPDATED}",
    )


async def test_an_update_that_the_worker_does_not_know_of_is_rejected(s: Scenario):
    raw = await ready(s)
    asked = asyncio.create_task(update(s))
    await raw.complete(await raw.poll())
    failure = (await asked).outcome.failure
    s.same(
        "the failure",
        [failure.message, failure.source, failure.application_failure_info.type,
         failure.application_failure_info.non_retryable],
    )  # fmt: skip
    await s.assert_history(s.id(), STARTED)
    await s.refused(poll_update(s), "NOT_FOUND", 'update "u" not found')


async def test_updates_that_come_meanwhile_go_out_with_the_answer(s: Scenario):
    raw = await ready(s)
    first = asyncio.create_task(update(s, "first"))
    task = await raw.poll()
    second = asyncio.create_task(update(s, "second"))
    await s.until(lambda: admitted(s, "second"), "the second update")
    messages = [accept("first"), respond("first")]
    answer = await raw.complete(task, *map(command_for, messages), messages=messages, sticky=5, return_new=True)
    assert answer.reset_history_event_id == 0
    assert [sent.protocol_instance_id for sent in answer.workflow_task.messages] == ["second"]
    assert outcome_of(await first) == '"done"'
    # A task that left no trace may be followed by another one.
    third = asyncio.create_task(update(s, "third"))
    await s.until(lambda: admitted(s, "third"), "the third update")
    again = {"sticky": 5, "return_new": True, "discards": True}
    answer = await raw.complete(answer.workflow_task, messages=[reject("second")], **again)
    assert answer.reset_history_event_id == 6
    assert [sent.protocol_instance_id for sent in answer.workflow_task.messages] == ["third"]
    answer = await raw.complete(answer.workflow_task, messages=[reject("third")], **again)
    assert not answer.HasField("workflow_task")
    assert [outcome_of(await second), outcome_of(await third)] == ["not today"] * 2
    await s.assert_history(s.id(), f"{STARTED}, {UPDATED}")
    await s.refused(poll_update(s, "third"), "NOT_FOUND", 'update "third" not found')


async def test_an_update_does_not_wait_for_a_delayed_first_task(s: Scenario):
    await s.start_raw(workflow_start_delay=seconds(60))
    asked = asyncio.create_task(update(s))
    messages = [accept("u"), respond("u")]
    raw = s.raw()
    await raw.complete(await raw.poll(), *map(command_for, messages), messages=messages)
    assert outcome_of(await asked) == '"done"'
    await s.assert_history(s.id(), f"WorkflowExecutionStarted, {UPDATED}")
    await s.refused(poll_update(s, "v"), "NOT_FOUND", 'update "v" not found')


# Crashes


@server_dies
async def test_a_caller_does_not_notice_that_its_update_was_lost_with_the_server(s: Scenario):
    handle = await s.start(Ledger.run)
    asked = asyncio.create_task(handle.execute_update(Ledger.add, 5, id="u"))
    await s.until(lambda: admitted(s, "u"), "the update")
    await s.restart_server()
    # It comes with the first task only if it is there again before a worker takes that.
    await s.until(lambda: admitted(s, "u"), "the update, once more")
    async with s.worker(*WORKFLOWS, activities=ACTIVITIES):
        assert await asked == 5
        await handle.signal(Ledger.close)
        assert await handle.result() == 5
    await s.assert_history(
        handle,
        f"{STARTED}, WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateCompleted, WorkflowExecutionSignaled,"
        f" {TASK}, WorkflowExecutionCompleted",
    )
    await s.refused(handle.execute_update(Ledger.add, 1, id="late"), "NOT_FOUND", CLOSED)


@server_dies
async def test_accepted_and_completed_updates_survive_the_server(s: Scenario):
    raw = await ready(s)
    asked = asyncio.create_task(update(s, stage=ACCEPTED))
    messages = [accept("u")]
    await raw.complete(await raw.poll(), command_for(messages[0]), messages=messages)
    assert (await asked).stage == ACCEPTED
    await s.restart_server()
    assert (await poll_update(s)).stage == ACCEPTED
    await s.signal_raw("go")
    await raw.step(messages=[respond("u", "kept")])
    await s.restart_server()
    assert outcome_of(await poll_update(s, stage=COMPLETED)) == '"kept"'
    assert outcome_of(await update(s)) == '"kept"'
    await s.client.get_workflow_handle(s.id()).terminate()
    await s.restart_server()
    assert outcome_of(await update(s)) == '"kept"'
    await s.refused(update(s, "late"), "NOT_FOUND", CLOSED, "NotFoundFailure")
    await s.assert_history(
        s.id(),
        f"{STARTED}, {TASK}, WorkflowExecutionUpdateAccepted, WorkflowExecutionSignaled, {TASK},"
        " WorkflowExecutionUpdateCompleted, WorkflowExecutionTerminated",
    )


@server_dies
async def test_a_task_that_died_with_the_server_is_fenced_from_the_one_that_replaces_it(s: Scenario):
    raw = await ready(s)
    asked = asyncio.create_task(update(s))
    lost = await raw.poll()
    late = [accept("u"), respond("u", 1)]
    await s.restart_server()
    await asyncio.gather(asked, return_exceptions=True)
    await s.refused(raw.complete(lost, messages=late), "NOT_FOUND", "Workflow task not found.")
    asked = asyncio.create_task(update(s))
    again = await raw.poll()
    assert again.started_event_id == lost.started_event_id
    await s.refused(raw.complete(lost, messages=late), "NOT_FOUND", "Workflow task not found.")
    await raw.complete(again, messages=[accept("u"), respond("u", 2)])
    assert outcome_of(await asked) == "2"
    await s.assert_history(s.id(), f"{STARTED}, {UPDATED}")


@worker_dies
async def test_another_worker_takes_the_update_of_a_dead_one(s: Scenario):
    handle = await s.start(Ledger.run, task_timeout=timedelta(seconds=2))
    with doomed_worker(s, hang="update") as doomed:
        await s.until_event("WorkflowTaskCompleted")
        asked = asyncio.create_task(handle.execute_update(Ledger.add, 7, id="u"))

        async def taken() -> bool:
            pending = (await s.describe()).pending_workflow_task
            return pending.state == enums.PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED

        await s.until(taken, "the worker to take the update")
        doomed.kill()
    async with s.worker(*WORKFLOWS, activities=ACTIVITIES):
        assert await asked == 7
        await handle.signal(Ledger.close)
        assert await handle.result() == 7
    await s.assert_history(
        handle,
        f"{STARTED}, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskTimedOut, {UPDATED},"
        f" WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted",
    )
    await s.refused(handle.execute_update(Ledger.add, 1, id="late"), "NOT_FOUND", CLOSED)
