//! Workflow tasks: asking a worker to go on with the workflow.
//!
//! Invariant: at most one is pending per run; while a worker has it, nothing but its end is written to the history.

pub(crate) mod complete;
pub(crate) mod fail;
pub(crate) mod problems;
pub(crate) mod schedule;
pub(crate) mod speculative;
pub(crate) mod start;
pub(crate) mod sticky;

use crate::{
    change::Run,
    refusal::Refusal,
    request::WorkflowTaskToken,
    state::{AnsweredWorkflowTask, Execution, StartedStage, TaskVerdict, WorkflowTask, WorkflowTaskStage},
};

/// The started task that a token names; everything in the token must match.
fn named<'e>(
    execution: &'e Execution,
    token: &WorkflowTaskToken,
) -> Result<(&'e WorkflowTask, &'e StartedStage), Refusal> {
    match execution.task().map(|task| (task, &task.stage)) {
        Some((task, WorkflowTaskStage::Started(started))) if token_of(execution, task, started) == *token => {
            Ok((task, started))
        }
        Some((_, WorkflowTaskStage::Started(_) | WorkflowTaskStage::Scheduled(_))) | None => {
            Err(Refusal::WorkflowTaskNotFound)
        }
    }
}

fn token_of(execution: &Execution, task: &WorkflowTask, started: &StartedStage) -> WorkflowTaskToken {
    WorkflowTaskToken {
        run: execution.core.run.clone(),
        scheduled_event_id: task.scheduled_event_id,
        started_event_id: started.event_id,
        started_at: started.at,
        attempt: task.attempt,
    }
}

/// What the same answer got before, if it was the last one taken (rule 2).
fn verdict(execution: &Execution, token: &WorkflowTaskToken) -> Option<TaskVerdict> {
    execution.core.answered_task.as_ref().filter(|answered| is_of(answered, token)).map(|answered| answered.verdict)
}

fn is_of(answered: &AnsweredWorkflowTask, token: &WorkflowTaskToken) -> bool {
    answered.scheduled_event_id == token.scheduled_event_id
        && answered.started_event_id == token.started_event_id
        && answered.started_at == token.started_at
        && answered.attempt == token.attempt
}

/// The same answer came before, and its task left no trace.
fn was_dropped(execution: &Execution, token: &WorkflowTaskToken) -> bool {
    execution.volatile.speculation.dropped.as_ref().is_some_and(|answered| is_of(answered, token))
}

fn remember(run: &mut Run<'_>, token: &WorkflowTaskToken, verdict: TaskVerdict) {
    run.core.answered_task = Some(answered(token, verdict));
}

/// The task left no trace, and neither does its answer: a new leader does not know it.
fn remember_dropped(run: &mut Run<'_>, token: &WorkflowTaskToken) {
    run.volatile.speculation.dropped = Some(answered(token, TaskVerdict::Completed));
}

fn answered(token: &WorkflowTaskToken, verdict: TaskVerdict) -> AnsweredWorkflowTask {
    AnsweredWorkflowTask {
        scheduled_event_id: token.scheduled_event_id,
        started_event_id: token.started_event_id,
        started_at: token.started_at,
        attempt: token.attempt,
        verdict,
    }
}
