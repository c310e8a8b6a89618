"""Batch operations: one thing done to many executions by the server, found by a query or listed, each exactly once.

Jobs of other scenarios run in the same namespace, and only one may run at a time: `begin` waits for its turn.
"""

from __future__ import annotations

import pytest
import temporalio.api.batch.v1 as batch
import temporalio.api.enums.v1 as enums
import temporalio.api.workflowservice.v1 as ws
from temporalio.api.common.v1 import Payloads, ResetOptions, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from harness.history import type_name
from harness.raw import payload
from harness.scenario import Scenario, error_of

RUNNING = enums.BatchOperationState.BATCH_OPERATION_STATE_RUNNING
COMPLETED = enums.BatchOperationState.BATCH_OPERATION_STATE_COMPLETED
FAILED = enums.BatchOperationState.BATCH_OPERATION_STATE_FAILED
WAITING = "WorkflowExecutionStarted, WorkflowTaskScheduled"
TERMINATE = {"termination_operation": batch.BatchOperationTermination(identity="operator")}


def kind(s: Scenario) -> str:
    return f"Batch-{s.nonce}"


def query(s: Scenario) -> str:
    return f"WorkflowType = '{kind(s)}'"


def job(s: Scenario, job_id: str | None = None, **fields) -> ws.StartBatchOperationRequest:
    if not any(name.endswith("_operation") for name in fields):
        fields |= TERMINATE
    if "executions" not in fields:
        fields.setdefault("visibility_query", query(s))
    fields.setdefault("namespace", s.namespace)
    fields.setdefault("reason", "the reason")
    return ws.StartBatchOperationRequest(job_id=s.id("job") if job_id is None else job_id, **fields)


async def some_workflows(s: Scenario, count: int) -> list[WorkflowExecution]:
    started = []
    for number in range(count):
        request = s.start_request(s.id(str(number)))
        request.workflow_type.name = kind(s)
        answer = await s.service.start_workflow_execution(request)
        started.append(WorkflowExecution(workflow_id=request.workflow_id, run_id=answer.run_id))
    await until_listed(s, query(s), count)
    return started


async def until_listed(s: Scenario, filter: str, count: int) -> None:
    async def all_there() -> bool:
        request = ws.CountWorkflowExecutionsRequest(namespace=s.namespace, query=filter)
        return (await s.service.count_workflow_executions(request)).count == count

    await s.until(all_there, f"{count} executions to be listed")


async def in_turn(s: Scenario, request: ws.StartBatchOperationRequest) -> ws.StartBatchOperationResponse:
    """Asks again for as long as another job runs."""
    answers: list[ws.StartBatchOperationResponse] = []

    async def has_its_turn() -> bool:
        try:
            answers.append(await s.service.start_batch_operation(request))
        except RPCError as error:
            if error.status != RPCStatusCode.RESOURCE_EXHAUSTED:
                raise
        return bool(answers)

    await s.until(has_its_turn, "its turn", seconds=60)
    return answers[0]


async def begin(s: Scenario, request: ws.StartBatchOperationRequest) -> str:
    await in_turn(s, request)
    return request.job_id


async def describe(s: Scenario, job_id: str) -> ws.DescribeBatchOperationResponse:
    request = ws.DescribeBatchOperationRequest(namespace=s.namespace, job_id=job_id)
    return await s.service.describe_batch_operation(request, retry=True)


async def end_of(s: Scenario, job_id: str, seconds: float = 30) -> ws.DescribeBatchOperationResponse:
    async def ended() -> ws.DescribeBatchOperationResponse | None:
        answer = await describe(s, job_id)
        return answer if answer.state != RUNNING else None

    return await s.until(ended, f"{job_id} to end", seconds)


async def stop(s: Scenario, job_id: str, **fields) -> None:
    fields = {"namespace": s.namespace, "reason": "enough", "identity": "somebody", **fields}
    await s.service.stop_batch_operation(ws.StopBatchOperationRequest(job_id=job_id, **fields))


async def listed(s: Scenario, size: int = 100, token: bytes = b"") -> ws.ListBatchOperationsResponse:
    request = ws.ListBatchOperationsRequest(namespace=s.namespace, page_size=size, next_page_token=token)
    return await s.service.list_batch_operations(request)


def counts(answer: ws.DescribeBatchOperationResponse) -> tuple[int, int, int]:
    return answer.total_operation_count, answer.complete_operation_count, answer.failure_operation_count


async def test_a_batch_terminates_what_a_query_finds(s: Scenario):
    runs = await some_workflows(s, 5)
    other = await s.start_raw(s.id("other"))
    await begin(s, job(s))
    answer = await end_of(s, s.id("job"))
    assert (answer.state, counts(answer)) == (COMPLETED, (5, 5, 0))
    assert answer.operation_type == enums.BatchOperationType.BATCH_OPERATION_TYPE_TERMINATE_WORKFLOW
    assert (answer.identity, answer.reason, answer.query) == ("operator", "the reason", query(s))
    assert answer.HasField("start_time") and answer.HasField("close_time") and not answer.executions
    for run in runs:
        events = await s.assert_history(run.workflow_id, f"{WAITING}, WorkflowExecutionTerminated", run.run_id)
        assert events[-1].workflow_execution_terminated_event_attributes.reason == "the reason"
    await s.assert_history(s.id("other"), WAITING, other.run_id)
    # A job id is given once.
    await s.refused(in_turn(s, job(s)), "ALREADY_EXISTS")
    await s.refused(stop(s, s.id("job")), "NOT_FOUND")


async def test_a_batch_cancels_listed_executions(s: Scenario):
    runs = await some_workflows(s, 3)
    # The current run, a given run, one that has ended, and one that has never been.
    await s.client.get_workflow_handle(runs[2].workflow_id).terminate()
    chosen = [WorkflowExecution(workflow_id=runs[0].workflow_id), runs[1], runs[2]]
    chosen.append(WorkflowExecution(workflow_id=s.id("never")))
    operation = batch.BatchOperationCancellation(identity="operator")
    await begin(s, job(s, executions=chosen, cancellation_operation=operation))
    answer = await end_of(s, s.id("job"))
    assert (answer.state, counts(answer)) == (COMPLETED, (4, 4, 0))
    assert answer.operation_type == enums.BatchOperationType.BATCH_OPERATION_TYPE_CANCEL_WORKFLOW
    workflow = enums.ExecutionType.EXECUTION_TYPE_WORKFLOW
    assert [(it.type, it.business_id, it.run_id) for it in answer.executions] == [
        (workflow, it.workflow_id, it.run_id) for it in chosen
    ]
    for run in runs[:2]:
        await s.assert_history(run.workflow_id, f"{WAITING}, WorkflowExecutionCancelRequested", run.run_id)
    await s.assert_history(runs[2].workflow_id, f"{WAITING}, WorkflowExecutionTerminated", runs[2].run_id)
    await s.refused(s.describe(s.id("never")), "NOT_FOUND")


async def test_a_batch_counts_what_it_cannot_do(s: Scenario):
    runs = await some_workflows(s, 1)
    chosen = [WorkflowExecution(), runs[0], WorkflowExecution(workflow_id="w", run_id="no uuid")]
    await begin(s, job(s, executions=chosen))
    answer = await end_of(s, s.id("job"), seconds=60)
    assert (answer.state, counts(answer)) == (COMPLETED, (3, 1, 2))
    await s.assert_history(runs[0].workflow_id, f"{WAITING}, WorkflowExecutionTerminated", runs[0].run_id)
    await s.refused(s.client.get_workflow_handle(runs[0].workflow_id).terminate(), "NOT_FOUND")


async def test_a_batch_signals_each_execution_once(s: Scenario):
    runs = await some_workflows(s, 12)
    await s.client.get_workflow_handle(runs[0].workflow_id).terminate()
    await until_listed(s, f"{query(s)} AND ExecutionStatus = 'Running'", 11)
    given = Payloads(payloads=[payload("hello")])
    operation = batch.BatchOperationSignal(signal="wake", input=given, identity="operator")
    await begin(s, job(s, signal_operation=operation))
    answer = await end_of(s, s.id("job"))
    # Only those that run are counted: the others could not be signalled.
    assert (answer.state, counts(answer)) == (COMPLETED, (11, 11, 0))
    for run in runs[1:]:
        events = await s.assert_history(run.workflow_id, f"{WAITING}, WorkflowExecutionSignaled", run.run_id)
        signal = events[-1].workflow_execution_signaled_event_attributes
        assert (signal.signal_name, signal.input, signal.identity) == ("wake", given, "operator")
    await s.refused(s.signal_raw("late", runs[0].workflow_id), "NOT_FOUND")


async def test_a_batch_deletes_closed_and_open_executions(s: Scenario):
    runs = await some_workflows(s, 6)
    await s.client.get_workflow_handle(runs[0].workflow_id).terminate()
    await s.assert_history(runs[0].workflow_id, f"{WAITING}, WorkflowExecutionTerminated", runs[0].run_id)
    await until_listed(s, f"{query(s)} AND ExecutionStatus = 'Running'", 5)
    await begin(s, job(s, deletion_operation=batch.BatchOperationDeletion(identity="operator")))
    answer = await end_of(s, s.id("job"))
    assert (answer.state, counts(answer)) == (COMPLETED, (6, 6, 0))
    await until_listed(s, query(s), 0)
    for run in runs:

        async def is_gone() -> bool:
            try:
                await s.describe(run.workflow_id, run.run_id)
            except RPCError as error:
                return error.status == RPCStatusCode.NOT_FOUND
            return False

        await s.until(is_gone, "the execution to be gone")
    await s.refused(s.describe(runs[0].workflow_id, runs[0].run_id), "NOT_FOUND")


async def test_a_batch_of_nothing_ends_at_once(s: Scenario):
    await begin(s, job(s))
    answer = await end_of(s, s.id("job"))
    assert (answer.state, counts(answer)) == (COMPLETED, (0, 0, 0))
    run = await s.start_raw()
    await s.assert_history(s.id(), WAITING, run.run_id)
    await s.refused(stop(s, s.id("job")), "NOT_FOUND")


@pytest.mark.crash(server=True)
async def test_a_batch_can_be_stopped(s: Scenario):
    await some_workflows(s, 40)
    # Temporal's server heeds its own limit only.
    await begin(s, job(s, max_operations_per_second=5.0))
    if not s.launch.is_oracle:
        # Temporal counts what its list shows, which may be late.
        second = await error_of(s.service.start_batch_operation(job(s, s.id("second"))))
        assert second.status == RPCStatusCode.RESOURCE_EXHAUSTED
        assert second.message == "Max concurrent batch operations is reached"

        async def is_counted() -> bool:
            return (await describe(s, s.id("job"))).total_operation_count == 40

        await s.until(is_counted, "the executions to be counted")
    await stop(s, s.id("job"))
    answer = await describe(s, s.id("job"))
    assert answer.state == FAILED and answer.HasField("close_time")
    assert answer.reason == "the reason"
    await s.refused(stop(s, s.id("job")), "NOT_FOUND")
    await s.refused(s.service.start_batch_operation(job(s)), "ALREADY_EXISTS")
    run = await s.start_raw(s.id("other"))
    await s.assert_history(s.id("other"), WAITING, run.run_id)
    if s.launch.is_oracle:
        return
    # Most were left alone, and what is left is still the same after a crash.
    await s.restart_server()
    still = f"{query(s)} AND ExecutionStatus = 'Running'"
    count = await s.service.count_workflow_executions(
        ws.CountWorkflowExecutionsRequest(namespace=s.namespace, query=still)
    )
    answer = await describe(s, s.id("job"))
    assert count.count == 40 - answer.complete_operation_count >= 20
    assert (answer.state, answer.total_operation_count) == (FAILED, 40)


async def test_batches_are_listed_latest_first(s: Scenario):
    run = await s.start_raw()
    await s.assert_history(s.id(), WAITING, run.run_id)
    for number in range(3):
        await begin(s, job(s, s.id(f"job-{number}")))
        await end_of(s, s.id(f"job-{number}"))

    async def mine() -> list | None:
        found, token = [], b""
        while True:
            page = await listed(s, 2, token)
            assert len(page.operation_info) <= 2
            found += [it for it in page.operation_info if s.nonce in it.job_id]
            token = page.next_page_token
            if not token:
                return found if len(found) == 3 and all(it.state == COMPLETED for it in found) else None

    found = await s.until(mine, "the jobs to be listed")
    assert [it.job_id for it in found] == [s.id(f"job-{number}") for number in (2, 1, 0)]
    for it in found:
        assert it.operation_type == enums.BatchOperationType.BATCH_OPERATION_TYPE_TERMINATE_WORKFLOW
        assert it.HasField("start_time") and it.HasField("close_time")
    # Lists of executions leave jobs out unless they are asked for them.
    division = f"TemporalNamespaceDivision = 'TemporalBatcher' AND WorkflowId = '{s.id('job-1')}'"
    await until_listed(s, division, 1)
    await until_listed(s, f"WorkflowId = '{s.id('job-1')}'", 0)
    await s.refused(listed_in(s, ""), "INVALID_ARGUMENT")


async def listed_in(s: Scenario, namespace: str) -> ws.ListBatchOperationsResponse:
    return await s.service.list_batch_operations(ws.ListBatchOperationsRequest(namespace=namespace))


async def test_batches_that_make_no_sense_are_refused(s: Scenario):
    run = await s.start_raw()
    one = [WorkflowExecution(workflow_id=s.id(), run_id=run.run_id)]

    async def refuse(code: str = "INVALID_ARGUMENT", own_words: bool = False, **fields) -> None:
        await s.refused(in_turn(s, job(s, **fields)), code, own_words=own_words)

    await refuse(namespace="")
    await refuse("NOT_FOUND", namespace="nowhere")
    await refuse(job_id="")
    await refuse(job_id="x" * 1001)
    await refuse(reason="")
    await refuse(visibility_query="")
    await refuse(executions=one, visibility_query=query(s))
    nothing = ws.StartBatchOperationRequest(
        namespace=s.namespace, job_id=s.id("job"), reason="why", visibility_query=query(s)
    )
    await s.refused(in_turn(s, nothing), "INVALID_ARGUMENT")
    await refuse(visibility_query="this is no filter", own_words=True)
    await refuse(signal_operation=batch.BatchOperationSignal(identity="me"))
    await refuse(reset_operation=batch.BatchOperationReset(identity="me"))
    await refuse(reset_operation=batch.BatchOperationReset(identity="me", options=ResetOptions()))
    options = batch.BatchOperationUpdateWorkflowExecutionOptions(identity="me")
    await refuse(update_workflow_options_operation=options)
    await refuse(unpause_activities_operation=batch.BatchOperationUnpauseActivities(identity="me"))
    await refuse(unpause_activities_operation=batch.BatchOperationUnpauseActivities(type=""))
    await refuse(unpause_activities_operation=batch.BatchOperationUnpauseActivities(match_all=False))
    await refuse(reset_activities_operation=batch.BatchOperationResetActivities(identity="me"))
    await refuse(update_activity_options_operation=batch.BatchOperationUpdateActivityOptions(identity="me"))
    await refuse(cancel_activities_operation=batch.BatchOperationCancelActivities(identity="me"))
    await s.refused(describe(s, ""), "INVALID_ARGUMENT")
    await s.refused(describe(s, s.id("job")), "NOT_FOUND")
    await s.refused(stop(s, ""), "INVALID_ARGUMENT")
    await s.refused(stop(s, s.id("job")), "NOT_FOUND")
    await s.refused(stop(s, s.id("job"), reason=""), "INVALID_ARGUMENT")
    await s.assert_history(s.id(), WAITING, run.run_id)


@pytest.mark.crash(server=True)
async def test_a_batch_goes_on_after_crashes_and_does_each_thing_once(s: Scenario):
    runs = await some_workflows(s, 200)
    operation = batch.BatchOperationSignal(signal="once", identity="operator")
    await begin(s, job(s, signal_operation=operation))

    for least in (30, 110):

        async def far_enough() -> bool:
            answer = await describe(s, s.id("job"))
            return answer.complete_operation_count >= least or answer.state != RUNNING

        await s.until(far_enough, f"{least} to be signalled")
        await s.restart_server()
    answer = await end_of(s, s.id("job"), seconds=60)
    assert (answer.state, counts(answer)) == (COMPLETED, (200, 200, 0))
    for run in runs:
        events = await s.events(run.workflow_id, run.run_id)
        assert [type_name(event) for event in events].count("WorkflowExecutionSignaled") == 1, run
    # Before the history: what ids stand in that is the server's affair.
    await s.refused(s.service.start_batch_operation(job(s)), "ALREADY_EXISTS")
    await s.assert_history(runs[0].workflow_id, f"{WAITING}, WorkflowExecutionSignaled", runs[0].run_id)


@pytest.mark.crash(server=True)
async def test_a_batch_of_a_list_goes_on_with_the_runs_that_it_found(s: Scenario):
    runs = await some_workflows(s, 100)
    chosen = [WorkflowExecution(workflow_id=run.workflow_id) for run in runs]
    operation = batch.BatchOperationSignal(signal="once", identity="operator")
    await begin(s, job(s, executions=chosen, signal_operation=operation))

    async def far_enough() -> bool:
        answer = await describe(s, s.id("job"))
        return answer.complete_operation_count >= 20 or answer.state != RUNNING

    await s.until(far_enough, "20 to be signalled")
    await s.restart_server()
    answer = await end_of(s, s.id("job"), seconds=60)
    assert (answer.state, counts(answer)) == (COMPLETED, (100, 100, 0))
    for run in runs:
        await s.assert_history(run.workflow_id, f"{WAITING}, WorkflowExecutionSignaled", run.run_id)
    await s.refused(stop(s, s.id("job")), "NOT_FOUND")


@pytest.mark.crash(server=True)
async def test_a_batch_that_ends_its_executions_counts_each_though_the_server_dies(s: Scenario):
    runs = await some_workflows(s, 120)
    await begin(s, job(s))

    async def far_enough() -> bool:
        answer = await describe(s, s.id("job"))
        return answer.complete_operation_count >= 20 or answer.state != RUNNING

    await s.until(far_enough, "20 to be terminated")
    await s.restart_server()
    answer = await end_of(s, s.id("job"), seconds=60)
    assert (answer.state, counts(answer)) == (COMPLETED, (120, 120, 0))
    await until_listed(s, f"{query(s)} AND ExecutionStatus = 'Terminated'", 120)
    await s.assert_history(runs[0].workflow_id, f"{WAITING}, WorkflowExecutionTerminated", runs[0].run_id)
    await s.refused(s.client.get_workflow_handle(runs[0].workflow_id).terminate(), "NOT_FOUND")
