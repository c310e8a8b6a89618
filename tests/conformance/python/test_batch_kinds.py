"""Batch operations that change what runs: resets, new options of workflows, and what becomes of pending activities."""

from __future__ import annotations

import temporalio.api.batch.v1 as batch
import temporalio.api.enums.v1 as enums
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import Priority, ResetOptions, WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions

from harness.history import TASK
from harness.raw import complete_workflow, execution, schedule_activity, seconds
from harness.scenario import Scenario
from test_batch import COMPLETED, WAITING, begin, counts, end_of, in_turn, job, kind, query, some_workflows, until_listed
from test_operating_activities import ONE_ACTIVITY
from test_operating_activities import pause as pause_activity
from test_operating_activities import pending
from test_operating_workflows import pause as pause_workflow

TYPES = enums.BatchOperationType
SIGNALED = "WorkflowExecutionSignaled"


async def done(s: Scenario, name: str, expected: tuple[int, int, int], **fields) -> None:
    """A job of this name is done, with these counts; the name of its kind is as Temporal has it."""
    job_id = s.id(name)
    await begin(s, job(s, job_id, **fields))
    answer = await end_of(s, job_id, seconds=60)
    assert (answer.state, counts(answer)) == (COMPLETED, expected)
    s.same(f"{name}: kind and identity", [TYPES.Name(answer.operation_type), answer.identity])
    await s.refused(in_turn(s, job(s, job_id, **fields)), "ALREADY_EXISTS")


async def workflows_of_two_tasks(s: Scenario, count: int) -> list[WorkflowExecution]:
    """Each with a signal between its tasks and one after them, whose task waits."""
    raw, started = s.raw(), []
    for number in range(count):
        id = s.id(str(number))
        request = s.start_request(id)
        request.workflow_type.name = kind(s)
        run = await s.service.start_workflow_execution(request)
        await raw.step()
        await s.signal_raw("first", id)
        await raw.step()
        started.append(WorkflowExecution(workflow_id=id, run_id=run.run_id))
    for base in started:
        await s.signal_raw("second", base.workflow_id)
    await until_listed(s, query(s), count)
    return started


async def new_run_of(s: Scenario, base: WorkflowExecution) -> str:
    return (await s.describe(base.workflow_id, base.run_id)).workflow_extended_info.reset_run_id


async def test_a_batch_resets_workflows_to_their_first_and_last_tasks(s: Scenario):
    runs = await workflows_of_two_tasks(s, 2)
    options = ResetOptions(last_workflow_task=Empty())
    operation = batch.BatchOperationReset(identity="operator", options=options)
    await done(s, "last", (2, 2, 0), executions=runs, reset_operation=operation)
    lasts = [WorkflowExecution(workflow_id=base.workflow_id, run_id=await new_run_of(s, base)) for base in runs]
    for last in lasts:
        events = await s.assert_history(
            last.workflow_id,
            f"WorkflowExecutionStarted, {TASK}, {SIGNALED}, WorkflowTaskScheduled, WorkflowTaskStarted, "
            f"WorkflowTaskFailed, {SIGNALED}, WorkflowTaskScheduled",
            last.run_id,
        )
        failed = events[7].workflow_task_failed_event_attributes
        s.same("last: failed task", [failed.identity, failed.failure.message])
    without = ResetOptions(
        first_workflow_task=Empty(),
        reset_reapply_exclude_types=[enums.ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL],
    )
    operation = batch.BatchOperationReset(identity="operator", options=without)
    await done(s, "first", (2, 2, 0), executions=lasts, reset_operation=operation)
    for last in lasts:
        await s.assert_history(
            last.workflow_id,
            "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, "
            "WorkflowTaskScheduled",
            await new_run_of(s, last),
        )


async def test_a_batch_resets_what_a_query_finds_though_it_is_closed(s: Scenario):
    raw = s.raw()
    (base,) = await workflows_of_two_tasks(s, 1)
    await raw.step(complete_workflow())
    await until_listed(s, f"{query(s)} AND ExecutionStatus = 'Completed'", 1)
    operation = batch.BatchOperationReset(
        identity="operator",
        reset_type=enums.ResetType.RESET_TYPE_FIRST_WORKFLOW_TASK,
        reset_reapply_type=enums.ResetReapplyType.RESET_REAPPLY_TYPE_NONE,
    )
    await done(s, "closed", (1, 1, 0), reset_operation=operation)
    await s.assert_history(
        base.workflow_id,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, "
        "WorkflowTaskScheduled",
        await new_run_of(s, base),
    )


async def test_a_batch_counts_resets_that_have_no_place_to_go_to(s: Scenario):
    runs = await workflows_of_two_tasks(s, 2)
    # The second one's last task has not been started, so the place is not there; nor is the one that is named.
    waiting = await s.start_raw(s.id("waiting"))
    chosen = [runs[0], WorkflowExecution(workflow_id=s.id("waiting"), run_id=waiting.run_id)]
    operation = batch.BatchOperationReset(identity="operator", options=ResetOptions(first_workflow_task=Empty()))
    await done(s, "some", (2, 1, 1), executions=chosen, reset_operation=operation)
    await s.assert_history(s.id("waiting"), WAITING, waiting.run_id)
    operation = batch.BatchOperationReset(identity="operator", options=ResetOptions(workflow_task_id=99))
    await done(s, "nowhere", (1, 0, 1), executions=runs[1:], reset_operation=operation)
    assert not await new_run_of(s, runs[1])
    operation = batch.BatchOperationReset(identity="operator", options=ResetOptions(workflow_task_id=4))
    await done(s, "named", (1, 1, 0), executions=runs[1:], reset_operation=operation)
    assert await new_run_of(s, runs[1])


async def test_a_batch_changes_options_of_workflows_that_run_or_are_paused(s: Scenario):
    runs = await some_workflows(s, 3)
    await pause_workflow(s, id=runs[1].workflow_id)
    await s.client.get_workflow_handle(runs[2].workflow_id).terminate()
    await until_listed(s, f"{query(s)} AND ExecutionStatus = 'Paused'", 1)
    await until_listed(s, f"{query(s)} AND ExecutionStatus = 'Running'", 1)
    operation = batch.BatchOperationUpdateWorkflowExecutionOptions(
        identity="operator",
        workflow_execution_options=WorkflowExecutionOptions(priority=Priority(priority_key=2)),
        update_mask=FieldMask(paths=["priority.priority_key"]),
    )
    await done(s, "options", (2, 2, 0), update_workflow_options_operation=operation)
    for run in runs[:2]:
        event = (await s.events(run.workflow_id, run.run_id))[-1]
        changed = event.workflow_execution_options_updated_event_attributes
        s.same("options", [changed.priority.priority_key, changed.identity])
        assert (await s.describe(run.workflow_id)).workflow_execution_info.priority.priority_key == 2
    await s.assert_history(runs[2].workflow_id, f"{WAITING}, WorkflowExecutionTerminated", runs[2].run_id)


async def workflows_with_a_paused_activity(s: Scenario, count: int) -> list[WorkflowExecution]:
    raw, started = s.raw(), []
    for number in range(count):
        id = s.id(str(number))
        request = s.start_request(id)
        request.workflow_type.name = kind(s)
        run = await s.service.start_workflow_execution(request)
        await raw.step(schedule_activity("a", s.queue, type_name="charge"))
        await pause_activity(s, of=id, id="a")
        started.append(WorkflowExecution(workflow_id=id, run_id=run.run_id))
    await until_listed(s, query(s), count)
    return started


async def test_a_batch_unpauses_activities(s: Scenario):
    runs = await workflows_with_a_paused_activity(s, 2)
    # Of a type, only workflows are found that have such an activity paused.
    other = batch.BatchOperationUnpauseActivities(identity="operator", type="refund")
    await done(s, "other", (0, 0, 0), unpause_activities_operation=other)
    for run in runs:
        assert (await pending(s, run.workflow_id))["paused"]
    operation = batch.BatchOperationUnpauseActivities(identity="operator", type="charge")
    await done(s, "by type", (1, 1, 0), executions=runs[:1], unpause_activities_operation=operation)
    assert [(await pending(s, run.workflow_id))["paused"] for run in runs] == [False, True]
    operation = batch.BatchOperationUnpauseActivities(identity="operator", match_all=True)
    await done(s, "all", (2, 2, 0), unpause_activities_operation=operation)
    for run in runs:
        s.same("unpaused", await pending(s, run.workflow_id))
        await s.raw().complete_activity((await s.raw().poll_activity()).task_token)
        await s.raw().step(complete_workflow())
    for run in runs:
        await s.assert_history(run.workflow_id, ONE_ACTIVITY, run.run_id)


async def test_a_batch_resets_activities_and_changes_their_options(s: Scenario):
    runs = await workflows_with_a_paused_activity(s, 2)
    operation = batch.BatchOperationUpdateActivityOptions(
        identity="operator",
        type="charge",
        activity_options=ActivityOptions(start_to_close_timeout=seconds(77)),
        update_mask=FieldMask(paths=["start_to_close_timeout"]),
    )
    await done(s, "options", (2, 2, 0), update_activity_options_operation=operation)
    for run in runs:
        s.same("options", await pending(s, run.workflow_id))
    operation = batch.BatchOperationResetActivities(
        identity="operator", match_all=True, keep_paused=True, restore_original_options=True
    )
    await done(s, "kept", (2, 2, 0), reset_activities_operation=operation)
    for run in runs:
        s.same("reset", await pending(s, run.workflow_id))
    operation = batch.BatchOperationResetActivities(identity="operator", type="charge")
    await done(s, "by type", (1, 1, 0), executions=[execution(runs[0].workflow_id)], reset_activities_operation=operation)
    assert [(await pending(s, run.workflow_id))["paused"] for run in runs] == [False, True]
    for run in runs:
        await s.assert_history(
            run.workflow_id, f"WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled", run.run_id
        )
