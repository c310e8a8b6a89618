//! Resetting a workflow: a new run goes on from a workflow task in the history of an earlier one.
//!
//! Invariants: the new run shares the history before the task's end and copies nothing ([`Branch::divide`]); its state is
//! what those events fold to. The run that was open ends in the same transition. Semantics: `workflow_resetter.go` of
//! Temporal's server 1.32; what external parties did after that place is taken along by `reapply.rs`, what was on its way
//! to other workflows by `elsewhere.rs`.
//!
//! What this does not do: read. The events come with the request, and a request whose events are not all there are any
//! more is refused, to be asked again.

mod elsewhere;
mod past;
mod reapply;

use alloc::{borrow::ToOwned, boxed::Box, format, sync::Arc, vec::Vec};
use core::time::Duration;

use weft_protocol::api::{
    enums::WorkflowTaskFailedCause,
    failure::{Failure, ResetWorkflowFailureInfo, failure::FailureInfo},
    history::{HistoryEvent, history_event::Attributes},
};

pub use self::past::{Past, Room};
use self::reapply::Reapply;
use crate::{
    answer::Answer,
    change::{Change, Run},
    event::{self, workflow_task::Seen},
    fold,
    ids::{EventId, Identity, RequestId, RunId},
    refusal::Refusal,
    request::{Poller, PostReset, ResetWorkflow, Target, TerminateBody},
    run_options, signal,
    state::{ActivityStage, CurrentRun, Execution, ResetFacts, WorkflowTaskStage},
    terminate,
    workflow_task::{fail::SERVER, schedule},
};

const OUT_OF_RANGE: &str = "Workflow task finish ID must be > 1 && <= workflow last event ID.";

/// Who ends the run that was open.
const RESETTER: &str = "history-resetter";

/// What of the time after the place of the reset the new run does without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Excluded {
    pub signals: bool,
    pub updates: bool,
    /// Changes of the run's options. Requests that were attached to the run are not among them.
    pub options: bool,
}

/// What becomes of children that were running at the place of a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ResetChildren {
    /// They report to the new run.
    #[default]
    Reconnect,
    /// They live on, and the new run is told that it waits for them no more.
    Leave,
}

/// What a reset would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetPlan {
    /// The run whose history the new one would share.
    pub base: RunId,
    /// The first event that the new run would not share.
    pub finish: EventId,
    /// Events after that which it would have again.
    pub reapplied: Vec<(RunId, EventId)>,
    /// All others after that.
    pub dropped: Vec<(RunId, EventId)>,
    /// Shared events that scheduled an activity or asked another workflow for something: that would be done again.
    pub again: Vec<EventId>,
    /// Shared events that began a child that the new run would wait for no more.
    pub left: Vec<EventId>,
}

/// A client resets a workflow.
pub(crate) fn reset(change: &mut Change<'_>, target: &Target, body: ResetWorkflow) -> Result<Answer, Refusal> {
    let base = change.resolve(target)?;
    let run = change.workflow.runs.get(&base).ok_or(Refusal::WorkflowNotFound)?;
    if body.finish <= EventId::FIRST || body.finish >= run.core.next_event_id {
        return Err(Refusal::InvalidArgument(OUT_OF_RANGE.into()));
    }
    if let Some(current) = &change.workflow.current
        && current.reset_by.as_ref() == Some(&body.request)
    {
        return Ok(Answer::Reset(current.run.clone()));
    }
    body.past.check(change, &base)?;
    let made = rebuilt(change, &base, &body)?;
    let rest = supersede(change, &base, &body)?;
    let new_run = adopt(change, &body, made);
    let mut run = change.run(&new_run).ok_or(Refusal::WorkflowNotFound)?;
    fail_task(&mut run, &base, &body.reason)?;
    let left = match body.children {
        ResetChildren::Reconnect => Vec::new(),
        ResetChildren::Leave => elsewhere::leave_children(&mut run),
    };
    offer_activities_again(&mut run);
    let mut reapply = Reapply::new(&mut run, body.excluded);
    reapply.base(&base, &body.past.base, body.finish, body.keep_until);
    for (id, events) in &body.past.later {
        reapply.later(id, events);
    }
    match &rest {
        Some((id, events)) if *id == base => reapply.end(id, events),
        Some((id, events)) => reapply.later(id, events),
        None => {}
    }
    let mut plan = ResetPlan { left, ..reapply.plan(&base, body.finish) };
    plan.again.extend(run.activities.keys());
    plan.again.extend(elsewhere::go_on(&mut run, &body.past.base));
    elsewhere::find_children(&mut run);
    for operation in body.operations {
        carry_out(&mut run, operation)?;
    }
    schedule::schedule(&mut run, 1);
    let attached = CurrentRun::of(&run.core).attached;
    if let Some(current) = &mut change.workflow.current {
        current.attached = attached;
    }
    if body.dry_run {
        change.undo();
        return Ok(Answer::ResetPlan(Box::new(plan)));
    }
    Ok(Answer::Reset(new_run))
}

/// What was asked for together with the reset.
fn carry_out(run: &mut Run<'_>, operation: PostReset) -> Result<(), Refusal> {
    match operation {
        PostReset::Signal(signal) => signal::record(run, *signal),
        PostReset::UpdateRun(options) => run_options::update(run, *options).map(drop),
    }
}

/// Where an event stands among those of its run.
fn place(event: EventId) -> usize {
    usize::try_from(event.0 - 1).unwrap_or(0)
}

/// The state that the shared events give; they must end with a workflow task that waits or runs.
fn rebuilt(change: &Change<'_>, base: &RunId, body: &ResetWorkflow) -> Result<Execution, Refusal> {
    let known = change.workflow.runs.get(base).ok_or(Refusal::WorkflowNotFound)?;
    let shared = &body.past.base[..place(body.finish)];
    let new_run = change.at.new_run.clone();
    let broken = || Refusal::Broken { run: base.clone(), what: "a history that does not begin with a start".into() };
    let mut made = fold::rebuild(new_run.clone(), known.core.started_by.clone(), shared).ok_or_else(broken)?;
    if made.core.task.is_none() {
        let range = "[WorkflowTaskScheduled +1, WorkflowTaskStarted + 1]";
        let why = format!("Can only reset workflow to event ID in range {range}: {}", body.finish);
        return Err(Refusal::InvalidArgument(why.into()));
    }
    made.core.branch = known.core.branch.divide(body.finish, new_run);
    made.core.head = body.past.head;
    made.core.made_by_reset =
        Some(Arc::new(ResetFacts { base: base.clone(), divided_at: body.finish, at: change.at.now }));
    expire_anew(&mut made, change.at.now);
    Ok(made)
}

/// Timeouts of the run and of the chain count from the reset.
fn expire_anew(made: &mut Execution, now: crate::time::Timestamp) {
    let start = &made.core.start;
    let after = |span: Duration| (!span.is_zero()).then(|| now.after(span));
    let whole = after(start.execution_timeout);
    made.core.run_expires_at = after(start.run_timeout).map(|own| whole.map_or(own, |whole| own.min(whole)));
    made.core.execution_expires_at = whole;
}

/// Notes the reset in its base, and ends the run that is open. What that wrote to a run whose events are taken along is
/// given back.
fn supersede(
    change: &mut Change<'_>,
    base: &RunId,
    body: &ResetWorkflow,
) -> Result<Option<(RunId, Vec<HistoryEvent>)>, Refusal> {
    let new_run = change.at.new_run.clone();
    change.run(base).ok_or(Refusal::WorkflowNotFound)?.core.reset_run = Some(new_run);
    let current = change.workflow.current.as_ref().map(|current| current.run.clone());
    let Some(current) = current.filter(|_| change.workflow.open().is_some()) else { return Ok(None) };
    let is_visited = *body.past.later.last().map_or(base, |(run, _)| run) == current;
    let mut run = change.run(&current).ok_or(Refusal::WorkflowNotFound)?;
    let taken_over = if current == *base { body.finish } else { EventId::NONE };
    run.supersede(taken_over);
    let identity = Identity::from(RESETTER);
    let reason = body.reason.clone();
    terminate::now(&mut run, TerminateBody { identity, reason, details: None, links: Vec::new() });
    let appended = run.appended().to_vec();
    Ok(is_visited.then_some((current, appended)))
}

/// Puts the new run beside the others, as the current one.
fn adopt(change: &mut Change<'_>, body: &ResetWorkflow, made: Execution) -> RunId {
    let new_run = made.core.run.clone();
    change.workflow.current = Some(CurrentRun { reset_by: Some(body.request.clone()), ..CurrentRun::of(&made.core) });
    change.adopt(made);
    new_run
}

/// The workflow task of the place ends as failed, by the reset.
fn fail_task(run: &mut Run<'_>, base: &RunId, reason: &str) -> Result<(), Refusal> {
    let task = run.core.task.clone().ok_or(Refusal::WorkflowTaskNotFound)?;
    let started = match &task.stage {
        WorkflowTaskStage::Started(started) => started.event_id,
        WorkflowTaskStage::Scheduled(_) => {
            let poller = Poller {
                identity: Identity::from(SERVER),
                request: RequestId::from("emptyUuid"),
                version: None,
                deployment: None,
            };
            let seen =
                Seen { events: run.core.next_event_id.0, bytes: run.core.history_bytes, too_many_updates: false };
            run.append(event::workflow_task::started(task.scheduled_event_id, &poller, &seen, &run.at.settings.limits))
        }
    };
    let why = event::workflow_task::TaskFailure {
        cause: WorkflowTaskFailedCause::ResetWorkflow,
        failure: Some(failure(reason)),
        identity: Identity::from(SERVER),
    };
    let mut failed = event::workflow_task::failed(&task, started, why);
    if let Some(Attributes::WorkflowTaskFailedEventAttributes(it)) = &mut failed.attributes {
        base.as_str().clone_into(&mut it.base_run_id);
        run.core.run.as_str().clone_into(&mut it.new_run_id);
    }
    run.append(failed);
    Ok(())
}

fn failure(reason: &str) -> Failure {
    Failure {
        message: reason.to_owned(),
        failure_info: Some(FailureInfo::ResetWorkflowFailureInfo(ResetWorkflowFailureInfo::default())),
        ..Failure::default()
    }
}

/// No worker has an activity of the new run yet: each is offered as if it were scheduled now.
fn offer_activities_again(run: &mut Run<'_>) {
    let now = run.now();
    let pending: Vec<EventId> = run.activities.keys().copied().collect();
    for id in pending {
        run.activities.update(&id, |activity| {
            activity.scheduled_at = now;
            activity.stage = ActivityStage::Scheduled { at: now };
        });
    }
}
