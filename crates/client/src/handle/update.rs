//! An update on its way to a workflow, and one that is there.

use std::{collections::HashMap, fmt, future::IntoFuture, marker::PhantomData, pin::Pin};

use weft_protocol::api::{common::Payload, failure};

use crate::{
    Args, Client, Error, Failure, Run, Update, UpdateDefinition, UpdateWait, Updated, ValueError,
    value::result_from_payloads,
};

/// An update that is asked for when it is awaited; that waits for its result.
#[must_use = "nothing is asked until it is awaited"]
pub struct UpdateCall<U> {
    client: Client,
    run: Run,
    update: Result<Update, ValueError>,
    kind: PhantomData<fn() -> U>,
}

/// An update that a workflow has taken.
pub struct UpdateHandle<U> {
    client: Client,
    run: Run,
    id: String,
    /// What came of it, where that was told already.
    outcome: Option<Result<Vec<Payload>, Box<failure::Failure>>>,
    kind: PhantomData<fn() -> U>,
}

/// Why an update has no result.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The workflow rejected it, or its handler failed.
    #[error("the update failed: {}", .0.in_one_line())]
    Failed(#[source] Failure),
    #[error(transparent)]
    Call(#[from] Error),
}

impl<U: UpdateDefinition> UpdateCall<U> {
    pub(super) fn new(client: Client, run: Run, first_run_id: String, args: U::Args) -> Self {
        let update = update::<U>(&client, args).map(|update| Update { first_run_id, ..update });
        Self { client, run, update, kind: PhantomData }
    }

    /// The same id is the same update, however often it is asked for; otherwise a random one is taken.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.with(|update| update.id = id.into())
    }

    /// For interceptors of the worker.
    pub fn headers(self, headers: HashMap<String, Payload>) -> Self {
        self.with(|update| update.header.extend(headers))
    }

    /// Waits only until the workflow has accepted or rejected it.
    ///
    /// # Errors
    /// When the workflow is unknown or closed, or no worker looked at the update in time. A rejection is told by
    /// [`UpdateHandle::result`].
    pub async fn start(self) -> Result<UpdateHandle<U>, Error> {
        let updated = self.client.update(&self.run, self.update?, UpdateWait::Accepted).await?;
        Ok(UpdateHandle::of(self.client, updated))
    }

    fn with(mut self, change: impl FnOnce(&mut Update)) -> Self {
        self.update = self.update.map(|mut update| {
            change(&mut update);
            update
        });
        self
    }

    async fn complete(self) -> Result<U::Output, UpdateError> {
        let update = self.update.map_err(Error::from)?;
        let updated = self.client.update(&self.run, update, UpdateWait::Completed).await?;
        UpdateHandle::<U>::of(self.client, updated).result().await
    }
}

/// An update of the kind `U` with a random id.
pub(super) fn update<U: UpdateDefinition>(client: &Client, args: U::Args) -> Result<Update, ValueError> {
    let input = args.to_payloads()?;
    Ok(Update { id: client.new_id(), name: U::NAME.to_owned(), input, ..Update::default() })
}

impl<U: UpdateDefinition + 'static> IntoFuture for UpdateCall<U> {
    type Output = Result<U::Output, UpdateError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.complete())
    }
}

impl<U> UpdateHandle<U> {
    pub(super) fn new(
        client: Client,
        run: Run,
        id: String,
        outcome: Option<Result<Vec<Payload>, Box<failure::Failure>>>,
    ) -> Self {
        Self { client, run, id, outcome, kind: PhantomData }
    }

    pub(super) fn of(client: Client, updated: Updated) -> Self {
        Self::new(client, updated.run, updated.id, updated.outcome)
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The workflow it was for, and the run that took it.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }
}

impl<U: UpdateDefinition> UpdateHandle<U> {
    /// Waits for what comes of it.
    ///
    /// # Errors
    /// That it was rejected or failed; see [`UpdateError`].
    pub async fn result(&self) -> Result<U::Output, UpdateError> {
        let outcome = match &self.outcome {
            Some(outcome) => Some(outcome.clone()),
            None => self.client.update_result(&self.run, &self.id).await?.outcome,
        };
        match outcome {
            Some(Ok(result)) => Ok(result_from_payloads(&result).map_err(Error::from)?),
            Some(Err(failure)) => Err(UpdateError::Failed((*failure).into())),
            None => Err(Error::Answer { call: "PollWorkflowExecutionUpdate", what: "outcome" }.into()),
        }
    }
}

impl<U: UpdateDefinition> fmt::Debug for UpdateHandle<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} of {:?}", U::NAME, self.id, self.run)
    }
}
