//! What the macros' code names. No part of the API.

use std::sync::Arc;

use weft_client::Failure;

pub use tokio::select as first_ready;
pub use weft_client::{
    ActivityDefinition, NamesActivity, NamesWorkflow, QueryDefinition, SignalDefinition, UpdateDefinition,
    WorkflowDefinition, WorkflowRef,
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
        Err(died) => match died.try_into_panic() {
            // Told of as any other panic of an activity.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(stopped) => Err(Failure::canceled(stopped.to_string()).into()),
        },
    }
}

/// Registers one activity of an impl.
pub fn register<A: Activity>(worker: Worker, state: &Arc<A::State>) -> Worker {
    worker.activity_with::<A>(Arc::clone(state))
}
