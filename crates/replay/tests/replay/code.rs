//! Workflow code of the tests, and what a run says to a history, as one picture.

use std::{cell::RefCell, future::Future, panic::Location, pin::Pin, rc::Rc, sync::Arc, time::Duration};

use weft_protocol::{
    Any,
    api::{
        command::{Command, command::Attributes, *},
        common::{ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType},
        failure::Failure,
        protocol::Message,
    },
    payload,
};
use weft_replay::{
    Cancellation, ChildCancellation, Completion, Config, Context, End, Fault, Foreign, Info, LocalActivity, Outcome,
    Program, Progress, Query, Reaction, Run, ScopeId, Signal, Source, Task, UpdateRequest, Wait,
};

use crate::history::{self, history, text};

type Main = Box<dyn FnOnce(It) -> Pin<Box<dyn Future<Output = Outcome>>>>;

/// What the code of a test has in hand.
#[derive(Clone)]
pub(crate) struct It {
    pub(crate) context: Context,
    pub(crate) scope: ScopeId,
    /// Names of the signals and updates that came.
    pub(crate) heard: Rc<RefCell<Vec<String>>>,
}

#[track_caller]
fn here() -> Source {
    Location::caller().into()
}

impl It {
    #[track_caller]
    pub(crate) fn timer(&self, seconds: u64) -> Wait {
        self.context.timer(self.scope, Duration::from_secs(seconds), None, here())
    }

    #[track_caller]
    pub(crate) fn activity(&self, kind: &str) -> Wait {
        self.activity_that(kind, Cancellation::Try)
    }

    #[track_caller]
    pub(crate) fn activity_that(&self, kind: &str, cancellation: Cancellation) -> Wait {
        let activity_type = Some(ActivityType { name: kind.to_owned() });
        let schedule = ScheduleActivityTaskCommandAttributes { activity_type, ..Default::default() };
        self.context.activity(self.scope, schedule, cancellation, None, here())
    }

    #[track_caller]
    pub(crate) fn local(&self, kind: &str) -> Wait {
        let local = LocalActivity { kind: kind.to_owned(), ..LocalActivity::default() };
        self.context.local_activity(self.scope, local, here())
    }

    #[track_caller]
    pub(crate) fn child(&self, id: &str, kind: &str, cancellation: ChildCancellation) -> weft_replay::Child {
        let start = StartChildWorkflowExecutionCommandAttributes {
            workflow_id: id.to_owned(),
            workflow_type: Some(WorkflowType { name: kind.to_owned() }),
            ..Default::default()
        };
        self.context.child(self.scope, start, cancellation, None, here())
    }

    #[track_caller]
    pub(crate) fn send(&self, workflow: &str, signal: &str) -> Wait {
        let execution = Some(WorkflowExecution { workflow_id: workflow.to_owned(), run_id: String::new() });
        let signal_name = signal.to_owned();
        let signal = SignalExternalWorkflowExecutionCommandAttributes { execution, signal_name, ..Default::default() };
        self.context.signal_external(self.scope, signal, here())
    }

    #[track_caller]
    pub(crate) fn cancel_other(&self, workflow: &str) -> Wait {
        let workflow_id = workflow.to_owned();
        let cancel = RequestCancelExternalWorkflowExecutionCommandAttributes { workflow_id, ..Default::default() };
        self.context.cancel_external(self.scope, cancel, here())
    }

    /// Waits until this many signals and updates came.
    #[track_caller]
    pub(crate) fn heard(&self, count: usize) -> Wait {
        let heard = Rc::clone(&self.heard);
        self.context.condition(self.scope, move || heard.borrow().len() >= count, here())
    }

    #[track_caller]
    pub(crate) fn patched(&self, change: &str) -> bool {
        self.context.patched(change, here())
    }

    #[track_caller]
    pub(crate) fn deprecate(&self, change: &str) {
        self.context.deprecate_patch(change, here());
    }

    #[track_caller]
    pub(crate) fn effect(&self, make: impl FnOnce() -> String) -> String {
        let made = self.context.side_effect(|| vec![payload::json_string(&make())], here());
        made.map(|payloads| said(Some(&Payloads { payloads }))).unwrap_or_default()
    }

    pub(crate) fn within(&self, parent: Option<ScopeId>) -> Self {
        Self { scope: self.context.open_scope(parent), ..self.clone() }
    }
}

/// The end with this text.
pub(crate) fn ended(text: impl Into<String>) -> Outcome {
    Outcome::Completed(Some(history::text(&text.into())))
}

/// What a wait came to, in words: the text of a result, or the messages of a failure from the outside in.
pub(crate) fn told(resolution: weft_replay::Resolution) -> String {
    match resolution {
        Ok(result) => said(result.as_ref()),
        Err(failure) => messages(&failure),
    }
}

fn messages(failure: &Failure) -> String {
    match &failure.cause {
        Some(cause) => format!("{}: {}", failure.message, messages(cause)),
        None => failure.message.clone(),
    }
}

fn said(payloads: Option<&Payloads>) -> String {
    let first: Option<&Payload> = payloads.and_then(|it| it.payloads.first());
    let json = first.and_then(|it| payload::as_json(it)).unwrap_or_default();
    String::from_utf8_lossy(json).trim_matches('"').to_owned()
}

struct Code {
    it: It,
    main: Option<Main>,
}

impl Program for Code {
    fn main(&mut self) -> Task {
        let running = self.main.take().expect("asked for once")(self.it.clone());
        Box::pin(async move { End::Workflow(running.await) })
    }

    fn signal(&mut self, signal: Signal) -> Reaction {
        self.it.heard.borrow_mut().push(signal.name);
        Reaction::Done(End::Handler)
    }

    fn validate(&mut self, update: &UpdateRequest) -> Result<(), Box<Failure>> {
        if update.name == "bad" { Err(weft_replay::application("a bad update", "Bad", true)) } else { Ok(()) }
    }

    /// `slow` waits for a timer, all others are done at once.
    fn update(&mut self, update: UpdateRequest) -> Reaction {
        self.it.heard.borrow_mut().push(update.name.clone());
        if update.name != "slow" {
            return Reaction::Done(End::Update(Ok(Some(text("taken")))));
        }
        let it = self.it.clone();
        Reaction::Task(Box::pin(async move { End::Update(it.timer(60).await.map(|_| Some(text("at last")))) }))
    }

    fn query(&mut self, _: &Query) -> Result<Option<Payloads>, Box<Failure>> {
        Ok(Some(text(&self.it.heard.borrow().join(" "))))
    }
}

/// A run of this code that has seen nothing.
pub(crate) fn run<F: Future<Output = Outcome> + 'static>(main: impl FnOnce(It) -> F + 'static) -> Run {
    run_watched(None, main)
}

/// The same with somebody who is told of wakes from outside.
pub(crate) fn run_watched<F: Future<Output = Outcome> + 'static>(
    foreign: Option<Arc<dyn Foreign>>,
    main: impl FnOnce(It) -> F + 'static,
) -> Run {
    let program = move |context| -> Result<Box<dyn Program>, Box<Failure>> {
        let it = It { context, scope: ScopeId::ROOT, heard: Rc::default() };
        let main: Main = Box::new(|it| Box::pin(main(it)));
        Ok(Box::new(Code { it, main: Some(main) }))
    };
    Run::new(Config { info: Info::default(), foreign, program: Box::new(program) })
}

/// What the code answers to the last task of a history, or why it cannot.
#[track_caller]
pub(crate) fn check<F: Future<Output = Outcome> + 'static>(
    main: impl FnOnce(It) -> F + 'static,
    events: &str,
    expected: &str,
) {
    let mut run = run(main);
    let answer = answer(&mut run, events, Vec::new());
    assert_eq!(answer, expected);
}

/// The same of a run that may have seen something, with messages beside the task.
pub(crate) fn answer(run: &mut Run, events: &str, messages: Vec<Message>) -> String {
    let events = history(events).split_off(usize::try_from(run.last_event_id()).expect("ids are not negative"));
    match run.advance(events, messages) {
        Ok(progress) => {
            let locals = locals(&progress);
            if progress.is_live { locals + &completion(&run.complete()) } else { locals + "replayed" }
        }
        Err(fault) => fault_of(&fault),
    }
}

fn locals(progress: &Progress) -> String {
    progress.local.iter().map(|it| format!("run {} {}\n", it.id, it.kind)).collect()
}

pub(crate) fn fault_of(fault: &Fault) -> String {
    match fault {
        Fault::Diverged(divergence) => divergence.to_string(),
        Fault::TaskFailed(failure) => format!("task failed: {}", failure.message),
        Fault::Stale => "stale".to_owned(),
        Fault::History(why) => format!("no history: {why}"),
    }
}

/// An update that is asked for beside a task.
pub(crate) fn asks(id: &str, name: &str) -> Message {
    let value = prost::Message::encode_to_vec(&history::request(id, name));
    let type_url = "type.googleapis.com/temporal.api.update.v1.Request".to_owned();
    Message {
        id: format!("{id}/request"),
        protocol_instance_id: id.to_owned(),
        body: Some(Any { type_url, value }),
        ..Message::default()
    }
}

/// An answer, one line for each command; a refusal, which no command stands for, comes last.
pub(crate) fn completion(completion: &Completion) -> String {
    let mut lines: Vec<String> = completion.commands.iter().map(command).collect();
    lines.extend(completion.messages.iter().filter(|it| it.id.ends_with("/reject")).map(|it| it.id.clone()));
    lines.join("\n")
}

fn command(command: &Command) -> String {
    match command.attributes.as_ref().expect("every command has attributes") {
        Attributes::StartTimerCommandAttributes(it) => {
            format!("timer {} {}s", it.timer_id, it.start_to_fire_timeout.unwrap_or_default().seconds)
        }
        Attributes::CancelTimerCommandAttributes(it) => format!("cancel timer {}", it.timer_id),
        Attributes::ScheduleActivityTaskCommandAttributes(it) => {
            format!("activity {} {}", it.activity_id, it.activity_type.clone().unwrap_or_default().name)
        }
        Attributes::RequestCancelActivityTaskCommandAttributes(it) => {
            format!("cancel activity of event {}", it.scheduled_event_id)
        }
        Attributes::StartChildWorkflowExecutionCommandAttributes(it) => format!("child {}", it.workflow_id),
        Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(it) => {
            format!("cancel {}{}", if it.child_workflow_only { "child " } else { "" }, it.workflow_id)
        }
        Attributes::SignalExternalWorkflowExecutionCommandAttributes(it) => {
            format!("send {} {}", it.execution.clone().unwrap_or_default().workflow_id, it.signal_name)
        }
        Attributes::RecordMarkerCommandAttributes(it) => {
            let detail = |key: &str| it.details.get(key).map(|value| format!(" {}", said(Some(value))));
            let failure = it.failure.as_ref().map(|it| format!(" failed: {}", it.message)).unwrap_or_default();
            let past = if it.details.contains_key("deprecated") { " past" } else { "" };
            let (id, data) = (detail("id").unwrap_or_default(), detail("data").unwrap_or_default());
            format!("{}{id}{data}{past}{failure}", it.marker_name)
        }
        Attributes::ProtocolMessageCommandAttributes(it) => it.message_id.clone(),
        Attributes::UpsertWorkflowSearchAttributesCommandAttributes(_) => "attributes".to_owned(),
        Attributes::CompleteWorkflowExecutionCommandAttributes(it) => format!("end: {}", said(it.result.as_ref())),
        Attributes::FailWorkflowExecutionCommandAttributes(it) => {
            format!("fail: {}", messages(&it.failure.clone().unwrap_or_default()))
        }
        Attributes::CancelWorkflowExecutionCommandAttributes(_) => "canceled".to_owned(),
        Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(_) => "continue as new".to_owned(),
        other => format!("{other:?}"),
    }
}
