//! A request being carried out: what it has changed so far, so that it can be finished as a transition or undone.
//!
//! Invariant: whoever changes a run takes it from [`Change::run`], which notes first what it was like; so `undo` restores
//! every byte and `finish` (`finish.rs`) finds every difference. Events are written by [`Run::append`] and nowhere else.

use alloc::{collections::BTreeMap, sync::Arc, vec, vec::Vec};
use core::ops::{Deref, DerefMut};

use prost::Message as _;
use weft_protocol::api::history::HistoryEvent;

use crate::{
    buffer, fold,
    ids::{EventId, RequestId, RunId, WorkflowKey},
    message::{Message, MessageId, Origin},
    moment::Moment,
    outbox,
    refusal::Refusal,
    request::Target,
    state::{Core, CurrentRun, Execution, Speculation, Workflow, WorkflowTask, schedule::Scheduled},
    time::Timestamp,
    transition::Effect,
    workflow_task,
};

/// A request being carried out.
pub(crate) struct Change<'a> {
    pub(crate) at: &'a Moment<'a>,
    pub(crate) workflow: &'a mut Workflow,
    pub(crate) current_before: Option<CurrentRun>,
    /// Runs that were taken for changing, and runs that were created.
    pub(crate) drafts: BTreeMap<RunId, Draft>,
    pub(crate) effects: Vec<Effect>,
    /// Messages for other workflow ids that are put (`Some`) or are done with.
    pub(crate) outbox: BTreeMap<MessageId, Option<Arc<Message>>>,
    /// Receipts that go, whether they were loaded or not.
    pub(crate) forgotten: Vec<Origin>,
    pub(crate) schedule_before: Scheduled,
}

/// What happened to one run so far.
pub(crate) struct Draft {
    /// `None` if this request created the run.
    pub(crate) before: Option<Core>,
    /// What was volatile and is not tracked otherwise.
    pub(crate) speculation: Speculation,
    /// A speculative task was made by this request: what else the request wrote came before it.
    pub(crate) speculated: bool,
    pub(crate) events: Vec<HistoryEvent>,
    /// Commands are being carried out: what would wait for a worker waits until they are done.
    pub(crate) holding: bool,
    /// The run's wake row has fired.
    pub(crate) woke: bool,
    /// Several things happen: a workflow task that one of them wants is scheduled after all of them.
    pub(crate) put_off: PutOff,
    /// The run and its history go away.
    pub(crate) removed: bool,
    /// A reset ends the run. What it began before this event goes on as another run's.
    pub(crate) superseded: Option<EventId>,
    /// Its history was staged before: from now on it is the run's.
    pub(crate) adopted: bool,
}

/// Whether a workflow task that is wanted now is scheduled now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutOff {
    No,
    Yes,
    /// One was wanted meanwhile.
    Wanted,
}

/// What may have become of a message that is withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Withdrawn {
    /// Nobody can have seen it.
    Unsent,
    MaybeSent,
}

/// One run of a change, to be read and changed.
pub(crate) struct Run<'r> {
    pub(crate) at: &'r Moment<'r>,
    execution: &'r mut Execution,
    draft: &'r mut Draft,
    effects: &'r mut Vec<Effect>,
    outbox: &'r mut BTreeMap<MessageId, Option<Arc<Message>>>,
    pub(crate) key: &'r WorkflowKey,
}

impl<'a> Change<'a> {
    pub(crate) fn begin(workflow: &'a mut Workflow, at: &'a Moment<'a>) -> Self {
        let current_before = workflow.current.clone();
        let schedule_before = workflow.schedule.clone();
        Self {
            schedule_before,
            at,
            workflow,
            current_before,
            drafts: BTreeMap::new(),
            effects: Vec::new(),
            outbox: BTreeMap::new(),
            forgotten: Vec::new(),
        }
    }

    /// A loaded run, for changing it.
    pub(crate) fn run(&mut self, run: &RunId) -> Option<Run<'_>> {
        let execution = self.workflow.runs.get_mut(run)?;
        if !self.drafts.contains_key(run) {
            let speculation = execution.volatile.speculation.clone();
            self.drafts.insert(run.clone(), Draft { speculation, ..Draft::of(Some(execution.core.clone())) });
        }
        let draft = self.drafts.get_mut(run).expect("it was put there");
        let (effects, outbox) = (&mut self.effects, &mut self.outbox);
        Some(Run { at: self.at, execution, draft, effects, outbox, key: &self.workflow.key })
    }

    /// The run that a client means; an open one.
    pub(crate) fn open_run(&mut self, target: &Target) -> Result<Run<'_>, Refusal> {
        let run = self.resolve(target)?;
        match self.workflow.runs.get(&run) {
            Some(execution) if execution.is_open() => self.run(&run).ok_or(Refusal::WorkflowNotFound),
            Some(_) | None => Err(self.missing(&run)),
        }
    }

    /// The id of the run that a client means.
    pub(crate) fn resolve(&self, target: &Target) -> Result<RunId, Refusal> {
        let current = self.workflow.current.as_ref().ok_or(Refusal::WorkflowNotFound);
        match (&target.first_run, &target.run) {
            (Some(first), _) => current.and_then(|it| {
                if it.first_run == *first { Ok(it.run.clone()) } else { Err(Refusal::WorkflowNotFound) }
            }),
            (None, Some(run)) => Ok(run.clone()),
            (None, None) => current.map(|it| it.run.clone()),
        }
    }

    /// Why a run cannot be taken for changing: it is closed, or it is not there.
    fn missing(&self, run: &RunId) -> Refusal {
        let known = self.workflow.runs.contains_key(run);
        let current = self.workflow.current.as_ref().is_some_and(|current| current.run == *run);
        if known || current { Refusal::WorkflowClosed } else { Refusal::WorkflowNotFound }
    }

    /// Adds the run that this start event creates, and makes it the current one.
    pub(crate) fn create(&mut self, run: &RunId, request: RequestId, mut event: HistoryEvent) -> Run<'_> {
        event.event_id = EventId::FIRST.0;
        event.task_id = EventId::FIRST.0;
        event.event_time = Some(self.at.now.wire());
        let mut execution = fold::begin(run.clone(), request, &event).expect("the event is a start");
        fold::place(&mut execution, &event);
        self.workflow.current = Some(CurrentRun::of(&execution.core));
        self.drafts.insert(run.clone(), Draft { events: vec![event], ..Draft::of(None) });
        self.workflow.runs.insert(run.clone(), execution);
        self.run(run).expect("it was put there")
    }

    /// Adds a run that has a history already.
    pub(crate) fn adopt(&mut self, execution: Execution) {
        let run = execution.core.run.clone();
        self.drafts.insert(run.clone(), Draft::of(None));
        self.workflow.runs.insert(run, execution);
    }

    /// Takes in a run whose history was copied, and makes it the current one.
    pub(crate) fn take_copy(&mut self, execution: Execution) -> Run<'_> {
        let run = execution.core.run.clone();
        self.workflow.current = Some(CurrentRun::of(&execution.core));
        self.drafts.insert(run.clone(), Draft { adopted: true, ..Draft::of(None) });
        self.workflow.runs.insert(run.clone(), execution);
        self.run(&run).expect("it was put there")
    }

    /// Makes everything as it was when the change began.
    pub(crate) fn undo(&mut self) {
        for (run, draft) in core::mem::take(&mut self.drafts) {
            match draft.before {
                Some(before) => {
                    if let Some(execution) = self.workflow.runs.get_mut(&run) {
                        execution.core = before;
                        execution.volatile.speculation = draft.speculation;
                        execution.rollback();
                    }
                }
                None => {
                    self.workflow.runs.remove(&run);
                }
            }
        }
        self.workflow.current.clone_from(&self.current_before);
        self.workflow.receipts.rollback();
        self.workflow.job.rollback();
        self.undo_schedule();
        self.effects.clear();
        self.outbox.clear();
        self.forgotten.clear();
    }
}

impl Draft {
    fn of(before: Option<Core>) -> Self {
        Self {
            before,
            speculation: Speculation::default(),
            speculated: false,
            events: Vec::new(),
            holding: false,
            woke: false,
            put_off: PutOff::No,
            removed: false,
            superseded: None,
            adopted: false,
        }
    }
}

impl Run<'_> {
    pub(crate) fn now(&self) -> Timestamp {
        self.at.now
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Takes effects back that something later replaces.
    pub(crate) fn retract(&mut self, is_stale: impl Fn(&Effect) -> bool) {
        self.effects.retain(|effect| !is_stale(effect));
    }

    /// Writes an event: gives it its number and time and folds it into the state. While a worker has a workflow task
    /// (or commands are being carried out), an event that no command made waits in the buffer: it is folded now, but gets
    /// its number when the task ends, and the answer is `EventId::NONE`. A speculative task is written before anything else.
    pub(crate) fn append(&mut self, mut event: HistoryEvent) -> EventId {
        if let Some(task) = self.execution.volatile.speculation.task.take() {
            workflow_task::speculative::before(self, task, event.event_type());
        }
        let waits = self.draft.holding || self.execution.has_started_task();
        if waits && buffer::is_buffered(event.event_type()) {
            event.event_time.get_or_insert(self.at.now.wire());
            fold::apply(self.execution, &event);
            let order = self.execution.buffered.keys().next_back().map_or(0, |last| last + 1);
            self.execution.buffered.put(order, event);
            return EventId::NONE;
        }
        let id = self.number(&mut event);
        // What the run leaves undone elsewhere, and its parent, are told while it is still known.
        outbox::closing(self, &event);
        fold::apply(self.execution, &event);
        fold::place(self.execution, &event);
        self.draft.events.push(event);
        id
    }

    /// Gives an event its number, and a time that does not go back: its own if it has one, otherwise now.
    fn number(&mut self, event: &mut HistoryEvent) -> EventId {
        let core = &self.execution.core;
        let own = event.event_time.as_ref().map_or(self.at.now, Timestamp::from_wire);
        event.event_id = core.next_event_id.0;
        event.task_id = core.next_event_id.0;
        event.event_time = Some(own.max(core.last_event_at).wire());
        core.next_event_id
    }

    /// From now until [`Run::flush`], events that no command made wait in the buffer.
    pub(crate) fn hold(&mut self) {
        self.draft.holding = true;
    }

    /// Writes what waited in the buffer; says whether anything did.
    pub(crate) fn flush(&mut self) -> bool {
        self.draft.holding = false;
        let waiting = buffer::take(&mut self.execution.buffered);
        let any = !waiting.is_empty();
        let mut started = BTreeMap::new();
        for mut event in waiting {
            let id = self.number(&mut event);
            buffer::patch(&mut event, id, &mut started);
            fold::place(self.execution, &event);
            self.draft.events.push(event);
        }
        any
    }

    /// The last event so far, without those at the end that this request wrote and that wait while a worker has a task.
    pub(crate) fn last_firm_event(&self) -> EventId {
        let firm = self.draft.events.iter().rfind(|event| !buffer::is_buffered(event.event_type()));
        firm.map_or_else(
            || self.before().map_or(EventId::NONE, |before| EventId(before.next_event_id.0 - 1)),
            |event| EventId(event.event_id),
        )
    }

    /// Puts a message for another workflow id.
    pub(crate) fn post(&mut self, id: MessageId, mut message: Message) {
        let author = self.execution.core.branch.author(id.event_id);
        message.known_as = (*author != id.run).then(|| author.clone());
        self.outbox.insert(id, Some(Arc::new(message)));
    }

    /// A message is done with. One that this request put was never there.
    pub(crate) fn withdraw(&mut self, id: MessageId) -> Withdrawn {
        match self.outbox.remove(&id) {
            Some(Some(_)) => Withdrawn::Unsent,
            Some(None) | None => {
                self.outbox.insert(id, None);
                Withdrawn::MaybeSent
            }
        }
    }

    /// The event with this number, if this request wrote it.
    pub(crate) fn written(&self, id: EventId) -> Option<Arc<HistoryEvent>> {
        self.draft.events.iter().find(|event| event.event_id == id.0).cloned().map(Arc::new)
    }

    /// Notes whether the run's wake row has fired: a wake that comes early is about nothing.
    pub(crate) fn woke(&mut self) {
        self.draft.woke = self.execution.core.wake_at.is_some_and(|at| at <= self.at.now);
    }

    /// From now until [`Run::has_put_off_a_task`], workflow tasks that are wanted are not scheduled.
    pub(crate) fn put_off_tasks(&mut self) {
        self.draft.put_off = PutOff::Yes;
    }

    /// Whether a workflow task was wanted since; from now on they are scheduled again.
    pub(crate) fn has_put_off_a_task(&mut self) -> bool {
        core::mem::replace(&mut self.draft.put_off, PutOff::No) == PutOff::Wanted
    }

    /// Puts a wanted workflow task off, if they are put off.
    pub(crate) fn puts_off(&mut self) -> bool {
        match self.draft.put_off {
            PutOff::No => false,
            PutOff::Yes | PutOff::Wanted => {
                self.draft.put_off = PutOff::Wanted;
                true
            }
        }
    }

    pub(crate) fn has_woken(&self) -> bool {
        self.draft.woke
    }

    /// A speculative task takes its place after all that is written now.
    pub(crate) fn speculate(&mut self, task: WorkflowTask) {
        self.draft.speculated = true;
        self.execution.volatile.speculation.task = Some(task);
    }

    /// This request made the speculative task that is pending.
    pub(crate) fn has_speculated(&self) -> bool {
        self.draft.speculated
    }

    /// The request changed something that has rows.
    pub(crate) fn is_written(&self) -> bool {
        self.execution.has_dirty_rows()
            || self.before().is_none_or(|before| !self.execution.core.unchanged_since(before))
    }

    /// As it was before the request; `None` if this request created it.
    pub(crate) fn before(&self) -> Option<&Core> {
        self.draft.before.as_ref()
    }

    /// It did not come closed into this request.
    pub(crate) fn was_open(&self) -> bool {
        self.before().is_none_or(|before| before.closed.is_none())
    }

    /// The request did something to it that is kept.
    pub(crate) fn is_touched(&self) -> bool {
        self.draft.woke || self.is_written()
    }

    /// A reset is about to end the run; what it began before this event is taken over.
    pub(crate) fn supersede(&mut self, taken_before: EventId) {
        self.draft.superseded = Some(taken_before);
    }

    pub(crate) fn superseded(&self) -> Option<EventId> {
        self.draft.superseded
    }

    /// What this request wrote to the run so far.
    pub(crate) fn appended(&self) -> &[HistoryEvent] {
        &self.draft.events
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.draft.removed
    }

    /// The run and all of its history go away with this request.
    pub(crate) fn remove(&mut self) {
        self.draft.removed = true;
    }
}

impl Deref for Run<'_> {
    type Target = Execution;

    fn deref(&self) -> &Execution {
        self.execution
    }
}

impl DerefMut for Run<'_> {
    fn deref_mut(&mut self) -> &mut Execution {
        self.execution
    }
}

/// The bytes that an event adds to a history.
pub(crate) fn stored_bytes(event: &HistoryEvent) -> u64 {
    event.encoded_len() as u64
}
