//! What operators do to one run: pause it, change its options; pause, reset and change its pending activities.

use std::sync::Arc;

use tonic::{Response, Status};
use weft_engine::{
    Answer, Operation, PauseActivities, PauseWorkflow, Request as Ask, RequestId, ResetActivities, Target,
    UnpauseActivities, UpdateActivities, WhichActivities,
};
use weft_protocol::{
    api::{
        common::WorkflowExecution,
        workflowservice::{
            pause_activity_request, reset_activity_request, unpause_activity_request, update_activity_options_request,
            *,
        },
    },
    error::{Error, text},
};

use super::{
    context, control,
    validate::{mask, run_options, sizes},
    wire,
};
use crate::node::Node;

/// Asks for an operation on a run.
async fn operate(
    node: &Node,
    namespace: &str,
    execution: Option<&WorkflowExecution>,
    operation: impl FnOnce() -> Result<Operation, Status>,
) -> Result<Answer, Status> {
    operate_once(node, None, namespace, execution, operation).await
}

/// The same; if it has a request id, it is done once under it.
async fn operate_once(
    node: &Node,
    once: Option<RequestId>,
    namespace: &str,
    execution: Option<&WorkflowExecution>,
    operation: impl FnOnce() -> Result<Operation, Status>,
) -> Result<Answer, Status> {
    let namespace = context::namespace(node, namespace).await?;
    let unset = WorkflowExecution::default();
    let (key, run) = context::execution(node, &namespace, Some(execution.unwrap_or(&unset)))?;
    let operation = Box::new(operation()?);
    control::tell(node, namespace, key, Target { run, first_run: None }, |target| match once {
        Some(request) => Ask::OperateOnce(target, request, operation),
        None => Ask::Operate(target, operation),
    })
    .await
}

pub(crate) async fn update_options(
    node: &Node,
    body: UpdateWorkflowExecutionOptionsRequest,
) -> Result<Response<UpdateWorkflowExecutionOptionsResponse>, Status> {
    update_options_once(node, body, None).await
}

pub(crate) async fn update_options_once(
    node: &Node,
    body: UpdateWorkflowExecutionOptionsRequest,
    once: Option<RequestId>,
) -> Result<Response<UpdateWorkflowExecutionOptionsResponse>, Status> {
    let answer = operate_once(node, once, &body.namespace, body.workflow_execution.as_ref(), || {
        let identity = wire::identity(&node.settings().limits, &body.identity)?;
        let options = body.workflow_execution_options.clone();
        let update = run_options::check(options, body.update_mask.as_ref(), identity)?;
        Ok(Operation::UpdateRun(Box::new(update)))
    })
    .await?;
    let workflow_execution_options = match answer {
        Answer::RunOptions(options) => Some(*options),
        _ => None,
    };
    Ok(Response::new(UpdateWorkflowExecutionOptionsResponse {
        workflow_execution_options,
        ..UpdateWorkflowExecutionOptionsResponse::default()
    }))
}

/// What may be said of a run that is paused or goes on; Temporal checks it in this order.
fn check_pause(node: &Node, reason: &str, request: &str, identity: &str) -> Result<(), Status> {
    context::within(node, reason, "reason is too long.")?;
    context::within(node, request, "request id is too long.")?;
    context::within(node, identity, "identity is too long.")
}

pub(crate) async fn pause_workflow(
    node: &Node,
    body: PauseWorkflowExecutionRequest,
) -> Result<Response<PauseWorkflowExecutionResponse>, Status> {
    let execution = WorkflowExecution { workflow_id: body.workflow_id, run_id: body.run_id };
    operate(node, &body.namespace, Some(&execution), || {
        check_pause(node, &body.reason, &body.request_id, &body.identity)?;
        let identity = body.identity.as_str().into();
        Ok(Operation::Pause(PauseWorkflow { identity, reason: body.reason, request: body.request_id }))
    })
    .await?;
    Ok(Response::new(PauseWorkflowExecutionResponse {}))
}

pub(crate) async fn unpause_workflow(
    node: &Node,
    body: UnpauseWorkflowExecutionRequest,
) -> Result<Response<UnpauseWorkflowExecutionResponse>, Status> {
    let execution = WorkflowExecution { workflow_id: body.workflow_id, run_id: body.run_id };
    operate(node, &body.namespace, Some(&execution), || {
        check_pause(node, &body.reason, &body.request_id, &body.identity)?;
        let identity = body.identity.as_str().into();
        Ok(Operation::Unpause(PauseWorkflow { identity, reason: body.reason, request: body.request_id }))
    })
    .await?;
    Ok(Response::new(UnpauseWorkflowExecutionResponse {}))
}

fn which_is_missing() -> Status {
    Error::invalid_argument(text::ACTIVITY_ID_OR_TYPE_NOT_SET).into()
}

fn of_type(name: String) -> WhichActivities {
    WhichActivities::Type(Arc::from(name))
}

pub(crate) async fn pause_activity(
    node: &Node,
    body: PauseActivityRequest,
) -> Result<Response<PauseActivityResponse>, Status> {
    use pause_activity_request::Activity;
    operate(node, &body.namespace, body.execution.as_ref(), || {
        let which = match body.activity.ok_or_else(which_is_missing)? {
            Activity::Id(id) => WhichActivities::Id(id.into()),
            Activity::Type(name) => of_type(name),
        };
        let identity = wire::identity(&node.settings().limits, &body.identity)?;
        context::within(node, &body.request_id, text::REQUEST_ID_TOO_LONG)?;
        sizes::text(&node.settings().limits, &body.reason)?;
        let pause = PauseActivities { identity, reason: body.reason, request: body.request_id };
        Ok(Operation::PauseActivities(which, pause))
    })
    .await?;
    Ok(Response::new(PauseActivityResponse {}))
}

pub(crate) async fn unpause_activity(
    node: &Node,
    body: UnpauseActivityRequest,
) -> Result<Response<UnpauseActivityResponse>, Status> {
    unpause_activity_once(node, body, None).await
}

pub(crate) async fn unpause_activity_once(
    node: &Node,
    body: UnpauseActivityRequest,
    once: Option<RequestId>,
) -> Result<Response<UnpauseActivityResponse>, Status> {
    use unpause_activity_request::Activity;
    operate_once(node, once, &body.namespace, body.execution.as_ref(), || {
        let which = match body.activity.ok_or_else(which_is_missing)? {
            Activity::Id(id) => WhichActivities::Id(id.into()),
            Activity::Type(name) => of_type(name),
            Activity::UnpauseAll(_) => WhichActivities::All,
        };
        let jitter = body.jitter.as_ref().map(weft_engine::span_from_wire).unwrap_or_default();
        let (reset_attempts, reset_heartbeat) = (body.reset_attempts, body.reset_heartbeat);
        Ok(Operation::UnpauseActivities(which, UnpauseActivities { reset_attempts, reset_heartbeat, jitter }))
    })
    .await?;
    Ok(Response::new(UnpauseActivityResponse {}))
}

pub(crate) async fn reset_activity(
    node: &Node,
    body: ResetActivityRequest,
) -> Result<Response<ResetActivityResponse>, Status> {
    reset_activity_once(node, body, None).await
}

pub(crate) async fn reset_activity_once(
    node: &Node,
    body: ResetActivityRequest,
    once: Option<RequestId>,
) -> Result<Response<ResetActivityResponse>, Status> {
    use reset_activity_request::Activity;
    operate_once(node, once, &body.namespace, body.execution.as_ref(), || {
        let which = match body.activity.ok_or_else(which_is_missing)? {
            Activity::Id(id) => WhichActivities::Id(id.into()),
            Activity::Type(name) => of_type(name),
            Activity::MatchAll(_) => WhichActivities::All,
        };
        let reset = ResetActivities {
            reset_heartbeat: body.reset_heartbeat,
            keep_paused: body.keep_paused,
            restore_original: body.restore_original_options,
            jitter: body.jitter.as_ref().map(weft_engine::span_from_wire).unwrap_or_default(),
        };
        Ok(Operation::ResetActivities(which, reset))
    })
    .await?;
    Ok(Response::new(ResetActivityResponse {}))
}

pub(crate) async fn update_activity_options(
    node: &Node,
    body: UpdateActivityOptionsRequest,
) -> Result<Response<UpdateActivityOptionsResponse>, Status> {
    update_activity_options_once(node, body, None).await
}

pub(crate) async fn update_activity_options_once(
    node: &Node,
    body: UpdateActivityOptionsRequest,
    once: Option<RequestId>,
) -> Result<Response<UpdateActivityOptionsResponse>, Status> {
    use update_activity_options_request::Activity;
    let answer = operate_once(node, once, &body.namespace, body.execution.as_ref(), || {
        let which = match body.activity.ok_or_else(which_is_missing)? {
            Activity::Id(id) => WhichActivities::Id(id.into()),
            Activity::Type(name) => of_type(name),
            Activity::MatchAll(_) => WhichActivities::All,
        };
        let priority = body.activity_options.as_ref().and_then(|options| options.priority.as_ref());
        weft_engine::check_priority(priority).map_err(Error::invalid_argument)?;
        let paths = body.update_mask.as_ref().map(mask::paths);
        let update = if body.restore_original {
            if paths.is_some_and(|paths| !paths.is_empty()) {
                return Err(Error::invalid_argument("Both UpdateMask and RestoreOriginal are provided").into());
            }
            UpdateActivities::Restore
        } else {
            let options =
                body.activity_options.ok_or_else(|| Error::invalid_argument("ActivityOptions are not provided"))?;
            let paths = paths.ok_or_else(|| Error::invalid_argument("UpdateMask is not provided"))?;
            UpdateActivities::Merge { options: Box::new(options), paths }
        };
        Ok(Operation::UpdateActivities(which, update))
    })
    .await?;
    let activity_options = match answer {
        Answer::ActivityOptions(options) => Some(options.wire()),
        _ => None,
    };
    Ok(Response::new(UpdateActivityOptionsResponse { activity_options }))
}
