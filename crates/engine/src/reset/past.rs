//! What a reset was told of the time before, and whether that is all there is.
//!
//! Invariant: no event is lost for having happened while the others were read. A run in memory says how many it has; of one
//! that is not there, only an event that closes it says so, for a closed run writes nothing.

use alloc::vec::Vec;

use weft_protocol::api::{
    enums::EventType,
    history::{HistoryEvent, history_event::Attributes},
};

use crate::{
    change::Change,
    ids::RunId,
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
    /// All events of the runs that it continued as, one after the other.
    pub later: Vec<(RunId, Vec<HistoryEvent>)>,
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
