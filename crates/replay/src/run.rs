//! One run of a workflow on one worker: fed with history, it says what to answer.
//!
//! Invariants: a run is advanced by whole parts of its history, each beginning where the last ended; after a fault it is
//! of no use and is built anew from the whole history.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    format,
    rc::Rc,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use weft_protocol::api::{
    command::{
        CancelWorkflowExecutionCommandAttributes, Command, CompleteWorkflowExecutionCommandAttributes,
        FailWorkflowExecutionCommandAttributes, command::Attributes,
    },
    common::Payloads,
    enums::EventType,
    failure::Failure,
    history::{HistoryEvent, history_event},
    protocol::Message,
    update::Request,
};

use crate::{
    apply::News,
    command::Issued,
    context::Context,
    divergence::Divergence,
    failure,
    local::LocalActivity,
    markers::{self, LocalEnd},
    program::{End, Outcome, Program, Query, Reaction},
    state::Info,
    tasks::{Foreign, Role, Round, Tasks},
    turns::{Misfit, Splitter, Turn},
    update::Asked,
};

/// Makes the program once the workflow's first event is known.
pub type Factory = Box<dyn FnOnce(Context) -> Result<Box<dyn Program>, Box<Failure>>>;

/// What a run is made of.
pub struct Config {
    /// All but `started`, which history tells.
    pub info: Info,
    /// Knows the thread on which the run is polled.
    pub foreign: Option<Arc<dyn Foreign>>,
    pub program: Factory,
}

/// A run.
pub struct Run {
    context: Context,
    splitter: Splitter,
    factory: Option<Factory>,
    program: Option<Box<dyn Program>>,
    tasks: Tasks,
    /// What was answered to the last task, and is not yet read back.
    sent: Vec<Issued>,
    admitted: BTreeMap<String, Request>,
    outcome: Option<Outcome>,
    live: bool,
}

/// How far a run has come.
#[derive(Debug, Default, PartialEq)]
pub struct Progress {
    /// A workflow task waits for its answer.
    pub is_live: bool,
    /// Local activities that the worker is to begin now.
    pub local: Vec<LocalActivity>,
    /// The ids of those that are waited for, begun now or before: the worker stops all others.
    pub wanted: BTreeSet<String>,
}

/// The answer to a workflow task.
#[derive(Debug, Default, PartialEq)]
pub struct Completion {
    pub commands: Vec<Command>,
    pub messages: Vec<Message>,
    /// The workflow has ended.
    pub ends: bool,
}

/// Why a run cannot go on.
#[derive(Debug, PartialEq)]
pub enum Fault {
    /// Code and history part ways.
    Diverged(Box<Divergence>),
    /// The code failed in a way that fails the workflow task.
    TaskFailed(Box<Failure>),
    /// What this run knows is not what history has: build it anew from the whole history.
    Stale,
    /// It is no history.
    History(String),
}

impl Run {
    #[must_use]
    pub fn new(config: Config) -> Self {
        let context = Context::default();
        context.0.borrow_mut().info = Rc::new(config.info);
        Self {
            context,
            splitter: Splitter::default(),
            factory: Some(config.program),
            program: None,
            tasks: Tasks::new(config.foreign),
            sent: Vec::new(),
            admitted: BTreeMap::new(),
            outcome: None,
            live: false,
        }
    }

    /// The last event that the run has seen.
    #[must_use]
    pub fn last_event_id(&self) -> i64 {
        self.splitter.last_event_id()
    }

    /// What is known of the workflow.
    #[must_use]
    pub fn info(&self) -> Rc<Info> {
        self.context.info()
    }

    /// How the workflow ended; `None` while it runs.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Whether a part of the history is what comes next. One that is not needs a run that is built anew.
    #[must_use]
    pub fn continues_with(&self, events: &[HistoryEvent]) -> bool {
        self.splitter.continues_with(events)
    }

    /// Feeds the next part of the history, and the messages that came with it. All turns that history has answered are
    /// run and compared; the last, if it is not, is run and waits for [`Run::complete`].
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn advance(&mut self, events: Vec<HistoryEvent>, messages: Vec<Message>) -> Result<Progress, Fault> {
        let cut = self.splitter.cut(events).map_err(fault)?;
        if let Some(closing) = cut.closing {
            let sent = core::mem::take(&mut self.sent);
            self.context.0.borrow_mut().settle(sent, &closing).map_err(|it| Fault::Diverged(Box::new(it)))?;
        }
        let mut messages = Some(messages);
        for turn in cut.turns {
            self.tasks.begin_turn();
            let messages = if turn.closing.is_none() { messages.take() } else { None };
            let done = self.turn(turn, messages.unwrap_or_default());
            self.tasks.end_turn();
            done?;
        }
        Ok(self.progress())
    }

    /// Tells the program how a local activity ended. One that nobody waits for any more is not minded.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn end_local(
        &mut self,
        id: &str,
        attempt: u32,
        result: Result<Option<Payloads>, Box<Failure>>,
    ) -> Result<Progress, Fault> {
        self.tasks.begin_turn();
        let end = LocalEnd { id: id.to_string(), result, attempt };
        let wanted = self.context.0.borrow_mut().end_local(end);
        let done = if wanted { self.poll() } else { Ok(()) };
        self.tasks.end_turn();
        done?;
        Ok(self.progress())
    }

    /// The answer to the workflow task that waits for one.
    pub fn complete(&mut self) -> Completion {
        self.live = false;
        let commands;
        (commands, self.sent) = self.take_issued().into_iter().map(Issued::send).unzip();
        let messages = core::mem::take(&mut self.context.0.borrow_mut().messages);
        Completion { commands, messages, ends: self.outcome.is_some() }
    }

    /// The server took the last answer, and nothing of it, nor of its task, is in history. It tells again what came after
    /// this event: the workflow task before, with what its answer left.
    pub fn forget_after(&mut self, event_id: i64) {
        self.splitter.forget_after(event_id);
        self.sent.clear();
    }

    /// Asks the program something. It changes nothing.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn query(&mut self, query: &Query) -> Result<Option<Payloads>, Box<Failure>> {
        match &mut self.program {
            Some(program) => program.query(query),
            None => Err(failure::application("the workflow has not begun", "NotStarted", false)),
        }
    }

    fn progress(&mut self) -> Progress {
        if !self.live {
            return Progress::default();
        }
        let mut state = self.context.0.borrow_mut();
        Progress { is_live: true, local: core::mem::take(&mut state.local), wanted: state.wanted_locals() }
    }

    fn turn(&mut self, turn: Turn, messages: Vec<Message>) -> Result<(), Fault> {
        if self.tasks.strayed() {
            return Err(Fault::TaskFailed(strayed()));
        }
        let closing = turn.closing;
        {
            let mut state = self.context.0.borrow_mut();
            state.moment = turn.moment;
            state.replaying = closing.is_some();
            state.markers.learn(closing.as_deref().unwrap_or_default());
        }
        // A request to cancel comes last: what has ended by now, wherever in the turn, has not to be cancelled any more,
        // and the server would refuse an answer that does.
        let mut cancels = Vec::new();
        for event in turn.inputs {
            if event.event_type() == EventType::WorkflowExecutionCancelRequested {
                cancels.push(event);
            } else {
                self.learn(event)?;
            }
        }
        for event in cancels {
            self.learn(event)?;
        }
        let asked: Vec<Asked> = match &closing {
            Some(closing) => closing.iter().filter_map(|event| Asked::of_event(event, &mut self.admitted)).collect(),
            None => messages.into_iter().filter_map(Asked::of_message).collect(),
        };
        for asked in asked {
            self.take_update(asked, closing.is_none())?;
        }
        self.poll()?;
        let Some(closing) = closing else {
            self.live = true;
            return Ok(());
        };
        for end in markers::local_ends(&closing) {
            self.context.0.borrow_mut().end_local(end);
            self.poll()?;
        }
        let issued = self.take_issued();
        let mut state = self.context.0.borrow_mut();
        state.settle(issued, &closing).map_err(|it| Fault::Diverged(Box::new(it)))
    }

    fn learn(&mut self, event: HistoryEvent) -> Result<(), Fault> {
        if let Some(history_event::Attributes::WorkflowExecutionStartedEventAttributes(started)) = event.attributes {
            return self.begin(started);
        }
        let news = self.context.0.borrow_mut().apply(event);
        match news {
            News::Nothing => Ok(()),
            News::Signal(signal) => {
                let reaction = self.program()?.signal(signal);
                self.react(Role::Signal, reaction)
            }
            News::Admitted(request) => {
                let id = request.meta.as_ref().map(|meta| meta.update_id.clone()).unwrap_or_default();
                self.admitted.insert(id, *request);
                Ok(())
            }
        }
    }

    fn begin(
        &mut self,
        started: weft_protocol::api::history::WorkflowExecutionStartedEventAttributes,
    ) -> Result<(), Fault> {
        {
            let mut state = self.context.0.borrow_mut();
            let info = Info { started: Rc::new(started), ..(*state.info).clone() };
            state.info = Rc::new(info);
        }
        let Some(factory) = self.factory.take() else {
            return Err(Fault::History("it has two first events".to_string()));
        };
        let mut program = factory(self.context.clone()).map_err(Fault::TaskFailed)?;
        let main = program.main();
        self.program = Some(program);
        self.context.0.borrow_mut().begin_task(Role::Main, main);
        Ok(())
    }

    fn take_update(&mut self, asked: Asked, is_new: bool) -> Result<(), Fault> {
        let request = asked.to_request();
        if is_new && let Err(refusal) = self.program()?.validate(&request) {
            self.context.0.borrow_mut().reject(asked, refusal);
            return Ok(());
        }
        self.context.0.borrow_mut().accept(&asked);
        let reaction = self.program()?.update(request);
        self.react(Role::Update(asked.request.meta.unwrap_or_default()), reaction)
    }

    fn react(&mut self, role: Role, reaction: Reaction) -> Result<(), Fault> {
        match reaction {
            Reaction::Done(end) => self.ended(role, end),
            Reaction::Task(task) => {
                self.context.0.borrow_mut().begin_task(role, task);
                Ok(())
            }
        }
    }

    fn program(&mut self) -> Result<&mut Box<dyn Program>, Fault> {
        self.program.as_mut().ok_or_else(|| Fault::History("it does not begin with the workflow's start".to_string()))
    }

    /// Polls until everything waits. When the workflow has ended, what still runs of it is dropped.
    fn poll(&mut self) -> Result<(), Fault> {
        loop {
            let round = self.tasks.run(&self.context.0, self.program.as_deref());
            if let Some(parted) = self.context.0.borrow_mut().parted.take() {
                return Err(Fault::Diverged(Box::new(parted)));
            }
            match round {
                Round::AtRest => break,
                Round::Ended(role, end) => self.ended(role, end)?,
                Round::Failed(failure) => return Err(Fault::TaskFailed(failure)),
                Round::Busy => return Err(Fault::TaskFailed(busy())),
            }
        }
        if self.outcome.is_some() {
            self.context.0.borrow_mut().close();
            self.tasks.clear();
        }
        Ok(())
    }

    fn ended(&mut self, role: Role, end: End) -> Result<(), Fault> {
        match end {
            End::Handler => {}
            End::Workflow(outcome) => {
                self.outcome.get_or_insert(outcome);
            }
            End::Update(result) => {
                if let Role::Update(meta) = role {
                    self.context.0.borrow_mut().respond(meta, result);
                }
            }
            End::TaskFailed(failure) => return Err(Fault::TaskFailed(failure)),
        }
        Ok(())
    }

    /// The commands of this turn, the one that ends the workflow last.
    fn take_issued(&mut self) -> Vec<Issued> {
        let mut issued = core::mem::take(&mut self.context.0.borrow_mut().commands);
        if let Some(outcome) = &self.outcome {
            let attributes = close(outcome.clone());
            issued.push(Issued { attributes, metadata: None, begins: None, at: None });
        }
        issued
    }
}

/// The program's futures hold the state that holds them; and what they do while they are dropped concerns nobody.
impl Drop for Run {
    fn drop(&mut self) {
        self.context.0.borrow_mut().close();
        // A future that is dropped may wake another, as a channel does its other end: that is nobody from outside.
        self.tasks.begin_turn();
        self.tasks.clear();
        self.program = None;
        let held = self.context.0.borrow_mut().let_go();
        drop(held);
        self.tasks.end_turn();
    }
}

fn close(outcome: Outcome) -> Attributes {
    match outcome {
        Outcome::Completed(result) => {
            let complete = CompleteWorkflowExecutionCommandAttributes { result };
            Attributes::CompleteWorkflowExecutionCommandAttributes(complete)
        }
        Outcome::Failed(failure) => {
            let fail = FailWorkflowExecutionCommandAttributes { failure: Some(*failure) };
            Attributes::FailWorkflowExecutionCommandAttributes(fail)
        }
        Outcome::Canceled(details) => {
            let cancel = CancelWorkflowExecutionCommandAttributes { details };
            Attributes::CancelWorkflowExecutionCommandAttributes(cancel)
        }
        Outcome::ContinuedAsNew(next) => Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(*next),
    }
}

fn fault(misfit: Misfit) -> Fault {
    match misfit {
        Misfit::Gap { .. } | Misfit::Unrecorded => Fault::Stale,
        Misfit::Senseless { event_id } => {
            Fault::History(format!("event {event_id} follows from no completed workflow task"))
        }
    }
}

fn strayed() -> Box<Failure> {
    let message = "the workflow awaits something that is not recorded in its history (a timer or socket of an async runtime, \
                   a channel that another thread feeds, a spawned thread): use the workflow context's own timers, and do \
                   everything else in an activity";
    failure::application(message, "ForeignFuture", false)
}

fn busy() -> Box<Failure> {
    let message = "the workflow wakes itself without end: a future that is always ready to be polled again never lets \
                   the workflow come to rest; wait for a condition, a timer or an activity instead";
    failure::application(message, "BusyWorkflow", false)
}
