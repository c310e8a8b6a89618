//! A query on its way to a workflow.

use std::{collections::HashMap, future::IntoFuture, marker::PhantomData, pin::Pin};

use weft_protocol::{
    api::{
        common::Payload,
        enums::{QueryRejectCondition, WorkflowExecutionStatus},
    },
    error::ErrorDetails,
};

use crate::{Args, Client, Error, Failure, Query, QueryDefinition, Run, ValueError, value::result_from_payloads};

/// A query that is asked when it is awaited.
#[must_use = "nothing is asked until it is awaited"]
pub struct QueryCall<Q> {
    client: Client,
    run: Run,
    query: Result<Query, ValueError>,
    kind: PhantomData<fn() -> Q>,
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The workflow is in a state in which it was not to be asked.
    #[error("the query was not asked: the workflow is {}", status.as_str_name())]
    Rejected { status: WorkflowExecutionStatus },
    /// The handler failed, or there is none.
    #[error("the query failed: {}", .0.in_one_line())]
    Failed(#[source] Failure),
    #[error(transparent)]
    Call(#[from] Error),
}

impl<Q: QueryDefinition> QueryCall<Q> {
    pub(super) fn new(client: Client, run: Run, args: Q::Args) -> Self {
        let of = |input| Query { kind: Q::NAME.to_owned(), input, ..Query::default() };
        Self { client, run, query: args.to_payloads().map(of), kind: PhantomData }
    }

    /// Does not ask a workflow that is closed.
    pub fn only_open(self) -> Self {
        self.reject(QueryRejectCondition::NotOpen)
    }

    /// States in which it is not asked.
    pub fn reject(self, when: QueryRejectCondition) -> Self {
        self.with(|query| query.reject = when)
    }

    /// For interceptors of the worker.
    pub fn headers(self, headers: HashMap<String, Payload>) -> Self {
        self.with(|query| query.header.extend(headers))
    }

    fn with(mut self, change: impl FnOnce(&mut Query)) -> Self {
        self.query = self.query.map(|mut query| {
            change(&mut query);
            query
        });
        self
    }

    async fn ask(self) -> Result<Q::Output, QueryError> {
        let query = self.query.map_err(Error::from)?;
        match self.client.query(&self.run, query).await {
            Ok(Ok(answer)) => Ok(result_from_payloads(&answer).map_err(Error::from)?),
            Ok(Err(rejected)) => Err(QueryError::Rejected { status: rejected.status() }),
            Err(error) => Err(failed(error)),
        }
    }
}

/// What a worker answered instead of an answer is told apart from what kept it from being asked.
fn failed(error: Error) -> QueryError {
    let Error::Refused { error: refused, .. } = &error else { return error.into() };
    let ErrorDetails::QueryFailed(details) = &refused.details else { return error.into() };
    // Older servers tell the message alone.
    let failure = details.failure.clone().map_or_else(|| Failure::application(refused.message.clone()), Failure::from);
    QueryError::Failed(failure)
}

impl<Q: QueryDefinition + 'static> IntoFuture for QueryCall<Q> {
    type Output = Result<Q::Output, QueryError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}
