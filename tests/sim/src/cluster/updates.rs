//! Callers of updates: each asks any node, and again under the same id until it has heard the outcome, twice.
//!
//! Invariant: an update is accepted once and completed once, whoever leads meanwhile, and all who ask are told the same.

use std::collections::BTreeSet;

use tonic::Code;
use weft_protocol::api::{
    enums::UpdateWorkflowExecutionLifecycleStage,
    history::{HistoryEvent, history_event::Attributes as Event},
    update::{Input, Meta, Request, WaitPolicy, outcome::Value},
    workflowservice::UpdateWorkflowExecutionRequest,
};

use super::{
    book::Worked,
    client::{Api, NAMESPACE, PATIENCE, Scene, Settled, execution, within},
};
use crate::update::UpdatePlan;

/// The answers where workers failed, and may succeed the next time: a workflow's task has failed again and again; the task
/// that carried the update did, as that of a workflow that completes while a signal comes.
const BROKEN: [&str; 2] = [
    "Unable to perform workflow execution update due to Workflow Task in failed state.",
    "Unable to perform workflow execution update due to unexpected workflow task failure.",
];

/// Asks for all updates that a workflow is to have, side by side.
pub(crate) async fn ask_all(scene: &Scene, workflow: &str, run: &str) {
    let Some(plan) = scene.plan.of(workflow) else { return };
    futures::future::join_all(plan.updates.iter().map(|update| ask(scene, workflow, run, update))).await;
}

async fn ask(scene: &Scene, workflow: &str, run: &str, update: &UpdatePlan) {
    scene.sleep_ms(update.pause_ms()).await;
    let mut is_known = false;
    for _ in 0..2 {
        let Some(value) = outcome(scene, workflow, run, &update.id).await else {
            // What was accepted is there as long as its run, and what was not is forgotten with it.
            if is_known {
                scene.record.violate(format!("{workflow} {run}: update {} was completed and is not found", update.id));
            }
            return;
        };
        is_known = update.is_waited_for();
        let is_rejected = matches!(value, Value::Failure(_));
        if is_rejected == update.is_waited_for() {
            scene.record.violate(format!("{workflow} {run}: update {} came to {value:?}", update.id));
        }
        let mut told = Vec::new();
        value.encode(&mut told);
        if let Err(twice) = scene.book.updated(run, &update.id, &told, is_rejected) {
            scene.record.violate(twice);
        }
    }
}

/// What became of an update; none if its workflow is over.
async fn outcome(scene: &Scene, workflow: &str, run: &str, id: &str) -> Option<Value> {
    let what = format!("update {workflow} {run} {id}");
    let completed = UpdateWorkflowExecutionLifecycleStage::Completed;
    let meta = Some(Meta { update_id: id.to_owned(), identity: "client".to_owned() });
    let input = Some(Input { header: None, name: "Update".to_owned(), args: None });
    let request = UpdateWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution(workflow, run),
        wait_policy: Some(WaitPolicy { lifecycle_stage: completed.into() }),
        request: Some(Request { meta, input, ..Request::default() }),
        ..UpdateWorkflowExecutionRequest::default()
    };
    loop {
        let asked = scene.settle(&what, |mut api: Api| {
            let request = within(request.clone(), PATIENCE);
            async move { api.update_workflow_execution(request).await }
        });
        match asked.await {
            // It has been accepted, and is not completed yet.
            Settled::Answered(answer) => {
                if let Some(value) = answer.outcome.and_then(|outcome| outcome.value) {
                    return Some(value);
                }
            }
            Settled::Refused { status, .. } if BROKEN.contains(&status.message()) => scene.sleep_ms(400).await,
            Settled::Refused { status, .. } => {
                if status.code() != Code::NotFound {
                    scene.record.violate(format!("{what}: {status}"));
                }
                return None;
            }
        }
    }
}

/// What callers were told is in the history of the run, once.
///
/// # Errors
/// What does not hold.
pub(crate) fn judge(events: &[HistoryEvent], worked: &Worked) -> Result<u64, String> {
    let (mut accepted, mut completed) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        match &event.attributes {
            Some(Event::WorkflowExecutionUpdateAcceptedEventAttributes(it))
                if !accepted.insert(it.protocol_instance_id.as_str()) =>
            {
                return Err(format!("update {} was accepted twice", it.protocol_instance_id));
            }
            Some(Event::WorkflowExecutionUpdateCompletedEventAttributes(it)) => {
                let id = it.meta.as_ref().map(|meta| meta.update_id.as_str()).unwrap_or_default();
                if !completed.insert(id) {
                    return Err(format!("update {id} was completed twice"));
                }
                let mut stored = Vec::new();
                if let Some(value) = it.outcome.as_ref().and_then(|outcome| outcome.value.as_ref()) {
                    value.encode(&mut stored);
                }
                if worked.updates.get(id).is_some_and(|told| *told != stored) {
                    return Err(format!("update {id} came to something else than its callers were told"));
                }
            }
            _ => {}
        }
    }
    if let Some(lost) = worked.updates.keys().find(|id| !completed.contains(id.as_str())) {
        return Err(format!("the outcome of update {lost} was told and is not there"));
    }
    if let Some(id) = worked.rejected.iter().find(|id| accepted.contains(id.as_str())) {
        return Err(format!("update {id} was rejected and is there"));
    }
    Ok(completed.len() as u64)
}
