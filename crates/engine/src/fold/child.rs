//! How events of children change the state.

use alloc::sync::Arc;

use weft_protocol::api::{
    enums::ParentClosePolicy as WirePolicy,
    history::{
        ChildWorkflowExecutionStartedEventAttributes, HistoryEvent,
        StartChildWorkflowExecutionInitiatedEventAttributes, history_event::Attributes,
    },
};

use crate::{
    ids::{EventId, WorkflowKey},
    state::{Child, ChildStage, Execution, ParentClosePolicy},
};

pub(super) fn initiated(
    execution: &mut Execution,
    event: &HistoryEvent,
    it: &StartChildWorkflowExecutionInitiatedEventAttributes,
) {
    let policy = match it.parent_close_policy() {
        WirePolicy::Unspecified | WirePolicy::Terminate => ParentClosePolicy::Terminate,
        WirePolicy::Abandon => ParentClosePolicy::Abandon,
        WirePolicy::RequestCancel => ParentClosePolicy::RequestCancel,
    };
    let child = Child {
        target: WorkflowKey { namespace: it.namespace_id.as_str().into(), workflow: it.workflow_id.as_str().into() },
        namespace: it.namespace.as_str().into(),
        workflow_type: it.workflow_type.as_ref().map_or("", |it| &it.name).into(),
        policy,
        stage: ChildStage::Initiated { header: it.header.clone().map(Arc::new) },
    };
    execution.children.put(EventId(event.event_id), child);
}

/// Its event may still wait for a number.
pub(super) fn started(execution: &mut Execution, it: &ChildWorkflowExecutionStartedEventAttributes) {
    let run = it.workflow_execution.as_ref().map_or("", |it| &it.run_id).into();
    execution.children.update(&EventId(it.initiated_event_id), |child| {
        child.stage = ChildStage::Started { run, event_id: EventId::NONE };
    });
}

/// It ended, or never started.
pub(super) fn ended(execution: &mut Execution, initiated: i64) {
    execution.children.remove(&EventId(initiated));
}

/// A child learns the number of its Started event.
pub(super) fn place(execution: &mut Execution, event: &HistoryEvent) {
    let Some(Attributes::ChildWorkflowExecutionStartedEventAttributes(it)) = &event.attributes else { return };
    execution.children.update(&EventId(it.initiated_event_id), |child| {
        if let ChildStage::Started { event_id, .. } = &mut child.stage {
            *event_id = EventId(event.event_id);
        }
    });
}
