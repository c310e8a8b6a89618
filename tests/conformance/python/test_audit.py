"""The auditor itself: it is silent on a good history, and complains of each damage that a crash could do.

No server and no SDK: one history, written by hand, and what is done to it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from harness.audit import Asked, Completion, Ledger, Outcome, Signal, as_read, audit
from harness.history import type_name
from harness.raw import payloads, seconds

ID = "the-workflow"
SECOND = 1_000_000_000


@dataclass
class World:
    """What was asked, what was told, and the one history."""

    ledger: Ledger = field(default_factory=Ledger)
    events: list[HistoryEvent] = field(default_factory=list)

    @property
    def asked(self) -> Asked:
        return self.ledger.workflows[ID]

    def audit(self) -> list[str]:
        return audit(self.ledger, {ID: self.events} if self.events else {})

    def add(self, name: str, **attributes: Any) -> None:
        """One event more, a second after the last."""
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
        event = HistoryEvent(event_id=len(self.events) + 1, task_id=len(self.events) + 1)
        event.event_type = EventType.Value(f"EVENT_TYPE_{snake.upper()}")
        event.event_time.FromNanoseconds(SECOND * (len(self.events) + 1))
        getattr(event, f"{snake}_event_attributes").SetInParent()
        for key, value in attributes.items():
            target = getattr(event, f"{snake}_event_attributes")
            if hasattr(value, "DESCRIPTOR"):
                getattr(target, key).CopyFrom(value)
            else:
                setattr(target, key, value)
        self.events.append(event)

    def task(self) -> None:
        at = len(self.events)
        self.add("WorkflowTaskScheduled")
        self.add("WorkflowTaskStarted", scheduled_event_id=at + 1)
        self.add("WorkflowTaskCompleted", scheduled_event_id=at + 1, started_event_id=at + 2)

    def find(self, name: str, nth: int = 0) -> HistoryEvent:
        return [event for event in self.events if type_name(event) == name][nth]

    def remove(self, *events: HistoryEvent) -> None:
        """As if they had never been written: the rest closes up."""
        gone = [event.event_id for event in events]
        self.events = [event for event in self.events if event.event_id not in gone]
        self.renumber()

    def repeat(self, event: HistoryEvent) -> None:
        """A second one right after it."""
        self.events.insert(event.event_id, copy.deepcopy(event))
        self.renumber()

    def renumber(self) -> None:
        moved = {event.event_id: index for index, event in enumerate(self.events, start=1)}
        for index, event in enumerate(self.events, start=1):
            event.event_id = event.task_id = index
            event.event_time.FromNanoseconds(SECOND * index)
            attributes = getattr(event, event.WhichOneof("attributes"))
            for name in ("scheduled_event_id", "started_event_id"):
                if getattr(attributes, name, 0):
                    setattr(attributes, name, moved.get(getattr(attributes, name), 0))


def good() -> World:
    """Started with 7; signals 11 and 12, handled with receipts 101 and 102; a timer; signal 13, which ends it."""
    world = World()
    signals = [Signal(0, number, Outcome.ACKNOWLEDGED) for number in (11, 12, 13)]
    asked = Asked(7, run_id="run", signals=signals, result=[[11, 101], [12, 102]])
    asked.completions = [Completion(12, 102, Outcome.ACKNOWLEDGED)]
    world.ledger = Ledger({ID: asked}, {101, 102, 103})
    world.add("WorkflowExecutionStarted", original_execution_run_id="run", input=payloads(7))
    world.add("WorkflowExecutionSignaled", signal_name="parcel", input=payloads(11))
    world.add("WorkflowExecutionSignaled", signal_name="parcel", input=payloads(12))
    world.task()
    for number, receipt in ((11, 101), (12, 102)):
        at = len(world.events)
        world.add("ActivityTaskScheduled", input=payloads(number))
        world.add("ActivityTaskStarted", scheduled_event_id=at + 1)
        result = payloads([number, receipt])
        world.add("ActivityTaskCompleted", scheduled_event_id=at + 1, started_event_id=at + 2, result=result)
    world.add("TimerStarted", start_to_fire_timeout=seconds(1))
    world.add("TimerFired", started_event_id=len(world.events))
    world.add("WorkflowExecutionSignaled", signal_name="end", input=payloads(13))
    world.task()
    world.add("WorkflowExecutionCompleted", result=payloads([[11, 101], [12, 102]]))
    asked.readings = [[as_read(event) for event in world.events[:4]], [as_read(event) for event in world.events]]
    return world


def test_a_good_history_gives_nothing_to_complain_of():
    assert good().audit() == []


def lose_a_signal(world: World) -> None:
    world.remove(world.find("WorkflowExecutionSignaled", 1))


def repeat_a_signal(world: World) -> None:
    world.repeat(world.find("WorkflowExecutionSignaled"))


def swap_two_signals(world: World) -> None:
    first, second = (world.find("WorkflowExecutionSignaled", nth) for nth in (0, 1))
    first.CopyFrom(replace_number(first, 12))
    second.CopyFrom(replace_number(second, 11))


def replace_number(event: HistoryEvent, number: int) -> HistoryEvent:
    changed = copy.deepcopy(event)
    changed.workflow_execution_signaled_event_attributes.input.CopyFrom(payloads(number))
    return changed


def invent_a_signal(world: World) -> None:
    world.events[1].CopyFrom(replace_number(world.events[1], 99))


def write_what_was_refused(world: World) -> None:
    world.asked.signals[0] = replace(world.asked.signals[0], outcome=Outcome.REFUSED)


def repeat_what_is_unknown(world: World) -> None:
    world.asked.signals[0] = replace(world.asked.signals[0], outcome=Outcome.UNKNOWN)
    repeat_a_signal(world)


def lose_the_history(world: World) -> None:
    world.events = []


def start_twice(world: World) -> None:
    world.repeat(world.find("WorkflowExecutionStarted"))


def start_another_run(world: World) -> None:
    world.events[0].workflow_execution_started_event_attributes.original_execution_run_id = "other"


def start_with_another_input(world: World) -> None:
    world.events[0].workflow_execution_started_event_attributes.input.CopyFrom(payloads(8))


def forget_who_started_it(world: World) -> None:
    world.ledger.workflows.clear()


def never_end(world: World) -> None:
    world.events.pop()


def go_on_after_the_end(world: World) -> None:
    world.task()


def fail(world: World) -> None:
    world.events.pop()
    world.add("WorkflowExecutionFailed")


def tell_the_caller_something_else(world: World) -> None:
    world.asked.result = [[11, 101]]


def complete_with_another_result(world: World) -> None:
    world.asked.result = None
    attributes = world.events[-1].workflow_execution_completed_event_attributes
    attributes.result.CopyFrom(payloads([[11, 101]]))


def lose_a_completion(world: World) -> None:
    world.remove(world.find("ActivityTaskCompleted", 1))


def complete_twice(world: World) -> None:
    world.repeat(world.find("ActivityTaskCompleted", 1))


def complete_with_another_receipt(world: World) -> None:
    world.find("ActivityTaskCompleted", 1).activity_task_completed_event_attributes.result.CopyFrom(payloads([12, 103]))


def complete_with_a_receipt_of_nobody(world: World) -> None:
    world.find("ActivityTaskCompleted").activity_task_completed_event_attributes.result.CopyFrom(payloads([11, 999]))


def answer_for_another(world: World) -> None:
    world.find("ActivityTaskScheduled").activity_task_scheduled_event_attributes.input.CopyFrom(payloads(12))


def never_fire(world: World) -> None:
    world.remove(world.find("TimerFired"))


def fire_twice(world: World) -> None:
    world.repeat(world.find("TimerFired"))


def fire_early(world: World) -> None:
    world.find("TimerStarted").timer_started_event_attributes.start_to_fire_timeout.CopyFrom(seconds(1.5))


def leave_a_gap(world: World) -> None:
    for event in world.events[3:]:
        event.event_id += 1


def go_back_in_time(world: World) -> None:
    world.find("WorkflowTaskScheduled").event_time.FromNanoseconds(0)


def hold_back_too_long(world: World) -> None:
    """A signal that was held back may be older than its neighbours, but not than the task that held it back."""
    world.find("WorkflowExecutionSignaled", 2).event_time.FromNanoseconds(SECOND * 4)


def change_what_was_read(world: World) -> None:
    world.events[2].event_time.FromNanoseconds(SECOND * 3 + 1)


def show_less_than_before(world: World) -> None:
    world.asked.readings.reverse()


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lose_a_signal, "signal 12, acknowledged, is in history 0 times"),
        (repeat_a_signal, "signal 11, acknowledged, is in history 2 times"),
        (swap_two_signals, "signals were acknowledged in the order [11, 12, 13] and are in history as [12, 11, 13]"),
        (invent_a_signal, "signal 99 is in history and nobody sent it"),
        (write_what_was_refused, "signal 11, refused, is in history 1 times"),
        (repeat_what_is_unknown, "signal 11, of unknown outcome, is in history 2 times"),
        (lose_the_history, "its start was acknowledged as run run and there is no history"),
        (start_twice, "it is started by the events [1, 2]"),
        (start_another_run, "run run was acknowledged, and the history is of run other"),
        (start_with_another_input, "it was started with 7, and the history says 8"),
        (forget_who_started_it, "nobody started it"),
        (never_end, "it ended at the events [] of 18"),
        (go_on_after_the_end, "it ended at the events [19] of 22"),
        (fail, "it did not complete: WorkflowExecutionFailed"),
        (tell_the_caller_something_else, "its waiting caller was told [[11, 101]]"),
        (complete_with_another_result, "its result is [[11, 101]], and its activities gave back"),
        (lose_a_completion, "the completion of 12 with receipt 102, acknowledged, is in history 0 times"),
        (complete_twice, "the completion of 12 with receipt 102, acknowledged, is in history 2 times"),
        (complete_twice, "signal 12 was handled 2 times"),
        (complete_twice, "receipt 102 was issued once and is in history 2 times"),
        (complete_with_another_receipt, "the completion of 12 with receipt 102, acknowledged, is in history 0 times"),
        (complete_with_a_receipt_of_nobody, "receipt 999 is in history and no activity issued it"),
        (answer_for_another, "was given 12 and answered for 11"),
        (never_fire, "the timer of event 13 ended 0 times"),
        (fire_twice, "the timer of event 13 ended 2 times"),
        (fire_early, "the timer of event 13 fired before it was due"),
        (leave_a_gap, "event 4 has id 5"),
        (go_back_in_time, "happened before an earlier event"),
        (hold_back_too_long, "WorkflowExecutionSignaled 15 is older than the workflow task before it"),
        (change_what_was_read, "event 3 was read while it ran and is not in the history as it was read"),
        (show_less_than_before, "19 events had been read when a later reading showed 4"),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_damage_is_found(damage: Callable[[World], None], complaint: str):
    world = good()
    damage(world)
    complaints = world.audit()
    assert any(complaint in each for each in complaints), complaints


def test_a_call_of_unknown_outcome_may_have_been_made_or_not():
    world = good()
    made, *others = world.asked.signals
    not_made = Signal(1, 98, Outcome.UNKNOWN)
    world.asked.signals = [replace(made, outcome=Outcome.UNKNOWN), not_made, *others]
    assert world.audit() == []
