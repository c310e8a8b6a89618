"""Reset: back to the first workflow task that a build completed, alone and by a batch operation."""

from __future__ import annotations

import temporalio.api.batch.v1 as batch
import temporalio.api.workflowservice.v1 as ws
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import Priority, ResetOptions, WorkerVersionStamp, WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions

from harness.history import TASK
from harness.raw import execution
from harness.scenario import Order, Scenario
from test_batch_kinds import done, new_run_of
from test_reset import RESET, wfctl

UPDATED = "WorkflowExecutionOptionsUpdated"
# The task of the build is the second one.
SHARED = f"WorkflowExecutionStarted, {TASK}, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}"


async def test_a_reset_goes_back_to_the_first_task_of_a_build(s: Scenario):
    raw = s.raw()
    base = WorkflowExecution(workflow_id=s.id(), run_id=(await s.start_raw()).run_id)
    task = await raw.poll()
    for build in ("b1", "b2", "b2"):
        answer = await s.service.respond_workflow_task_completed(
            ws.RespondWorkflowTaskCompletedRequest(
                namespace=s.namespace,
                task_token=task.task_token,
                force_create_new_workflow_task=True,
                return_new_workflow_task=True,
                worker_version_stamp=WorkerVersionStamp(build_id=build),
            )
        )
        task = answer.workflow_task
    await raw.complete(task)
    await s.service.update_workflow_execution_options(
        ws.UpdateWorkflowExecutionOptionsRequest(
            namespace=s.namespace,
            workflow_execution=execution(s.id()),
            workflow_execution_options=WorkflowExecutionOptions(priority=Priority(priority_key=4)),
            update_mask=FieldMask(paths=["priority"]),
        )
    )
    options = ResetOptions(build_id="b2")
    operation = batch.BatchOperationReset(identity="operator", options=options)
    await done(s, "batch", (1, 1, 0), executions=[base], reset_operation=operation)
    new = await new_run_of(s, base)
    await s.assert_history(None, f"{SHARED}, {UPDATED}, WorkflowTaskScheduled", run_id=new)
    code, again = await wfctl(s, "reset", "--build-id", "b2", "--run-id", base.run_id)
    assert code == 0
    await s.assert_history(None, f"{SHARED}, {UPDATED}, WorkflowTaskScheduled", run_id=again["runId"])
    code, _ = await wfctl(s, "reset", "--build-id", "b9", "--run-id", base.run_id)
    assert code != 0, "no task was completed by that build"
    code, without = await wfctl(s, "reset", "--build-id", "b2", "--run-id", base.run_id, "--exclude", "options")
    if s.launch.is_oracle:
        assert code != 0, "only Weft leaves changes of options behind"
    else:
        assert code == 0
        await s.assert_history(
            None, f"{SHARED}, WorkflowTaskScheduled", run_id=without["runId"], order=Order.OWN
        )
