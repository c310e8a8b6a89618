//! Resetting a workflow: its history is read off the actor, then the engine is asked.
//!
//! Invariant: what the engine decides on is all there is. If a run has grown since it was read the engine refuses, and it
//! is read again; events that were read once are as they were.

use std::sync::Arc;

use weft_engine::{
    Answer, EventId, Namespace, Past, Refusal, Request, ResetWorkflow, Room, Target, WorkflowKey,
    state::{Branch, Execution, Hash},
};
use weft_protocol::api::{enums::EventType, history::HistoryEvent};
use weft_rows::{self as rows, Corrupt, table};
use weft_store::state::{KeyRange, Order};

use crate::{
    call::Failure,
    handle::Shard,
    loader::{LoadError, Reader},
};

/// How often a history that grows meanwhile is read.
const ATTEMPTS: usize = 20;

const NO_TASK: &str = "No workflow task ended before that event.";
const NO_TASKS: &str = "No workflow task was scheduled.";

/// Where the new run is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetPlace {
    /// At the end of the workflow task that this event ends.
    TaskEnd(EventId),
    /// At the end of the last workflow task that ended before or with this event; what came of activities and timers up to
    /// it is taken along.
    Before(EventId),
    /// At the first workflow task that completed; if none did, where the first one ends that was scheduled.
    FirstTask,
    /// At the last workflow task that completed; if none did, as for the first.
    LastTask,
}

impl Shard {
    /// Goes on from an earlier place of a workflow's history. `wish.finish`, `wish.keep_until` and `wish.past` are found
    /// here.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn reset(
        &self,
        key: WorkflowKey,
        namespace: Arc<Namespace>,
        target: Target,
        place: ResetPlace,
        wish: ResetWorkflow,
    ) -> Result<Answer, Failure> {
        for _ in 0..ATTEMPTS {
            let base = self.look(key.clone(), target.clone()).await?.execution;
            let run = Target { run: Some(base.core.run.clone()), first_run: None };
            let wish = self.informed(&key, &base, place, wish.clone()).await?;
            let request = Request::Reset(run, Box::new(wish));
            match self.ask(key.clone(), Arc::clone(&namespace), request).await {
                Err(Failure::Refused(Refusal::HistoryGrew)) => {}
                answer => return answer,
            }
        }
        Err(Failure::Unavailable("the workflow's history grows faster than it is read: try again"))
    }

    /// The wish with what the engine must know of the time before. Nothing if there is no such place: the engine says so.
    async fn informed(
        &self,
        key: &WorkflowKey,
        base: &Execution,
        place: ResetPlace,
        wish: ResetWorkflow,
    ) -> Result<ResetWorkflow, Failure> {
        let core = &base.core;
        let nowhere = |event: EventId| event <= EventId::FIRST || event >= core.next_event_id;
        let (named, keep_until) = match place {
            ResetPlace::TaskEnd(event) => (Some(event), None),
            ResetPlace::Before(event) => (Some(event), Some(event)),
            ResetPlace::FirstTask | ResetPlace::LastTask => (None, None),
        };
        if let Some(finish) = named.filter(|event| nowhere(*event)) {
            return Ok(ResetWorkflow { finish, past: Past::default(), ..wish });
        }
        let events = self.events_of(key, &core.branch, core.next_event_id).await?;
        let found = match place {
            ResetPlace::TaskEnd(event) => Some(event),
            ResetPlace::Before(event) => task_end(&events, event),
            ResetPlace::FirstTask => completed(&events).next().or_else(|| first_end(&events)),
            ResetPlace::LastTask => completed(&events).next_back().or_else(|| first_end(&events)),
        };
        let finish =
            found.ok_or_else(|| Refusal::InvalidArgument(if named.is_some() { NO_TASK } else { NO_TASKS }.into()))?;
        if nowhere(finish) {
            return Ok(ResetWorkflow { finish, past: Past::default(), ..wish });
        }
        let (at, branch) = (key.clone(), core.branch.clone());
        let head = self.read(move |reader| reader.head(&at, &branch, finish)).await?;
        let mut past = Past { base: events, head, later: Vec::new() };
        let mut room = Room::ALL;
        while let Some(run) = past.next_run() {
            let target = Target { run: Some(run.clone()), first_run: None };
            let next = match self.look(key.clone(), target).await {
                Ok(view) => view.execution.core,
                // Deleted, and with it what came after.
                Err(Failure::Refused(Refusal::WorkflowNotFound)) => break,
                Err(failure) => return Err(failure),
            };
            let (at, branch, end) = (key.clone(), next.branch.clone(), next.next_event_id);
            let (events, left) = self.read(move |reader| reader.outside_of(&at, &branch, end, room)).await??;
            past.later.push((run, events));
            room = left;
        }
        Ok(ResetWorkflow { finish, keep_until, past, ..wish })
    }

    async fn events_of(&self, key: &WorkflowKey, branch: &Branch, next: EventId) -> Result<Vec<HistoryEvent>, Failure> {
        let (key, branch) = (key.clone(), branch.clone());
        self.read(move |reader| reader.messages_of(&key, &branch, next)).await
    }
}

/// The end of the last workflow task that ended before or with this event.
fn task_end(events: &[HistoryEvent], before: EventId) -> Option<EventId> {
    let is_started = |event: &&HistoryEvent| event.event_type() == EventType::WorkflowTaskStarted;
    let ended = events.iter().take_while(|event| event.event_id < before.0);
    ended.filter(is_started).last().map(|started| EventId(started.event_id).next())
}

/// The events with which workflow tasks completed.
fn completed(events: &[HistoryEvent]) -> impl DoubleEndedIterator<Item = EventId> {
    let is_completed = |event: &&HistoryEvent| event.event_type() == EventType::WorkflowTaskCompleted;
    events.iter().filter(is_completed).map(|event| EventId(event.event_id))
}

/// Where Temporal looks for the end of the first task that was scheduled.
fn first_end(events: &[HistoryEvent]) -> Option<EventId> {
    let scheduled = events.iter().find(|event| event.event_type() == EventType::WorkflowTaskScheduled);
    scheduled.map(|event| EventId(event.event_id).next())
}

impl Reader {
    /// All events of a branch before `next`, as messages.
    fn messages_of(&self, key: &WorkflowKey, branch: &Branch, next: EventId) -> Result<Vec<HistoryEvent>, LoadError> {
        let mut events = Vec::new();
        for part in branch.parts(EventId::FIRST, next) {
            for bytes in self.events(key, &part.branch, part.from, part.to)? {
                events.push(rows::history::decode_event(&bytes)?);
            }
        }
        Ok(events)
    }

    /// What a new run may have again of the events of a branch before `next`, and the last of them; and the room that is
    /// left.
    fn outside_of(
        &self,
        key: &WorkflowKey,
        branch: &Branch,
        next: EventId,
        mut room: Room,
    ) -> Result<Result<(Vec<HistoryEvent>, Room), Refusal>, LoadError> {
        let mut events = Vec::new();
        for part in branch.parts(EventId::FIRST, next) {
            for bytes in self.events(key, &part.branch, part.from, part.to)? {
                let event = rows::history::decode_event(&bytes)?;
                match room.keep(&event, bytes.len(), event.event_id == next.0 - 1) {
                    Ok(true) => events.push(event),
                    Ok(false) => {}
                    Err(refusal) => return Ok(Err(refusal)),
                }
            }
        }
        Ok(Ok((events, room)))
    }

    /// The head of a branch before event `at`.
    pub(crate) fn head(&self, key: &WorkflowKey, branch: &Branch, at: EventId) -> Result<Hash, LoadError> {
        let last = EventId(at.0 - 1);
        let (from, to) = rows::history::before(key, branch.author(last), at);
        let batch = self.store.scan(table::HISTORY, &KeyRange::between(from, to), Order::Descending, 1)?;
        let (_, bytes) = batch.into_iter().next().ok_or_else(|| Corrupt::missing(table::HISTORY, "a batch"))?;
        Ok(rows::history::head_before(&bytes, at)?)
    }
}
