//! Sagas: what was done is undone, in reverse, when the rest cannot be done.
//!
//! Invariants: each compensation runs at most once; it is shielded from the cancellation that caused it; one that fails
//! does not keep the others from running, and is reported with the error that caused it all. The history shows beside
//! each compensating step what it undoes.

use std::{cell::RefCell, future::IntoFuture, rc::Rc};

use weft_client::{Failure, RetryPolicy};

use crate::{Ctx, Error, Options, Result, workflow::LocalFuture};

/// The kind of the failure that reports compensations that failed.
const COMPENSATION_FAILED: &str = "CompensationFailed";

/// Steps with what undoes them.
///
/// ```ignore
/// Saga::new(&ctx)
///     .run(async |saga| {
///         let payment = saga.step("charge", ctx.activity(charge, order), |ctx, paid| ctx.activity(refund, paid)).await?;
///         saga.step("reserve", ctx.activity(reserve, items), |ctx, stock| ctx.activity(release, stock)).await?;
///         ctx.activity(ship, payment).await
///     })
///     .await
/// ```
pub struct Saga<S: 'static = ()> {
    ctx: Ctx<S>,
    steps: Rc<RefCell<Vec<Step<S>>>>,
    retry: Option<RetryPolicy>,
    in_parallel: bool,
}

struct Step<S: 'static> {
    name: String,
    undo: Box<dyn FnOnce(Ctx<S>) -> LocalFuture<Result<()>>>,
}

/// What became of one compensation.
#[derive(Debug)]
pub struct Undo {
    /// The step that was undone.
    pub step: String,
    pub result: Result<()>,
}

impl<S: 'static> Saga<S> {
    #[must_use]
    pub fn new(ctx: &Ctx<S>) -> Self {
        Self { ctx: ctx.clone(), steps: Rc::default(), retry: None, in_parallel: false }
    }

    /// How activities of compensations are tried again, where they say nothing else.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Compensates all steps at once rather than one by one in reverse.
    #[must_use]
    pub fn in_parallel(mut self) -> Self {
        self.in_parallel = true;
        self
    }

    /// Says how to undo a step, whether or not it is done yet. For a step that may have had its effect although it
    /// failed, say it before.
    pub fn undo<F>(&self, step: impl Into<String>, undo: impl FnOnce(Ctx<S>) -> F + 'static)
    where
        F: IntoFuture<Output = Result<()>>,
        F::IntoFuture: 'static,
    {
        let undo = Box::new(|ctx: Ctx<S>| -> LocalFuture<Result<()>> { Box::pin(undo(ctx).into_future()) });
        self.steps.borrow_mut().push(Step { name: step.into(), undo });
    }

    /// Does a step; when it is done, its result is what its compensation gets.
    ///
    /// # Errors
    /// Those of the step.
    pub async fn step<T, U, F, R>(
        &self,
        name: impl Into<String>,
        call: impl IntoFuture<Output = Result<T>>,
        undo: U,
    ) -> Result<T>
    where
        T: Clone + 'static,
        U: FnOnce(Ctx<S>, T) -> F + 'static,
        F: IntoFuture<Output = Result<R>>,
        F::IntoFuture: 'static,
    {
        let done = call.await?;
        let given = done.clone();
        self.undo(name, move |ctx| {
            let undoing = undo(ctx, given).into_future();
            async move { undoing.await.map(drop) }
        });
        Ok(done)
    }

    /// Runs steps, and undoes those that were done when one of them fails or the context is cancelled.
    ///
    /// # Errors
    /// The error that made it fail. Where compensations failed too, an application failure of the kind
    /// `CompensationFailed` that names them, with that error as its cause.
    pub async fn run<T>(self, body: impl AsyncFnOnce(&Self) -> Result<T>) -> Result<T> {
        match body(&self).await {
            Ok(done) => Ok(done),
            Err(error) => Err(self.failed(error).await),
        }
    }

    /// Runs a saga as one step of this one: when it fails it undoes its own steps, and when this one fails later, they
    /// are undone as one step.
    ///
    /// # Errors
    /// Those of [`Saga::run`].
    pub async fn nest<T>(&self, name: impl Into<String>, body: impl AsyncFnOnce(&Self) -> Result<T>) -> Result<T> {
        let inner = Self {
            ctx: self.ctx.clone(),
            steps: Rc::default(),
            retry: self.retry.clone(),
            in_parallel: self.in_parallel,
        };
        match body(&inner).await {
            Ok(done) => {
                self.undo(name, move |ctx| async move {
                    let undone = Self { ctx, ..inner }.compensate().await;
                    undone.into_iter().find_map(|undo| undo.result.err()).map_or(Ok(()), Err)
                });
                Ok(done)
            }
            Err(error) => Err(inner.failed(error).await),
        }
    }

    async fn failed(&self, error: Error) -> Error {
        let undone = self.compensate().await;
        let failed: Vec<&Undo> = undone.iter().filter(|undo| undo.result.is_err()).collect();
        if failed.is_empty() {
            return error;
        }
        let told =
            failed.iter().filter_map(|undo| undo.result.as_ref().err().map(|why| (undo.step.clone(), why.to_string())));
        let told: Vec<(String, String)> = told.collect();
        let list: Vec<String> = told.iter().map(|(step, why)| format!("{step} ({why})")).collect();
        let message = format!("{} of {} compensations failed: {}", failed.len(), undone.len(), list.join(", "));
        let failure = Failure::application(message).kind(COMPENSATION_FAILED).non_retryable();
        let failure = failure.clone().with_details(&told).unwrap_or(failure);
        failure.caused_by(error.into_failure()).into()
    }

    /// Undoes what was done, on demand: in reverse, each whatever becomes of the others. A second call finds nothing.
    pub async fn compensate(&self) -> Vec<Undo> {
        let steps: Vec<Step<S>> = self.steps.borrow_mut().drain(..).rev().collect();
        let undo = |step: Step<S>| {
            let usual = self.ctx.options().clone();
            let options = Options {
                summary: Some(format!("undo: {}", step.name)),
                retry: self.retry.clone().or(usual.retry),
                ..usual
            };
            let undoing = (step.undo)(self.ctx.shielded().with_options(options));
            async move { Undo { step: step.name, result: undoing.await } }
        };
        if self.in_parallel {
            return futures_util::future::join_all(steps.into_iter().map(undo)).await;
        }
        let mut undone = Vec::with_capacity(steps.len());
        for step in steps {
            undone.push(undo(step).await);
        }
        undone
    }
}
