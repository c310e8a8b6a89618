//! Failures of the domain ⇄ failures of the API.

use serde::Deserialize;
use weft_protocol::{
    api::{
        common::{ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType},
        failure::{self as api, failure::FailureInfo as Info},
    },
    payload::as_json,
    payload::list_of,
    time::{duration, proto_duration},
};

use super::{ActivityFailure, Application, Canceled, ChildWorkflowFailure, Failure, FailureInfo, Timeout};

impl From<api::Failure> for Failure {
    fn from(mut from: api::Failure) -> Self {
        open(&mut from);
        Self {
            message: from.message,
            origin: from.source,
            stack_trace: from.stack_trace,
            encoded_attributes: from.encoded_attributes.map(Box::new),
            info: from.failure_info.map_or(FailureInfo::Unknown, read),
            cause: from.cause.map(|cause| Box::new((*cause).into())),
        }
    }
}

impl From<Failure> for api::Failure {
    fn from(from: Failure) -> Self {
        Self {
            message: from.message,
            source: from.origin,
            stack_trace: from.stack_trace,
            encoded_attributes: from.encoded_attributes.map(|payload| *payload),
            cause: from.cause.map(|cause| Box::new((*cause).into())),
            failure_info: write(from.info),
        }
    }
}

/// What a failure says where its message and stack trace were sealed, as Temporal's SDKs write it.
#[derive(Deserialize)]
struct Sealed {
    message: String,
    #[serde(default)]
    stack_trace: String,
}

/// Opens a failure that was sealed. One whose attributes are something else, or still encoded, stays as it is.
fn open(failure: &mut api::Failure) {
    let json = failure.encoded_attributes.as_ref().and_then(as_json);
    let Some(sealed) = json.and_then(|json| serde_json::from_slice::<Sealed>(json).ok()) else { return };
    failure.message = sealed.message;
    failure.stack_trace = sealed.stack_trace;
    failure.encoded_attributes = None;
}

fn read(info: Info) -> FailureInfo {
    match info {
        Info::ApplicationFailureInfo(it) => FailureInfo::Application(Box::new(Application {
            category: it.category(),
            kind: it.r#type,
            non_retryable: it.non_retryable,
            details: list(it.details),
            // A delay that is none (negative, say) is as good as not given.
            next_retry_delay: it.next_retry_delay.and_then(|delay| duration(&delay).ok()),
        })),
        Info::TimeoutFailureInfo(it) => FailureInfo::Timeout(Timeout {
            timeout: it.timeout_type(),
            last_heartbeat_details: list(it.last_heartbeat_details),
        }),
        Info::CanceledFailureInfo(it) => {
            FailureInfo::Canceled(Box::new(Canceled { details: list(it.details), identity: it.identity }))
        }
        Info::TerminatedFailureInfo(it) => FailureInfo::Terminated { identity: it.identity },
        Info::ServerFailureInfo(it) => FailureInfo::Server { non_retryable: it.non_retryable },
        Info::ResetWorkflowFailureInfo(it) => {
            FailureInfo::ResetWorkflow { last_heartbeat_details: list(it.last_heartbeat_details) }
        }
        Info::ActivityFailureInfo(it) => FailureInfo::Activity(Box::new(read_activity(it))),
        Info::ChildWorkflowExecutionFailureInfo(it) => FailureInfo::ChildWorkflow(Box::new(read_child(it))),
        Info::NexusOperationExecutionFailureInfo(it) => FailureInfo::NexusOperation(Box::new(it)),
        Info::NexusHandlerFailureInfo(it) => FailureInfo::NexusHandler(Box::new(it)),
    }
}

fn read_activity(it: api::ActivityFailureInfo) -> ActivityFailure {
    ActivityFailure {
        retry_state: it.retry_state(),
        activity_id: it.activity_id,
        activity_type: it.activity_type.unwrap_or_default().name,
        scheduled_event_id: it.scheduled_event_id,
        started_event_id: it.started_event_id,
        identity: it.identity,
    }
}

fn read_child(it: api::ChildWorkflowExecutionFailureInfo) -> ChildWorkflowFailure {
    let retry_state = it.retry_state();
    let execution = it.workflow_execution.unwrap_or_default();
    ChildWorkflowFailure {
        namespace: it.namespace,
        workflow_id: execution.workflow_id,
        run_id: execution.run_id,
        workflow_type: it.workflow_type.unwrap_or_default().name,
        initiated_event_id: it.initiated_event_id,
        started_event_id: it.started_event_id,
        retry_state,
    }
}

fn write(info: FailureInfo) -> Option<Info> {
    Some(match info {
        FailureInfo::Application(it) => Info::ApplicationFailureInfo(api::ApplicationFailureInfo {
            r#type: it.kind,
            non_retryable: it.non_retryable,
            details: list_of(it.details),
            next_retry_delay: it.next_retry_delay.map(proto_duration),
            category: it.category.into(),
        }),
        FailureInfo::Timeout(it) => Info::TimeoutFailureInfo(api::TimeoutFailureInfo {
            timeout_type: it.timeout.into(),
            last_heartbeat_details: list_of(it.last_heartbeat_details),
        }),
        FailureInfo::Canceled(it) => {
            Info::CanceledFailureInfo(api::CanceledFailureInfo { details: list_of(it.details), identity: it.identity })
        }
        FailureInfo::Terminated { identity } => Info::TerminatedFailureInfo(api::TerminatedFailureInfo { identity }),
        FailureInfo::Server { non_retryable } => Info::ServerFailureInfo(api::ServerFailureInfo { non_retryable }),
        FailureInfo::ResetWorkflow { last_heartbeat_details } => {
            let last_heartbeat_details = list_of(last_heartbeat_details);
            Info::ResetWorkflowFailureInfo(api::ResetWorkflowFailureInfo { last_heartbeat_details })
        }
        FailureInfo::Activity(it) => Info::ActivityFailureInfo(write_activity(*it)),
        FailureInfo::ChildWorkflow(it) => Info::ChildWorkflowExecutionFailureInfo(write_child(*it)),
        FailureInfo::NexusOperation(it) => Info::NexusOperationExecutionFailureInfo(*it),
        FailureInfo::NexusHandler(it) => Info::NexusHandlerFailureInfo(*it),
        FailureInfo::Unknown => return None,
    })
}

fn write_activity(it: ActivityFailure) -> api::ActivityFailureInfo {
    api::ActivityFailureInfo {
        scheduled_event_id: it.scheduled_event_id,
        started_event_id: it.started_event_id,
        identity: it.identity,
        activity_type: Some(ActivityType { name: it.activity_type }),
        activity_id: it.activity_id,
        retry_state: it.retry_state.into(),
    }
}

fn write_child(it: ChildWorkflowFailure) -> api::ChildWorkflowExecutionFailureInfo {
    api::ChildWorkflowExecutionFailureInfo {
        namespace: it.namespace,
        workflow_execution: Some(WorkflowExecution { workflow_id: it.workflow_id, run_id: it.run_id }),
        workflow_type: Some(WorkflowType { name: it.workflow_type }),
        initiated_event_id: it.initiated_event_id,
        started_event_id: it.started_event_id,
        retry_state: it.retry_state.into(),
    }
}

fn list(payloads: Option<Payloads>) -> Vec<Payload> {
    payloads.unwrap_or_default().payloads
}
