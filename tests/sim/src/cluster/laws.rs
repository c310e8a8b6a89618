//! What must hold of what workers did, once everything has come to its end.
//!
//! Invariants it checks: every run ended; a workflow id that is not reset has one run; what workers were told of their answers is in the
//! history, once; no task failed for what its worker said; what they were shown is there as it was; timers fire once, and not before their time; each message to
//! another workflow arrived once, or not at all if its sender was told so.

use std::collections::{BTreeMap, BTreeSet};

use weft_protocol::api::{
    enums::WorkflowTaskFailedCause as Cause,
    history::{HistoryEvent, history_event::Attributes as Event},
};

use super::{
    book::Worked,
    client::Scene,
    history::{self, Shown, nanos},
    record::Run,
    updates,
};

/// Who asked for something elsewhere: a run, and the event that initiated it.
type Asked = (String, i64);

/// What the histories of all runs say of messages between them.
#[derive(Default)]
pub(crate) struct Messages {
    /// How often each was taken, by whoever it was for.
    taken: BTreeMap<Asked, u64>,
    /// Those of which the sender was told that they arrived.
    arrived: BTreeSet<Asked>,
    /// Those of which the sender was told that they did not.
    failed: BTreeSet<Asked>,
}

/// Looks at every run that workers did something for.
pub(crate) async fn check(scene: &Scene, listed: &[(String, String)]) {
    let mut messages = Messages::default();
    let mut runs = BTreeMap::<&str, u64>::new();
    for (workflow, run) in listed {
        let Some(plan) = scene.plan.of(workflow) else { continue };
        *runs.entry(workflow).or_default() += u64::from(plan.resets.is_empty());
        let Some(events) = scene.history(workflow, run).await else { return };
        let shown = Shown::of(events);
        let worked = scene.book.of(run);
        match of_a_run(&shown, &worked).and_then(|()| updates::judge(&shown.events, &worked)) {
            Ok(updates) => scene.record.cover(|counts| counts.updates += updates),
            Err(wrong) => return scene.record.violate(format!("{workflow} {run}: {wrong}")),
        }
        messages.add(run, &shown.events);
        scene.record.cover(|counts| counts.worked_events += shown.events.len() as u64);
    }
    if let Some((workflow, count)) = runs.iter().find(|(_, count)| **count > 1) {
        scene.record.violate(format!("{workflow} has {count} runs"));
    }
    for plan in scene.plan.workflows.iter().filter(|plan| !runs.contains_key(plan.id.as_str())) {
        scene.record.violate(format!("{} was acknowledged and is not listed", plan.id));
    }
    if let Err(wrong) = messages.judge() {
        scene.record.violate(wrong);
    }
    scene.record.cover(|counts| counts.messages += messages.count());
}

fn of_a_run(shown: &Shown, worked: &Worked) -> Result<(), String> {
    history::judge(&Run { seen: worked.seen.clone(), ..Run::default() }, shown)?;
    if shown.end().is_none() {
        return Err("it has not ended".to_owned());
    }
    answers(&shown.events, worked)?;
    failures(&shown.events)?;
    timers(&shown.events)
}

/// What workers were told is there.
fn answers(events: &[HistoryEvent], worked: &Worked) -> Result<(), String> {
    let mut completed = BTreeSet::new();
    let mut activities = BTreeMap::new();
    let mut results = BTreeMap::<&str, Vec<u8>>::new();
    for event in events {
        match &event.attributes {
            Some(Event::WorkflowTaskCompletedEventAttributes(it)) if !completed.insert(it.started_event_id) => {
                return Err(format!("the task of event {} was completed twice", it.started_event_id));
            }
            Some(Event::ActivityTaskScheduledEventAttributes(it)) => {
                activities.insert(event.event_id, it.activity_id.as_str());
            }
            Some(Event::ActivityTaskCompletedEventAttributes(it)) => {
                let Some(id) = activities.get(&it.scheduled_event_id) else {
                    return Err(format!("event {} completes what was never scheduled", event.event_id));
                };
                let payloads = it.result.as_ref().map(|result| result.payloads.as_slice()).unwrap_or_default();
                let data = payloads.first().map(|payload| payload.data.clone()).unwrap_or_default();
                if results.insert(id, data).is_some() {
                    return Err(format!("activity {id} was completed twice"));
                }
            }
            _ => {}
        }
    }
    if let Some(lost) = worked.tasks.difference(&completed).next() {
        return Err(format!("the completion of the task of event {lost} was acknowledged and is not there"));
    }
    let lost = worked.results.iter().find(|(id, result)| results.get(id.as_str()) != Some(result));
    lost.map_or(Ok(()), |(id, _)| Err(format!("the result of {id} was acknowledged and is not there")))
}

/// No worker says what is wrong: its task fails only if it has not seen everything, or for somebody else.
pub(crate) fn failures(events: &[HistoryEvent]) -> Result<(), String> {
    for event in events {
        let Some(Event::WorkflowTaskFailedEventAttributes(it)) = &event.attributes else { continue };
        match it.cause() {
            Cause::UnhandledCommand | Cause::ResetWorkflow | Cause::ForceCloseCommand => {}
            cause => return Err(format!("event {} says that a task failed: {cause:?}", event.event_id)),
        }
    }
    Ok(())
}

fn timers(events: &[HistoryEvent]) -> Result<(), String> {
    let at = |event: &HistoryEvent| event.event_time.as_ref().map_or(0, nanos);
    let mut started = BTreeMap::new();
    for event in events {
        match &event.attributes {
            Some(Event::TimerStartedEventAttributes(it)) => {
                let lasts = it
                    .start_to_fire_timeout
                    .map_or(0, |it| i128::from(it.seconds) * 1_000_000_000 + i128::from(it.nanos));
                started.insert(event.event_id, at(event) + lasts);
            }
            Some(Event::TimerFiredEventAttributes(it)) => match started.remove(&it.started_event_id) {
                Some(due) if at(event) < due => {
                    return Err(format!("timer {} fired {} ns too early", it.timer_id, due - at(event)));
                }
                Some(_) => {}
                None => return Err(format!("timer {} fired twice, or never started", it.timer_id)),
            },
            _ => {}
        }
    }
    Ok(())
}

impl Messages {
    pub(crate) fn add(&mut self, run: &str, events: &[HistoryEvent]) {
        let asked = |initiated: i64| (run.to_owned(), initiated);
        for event in events {
            match &event.attributes {
                Some(Event::ExternalWorkflowExecutionSignaledEventAttributes(it)) => {
                    self.arrived.insert(asked(it.initiated_event_id));
                }
                Some(Event::SignalExternalWorkflowExecutionFailedEventAttributes(it)) => {
                    self.failed.insert(asked(it.initiated_event_id));
                }
                Some(Event::ChildWorkflowExecutionStartedEventAttributes(it)) => {
                    self.arrived.insert(asked(it.initiated_event_id));
                }
                Some(Event::WorkflowExecutionSignaledEventAttributes(it)) => {
                    // The request id of a message names the event that asked for it.
                    if let [from, number, _] = it.request_id.split(':').collect::<Vec<_>>()[..]
                        && let Ok(number) = number.parse()
                    {
                        *self.taken.entry((from.to_owned(), number)).or_default() += 1;
                    }
                }
                Some(Event::WorkflowExecutionStartedEventAttributes(it)) => {
                    if let Some(parent) = &it.parent_workflow_execution {
                        let asked = (parent.run_id.clone(), it.parent_initiated_event_id);
                        *self.taken.entry(asked).or_default() += 1;
                    }
                }
                _ => {}
            }
        }
    }

    /// How many were taken.
    pub(crate) fn count(&self) -> u64 {
        self.taken.len() as u64
    }

    /// # Errors
    /// What was done twice, or not at all, or against what its sender was told.
    pub(crate) fn judge(&self) -> Result<(), String> {
        if let Some((asked, times)) = self.taken.iter().find(|(_, times)| **times > 1) {
            return Err(format!("what {asked:?} asked for was done {times} times"));
        }
        if let Some(asked) = self.arrived.iter().find(|asked| !self.taken.contains_key(asked)) {
            return Err(format!("what {asked:?} asked for was acknowledged and is not there"));
        }
        if let Some(asked) = self.failed.iter().find(|asked| self.taken.contains_key(asked)) {
            return Err(format!("what {asked:?} asked for is there, and its sender was told that it is not"));
        }
        Ok(())
    }
}
