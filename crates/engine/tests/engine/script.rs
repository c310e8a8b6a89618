//! The scenario language: a request per line, and the transcript that it must give.
//!
//! Lines are a word and options (`name` or `name=value`). `+5s` lets time pass and fires what is due at each moment in
//! between; `again` repeats the request before, to the letter; `stale` before an answer uses the token before the last.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use weft_engine::{
    ActivityToken, AskQuery, CancelBody, CompleteWorkflowTask, CompletionCapabilities, ConflictPolicy,
    FailWorkflowTask, JobRequest, OnConflict, Poller, Request, ReusePolicy, Settings, SignalBody, StartWorkflow,
    StartWorkflowTask, Target, TerminateBody, Timestamp, WorkflowTaskToken,
    schedule::ScheduleRequest,
    state::{QueryId, RetryPolicy, WorkflowTaskStage},
};
use weft_protocol::api::{
    command::{
        CancelWorkflowExecutionCommandAttributes, Command, CompleteWorkflowExecutionCommandAttributes,
        ContinueAsNewWorkflowExecutionCommandAttributes, FailWorkflowExecutionCommandAttributes,
        ModifyWorkflowPropertiesCommandAttributes, RecordMarkerCommandAttributes,
        UpsertWorkflowSearchAttributesCommandAttributes, command::Attributes,
    },
    common::{Memo, Payload, Payloads, SearchAttributes},
    enums::{CommandType, WorkflowTaskFailedCause},
    failure::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    query::WorkflowQueryResult,
};

use crate::{
    family, jobs, messages, operate, picture, reset_words, schedule_words, worker,
    world::{Outcome, World},
};

/// Runs a scenario with the default settings and compares its transcript.
pub(crate) fn check(scenario: &str, expected: &str) {
    check_with(Settings::default(), scenario, expected);
}

/// Runs a scenario and compares its transcript.
pub(crate) fn check_with(settings: Settings, scenario: &str, expected: &str) {
    let trim = |text: &str| {
        text.trim().lines().map(str::trim_end).map(|line| format!("{}\n", line.trim_start())).collect::<String>()
    };
    let actual = run(settings, scenario);
    assert!(trim(&actual) == trim(expected), "the transcript is\n{actual}\nand should be\n{}", trim(expected));
}

/// The default settings with something changed.
pub(crate) fn changed(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

/// Runs a scenario.
pub(crate) fn run(settings: Settings, scenario: &str) -> String {
    let mut script = Script::new(settings);
    for line in scenario.lines().map(str::trim).filter(|line| !line.is_empty()) {
        script.line(line);
    }
    script.transcript
}

pub(crate) struct Script {
    pub(crate) world: World,
    /// Its name goes without saying.
    first_run: String,
    transcript: String,
    /// Tokens of workflow tasks that were handed out, oldest first.
    tokens: Vec<WorkflowTaskToken>,
    /// Tokens of activity tasks that were handed out, by the activity's id, oldest first.
    pub(crate) activity_tokens: BTreeMap<String, Vec<ActivityToken>>,
    last: Option<Request>,
}

/// One line, taken apart.
pub(crate) struct Line<'l> {
    pub(crate) word: &'l str,
    pub(crate) options: Vec<(&'l str, &'l str)>,
}

impl<'l> Line<'l> {
    pub(crate) fn parse(line: &'l str) -> Self {
        let mut words = line.split_whitespace();
        let word = words.next().unwrap_or_default();
        let options = words.map(|word| word.split_once('=').unwrap_or((word, "")));
        Self { word, options: options.collect() }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(it, _)| *it == name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'l str> {
        self.options.iter().find(|(it, _)| *it == name).map(|(_, value)| *value)
    }

    pub(crate) fn span(&self, name: &str) -> Duration {
        self.get(name).map(span).unwrap_or_default()
    }

    pub(crate) fn first(&self) -> &'l str {
        self.options.first().map_or("", |(name, _)| name)
    }
}

/// `5s`, `200ms`, `2h`
pub(crate) fn span(text: &str) -> Duration {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let count: u64 = digits.parse().expect("a span is a number and a unit");
    match &text[digits.len()..] {
        "ms" => Duration::from_millis(count),
        "s" => Duration::from_secs(count),
        "m" => Duration::from_secs(60 * count),
        "h" => Duration::from_secs(3600 * count),
        unit => panic!("{unit:?} is no unit of time"),
    }
}

pub(crate) fn payloads(text: &str) -> Option<Payloads> {
    let payload = Payload { data: text.as_bytes().to_vec(), ..Payload::default() };
    (!text.is_empty()).then(|| Payloads { payloads: vec![payload] })
}

impl Script {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::of(World::new(settings), "run-1")
    }

    pub(crate) fn of(world: World, first_run: &str) -> Self {
        Self {
            world,
            first_run: first_run.to_owned(),
            transcript: String::new(),
            tokens: Vec::new(),
            activity_tokens: BTreeMap::new(),
            last: None,
        }
    }

    /// What was said since it was last asked for.
    pub(crate) fn take_transcript(&mut self) -> String {
        std::mem::take(&mut self.transcript)
    }

    pub(crate) fn line(&mut self, line: &str) {
        self.say(&format!("> {line}"));
        if let Some(time) = line.strip_prefix('+') {
            return self.pass(span(time));
        }
        if line == "lose" {
            return self.world.lose_leader();
        }
        let request = match line {
            "again" => self.last.clone().expect("there is a request before"),
            line => self.request(&Line::parse(line)),
        };
        self.last = Some(request.clone());
        drop(self.send(request));
    }

    /// Time passes; whatever is due in between fires at its time.
    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.world.now.after(span);
        while let Some(at) = self.world.earliest_wake().filter(|at| *at <= until) {
            self.world.now = self.world.now.max(at);
            for run in self.world.due() {
                let is_job = run == weft_engine::job::wake_run();
                drop(self.send(if is_job { Request::Job(JobRequest::Wake) } else { Request::Wake(run) }));
            }
            if self.world.is_schedule_due() {
                drop(self.send(Request::Schedule(Box::new(ScheduleRequest::Wake))));
            }
        }
        self.world.now = until;
    }

    pub(crate) fn send(&mut self, request: Request) -> Outcome {
        let outcome = self.world.request(request);
        self.show(&outcome);
        if let Ok((_, answer)) = &outcome {
            self.keep_token(answer);
        }
        outcome
    }

    /// One line of a random scenario: time passes at once; a request that can be made is given back, to be sent.
    pub(crate) fn step(&mut self, line: &str) -> Option<Request> {
        if let Some(time) = line.strip_prefix('+') {
            self.pass(span(time));
            return None;
        }
        if line == "lose" {
            self.world.lose_leader();
            return None;
        }
        let line = Line::parse(line);
        self.can(&line).then(|| self.request(&line))
    }

    /// Is there what the request names?
    fn can(&self, line: &Line<'_>) -> bool {
        let known = self.world.workflow.current.is_some();
        match line.word {
            "poll" | "forget" | "wake" => known,
            "sticky-gone" => self.world.current().is_some_and(|run| run.task().is_some()),
            "complete" | "fail-task" | "give-back" => self.tokens.len() > usize::from(line.has("stale")),
            "replied" => family::replied(self, line).is_some(),
            "reset" => reset_words::request(self, line).is_some(),
            word if worker::knows(word) => worker::request(self, line).is_some(),
            _ => true,
        }
    }

    fn keep_token(&mut self, answer: &weft_engine::Answer) {
        use weft_engine::Answer;
        let task = match answer {
            Answer::WorkflowTask(task) => Some(task),
            Answer::Started(started) => started.eager_task.as_ref(),
            Answer::TaskCompleted(completed) => completed.new_task.as_ref(),
            _ => None,
        };
        self.tokens.extend(task.map(|task| task.token.clone()));
        let activities = match answer {
            Answer::ActivityTask(task) => std::slice::from_ref(&**task),
            Answer::TaskCompleted(completed) => &completed.eager_activities,
            _ => &[],
        };
        for task in activities {
            self.activity_tokens.entry(task.activity.id.to_string()).or_default().push(task.token.clone());
        }
    }

    fn show(&mut self, outcome: &Outcome) {
        match outcome {
            Err(refusal) => self.say(&format!("! {}", picture::refusal(refusal))),
            Ok((transition, answer)) => {
                for appended in &transition.events {
                    for event in &appended.events {
                        let run = if appended.run.as_str() == self.first_run {
                            String::new()
                        } else {
                            format!("{}/", appended.run)
                        };
                        self.say(&format!("{run}{}", picture::event(event)));
                    }
                }
                let fresh = transition.events.iter().any(|appended| appended.first_event_id.0 == 1);
                for change in &transition.visibility {
                    if let Some(line) = picture::listed(change, fresh) {
                        self.say(&format!("~ {line}"));
                    }
                }
                for effect in &transition.effects {
                    if let Some(line) = picture::effect(effect) {
                        self.say(&format!("* {line}"));
                    }
                }
                if let Some(line) = picture::answer(answer) {
                    self.say(&format!("= {line}"));
                }
            }
        }
    }

    fn say(&mut self, line: &str) {
        self.transcript.push_str(line);
        self.transcript.push('\n');
    }

    pub(crate) fn request(&self, line: &Line<'_>) -> Request {
        let target = Target { run: line.get("run").map(Into::into), first_run: line.get("first").map(Into::into) };
        match line.word {
            "start" => Request::Start(Box::new(start(line))),
            "signal-with-start" => Request::SignalWithStart(Box::new(start(line)), signal(line)),
            "signal" => Request::Signal(target, signal(line)),
            "cancel" => Request::Cancel(target, cancel(line)),
            "terminate" => Request::Terminate(target, terminate()),
            "delete" => Request::Delete(target, "client".into()),
            "update" => Request::Update(target, messages::update(line.first())),
            "find" => Request::FindUpdate(target, line.first().into()),
            "update-with-start" => Request::UpdateWithStart(Box::new(start(line)), messages::update(line.first())),
            "reset-sticky" => Request::ResetSticky(target),
            word if operate::knows(word) => operate::request(target, line),
            "query" => Request::Query(target, query(line, self.world.now)),
            "forget" => Request::ForgetQuery(self.current_run(), QueryId(1)),
            "wake" => Request::Wake(self.current_run()),
            "job" => jobs::request(&self.world, line),
            "poll" => Request::StartWorkflowTask(self.poll(line)),
            "complete" => Request::CompleteWorkflowTask(Box::new(completion(line, self.token(line)))),
            "fail-task" => Request::FailWorkflowTask(Box::new(task_failure(line, self.token(line)))),
            "give-back" => {
                Request::GiveBackWorkflowTask(self.token(line), line.get("request").unwrap_or("poll").into())
            }
            "sticky-gone" => {
                let task = self.world.current().and_then(|run| run.task()).expect("a task is pending");
                Request::StickyUnavailable(self.current_run(), task.scheduled_event_id)
            }
            "replied" => family::replied(self, line).expect("something waits for a reply"),
            "reset" => reset_words::request(self, line).expect("there is such a run with such a task"),
            word => schedule_words::request(line)
                .or_else(|| worker::request(self, line))
                .unwrap_or_else(|| panic!("{word:?} is no request, or about nothing")),
        }
    }

    fn current_run(&self) -> weft_engine::RunId {
        self.world.workflow.current.as_ref().expect("a run is known").run.clone()
    }

    /// The last token that was handed out; with `stale`, the one before it.
    fn token(&self, line: &Line<'_>) -> WorkflowTaskToken {
        let back = if line.has("stale") { 2 } else { 1 };
        self.tokens[self.tokens.len() - back].clone()
    }

    /// The offered task, as matching would ask for it; with `gone`, one that is not there.
    fn poll(&self, line: &Line<'_>) -> StartWorkflowTask {
        let task = self.world.current().and_then(|run| run.task().cloned());
        let (scheduled_event_id, attempt) = task.as_ref().map_or((2, 1), |it| (it.scheduled_event_id.0, it.attempt));
        let started = task.is_some_and(|it| matches!(it.stage, WorkflowTaskStage::Started(_)));
        StartWorkflowTask {
            run: self.current_run(),
            scheduled_event_id: weft_engine::EventId(scheduled_event_id + i64::from(line.has("gone"))),
            attempt,
            sticky_queue: line.has("sticky").then(|| "sticky".into()),
            poller: poller(line.get("request").unwrap_or(if started { "other" } else { "poll" })),
        }
    }
}

/// A signal of which nothing is said but its name.
pub(crate) fn named_signal(name: &str) -> SignalBody {
    signal(&Line::parse(&format!("signal {name}")))
}

pub(crate) fn poller(request: &str) -> Poller {
    Poller { identity: "worker".into(), request: request.into(), version: None, deployment: None }
}

fn start(line: &Line<'_>) -> StartWorkflow {
    StartWorkflow {
        request: line.get("request").unwrap_or("start").into(),
        workflow_type: "Type".into(),
        queue: "queue".into(),
        input: payloads(line.get("input").unwrap_or("")),
        header: None,
        memo: line.get("memo").map(|text| Memo { fields: fields("key", text) }),
        search_attributes: None,
        execution_timeout: line.get("execution-timeout").map(|_| line.span("execution-timeout")),
        run_timeout: line.get("run-timeout").map(|_| line.span("run-timeout")),
        task_timeout: line.span("task-timeout"),
        start_delay: line.span("delay"),
        retry: line.get("retry").map(retry),
        cron: line.get("cron").map_or_else(String::new, |every| format!("@every {every}")).into(),
        identity: "client".into(),
        reuse: match line.get("reuse") {
            Some("reject") => ReusePolicy::RejectDuplicate,
            Some("failed-only") => ReusePolicy::AllowDuplicateFailedOnly,
            _ => ReusePolicy::AllowDuplicate,
        },
        conflict: match line.get("conflict") {
            Some("use") => ConflictPolicy::UseExisting,
            Some("terminate") => ConflictPolicy::TerminateExisting,
            _ => ConflictPolicy::Fail,
        },
        eager: line.has("eager").then(|| poller("eager")),
        user_metadata: None,
        links: vec![],
        priority: None,
        versioning_override: operate::versioning(line),
        continued_failure: None,
        last_completion_result: None,
        on_conflict: OnConflict { attach_request_id: line.has("attach"), attach_links: false },
    }
}

/// `1s/3`: the first interval and how many attempts there are.
pub(crate) fn retry(text: &str) -> RetryPolicy {
    let (initial, attempts) = text.split_once('/').expect("a retry policy is interval/attempts");
    RetryPolicy {
        initial: span(initial),
        coefficient: 2.0,
        max_interval: Duration::from_secs(100),
        max_attempts: attempts.parse().expect("attempts are a number"),
        non_retryable_types: vec!["Fatal".to_owned()],
    }
}

pub(crate) fn fields(name: &str, text: &str) -> std::collections::HashMap<String, Payload> {
    let metadata = [("encoding".to_owned(), b"json/plain".to_vec())].into_iter().collect();
    [(name.to_owned(), Payload { metadata, data: text.as_bytes().to_vec(), ..Payload::default() })]
        .into_iter()
        .collect()
}

fn signal(line: &Line<'_>) -> SignalBody {
    SignalBody {
        name: line.first().into(),
        input: payloads(line.get("input").unwrap_or("")),
        header: None,
        identity: "client".into(),
        request: line.get("request").map(Into::into),
        links: vec![],
    }
}

fn cancel(line: &Line<'_>) -> CancelBody {
    CancelBody {
        identity: "client".into(),
        request: line.get("request").unwrap_or("cancel").into(),
        reason: "please".to_owned(),
        links: vec![],
    }
}

fn terminate() -> TerminateBody {
    TerminateBody { identity: "client".into(), reason: "enough".to_owned(), details: None, links: vec![] }
}

fn query(line: &Line<'_>, now: Timestamp) -> AskQuery {
    AskQuery {
        id: QueryId(line.first().parse().expect("a query has a number")),
        query: Arc::default(),
        deadline: now.after(Duration::from_secs(10)),
        reject_if_not_open: line.has("if-open"),
        reject_if_not_completed_cleanly: line.has("if-clean"),
    }
}

fn completion(line: &Line<'_>, token: WorkflowTaskToken) -> CompleteWorkflowTask {
    let known = ["stale", "sticky", "new", "force", "answer", "big", "discards"];
    let is_command = |name: &str| !known.contains(&name) && !messages::stands_alone(name);
    let commands = line.options.iter().filter(|(name, _)| is_command(name));
    CompleteWorkflowTask {
        token,
        commands: commands.map(|(name, value)| command(name, value, line)).collect(),
        messages: line.options.iter().filter_map(|(name, value)| messages::message(name, value)).collect(),
        namespaces: [("other".to_owned(), "other-id".into())].into(),
        identity: "worker".into(),
        sticky: line.has("sticky").then(|| ("sticky".into(), Duration::from_secs(5))),
        return_new: line.has("new").then(|| "inline".into()),
        force_new: line.has("force"),
        query_results: line.get("answer").map(answer).into_iter().collect(),
        sdk_metadata: None,
        metering: None,
        binary_checksum: String::new(),
        version: None,
        deployment: None,
        versioning_behavior: 0,
        eager_request: "eager".into(),
        capabilities: CompletionCapabilities { discard_speculative_with_events: line.has("discards") },
    }
}

fn answer(id: &str) -> (QueryId, WorkflowQueryResult) {
    (QueryId(id.parse().expect("a query has a number")), WorkflowQueryResult::default())
}

pub(crate) fn application_failure(kind: &str) -> Failure {
    let info = ApplicationFailureInfo { r#type: kind.to_owned(), ..ApplicationFailureInfo::default() };
    Failure {
        message: kind.to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
        ..Failure::default()
    }
}

/// `marker=m done=result fail=Type canceled can=input can-sa=value memo=value sa=value unknown bare`, and those of other
/// files.
fn command(name: &str, value: &str, line: &Line<'_>) -> Command {
    let big = if line.has("big") { "x".repeat(3 << 20) } else { String::new() };
    let (command_type, attributes): (_, Attributes) = match name {
        "marker" => (
            CommandType::RecordMarker,
            RecordMarkerCommandAttributes { marker_name: value.to_owned(), ..Default::default() }.into(),
        ),
        "memo" => {
            let upserted_memo = Some(Memo { fields: fields("key", value) });
            (CommandType::ModifyWorkflowProperties, ModifyWorkflowPropertiesCommandAttributes { upserted_memo }.into())
        }
        "sa" => {
            let name = if value == "unknown" { "Unknown" } else { "Known" };
            let search_attributes = Some(SearchAttributes { indexed_fields: fields(name, value) });
            (
                CommandType::UpsertWorkflowSearchAttributes,
                UpsertWorkflowSearchAttributesCommandAttributes { search_attributes }.into(),
            )
        }
        "done" => {
            let result = payloads(&format!("{value}{big}"));
            (CommandType::CompleteWorkflowExecution, CompleteWorkflowExecutionCommandAttributes { result }.into())
        }
        "fail" => {
            let failure = Some(application_failure(value));
            (CommandType::FailWorkflowExecution, FailWorkflowExecutionCommandAttributes { failure }.into())
        }
        "canceled" => {
            (CommandType::CancelWorkflowExecution, CancelWorkflowExecutionCommandAttributes::default().into())
        }
        "can" => {
            let it = ContinueAsNewWorkflowExecutionCommandAttributes { input: payloads(value), ..Default::default() };
            (CommandType::ContinueAsNewWorkflowExecution, it.into())
        }
        "can-sa" => {
            let search_attributes = Some(SearchAttributes { indexed_fields: fields("Known", value) });
            let it = ContinueAsNewWorkflowExecutionCommandAttributes { search_attributes, ..Default::default() };
            (CommandType::ContinueAsNewWorkflowExecution, it.into())
        }
        "unknown" => return Command::default(),
        "bare" => return Command { command_type: CommandType::StartTimer as i32, ..Command::default() },
        "accept" | "respond" | "absent" => messages::command(name, value),
        name => {
            let command = worker::command(name, value).or_else(|| family::command(name, value));
            return command.unwrap_or_else(|| panic!("{name:?} is no command"));
        }
    };
    Command { command_type: command_type as i32, attributes: Some(attributes), ..Command::default() }
}

fn task_failure(line: &Line<'_>, token: WorkflowTaskToken) -> FailWorkflowTask {
    let cause = match line.get("cause") {
        Some("too-large") => WorkflowTaskFailedCause::GrpcMessageTooLarge,
        _ => WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
    };
    FailWorkflowTask {
        token,
        cause,
        failure: Some(application_failure("Oops")),
        identity: "worker".into(),
        binary_checksum: String::new(),
        version: None,
    }
}
