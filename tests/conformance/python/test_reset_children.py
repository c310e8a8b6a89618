"""Children of a workflow that is reset: what the new run learns of those that were running at the place of the reset."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError

from harness.history import TASK
from harness.raw import complete_workflow, start_child
from harness.scenario import Order, Scenario
from test_reset import RESET, reset, wfctl

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


@workflow.defn
class Kid:
    """Lives until it is told to stop."""

    def __init__(self) -> None:
        self.stopped = False

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self.stopped)
        return "grown up"

    @workflow.signal
    def stop(self) -> None:
        self.stopped = True


@workflow.defn
class Family:
    """Waits for its child, or says why it does not."""

    @workflow.run
    async def run(self, kid: str) -> str:
        try:
            return await workflow.execute_child_workflow(Kid.run, id=kid)
        except ChildWorkflowError as error:
            assert isinstance(error.cause, ApplicationError)
            return f"{error.cause.type}, {error.cause.non_retryable}"


async def test_a_child_is_left_by_a_reset(s: Scenario):
    async with s.worker(Family, Kid):
        await s.start(Family.run, s.id("kid"))
        await s.until_event("WorkflowTaskCompleted", count=2)
        shared = f"WorkflowExecutionStarted, {TASK}, StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted"
        await s.assert_history(None, f"{shared}, {TASK}")
        code, plan = await wfctl(s, "reset", "--to", "last", "--children", "leave", "--dry-run")
        if s.launch.is_oracle:
            assert code != 0, "only Weft leaves children"
        else:
            assert code == 0 and plan["childrenLeft"] == [5]
            code, _ = await wfctl(s, "reset", "--to", "last", "--children", "start-anew")
            assert code != 0, "no child is started anew"
            code, done = await wfctl(s, "reset", "--to", "last", "--children", "leave")
            assert code == 0
            new = s.client.get_workflow_handle(s.id(), run_id=done["runId"], result_type=str)
            assert await new.result() == "weft.ChildLeft, True"
            await s.assert_history(
                new,
                f"{SHARED}, ChildWorkflowExecutionFailed, {TASK}, WorkflowExecutionCompleted",
                order=Order.OWN,
            )
        kid = s.client.get_workflow_handle_for(Kid.run, s.id("kid"))
        await kid.signal(Kid.stop)
        assert await kid.result() == "grown up"
    await s.refused(reset(s, 1), "INVALID_ARGUMENT")
