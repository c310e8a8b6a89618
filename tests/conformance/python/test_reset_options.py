"""Reset: options of the workflow that change with the reset."""

from __future__ import annotations

from typing import Any

import temporalio.api.workflowservice.v1 as ws
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import Priority
from temporalio.api.workflow.v1 import PostResetOperation, VersioningOverride, WorkflowExecutionOptions

from harness.history import TASK, type_name
from harness.raw import complete_workflow, execution
from harness.scenario import Scenario
from test_reset import RESET, SIGNALED, reset

UPDATED = "WorkflowExecutionOptionsUpdated"


def change(*paths: str, mask: bool = True, **fields: Any) -> PostResetOperation:
    operation = PostResetOperation.UpdateWorkflowOptions(workflow_execution_options=WorkflowExecutionOptions(**fields))
    if mask:
        operation.update_mask.CopyFrom(FieldMask(paths=paths))
    return PostResetOperation(update_workflow_options=operation)


async def test_a_reset_changes_options(s: Scenario):
    raw = s.raw()
    base = (await s.start_raw()).run_id
    await raw.step()
    await s.signal_raw("one")
    urgent = Priority(priority_key=1, fairness_key="k")
    await s.service.update_workflow_execution_options(
        ws.UpdateWorkflowExecutionOptionsRequest(
            namespace=s.namespace,
            workflow_execution=execution(s.id()),
            workflow_execution_options=WorkflowExecutionOptions(priority=Priority(priority_key=4)),
            update_mask=FieldMask(paths=["priority"]),
        )
    )
    upgrade = VersioningOverride(auto_upgrade=True)
    new = await reset(
        s,
        4,
        operations=[
            change("priority.priority_key", "priority.fairness_key", priority=urgent),
            change("versioning_override", versioning_override=upgrade),
            # Nothing that differs: no event.
            change("priority", priority=urgent),
        ],
    )
    events = await s.assert_history(
        None,
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, {SIGNALED}, {UPDATED}, "
        f"{UPDATED}, {UPDATED}, WorkflowTaskScheduled",
        run_id=new,
    )
    for event in events:
        if type_name(event) == UPDATED:
            s.same(
                f"event {event.event_id}",
                [str(event.workflow_execution_options_updated_event_attributes), event.worker_may_ignore],
            )
    info = (await s.describe(run_id=new)).workflow_execution_info
    assert info.priority == urgent and info.versioning_info.versioning_override.auto_upgrade
    # The base is as it was.
    assert (await s.describe(run_id=base)).workflow_execution_info.priority.priority_key == 4
    # All or nothing: the run that is open goes on.
    half = [change("priority", priority=Priority(priority_key=2)), change("versioning_override.behavior")]
    await s.refused(reset(s, 4, operations=half), "INVALID_ARGUMENT")
    await raw.step(complete_workflow())
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, {SIGNALED}, {UPDATED}, "
        f"{UPDATED}, {UPDATED}, {TASK}, WorkflowExecutionCompleted",
        run_id=new,
    )


async def test_a_reset_whose_options_make_no_sense_is_refused(s: Scenario):
    raw = s.raw()
    base = (await s.start_raw()).run_id
    await raw.step()
    pinned = VersioningOverride()
    pinned.pinned.behavior = VersioningOverride.PinnedOverrideBehavior.PINNED_OVERRIDE_BEHAVIOR_PINNED
    pinned.pinned.version.deployment_name = "nowhere"
    pinned.pinned.version.build_id = "1"
    for operation, code in [
        (PostResetOperation(), "INVALID_ARGUMENT"),
        (change("versioning_override.pinned"), "INVALID_ARGUMENT"),
        (change("versioning_override.behavior"), "INVALID_ARGUMENT"),
        (change("versioning_override", versioning_override=VersioningOverride(auto_upgrade=False)), "INVALID_ARGUMENT"),
        (change("versioning_override", versioning_override=pinned), "FAILED_PRECONDITION"),
        (change("priority", versioning_override=pinned), "FAILED_PRECONDITION"),
    ]:
        await s.refused(reset(s, 4, operations=[operation]), code)
    for path in ("nonsense", "versioningOverride"):
        # The library that reads masks words this as it likes.
        await s.refused(reset(s, 4, operations=[change(path)]), "INVALID_ARGUMENT", own_words=True)
    await s.assert_history(None, f"WorkflowExecutionStarted, {TASK}", run_id=base)
    # A mask that names nothing changes nothing.
    new = await reset(s, 4, operations=[change(priority=Priority(priority_key=1))])
    await s.assert_history(
        None,
        f"WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}, WorkflowTaskScheduled",
        run_id=new,
    )
