//! A batch job beside the workflows: its client, and the oracle of what it does.
//!
//! Invariants it checks: a job that was acknowledged is there; no workflow has its operation twice, at any time; once
//! nothing is under way, the job has ended, counts each of its workflows once, and each of them shows it.

use std::sync::Arc;

use tonic::{Code, Request};
use weft_engine::{
    Answer, JobRequest, Request as Ask, RunId,
    state::{Job, JobOutcome},
};
use weft_env::SeededIds;
use weft_protocol::{
    api::{
        batch::{BatchOperationSignal, BatchOperationTermination},
        common::Execution,
        enums::ExecutionType,
        history::{HistoryEvent, history_event::Attributes as Event},
        workflowservice::{StartBatchOperationRequest, start_batch_operation_request::Operation},
    },
    services::workflow_service_server::WorkflowService,
};

use crate::{
    ledger::{About, State},
    plan::WorkflowPlan,
    scene::{NAMESPACE, Scene},
};

/// What the workflows of a job wait for.
const SIGNAL: &str = "batched";
/// … and what never comes.
const NEVER: &str = "never";

/// A batch job of workflows that wait for it.
pub(crate) struct JobPlan {
    pub(crate) id: String,
    begins_ms: u64,
    ends_them: bool,
    by_query: bool,
    /// Their ids.
    workflows: Vec<String>,
}

impl JobPlan {
    /// One seed in three has one; its workflows are added to the others.
    pub(crate) fn draw(dice: &SeededIds, workflows: &mut Vec<WorkflowPlan>) -> Option<Self> {
        if dice.below(3) != 0 {
            return None;
        }
        let id = format!("job-{}", dice.below(1_000_000));
        let (ends_them, by_query) = (dice.below(2) == 0, dice.below(2) == 0);
        let ids: Vec<_> = (0..1 + dice.below(4)).map(|number| format!("{id}-w{number}")).collect();
        for id in &ids {
            let waits = if ends_them { NEVER } else { SIGNAL };
            let plan = WorkflowPlan::child(dice, id);
            workflows.push(WorkflowPlan { tells: vec![waits.to_owned()], begins_ms: dice.below(60), ..plan });
        }
        Some(Self { id, begins_ms: dice.below(60), ends_them, by_query, workflows: ids })
    }

    fn runs(&self, scene: &Scene) -> Option<Vec<Execution>> {
        let runs = self.workflows.iter().map(|id| match scene.ledger.state(&format!("{id} start")) {
            Some(State::Acknowledged(Some(run))) => Some(Execution {
                r#type: ExecutionType::Workflow.into(),
                business_id: id.clone(),
                run_id: run.to_string(),
            }),
            _ => None,
        });
        runs.collect()
    }

    fn request(&self, runs: Vec<Execution>) -> StartBatchOperationRequest {
        let (identity, input) = ("client".to_owned(), None);
        let operation = if self.ends_them {
            Operation::TerminationOperation(BatchOperationTermination { identity, details: None })
        } else {
            Operation::SignalOperation(BatchOperationSignal {
                signal: SIGNAL.to_owned(),
                input,
                identity,
                header: None,
            })
        };
        let query = format!("WorkflowId STARTS_WITH '{}-w'", self.id);
        let (visibility_query, target_executions) =
            if self.by_query { (query, Vec::new()) } else { (String::new(), runs) };
        StartBatchOperationRequest {
            namespace: NAMESPACE.to_owned(),
            visibility_query,
            job_id: self.id.clone(),
            reason: self.id.clone(),
            target_executions,
            operation: Some(operation),
            ..StartBatchOperationRequest::default()
        }
    }
}

/// Starts the job when all of its workflows are known to have started, again and again until that is acknowledged.
pub(crate) async fn client(scene: Scene) {
    let plans = Arc::clone(&scene.plan);
    let Some(plan) = &plans.job else { return };
    let name = format!("{} start", plan.id);
    let runs = loop {
        match plan.runs(&scene) {
            Some(runs) => break runs,
            None => scene.sleep_ms(10).await,
        }
    };
    if scene.ledger.state(&name).is_none() {
        scene.sleep_ms(scene.dice.below(plan.begins_ms + 1)).await;
    }
    let request = plan.request(runs);
    let services = weft_server::services(scene.node.clone());
    let mut first = scene.ledger.state(&name).is_none();
    while !scene.ledger.state(&name).is_some_and(|state| state.is_settled()) {
        scene.ledger.asking(&name, &About::Job);
        match services.start_batch_operation(Request::new(request.clone())).await {
            Ok(_) => scene.ledger.acknowledged(&name, None),
            // The answer to an earlier call was lost.
            Err(status) if status.code() == Code::AlreadyExists && !first => scene.ledger.acknowledged(&name, None),
            Err(status) if matches!(status.code(), Code::Unavailable | Code::ResourceExhausted) => {
                scene.note(&format!("{name}: {status}"));
                scene.sleep_ms(2 + scene.dice.below(20)).await;
            }
            Err(status) => {
                scene.ledger.violate(format!("{name}: {status}"));
                scene.ledger.refused(&name);
            }
        }
        first = false;
    }
}

async fn look(scene: &Scene, plan: &JobPlan) -> Option<Result<Arc<Job>, String>> {
    let key = scene.key(&plan.id);
    match scene.node.shard(&key).ask(key.clone(), Arc::clone(&scene.namespace), Ask::Job(JobRequest::Look)).await {
        Ok(Answer::Job(job)) => Some(Ok(job)),
        Ok(other) => Some(Err(format!("{other:?}"))),
        Err(weft_shard::Failure::Refused(refusal)) => Some(Err(format!("{refusal:?}"))),
        Err(failure) => {
            scene.failed(&key, &failure);
            None
        }
    }
}

/// Until it has ended.
pub(crate) async fn finished(scene: &Scene) {
    let Some(plan) = &scene.plan.job else { return };
    while !look(scene, plan).await.is_some_and(|job| job.is_ok_and(|job| !job.is_running())) {
        scene.sleep_ms(150).await;
    }
}

/// Holds the job and its workflows against what was asked.
pub(crate) async fn everything(scene: &Scene, is_over: bool) {
    let Some(plan) = &scene.plan.job else { return };
    if !scene.ledger.state(&format!("{} start", plan.id)).is_some_and(|state| state.is_acknowledged()) {
        return;
    }
    match look(scene, plan).await {
        Some(Ok(job)) if is_over => ended(scene, plan, &job),
        Some(Ok(_)) | None => {}
        Some(Err(what)) => scene.ledger.violate(format!("{} was acknowledged and is not there: {what}", plan.id)),
    }
    for execution in plan.runs(scene).unwrap_or_default() {
        let (key, run) = (scene.key(&execution.business_id), RunId::new(execution.run_id));
        let Some(Ok(view)) = scene.look(&key, &run).await else { continue };
        let core = &view.execution.core;
        let Some(events) = scene.events(&key, &run, &core.branch, core.next_event_id).await else { continue };
        let waiting = view.execution.buffered.values().filter(|event| plan.is_operation(event)).count();
        let count = events.iter().filter(|event| plan.is_operation(event)).count() + waiting;
        if count > 1 || (is_over && count == 0) {
            scene.ledger.violate(format!("{}: {} was done {count} times", key.workflow, plan.id));
        }
        scene.ledger.cover(|counts| counts.batched += if is_over { count as u64 } else { 0 });
    }
}

fn ended(scene: &Scene, plan: &JobPlan, job: &Job) {
    let is_completed = job.ended.as_ref().is_some_and(|end| end.outcome == JobOutcome::Completed);
    let count = plan.workflows.len() as u64;
    if !is_completed || (job.total, job.completed, job.failed) != (Some(count), count, 0) {
        scene.ledger.violate(format!("{} is of {count} workflows and came to this: {job:?}", plan.id));
    }
}

impl JobPlan {
    fn is_operation(&self, event: &HistoryEvent) -> bool {
        match &event.attributes {
            Some(Event::WorkflowExecutionSignaledEventAttributes(it)) => !self.ends_them && it.signal_name == SIGNAL,
            Some(Event::WorkflowExecutionTerminatedEventAttributes(it)) => self.ends_them && it.reason == self.id,
            _ => false,
        }
    }
}
