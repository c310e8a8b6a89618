//! Durable workflows in Rust: write a workflow as an async function, and it survives crashes, restarts and deployments.
//!
//! ```no_run
//! use weft::{Client, ConnectOptions, Ctx, Result, Worker, activity, workflow};
//!
//! #[workflow]
//! async fn hello(ctx: Ctx, name: String) -> Result<String> {
//!     ctx.activity(greet, name).await
//! }
//!
//! #[activity]
//! async fn greet(name: String) -> String {
//!     format!("Hello, {name}!")
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     let client = Client::connect(ConnectOptions::default()).await?;
//!     let worker = Worker::new(&client, "greetings").workflow(hello).activity(greet).start()?;
//!     let greeting = client.start_workflow(hello, "Weft").id("hello-1").task_queue("greetings").await?;
//!     println!("{}", greeting.result().await?);
//!     worker.shutdown().await?;
//!     Ok(())
//! }
//! ```
//!
//! This crate is the SDK and the client under one name. Feature `embedded` brings the server into the process; feature
//! `testing` brings time that skips.

#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "testing")]
pub mod testing;

pub use weft_client::{
    Args, Binary, Client, ClientCall, ClientCallKind, ClientInterceptor, ConnectOptions, Failure, FailureInfo,
    IntoArgs, Raw, RetryPolicy, SearchAttributeKey, SearchAttributes, Value, ValueError,
};
pub use weft_sdk::{
    Activity, ActivityCall, ActivityCtx, ActivityInfo, ActivitySet, BoxFuture, Caller, Cancellation, ChildCall,
    ChildCancellation, ChildHandle, CommandError, Ctx, Error, External, Handlers, Inbound, InboundKind, Interceptor,
    LocalActivityCall, NextActivity, Options, Outbound, OutboundKind, Polls, ReplayError, Replayed, Replayer, Result,
    Running, Saga, Slots, SlotsByLoad, TaskMetrics, TimerCall, Undo, Worker, WorkerError, WorkerMetrics, Workflow,
    WorkflowInfo, activities, activity, select, workflow,
};

/// OpenTelemetry.
#[cfg(feature = "otel")]
pub use weft_sdk::otel;

/// The client, whole.
pub use weft_client as client;
pub use weft_client::failure::TimeoutType;

/// What the macros' code names. No part of the API.
#[doc(hidden)]
pub use weft_sdk::rt as __rt;
