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
use weft_visibility::{Literal, Record, RunRef, attribute::Type};

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

/// The value of a group as a search attribute of this type; a null where the executions have none.
pub(crate) fn group_value(value: &Literal, kind: Type) -> Payload {
    let mut payload = match value {
        Literal::Null => payload::null(),
        Literal::Int(number) if kind == Type::Bool => payload::json_plain((*number != 0).to_string()),
        Literal::Int(number) => payload::json_plain(number.to_string()),
        Literal::Real(number) => payload::json_plain(number.to_string()),
        Literal::Text(text) => payload::json_string(text),
        Literal::Bytes(bytes) => payload::json_string(&String::from_utf8_lossy(bytes)),
    };
    payload.metadata.insert(payload::TYPE.to_owned(), kind.name().as_bytes().to_vec());
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_group_is_of_the_type_of_its_attribute() {
        let check = |value: Literal, kind: Type, json: &str| {
            let payload = group_value(&value, kind);
            assert_eq!(
                (payload.data.as_slice(), payload.metadata[payload::TYPE].as_slice()),
                (json.as_bytes(), kind.name().as_bytes())
            );
        };
        check(Literal::text("Running"), Type::Keyword, "\"Running\"");
        check(Literal::Int(1), Type::Bool, "true");
        check(Literal::Int(0), Type::Bool, "false");
        check(Literal::Int(7), Type::Int, "7");
        check(Literal::Null, Type::Int, "");
    }
}
