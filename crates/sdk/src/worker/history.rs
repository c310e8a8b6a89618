//! The history that a workflow task speaks of, whole: tasks bring it in pages, or only its end.

use tonic::{Request, Status};
use weft_client::WorkflowService;
use weft_protocol::api::{
    common::WorkflowExecution,
    history::HistoryEvent,
    workflowservice::{GetWorkflowExecutionHistoryRequest, PollWorkflowTaskQueueResponse},
};

use super::Shared;

/// The events of a task, with the pages that did not fit it.
///
/// # Errors
/// When the server does not give them.
pub(crate) async fn rest(
    shared: &Shared,
    task: &mut PollWorkflowTaskQueueResponse,
) -> Result<Vec<HistoryEvent>, Status> {
    let mut events = task.history.take().unwrap_or_default().events;
    let mut token = std::mem::take(&mut task.next_page_token);
    while !token.is_empty() {
        let (page, next) = page(shared, task.workflow_execution.clone(), token).await?;
        events.extend(page);
        token = next;
    }
    Ok(events)
}

/// The whole history up to the end that a task brought.
///
/// # Errors
/// When the server does not give it.
pub(crate) async fn whole(
    shared: &Shared,
    run: Option<WorkflowExecution>,
    end: Vec<HistoryEvent>,
) -> Result<Vec<HistoryEvent>, Status> {
    let begins = end.first().map_or(i64::MAX, |event| event.event_id);
    let mut events: Vec<HistoryEvent> = Vec::new();
    let mut token = Vec::new();
    loop {
        let (page, next) = page(shared, run.clone(), token).await?;
        events.extend(page);
        token = next;
        if token.is_empty() || events.last().is_some_and(|last| last.event_id + 1 >= begins) {
            break;
        }
    }
    events.retain(|event| event.event_id < begins);
    events.extend(end);
    Ok(events)
}

async fn page(
    shared: &Shared,
    execution: Option<WorkflowExecution>,
    next_page_token: Vec<u8>,
) -> Result<(Vec<HistoryEvent>, Vec<u8>), Status> {
    let request = GetWorkflowExecutionHistoryRequest {
        namespace: shared.client.namespace().to_owned(),
        execution,
        next_page_token,
        ..GetWorkflowExecutionHistoryRequest::default()
    };
    let send = |mut stub: WorkflowService, request: Request<_>| async move {
        stub.get_workflow_execution_history(request).await
    };
    let answer = super::report::insist(shared, request, send).await?;
    Ok((answer.history.unwrap_or_default().events, answer.next_page_token))
}
