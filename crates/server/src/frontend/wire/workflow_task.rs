//! What a worker says of its workflow task.

use std::collections::BTreeMap;

use weft_engine::{
    CompleteWorkflowTask, CompletionCapabilities, FailWorkflowTask, Identity, NamespaceId, RequestId, TaskQueueName,
    WorkflowTaskToken, state::QueryId,
};
use weft_protocol::{
    api::{
        query::WorkflowQueryResult,
        taskqueue::StickyExecutionAttributes,
        workflowservice::{RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskFailedRequest},
    },
    error::{Error, text},
};

use crate::{
    frontend::validate::{causes, ids, timeouts},
    node::Node,
};

/// The hand-over id of a workflow task that goes out with the answer to the one before; Temporal's. It need not be unique:
/// at most one task of a run is out, and only the last answer may be repeated.
const INLINE: &str = "request-from-RespondWorkflowTaskCompleted";

/// The hand-over id of activities that go out with the answer. It is made of the token, so that the same answer, sent again
/// because the first reply was lost, is given the same activities (rule 2).
fn eager_request(token: &WorkflowTaskToken) -> RequestId {
    let WorkflowTaskToken { scheduled_event_id, attempt, started_at, .. } = token;
    RequestId::from(format!("eager-with-task-{scheduled_event_id}-{attempt}-{}", started_at.0))
}

pub(crate) fn completion(
    node: &Node,
    token: WorkflowTaskToken,
    body: RespondWorkflowTaskCompletedRequest,
    namespaces: BTreeMap<String, NamespaceId>,
) -> Result<CompleteWorkflowTask, Error> {
    if body.intermediate_page || body.page_number > 1 {
        return Err(Error::invalid_argument("this server takes the completion of a workflow task in one piece only"));
    }
    let discard_speculative_with_events =
        body.capabilities.is_some_and(|can| can.discard_speculative_workflow_task_with_events);
    #[expect(deprecated, reason = "older SDKs say their version here")]
    let (binary_checksum, version) = (body.binary_checksum, body.worker_version_stamp);
    let (return_new, eager_request) = (body.return_new_workflow_task.then(|| INLINE.into()), eager_request(&token));
    Ok(CompleteWorkflowTask {
        token,
        commands: causes::bounded_commands(body.commands),
        messages: body.messages,
        namespaces,
        identity: Identity::from(body.identity),
        sticky: sticky(node, body.sticky_attributes)?,
        return_new,
        force_new: body.force_create_new_workflow_task,
        query_results: query_results(body.query_results),
        sdk_metadata: body.sdk_metadata,
        metering: body.metering_metadata,
        binary_checksum,
        version,
        deployment: body.deployment_options,
        versioning_behavior: body.versioning_behavior,
        eager_request,
        capabilities: CompletionCapabilities { discard_speculative_with_events },
    })
}

fn sticky(
    node: &Node,
    given: Option<StickyExecutionAttributes>,
) -> Result<Option<(TaskQueueName, std::time::Duration)>, Error> {
    let Some(StickyExecutionAttributes { worker_task_queue: Some(queue), schedule_to_start_timeout }) = given else {
        return Ok(None);
    };
    if queue.name.is_empty() {
        return Ok(None);
    }
    ids::within(&node.settings().limits, &queue.name, text::TASK_QUEUE_TOO_LONG)?;
    let invalid = "An invalid ScheduleToStartTimeout is set on StickyExecutionAttributes.";
    let timeout = timeouts::span(schedule_to_start_timeout.as_ref(), invalid)?;
    Ok(Some((TaskQueueName::from(queue.name), timeout)))
}

/// In the order of their ids. An answer to what was never asked is left out.
fn query_results(
    given: impl IntoIterator<Item = (String, WorkflowQueryResult)>,
) -> Vec<(QueryId, WorkflowQueryResult)> {
    let mut results: Vec<_> =
        given.into_iter().filter_map(|(id, result)| Some((QueryId(id.parse().ok()?), result))).collect();
    results.sort_by_key(|(id, _)| *id);
    results
}

pub(crate) fn failure(token: WorkflowTaskToken, body: RespondWorkflowTaskFailedRequest) -> FailWorkflowTask {
    let cause = body.cause();
    #[expect(deprecated, reason = "older SDKs say their version here")]
    let (binary_checksum, version) = (body.binary_checksum, body.worker_version);
    FailWorkflowTask {
        token,
        cause,
        failure: causes::bounded(body.failure),
        identity: Identity::from(body.identity),
        binary_checksum,
        version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_queries_come_in_order_and_nonsense_is_left_out() {
        let given = ["11", "2", "x", "", "-1"].map(|id| (id.to_owned(), WorkflowQueryResult::default()));
        let ids: Vec<_> = query_results(given).into_iter().map(|(id, _)| id.0).collect();
        assert_eq!(ids, [2, 11]);
    }
}
