//! What the macros' code names. No part of the API.

use std::{future::Future, sync::Arc};

use weft_client::Failure;

pub use weft_client::{
    ActivityDefinition, NamesWorkflow, QueryDefinition, SignalDefinition, UpdateDefinition, WorkflowDefinition,
    WorkflowRef,
};

pub use crate::{
    Activity, ActivityCtx, ActivitySet, Ctx, Error, Handlers, Result, Worker, Workflow, activity::BoxFuture,
    workflow::LocalFuture,
};

/// Runs a blocking activity where it blocks nobody.
///
/// # Errors
/// Those of the activity; a panic is one.
pub async fn blocking<T: Send + 'static>(run: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(run).await {
        Ok(done) => done,
        Err(died) => Err(Failure::application(format!("the activity panicked: {died}")).kind("Panic").into()),
    }
}

/// Waits for a handler that returns no error.
///
/// # Errors
/// Never.
pub async fn infallible<T>(running: impl Future<Output = T>) -> Result<T> {
    Ok(running.await)
}

/// Registers one activity of an impl.
pub fn register<A: Activity>(worker: Worker, state: &Arc<A::State>) -> Worker {
    worker.activity_with::<A>(Arc::clone(state))
}
