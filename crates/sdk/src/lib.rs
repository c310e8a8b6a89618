//! Weft's SDK: workflows, their activities, sagas, and the worker that runs them.
//!
//! Users depend on the crate `weft`, which has this one and the client under one name. Invariant: it speaks Temporal's
//! public API and nothing else, so a worker of this SDK works against any Temporal server.
//!
//! What is where: [`Workflow`] and [`Ctx`] are what a workflow's author sees; `weft-replay` decides what history means;
//! [`Worker`] polls, runs and answers. A workflow's code is polled on a thread that has no async runtime, so what is not
//! deterministic is not within reach.

mod activity;
mod context;
mod error;
mod first_ready;
mod handlers;
mod interceptor;
mod program;
mod replayer;
mod saga;
mod worker;
mod workflow;

#[cfg(feature = "otel")]
pub mod otel;
#[doc(hidden)]
pub mod rt;

pub use activity::{Activity, ActivityCtx, ActivityInfo, ActivitySet, BoxFuture};
pub use context::{
    ActivityCall, ChildCall, ChildHandle, Ctx, External, LocalActivityCall, Options, TimerCall, WorkflowInfo,
};
pub use error::{Error, Result};
pub use handlers::Handlers;
pub use interceptor::{Caller, Inbound, InboundKind, Interceptor, NextActivity, Outbound, OutboundKind};
pub use replayer::{ReplayError, Replayed, Replayer};
pub use saga::{Saga, Undo};
pub use weft_replay::{Cancellation, ChildCancellation, Divergence};
pub use weft_sdk_macros::{activities, activity, workflow};
pub use worker::{CommandError, Polls, Running, Slots, SlotsByLoad, TaskMetrics, Worker, WorkerError, WorkerMetrics};
pub use workflow::Workflow;
