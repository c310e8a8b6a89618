//! What a workflow is to the worker that runs it. The macro `#[workflow]` implements this.

use std::{future::Future, pin::Pin};

use weft_client::WorkflowDefinition;

use crate::{Ctx, Handlers, Result};

/// A future that stays on the workflow's thread.
pub type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// A workflow that can be run here.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no workflow that can be run here",
    note = "mark its impl block, or the function, with `#[workflow]`"
)]
pub trait Workflow: WorkflowDefinition + Sized {
    /// What its handlers and its run method share. `()` for a plain function.
    type State: 'static;

    /// Makes the state when the workflow starts.
    ///
    /// # Errors
    /// An error fails the workflow task, as one of a constructor is a defect.
    fn init(args: &Self::Args) -> Result<Self::State>;

    fn run(ctx: Ctx<Self::State>, args: Self::Args) -> LocalFuture<Result<Self::Output>>;

    fn handlers() -> Handlers<Self::State> {
        Handlers::default()
    }
}
