//! The run that copied events give, event by event.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use weft_protocol::api::{
    common::{
        Link,
        link::{
            Variant, WorkflowEvent,
            workflow_event::{EventReference, Reference},
        },
    },
    enums::EventType,
    history::{HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event::Attributes},
};

use super::ForkOrigin;
use crate::{
    fold,
    ids::{RequestId, RunId, WorkflowId},
    state::Execution,
};

/// A copy in the making.
#[derive(Clone, Debug)]
pub struct Copying(Execution);

/// What the first event of a copy says otherwise than that of the origin.
#[derive(Clone, Debug)]
pub struct Copy<'a> {
    pub namespace: &'a str,
    pub workflow: &'a WorkflowId,
    pub run: &'a RunId,
    pub request: &'a RequestId,
    pub origin: &'a ForkOrigin,
    /// What the last copied event is.
    pub event_type: EventType,
}

impl Copying {
    /// Begins with the origin's first event, and gives the copy's; `None` if that is no start.
    #[must_use]
    pub fn begin(copy: &Copy<'_>, mut first: HistoryEvent) -> Option<(Self, HistoryEvent)> {
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(start)) = &mut first.attributes else {
            return None;
        };
        of_its_own(start, copy);
        first.links.insert(0, link(copy));
        let mut execution = fold::begin(copy.run.clone(), copy.request.clone(), &first)?;
        fold::place(&mut execution, &first);
        Some((Self(execution), first))
    }

    /// The next event, as it is.
    pub fn push(&mut self, event: &HistoryEvent) {
        fold::apply(&mut self.0, event);
        fold::place(&mut self.0, event);
    }

    /// The run that the events give. Everything in it is new to its rows.
    #[must_use]
    pub fn finish(mut self) -> Execution {
        // Whoever started the origin, or was content with it, does not know of the copy.
        self.0.core.attached = Vec::new();
        self.0
    }
}

/// The copy begins a chain of its own and belongs to nobody. The run that seeds randomness stays, so that a replay decides
/// the same.
fn of_its_own(start: &mut WorkflowExecutionStartedEventAttributes, copy: &Copy<'_>) {
    start.workflow_id = copy.workflow.to_string();
    start.first_execution_run_id = copy.run.to_string();
    start.continued_execution_run_id = String::new();
    start.parent_workflow_namespace = String::new();
    start.parent_workflow_namespace_id = String::new();
    start.parent_workflow_execution = None;
    start.parent_initiated_event_id = 0;
    start.root_workflow_execution = None;
    start.eager_execution_accepted = false;
}

fn link(copy: &Copy<'_>) -> Link {
    let reference = EventReference { event_id: copy.origin.event_id.0, event_type: copy.event_type.into() };
    let event = WorkflowEvent {
        namespace: copy.namespace.to_string(),
        workflow_id: copy.origin.workflow.to_string(),
        run_id: copy.origin.run.to_string(),
        reference: Some(Reference::EventRef(reference)),
    };
    Link { variant: Some(Variant::WorkflowEvent(event)) }
}
