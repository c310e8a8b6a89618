//! Queries: by themselves when nothing else is going on, otherwise with a workflow task. They leave no trace in history.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use weft_protocol::api::query::WorkflowQueryResult;

use crate::{
    answer::{Answer, DirectQuery, QueryDisposition},
    change::{Change, Run},
    ids::{EventId, RunId},
    refusal::Refusal,
    request::{AskQuery, Target},
    state::{AttachedQuery, Execution, QueryId, Status, WorkflowTaskStage},
    time::Timestamp,
    transition::{Effect, QueryOutcome},
};

/// From this attempt on a workflow task counts as broken, and waiting for it is no use.
const BROKEN_FROM_ATTEMPT: u32 = 3;

const NEVER_RAN: &str = "Workflow execution closed before WorkflowTaskStarted event";
const BROKEN: &str = "Unable to query workflow due to Workflow Task in failed state.";
const TOO_EARLY: &str = "Workflow task is not scheduled yet.";

/// A client asks. The query goes to a worker by itself if nothing is pending that would answer it.
pub(crate) fn ask(change: &mut Change<'_>, target: &Target, body: &AskQuery) -> Result<Answer, Refusal> {
    let id = change.resolve(target)?;
    let mut run = change.run(&id).ok_or(Refusal::WorkflowNotFound)?;
    let status = run.status();
    let unclean = !matches!(status, Status::Running | Status::Paused | Status::Completed);
    if (body.reject_if_not_open && !status.is_open()) || (body.reject_if_not_completed_cleanly && unclean) {
        return Ok(Answer::Query(QueryDisposition::Rejected(status)));
    }
    if status == Status::Paused {
        return Ok(Answer::Query(QueryDisposition::Rejected(status)));
    }
    if let Some(why) = cannot_answer(&run, body) {
        return Err(Refusal::NotReady(why.into()));
    }
    if !run.is_open() || (run.task().is_none() && run.core.last_completed_task != EventId::NONE) {
        return Ok(Answer::Query(QueryDisposition::Direct(Box::new(direct(&run)))));
    }
    if run.volatile.queries.len() >= run.at.settings.limits.attached_queries {
        return Err(Refusal::Busy("consistent query buffer is full, cannot accept new consistent queries".into()));
    }
    run.volatile.queries.put(body.id, AttachedQuery { query: Arc::clone(&body.query), carried_by: None });
    Ok(Answer::Query(QueryDisposition::Attached(id)))
}

fn cannot_answer(execution: &Execution, body: &AskQuery) -> Option<&'static str> {
    let core = &execution.core;
    if !execution.is_open() {
        return (core.last_completed_task == EventId::NONE).then_some(NEVER_RAN);
    }
    if core.task.as_ref().is_some_and(|task| task.attempt >= BROKEN_FROM_ATTEMPT) {
        return Some(BROKEN);
    }
    // A child whose parent does not know of it yet waits for no time, and not for long.
    core.first_task_at.is_some_and(|at| at > body.deadline && at < Timestamp::MAX).then_some(TOO_EARLY)
}

fn direct(execution: &Execution) -> DirectQuery {
    let core = &execution.core;
    DirectQuery {
        run: core.run.clone(),
        branch: core.branch.clone(),
        workflow_type: core.start.workflow_type.clone(),
        queue: core.start.queue.clone(),
        sticky: core.sticky.clone(),
        last_completed_task: core.last_completed_task,
        next_event_id: core.next_event_id,
    }
}

/// The caller has gone.
pub(crate) fn forget(change: &mut Change<'_>, id: &RunId, query: QueryId) -> Result<Answer, Refusal> {
    if let Some(mut run) = change.run(id) {
        run.volatile.queries.remove(&query);
    }
    Ok(Answer::Done)
}

/// Every waiting query goes out with the workflow task that starts now.
pub(crate) fn carry(run: &mut Run<'_>, started: EventId) {
    let waiting: Vec<QueryId> = run.volatile.queries.keys().copied().collect();
    for id in waiting {
        run.volatile.queries.update(&id, |query| query.carried_by = Some(started));
    }
}

/// Answers that came with a completed workflow task.
pub(crate) fn answer(run: &mut Run<'_>, results: Vec<(QueryId, WorkflowQueryResult)>) {
    for (query, result) in results {
        if run.volatile.queries.remove(&query).is_some() {
            run.effect(Effect::AnswerQuery { query, outcome: QueryOutcome::Result(Box::new(result)) });
        }
    }
}

/// Queries whose workflow task has ended without an answer wait for the next one, go out by themselves if there is none,
/// or are given up if there is no use.
pub(crate) fn settle(run: &mut Run<'_>) {
    let waiting: Vec<QueryId> = run.volatile.queries.keys().copied().collect();
    for id in waiting {
        let broken = run.task().is_some_and(|task| task.attempt >= BROKEN_FROM_ATTEMPT);
        let ran = run.core.last_completed_task != EventId::NONE;
        if broken || (!run.is_open() && !ran) {
            run.volatile.queries.remove(&id);
            run.effect(Effect::AnswerQuery { query: id, outcome: QueryOutcome::NotReady });
        } else if run.task().is_none() && ran {
            let Some(query) = run.volatile.queries.remove(&id) else { continue };
            let outcome = QueryOutcome::Release(Box::new(direct(run)), Arc::clone(&query.query));
            run.effect(Effect::AnswerQuery { query: id, outcome });
        } else {
            let carrier = carrier(run);
            if run
                .volatile
                .queries
                .get(&id)
                .is_some_and(|query| query.carried_by.is_some() && query.carried_by != carrier)
            {
                run.volatile.queries.update(&id, |query| query.carried_by = None);
            }
        }
    }
}

/// The run goes away, and with it whatever could answer.
pub(crate) fn abandon(run: &mut Run<'_>) {
    let waiting: Vec<QueryId> = run.volatile.queries.keys().copied().collect();
    for query in waiting {
        run.volatile.queries.remove(&query);
        run.effect(Effect::AnswerQuery { query, outcome: QueryOutcome::NotReady });
    }
}

fn carrier(execution: &Execution) -> Option<EventId> {
    match execution.task().map(|task| &task.stage) {
        Some(WorkflowTaskStage::Started(started)) => Some(started.event_id),
        Some(WorkflowTaskStage::Scheduled(_)) | None => None,
    }
}
