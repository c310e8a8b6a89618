//! A workflow started, or found running, together with what it is then asked.

use std::{future::IntoFuture, marker::PhantomData, pin::Pin};

use weft_protocol::{
    api::{
        common::Payload,
        enums::{UpdateWorkflowExecutionLifecycleStage as Stage, WorkflowIdConflictPolicy},
        workflowservice::{
            ExecuteMultiOperationRequest, ExecuteMultiOperationResponse, SignalWithStartWorkflowExecutionRequest,
            StartWorkflowExecutionRequest, StartWorkflowExecutionResponse, UpdateWorkflowExecutionResponse,
            execute_multi_operation_request::{Operation, operation},
            execute_multi_operation_response::response::Response,
        },
    },
    payload::list_of,
};

use super::{StartWorkflow, UpdateHandle, WorkflowHandle, update};
use crate::{
    Client, Error, Run, Started, Update, UpdateDefinition, UpdateWait, ValueError, WorkflowDefinition, WorkflowService,
    retry::Repeat,
    update::{WAIT, updated},
};

const SIGNAL: &str = "SignalWithStartWorkflowExecution";
const MULTI: &str = "ExecuteMultiOperation";

/// A workflow that is started, if need be, and signalled when this is awaited.
#[must_use = "nothing starts until it is awaited"]
pub struct SignalWithStart<W> {
    start: StartWorkflow<W>,
    name: &'static str,
    input: Vec<Payload>,
}

/// A workflow that is started, if need be, and updated when this is awaited. That waits until the update is accepted
/// or rejected.
#[must_use = "nothing starts until it is awaited"]
pub struct UpdateWithStart<W, U> {
    start: StartWorkflow<W>,
    update: Update,
    kind: PhantomData<fn() -> U>,
}

impl<W: WorkflowDefinition> SignalWithStart<W> {
    pub(super) fn new(
        mut start: StartWorkflow<W>,
        name: &'static str,
        input: Result<Vec<Payload>, ValueError>,
    ) -> Self {
        let input = input.unwrap_or_else(|error| {
            start.wrong.get_or_insert(error);
            Vec::new()
        });
        Self { start, name, input }
    }

    async fn send(self) -> Result<WorkflowHandle<W>, Error> {
        let StartWorkflow { client, start, wrong, .. } = self.start;
        if let Some(wrong) = wrong {
            return Err(wrong.into());
        }
        let workflow_id = start.workflow_id.clone();
        let request = signal_request(start.into_request(&client), self.name, self.input);
        let send = |mut stub: WorkflowService, request| async move {
            stub.signal_with_start_workflow_execution(request).await
        };
        let answer = client.call(SIGNAL, request, Repeat::Harmless, send).await?;
        let first_run_id = if answer.started { answer.run_id.clone() } else { String::new() };
        let run = Run { workflow_id, run_id: answer.run_id };
        Ok(WorkflowHandle::started(client, Started { run, first_run_id, is_new: answer.started }))
    }
}

impl<W: WorkflowDefinition> IntoFuture for SignalWithStart<W> {
    type Output = Result<WorkflowHandle<W>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

fn signal_request(
    start: StartWorkflowExecutionRequest,
    name: &str,
    input: Vec<Payload>,
) -> SignalWithStartWorkflowExecutionRequest {
    SignalWithStartWorkflowExecutionRequest {
        namespace: start.namespace,
        workflow_id: start.workflow_id,
        workflow_type: start.workflow_type,
        task_queue: start.task_queue,
        input: start.input,
        workflow_execution_timeout: start.workflow_execution_timeout,
        workflow_run_timeout: start.workflow_run_timeout,
        workflow_task_timeout: start.workflow_task_timeout,
        identity: start.identity,
        request_id: start.request_id,
        workflow_id_reuse_policy: start.workflow_id_reuse_policy,
        workflow_id_conflict_policy: start.workflow_id_conflict_policy,
        signal_name: name.to_owned(),
        signal_input: list_of(input),
        retry_policy: start.retry_policy,
        cron_schedule: start.cron_schedule,
        memo: start.memo,
        search_attributes: start.search_attributes,
        header: start.header,
        workflow_start_delay: start.workflow_start_delay,
        user_metadata: start.user_metadata,
        priority: start.priority,
        ..SignalWithStartWorkflowExecutionRequest::default()
    }
}

impl<W: WorkflowDefinition, U: UpdateDefinition> UpdateWithStart<W, U> {
    pub(super) fn new(mut start: StartWorkflow<W>, args: U::Args) -> Self {
        let update = update::update::<U>(&start.client, args).unwrap_or_else(|error| {
            start.wrong.get_or_insert(error);
            Update::default()
        });
        if start.start.conflict == WorkflowIdConflictPolicy::Unspecified {
            start.start.conflict = WorkflowIdConflictPolicy::UseExisting;
        }
        Self { start, update, kind: PhantomData }
    }

    /// The id of the update; a random one if it is not said.
    pub fn update_id(mut self, id: impl Into<String>) -> Self {
        self.update.id = id.into();
        self
    }

    async fn send(self) -> Result<(WorkflowHandle<W>, UpdateHandle<U>), Error> {
        let StartWorkflow { client, start, wrong, .. } = self.start;
        if let Some(wrong) = wrong {
            return Err(wrong.into());
        }
        let workflow_id = start.workflow_id.clone();
        let run = Run::latest(workflow_id.clone());
        let update = self.update.into_request(&client, &run, UpdateWait::Accepted);
        let start = start.into_request(&client);
        let operations = [operation::Operation::StartWorkflow(start), operation::Operation::UpdateWorkflow(update)];
        let request = ExecuteMultiOperationRequest {
            namespace: client.namespace().to_owned(),
            operations: operations.map(|operation| Operation { operation: Some(operation) }).into(),
            ..ExecuteMultiOperationRequest::default()
        };
        let (started, answer) = ask(&client, request).await?;
        let handle = WorkflowHandle::started(client.clone(), Started::of(workflow_id, started));
        let updated = updated(&run, answer.update_ref, answer.outcome);
        Ok((handle, UpdateHandle::of(client, updated)))
    }
}

impl<W: WorkflowDefinition, U: UpdateDefinition + 'static> IntoFuture for UpdateWithStart<W, U> {
    type Output = Result<(WorkflowHandle<W>, UpdateHandle<U>), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Asked again, under the same ids, until a worker has looked at the update.
async fn ask(
    client: &Client,
    request: ExecuteMultiOperationRequest,
) -> Result<(StartWorkflowExecutionResponse, UpdateWorkflowExecutionResponse), Error> {
    loop {
        let send = |mut stub: WorkflowService, request| async move { stub.execute_multi_operation(request).await };
        let answer = client.call_within(MULTI, WAIT, request.clone(), Repeat::Harmless, send).await;
        let (started, updated) = both(answer.map_err(to_blame)?)?;
        match updated.stage() {
            Stage::Accepted | Stage::Completed => return Ok((started, updated)),
            Stage::Admitted | Stage::Unspecified => {}
        }
    }
}

fn both(
    answer: ExecuteMultiOperationResponse,
) -> Result<(StartWorkflowExecutionResponse, UpdateWorkflowExecutionResponse), Error> {
    let mut answers = answer.responses.into_iter().map(|answer| answer.response);
    match (answers.next().flatten(), answers.next().flatten()) {
        (Some(Response::StartWorkflow(started)), Some(Response::UpdateWorkflow(updated))) => Ok((started, updated)),
        _ => Err(Error::Answer { call: MULTI, what: "answer for each operation" }),
    }
}

/// Of the two operations the one that is to blame says why.
fn to_blame(error: Error) -> Error {
    match error {
        Error::Refused { call, error } => {
            Error::Refused { call, error: error.blamed_operation().map_or(error, Box::new) }
        }
        Error::Config(_)
        | Error::Unreachable { .. }
        | Error::Value(_)
        | Error::Codec { .. }
        | Error::Intercepted { .. }
        | Error::Answer { .. } => error,
    }
}
