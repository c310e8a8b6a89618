//! What others did after the place of a reset, taken along to the new run in the order in which it happened.
//!
//! Signals, updates and attached requests always, unless they are excluded; of the base run, ends of children and of requests
//! to other workflows where the new run waits for them; and up to an event that the caller names, ends of activities and timers too.
//! Requests to cancel and ends of the run are not taken along, and nothing that the workflow itself decided.

use alloc::{collections::BTreeMap, vec::Vec};

use weft_protocol::api::{
    enums::UpdateAdmittedEventOrigin,
    history::{HistoryEvent, history_event::Attributes},
};

use super::{Excluded, ResetPlan, place};
use crate::{
    change::Run,
    event,
    ids::{EventId, RunId, UpdateId},
    state::{ChildStage, Execution},
};

/// What becomes of an event after the place of a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// As it is, with the numbers of the new run.
    Kept,
    /// An update, which the workflow accepts again, or not.
    Admitted,
    Dropped,
}

/// Takes events along to a new run.
pub(super) struct Reapply<'r, 'c> {
    run: &'r mut Run<'c>,
    excluded: Excluded,
    /// Every event that was looked at, and whether it was taken along.
    seen: BTreeMap<(RunId, EventId), bool>,
}

impl<'r, 'c> Reapply<'r, 'c> {
    pub(super) fn new(run: &'r mut Run<'c>, excluded: Excluded) -> Self {
        Self { run, excluded, seen: BTreeMap::new() }
    }

    /// Events of the base run from `first` on; those up to and with `keep_until` also end activities and timers.
    pub(super) fn base(&mut self, id: &RunId, events: &[HistoryEvent], first: EventId, keep_until: Option<EventId>) {
        for event in &events[place(first)..] {
            let with_results = keep_until.is_some_and(|until| event.event_id <= until.0);
            if with_results && let Some(started) = started_activity(event) {
                // A worker had it: both events or none, since it may be offered again.
                self.activity(id, events, event, started);
            } else {
                self.take(id, event, with_results);
            }
        }
    }

    /// Events that the end of the base run wrote.
    pub(super) fn end(&mut self, id: &RunId, events: &[HistoryEvent]) {
        events.iter().for_each(|event| self.take(id, event, false));
    }

    /// Events of a run that followed, and those that its end wrote. What ended there was begun there, under numbers that
    /// mean other things in the new run: only what came from outside may be taken along.
    pub(super) fn later(&mut self, id: &RunId, events: &[HistoryEvent]) {
        for event in 1..=events.last().map_or(0, |last| last.event_id) {
            self.seen.entry((id.clone(), EventId(event))).or_insert(false);
        }
        events.iter().filter(|event| is_from_outside(event)).for_each(|event| self.take(id, event, false));
    }

    /// What was done.
    pub(super) fn plan(self, base: &RunId, finish: EventId) -> ResetPlan {
        let (reapplied, dropped): (Vec<_>, Vec<_>) = self.seen.into_iter().partition(|(_, taken)| *taken);
        let places = |seen: Vec<(Place, bool)>| seen.into_iter().map(|(place, _)| place).collect();
        let (reapplied, dropped) = (places(reapplied), places(dropped));
        ResetPlan { base: base.clone(), finish, reapplied, dropped, again: Vec::new(), left: Vec::new() }
    }

    fn take(&mut self, id: &RunId, event: &HistoryEvent, with_results: bool) {
        let fate = fate(self.run, event, self.excluded, with_results);
        match fate {
            Fate::Kept => drop(self.run.append(copy(self.run, event, EventId::NONE))),
            Fate::Admitted => admit(self.run, event),
            Fate::Dropped => {}
        }
        self.note(id, event, fate != Fate::Dropped);
    }

    fn activity(&mut self, id: &RunId, events: &[HistoryEvent], end: &HistoryEvent, started: EventId) {
        let is_kept = fate(self.run, end, self.excluded, true) == Fate::Kept;
        self.note(id, end, is_kept);
        if !is_kept {
            return;
        }
        let begun = events.get(place(started)).filter(|_| started != EventId::NONE);
        let begun = begun.map(|begun| {
            self.note(id, begun, true);
            self.run.append(copy(self.run, begun, EventId::NONE))
        });
        self.run.append(copy(self.run, end, begun.unwrap_or(EventId::NONE)));
    }

    fn note(&mut self, id: &RunId, event: &HistoryEvent, taken: bool) {
        self.seen.insert((id.clone(), EventId(event.event_id)), taken);
    }
}

type Place = (RunId, EventId);

/// Whether it is such that it may be taken along from a run that followed.
pub(super) fn is_from_outside(event: &HistoryEvent) -> bool {
    match &event.attributes {
        Some(
            Attributes::WorkflowExecutionSignaledEventAttributes(_)
            | Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(_)
            | Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(_),
        ) => true,
        Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(it)) => it.accepted_request.is_some(),
        Some(_) | None => false,
    }
}

/// The started event of the activity that this event ends.
fn started_activity(event: &HistoryEvent) -> Option<EventId> {
    match event.attributes.as_ref()? {
        Attributes::ActivityTaskCompletedEventAttributes(it) => Some(EventId(it.started_event_id)),
        Attributes::ActivityTaskFailedEventAttributes(it) => Some(EventId(it.started_event_id)),
        Attributes::ActivityTaskTimedOutEventAttributes(it) => Some(EventId(it.started_event_id)),
        Attributes::ActivityTaskCanceledEventAttributes(it) => Some(EventId(it.started_event_id)),
        _ => None,
    }
}

fn fate(run: &Execution, event: &HistoryEvent, excluded: Excluded, with_results: bool) -> Fate {
    let Some(attributes) = &event.attributes else { return Fate::Dropped };
    let kept = |kept: bool| if kept { Fate::Kept } else { Fate::Dropped };
    match attributes {
        Attributes::WorkflowExecutionSignaledEventAttributes(_) => kept(!excluded.signals),
        Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(it) => {
            kept(!excluded.options || !it.attached_request_id.is_empty())
        }
        Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(it) => {
            let id = it.request.as_ref().and_then(|request| request.meta.as_ref()).map_or("", |meta| &meta.update_id);
            admitted(run, id, excluded)
        }
        Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(it) if it.accepted_request.is_some() => {
            admitted(run, &it.protocol_instance_id, excluded)
        }
        other => match waited_for(other) {
            Some(Waited::Child(initiated)) => kept(run.children.contains(&initiated)),
            Some(Waited::Start(initiated)) => kept(is_to_start(run, initiated)),
            Some(Waited::External(initiated)) => kept(run.external.contains(&initiated)),
            Some(Waited::Activity(scheduled)) => kept(with_results && run.activities.contains(&scheduled)),
            Some(Waited::Timer(started)) => {
                kept(with_results && run.timers.values().any(|timer| timer.started_event_id == started))
            }
            None => Fate::Dropped,
        },
    }
}

/// An update that the new run does not know.
fn admitted(run: &Execution, id: &str, excluded: Excluded) -> Fate {
    let is_known = run.updates.contains(&UpdateId::from(id));
    if excluded.updates || is_known { Fate::Dropped } else { Fate::Admitted }
}

fn is_to_start(run: &Execution, initiated: EventId) -> bool {
    run.children.get(&initiated).is_some_and(|child| match &child.stage {
        ChildStage::Initiated { .. } => true,
        ChildStage::Started { .. } => false,
    })
}

/// What an event ends that a run may wait for.
enum Waited {
    Child(EventId),
    /// The start of a child.
    Start(EventId),
    External(EventId),
    Activity(EventId),
    Timer(EventId),
}

fn waited_for(attributes: &Attributes) -> Option<Waited> {
    use Attributes as A;
    Some(match attributes {
        A::StartChildWorkflowExecutionFailedEventAttributes(it) => Waited::Start(EventId(it.initiated_event_id)),
        A::ChildWorkflowExecutionStartedEventAttributes(it) => Waited::Start(EventId(it.initiated_event_id)),
        A::ChildWorkflowExecutionCompletedEventAttributes(it) => Waited::Child(EventId(it.initiated_event_id)),
        A::ChildWorkflowExecutionFailedEventAttributes(it) => Waited::Child(EventId(it.initiated_event_id)),
        A::ChildWorkflowExecutionCanceledEventAttributes(it) => Waited::Child(EventId(it.initiated_event_id)),
        A::ChildWorkflowExecutionTimedOutEventAttributes(it) => Waited::Child(EventId(it.initiated_event_id)),
        A::ChildWorkflowExecutionTerminatedEventAttributes(it) => Waited::Child(EventId(it.initiated_event_id)),
        A::ExternalWorkflowExecutionSignaledEventAttributes(it) => Waited::External(EventId(it.initiated_event_id)),
        A::SignalExternalWorkflowExecutionFailedEventAttributes(it) => Waited::External(EventId(it.initiated_event_id)),
        A::ExternalWorkflowExecutionCancelRequestedEventAttributes(it) => {
            Waited::External(EventId(it.initiated_event_id))
        }
        A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(it) => {
            Waited::External(EventId(it.initiated_event_id))
        }
        A::ActivityTaskCompletedEventAttributes(it) => Waited::Activity(EventId(it.scheduled_event_id)),
        A::ActivityTaskFailedEventAttributes(it) => Waited::Activity(EventId(it.scheduled_event_id)),
        A::ActivityTaskTimedOutEventAttributes(it) => Waited::Activity(EventId(it.scheduled_event_id)),
        A::ActivityTaskCanceledEventAttributes(it) => Waited::Activity(EventId(it.scheduled_event_id)),
        A::TimerFiredEventAttributes(it) => Waited::Timer(EventId(it.started_event_id)),
        _ => return None,
    })
}

/// The event as the new run has it: without number and time, which it gets there. `begun` is the event that began the
/// activity that this one ends.
fn copy(run: &Run<'_>, event: &HistoryEvent, begun: EventId) -> HistoryEvent {
    let mut attributes = event.attributes.clone();
    match &mut attributes {
        Some(Attributes::WorkflowExecutionSignaledEventAttributes(it)) => it.external_workflow_execution = None,
        Some(attributes) => renumber(run, attributes, begun),
        None => {}
    }
    HistoryEvent { event_id: 0, task_id: 0, event_time: None, attributes, ..event.clone() }
}

/// Puts the new run's number in place of the number of the event that began what this one ends.
fn renumber(run: &Run<'_>, attributes: &mut Attributes, begun: EventId) {
    use Attributes as A;
    let child = |initiated: i64| match run.children.get(&EventId(initiated)).map(|child| &child.stage) {
        Some(ChildStage::Started { event_id, .. }) => event_id.0,
        Some(ChildStage::Initiated { .. }) | None => 0,
    };
    match attributes {
        A::ChildWorkflowExecutionCompletedEventAttributes(it) => it.started_event_id = child(it.initiated_event_id),
        A::ChildWorkflowExecutionFailedEventAttributes(it) => it.started_event_id = child(it.initiated_event_id),
        A::ChildWorkflowExecutionCanceledEventAttributes(it) => it.started_event_id = child(it.initiated_event_id),
        A::ChildWorkflowExecutionTimedOutEventAttributes(it) => it.started_event_id = child(it.initiated_event_id),
        A::ChildWorkflowExecutionTerminatedEventAttributes(it) => it.started_event_id = child(it.initiated_event_id),
        A::ActivityTaskCompletedEventAttributes(it) => it.started_event_id = begun.0,
        A::ActivityTaskFailedEventAttributes(it) => it.started_event_id = begun.0,
        A::ActivityTaskTimedOutEventAttributes(it) => it.started_event_id = begun.0,
        A::ActivityTaskCanceledEventAttributes(it) => it.started_event_id = begun.0,
        _ => {}
    }
}

fn admit(run: &mut Run<'_>, event: &HistoryEvent) {
    let (request, origin) = match &event.attributes {
        Some(Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(it)) => (it.request.clone(), it.origin()),
        Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(it)) => {
            (it.accepted_request.clone(), UpdateAdmittedEventOrigin::Reapply)
        }
        _ => return,
    };
    if let Some(request) = request {
        run.append(event::update::admitted(request, origin));
    }
}
