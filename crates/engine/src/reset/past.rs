//! What a reset was told of the time before, and whether that is all there is.
//!
//! Invariant: no event is lost for having happened while the others were read. A run in memory says how many it has; of one
//! that is not there, only an event that closes it says so, for a closed run writes nothing.

use alloc::{format, vec::Vec};

use weft_protocol::api::{
    enums::EventType,
    history::{HistoryEvent, history_event::Attributes},
};

use super::reapply::is_from_outside;
use crate::{
    change::Change,
    ids::RunId,
    limits::{RESET_BYTES_MAX, RESET_EVENTS_MAX},
    refusal::Refusal,
    state::{Hash, Workflow},
};

/// The history of the base run and of those that followed it by continue-as-new, as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// All events of the base run.
    pub base: Vec<HistoryEvent>,
    /// The head of its branch before the first event that the new run does not share.
    pub head: Hash,
    /// Of the runs that it continued as, one after the other: what a new run may have again, and the last event.
    pub later: Vec<(RunId, Vec<HistoryEvent>)>,
}

/// How much of the runs that followed may still be read. This bounds the memory of a reset; what it writes is bounded as
/// every transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Events to look at.
    pub events: u64,
    /// Bytes of those that are kept.
    pub bytes: usize,
}

impl Room {
    /// What every reset has.
    pub const ALL: Self = Self { events: RESET_EVENTS_MAX, bytes: RESET_BYTES_MAX };

    /// Whether an event of so many bytes is kept; the last of a run always is.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn keep(&mut self, event: &HistoryEvent, bytes: usize, is_last: bool) -> Result<bool, Refusal> {
        let is_kept = is_last || is_from_outside(event);
        self.events = self.events.checked_sub(1).ok_or_else(too_much)?;
        self.bytes = self.bytes.checked_sub(if is_kept { bytes } else { 0 }).ok_or_else(too_much)?;
        Ok(is_kept)
    }
}

fn too_much() -> Refusal {
    let (events, mib) = (RESET_EVENTS_MAX, RESET_BYTES_MAX >> 20);
    let limits = format!("{events} events, or {mib} MiB of signals, updates and last events");
    Refusal::Precondition(format!("The runs that followed have more than {limits}: reset a later run.").into())
}

impl Past {
    /// The run that the last one that was read continued as.
    #[must_use]
    pub fn next_run(&self) -> Option<RunId> {
        follower(self.later.last().map_or(&self.base, |(_, events)| events))
    }

    /// Is what was read of `base` and its followers all there is?
    pub(super) fn check(&self, change: &Change<'_>, base: &RunId) -> Result<(), Refusal> {
        let workflow = &*change.workflow;
        let mut whole = is_whole(workflow, base, &self.base);
        let mut next = follower(&self.base);
        for (run, events) in &self.later {
            whole &= next.as_ref() == Some(run) && is_whole(workflow, run, events);
            next = follower(events);
        }
        // One that was not read is gone: it was made by the event that names it.
        whole &= next.is_none_or(|next| !workflow.runs.contains_key(&next));
        if whole { Ok(()) } else { Err(Refusal::HistoryGrew) }
    }
}

fn is_whole(workflow: &Workflow, run: &RunId, events: &[HistoryEvent]) -> bool {
    let Some(last) = events.last() else { return false };
    let known = workflow.runs.get(run).map(|known| known.core.next_event_id.0);
    known.map_or_else(|| closes(last), |next| next == last.event_id + 1)
}

fn closes(event: &HistoryEvent) -> bool {
    matches!(
        event.event_type(),
        EventType::WorkflowExecutionCompleted
            | EventType::WorkflowExecutionFailed
            | EventType::WorkflowExecutionTimedOut
            | EventType::WorkflowExecutionCanceled
            | EventType::WorkflowExecutionTerminated
            | EventType::WorkflowExecutionContinuedAsNew
    )
}

/// The run that one with these events continued as.
fn follower(events: &[HistoryEvent]) -> Option<RunId> {
    match &events.last()?.attributes {
        Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(it)) => {
            Some(it.new_execution_run_id.as_str().into())
        }
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event;

    fn signal() -> HistoryEvent {
        event::of(Attributes::WorkflowExecutionSignaledEventAttributes(Default::default()))
    }

    fn timer() -> HistoryEvent {
        event::of(Attributes::TimerFiredEventAttributes(Default::default()))
    }

    #[test]
    fn only_what_may_be_taken_along_and_the_last_event_take_room() {
        let mut room = Room { events: 4, bytes: 10 };
        assert_eq!(room.keep(&timer(), 1_000, false), Ok(false));
        assert_eq!(room.keep(&signal(), 6, false), Ok(true));
        assert_eq!(room.keep(&timer(), 4, true), Ok(true));
        assert_eq!(room, Room { events: 1, bytes: 0 });
        assert_eq!(room.keep(&signal(), 1, false), Err(too_much()));
    }

    #[test]
    fn more_events_than_there_is_room_for_are_refused_with_the_limit_and_what_to_do() {
        let mut room = Room { events: 1, bytes: 10 };
        assert_eq!(room.keep(&timer(), 1, false), Ok(false));
        let why = "The runs that followed have more than 200000 events, or 64 MiB of signals, updates and last events: \
            reset a later run.";
        assert_eq!(room.keep(&timer(), 1, false), Err(Refusal::Precondition(why.into())));
    }
}
