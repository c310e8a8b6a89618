"""Children of a workflow that is reset: what the new run learns of those that were running at the place of the reset."""

from __future__ import annotations

from harness.history import TASK
from harness.raw import complete_workflow, start_child
from harness.scenario import Scenario
from test_reset import RESET, reset

# Up to the end of the task that saw the child start.
SHARED = (
    f"WorkflowExecutionStarted, {TASK}, StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted, "
    f"WorkflowTaskScheduled, WorkflowTaskStarted, {RESET}"
)


async def with_child(s: Scenario, **child):
    """A parent whose child has a workflow task; the parent has seen it start. Returns the worker and that task."""
    worker = s.raw()
    await s.start_raw()
    await worker.step(start_child(s.id("kid"), s.queue, type_name="Kid", **child))
    tasks = [await worker.poll(), await worker.poll()]
    tasks.sort(key=lambda task: task.workflow_type.name)
    task, parent = tasks
    await worker.complete(parent, complete_workflow())
    return worker, task


async def test_a_child_that_ended_with_the_old_run_is_known_to_have_ended(s: Scenario):
    worker, _ = await with_child(s)
    await s.until_closed(s.id("kid"))
    new = await reset(s, 9)
    # Temporal's new run waits for the child for ever.
    news = ""
    if not s.launch.is_oracle:
        ended = await s.until_event("ChildWorkflowExecutionTerminated", run_id=new)
        attributes = ended.child_workflow_execution_terminated_event_attributes
        assert (attributes.initiated_event_id, attributes.started_event_id) == (5, 6)
        news = "ChildWorkflowExecutionTerminated, "
    await worker.step(complete_workflow())
    await s.assert_history(
        None,
        f"{SHARED}, WorkflowTaskScheduled, {news}WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted",
        run_id=new,
    )
    await s.refused(reset(s, 1), "INVALID_ARGUMENT")
