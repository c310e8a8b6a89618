//! Updates.

use std::sync::Arc;

use tonic::Status;
use weft_engine::{Namespace, RunId, Target, UpdateBody, UpdateId, WorkflowId, WorkflowKey};
use weft_protocol::{
    api::{
        common::{Link, WorkflowExecution, link},
        enums::{EventType, UpdateWorkflowExecutionLifecycleStage as Stage},
        failure::{ApplicationFailureInfo, Failure, failure::FailureInfo},
        update::{Outcome, UpdateRef, WaitPolicy, outcome::Value},
        workflowservice::{
            PollWorkflowExecutionUpdateRequest, PollWorkflowExecutionUpdateResponse, UpdateWorkflowExecutionRequest,
            UpdateWorkflowExecutionResponse,
        },
    },
    error::{Error, text},
};

use crate::{
    frontend::{context, update::Reached, validate::ids},
    node::Node,
};

/// An update that a client asks for.
pub(crate) struct Asked {
    pub(crate) key: WorkflowKey,
    pub(crate) target: Target,
    pub(crate) body: UpdateBody,
    pub(crate) wanted: Stage,
}

pub(crate) fn asked(node: &Node, namespace: &Namespace, body: UpdateWorkflowExecutionRequest) -> Result<Asked, Status> {
    let (key, run) = context::execution(node, namespace, body.workflow_execution.as_ref())?;
    let invalid = |why: &str| Status::from(Error::invalid_argument(why));
    let mut request = body.request.ok_or_else(|| invalid(text::UPDATE_META_NOT_SET))?;
    let meta = request.meta.as_mut().ok_or_else(|| invalid(text::UPDATE_META_NOT_SET))?;
    ids::within(&node.settings().limits, &meta.update_id, text::UPDATE_ID_TOO_LONG)?;
    if meta.update_id.is_empty() {
        meta.update_id = node.ids().uuid().hyphenated().to_string();
    }
    let id = UpdateId::from(meta.update_id.as_str());
    let input = request.input.as_ref().ok_or_else(|| invalid(text::UPDATE_INPUT_NOT_SET))?;
    if input.name.is_empty() {
        return Err(invalid(text::UPDATE_NAME_NOT_SET));
    }
    if !request.completion_callbacks.is_empty() {
        return Err(invalid("this server cannot take an update with completion callbacks"));
    }
    let wanted = match body.wait_policy.map(|policy| policy.lifecycle_stage()) {
        Some(Stage::Admitted) => {
            return Err(Error::permission_denied(text::UPDATE_ASYNC_ADMITTED, "").into());
        }
        Some(Stage::Completed) => Stage::Completed,
        Some(Stage::Accepted | Stage::Unspecified) | None => Stage::Accepted,
    };
    // It is compared, not looked up, so it may be anything.
    let first = Some(body.first_execution_run_id).filter(|first| !first.is_empty());
    let target = Target { run, first_run: first.map(RunId::from) };
    Ok(Asked { key, target, body: UpdateBody { id, request: Arc::new(request) }, wanted })
}

/// An update that a client asks about.
pub(crate) struct Polled {
    pub(crate) key: WorkflowKey,
    pub(crate) target: Target,
    pub(crate) update: UpdateId,
    pub(crate) wanted: Stage,
}

pub(crate) fn polled(namespace: &Namespace, body: PollWorkflowExecutionUpdateRequest) -> Result<Polled, Error> {
    let wanted = body.wait_policy.as_ref().map_or(Stage::Unspecified, WaitPolicy::lifecycle_stage);
    let reference = body.update_ref.ok_or_else(|| Error::invalid_argument(text::UPDATE_REF_NOT_SET))?;
    let execution = reference.workflow_execution.unwrap_or_default();
    if execution.workflow_id.is_empty() {
        return Err(Error::invalid_argument(text::LOAD_WITHOUT_WORKFLOW_ID));
    }
    let run = ids::run_id(&execution.run_id).map_err(|_| Error::invalid_argument(text::LOAD_WITH_INVALID_RUN_ID))?;
    let workflow = WorkflowId::from(execution.workflow_id);
    Ok(Polled {
        key: WorkflowKey { namespace: namespace.id.clone(), workflow },
        target: Target { run, first_run: None },
        update: UpdateId::from(reference.update_id),
        // Being admitted is the least that can be said of an update that is known.
        wanted: if wanted == Stage::Admitted { Stage::Unspecified } else { wanted },
    })
}

pub(crate) fn response(
    namespace: &Namespace,
    key: &WorkflowKey,
    update: &UpdateId,
    request_id: &str,
    reached: Reached,
) -> UpdateWorkflowExecutionResponse {
    UpdateWorkflowExecutionResponse {
        update_ref: Some(reference(key, &reached.run, update)),
        link: link(namespace, key, request_id, &reached),
        stage: reached.stage.into(),
        outcome: reached.outcome,
    }
}

pub(crate) fn polled_response(
    key: &WorkflowKey,
    update: &UpdateId,
    reached: Reached,
) -> PollWorkflowExecutionUpdateResponse {
    PollWorkflowExecutionUpdateResponse {
        update_ref: Some(reference(key, &reached.run, update)),
        stage: reached.stage.into(),
        outcome: reached.outcome,
    }
}

fn reference(key: &WorkflowKey, run: &RunId, update: &UpdateId) -> UpdateRef {
    UpdateRef {
        workflow_execution: Some(WorkflowExecution { workflow_id: key.workflow.to_string(), run_id: run.to_string() }),
        update_id: update.to_string(),
    }
}

/// Where to look for the update: at its event, or, when it failed, at its workflow.
fn link(namespace: &Namespace, key: &WorkflowKey, request_id: &str, reached: &Reached) -> Option<Link> {
    let (namespace, workflow_id) = (namespace.name.to_string(), key.workflow.to_string());
    let run_id = reached.run.to_string();
    let failed = matches!(reached.outcome, Some(Outcome { value: Some(Value::Failure(_)) }));
    let variant = match reached.stage {
        Stage::Unspecified | Stage::Admitted => return None,
        Stage::Accepted | Stage::Completed if failed => {
            link::Variant::Workflow(link::Workflow { namespace, workflow_id, run_id, reason: "Update rejected".into() })
        }
        Stage::Accepted | Stage::Completed => {
            let event_type = EventType::WorkflowExecutionUpdateAccepted.into();
            let by_request = link::workflow_event::RequestIdReference { event_type, request_id: request_id.to_owned() };
            let reference = Some(link::workflow_event::Reference::RequestIdRef(by_request));
            link::Variant::WorkflowEvent(link::WorkflowEvent { namespace, workflow_id, run_id, reference })
        }
    };
    Some(Link { variant: Some(variant) })
}

/// The outcome of an update whose workflow ended first.
pub(crate) fn cut_short() -> Outcome {
    let info = ApplicationFailureInfo {
        r#type: "AcceptedUpdateCompletedWorkflow".into(),
        non_retryable: true,
        ..ApplicationFailureInfo::default()
    };
    let failure = Failure {
        message: text::UPDATE_CUT_SHORT.into(),
        source: "Server".into(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
        ..Failure::default()
    };
    Outcome { value: Some(Value::Failure(failure)) }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn namespace() -> Namespace {
        let (name, retention) = ("default".into(), std::time::Duration::ZERO);
        Namespace { id: "ns".into(), name, retention, search_attributes: Default::default() }
    }

    fn reference(workflow_id: &str, run_id: &str) -> PollWorkflowExecutionUpdateRequest {
        let execution = WorkflowExecution { workflow_id: workflow_id.into(), run_id: run_id.into() };
        let update_ref = UpdateRef { workflow_execution: Some(execution), update_id: "u".into() };
        PollWorkflowExecutionUpdateRequest { update_ref: Some(update_ref), ..Default::default() }
    }

    #[test]
    fn a_poll_names_its_workflow_and_perhaps_a_run() {
        let message = |body| polled(&namespace(), body).map(|_| ()).map_err(|error| error.message);
        assert_eq!(message(reference("w", "")), Ok(()));
        assert_eq!(message(reference("", "")), Err(text::LOAD_WITHOUT_WORKFLOW_ID.to_owned()));
        assert_eq!(message(reference("w", "zz")), Err(text::LOAD_WITH_INVALID_RUN_ID.to_owned()));
        assert_eq!(message(Default::default()), Err(text::UPDATE_REF_NOT_SET.to_owned()));
    }

    #[test]
    fn a_poll_waits_for_no_stage_that_is_reached_by_being_known() {
        let wanted = |stage: Stage| {
            let wait_policy = Some(WaitPolicy { lifecycle_stage: stage.into() });
            polled(&namespace(), PollWorkflowExecutionUpdateRequest { wait_policy, ..reference("w", "") })
                .map(|polled| polled.wanted)
        };
        assert_eq!(wanted(Stage::Admitted), Ok(Stage::Unspecified));
        assert_eq!(wanted(Stage::Unspecified), Ok(Stage::Unspecified));
        assert_eq!(wanted(Stage::Completed), Ok(Stage::Completed));
    }
}
