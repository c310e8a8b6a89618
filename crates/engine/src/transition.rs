//! What one accepted request does: events appended, rows put and removed, effects. Pure data.
//!
//! Rows are found by comparison: handlers change state, and [`Transition::between`] says what is different. So state and
//! rows cannot drift apart (rule 10).

mod chain;
mod effect;
mod row;

use alloc::{boxed::Box, vec::Vec};

pub use chain::Chain;
pub use effect::{ActivityOffer, Effect, QueryOutcome, UpdateNews, WorkflowTaskOffer};
pub use row::{Fairness, RowChange, ScheduleRow, TaskRow, TaskRowKind, Urgency};
use weft_protocol::api::{history::HistoryEvent, workflow::WorkflowExecutionInfo};

use crate::{
    ids::{EventId, RunId},
    state::BranchId,
};

/// What one accepted request does.
#[derive(Clone, Debug, Default)]
pub struct Transition {
    pub events: Vec<Appended>,
    pub rows: Vec<RowChange>,
    pub visibility: Vec<VisibilityChange>,
    pub effects: Vec<Effect>,
}

/// One batch of history of one run.
#[derive(Clone, Debug)]
pub struct Appended {
    pub run: RunId,
    pub branch: BranchId,
    pub first_event_id: EventId,
    pub events: Vec<HistoryEvent>,
}

/// What lists show of a run from now on.
#[derive(Clone, Debug)]
pub enum VisibilityChange {
    Upsert(Box<WorkflowExecutionInfo>),
    Remove(RunId),
}

impl Transition {
    /// Nothing was changed: the answer is all there is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.rows.is_empty() && self.visibility.is_empty()
    }
}
