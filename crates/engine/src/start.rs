//! Starting a workflow, and what becomes of a start when the workflow id has run before.
//!
//! Invariant: a request id that was accepted once is answered as then, before any policy is looked at.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec,
};
use core::time::Duration;

use weft_protocol::api::{
    common::{Callback, Payload, Payloads, WorkflowExecution, WorkflowType},
    enums::ContinueAsNewInitiator as Initiator,
    history::{HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event::Attributes},
};

use crate::{
    answer::{Answer, Started},
    change::Change,
    cron, event,
    ids::{EventId, RunId},
    payload,
    refusal::{Refusal, StartConflict},
    request::{ConflictPolicy, Poller, ReusePolicy, SignalBody, StartWorkflow},
    signal,
    state::{CurrentRun, RetryPolicy, Status, WorkflowTaskStage},
    terminate,
    time::{not_above, wire_span},
    update::carry::Resend,
    versioning,
    workflow_task::{schedule, start as task_start},
};

/// The workflow that starts a child.
pub(crate) struct Parent {
    pub(crate) execution: WorkflowExecution,
    pub(crate) namespace: String,
    pub(crate) namespace_id: String,
    pub(crate) initiated_event_id: EventId,
    pub(crate) root: WorkflowExecution,
    /// As the parent's event has them: what is not set there is not set here.
    pub(crate) execution_timeout: Option<weft_protocol::Duration>,
    pub(crate) run_timeout: Option<weft_protocol::Duration>,
}

/// Who starts a workflow that no client starts.
pub(crate) enum Starter {
    Parent(Parent),
    /// A schedule, which is told of the end by this.
    Schedule(Callback),
}

/// What a start comes to.
enum Way {
    Fresh,
    /// This request started, or attached itself to, the current run before.
    Repeated {
        started: bool,
    },
    UseExisting,
    TerminateFirst,
}

/// A client starts a workflow.
pub(crate) fn start(change: &mut Change<'_>, body: StartWorkflow) -> Result<Answer, Refusal> {
    match way(change, &body)? {
        Way::Fresh => begin(change, body, None, None).map(Answer::Started),
        Way::Repeated { started } => Ok(Answer::Started(existing(change, &body, started)?)),
        Way::UseExisting => {
            attach(change, &body)?;
            Ok(Answer::Started(existing(change, &body, false)?))
        }
        Way::TerminateFirst => {
            terminate_existing(change)?;
            begin(change, body, None, None).map(Answer::Started)
        }
    }
}

/// A workflow starts another one; says which run it is.
pub(crate) fn start_child(change: &mut Change<'_>, body: StartWorkflow, parent: Parent) -> Result<RunId, Refusal> {
    let started = match way(change, &body)? {
        Way::Fresh => begin(change, body, None, Some(Starter::Parent(parent)))?,
        Way::Repeated { started } => existing(change, &body, started)?,
        Way::UseExisting => existing(change, &body, false)?,
        Way::TerminateFirst => {
            terminate_existing(change)?;
            begin(change, body, None, Some(Starter::Parent(parent)))?
        }
    };
    Ok(started.run)
}

/// A schedule starts a workflow; says which run it is.
pub(crate) fn start_action(change: &mut Change<'_>, body: StartWorkflow, callback: Callback) -> Result<RunId, Refusal> {
    let started = match way(change, &body)? {
        Way::Fresh => begin(change, body, None, Some(Starter::Schedule(callback)))?,
        Way::Repeated { started } => existing(change, &body, started)?,
        Way::UseExisting => existing(change, &body, false)?,
        Way::TerminateFirst => {
            terminate_existing(change)?;
            begin(change, body, None, Some(Starter::Schedule(callback)))?
        }
    };
    Ok(started.run)
}

/// A client signals a workflow and starts it if it does not run.
pub(crate) fn signal_with_start(
    change: &mut Change<'_>,
    body: StartWorkflow,
    signal: SignalBody,
) -> Result<Answer, Refusal> {
    match way(change, &body)? {
        Way::Fresh => begin(change, body, Some(signal), None).map(Answer::Started),
        // While the run is open a repetition is a signal that is there already.
        Way::Repeated { started } => {
            let open = change.workflow.open().is_some();
            Ok(Answer::Started(existing(change, &body, started && !open)?))
        }
        Way::UseExisting => {
            let mut run = change.open_run(&crate::request::Target::default())?;
            signal::record(&mut run, signal)?;
            schedule::at_once(&mut run);
            Ok(Answer::Started(existing(change, &body, false)?))
        }
        Way::TerminateFirst => {
            terminate_existing(change)?;
            begin(change, body, Some(signal), None).map(Answer::Started)
        }
    }
}

/// Request ids first, then the conflict policy for an open run, or the reuse policy for a closed one.
fn way(change: &Change<'_>, body: &StartWorkflow) -> Result<Way, Refusal> {
    versioning::check(body.versioning_override.as_ref(), &body.queue)?;
    let Some(current) = &change.workflow.current else { return Ok(Way::Fresh) };
    if current.started_by == body.request {
        return Ok(Way::Repeated { started: true });
    }
    if current.attached.contains(&body.request) {
        return Ok(Way::Repeated { started: false });
    }
    if current.status.is_open() {
        return match body.conflict {
            ConflictPolicy::Fail => Err(already_started(current, StartConflict::Running)),
            ConflictPolicy::UseExisting => Ok(Way::UseExisting),
            ConflictPolicy::TerminateExisting => Ok(Way::TerminateFirst),
        };
    }
    match body.reuse {
        ReusePolicy::AllowDuplicate => Ok(Way::Fresh),
        ReusePolicy::AllowDuplicateFailedOnly if ended_badly(current.status) => Ok(Way::Fresh),
        ReusePolicy::AllowDuplicateFailedOnly => Err(already_started(current, StartConflict::FinishedSuccessfully)),
        ReusePolicy::RejectDuplicate => Err(already_started(current, StartConflict::Finished)),
    }
}

fn ended_badly(status: Status) -> bool {
    match status {
        Status::Failed | Status::Canceled | Status::Terminated | Status::TimedOut => true,
        Status::Running | Status::Paused | Status::Completed | Status::ContinuedAsNew => false,
    }
}

fn already_started(current: &CurrentRun, conflict: StartConflict) -> Refusal {
    Refusal::AlreadyStarted {
        run: current.run.clone(),
        first_run: current.first_run.clone(),
        request: current.started_by.clone(),
        conflict,
    }
}

/// The answer that names the current run. A first task that was handed over with the first answer, and is still out, is
/// handed over again.
fn existing(change: &mut Change<'_>, body: &StartWorkflow, started: bool) -> Result<Started, Refusal> {
    let current = change.workflow.current.clone().ok_or(Refusal::WorkflowNotFound)?;
    let eager_task = match &body.eager {
        Some(_) if started => change.run(&current.run).and_then(|run| match run.task() {
            Some(task) if task.attempt == 1 && is_eager(&task.stage) => task_start::hand_over(&run).map(Box::new),
            Some(_) | None => None,
        }),
        Some(_) | None => None,
    };
    let attached = current.attached.contains(&body.request);
    let CurrentRun { run, first_run, status, .. } = current;
    Ok(Started { run, first_run, started, attached, status, eager_task })
}

/// A first task that started in the same breath as the run has event 3.
fn is_eager(stage: &WorkflowTaskStage) -> bool {
    match stage {
        WorkflowTaskStage::Started(started) => started.event_id == EventId(3),
        WorkflowTaskStage::Scheduled(_) => false,
    }
}

/// A start that uses the existing run leaves there what it was asked to leave.
fn attach(change: &mut Change<'_>, body: &StartWorkflow) -> Result<(), Refusal> {
    let request = body.on_conflict.attach_request_id.then_some(&body.request);
    let attached = change.workflow.current.as_ref().map_or(0, |current| current.attached.len());
    if request.is_some() && attached >= change.at.settings.limits.attached_requests {
        return Err(Refusal::InvalidArgument("exceeded workflow execution limit for attached request ids".into()));
    }
    let links = if body.on_conflict.attach_links { body.links.clone() } else { vec![] };
    let mut run = change.open_run(&crate::request::Target::default())?;
    if request.is_some() || !links.is_empty() {
        run.append(event::signal::attached(request, links));
    }
    if let (Some(request), Some(current)) = (request, &mut change.workflow.current) {
        current.attached.push(request.clone());
    }
    Ok(())
}

/// The open run makes room for the new one.
fn terminate_existing(change: &mut Change<'_>) -> Result<(), Refusal> {
    let text = format!("\"terminated by new runID: {}\"", change.at.new_run);
    let metadata = [("encoding".to_string(), b"json/plain".to_vec())].into_iter().collect();
    let payload = Payload { metadata, data: text.into_bytes(), ..Payload::default() };
    let mut run = change.open_run(&crate::request::Target::default())?;
    let body = terminate::body_of_server("TerminateIfRunning WorkflowIdReusePolicy");
    let details = Some(Payloads { payloads: vec![payload] });
    terminate::now(&mut run, crate::request::TerminateBody { details, ..body });
    Ok(())
}

/// Writes the start of a new run, the signal that came with it, and its first workflow task if that need not wait.
fn begin(
    change: &mut Change<'_>,
    body: StartWorkflow,
    signal: Option<SignalBody>,
    starter: Option<Starter>,
) -> Result<Started, Refusal> {
    let id = change.at.new_run.clone();
    let request = body.request.clone();
    let (mut event, eager) = started_event(change, body, &id)?;
    if let (Some(starter), Some(Attributes::WorkflowExecutionStartedEventAttributes(it))) =
        (starter, &mut event.attributes)
    {
        match starter {
            Starter::Parent(parent) => of_parent(it, parent),
            Starter::Schedule(callback) => it.completion_callbacks.push(callback),
        }
    }
    let mut run = change.create(&id, request, event);
    if let Some(signal) = signal {
        signal::record(&mut run, signal)?;
    }
    schedule::want(&mut run);
    let eager_task = eager.and_then(|poller| {
        task_start::begin(&mut run, &poller, false, Resend::All);
        task_start::hand_over(&run).map(Box::new)
    });
    let first_run = run.core.start.first_run.clone();
    let status = Status::Running;
    Ok(Started { run: id, first_run, started: true, attached: false, status, eager_task })
}

fn of_parent(attributes: &mut WorkflowExecutionStartedEventAttributes, parent: Parent) {
    attributes.parent_workflow_namespace = parent.namespace;
    attributes.parent_workflow_namespace_id = parent.namespace_id;
    attributes.parent_workflow_execution = Some(parent.execution);
    attributes.parent_initiated_event_id = parent.initiated_event_id.0;
    attributes.root_workflow_execution = Some(parent.root);
    attributes.workflow_execution_timeout = parent.execution_timeout;
    attributes.workflow_run_timeout = parent.run_timeout;
}

/// Event 1 of a workflow that a client starts, and the worker that takes the first task at once.
fn started_event(
    change: &Change<'_>,
    body: StartWorkflow,
    id: &RunId,
) -> Result<(HistoryEvent, Option<Poller>), Refusal> {
    let (at, settings) = (change.at, change.at.settings);
    let backoff = first_backoff(change, &body)?;
    let eager = body.eager.filter(|_| settings.eager_workflow_start && backoff.is_zero());
    let eager = eager.map(|poller| Poller { request: body.request.clone(), ..poller });
    let initiator = if body.cron.is_empty() { Initiator::Unspecified } else { Initiator::CronSchedule };
    let cut = |span: Duration| span.min(settings.timeout_max);
    let execution_timeout = cut(body.execution_timeout.unwrap_or_default());
    let run_timeout = not_above(cut(body.run_timeout.unwrap_or_default()), execution_timeout);
    let usual = if body.task_timeout.is_zero() { settings.workflow_task_timeout } else { body.task_timeout };
    let task_timeout = not_above(usual.min(settings.workflow_task_timeout_max), run_timeout);
    let expires =
        (!execution_timeout.is_zero()).then(|| at.now.after(body.start_delay).after(execution_timeout).wire());
    let attributes = WorkflowExecutionStartedEventAttributes {
        workflow_type: Some(WorkflowType { name: body.workflow_type.to_string() }),
        task_queue: Some(event::workflow::queue(&body.queue)),
        input: body.input,
        workflow_execution_timeout: body.execution_timeout.map(|_| wire_span(execution_timeout)),
        workflow_run_timeout: (body.run_timeout.is_some() || !run_timeout.is_zero()).then(|| wire_span(run_timeout)),
        workflow_task_timeout: Some(wire_span(task_timeout)),
        original_execution_run_id: id.to_string(),
        identity: body.identity.to_string(),
        first_execution_run_id: id.to_string(),
        retry_policy: body.retry.as_ref().map(RetryPolicy::wire),
        attempt: 1,
        initiator: initiator as i32,
        workflow_execution_expiration_time: expires,
        cron_schedule: body.cron.to_string(),
        first_workflow_task_backoff: Some(wire_span(backoff)),
        memo: body.memo.and_then(payload::memo),
        search_attributes: body.search_attributes.map(|given| payload::search_attributes(given, at.namespace)),
        header: body.header,
        workflow_id: change.workflow.key.workflow.to_string(),
        priority: body.priority,
        versioning_override: body.versioning_override.as_ref().map(versioning::plain),
        continued_failure: body.continued_failure,
        last_completion_result: body.last_completion_result,
        eager_execution_accepted: eager.is_some(),
        ..WorkflowExecutionStartedEventAttributes::default()
    };
    let event = event::workflow::started(attributes);
    Ok((HistoryEvent { user_metadata: body.user_metadata, links: body.links, ..event }, eager))
}

fn first_backoff(change: &Change<'_>, body: &StartWorkflow) -> Result<Duration, Refusal> {
    if body.cron.is_empty() {
        return Ok(body.start_delay);
    }
    cron::backoff(&body.cron, change.at.now, change.at)
        .ok_or_else(|| Refusal::InvalidArgument("cron schedule has no next time".into()))
}
