//! Attempts of activities that are ended from elsewhere than their worker: by their token, or by their id.

use weft_protocol::{
    api::{
        common::Payload,
        failure,
        workflowservice::{
            RecordActivityTaskHeartbeatByIdRequest, RecordActivityTaskHeartbeatRequest,
            RespondActivityTaskCanceledByIdRequest, RespondActivityTaskCanceledRequest,
            RespondActivityTaskCompletedRequest, RespondActivityTaskFailedRequest,
        },
    },
    payload::list_of,
};

use crate::{Client, Error, Failure, Run, Value, WorkflowService, retry::Repeat};

/// An attempt of an activity that its worker left to others (`Error::completed_elsewhere` of the SDK).
#[derive(Clone)]
pub struct ActivityHandle {
    client: Client,
    named: Named,
}

#[derive(Clone)]
enum Named {
    Token(Vec<u8>),
    Id(Run, String),
}

/// Whether anybody still wants the result, as a heartbeat is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StillWanted {
    pub cancel_requested: bool,
    pub paused: bool,
    pub reset: bool,
}

impl StillWanted {
    fn told(cancel_requested: bool, paused: bool, reset: bool) -> Self {
        Self { cancel_requested, paused, reset }
    }
}

impl Client {
    /// One attempt, by the token that its worker was given.
    #[must_use]
    pub fn activity_by_token(&self, token: Vec<u8>) -> ActivityHandle {
        ActivityHandle { client: self.clone(), named: Named::Token(token) }
    }

    /// The attempt that runs now, by the activity's id.
    #[must_use]
    pub fn activity_by_id(&self, run: &Run, activity_id: impl Into<String>) -> ActivityHandle {
        ActivityHandle { client: self.clone(), named: Named::Id(run.clone(), activity_id.into()) }
    }
}

impl ActivityHandle {
    /// Says that the work goes on, and how far it has come.
    ///
    /// # Errors
    /// When there is no such attempt any more.
    pub async fn heartbeat<T: Value>(&self, details: &T) -> Result<StillWanted, Error> {
        let details = list_of(vec![details.to_payload()?]);
        let (namespace, identity) = self.says();
        match self.named.clone() {
            Named::Token(task_token) => {
                let request = RecordActivityTaskHeartbeatRequest {
                    task_token,
                    details,
                    namespace,
                    identity,
                    ..RecordActivityTaskHeartbeatRequest::default()
                };
                let send = |mut stub: WorkflowService, request| async move {
                    stub.record_activity_task_heartbeat(request).await
                };
                let told = self.client.call("RecordActivityTaskHeartbeat", request, Repeat::Harmless, send).await?;
                Ok(StillWanted::told(told.cancel_requested, told.activity_paused, told.activity_reset))
            }
            Named::Id(run, activity_id) => {
                let request = RecordActivityTaskHeartbeatByIdRequest {
                    workflow_id: run.workflow_id,
                    run_id: run.run_id,
                    activity_id,
                    details,
                    namespace,
                    identity,
                    ..RecordActivityTaskHeartbeatByIdRequest::default()
                };
                let send = |mut stub: WorkflowService, request| async move {
                    stub.record_activity_task_heartbeat_by_id(request).await
                };
                let told = self.client.call("RecordActivityTaskHeartbeatById", request, Repeat::Harmless, send).await?;
                Ok(StillWanted::told(told.cancel_requested, told.activity_paused, told.activity_reset))
            }
        }
    }

    /// Ends it with its result.
    ///
    /// # Errors
    /// When there is no such attempt any more.
    pub async fn complete<T: Value>(&self, result: &T) -> Result<(), Error> {
        let result = vec![result.to_payload()?];
        let (namespace, identity) = self.says();
        match self.named.clone() {
            Named::Token(task_token) => {
                let request = RespondActivityTaskCompletedRequest {
                    task_token,
                    result: list_of(result),
                    namespace,
                    identity,
                    ..RespondActivityTaskCompletedRequest::default()
                };
                let send = |mut stub: WorkflowService, request| async move {
                    stub.respond_activity_task_completed(request).await
                };
                self.client.call("RespondActivityTaskCompleted", request, Repeat::Never, send).await.map(drop)
            }
            Named::Id(run, activity_id) => self.client.complete_activity(&run, &activity_id, result).await,
        }
    }

    /// Fails the attempt; the retry policy decides whether there is another one.
    ///
    /// # Errors
    /// When there is no such attempt any more.
    pub async fn fail(&self, failure: Failure) -> Result<(), Error> {
        let failure: failure::Failure = failure.into();
        let (namespace, identity) = self.says();
        match self.named.clone() {
            Named::Token(task_token) => {
                let request = RespondActivityTaskFailedRequest {
                    task_token,
                    failure: Some(failure),
                    namespace,
                    identity,
                    ..RespondActivityTaskFailedRequest::default()
                };
                let send = |mut stub: WorkflowService, request| async move {
                    stub.respond_activity_task_failed(request).await
                };
                self.client.call("RespondActivityTaskFailed", request, Repeat::Never, send).await.map(drop)
            }
            Named::Id(run, activity_id) => self.client.fail_activity(&run, &activity_id, failure).await,
        }
    }

    /// Ends it as cancelled; only where its cancellation was asked for.
    ///
    /// # Errors
    /// When there is no such attempt any more, or nobody asked.
    pub async fn cancel(&self, details: Vec<Payload>) -> Result<(), Error> {
        let (namespace, identity) = self.says();
        let details = list_of(details);
        match self.named.clone() {
            Named::Token(task_token) => {
                let request = RespondActivityTaskCanceledRequest {
                    task_token,
                    details,
                    namespace,
                    identity,
                    ..RespondActivityTaskCanceledRequest::default()
                };
                let send = |mut stub: WorkflowService, request| async move {
                    stub.respond_activity_task_canceled(request).await
                };
                self.client.call("RespondActivityTaskCanceled", request, Repeat::Never, send).await.map(drop)
            }
            Named::Id(run, activity_id) => {
                let request = RespondActivityTaskCanceledByIdRequest {
                    workflow_id: run.workflow_id,
                    run_id: run.run_id,
                    activity_id,
                    details,
                    namespace,
                    identity,
                    ..RespondActivityTaskCanceledByIdRequest::default()
                };
                let send = |mut stub: WorkflowService, request| async move {
                    stub.respond_activity_task_canceled_by_id(request).await
                };
                self.client.call("RespondActivityTaskCanceledById", request, Repeat::Never, send).await.map(drop)
            }
        }
    }

    fn says(&self) -> (String, String) {
        (self.client.namespace().to_owned(), self.client.identity().to_owned())
    }
}
