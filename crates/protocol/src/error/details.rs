//! The table: which detail message goes with which code.
//!
//! Adding a kind of error is adding a row; encoding and decoding follow from it.

use prost::{Message, Name};
use temporalio_protos::google::rpc;
use tonic::{Code, Status};

use crate::api::Any;
use crate::api::errordetails::*;
use crate::api::failure::MultiOperationExecutionAborted;

/// Type URLs of packed messages start with it.
const TYPE_URL_PREFIX: &str = "type.googleapis.com/";

macro_rules! table {
    ($($(#[$doc:meta])* $kind:ident($message:ty) => |$bind:pat_param| $code:expr,)*) => {
        /// The kinds of error, each with what Temporal tells about it, boxed because errors are rare and moved a lot.
        #[derive(Clone, Debug, PartialEq)]
        pub enum ErrorDetails {
            $($(#[$doc])* $kind(Box<$message>),)*
            /// An error whose code says everything.
            Plain(Code),
        }

        impl ErrorDetails {
            /// The gRPC code of this kind of error.
            pub fn code(&self) -> Code {
                match self {
                    $(Self::$kind($bind) => $code,)*
                    Self::Plain(code) => *code,
                }
            }

            /// The detail packed as it travels.
            pub fn to_any(&self) -> Option<Any> {
                match self {
                    $(Self::$kind(message) => Some(pack(&**message)),)*
                    Self::Plain(_) => None,
                }
            }

            /// The detail under a code, if it is one of the table's and the code is the one that goes with it.
            fn from_any(code: Code, any: &Any) -> Option<Self> {
                let name = any.type_url.rsplit('/').next()?;
                let details = match name {
                    $(_ if name == <$message>::full_name() => Self::$kind(Box::decode(&any.value[..]).ok()?),)*
                    _ => return None,
                };
                (details.code() == code).then_some(details)
            }
        }
    };
}

table! {
    /// A workflow, run, activity, update or schedule does not exist, or the workflow is closed.
    NotFound(NotFoundFailure) => |_| Code::NotFound,
    NamespaceNotFound(NamespaceNotFoundFailure) => |_| Code::NotFound,
    NamespaceAlreadyExists(NamespaceAlreadyExistsFailure) => |_| Code::AlreadyExists,
    /// The workflow id, or the schedule id, is taken.
    WorkflowAlreadyStarted(WorkflowExecutionAlreadyStartedFailure) => |_| Code::AlreadyExists,
    ActivityAlreadyStarted(ActivityExecutionAlreadyStartedFailure) => |_| Code::AlreadyExists,
    NexusOperationAlreadyStarted(NexusOperationExecutionAlreadyStartedFailure) => |_| Code::AlreadyExists,
    CancellationAlreadyRequested(CancellationAlreadyRequestedFailure) => |_| Code::AlreadyExists,
    /// The worker answered the query with a failure.
    QueryFailed(QueryFailedFailure) => |_| Code::InvalidArgument,
    /// A query or update met a workflow whose tasks keep failing, or that closed before its first one.
    WorkflowNotReady(WorkflowNotReadyFailure) => |_| Code::FailedPrecondition,
    NamespaceInvalidState(NamespaceInvalidStateFailure) => |_| Code::FailedPrecondition,
    NamespaceNotActive(NamespaceNotActiveFailure) => |_| Code::FailedPrecondition,
    ClientVersionNotSupported(ClientVersionNotSupportedFailure) => |_| Code::FailedPrecondition,
    ServerVersionNotSupported(ServerVersionNotSupportedFailure) => |_| Code::FailedPrecondition,
    ResourceExhausted(ResourceExhaustedFailure) => |_| Code::ResourceExhausted,
    PermissionDenied(PermissionDeniedFailure) => |_| Code::PermissionDenied,
    NamespaceUnavailable(NamespaceUnavailableFailure) => |_| Code::Unavailable,
    SystemWorkflow(SystemWorkflowFailure) => |_| Code::Internal,
    /// One status for each operation; the code is that of the operation that is to blame.
    MultiOperation(MultiOperationExecutionFailure) => |failure| multi_operation_code(failure),
    /// The operation failed only because its neighbour did.
    MultiOperationAborted(MultiOperationExecutionAborted) => |_| Code::Aborted,
    /// A poller was superseded by a newer build.
    NewerBuildExists(NewerBuildExistsFailure) => |_| Code::OutOfRange,
    CompletionBufferLost(WorkflowTaskCompletionBufferLostFailure) => |_| Code::Aborted,
}

impl ErrorDetails {
    /// What a status says. Details that are missing, broken, of an unknown kind, or that contradict the code, leave
    /// the code alone.
    pub fn from_status(status: &Status) -> Self {
        let code = status.code();
        rpc::Status::decode(status.details())
            .ok()
            .and_then(|status| Self::from_any(code, status.details.first()?))
            .unwrap_or(Self::Plain(code))
    }
}

fn multi_operation_code(failure: &MultiOperationExecutionFailure) -> Code {
    let codes = failure.statuses.iter().map(|status| Code::from_i32(status.code));
    codes.into_iter().find(|code| !matches!(code, Code::Ok | Code::Aborted)).unwrap_or(Code::Aborted)
}

fn pack<M: Message + Name>(message: &M) -> Any {
    Any { type_url: format!("{TYPE_URL_PREFIX}{}", M::full_name()), value: message.encode_to_vec() }
}
