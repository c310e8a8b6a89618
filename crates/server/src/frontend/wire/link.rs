//! Links to events of a workflow, as answers give them.

use weft_engine::{Namespace, RunId, WorkflowKey};
use weft_protocol::api::{
    common::{
        Link,
        link::{
            Variant, WorkflowEvent,
            workflow_event::{EventReference, Reference, RequestIdReference},
        },
    },
    enums::EventType,
};

/// To the event that began a run.
pub(crate) fn start(namespace: &Namespace, key: &WorkflowKey, run: &RunId) -> Link {
    let event = EventReference { event_id: 1, event_type: EventType::WorkflowExecutionStarted.into() };
    link(namespace, key, run, Reference::EventRef(event))
}

/// To the event that a request left: its number may not be known yet.
pub(crate) fn request(
    namespace: &Namespace,
    key: &WorkflowKey,
    run: &RunId,
    request_id: String,
    event_type: EventType,
) -> Link {
    let request = RequestIdReference { request_id, event_type: event_type.into() };
    link(namespace, key, run, Reference::RequestIdRef(request))
}

fn link(namespace: &Namespace, key: &WorkflowKey, run: &RunId, reference: Reference) -> Link {
    let event = WorkflowEvent {
        namespace: namespace.name.to_string(),
        workflow_id: key.workflow.to_string(),
        run_id: run.to_string(),
        reference: Some(reference),
    };
    Link { variant: Some(Variant::WorkflowEvent(event)) }
}
