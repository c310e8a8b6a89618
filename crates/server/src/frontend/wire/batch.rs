//! Batch jobs as the API has them.

use weft_engine::{
    job,
    state::{Aim, Job, JobOutcome},
};
use weft_protocol::{
    api::{
        batch::BatchOperationInfo,
        common::{Execution, WorkflowExecution},
        enums::{BatchOperationState, BatchOperationType, ExecutionType, WorkflowExecutionStatus},
        workflow::WorkflowExecutionInfo,
        workflowservice::DescribeBatchOperationResponse,
    },
    payload,
};

pub(crate) fn description(job_id: String, job: &Job) -> DescribeBatchOperationResponse {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (query, executions) = match &job.order.aim {
        Aim::Query(query) => (query.clone(), Vec::new()),
        Aim::Executions(executions) => (String::new(), executions.iter().map(execution).collect()),
    };
    DescribeBatchOperationResponse {
        operation_type: operation_type(job::kind(&job.order.operation)).into(),
        job_id,
        state: state(job).into(),
        start_time: Some(job.started_at.wire()),
        close_time: job.ended.as_ref().map(|end| end.at.wire()),
        total_operation_count: number(job.total.unwrap_or(0)),
        complete_operation_count: number(job.completed),
        failure_operation_count: number(job.failed),
        identity: job.order.identity.to_string(),
        reason: job.order.reason.clone(),
        query,
        executions,
    }
}

fn execution(execution: &WorkflowExecution) -> Execution {
    let WorkflowExecution { workflow_id, run_id } = execution.clone();
    Execution { r#type: ExecutionType::Workflow.into(), business_id: workflow_id, run_id }
}

fn state(job: &Job) -> BatchOperationState {
    match job.ended.as_ref().map(|end| &end.outcome) {
        None => BatchOperationState::Running,
        Some(JobOutcome::Completed) => BatchOperationState::Completed,
        Some(JobOutcome::Stopped { .. } | JobOutcome::Failed { .. }) => BatchOperationState::Failed,
    }
}

/// The entry of a job in a list of jobs, from its entry in the list of executions.
pub(crate) fn info(info: WorkflowExecutionInfo) -> BatchOperationInfo {
    let state = match info.status() {
        WorkflowExecutionStatus::Running => BatchOperationState::Running,
        WorkflowExecutionStatus::Completed => BatchOperationState::Completed,
        _ => BatchOperationState::Failed,
    };
    let memo = info.memo.unwrap_or_default();
    let kind = memo.fields.get("batch_operation_type").and_then(payload::as_json).unwrap_or_default();
    let kind = String::from_utf8_lossy(kind);
    BatchOperationInfo {
        job_id: info.execution.unwrap_or_default().workflow_id,
        state: state.into(),
        start_time: info.start_time,
        close_time: info.close_time,
        operation_type: operation_type(kind.trim_matches('"')).into(),
    }
}

fn operation_type(kind: &str) -> BatchOperationType {
    match kind {
        "terminate" => BatchOperationType::TerminateWorkflow,
        "cancel" => BatchOperationType::CancelWorkflow,
        "signal" => BatchOperationType::SignalWorkflow,
        "delete" => BatchOperationType::DeleteWorkflow,
        "reset" => BatchOperationType::ResetWorkflow,
        "update_options" => BatchOperationType::UpdateWorkflowExecutionOptions,
        "unpause_activities" => BatchOperationType::UnpauseActivity,
        "reset_activities" => BatchOperationType::ResetActivity,
        "update_activity_options" => BatchOperationType::UpdateActivityOptions,
        _ => BatchOperationType::Unspecified,
    }
}
