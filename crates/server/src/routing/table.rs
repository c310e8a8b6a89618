//! Whom each call is for.
//!
//! Invariant: each call of the API that names a workflow id, a task or a task queue stands here; a test holds the table
//! against Temporal's descriptors. Fields are named as there and found by their numbers.

use std::{collections::BTreeMap, sync::LazyLock};

use weft_protocol::json::descriptors;

/// Whom a call is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The leader of the shard of the workflow id, schedule or batch job that stands in this field.
    Workflow(Vec<u32>),
    /// The leader of the shard of the task that the token in this field is of.
    Token(Vec<u32>),
    /// The owner of the task queue that stands in this field.
    Queue(Vec<u32>),
    /// The leader of the metadata.
    Metadata,
}

/// How a call is brought there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) route: Route,
    /// Where the name of the namespace stands; empty if there is none.
    pub(crate) namespace: Vec<u32>,
    /// It changes nothing, so it may be made again though it may have been made.
    pub(crate) repeatable: bool,
}

/// The way of the call at this path; none for what any node answers by itself.
pub(crate) fn way(path: &str) -> Option<&'static Way> {
    static WAYS: LazyLock<BTreeMap<String, Way>> = LazyLock::new(ways);
    WAYS.get(path)
}

const WORKFLOW: &str = "temporal.api.workflowservice.v1.WorkflowService";
const OPERATOR: &str = "temporal.api.operatorservice.v1.OperatorService";
const HISTORY: &str = weft_protocol::weft::HISTORY_SERVICE;

/// Calls about one workflow id, and the field that has it.
const WORKFLOWS: &[(&str, &str, &str)] = &[
    (WORKFLOW, "StartWorkflowExecution", "workflow_id"),
    (WORKFLOW, "SignalWithStartWorkflowExecution", "workflow_id"),
    (WORKFLOW, "ExecuteMultiOperation", "operations.start_workflow.workflow_id"),
    (WORKFLOW, "SignalWorkflowExecution", "workflow_execution.workflow_id"),
    (WORKFLOW, "RequestCancelWorkflowExecution", "workflow_execution.workflow_id"),
    (WORKFLOW, "TerminateWorkflowExecution", "workflow_execution.workflow_id"),
    (WORKFLOW, "DeleteWorkflowExecution", "workflow_execution.workflow_id"),
    (WORKFLOW, "ResetWorkflowExecution", "workflow_execution.workflow_id"),
    (WORKFLOW, "UpdateWorkflowExecution", "workflow_execution.workflow_id"),
    (WORKFLOW, "UpdateWorkflowExecutionOptions", "workflow_execution.workflow_id"),
    (WORKFLOW, "PauseWorkflowExecution", "workflow_id"),
    (WORKFLOW, "UnpauseWorkflowExecution", "workflow_id"),
    (WORKFLOW, "UpdateActivityOptions", "execution.workflow_id"),
    (WORKFLOW, "PauseActivity", "execution.workflow_id"),
    (WORKFLOW, "UnpauseActivity", "execution.workflow_id"),
    (WORKFLOW, "ResetActivity", "execution.workflow_id"),
    (WORKFLOW, "ResetStickyTaskQueue", "execution.workflow_id"),
    (WORKFLOW, "RecordActivityTaskHeartbeatById", "workflow_id"),
    (WORKFLOW, "RespondActivityTaskCompletedById", "workflow_id"),
    (WORKFLOW, "RespondActivityTaskFailedById", "workflow_id"),
    (WORKFLOW, "RespondActivityTaskCanceledById", "workflow_id"),
    (WORKFLOW, "CreateSchedule", "schedule_id"),
    (WORKFLOW, "UpdateSchedule", "schedule_id"),
    (WORKFLOW, "PatchSchedule", "schedule_id"),
    (WORKFLOW, "DeleteSchedule", "schedule_id"),
    (WORKFLOW, "StartBatchOperation", "job_id"),
    (WORKFLOW, "StopBatchOperation", "job_id"),
    (HISTORY, "ResetToEvent", "execution.workflow_id"),
    (HISTORY, "ForkWorkflow", "execution.workflow_id"),
];

/// Those of them that only read.
const READS: &[(&str, &str, &str)] = &[
    (WORKFLOW, "DescribeWorkflowExecution", "execution.workflow_id"),
    (WORKFLOW, "GetWorkflowExecutionHistory", "execution.workflow_id"),
    (WORKFLOW, "GetWorkflowExecutionHistoryReverse", "execution.workflow_id"),
    (WORKFLOW, "PollWorkflowExecutionUpdate", "update_ref.workflow_execution.workflow_id"),
    (WORKFLOW, "QueryWorkflow", "execution.workflow_id"),
    (WORKFLOW, "DescribeSchedule", "schedule_id"),
    (WORKFLOW, "ListScheduleMatchingTimes", "schedule_id"),
    (WORKFLOW, "DescribeBatchOperation", "job_id"),
    (HISTORY, "GetHistoryHead", "execution.workflow_id"),
    (HISTORY, "VerifyHistory", "execution.workflow_id"),
];

const TOKENS: &[&str] = &[
    "RespondWorkflowTaskCompleted",
    "RespondWorkflowTaskFailed",
    "RespondActivityTaskCompleted",
    "RespondActivityTaskFailed",
    "RespondActivityTaskCanceled",
    "RecordActivityTaskHeartbeat",
    "RespondQueryTaskCompleted",
];

const QUEUES: &[(&str, &str)] = &[
    ("PollWorkflowTaskQueue", "task_queue.name"),
    ("PollActivityTaskQueue", "task_queue.name"),
    ("DescribeTaskQueue", "task_queue.name"),
    ("ShutdownWorker", "sticky_task_queue"),
];

/// Changes of what all nodes follow, and what is kept in the memory of one node for all of them: of workers.
const METADATA: &[(&str, &str)] = &[
    (WORKFLOW, "RegisterNamespace"),
    (WORKFLOW, "UpdateNamespace"),
    (WORKFLOW, "DeprecateNamespace"),
    (WORKFLOW, "UpdateTaskQueueConfig"),
    (WORKFLOW, "RecordWorkerHeartbeat"),
    (WORKFLOW, "ListWorkers"),
    (WORKFLOW, "CountWorkers"),
    (WORKFLOW, "DescribeWorker"),
    (OPERATOR, "DeleteNamespace"),
    (OPERATOR, "AddSearchAttributes"),
    (OPERATOR, "RemoveSearchAttributes"),
];

fn ways() -> BTreeMap<String, Way> {
    let mut ways = BTreeMap::new();
    let mut put = |service: &str, name: &str, route: Route, repeatable| {
        let namespace = tags(service, name, "namespace").unwrap_or_default();
        ways.insert(format!("/{service}/{name}"), Way { route, namespace, repeatable });
    };
    let at = |service: &str, name: &str, field: &str| {
        tags(service, name, field).expect("the table names fields of Temporal's messages, as tested")
    };
    for (service, name, field) in WORKFLOWS {
        put(service, name, Route::Workflow(at(service, name, field)), false);
    }
    for (service, name, field) in READS {
        put(service, name, Route::Workflow(at(service, name, field)), true);
    }
    for name in TOKENS {
        put(WORKFLOW, name, Route::Token(at(WORKFLOW, name, "task_token")), false);
    }
    for (name, field) in QUEUES {
        put(WORKFLOW, name, Route::Queue(at(WORKFLOW, name, field)), true);
    }
    for (service, name) in METADATA {
        put(service, name, Route::Metadata, false);
    }
    ways
}

/// The numbers of a field of a call's request, and of those that it is in.
fn tags(service: &str, method: &str, field: &str) -> Option<Vec<u32>> {
    let service = descriptors().get_service_by_name(service)?;
    let mut message = service.methods().find(|found| found.name() == method)?.input();
    let mut tags = Vec::new();
    let mut names = field.split('.').peekable();
    while let Some(name) = names.next() {
        let found = message.get_field_by_name(name)?;
        tags.push(found.number());
        if names.peek().is_some() {
            message = found.kind().as_message()?.clone();
        }
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use weft_protocol::rpc;

    use super::*;

    /// A field by which a call would be brought somewhere.
    const TELLING: &[&str] = &[
        "workflow_id",
        "workflow_execution",
        "execution",
        "update_ref",
        "schedule_id",
        "job_id",
        "task_token",
        "task_queue",
        "sticky_task_queue",
    ];
    /// Calls that have one and stay where they are: not built, or answered by any node.
    const STAYING: &[&str] = &[
        "ListTaskQueuePartitions",
        "UpdateWorkerBuildIdCompatibility",
        "GetWorkerBuildIdCompatibility",
        "UpdateWorkerVersioningRules",
        "GetWorkerVersioningRules",
        "PollNexusTaskQueue",
        "RespondNexusTaskCompleted",
        "RespondNexusTaskFailed",
        "TriggerWorkflowRule",
        "StartActivityExecution",
        "PauseActivityExecution",
        "ResetActivityExecution",
        "UnpauseActivityExecution",
        "UpdateActivityExecutionOptions",
        "PollWorkflowExecutionTimeSkipping",
    ];

    #[test]
    fn the_table_names_fields_that_are_there() {
        let count = WORKFLOWS.len() + READS.len() + TOKENS.len() + QUEUES.len() + METADATA.len();
        assert_eq!(ways().len(), count);
        let start = way("/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution");
        let expected = Way { route: Route::Workflow(vec![2]), namespace: vec![1], repeatable: false };
        assert_eq!(start, Some(&expected));
    }

    #[test]
    fn every_call_that_says_whom_it_is_for_is_brought_there() {
        let has_no_way = |rpc: &&rpc::Rpc| {
            let service = descriptors().get_service_by_name(rpc.service.full_name()).expect("the service is described");
            let request = service.methods().find(|method| method.name() == rpc.name).expect("it has the call").input();
            let tells = TELLING.iter().any(|field| request.get_field_by_name(field).is_some());
            tells && way(rpc.path).is_none()
        };
        let names: Vec<_> = rpc::all().iter().filter(has_no_way).map(|rpc| rpc.name).collect();
        assert_eq!(names, STAYING);
    }
}
