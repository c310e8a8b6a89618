"""Histories: names of event types, what must hold of every history, and the SDK's own replayer as a judge."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

# The three events of a workflow task that went well: most sequences are made of these.
TASK = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted"
ACTIVITY = "ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskCompleted"


def type_name(event: HistoryEvent) -> str:
    """`EVENT_TYPE_WORKFLOW_TASK_STARTED` as `WorkflowTaskStarted`."""
    words = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").split("_")
    return "".join(word.capitalize() for word in words)


def types(events: Sequence[HistoryEvent]) -> list[str]:
    return [type_name(event) for event in events]


def parse(expected: str) -> list[str]:
    """`A, B*2` is A, B, B."""
    names: list[str] = []
    for part in re.split(r"[,\s]+", expected.strip()):
        name, _, times = part.partition("*")
        names += [name] * int(times or 1)
    return names


def compare(actual: list[str], expected: list[str]) -> None:
    if actual == expected:
        return
    lines = []
    for index in range(max(len(actual), len(expected))):
        got = actual[index] if index < len(actual) else "(nothing)"
        want = expected[index] if index < len(expected) else "(nothing)"
        lines.append(
            f"{' ' if got == want else '!'} {index + 1:4} {got:42} {'' if got == want else 'expected ' + want}"
        )
    raise AssertionError("the history is not as expected:\n" + "\n".join(lines[:120]))


FAMILIES = (
    "WorkflowTask",
    "ActivityTask",
    "Timer",
    "ChildWorkflow",
    "StartChildWorkflow",
    "SignalExternal",
    "RequestCancelExternal",
    "ExternalWorkflow",
)

# Which type of event a reference must point at. A reference to event 0 means "none".
POINTS_AT = {
    "workflow_task_completed_event_id": {"WorkflowTaskCompleted"},
    "WorkflowTask.scheduled_event_id": {"WorkflowTaskScheduled"},
    "WorkflowTask.started_event_id": {"WorkflowTaskStarted"},
    "ActivityTask.scheduled_event_id": {"ActivityTaskScheduled"},
    "ActivityTask.started_event_id": {"ActivityTaskStarted"},
    "Timer.started_event_id": {"TimerStarted"},
    "ChildWorkflow.initiated_event_id": {"StartChildWorkflowExecutionInitiated"},
    "ChildWorkflow.started_event_id": {"ChildWorkflowExecutionStarted"},
    "StartChildWorkflow.initiated_event_id": {"StartChildWorkflowExecutionInitiated"},
    "SignalExternal.initiated_event_id": {"SignalExternalWorkflowExecutionInitiated"},
    "RequestCancelExternal.initiated_event_id": {"RequestCancelExternalWorkflowExecutionInitiated"},
    "ExternalWorkflow.initiated_event_id": {
        "SignalExternalWorkflowExecutionInitiated",
        "RequestCancelExternalWorkflowExecutionInitiated",
    },
}


def is_buffered(name: str) -> bool:
    """Whether Temporal may hold such an event back while a workflow task runs, and write it later with its own, earlier, time."""
    return name in {
        "WorkflowExecutionSignaled",
        "WorkflowExecutionCancelRequested",
        "ActivityTaskStarted",
        "ActivityTaskCompleted",
        "ActivityTaskFailed",
        "ActivityTaskTimedOut",
        "ActivityTaskCanceled",
        "TimerFired",
        "StartChildWorkflowExecutionFailed",
        "ChildWorkflowExecutionStarted",
        "ChildWorkflowExecutionCompleted",
        "ChildWorkflowExecutionFailed",
        "ChildWorkflowExecutionCanceled",
        "ChildWorkflowExecutionTimedOut",
        "ChildWorkflowExecutionTerminated",
        "ExternalWorkflowExecutionSignaled",
        "SignalExternalWorkflowExecutionFailed",
        "ExternalWorkflowExecutionCancelRequested",
        "RequestCancelExternalWorkflowExecutionFailed",
        "WorkflowExecutionPaused",
        "WorkflowExecutionUnpaused",
        "WorkflowExecutionOptionsUpdated",
    }


def check(events: Sequence[HistoryEvent]) -> None:
    """What every history keeps: dense ids, times and task ids that do not go back, references that point where they say.

    Time may go back at an event that was buffered: Temporal writes it with the time at which it arrived.
    """
    latest = 0
    for index, event in enumerate(events):
        name = type_name(event)
        assert event.event_id == index + 1, f"event {index + 1} has id {event.event_id}"
        happened = event.event_time.ToNanoseconds()
        assert happened >= latest or is_buffered(name), f"{name} {event.event_id} happened before an earlier event"
        latest = max(latest, happened)
        if index:
            assert event.task_id > events[index - 1].task_id, f"task id of {name} {event.event_id} does not grow"
        check_references(event, name, events)


def check_references(event: HistoryEvent, name: str, events: Sequence[HistoryEvent]) -> None:
    attributes = getattr(event, event.WhichOneof("attributes"))
    family = next((f for f in FAMILIES if name.startswith(f)), name)
    for field, value in attributes.ListFields():
        if not field.name.endswith("_event_id") or not value:
            continue
        allowed = POINTS_AT.get(f"{family}.{field.name}") or POINTS_AT.get(field.name)
        if allowed is None:
            continue
        assert value < event.event_id, f"{name} {event.event_id}: {field.name} {value} is not earlier"
        assert type_name(events[value - 1]) in allowed, (
            f"{name} {event.event_id}: {field.name} {value} is a {type_name(events[value - 1])}"
        )


async def replay(workflows: Sequence[type], history: WorkflowHistory) -> None:
    """Raises if the SDK that made the decisions finds that they do not follow from this history."""
    replayer = Replayer(workflows=list(workflows), workflow_runner=UnsandboxedWorkflowRunner())
    # Through JSON on purpose: it is what people keep and feed to a replayer.
    copy = WorkflowHistory.from_json(history.workflow_id, history.to_json())
    await replayer.replay_workflow(copy, raise_on_replay_failure=True)


async def replay_all(workflows: Sequence[type], histories: Mapping[str, Sequence[HistoryEvent]]) -> None:
    """As `replay`, by one replayer for all, and all that fail are named."""

    async def copies() -> AsyncIterator[WorkflowHistory]:
        for workflow_id, events in histories.items():
            yield WorkflowHistory.from_json(workflow_id, WorkflowHistory(workflow_id, events).to_json())

    replayer = Replayer(workflows=list(workflows), workflow_runner=UnsandboxedWorkflowRunner())
    results = await replayer.replay_workflows(copies(), raise_on_replay_failure=False)
    failures = {run_id: str(failure) for run_id, failure in results.replay_failures.items()}
    assert not failures, f"the SDK's replayer refuses {len(failures)} histories: {failures}"
