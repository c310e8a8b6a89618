//! Several workflow ids and the messages between them, as words of the scenario language.
//!
//! Commands in `complete`: `child=id:policy=abandon,run-timeout=5s,retry=1s/3,cron=5s,reuse=reject,big`,
//! `send=id:signal,run=r,only,in=namespace`, `stop-other=id:run=r,only`. A request: `replied started|done|not-found`,
//! to the first that waits for a reply.
//!
//! In a family each line begins with the workflow id that it is about. `post id` delivers the first message of that
//! workflow id and brings the reply back; `lost` loses the reply, `all` goes on until none is left anywhere. `sleep 5h`
//! lets time pass while nobody is there to fire what is due.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use weft_engine::{
    Answer, ChainEnd, Delivery, FoundChild, Message, MessageBody, MessageId, Replied, Reply, Request, Settings,
    Transition, schedule::ScheduleRequest, state::ChildStage, wire_span,
};
use weft_protocol::api::{
    command::{
        Command, RequestCancelExternalWorkflowExecutionCommandAttributes,
        SignalExternalWorkflowExecutionCommandAttributes, StartChildWorkflowExecutionCommandAttributes,
        command::Attributes as Asked,
    },
    common::{WorkflowExecution, WorkflowType},
    enums::{CommandType, ParentClosePolicy, WorkflowIdReusePolicy},
    history::history_event::Attributes,
};

use crate::{
    picture::{failure, number, retry_state, say, text},
    script::{Line, Script, payloads, retry, span},
    world::World,
};

/// Runs a scenario of a family and compares its transcript.
pub(crate) fn check(scenario: &str, expected: &str) {
    check_with(Settings::default(), scenario, expected);
}

pub(crate) fn check_with(settings: Settings, scenario: &str, expected: &str) {
    let trim = |text: &str| text.trim().lines().map(|line| format!("{}\n", line.trim())).collect::<String>();
    let mut family = Family::new(settings);
    for line in scenario.lines().map(str::trim).filter(|line| !line.is_empty()) {
        family.line(line);
    }
    let actual = family.transcript;
    assert!(trim(&actual) == trim(expected), "the transcript is\n{actual}\nand should be\n{}", trim(expected));
}

/// Workflow ids by name; one that nobody spoke of before is unknown to its own table too.
pub(crate) struct Family {
    settings: Settings,
    pub(crate) scripts: BTreeMap<String, Script>,
    transcript: String,
    spoil: Option<fn(&mut Transition)>,
}

/// How far a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ThereAndBack,
    /// It arrives, and nobody hears of it.
    ReplyLost,
}

impl Family {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, scripts: BTreeMap::new(), transcript: String::new(), spoil: None }
    }

    /// With a fault planted in all of its engines.
    pub(crate) fn spoiled(settings: Settings, spoil: fn(&mut Transition)) -> Self {
        Self { spoil: Some(spoil), ..Self::new(settings) }
    }

    pub(crate) fn line(&mut self, line: &str) {
        if let Some(time) = line.strip_prefix('+') {
            self.say(&format!("> {line}"));
            return self.pass(time);
        }
        if let Some(time) = line.strip_prefix("sleep ") {
            self.say(&format!("> {line}"));
            let asleep = span(time);
            return self.scripts.values_mut().for_each(|script| script.world.now = script.world.now.after(asleep));
        }
        if let Some(rest) = line.strip_prefix("post ") {
            self.say(&format!("> {line}"));
            let (sender, how) = rest.split_once(' ').unwrap_or((rest, ""));
            match how {
                "all" => self.post_all(),
                "lost" => assert!(self.post(sender, Way::ReplyLost), "{sender} has a message"),
                _ => assert!(self.post(sender, Way::ThereAndBack), "{sender} has a message"),
            }
            return;
        }
        let (id, rest) = line.split_once(": ").expect("a line says whom it is about");
        self.script(id).line(rest);
        self.gather(id);
    }

    pub(crate) fn pass(&mut self, time: &str) {
        let ids: Vec<String> = self.scripts.keys().cloned().collect();
        for id in ids {
            self.script(&id).pass(span(time));
            self.gather(&id);
        }
    }

    pub(crate) fn script(&mut self, id: &str) -> &mut Script {
        let now = self.scripts.values().map(|script| script.world.now).max();
        self.scripts.entry(id.to_owned()).or_insert_with(|| {
            let mut world = World::named(id, id, self.settings.clone());
            world.now = now.unwrap_or(world.now);
            world.spoil = self.spoil;
            Script::of(world, &format!("{id}-1"))
        })
    }

    /// What was said since it was last asked for.
    pub(crate) fn take_transcript(&mut self) -> String {
        std::mem::take(&mut self.transcript)
    }

    /// Delivers the first message of a workflow id, if it has one.
    pub(crate) fn post(&mut self, sender: &str, way: Way) -> bool {
        let world = &self.script(sender).world;
        let key = world.workflow.key.clone();
        let Some((id, message)) = world.table.messages.first_key_value() else { return false };
        let (id, message) = (id.clone(), Arc::clone(message));
        let delivery = Delivery { origin: id.origin(&key, &message), message: Arc::clone(&message) };
        let target = message.target.workflow.to_string();
        let outcome = self.script(&target).send(Request::Deliver(Box::new(delivery)));
        self.gather(&target);
        let reply = match outcome {
            Ok((_, Answer::Delivered(reply))) => reply,
            Ok((_, Answer::ChainEnd(end))) => self.chain_end(&target, end),
            Ok(_) | Err(_) => return true,
        };
        match way {
            Way::ReplyLost => {}
            Way::ThereAndBack if message.body.wants_reply() => {
                let replied = Replied { run: id.run.clone(), event_id: id.event_id, reply };
                let of_schedule = matches!(message.body, MessageBody::StartAction(_));
                let request = if of_schedule {
                    Request::Schedule(Box::new(ScheduleRequest::Replied(replied)))
                } else {
                    Request::Replied(replied)
                };
                drop(self.script(sender).send(request));
                self.gather(sender);
            }
            Way::ThereAndBack => drop(self.script(sender).world.table.messages.remove(&id)),
        }
        true
    }

    /// What the shard reads when a child is asked for.
    fn chain_end(&mut self, target: &str, mut end: ChainEnd) -> Reply {
        let world = &self.script(target).world;
        let stored = world.table.load(world.workflow.key.clone());
        let found = loop {
            match end {
                ChainEnd::Open => break FoundChild::Open,
                ChainEnd::Closed { run, event_id, .. } => {
                    let events = world.table.histories.get(&run).expect("a run has a history");
                    let event = Box::new(events[usize::try_from(event_id.0 - 1).expect("small")].clone());
                    break FoundChild::Ended { run, event };
                }
                ChainEnd::Followed(run) => match stored.runs.get(&run) {
                    Some(run) => end = run.core.chain_end(),
                    None => break FoundChild::Gone,
                },
            }
        };
        let shown = match &found {
            FoundChild::Ended { run, event } => format!("{run}, {:?}", event.event_type()),
            FoundChild::Open | FoundChild::Gone => format!("{found:?}"),
        };
        self.say(&format!("{target}: found {shown}"));
        Reply::Found(found)
    }

    pub(crate) fn post_all(&mut self) {
        loop {
            let ids: Vec<String> = self.scripts.keys().cloned().collect();
            if ids.into_iter().filter(|id| self.post(id, Way::ThereAndBack)).count() == 0 {
                return;
            }
        }
    }

    fn gather(&mut self, id: &str) {
        let said = self.script(id).take_transcript();
        for line in said.lines() {
            match line.strip_prefix("> ") {
                Some(asked) => self.say(&format!("> {id}: {asked}")),
                None => self.say(&format!("{id}: {line}")),
            }
        }
    }

    fn say(&mut self, line: &str) {
        self.transcript.push_str(line);
        self.transcript.push('\n');
    }
}

/// A command that reaches another workflow id; `None` if it is about something else.
pub(crate) fn command(name: &str, value: &str) -> Option<Command> {
    let (command_type, attributes): (_, Asked) = match name {
        "child" => (CommandType::StartChildWorkflowExecution, child(value).into()),
        "send" => (CommandType::SignalExternalWorkflowExecution, send(value).into()),
        "stop-other" => (CommandType::RequestCancelExternalWorkflowExecution, stop(value).into()),
        _ => return None,
    };
    Some(Command { command_type: command_type as i32, attributes: Some(attributes), ..Command::default() })
}

#[expect(deprecated, reason = "`namespace` is how a command reaches another namespace, and one policy is deprecated")]
fn child(text: &str) -> StartChildWorkflowExecutionCommandAttributes {
    let (id, options) = text.split_once(':').unwrap_or((text, ""));
    let mut it = StartChildWorkflowExecutionCommandAttributes {
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Kid".to_owned() }),
        ..StartChildWorkflowExecutionCommandAttributes::default()
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "policy" => {
                let policy = match value {
                    "abandon" => ParentClosePolicy::Abandon,
                    "cancel" => ParentClosePolicy::RequestCancel,
                    _ => ParentClosePolicy::Terminate,
                };
                it.parent_close_policy = policy as i32;
            }
            "reuse" => {
                let policy = match value {
                    "reject" => WorkflowIdReusePolicy::RejectDuplicate,
                    "failed-only" => WorkflowIdReusePolicy::AllowDuplicateFailedOnly,
                    _ => WorkflowIdReusePolicy::TerminateIfRunning,
                };
                it.workflow_id_reuse_policy = policy as i32;
            }
            "run-timeout" => it.workflow_run_timeout = Some(wire_span(span(value))),
            "negative" => it.workflow_run_timeout = Some(weft_protocol::Duration { seconds: -1, nanos: 0 }),
            "retry" => it.retry_policy = Some(retry(value).wire()),
            "cron" => it.cron_schedule = format!("@every {value}"),
            "in" => it.namespace = value.to_owned(),
            "big" => it.input = payloads(&"x".repeat(3 << 20)),
            name => panic!("{name:?} is no option of a child"),
        }
    }
    it
}

#[expect(deprecated, reason = "`namespace` is how a command reaches another namespace")]
fn send(text: &str) -> SignalExternalWorkflowExecutionCommandAttributes {
    let (id, options) = text.split_once(':').unwrap_or((text, ""));
    let mut options = options.split(',');
    let name = options.next().unwrap_or_default().to_owned();
    let mut it = SignalExternalWorkflowExecutionCommandAttributes {
        execution: Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() }),
        signal_name: name,
        ..SignalExternalWorkflowExecutionCommandAttributes::default()
    };
    for option in options {
        match option.split_once('=').unwrap_or((option, "")) {
            ("run", run) => it.execution.get_or_insert_default().run_id = run.to_owned(),
            ("only", _) => it.child_workflow_only = true,
            ("in", namespace) => it.namespace = namespace.to_owned(),
            (name, _) => panic!("{name:?} is no option of a signal"),
        }
    }
    it
}

fn stop(text: &str) -> RequestCancelExternalWorkflowExecutionCommandAttributes {
    let (id, options) = text.split_once(':').unwrap_or((text, ""));
    let mut it = RequestCancelExternalWorkflowExecutionCommandAttributes {
        workflow_id: id.to_owned(),
        reason: "why".to_owned(),
        ..RequestCancelExternalWorkflowExecutionCommandAttributes::default()
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=').unwrap_or((option, "")) {
            ("run", run) => it.run_id = run.to_owned(),
            ("only", _) => it.child_workflow_only = true,
            (name, _) => panic!("{name:?} is no option of a request to cancel"),
        }
    }
    it
}

/// The reply to the first that waits for one.
pub(crate) fn replied(script: &Script, line: &Line<'_>) -> Option<Request> {
    let run = script.world.current()?;
    let unstarted = run.children.iter().filter(|(_, child)| match child.stage {
        ChildStage::Initiated { .. } => true,
        ChildStage::Started { .. } => false,
    });
    let child = unstarted.map(|(id, _)| *id).next();
    let event_id = child.or_else(|| run.external.keys().next().copied())?;
    let reply = match line.first() {
        "started" => Reply::ChildStarted("kid-1".into()),
        "done" => Reply::Done,
        _ => Reply::NotFound,
    };
    Some(Request::Replied(Replied { run: run.core.run.clone(), event_id, reply }))
}

/// `5 Ask to kid: start`
pub(crate) fn message(id: &MessageId, message: &Message) -> String {
    let what = match &message.body {
        MessageBody::StartChild(_) => "start".to_owned(),
        MessageBody::Signal(it) => format!("signal {}", it.signal_name),
        MessageBody::Cancel(_) => "cancel".to_owned(),
        MessageBody::FirstTask { run } => format!("first task of {run}"),
        MessageBody::Acknowledge => "acknowledge".to_owned(),
        MessageBody::Recall => "recall".to_owned(),
        MessageBody::ParentClosed { first_run, end } => format!("parent closed, {end:?} {first_run}"),
        MessageBody::ChildClosed(it) => format!("child closed, {:?}", it.event.event_type()),
        MessageBody::FindChild { first_run } => format!("find {first_run}"),
        MessageBody::StartAction(it) => format!("act, {}", if it.again { "again" } else { "once" }),
        MessageBody::EndAction(it) => format!("end, {:?}", it.end),
        MessageBody::ActionEnded(it) => format!("action ended, {:?}", it.event.event_type()),
    };
    format!("{} {:?} to {}: {what}", id.event_id, id.step, message.target.workflow)
}

/// What of these events is shown; false if it is another's.
pub(crate) fn describe(line: &mut String, attributes: &Attributes) -> bool {
    let run = |execution: Option<&WorkflowExecution>| execution.map_or("", |it| it.run_id.as_str()).to_owned();
    match attributes {
        Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(it) => {
            say(line, "id", &it.workflow_id);
            if it.parent_close_policy() != ParentClosePolicy::Terminate {
                say(line, "policy", &format!("{:?}", it.parent_close_policy()));
            }
        }
        Attributes::StartChildWorkflowExecutionFailedEventAttributes(it) => {
            number(line, "initiated", it.initiated_event_id);
            say(line, "cause", &format!("{:?}", it.cause()));
        }
        Attributes::ChildWorkflowExecutionStartedEventAttributes(it) => {
            number(line, "initiated", it.initiated_event_id);
            say(line, "run", &run(it.workflow_execution.as_ref()));
        }
        Attributes::ChildWorkflowExecutionCompletedEventAttributes(it) => {
            ended(line, it.initiated_event_id, it.started_event_id, &run(it.workflow_execution.as_ref()));
            say(line, "result", &text(it.result.as_ref()));
        }
        Attributes::ChildWorkflowExecutionFailedEventAttributes(it) => {
            ended(line, it.initiated_event_id, it.started_event_id, &run(it.workflow_execution.as_ref()));
            say(line, "failure", &failure(it.failure.as_ref()));
            retry_state(line, it.retry_state);
        }
        Attributes::ChildWorkflowExecutionCanceledEventAttributes(it) => {
            ended(line, it.initiated_event_id, it.started_event_id, &run(it.workflow_execution.as_ref()));
        }
        Attributes::ChildWorkflowExecutionTimedOutEventAttributes(it) => {
            ended(line, it.initiated_event_id, it.started_event_id, &run(it.workflow_execution.as_ref()));
            retry_state(line, it.retry_state);
        }
        Attributes::ChildWorkflowExecutionTerminatedEventAttributes(it) => {
            ended(line, it.initiated_event_id, it.started_event_id, &run(it.workflow_execution.as_ref()));
        }
        Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            say(line, "to", it.workflow_execution.as_ref().map_or("", |it| &it.workflow_id));
            say(line, "name", &it.signal_name);
        }
        Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            say(line, "to", it.workflow_execution.as_ref().map_or("", |it| &it.workflow_id));
        }
        Attributes::ExternalWorkflowExecutionSignaledEventAttributes(it) => {
            number(line, "initiated", it.initiated_event_id);
        }
        Attributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(it) => {
            number(line, "initiated", it.initiated_event_id);
        }
        Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(it) => {
            number(line, "initiated", it.initiated_event_id);
            say(line, "cause", &format!("{:?}", it.cause()));
        }
        Attributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(it) => {
            number(line, "initiated", it.initiated_event_id);
            say(line, "cause", &format!("{:?}", it.cause()));
        }
        _ => return false,
    }
    true
}

fn ended(line: &mut String, initiated: i64, started: i64, run: &str) {
    number(line, "initiated", initiated);
    number(line, "started", started);
    write!(line, " run={run}").expect("a String takes everything");
}
