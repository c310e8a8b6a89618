//! One workflow task: history in, an answer out.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tonic::{Request, Status};
use tracing::{error, warn};
use weft_client::WorkflowService;
use weft_protocol::{
    api::{
        command::{Command, command::Attributes},
        common::{Header, Payloads, WorkflowExecution},
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
use weft_replay::{Completion, Fault, Progress, Query, Run, application};

use crate::interceptor::{self, Caller, Intercepted};

use super::{
    SDK_NAME, Shared, activity_task, history,
    local::Locals,
    report,
    slots::Slot,
    thread::{Runs, make_run},
};

/// What a task is told of its workflow, apart from its history.
#[derive(Clone)]
struct Asked {
    run: WorkflowExecution,
    kind: String,
    token: Vec<u8>,
    /// Nothing but a question, which leaves no trace.
    is_query: bool,
}

impl Asked {
    fn of(task: &PollWorkflowTaskQueueResponse) -> Self {
        Self {
            run: task.workflow_execution.clone().unwrap_or_default(),
            kind: task.workflow_type.clone().unwrap_or_default().name,
            token: task.task_token.clone(),
            is_query: task.query.is_some(),
        }
    }
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
    let asked = Asked::of(&task);
    match report::decoded(&shared, task).await {
        Ok(task) => work(shared, task).await,
        Err(status) => failed(&shared, &asked, passing(status)).await,
    }
}

/// Works on a task, and on those that come with the answers.
async fn work(shared: Arc<Shared>, task: PollWorkflowTaskQueueResponse) {
    let mut next = Some(task);
    let mut locals = Locals::default();
    while let Some(task) = next.take() {
        let asked = Asked::of(&task);
        let began = shared.clock.monotonic();
        let done = if asked.is_query {
            query(&shared, task, &asked).await.map(|()| None)
        } else {
            one(&shared, task, &asked, &mut locals, began).await
        };
        shared.counts.workflow_tasks.count(shared.clock.monotonic() - began, done.is_err());
        match done {
            Ok(following) => next = following.map(|task| *task),
            Err(trouble) => {
                if !asked.is_query {
                    forget(&shared, &asked).await;
                }
                failed(&shared, &asked, trouble).await;
            }
        }
        if next.is_none() && !locals.is_empty() {
            // Nobody is left to hear of them: the next worker does them again.
            forget(&shared, &asked).await;
        }
    }
}

async fn forget(shared: &Shared, asked: &Asked) {
    let run_id = asked.run.run_id.clone();
    shared.threads.call(&asked.run.run_id, move |runs| runs.forget(&run_id)).await;
}

/// Answers a question that came as a task of its own.
async fn query(shared: &Arc<Shared>, mut task: PollWorkflowTaskQueueResponse, asked: &Asked) -> Result<(), Trouble> {
    let Some(query) = task.query.take() else { return Ok(()) };
    let query = Query { name: query.query_type, input: query.query_args, header: query.header };
    let fed = advance(shared, asked, &mut task, Some(query)).await?;
    let answer = fed.answer.unwrap_or(Ok(None));
    respond_query(shared, asked, answer).await.map_err(passing)
}

async fn one(
    shared: &Arc<Shared>,
    mut task: PollWorkflowTaskQueueResponse,
    asked: &Asked,
    locals: &mut Locals,
    began: Duration,
) -> Result<Option<Box<PollWorkflowTaskQueueResponse>>, Trouble> {
    let fed = advance(shared, asked, &mut task, None).await?;
    if !fed.progress.is_live {
        // Nothing was asked: the history ends before the task that this is.
        return Err(Trouble::Passing(None));
    }
    let queries = task
        .queries
        .into_iter()
        .map(|(id, it)| (id, Query { name: it.query_type, input: it.query_args, header: it.header }));
    let queries: Vec<(String, Query)> = queries.collect();
    let caller = Caller::new(asked.run.clone(), asked.kind.clone(), fed.header.unwrap_or_default().fields);
    let over = began.saturating_add(fed.limit.mul_f64(0.8));
    let unfinished = run_locals(shared, &caller, fed.progress, locals, over).await?;
    let (mut completion, answers) = finish(shared, asked, queries).await?;
    interceptor::outbound(&shared.interceptors, &caller, &mut completion.commands);
    respond(shared, asked, completion, answers, unfinished).await
}

/// What became of a run that was fed with a task.
struct Fed {
    progress: Progress,
    /// How long the task may take.
    limit: Duration,
    /// The workflow's, only where there are interceptors to see it.
    header: Option<Header>,
    /// To a question that is a task of its own.
    answer: Option<Answered>,
}

/// What feeds a run, on its thread.
struct Feed {
    events: Vec<HistoryEvent>,
    messages: Vec<Message>,
    query: Option<Query>,
    wants_header: bool,
}

impl Feed {
    fn into(self, run: &mut Run) -> Result<Fed, Fault> {
        let progress = run.advance(self.events, self.messages)?;
        let started = &run.info().started;
        let given = started.workflow_task_timeout.and_then(|it| duration(&it).ok()).filter(|it| !it.is_zero());
        let header = if self.wants_header { started.header.clone() } else { None };
        let answer = self.query.map(|query| run.query(&query));
        Ok(Fed { progress, limit: given.unwrap_or(TASK_LIMIT), header, answer })
    }
}

const TASK_LIMIT: Duration = Duration::from_secs(10);

/// Feeds a run; one that is not known, or is known wrongly, is built anew from the whole history.
///
/// A question never takes a run from a task that is being worked on.
async fn advance(
    shared: &Arc<Shared>,
    asked: &Asked,
    task: &mut PollWorkflowTaskQueueResponse,
    query: Option<Query>,
) -> Result<Fed, Trouble> {
    let make = shared.registry.find_workflow(&asked.kind).map_err(|message| {
        // Another worker may have it: the task is not failed for good.
        Trouble::Code(Cause::WorkflowWorkerUnhandledFailure, application(message, "UnknownWorkflow", false))
    })?;
    let events = history::rest(shared, task).await.map_err(passing)?;
    let messages = std::mem::take(&mut task.messages);
    let is_whole = events.first().is_some_and(|event| event.event_id == 1);
    let mut feed = Feed { events, messages, query, wants_header: !shared.interceptors.is_empty() };
    if !is_whole {
        let run_id = asked.run.run_id.clone();
        let resumed = shared.threads.call(&asked.run.run_id, move |runs| resume(runs, &run_id, feed));
        match resumed.await.ok_or(Trouble::Passing(None))? {
            Ok(fed) => {
                shared.counts.sticky_hits.fetch_add(1, Relaxed);
                return fed.map_err(trouble);
            }
            Err(unfit) => feed = *unfit,
        }
        shared.counts.sticky_misses.fetch_add(1, Relaxed);
        let end = std::mem::take(&mut feed.events);
        feed.events = history::whole(shared, Some(asked.run.clone()), end).await.map_err(passing)?;
    }
    if feed.events.len() > NEW_RUN_EVENTS {
        shared.counts.replays.fetch_add(1, Relaxed);
    }
    let (namespace, task_queue) = (shared.client.namespace().to_owned(), shared.queue.clone());
    let interceptors = Arc::clone(&shared.interceptors);
    let names = asked.run.clone();
    let built = shared.threads.call(&asked.run.run_id, move |runs: &mut Runs| {
        let run_id = names.run_id.clone();
        let program = Box::new(move |context| Intercepted::program(&interceptors, context, make));
        let mut run = make_run(namespace, names, task_queue, program);
        match (feed.query.is_some(), runs.is_busy(&run_id)) {
            (true, true) => feed.into(&mut run),
            (true, false) => {
                let fed = feed.into(runs.begin(&run_id, run));
                after_question(runs, &run_id, &fed);
                fed
            }
            (false, _) => feed.into(runs.begin(&run_id, run)),
        }
    });
    built.await.ok_or(Trouble::Passing(None))?.map_err(trouble)
}

/// Feeds a run that is known; gives back what does not continue it.
fn resume(runs: &mut Runs, run_id: &str, feed: Feed) -> Result<Result<Fed, Fault>, Box<Feed>> {
    if !runs.known(run_id).is_some_and(|run| run.continues_with(&feed.events)) {
        return Err(Box::new(feed));
    }
    let goes_back = feed.query.is_some() && !runs.is_busy(run_id);
    let Some(run) = runs.resume(run_id) else { return Err(Box::new(feed)) };
    let fed = feed.into(run);
    if goes_back {
        after_question(runs, run_id, &fed);
    }
    Ok(fed)
}

/// Keeps the run that a question was put to, unless the history that came with it ended in a workflow task: whoever has
/// that task answers it, and this run would hold its own answer, which nobody hears, against what history will have.
fn after_question(runs: &mut Runs, run_id: &str, fed: &Result<Fed, Fault>) {
    runs.give_back(run_id, fed.as_ref().is_ok_and(|fed| !fed.progress.is_live));
}

/// A run that begins has its start, its task's schedule and its task's start.
const NEW_RUN_EVENTS: usize = 3;

/// Runs local activities until none is left that the workflow waits for, or the task's time is nearly over; `true` in the
/// latter case.
async fn run_locals(
    shared: &Arc<Shared>,
    caller: &Caller,
    progress: Progress,
    locals: &mut Locals,
    over: Duration,
) -> Result<bool, Trouble> {
    locals.follow(shared, caller, progress);
    if locals.is_empty() {
        return Ok(false);
    }
    let mut over = shared.clock.sleep_until(over);
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
        locals.follow(shared, caller, progress);
        if locals.is_empty() {
            return Ok(false);
        }
    }
}

/// Takes the answer out of a run, with those to queries, and keeps the run.
async fn finish(
    shared: &Shared,
    asked: &Asked,
    queries: Vec<(String, Query)>,
) -> Result<(Completion, Vec<(String, Answered)>), Trouble> {
    let run_id = asked.run.run_id.clone();
    let finished = shared.threads.call(&asked.run.run_id, move |runs| {
        let run = runs.busy(&run_id)?;
        let completion = run.complete();
        let answers = queries.into_iter().map(|(id, query)| (id, run.query(&query))).collect();
        runs.give_back(&run_id, !completion.ends);
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
        shared.counts.eager_activities.fetch_add(1, Relaxed);
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
            && shared.registry.has_activity(name)
            && shared.rate.is_none()
            && shared.settings.queue_activities_per_second.is_none();
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
    if asked.is_query {
        // Whoever asked hears why there is no answer.
        return report::told("query", respond_query(shared, asked, Err(failure)).await);
    }
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

#[cfg(test)]
mod tests {
    use weft_protocol::api::{
        enums::EventType,
        history::{WorkflowExecutionStartedEventAttributes, history_event::Attributes as Event},
    };
    use weft_replay::{End, Program, Reaction, Signal, UpdateRequest};

    use super::*;

    /// Waits for ever.
    struct Patient;

    impl Program for Patient {
        fn main(&mut self) -> weft_replay::Task {
            Box::pin(std::future::pending())
        }

        fn signal(&mut self, _: Signal) -> Reaction {
            Reaction::Done(End::Handler)
        }

        fn validate(&mut self, _: &UpdateRequest) -> Result<(), Box<Failure>> {
            Ok(())
        }

        fn update(&mut self, _: UpdateRequest) -> Reaction {
            Reaction::Done(End::Update(Ok(None)))
        }

        fn query(&mut self, _: &Query) -> Answered {
            Ok(None)
        }
    }

    /// The run `r` after its first workflow task.
    fn runs() -> Runs {
        let names = WorkflowExecution { workflow_id: "w".to_owned(), run_id: "r".to_owned() };
        let mut run = make_run(String::new(), names, String::new(), Box::new(|_| Ok(Box::new(Patient))));
        let started =
            Event::WorkflowExecutionStartedEventAttributes(WorkflowExecutionStartedEventAttributes::default());
        let history = vec![
            HistoryEvent { attributes: Some(started), ..event(1, EventType::WorkflowExecutionStarted) },
            event(2, EventType::WorkflowTaskScheduled),
            event(3, EventType::WorkflowTaskStarted),
            event(4, EventType::WorkflowTaskCompleted),
        ];
        run.advance(history, Vec::new()).expect("it is a history");
        let mut runs = Runs::new(10);
        runs.begin("r", run);
        runs.keep("r");
        runs
    }

    fn event(event_id: i64, kind: EventType) -> HistoryEvent {
        HistoryEvent { event_id, event_type: kind.into(), ..HistoryEvent::default() }
    }

    fn ask(runs: &mut Runs, events: Vec<HistoryEvent>) -> Fed {
        let feed = Feed { events, messages: Vec::new(), query: Some(Query::default()), wants_header: false };
        let Ok(Ok(fed)) = resume(runs, "r", feed) else { panic!("the run is there and can go on") };
        assert_eq!(fed.answer, Some(Ok(None)));
        fed
    }

    #[test]
    fn a_run_that_was_asked_something_is_kept_unless_it_stands_in_a_task() {
        let mut runs = runs();
        assert!(!ask(&mut runs, Vec::new()).progress.is_live);
        assert!(runs.known("r").is_some());
        let task = vec![event(5, EventType::WorkflowTaskScheduled), event(6, EventType::WorkflowTaskStarted)];
        assert!(ask(&mut runs, task).progress.is_live);
        assert!(runs.known("r").is_none(), "whoever has that task may answer it otherwise");
    }
}
