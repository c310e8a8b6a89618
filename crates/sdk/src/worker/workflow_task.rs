//! One workflow task: history in, an answer out.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tonic::{Request, Status};
use tracing::{error, warn};
use weft_client::WorkflowService;
use weft_protocol::{
    api::{
        command::{Command, command::Attributes},
        common::{Payloads, WorkflowExecution},
        enums::{QueryResultType, TaskQueueKind, WorkflowTaskFailedCause as Cause},
        failure::Failure,
        history::HistoryEvent,
        protocol::Message,
        query::WorkflowQueryResult,
        sdk::WorkflowTaskCompletedMetadata,
        taskqueue::{StickyExecutionAttributes, TaskQueue},
        workflowservice::{
            PollWorkflowTaskQueueResponse, RespondQueryTaskCompletedRequest, RespondWorkflowTaskCompletedRequest,
            RespondWorkflowTaskCompletedResponse, RespondWorkflowTaskFailedRequest,
        },
    },
    time::{duration, proto_duration},
};
use weft_replay::{Completion, Config, Fault, Info, Progress, Query, Run, application};

use crate::interceptor::{self, Caller, Intercepted};

use super::{
    SDK_NAME, Shared, activity_task, history,
    local::{self, Ended},
    registry::MakeProgram,
    report,
    slots::Slot,
    thread::{Home, Runs},
};

/// What a task is told of its workflow, apart from its history.
#[derive(Clone)]
struct Asked {
    run: WorkflowExecution,
    kind: String,
    token: Vec<u8>,
}

type Answered = Result<Option<Payloads>, Box<Failure>>;

/// Why a task got no answer.
enum Trouble {
    /// The code is to blame: the server is told.
    Code(Cause, Box<Failure>),
    /// The server is, or the worker stops: the task will come again.
    Passing(Option<Status>),
}

/// Works on a task that was polled.
pub(crate) async fn polled(shared: Arc<Shared>, task: PollWorkflowTaskQueueResponse, _slot: Slot) {
    let asked = Asked {
        run: task.workflow_execution.clone().unwrap_or_default(),
        token: task.task_token.clone(),
        kind: String::new(),
    };
    match report::decoded(&shared, task).await {
        Ok(task) => work(shared, task).await,
        Err(status) => failed(&shared, &asked, passing(status)).await,
    }
}

/// Works on a task, and on those that come with the answers.
async fn work(shared: Arc<Shared>, task: PollWorkflowTaskQueueResponse) {
    let mut next = Some(task);
    let mut locals = FuturesUnordered::new();
    while let Some(task) = next.take() {
        let asked = Asked {
            run: task.workflow_execution.clone().unwrap_or_default(),
            kind: task.workflow_type.clone().unwrap_or_default().name,
            token: task.task_token.clone(),
        };
        let began = shared.clock.monotonic();
        let done = one(&shared, task, &asked, &mut locals).await;
        shared.counts.workflow_tasks.count(shared.clock.monotonic() - began, done.is_err());
        match done {
            Ok(following) => next = following.map(|task| *task),
            Err(trouble) => {
                let run_id = asked.run.run_id.clone();
                shared.threads.call(&run_id.clone(), move |runs| runs.forget(&run_id)).await;
                failed(&shared, &asked, trouble).await;
            }
        }
        if next.is_none() && !locals.is_empty() {
            // Nobody is left to hear of them: the next worker does them again.
            let run_id = asked.run.run_id.clone();
            shared.threads.call(&run_id.clone(), move |runs| runs.forget(&run_id)).await;
        }
    }
}

type Locals = FuturesUnordered<crate::activity::BoxFuture<Ended>>;

async fn one(
    shared: &Arc<Shared>,
    mut task: PollWorkflowTaskQueueResponse,
    asked: &Asked,
    locals: &mut Locals,
) -> Result<Option<Box<PollWorkflowTaskQueueResponse>>, Trouble> {
    let make = shared.registry.find_workflow(&asked.kind).map_err(|message| {
        // Another worker may have it: the task is not failed for good.
        Trouble::Code(Cause::WorkflowWorkerUnhandledFailure, application(message, "UnknownWorkflow", false))
    })?;
    let began = shared.clock.monotonic();
    let events = history::rest(shared, &mut task).await.map_err(passing)?;
    let messages = std::mem::take(&mut task.messages);
    let progress = advance(shared, asked, make, events, messages).await?;
    if let Some(query) = task.query {
        let query = Query { name: query.query_type, input: query.query_args, header: query.header };
        let mut answers = finish(shared, asked, vec![(String::new(), query)], false).await?.1;
        let answer = answers.pop().map_or_else(|| Ok(None), |(_, answer)| answer);
        report::told("query", respond_query(shared, asked, answer).await);
        return Ok(None);
    }
    if !progress.is_live {
        // Nothing was asked: the history ends before the task that this is.
        return Err(Trouble::Passing(None));
    }
    let queries = task
        .queries
        .into_iter()
        .map(|(id, it)| (id, Query { name: it.query_type, input: it.query_args, header: it.header }));
    let queries: Vec<(String, Query)> = queries.collect();
    let caller = caller(shared, asked).await;
    let unfinished = run_locals(shared, &caller, progress.local, locals, began).await?;
    let (mut completion, answers) = finish(shared, asked, queries, true).await?;
    interceptor::outbound(&shared.interceptors, &caller, &mut completion.commands);
    respond(shared, asked, completion, answers, unfinished).await
}

/// The workflow as interceptors know it; its headers only where there are interceptors.
async fn caller(shared: &Shared, asked: &Asked) -> Caller {
    let headers = if shared.interceptors.is_empty() {
        None
    } else {
        let run_id = asked.run.run_id.clone();
        let header = |run: &mut Run| run.info().started.header.clone();
        shared.threads.call(&asked.run.run_id, move |runs| runs.busy(&run_id).and_then(header)).await.flatten()
    };
    Caller::new(asked.run.clone(), asked.kind.clone(), headers.unwrap_or_default().fields)
}

/// Feeds a run; one that is not known, or is known wrongly, is built anew from the whole history.
async fn advance(
    shared: &Arc<Shared>,
    asked: &Asked,
    make: MakeProgram,
    events: Vec<HistoryEvent>,
    messages: Vec<Message>,
) -> Result<Progress, Trouble> {
    let is_whole = events.first().is_some_and(|event| event.event_id == 1);
    let (events, messages) = if is_whole {
        (events, messages)
    } else {
        let run_id = asked.run.run_id.clone();
        let resumed = shared.threads.call(&asked.run.run_id, move |runs| match runs.resume(&run_id) {
            Some(run) if run.continues_with(&events) => Ok(run.advance(events, messages)),
            Some(_) | None => Err((events, messages)),
        });
        match resumed.await.ok_or(Trouble::Passing(None))? {
            Ok(advanced) => {
                shared.counts.sticky_hits.fetch_add(1, Relaxed);
                return advanced.map_err(trouble);
            }
            Err((end, messages)) => {
                shared.counts.sticky_misses.fetch_add(1, Relaxed);
                let whole = history::whole(shared, Some(asked.run.clone()), end).await.map_err(passing)?;
                (whole, messages)
            }
        }
    };
    if events.len() > NEW_RUN_EVENTS {
        shared.counts.replays.fetch_add(1, Relaxed);
    }
    let (namespace, task_queue) = (shared.client.namespace().to_owned(), shared.queue.clone());
    let interceptors = Arc::clone(&shared.interceptors);
    let WorkflowExecution { workflow_id, run_id } = asked.run.clone();
    let built = shared.threads.call(&asked.run.run_id, move |runs: &mut Runs| {
        let info = Info { namespace, workflow_id, run_id, task_queue, ..Info::default() };
        let foreign = Some(Home::here(info.workflow_id.clone()) as Arc<dyn weft_replay::Foreign>);
        let run_id = info.run_id.clone();
        let program = Box::new(move |context| Intercepted::program(&interceptors, context, make));
        let run = Run::new(Config { info, foreign, program });
        runs.begin(&run_id, run).advance(events, messages)
    });
    built.await.ok_or(Trouble::Passing(None))?.map_err(trouble)
}

/// A run that begins has its start, its task's schedule and its task's start.
const NEW_RUN_EVENTS: usize = 3;

/// Runs local activities until none is left or the task's time is nearly over; `true` in the latter case.
async fn run_locals(
    shared: &Arc<Shared>,
    caller: &Caller,
    wanted: Vec<weft_replay::LocalActivity>,
    locals: &mut Locals,
    began: Duration,
) -> Result<bool, Trouble> {
    locals.extend(wanted.into_iter().map(|it| local::run(shared, caller, it)));
    if locals.is_empty() {
        return Ok(false);
    }
    let run_id = caller.workflow.run_id.clone();
    let limit = shared.threads.call(&run_id.clone(), move |runs| runs.busy(&run_id).map(task_limit)).await.flatten();
    let mut over = shared.clock.sleep_until(began + limit.unwrap_or(TASK_LIMIT).mul_f64(0.8));
    loop {
        let ended = tokio::select! {
            ended = locals.next() => ended,
            () = &mut over => return Ok(true),
        };
        let Some(ended) = ended else { return Ok(false) };
        let run_id = caller.workflow.run_id.clone();
        let told = shared.threads.call(&caller.workflow.run_id, move |runs| match runs.busy(&run_id) {
            Some(run) => run.end_local(&ended.id, ended.attempt, ended.result),
            None => Err(Fault::Stale),
        });
        let progress = told.await.ok_or(Trouble::Passing(None))?.map_err(trouble)?;
        locals.extend(progress.local.into_iter().map(|it| local::run(shared, caller, it)));
    }
}

const TASK_LIMIT: Duration = Duration::from_secs(10);

fn task_limit(run: &mut Run) -> Duration {
    let given = run.info().started.workflow_task_timeout;
    given.and_then(|it| duration(&it).ok()).filter(|it| !it.is_zero()).unwrap_or(TASK_LIMIT)
}

/// Takes the answer out of a run, with those to queries, and keeps the run.
async fn finish(
    shared: &Shared,
    asked: &Asked,
    queries: Vec<(String, Query)>,
    is_live: bool,
) -> Result<(Completion, Vec<(String, Answered)>), Trouble> {
    let run_id = asked.run.run_id.clone();
    let finished = shared.threads.call(&asked.run.run_id, move |runs| {
        let run = runs.busy(&run_id)?;
        let completion = if is_live { run.complete() } else { Completion::default() };
        let answers = queries.into_iter().map(|(id, query)| (id, run.query(&query))).collect();
        if completion.ends {
            runs.forget(&run_id);
        } else {
            runs.keep(&run_id);
        }
        Some((completion, answers))
    });
    finished.await.flatten().ok_or(Trouble::Passing(None))
}

async fn respond(
    shared: &Arc<Shared>,
    asked: &Asked,
    completion: Completion,
    answers: Vec<(String, Answered)>,
    unfinished: bool,
) -> Result<Option<Box<PollWorkflowTaskQueueResponse>>, Trouble> {
    let mut commands = completion.commands;
    let mut slots = eager(shared, &mut commands);
    let query_results: HashMap<String, WorkflowQueryResult> =
        answers.into_iter().map(|(id, answer)| (id, query_result(answer))).collect();
    let request = RespondWorkflowTaskCompletedRequest {
        namespace: shared.client.namespace().to_owned(),
        identity: shared.client.identity().to_owned(),
        task_token: asked.token.clone(),
        commands,
        messages: completion.messages,
        query_results,
        sticky_attributes: sticky(shared),
        deployment_options: shared.deployment_options(),
        return_new_workflow_task: true,
        force_create_new_workflow_task: unfinished,
        sdk_metadata: Some(WorkflowTaskCompletedMetadata {
            sdk_name: SDK_NAME.to_owned(),
            sdk_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..WorkflowTaskCompletedMetadata::default()
        }),
        ..RespondWorkflowTaskCompletedRequest::default()
    };
    let send = |mut stub: WorkflowService, request: Request<_>| async move {
        stub.respond_workflow_task_completed(request).await
    };
    let answer: RespondWorkflowTaskCompletedResponse = report::insist(shared, request, send).await.map_err(passing)?;
    if answer.reset_history_event_id > 0 {
        let (run_id, event_id) = (asked.run.run_id.clone(), answer.reset_history_event_id);
        let told = shared.threads.call(&asked.run.run_id, move |runs| {
            if let Some(run) = runs.resume(&run_id) {
                run.forget_after(event_id);
            }
            runs.keep(&run_id);
        });
        told.await;
    }
    for task in answer.activity_tasks {
        // A server hands over no more than it was asked for.
        let Some(slot) = slots.pop() else { break };
        shared.tasks.spawn(activity_task::run(Arc::clone(shared), task, slot));
    }
    Ok(answer.workflow_task.filter(|task| !task.task_token.is_empty()).map(Box::new))
}

/// Asks for activities at once, without a poll, where there is room for them now; the others go through the queue.
fn eager(shared: &Shared, commands: &mut [Command]) -> Vec<Slot> {
    let mut slots = Vec::new();
    for command in commands {
        let Some(Attributes::ScheduleActivityTaskCommandAttributes(schedule)) = &mut command.attributes else {
            continue;
        };
        if !schedule.request_eager_execution {
            continue;
        }
        let name = schedule.activity_type.as_ref().map(|kind| kind.name.as_str()).unwrap_or_default();
        let here = slots.len() < EAGER_MAX
            && shared.rate.is_none()
            && shared.settings.queue_activities_per_second.is_none()
            && shared.registry.find_activity(name).is_ok();
        match here.then(|| shared.activity_slots.try_take()).flatten() {
            Some(slot) => slots.push(slot),
            None => schedule.request_eager_execution = false,
        }
    }
    slots
}

/// Activities that one workflow task may begin here at once. More are for other workers as well.
const EAGER_MAX: usize = 3;

fn sticky(shared: &Shared) -> Option<StickyExecutionAttributes> {
    (shared.settings.cached_workflows_max > 0).then(|| StickyExecutionAttributes {
        worker_task_queue: Some(TaskQueue {
            name: shared.sticky_queue.clone(),
            kind: TaskQueueKind::Sticky.into(),
            normal_name: shared.queue.clone(),
        }),
        schedule_to_start_timeout: Some(proto_duration(shared.settings.sticky_for)),
    })
}

fn query_result(answer: Answered) -> WorkflowQueryResult {
    match answer {
        Ok(answer) => {
            WorkflowQueryResult { result_type: QueryResultType::Answered.into(), answer, ..Default::default() }
        }
        Err(failure) => WorkflowQueryResult {
            result_type: QueryResultType::Failed.into(),
            error_message: failure.message.clone(),
            failure: Some(*failure),
            ..Default::default()
        },
    }
}

async fn respond_query(shared: &Shared, asked: &Asked, answer: Answered) -> Result<(), Status> {
    let result = query_result(answer);
    let request = RespondQueryTaskCompletedRequest {
        namespace: shared.client.namespace().to_owned(),
        task_token: asked.token.clone(),
        completed_type: result.result_type,
        query_result: result.answer,
        error_message: result.error_message,
        failure: result.failure,
        ..RespondQueryTaskCompletedRequest::default()
    };
    let send = |mut stub: WorkflowService, request: Request<_>| async move {
        stub.respond_query_task_completed(request).await
    };
    report::insist(shared, request, send).await.map(drop)
}

/// What a call ended with. The codec is the user's code, and its failure is said where the workflow is looked at.
fn passing(status: Status) -> Trouble {
    if report::is_codecs(&status) {
        let failure = application(status.message().to_owned(), "Codec", false);
        return Trouble::Code(Cause::WorkflowWorkerUnhandledFailure, failure);
    }
    Trouble::Passing(Some(status))
}

fn trouble(fault: Fault) -> Trouble {
    match fault {
        Fault::Diverged(divergence) => {
            Trouble::Code(Cause::NonDeterministicError, application(divergence.to_string(), "Nondeterminism", false))
        }
        Fault::TaskFailed(failure) => Trouble::Code(Cause::WorkflowWorkerUnhandledFailure, failure),
        Fault::History(message) => {
            Trouble::Code(Cause::WorkflowWorkerUnhandledFailure, application(message, "BadHistory", false))
        }
        Fault::Stale => Trouble::Passing(None),
    }
}

async fn failed(shared: &Shared, asked: &Asked, trouble: Trouble) {
    let (cause, failure) = match trouble {
        Trouble::Code(cause, failure) => (cause, failure),
        Trouble::Passing(Some(status)) => return report::told("workflow task", Err(status)),
        Trouble::Passing(None) => {
            return warn!(workflow = asked.run.workflow_id, "a workflow task is left to its timeout");
        }
    };
    error!(workflow = asked.run.workflow_id, run = asked.run.run_id, why = failure.message, "workflow task failed");
    let request = RespondWorkflowTaskFailedRequest {
        namespace: shared.client.namespace().to_owned(),
        identity: shared.client.identity().to_owned(),
        task_token: asked.token.clone(),
        cause: cause.into(),
        failure: Some(*failure),
        ..RespondWorkflowTaskFailedRequest::default()
    };
    let send = |mut stub: WorkflowService, request: Request<_>| async move {
        stub.respond_workflow_task_failed(request).await
    };
    report::told("workflow task", report::insist(shared, request, send).await.map(drop));
}
