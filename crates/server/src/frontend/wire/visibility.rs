//! Executions as lists show them.

use weft_engine::wire_span;
use weft_protocol::{
    api::{
        common::{Memo, Payload, SearchAttributes, WorkflowExecution, WorkflowType},
        workflow::WorkflowExecutionInfo,
    },
    payload,
    prost::Message,
    time,
};
use weft_visibility::{Literal, Record, RunRef};

pub(crate) fn info(record: Record) -> WorkflowExecutionInfo {
    let own = WorkflowExecution { workflow_id: record.workflow_id, run_id: record.run_id };
    let took = record.close_time.map(|close| close.saturating_sub(record.execution_time).max(0).unsigned_abs());
    WorkflowExecutionInfo {
        root_execution: record.root.map(execution).or_else(|| Some(own.clone())),
        execution: Some(own),
        r#type: Some(WorkflowType { name: record.workflow_type }),
        start_time: Some(time::timestamp(record.start_time)),
        execution_time: Some(time::timestamp(record.execution_time)),
        close_time: record.close_time.map(time::timestamp),
        execution_duration: took.map(|nanos| wire_span(std::time::Duration::from_nanos(nanos))),
        // The numbers are those of the API.
        status: i32::try_from(record.status.number()).unwrap_or_default(),
        history_length: record.history_length,
        history_size_bytes: record.history_size_bytes,
        state_transition_count: record.state_transition_count,
        parent_execution: record.parent.map(execution),
        task_queue: record.task_queue,
        // Stored by this server as it encoded them; an empty map stands for what cannot be read.
        memo: Some(Memo::decode(record.memo.as_slice()).unwrap_or_default()),
        search_attributes: Some(SearchAttributes::decode(record.search_attributes.as_slice()).unwrap_or_default()),
        ..WorkflowExecutionInfo::default()
    }
}

fn execution(run: RunRef) -> WorkflowExecution {
    WorkflowExecution { workflow_id: run.workflow_id, run_id: run.run_id }
}

/// The value of a group as a search attribute.
pub(crate) fn group_value(value: &Literal) -> Payload {
    let (mut payload, kind) = match value {
        Literal::Null => (payload::null(), "Keyword"),
        Literal::Int(number) => (payload::json_plain(number.to_string()), "Int"),
        Literal::Real(number) => (payload::json_plain(number.to_string()), "Double"),
        Literal::Text(text) => (payload::json_string(text), "Keyword"),
        Literal::Bytes(bytes) => (payload::json_string(&String::from_utf8_lossy(bytes)), "Keyword"),
    };
    payload.metadata.insert(payload::TYPE.to_owned(), kind.as_bytes().to_vec());
    payload
}
