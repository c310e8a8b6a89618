//! The oracle: what must hold of a run, whoever looks and whenever.
//!
//! Invariants it checks: what was acknowledged before the look is there, exactly once; what is not known is there at most
//! once; what was refused is not there; ids are dense, times never go back, nothing follows the end; timers fire once,
//! and not before their time; a workflow id has at most one open run; lists show every run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use weft_engine::{RunId, Timestamp, WorkflowKey, span_from_wire};
use weft_protocol::{
    api::history::{HistoryEvent, history_event::Attributes as Event},
    prost::Message,
};
use weft_shard::View;
use weft_visibility::Query;

use crate::{
    family, fork, job,
    ledger::{About, Call, State},
    pause,
    scene::Scene,
    schedule,
};

/// What a run shows.
struct Shown<'a> {
    /// Its history, and the events that wait for a workflow task to end.
    all: Vec<&'a HistoryEvent>,
    run: &'a RunId,
    is_closed: bool,
}

/// Looks at every run that anybody knows of.
pub(crate) async fn everything(scene: &Scene, is_over: bool) {
    for plan in scene.plan.workflows.iter().chain(&scene.plan.forks) {
        let mut open = 0;
        for id in scene.ledger.runs_of(&plan.id) {
            match run(scene, &plan.id, &id).await {
                Some(true) if is_over => scene.ledger.violate(format!("{}: run {id} did not finish", plan.id)),
                Some(is_open) => open += u64::from(is_open),
                None => {}
            }
        }
        if open > 1 {
            scene.ledger.violate(format!("{}: {open} open runs", plan.id));
        }
    }
    family::everything(scene, is_over).await;
    fork::everything(scene).await;
    job::everything(scene, is_over).await;
    schedule::everything(scene, is_over).await;
    if is_over {
        let stored = count_runs(scene);
        count_listed(scene, stored).await;
    }
}

/// Every run that is stored is listed: the index begins empty in each life, and what the log does not replay must come
/// from the store.
async fn count_listed(scene: &Scene, stored: usize) {
    let namespace = scene.namespace.id.as_str().to_owned();
    match scene.node.lists().count(namespace, Query::all()).await {
        Ok(count) if count.total == stored as u64 => {}
        Ok(count) => scene.ledger.violate(format!("{stored} runs are stored and {} are listed", count.total)),
        Err(error) => scene.ledger.violate(format!("the runs cannot be listed: {error}")),
    }
}

/// No run is there that nobody was told of. Gives how many are stored.
fn count_runs(scene: &Scene) -> usize {
    let runs = family::runs(scene);
    let plans = scene.plan.workflows.iter().chain(&scene.plan.forks);
    let is_a_clients = |key: &WorkflowKey| plans.clone().any(|plan| plan.id == key.workflow.as_str());
    let rows = runs.iter().filter(|(key, _)| is_a_clients(key)).count();
    let mut told = BTreeSet::new();
    let (mut answers, mut perhaps, mut gone) = (0, 0, 0);
    for call in scene.ledger.calls() {
        match (call.about, call.state) {
            (About::Start { .. } | About::Reset { .. } | About::Fork { .. }, State::Acknowledged(Some(run))) => {
                answers += 1;
                told.insert(run);
            }
            (About::Start { .. } | About::Reset { .. } | About::Fork { .. }, State::Uncertain | State::Open) => {
                perhaps += 1;
            }
            (About::Delete { run }, _) => {
                gone += 1;
                if runs.iter().any(|(_, stored)| *stored == run) {
                    scene.ledger.violate(format!("run {run} was deleted and is stored"));
                }
            }
            _ => {}
        }
    }
    if told.len() != answers {
        scene.ledger.violate(format!("{answers} starts, resets and forks were answered with {} runs", told.len()));
    }
    if !(answers..=answers + perhaps).contains(&(rows + gone)) {
        scene.ledger.violate(format!(
            "{rows} runs are stored; {answers} were acknowledged, {gone} deleted and {perhaps} may be there"
        ));
    }
    runs.len()
}

/// Looks at one run; says whether it is open, if it could be seen.
pub(crate) async fn run(scene: &Scene, workflow: &str, id: &RunId) -> Option<bool> {
    let (calls, seen) = (scene.ledger.calls(), scene.ledger.seen(id));
    let key = scene.key(workflow);
    let view = match scene.look(&key, id).await? {
        Ok(view) => view,
        Err(refusal) => {
            scene.ledger.violate(format!("{workflow}: run {id} was acknowledged and is not there: {refusal:?}"));
            return None;
        }
    };
    let core = &view.execution.core;
    let history = scene.events(&key, id, &core.branch, core.next_event_id).await?;
    if history.len() < seen {
        scene
            .ledger
            .violate(format!("{workflow}: {seen} events of run {id} were seen and {} are there", history.len()));
    }
    let told = |update: &str| scene.ledger.told(&format!("{id} {update}"));
    let judged = judge(&view, &history, &calls, id)
        .and_then(|()| pause::holds(&view, id, &calls, &scene.ledger.calls()))
        .and_then(|()| outcomes(&history, told));
    if let Err(what) = judged {
        scene.ledger.violate(format!("{workflow}: run {id}: {what}"));
    }
    Some(core.closed.is_none())
}

/// The whole history of the run, whoever wrote its parts, is what was written.
pub(crate) async fn chained(scene: &Scene, key: &WorkflowKey, view: &View) {
    let core = &view.execution.core;
    let end = (core.head, core.next_event_id);
    match scene.node.shard(key).history().verify(key, &core.branch, end, None).await {
        Ok((_, None)) => {}
        Ok((_, Some(broken))) => {
            scene.ledger.violate(format!("{}: the chain of run {} breaks: {broken:?}", key.workflow, core.run));
        }
        Err(failure) => scene.ledger.violate(format!("{}: run {} cannot be read: {failure}", key.workflow, core.run)),
    }
}

fn judge(view: &View, history: &[Arc<HistoryEvent>], calls: &[Call], run: &RunId) -> Result<(), String> {
    in_order(history)?;
    timers(history)?;
    let buffered: Vec<HistoryEvent> = view.execution.buffered.iter().map(|(_, event)| event.clone()).collect();
    let all = history.iter().map(|event| &**event).chain(&buffered).collect();
    let shown = Shown { all, run, is_closed: view.execution.core.closed.is_some() };
    once_each(&shown)?;
    calls.iter().try_for_each(|call| shown.holds(call))
}

fn in_order(history: &[Arc<HistoryEvent>]) -> Result<(), String> {
    let mut before = Timestamp(i64::MIN);
    for (event, id) in history.iter().zip(1_i64..) {
        let at = event.event_time.as_ref().map(Timestamp::from_wire);
        let at = at.ok_or_else(|| format!("event {id} has no time"))?;
        if event.event_id != id {
            return Err(format!("event {} stands at place {id}", event.event_id));
        }
        if at < before {
            return Err(format!("time goes back at event {id}"));
        }
        before = at;
        let is_start = matches!(event.attributes, Some(Event::WorkflowExecutionStartedEventAttributes(_)));
        if is_start != (id == 1) {
            return Err(format!("event {id} is out of place: {event:?}"));
        }
        if is_end(event) && id != history.len() as i64 {
            return Err(format!("something follows the end at event {id}"));
        }
    }
    Ok(())
}

fn is_end(event: &HistoryEvent) -> bool {
    matches!(
        event.attributes,
        Some(
            Event::WorkflowExecutionCompletedEventAttributes(_)
                | Event::WorkflowExecutionCanceledEventAttributes(_)
                | Event::WorkflowExecutionFailedEventAttributes(_)
                | Event::WorkflowExecutionTerminatedEventAttributes(_)
                | Event::WorkflowExecutionTimedOutEventAttributes(_)
                | Event::WorkflowExecutionContinuedAsNewEventAttributes(_)
        )
    )
}

/// Timers fire once, not before their time, and not while the run is paused.
fn timers(history: &[Arc<HistoryEvent>]) -> Result<(), String> {
    let mut due: BTreeMap<&String, Timestamp> = BTreeMap::new();
    let (mut paused, mut has_task) = (None, false);
    for event in history {
        let at = event.event_time.as_ref().map(Timestamp::from_wire).unwrap_or_default();
        match &event.attributes {
            Some(Event::WorkflowTaskScheduledEventAttributes(_)) => has_task = true,
            Some(Event::WorkflowTaskCompletedEventAttributes(_)) => has_task = false,
            // While a worker may have a task the event has its place later, and the clock goes on until then.
            Some(Event::WorkflowExecutionPausedEventAttributes(_)) => paused = Some((!has_task).then_some(at)),
            Some(Event::WorkflowExecutionUnpausedEventAttributes(_)) => {
                let since = paused.take().flatten();
                let span = since.map(|since| at.since(since)).unwrap_or_default();
                for due in due.values_mut().filter(|due| **due != Timestamp::MAX) {
                    *due = due.after(span);
                }
            }
            Some(Event::TimerFiredEventAttributes(it)) if paused.is_some() => {
                return Err(format!("timer {} fired while the run was paused", it.timer_id));
            }
            Some(Event::TimerStartedEventAttributes(it)) => {
                let span = it.start_to_fire_timeout.as_ref().map(span_from_wire).unwrap_or_default();
                if due.insert(&it.timer_id, at.after(span)).is_some() {
                    return Err(format!("timer {} was started twice", it.timer_id));
                }
            }
            Some(Event::TimerFiredEventAttributes(it)) => match due.insert(&it.timer_id, Timestamp::MAX) {
                Some(due) if due <= at => {}
                Some(due) => return Err(format!("timer {} fired at {at:?}, due at {due:?}", it.timer_id)),
                None => return Err(format!("timer {} fired and was never started", it.timer_id)),
            },
            _ => {}
        }
    }
    Ok(())
}

/// The outcome of an update is what its callers were told.
fn outcomes(history: &[Arc<HistoryEvent>], told: impl Fn(&str) -> Option<Vec<u8>>) -> Result<(), String> {
    for event in history {
        let Some(Event::WorkflowExecutionUpdateCompletedEventAttributes(it)) = &event.attributes else { continue };
        let (Some(meta), Some(outcome)) = (&it.meta, &it.outcome) else {
            return Err(format!("an update without an outcome: {event:?}"));
        };
        if told(&meta.update_id).is_some_and(|told| told != outcome.encode_to_vec()) {
            return Err(format!("callers were told another outcome: {event:?}"));
        }
    }
    Ok(())
}

/// An activity is scheduled once and ends once; a workflow task completes once; an update is accepted and completed once.
fn once_each(shown: &Shown<'_>) -> Result<(), String> {
    let (mut scheduled, mut ended, mut tasks) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut accepted, mut completed) = (BTreeSet::new(), BTreeSet::new());
    for event in &shown.all {
        let is_new = match &event.attributes {
            Some(Event::ActivityTaskScheduledEventAttributes(it)) => scheduled.insert(&it.activity_id),
            Some(Event::ActivityTaskCompletedEventAttributes(it)) => ended.insert(it.scheduled_event_id),
            Some(Event::ActivityTaskFailedEventAttributes(it)) => ended.insert(it.scheduled_event_id),
            Some(Event::ActivityTaskTimedOutEventAttributes(it)) => ended.insert(it.scheduled_event_id),
            Some(Event::WorkflowTaskCompletedEventAttributes(it)) => tasks.insert(it.scheduled_event_id),
            Some(Event::WorkflowExecutionUpdateAcceptedEventAttributes(it)) => {
                accepted.insert(&it.protocol_instance_id)
            }
            Some(Event::WorkflowExecutionUpdateCompletedEventAttributes(it)) => completed.insert(it.accepted_event_id),
            _ => true,
        };
        if !is_new {
            return Err(format!("this happened twice: {event:?}"));
        }
    }
    Ok(())
}

impl Shown<'_> {
    /// Whether the run shows of this call what was said of it.
    fn holds(&self, call: &Call) -> Result<(), String> {
        let count = match &call.about {
            About::Signal { run, name } if run == self.run => self.count(|event| is_signal(event, name)),
            About::Activity { run, scheduled, result } if run == self.run => {
                self.count(|event| is_completion(event, *scheduled, result))
            }
            About::Task { run, scheduled, .. } if run == self.run && call.state.is_acknowledged() => {
                self.count(|event| is_task(event, *scheduled))
            }
            About::Cancel { run } if run == self.run => {
                let count = self.count(is_cancel);
                // A cancel of a run that is over does nothing, and says that all is well.
                if count == 0 && self.is_closed { return Ok(()) } else { count }
            }
            About::Update { run, id, rejected } if run == self.run => {
                let count = self.count(|event| is_update(event, id));
                if *rejected && count > 0 {
                    return Err(format!("a rejected update is in history: {call:?}"));
                }
                if *rejected { return Ok(()) } else { count }
            }
            About::Pause { run, request } if run == self.run => self.count(|event| is_pause(event, request)),
            About::Unpause { run, request, .. } if run == self.run && !request.is_empty() => {
                self.count(|event| is_unpause(event, request))
            }
            _ => return Ok(()),
        };
        let is_as_said = match &call.state {
            State::Acknowledged(_) => count == 1,
            // What nobody answered yet may come at any moment, and an answer may come between two looks.
            State::Open | State::Uncertain => count <= 1,
            State::Refused => count == 0,
        };
        if is_as_said { Ok(()) } else { Err(format!("{count} times in history: {call:?}")) }
    }

    fn count(&self, is_it: impl Fn(&HistoryEvent) -> bool) -> usize {
        self.all.iter().filter(|event| is_it(event)).count()
    }
}

fn is_signal(event: &HistoryEvent, name: &str) -> bool {
    matches!(&event.attributes, Some(Event::WorkflowExecutionSignaledEventAttributes(it)) if it.signal_name == name)
}

fn is_completion(event: &HistoryEvent, scheduled: i64, result: &[u8]) -> bool {
    let Some(Event::ActivityTaskCompletedEventAttributes(it)) = &event.attributes else { return false };
    let has_result = it.result.as_ref().is_some_and(|all| all.payloads.iter().any(|payload| payload.data == result));
    it.scheduled_event_id == scheduled && has_result
}

fn is_task(event: &HistoryEvent, scheduled: i64) -> bool {
    matches!(&event.attributes, Some(Event::WorkflowTaskCompletedEventAttributes(it)) if it.scheduled_event_id == scheduled)
}

fn is_update(event: &HistoryEvent, id: &str) -> bool {
    matches!(&event.attributes, Some(Event::WorkflowExecutionUpdateAcceptedEventAttributes(it)) if it.protocol_instance_id == id)
}

fn is_pause(event: &HistoryEvent, request: &str) -> bool {
    matches!(&event.attributes, Some(Event::WorkflowExecutionPausedEventAttributes(it)) if it.request_id == request)
}

fn is_unpause(event: &HistoryEvent, request: &str) -> bool {
    matches!(&event.attributes, Some(Event::WorkflowExecutionUnpausedEventAttributes(it)) if it.request_id == request)
}

fn is_cancel(event: &HistoryEvent) -> bool {
    matches!(&event.attributes, Some(Event::WorkflowExecutionCancelRequestedEventAttributes(_)))
}
