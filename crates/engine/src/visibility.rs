//! What lists show of a run.

use weft_protocol::api::{
    common::{Memo, SearchAttributes, WorkflowExecution, WorkflowType},
    enums::WorkflowExecutionStatus,
    workflow::WorkflowExecutionInfo,
};

use crate::{
    ids::WorkflowKey,
    state::{Core, Execution, Status},
    time::{Timestamp, span_from_wire, wire_span},
};
use alloc::{string::ToString, sync::Arc};

impl Status {
    /// As lists have it.
    #[must_use]
    pub fn wire(self) -> WorkflowExecutionStatus {
        match self {
            Self::Running => WorkflowExecutionStatus::Running,
            Self::Paused => WorkflowExecutionStatus::Paused,
            Self::Completed => WorkflowExecutionStatus::Completed,
            Self::Failed => WorkflowExecutionStatus::Failed,
            Self::Canceled => WorkflowExecutionStatus::Canceled,
            Self::Terminated => WorkflowExecutionStatus::Terminated,
            Self::ContinuedAsNew => WorkflowExecutionStatus::ContinuedAsNew,
            Self::TimedOut => WorkflowExecutionStatus::TimedOut,
        }
    }
}

impl Execution {
    #[must_use]
    pub fn status(&self) -> Status {
        let open = if self.is_paused() { Status::Paused } else { Status::Running };
        self.core.closed.as_ref().map_or(open, |closed| closed.status)
    }

    /// When its first workflow task was or will be due: the start, after a delay if there is one.
    #[must_use]
    pub fn execution_time(&self) -> Timestamp {
        let backoff = self.core.start.attributes.first_workflow_task_backoff.as_ref().map(span_from_wire);
        self.core.started_at().after(backoff.unwrap_or_default())
    }
}

/// Does a list show anything that changed?
pub(crate) fn differs(core: &Core, before: Option<&Core>) -> bool {
    before.is_none_or(|before| {
        core.closed.is_some() != before.closed.is_some()
            || core.pause.is_some() != before.pause.is_some()
            || !Arc::ptr_eq(&core.memo, &before.memo)
            || !Arc::ptr_eq(&core.search_attributes, &before.search_attributes)
    })
}

/// The entry of a run, as lists and descriptions give it. Length, size and transitions are shown once it is closed.
#[must_use]
pub fn info(key: &WorkflowKey, execution: &Execution) -> WorkflowExecutionInfo {
    let core = &execution.core;
    let start = &core.start;
    let closed = core.closed.as_ref();
    let own = WorkflowExecution { workflow_id: key.workflow.to_string(), run_id: core.run.to_string() };
    WorkflowExecutionInfo {
        root_execution: start.attributes.root_workflow_execution.clone().or_else(|| Some(own.clone())),
        execution: Some(own),
        r#type: Some(WorkflowType { name: start.workflow_type.to_string() }),
        start_time: Some(core.started_at().wire()),
        execution_time: Some(execution.execution_time().wire()),
        close_time: closed.map(|closed| closed.at.wire()),
        execution_duration: closed.map(|closed| wire_span(closed.at.since(execution.execution_time()))),
        status: execution.status().wire() as i32,
        history_length: closed.map_or(0, |_| core.next_event_id.0 - 1),
        history_size_bytes: closed.map_or(0, |_| i64::try_from(core.history_bytes).unwrap_or(i64::MAX)),
        state_transition_count: closed.map_or(0, |_| i64::try_from(core.state_transitions).unwrap_or(i64::MAX)),
        parent_namespace_id: start.attributes.parent_workflow_namespace_id.clone(),
        parent_execution: start.attributes.parent_workflow_execution.clone(),
        memo: Some(Memo { fields: core.memo.iter().map(|(name, value)| (name.clone(), value.clone())).collect() }),
        search_attributes: Some(SearchAttributes {
            indexed_fields: core.search_attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        }),
        task_queue: start.queue.to_string(),
        first_run_id: start.first_run.to_string(),
        priority: core.priority().cloned(),
        ..WorkflowExecutionInfo::default()
    }
}
