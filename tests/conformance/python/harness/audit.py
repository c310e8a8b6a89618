"""The auditor of a load under crashes: what callers asked and were told, against the histories that came of it.

The ledger is written while the load runs, the audit reads it afterwards. It says everything that is wrong, in words,
and nothing when all is well: acknowledged calls are in history exactly once and in their order, calls of unknown outcome
at most once, and nothing is there that nobody asked for.

It knows the load's one workflow only by these conventions: a workflow's input is a number, every signal carries a
number of its own, each but the last, named "end", is handled by an activity, which is given the number and gives back
that number and a receipt that is issued once. The workflow's result is the list of what its activities gave back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from temporalio.api.common.v1 import Payloads
from temporalio.api.history.v1 import HistoryEvent

from harness.history import check, type_name

END = "end"


class Outcome(Enum):
    """What a caller knows of its call. Unknown is what a crash leaves when nobody asks again."""

    ACKNOWLEDGED = "acknowledged"
    UNKNOWN = "of unknown outcome"
    REFUSED = "refused"

    def allows(self, times: int) -> bool:
        """Whether what was asked may be in history so often."""
        match self:
            case Outcome.ACKNOWLEDGED:
                return times == 1
            case Outcome.UNKNOWN:
                return times <= 1
            case Outcome.REFUSED:
                return times == 0


@dataclass(frozen=True)
class Signal:
    """Of one of several senders, each of whom sends the next signal only when the last was answered."""

    sender: int
    number: int
    outcome: Outcome


@dataclass(frozen=True)
class Completion:
    """An activity that a caller, not the worker, completed, and was answered for."""

    number: int
    receipt: int
    outcome: Outcome


@dataclass
class Asked:
    """What was asked of one workflow id; of each sender in the order in which it asked."""

    number: int
    # Given by the acknowledgement of the start; None while there is none.
    run_id: str | None = None
    signals: list[Signal] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    # Histories as they were read while the workflow ran, each event as bytes.
    readings: list[list[bytes]] = field(default_factory=list)
    # What whoever waited for the workflow was told.
    result: list[list[int]] | None = None


@dataclass
class Ledger:
    workflows: dict[str, Asked] = field(default_factory=dict)
    # All receipts that activities have ever issued, whether anybody learnt of them or not.
    receipts: set[int] = field(default_factory=set)


def audit(ledger: Ledger, histories: Mapping[str, Sequence[HistoryEvent]]) -> list[str]:
    """Everything that is wrong, a line each."""
    complaints: list[str] = []
    for workflow_id, asked in ledger.workflows.items():
        events = histories.get(workflow_id, ())
        complaints += [f"{workflow_id}: {complaint}" for complaint in _workflow(asked, events)]
    complaints += [f"{workflow_id}: nobody started it" for workflow_id in histories.keys() - ledger.workflows.keys()]
    complaints += _receipts(ledger, histories)
    return complaints


def _workflow(asked: Asked, events: Sequence[HistoryEvent]) -> Iterator[str]:
    if not events:
        if asked.run_id is not None:
            yield f"its start was acknowledged as run {asked.run_id} and there is no history"
        return
    try:
        check(events)
    except AssertionError as broken:
        yield str(broken)
    yield from _times(events)
    yield from _start(asked, events)
    yield from _end(asked, events)
    yield from _signals(asked, events)
    yield from _activities(asked, events)
    yield from _timers(events)
    yield from _readings(asked, events)


def _times(events: Sequence[HistoryEvent]) -> Iterator[str]:
    """An event that was held back keeps its time, but is not older than the workflow task that held it back.

    An activity's start is written with its end, so it is held to its schedule only.
    """
    task_began = 0
    for event in events:
        happened = event.event_time.ToNanoseconds()
        match type_name(event):
            case "WorkflowTaskStarted":
                task_began = happened
            case "ActivityTaskStarted":
                if happened < events[_scheduled_id(event) - 1].event_time.ToNanoseconds():
                    yield f"ActivityTaskStarted {event.event_id} is older than the schedule of its activity"
            case name:
                if happened < task_began:
                    yield f"{name} {event.event_id} is older than the workflow task before it"


def _start(asked: Asked, events: Sequence[HistoryEvent]) -> Iterator[str]:
    starts = _named(events, "WorkflowExecutionStarted")
    if [event.event_id for event in starts] != [1]:
        yield f"it is started by the events {[event.event_id for event in starts]}"
        return
    started = starts[0].workflow_execution_started_event_attributes
    if asked.run_id is not None and started.original_execution_run_id != asked.run_id:
        yield f"run {asked.run_id} was acknowledged, and the history is of run {started.original_execution_run_id}"
    if _value(started.input) != asked.number:
        yield f"it was started with {asked.number}, and the history says {_value(started.input)}"


def _end(asked: Asked, events: Sequence[HistoryEvent]) -> Iterator[str]:
    ends = [event for event in events if _closes(type_name(event))]
    if [event.event_id for event in ends] != [len(events)]:
        yield f"it ended at the events {[event.event_id for event in ends]} of {len(events)}"
        return
    if type_name(ends[0]) != "WorkflowExecutionCompleted":
        yield f"it did not complete: {type_name(ends[0])}"
        return
    result = _value(ends[0].workflow_execution_completed_event_attributes.result)
    if asked.result is not None and result != asked.result:
        yield f"its waiting caller was told {asked.result}, and the history says {result}"
    completed = {number: [number, receipt] for number, receipt in _given_back(events)}
    handled = [completed.get(number) for number in _signalled(events, but=END)]
    if result != handled:
        yield f"its result is {result}, and its activities gave back {handled} in the order of the signals"


def _signals(asked: Asked, events: Sequence[HistoryEvent]) -> Iterator[str]:
    signalled = _signalled(events)
    times = Counter(signalled)
    for signal in asked.signals:
        found = times.pop(signal.number, 0)
        if not signal.outcome.allows(found):
            yield f"signal {signal.number}, {signal.outcome.value}, is in history {found} times"
    for number in times:
        yield f"signal {number} is in history and nobody sent it"
    for sender in {signal.sender for signal in asked.signals}:
        acknowledged = [
            signal.number
            for signal in asked.signals
            if signal.sender == sender and signal.outcome is Outcome.ACKNOWLEDGED and signal.number in signalled
        ]
        in_history = sorted(acknowledged, key=signalled.index)
        if in_history != acknowledged:
            yield f"signals were acknowledged in the order {acknowledged} and are in history as {in_history}"


def _activities(asked: Asked, events: Sequence[HistoryEvent]) -> Iterator[str]:
    for scheduled in _named(events, "ActivityTaskScheduled"):
        where = f"the activity of event {scheduled.event_id}"
        of = [e for e in events if type_name(e).startswith("ActivityTask") and _scheduled_id(e) == scheduled.event_id]
        names = [type_name(event).removeprefix("ActivityTask") for event in of]
        if names != ["Started", "Completed"]:
            yield f"{where} went on with {names or 'nothing'}"
        number = _value(scheduled.activity_task_scheduled_event_attributes.input)
        for given_back, _ in _given_back(of):
            if given_back != number:
                yield f"{where} was given {number} and answered for {given_back}"
    for number, count in Counter(number for number, _ in _given_back(events)).items():
        if count > 1:
            yield f"signal {number} was handled {count} times"
    given_back = Counter(_given_back(events))
    for completion in asked.completions:
        found = given_back[completion.number, completion.receipt]
        if not completion.outcome.allows(found):
            what = f"the completion of {completion.number} with receipt {completion.receipt}"
            yield f"{what}, {completion.outcome.value}, is in history {found} times"


def _timers(events: Sequence[HistoryEvent]) -> Iterator[str]:
    for started in _named(events, "TimerStarted"):
        ends = [*_named(events, "TimerFired"), *_named(events, "TimerCanceled")]
        ends = [end for end in ends if _attributes(end).started_event_id == started.event_id]
        if len(ends) != 1:
            yield f"the timer of event {started.event_id} ended {len(ends)} times"
        after = started.timer_started_event_attributes.start_to_fire_timeout.ToNanoseconds()
        due = started.event_time.ToNanoseconds() + after
        for fired in _named(ends, "TimerFired"):
            if fired.event_time.ToNanoseconds() < due:
                yield f"the timer of event {started.event_id} fired before it was due"


def _readings(asked: Asked, events: Sequence[HistoryEvent]) -> Iterator[str]:
    """Whoever has read an event reads it again, for ever."""
    final = [as_read(event) for event in events]
    longest = 0
    for reading in asked.readings:
        if reading != final[: len(reading)]:
            differs = next(n for n, event in enumerate(reading) if n >= len(final) or event != final[n])
            yield f"event {differs + 1} was read while it ran and is not in the history as it was read"
        if len(reading) < longest:
            yield f"{longest} events had been read when a later reading showed {len(reading)}"
        longest = max(longest, len(reading))


def _receipts(ledger: Ledger, histories: Mapping[str, Sequence[HistoryEvent]]) -> Iterator[str]:
    times = Counter(receipt for events in histories.values() for _, receipt in _given_back(events))
    for receipt, count in times.items():
        if count > 1:
            yield f"receipt {receipt} was issued once and is in history {count} times"
        if receipt not in ledger.receipts:
            yield f"receipt {receipt} is in history and no activity issued it"


def as_read(event: HistoryEvent) -> bytes:
    """An event's bytes, equal for equal events."""
    return event.SerializeToString(deterministic=True)


def _named(events: Sequence[HistoryEvent], name: str) -> list[HistoryEvent]:
    return [event for event in events if type_name(event) == name]


def _closes(name: str) -> bool:
    ends = ("Completed", "Failed", "TimedOut", "Canceled", "Terminated", "ContinuedAsNew")
    return name.removeprefix("WorkflowExecution") in ends


def _signalled(events: Sequence[HistoryEvent], but: str = "") -> list[int]:
    """The numbers of all signals in history, those of one name left out."""
    signals = [_attributes(event) for event in _named(events, "WorkflowExecutionSignaled")]
    return [_value(signal.input) for signal in signals if signal.signal_name != but]


def _given_back(events: Sequence[HistoryEvent]) -> list[tuple[int, int]]:
    """Number and receipt of each completed activity."""
    completed = _named(events, "ActivityTaskCompleted")
    return [tuple(_value(event.activity_task_completed_event_attributes.result)) for event in completed]


def _scheduled_id(event: HistoryEvent) -> int:
    """The event that scheduled the activity of this event; 0 for that event itself."""
    return getattr(_attributes(event), "scheduled_event_id", 0)


def _attributes(event: HistoryEvent) -> Any:
    return getattr(event, event.WhichOneof("attributes"))


def _value(payloads: Payloads) -> Any:
    return json.loads(payloads.payloads[0].data)
