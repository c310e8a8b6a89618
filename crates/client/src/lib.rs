//! A typed client of Temporal's public API: where to connect, one connection, and the calls with their retries.
//!
//! ```no_run
//! # async fn example() -> Result<(), weft_client::Error> {
//! use weft_client::{Client, ConnectOptions, Start};
//!
//! let client = Client::connect(ConnectOptions::default()).await?;
//! let started = client.start(Start::new("order-17", "Order", "orders")).await?;
//! let outcome = client.result(&started.run).await?;
//! # Ok(()) }
//! ```
//!
//! Invariant: a call is repeated only if repeating it is harmless: it reads, or it carries a request id.
//! It works against any Temporal server: what only Weft serves (`weft.api.v1`) is refused there, and says so. The raw
//! stubs ([`Client::workflow_service`],
//! [`Client::operator_service`]) are there for whatever has no method.

mod activity;
mod attribute;
mod batch;
mod codec;
pub mod config;
mod connect;
mod definition;
mod error;
pub mod failure;
mod handle;
mod head;
mod history;
mod interceptor;
mod list;
mod namespace;
mod operate;
mod operations;
mod reset;
mod retry;
mod retry_policy;
mod schedule;
mod search_attribute;
mod start;
mod stream;
mod tls;
mod update;
mod value;
mod workflow;

pub use activity::{ActivityHandle, StillWanted};
pub use attribute::{SearchAttributeKey, SearchAttributeValue, SearchAttributes};
pub use batch::{Batch, BatchActivities, BatchOperation, BatchResetTo};
pub use codec::{CodecError, DataCodec, PayloadCodec};
pub use config::{ConnectOptions, Explicit};
pub use connect::{Client, HistoryService, OperatorService, Service, WorkflowService};
pub use definition::{
    ActivityDefinition, NamesActivity, NamesWorkflow, QueryDefinition, SignalDefinition, UpdateDefinition,
    WorkflowDefinition, WorkflowRef,
};
pub use error::Error;
pub use failure::{BoxError, Failure, FailureInfo, in_one_line};
pub use handle::{
    AnyWorkflow, Execution, QueryCall, QueryError, SignalWithStart, StartWorkflow, UpdateCall, UpdateError,
    UpdateHandle, UpdateWithStart, WorkflowError, WorkflowHandle,
};
pub use history::{Close, HistoryPages, Outcome};
pub use interceptor::{ClientCall, ClientCallKind, ClientInterceptor};
pub use list::{NamespacePages, WorkflowPages};
pub use namespace::{NamespaceChange, NewNamespace};
pub use operate::{Activities, ResetActivities, Unpause};
pub use operations::PollersOf;
pub use reset::{Reset, ResetPlace};
pub use retry::Retry;
pub use retry_policy::RetryPolicy;
pub use schedule::{NewSchedule, ScheduleDescription, ScheduleHandle, SchedulePages};
pub use start::{Start, Started};
pub use stream::Items;
pub use tls::{ClientCertificate, Pem, Secured, Tls, TlsError};
pub use update::{Update, UpdateWait, Updated};
pub use value::{Args, Binary, IntoArgs, Raw, Value, ValueError, result_from_payloads};
pub use workflow::{Query, Run, Signal};

/// The messages of the API, as the calls take and give them.
pub use weft_protocol::api;

/// What a server tells of a refusal.
pub use weft_protocol::error::ErrorDetails;

/// The messages of Weft's own API.
pub use weft_protocol::weft as own;

/// For implementations of [`PayloadCodec`].
pub use tonic::async_trait;

/// What kind of refusal it was, as gRPC has it.
pub use tonic::Code;
