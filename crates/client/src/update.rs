//! Updates: asked for, waited for, and found again by their ids.

use std::{collections::HashMap, time::Duration};

use weft_protocol::{
    api::{
        common::{Payload, WorkflowExecution},
        enums::UpdateWorkflowExecutionLifecycleStage as Stage,
        failure::Failure,
        update::{Input, Meta, Outcome, Request, UpdateRef, WaitPolicy, outcome::Value},
        workflowservice::{PollWorkflowExecutionUpdateRequest, UpdateWorkflowExecutionRequest},
    },
    payload::list_of,
};

use crate::{Client, Error, Run, WorkflowService, retry::Repeat, start::header};

/// The server answers earlier, to be asked again.
pub(crate) const WAIT: Duration = Duration::from_secs(60);

/// What is asked of a workflow.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// The same id is the same update, however often it is asked for.
    pub id: String,
    pub name: String,
    pub input: Vec<Payload>,
    /// For interceptors of the worker.
    pub header: HashMap<String, Payload>,
    /// When given, the run must belong to the chain that begins with this one.
    pub first_run_id: String,
}

/// How far an update is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateWait {
    Accepted,
    Completed,
}

/// How far an update has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Updated {
    pub run: Run,
    pub id: String,
    /// `None` while it is accepted and not completed. A rejected update has failed.
    pub outcome: Option<Result<Vec<Payload>, Box<Failure>>>,
}

impl Update {
    pub(crate) fn into_request(self, client: &Client, run: &Run, wait: UpdateWait) -> UpdateWorkflowExecutionRequest {
        UpdateWorkflowExecutionRequest {
            namespace: client.namespace().to_owned(),
            workflow_execution: run.wire(),
            first_execution_run_id: self.first_run_id,
            wait_policy: Some(policy(wait)),
            request: Some(Request {
                meta: Some(Meta { update_id: self.id, identity: client.identity().to_owned() }),
                input: Some(Input { header: header(self.header), name: self.name, args: list_of(self.input) }),
                ..Request::default()
            }),
        }
    }
}

impl Client {
    /// Updates a workflow and waits until it has accepted, or completed, the update.
    ///
    /// # Errors
    /// When the workflow is unknown or closed, takes no updates, or no worker looked at the update in time.
    pub async fn update(&self, run: &Run, update: Update, wait: UpdateWait) -> Result<Updated, Error> {
        let request = update.into_request(self, run, wait);
        loop {
            let send =
                |mut stub: WorkflowService, request| async move { stub.update_workflow_execution(request).await };
            let request = request.clone();
            let answer = self.call_within("UpdateWorkflowExecution", WAIT, request, Repeat::Harmless, send).await?;
            let stage = answer.stage();
            let reached = updated(run, answer.update_ref, answer.outcome);
            match (stage, wait) {
                (Stage::Completed, _) | (Stage::Accepted, UpdateWait::Accepted) => return Ok(reached),
                (Stage::Accepted, UpdateWait::Completed) => return self.update_result(&reached.run, &reached.id).await,
                // Nobody has looked at it yet: it is asked for again, under the same id.
                (Stage::Admitted | Stage::Unspecified, _) => {}
            }
        }
    }

    /// Waits for the outcome of an update.
    ///
    /// # Errors
    /// When the workflow or the update is unknown.
    pub async fn update_result(&self, run: &Run, id: &str) -> Result<Updated, Error> {
        let request = PollWorkflowExecutionUpdateRequest {
            namespace: self.namespace().to_owned(),
            update_ref: Some(UpdateRef { workflow_execution: run.wire(), update_id: id.to_owned() }),
            identity: self.identity().to_owned(),
            wait_policy: Some(policy(UpdateWait::Completed)),
        };
        loop {
            let send =
                |mut stub: WorkflowService, request| async move { stub.poll_workflow_execution_update(request).await };
            let request = request.clone();
            let answer = self.call_within("PollWorkflowExecutionUpdate", WAIT, request, Repeat::Harmless, send).await?;
            if answer.stage() == Stage::Completed {
                return Ok(updated(run, answer.update_ref, answer.outcome));
            }
        }
    }
}

fn policy(wait: UpdateWait) -> WaitPolicy {
    let stage = match wait {
        UpdateWait::Accepted => Stage::Accepted,
        UpdateWait::Completed => Stage::Completed,
    };
    WaitPolicy { lifecycle_stage: stage.into() }
}

pub(crate) fn updated(asked: &Run, reference: Option<UpdateRef>, outcome: Option<Outcome>) -> Updated {
    let reference = reference.unwrap_or_default();
    let WorkflowExecution { workflow_id: _, run_id } = reference.workflow_execution.unwrap_or_default();
    let outcome = outcome.and_then(|outcome| outcome.value).map(|value| match value {
        Value::Success(result) => Ok(result.payloads),
        Value::Failure(failure) => Err(Box::new(failure)),
    });
    Updated { run: Run { workflow_id: asked.workflow_id.clone(), run_id }, id: reference.update_id, outcome }
}

#[cfg(test)]
mod tests {
    use weft_protocol::{api::common::Payloads, payload::json_plain};

    use super::*;

    #[test]
    fn an_outcome_is_a_result_or_a_failure_or_not_there_yet() {
        let of = |value| updated(&Run::latest("w"), None, Some(Outcome { value: Some(value) })).outcome;
        let result = vec![json_plain("7")];
        assert_eq!(of(Value::Success(Payloads { payloads: result.clone() })), Some(Ok(result)));
        assert_eq!(of(Value::Failure(Failure::default())), Some(Err(Box::default())));
        assert_eq!(updated(&Run::latest("w"), None, None).outcome, None);
    }
}
