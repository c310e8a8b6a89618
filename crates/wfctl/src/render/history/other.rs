//! Lines of events about other workflows, markers, updates and attributes.

use weft_client::api::{
    common::{Payload, WorkflowExecution, WorkflowType},
    history::history_event::Attributes,
};

use super::Details;
use crate::render::{failure, payload};

pub(super) fn add(details: &mut Details, attributes: &Attributes) -> bool {
    child(details, attributes) || external(details, attributes) || own(details, attributes)
}

fn child(details: &mut Details, attributes: &Attributes) -> bool {
    match attributes {
        Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(it) => {
            details
                .word(name(it.workflow_type.as_ref()))
                .put("id", &it.workflow_id)
                .put("input", payload::list(it.input.as_ref()));
        }
        Attributes::StartChildWorkflowExecutionFailedEventAttributes(it) => {
            details.word(name(it.workflow_type.as_ref())).put("id", &it.workflow_id);
        }
        Attributes::ChildWorkflowExecutionStartedEventAttributes(it) => {
            details.word(name(it.workflow_type.as_ref())).put("id", id(it.workflow_execution.as_ref()));
        }
        Attributes::ChildWorkflowExecutionCompletedEventAttributes(it) => {
            details.put("id", id(it.workflow_execution.as_ref())).put("result", payload::list(it.result.as_ref()));
        }
        Attributes::ChildWorkflowExecutionFailedEventAttributes(it) => {
            details
                .put("id", id(it.workflow_execution.as_ref()))
                .word(it.failure.as_ref().map(failure::root).unwrap_or_default());
        }
        Attributes::ChildWorkflowExecutionCanceledEventAttributes(it) => {
            details.put("id", id(it.workflow_execution.as_ref()));
        }
        Attributes::ChildWorkflowExecutionTimedOutEventAttributes(it) => {
            details.put("id", id(it.workflow_execution.as_ref()));
        }
        Attributes::ChildWorkflowExecutionTerminatedEventAttributes(it) => {
            details.put("id", id(it.workflow_execution.as_ref()));
        }
        _ => return false,
    }
    true
}

fn external(details: &mut Details, attributes: &Attributes) -> bool {
    match attributes {
        Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            details
                .word(&it.signal_name)
                .put("id", id(it.workflow_execution.as_ref()))
                .put("input", payload::list(it.input.as_ref()));
        }
        Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(it) => {
            details.put("id", id(it.workflow_execution.as_ref()));
        }
        Attributes::ExternalWorkflowExecutionSignaledEventAttributes(it) => {
            details.put("id", id(it.workflow_execution.as_ref()));
        }
        Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            details.put("id", id(it.workflow_execution.as_ref()));
        }
        Attributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(it) => {
            details.put("id", id(it.workflow_execution.as_ref()));
        }
        Attributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(it) => {
            details.put("id", id(it.workflow_execution.as_ref()));
        }
        _ => return false,
    }
    true
}

fn own(details: &mut Details, attributes: &Attributes) -> bool {
    match attributes {
        Attributes::MarkerRecordedEventAttributes(it) => {
            details.word(&it.marker_name).word(it.failure.as_ref().map(failure::root).unwrap_or_default());
        }
        Attributes::UpsertWorkflowSearchAttributesEventAttributes(it) => {
            let fields = it.search_attributes.as_ref().map(|it| &it.indexed_fields);
            fields.into_iter().for_each(|fields| each(details, fields));
        }
        Attributes::WorkflowPropertiesModifiedEventAttributes(it) => {
            let fields = it.upserted_memo.as_ref().map(|it| &it.fields);
            fields.into_iter().for_each(|fields| each(details, fields));
        }
        Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(it) => {
            details.put("update", &it.protocol_instance_id);
        }
        Attributes::WorkflowExecutionUpdateCompletedEventAttributes(it) => {
            details.put("update", it.meta.as_ref().map_or("", |it| &it.update_id));
        }
        _ => return false,
    }
    true
}

fn each(details: &mut Details, fields: &std::collections::HashMap<String, Payload>) {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(name, _)| *name);
    for (name, value) in fields {
        details.put(name, payload::short(value));
    }
}

fn name(kind: Option<&WorkflowType>) -> &str {
    kind.map_or("", |it| &it.name)
}

fn id(execution: Option<&WorkflowExecution>) -> &str {
    execution.map_or("", |it| &it.workflow_id)
}
