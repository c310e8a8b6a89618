//! What a schedule asks of another workflow id: to start, to end. And what it is told.

use alloc::{string::ToString, vec::Vec};
use core::time::Duration;

use weft_protocol::payload;

use super::{keep, request_id};
use crate::{
    cancel,
    change::{Change, Run},
    message::{ActionEnd, ActionEnded, ChildEnd, Origin, Reply, StartAction},
    refusal::Refusal,
    request::{CancelBody, ConflictPolicy, OnConflict, ReusePolicy, StartWorkflow, Target, TerminateBody},
    schedule::{hear, identity, rfc3339, watch},
    start,
    state::RetryPolicy,
    terminate,
    time::span_from_wire,
};

const CANCELED: &str = "cancelled by schedule overlap policy";
const TERMINATED: &str = "terminated by schedule overlap policy";

/// Starts the workflow of an action. It is told of by a callback, so that it can tell of its end.
pub(super) fn start(change: &mut Change<'_>, origin: &Origin, start: &StartAction) -> Result<Reply, Refusal> {
    let watch = watch::Watch {
        schedule: origin.sender.workflow.clone(),
        incarnation: origin.run.clone(),
        action: origin.event_id,
    };
    match start::start_action(change, body(change, origin, start), watch::callback(&watch)) {
        Ok(run) => Ok(keep(change, origin, Reply::ChildStarted(run))),
        Err(Refusal::AlreadyStarted { .. }) => Ok(Reply::AlreadyExists),
        // It would be refused each time: the schedule is told that nothing began.
        Err(Refusal::InvalidArgument(_) | Refusal::Precondition(_)) => Ok(Reply::NotFound),
        Err(refusal) => Err(refusal),
    }
}

fn body(change: &Change<'_>, origin: &Origin, start: &StartAction) -> StartWorkflow {
    let it = &start.action;
    let span = |span: Option<&weft_protocol::Duration>| span.map(span_from_wire).unwrap_or_default();
    let mut attributes = it.search_attributes.clone().unwrap_or_default();
    let own = [
        ("TemporalScheduledStartTime", payload::json_string(&rfc3339(start.nominal))),
        ("TemporalScheduledById", payload::json_string(origin.sender.workflow.as_str())),
    ];
    attributes.indexed_fields.extend(own.map(|(name, value)| (name.to_string(), value)));
    StartWorkflow {
        request: request_id(origin),
        workflow_type: it.workflow_type.as_ref().map_or("", |it| &it.name).into(),
        queue: it.task_queue.as_ref().map_or("", |it| &it.name).into(),
        input: it.input.clone(),
        header: it.header.clone(),
        memo: it.memo.clone(),
        search_attributes: Some(attributes),
        execution_timeout: it.workflow_execution_timeout.as_ref().map(span_from_wire),
        run_timeout: it.workflow_run_timeout.as_ref().map(span_from_wire),
        task_timeout: span(it.workflow_task_timeout.as_ref()),
        start_delay: Duration::ZERO,
        retry: it.retry_policy.as_ref().map(|policy| RetryPolicy::filled_in(policy, change.at.settings)),
        cron: "".into(),
        identity: identity(&change.at.namespace.name, &origin.sender.workflow),
        reuse: if start.again { ReusePolicy::AllowDuplicate } else { ReusePolicy::RejectDuplicate },
        conflict: ConflictPolicy::Fail,
        eager: None,
        user_metadata: it.user_metadata.clone(),
        links: Vec::new(),
        priority: it.priority.clone(),
        versioning_override: it.versioning_override.clone(),
        continued_failure: start.last_failure.clone(),
        last_completion_result: start.last_result.clone(),
        on_conflict: OnConflict::default(),
    }
}

/// Another action is to begin: this one ends. Asked again it finds the run ended, or cancelled already.
pub(super) fn end(change: &mut Change<'_>, origin: &Origin, end: &ActionEnd) -> Reply {
    let target = Target { run: None, first_run: Some(end.first_run.clone()) };
    if let Ok(mut run) = change.open_run(&target) {
        apply(&mut run, origin, end);
    }
    Reply::Done
}

fn apply(run: &mut Run<'_>, origin: &Origin, end: &ActionEnd) {
    let identity = end.identity.clone();
    match end.end {
        ChildEnd::Terminate => {
            let body = TerminateBody { identity, reason: TERMINATED.to_string(), details: None, links: Vec::new() };
            terminate::now(run, body);
        }
        ChildEnd::RequestCancel => {
            let (request, reason) = (request_id(origin), CANCELED.to_string());
            cancel::record(run, CancelBody { identity, request, reason, links: Vec::new() }, None);
        }
    }
}

/// A workflow that the schedule of this id started has ended.
pub(super) fn ended(change: &mut Change<'_>, origin: &Origin, ended: &ActionEnded) -> Reply {
    hear::ended(change, origin, ended);
    Reply::Done
}
