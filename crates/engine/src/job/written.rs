//! What is written of a job that changed, and what lists show of it.
//!
//! Lists show a job as Temporal does: as an execution of a namespace division of its own, which lists leave out unless
//! they are asked for it.

use alloc::{boxed::Box, format, string::ToString, sync::Arc};

use weft_protocol::{
    api::{
        common::{Memo, SearchAttributes, WorkflowExecution, WorkflowType},
        enums::WorkflowExecutionStatus,
        workflow::WorkflowExecutionInfo,
        workflowservice::start_batch_operation_request::Operation,
    },
    payload,
};

use crate::{
    ids::{RunId, WorkflowKey},
    keywords,
    state::{Aim, Job, JobOutcome},
    time::wire_span,
    transition::{Effect, RowChange, Transition, VisibilityChange},
};

/// What lists call the type of a job.
pub const JOB_TYPE: &str = "temporal-sys-batch-workflow-protobuf";
const DIVISION: &str = "TemporalBatcher";
const QUEUE: &str = "temporal-sys-per-ns-tq";

/// What stands in place of a run id in the wake row of a job. No run has it: theirs are UUIDs.
#[must_use]
pub fn wake_run() -> RunId {
    RunId::from("job")
}

/// Everything of a job that differs.
pub(crate) fn written(key: &WorkflowKey, old: Option<&Job>, new: Option<&Job>, transition: &mut Transition) {
    let (was_due, is_due) = (old.map(Job::wake_at), new.map(Job::wake_at));
    if was_due != is_due {
        transition.rows.extend(was_due.map(|at| RowChange::RemoveWake { run: wake_run(), at }));
        transition.rows.extend(is_due.map(|at| RowChange::PutWake { run: wake_run(), at }));
        transition.effects.extend(is_due.map(|at| Effect::WakeAt { run: wake_run(), at }));
    }
    let Some(job) = new else {
        transition.rows.push(RowChange::RemoveJob);
        transition.visibility.extend(old.map(|old| VisibilityChange::Remove(old.run.clone())));
        return;
    };
    if old.is_none() {
        transition.rows.push(RowChange::PutJobOrder(Arc::clone(&job.order)));
    }
    transition.rows.push(RowChange::PutJob(Box::new(job.clone())));
    // Lists show how far it came once it has ended.
    if old.is_none() || job.ended.is_some() {
        transition.visibility.push(VisibilityChange::Upsert(Box::new(info(key, job))));
    }
}

/// The entry of a job in lists.
#[must_use]
pub fn info(key: &WorkflowKey, job: &Job) -> WorkflowExecutionInfo {
    let own = WorkflowExecution { workflow_id: key.workflow.to_string(), run_id: job.run.to_string() };
    let end = job.ended.as_ref();
    WorkflowExecutionInfo {
        root_execution: Some(own.clone()),
        execution: Some(own),
        r#type: Some(WorkflowType { name: JOB_TYPE.into() }),
        start_time: Some(job.started_at.wire()),
        execution_time: Some(job.started_at.wire()),
        close_time: end.map(|end| end.at.wire()),
        execution_duration: end.map(|end| wire_span(end.at.since(job.started_at))),
        status: status(job) as i32,
        memo: Some(memo(job)),
        search_attributes: Some(SearchAttributes {
            indexed_fields: [
                ("TemporalNamespaceDivision".into(), keywords::one(DIVISION)),
                ("BatcherUser".into(), keywords::one(job.order.identity.as_str())),
            ]
            .into(),
        }),
        task_queue: QUEUE.into(),
        first_run_id: job.run.to_string(),
        ..WorkflowExecutionInfo::default()
    }
}

fn status(job: &Job) -> WorkflowExecutionStatus {
    match job.ended.as_ref().map(|end| &end.outcome) {
        None => WorkflowExecutionStatus::Running,
        Some(JobOutcome::Completed) => WorkflowExecutionStatus::Completed,
        Some(JobOutcome::Stopped { .. }) => WorkflowExecutionStatus::Terminated,
        Some(JobOutcome::Failed { .. }) => WorkflowExecutionStatus::Failed,
    }
}

fn memo(job: &Job) -> Memo {
    let text = |name: &str, text: &str| (name.to_string(), payload::json_string(text));
    let order = &job.order;
    let mut fields =
        [text("batch_operation_type", kind(&order.operation)), text("batch_operation_reason", &order.reason)]
            .into_iter()
            .collect::<alloc::collections::BTreeMap<_, _>>();
    if let Aim::Query(query) = &order.aim {
        fields.extend([text("batch_operation_visibility_query", query)]);
    }
    if job.ended.is_some() {
        let stats = format!("{{\"NumSuccess\":{},\"NumFailure\":{}}}", job.completed, job.failed);
        fields.insert("batch_operation_stats".into(), payload::json_plain(stats));
    }
    Memo { fields: fields.into_iter().collect() }
}

/// What memos of jobs call an operation.
#[must_use]
pub fn kind(operation: &Operation) -> &'static str {
    match operation {
        Operation::TerminationOperation(_) => "terminate",
        Operation::SignalOperation(_) => "signal",
        Operation::CancellationOperation(_) => "cancel",
        Operation::DeletionOperation(_) => "delete",
        Operation::ResetOperation(_) => "reset",
        Operation::UpdateWorkflowOptionsOperation(_) => "update_options",
        Operation::UnpauseActivitiesOperation(_) => "unpause_activities",
        Operation::ResetActivitiesOperation(_) => "reset_activities",
        Operation::UpdateActivityOptionsOperation(_) => "update_activity_options",
        Operation::CancelActivitiesOperation(_) => "cancel_activities",
        Operation::TerminateActivitiesOperation(_) => "terminate_activities",
        Operation::DeleteActivitiesOperation(_) => "delete_activities",
    }
}
