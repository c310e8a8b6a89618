//! Workflows that are reset while anything may go wrong: one caller signals them, has them go on from an earlier workflow
//! task, deletes what they went on from, and looks at everything when they have come to their end.
//!
//! Invariants: a reset happens once, however often it is asked for under its request id; the run that goes on begins with
//! what the other one had before that place, also when the other one is deleted; what was acknowledged to any of the runs
//! is in the last one, once; and there are no runs that nobody was told of.

use std::collections::{BTreeMap, BTreeSet};

use tonic::{Code, Status};
use weft_protocol::api::{
    enums::WorkflowTaskFailedCause,
    history::{HistoryEvent, history_event::Attributes as Event},
    workflowservice::{DeleteWorkflowExecutionRequest, ResetWorkflowExecutionRequest, SignalWorkflowExecutionRequest},
};

use super::{
    client::{Api, NAMESPACE, PATIENCE, Scene, Settled, execution, within},
    history::{Shown, hash},
};

/// How often the caller looks for a workflow task that was completed.
const LOOKS: u64 = 20;

/// One workflow id, as its caller knows it.
struct Life<'s> {
    scene: &'s Scene,
    workflow: String,
    /// The run that goes on.
    current: String,
    runs: BTreeSet<String>,
    resets: Vec<Reset>,
}

struct Reset {
    base: String,
    /// The event at which the base's workflow task was completed, and at which it failed for the run that goes on.
    finish: i64,
    run: String,
    /// Hashes of what both runs have.
    shared: Vec<u64>,
}

/// Plays one workflow from its start to its end, with its resets.
pub(crate) async fn errand(scene: Scene, workflow: String, begins_ms: u64) {
    scene.sleep_ms(begins_ms).await;
    let Some(plan) = scene.plan.of(&workflow) else { return };
    let Some(run) = scene.begin_alone(&workflow).await else { return };
    let runs = BTreeSet::from([run.clone()]);
    let mut life = Life { scene: &scene, workflow, current: run, runs, resets: Vec::new() };
    for number in 0..=plan.signals.len() {
        for (place, reset) in plan.resets.iter().enumerate().filter(|(_, reset)| reset.after == number) {
            scene.sleep_ms(reset.pause_ms * 5).await;
            let base = life.current.clone();
            life.reset(&format!("{} reset {place}", life.workflow)).await;
            if reset.deletes && life.current != base {
                life.delete(&base).await;
            }
        }
        if let Some(signal) = plan.signals.get(number) {
            scene.sleep_ms(scene.dice.below(400)).await;
            life.signal(signal).await;
        }
    }
    life.ends(&plan.signals).await;
}

impl Life<'_> {
    fn wrong(&self, what: &str) {
        self.scene.record.violate(format!("{}: {what}", self.workflow));
    }

    fn refused(&self, what: &str, status: &Status) {
        self.wrong(&format!("{what} was refused: {status}"));
    }

    /// Whatever is asked for reaches a run that waits for it.
    async fn signal(&self, name: &str) {
        let request = SignalWorkflowExecutionRequest {
            namespace: NAMESPACE.to_owned(),
            workflow_execution: execution(&self.workflow, ""),
            signal_name: name.to_owned(),
            request_id: format!("{} {name}", self.workflow),
            ..SignalWorkflowExecutionRequest::default()
        };
        let what = format!("signal {} {name}", self.workflow);
        let told = self.scene.settle(&what, |mut api: Api| {
            let request = within(request.clone(), PATIENCE);
            async move { api.signal_workflow_execution(request).await }
        });
        match told.await {
            Settled::Answered(_) => {}
            Settled::Refused { status, .. } => self.refused(name, &status),
        }
    }

    /// Has the current run go on from one of its workflow tasks, if one was completed, and asks for it twice.
    async fn reset(&mut self, name: &str) {
        let Some((finish, shared)) = self.place().await else { return };
        let request = ResetWorkflowExecutionRequest {
            namespace: NAMESPACE.to_owned(),
            workflow_execution: execution(&self.workflow, &self.current),
            reason: "another way".to_owned(),
            workflow_task_finish_event_id: finish,
            request_id: name.to_owned(),
            ..ResetWorkflowExecutionRequest::default()
        };
        let mut told = BTreeSet::new();
        for _ in 0..2 {
            let asked = self.scene.settle(name, |mut api: Api| {
                let request = within(request.clone(), PATIENCE);
                async move { api.reset_workflow_execution(request).await }
            });
            match asked.await {
                Settled::Answered(answer) => drop(told.insert(answer.run_id)),
                Settled::Refused { status, .. } => return self.refused(name, &status),
            }
        }
        let (Some(run), None) = (told.pop_first(), told.pop_first()) else {
            return self.wrong(&format!("{name} was answered with two runs"));
        };
        self.scene.record.note(&format!("{name}: {run} goes on from event {finish} of {}", self.current));
        if !self.runs.insert(run.clone()) {
            return self.wrong(&format!("{name} was answered with run {run}, which was there before"));
        }
        let base = std::mem::replace(&mut self.current, run.clone());
        self.resets.push(Reset { base, finish, run, shared });
        self.scene.record.cover(|counts| counts.resets += 1);
    }

    /// Where a workflow task of the current run was completed, and what came before.
    async fn place(&self) -> Option<(i64, Vec<u64>)> {
        for _ in 0..LOOKS {
            let events = self.scene.history(&self.workflow, &self.current).await?;
            let completed = |event: &&HistoryEvent| {
                matches!(&event.attributes, Some(Event::WorkflowTaskCompletedEventAttributes(_)))
            };
            let ends: Vec<i64> = events.iter().filter(completed).map(|event| event.event_id).collect();
            if !ends.is_empty() {
                let finish = ends[usize::try_from(self.scene.dice.below(ends.len() as u64)).ok()?];
                let shared = events.iter().take_while(|event| event.event_id < finish).map(hash).collect();
                return Some((finish, shared));
            }
            self.scene.sleep_ms(100).await;
        }
        None
    }

    /// A run that is not the current one goes away; what others share of its history stays.
    async fn delete(&mut self, run: &str) {
        let request = DeleteWorkflowExecutionRequest {
            namespace: NAMESPACE.to_owned(),
            workflow_execution: execution(&self.workflow, run),
        };
        let what = format!("delete {} {run}", self.workflow);
        self.scene.record.deleting(run);
        let deleted = self.scene.settle(&what, |mut api: Api| {
            let request = within(request.clone(), PATIENCE);
            async move { api.delete_workflow_execution(request).await }
        });
        match deleted.await {
            Settled::Answered(_) => {}
            // It was done, and nobody heard of it.
            Settled::Refused { status, for_certain: false } if status.code() == Code::NotFound => {}
            Settled::Refused { status, .. } => return self.refused(&what, &status),
        }
        self.runs.remove(run);
    }

    /// Waits until the last run has ended, and looks at all of them.
    async fn ends(&self, signals: &[String]) {
        loop {
            let Some(events) = self.scene.history(&self.workflow, &self.current).await else { return };
            if Shown::of(events).end().is_some() {
                break;
            }
            self.scene.sleep_ms(400).await;
        }
        let listed = self.scene.list().await.into_iter().filter(|(workflow, _, _)| *workflow == self.workflow);
        let listed: BTreeSet<String> = listed.map(|(_, run, _)| run).collect();
        if listed != self.runs {
            return self.wrong(&format!("its runs are {:?}, and {listed:?} are listed", self.runs));
        }
        let mut histories = BTreeMap::new();
        for run in &self.runs {
            let Some(events) = self.scene.history(&self.workflow, run).await else { return };
            histories.insert(run.as_str(), events);
        }
        let judged = self.resets.iter().try_for_each(|reset| reset.judge(histories.get(reset.run.as_str())));
        let judged = judged.and_then(|()| {
            let last = histories.get(self.current.as_str()).map(Vec::as_slice).unwrap_or_default();
            last_run(last, signals)
        });
        if let Err(wrong) = judged {
            self.wrong(&wrong);
        }
        self.scene.record.cover(|counts| counts.errands += 1);
    }
}

impl Reset {
    /// What a run goes on from is there as it was; a run that was deleted is not looked at.
    fn judge(&self, events: Option<&Vec<HistoryEvent>>) -> Result<(), String> {
        let Self { base, finish, run, shared } = self;
        let Some(events) = events else { return Ok(()) };
        let place = events.iter().map(hash).zip(shared).position(|(one, other)| one != *other);
        if let Some(place) = place.or((events.len() <= shared.len()).then_some(events.len())) {
            return Err(format!(
                "run {run} goes on from event {finish} of {base}, and has another event {}",
                place + 1
            ));
        }
        match &events[shared.len()].attributes {
            Some(Event::WorkflowTaskFailedEventAttributes(it))
                if it.cause() == WorkflowTaskFailedCause::ResetWorkflow
                    && it.base_run_id == *base
                    && it.new_run_id == *run =>
            {
                Ok(())
            }
            other => Err(format!("run {run} goes on from event {finish} of {base} with {other:?}")),
        }
    }
}

/// It has done its work, and heard everything once.
fn last_run(events: &[HistoryEvent], signals: &[String]) -> Result<(), String> {
    let last = events.last().and_then(|event| event.attributes.as_ref());
    let Some(Event::WorkflowExecutionCompletedEventAttributes(_)) = last else {
        return Err(format!("the last run ended with {last:?}"));
    };
    let mut heard = BTreeMap::<&str, u64>::new();
    for event in events {
        if let Some(Event::WorkflowExecutionSignaledEventAttributes(it)) = &event.attributes {
            *heard.entry(&it.signal_name).or_default() += 1;
        }
    }
    match signals.iter().find(|name| heard.get(name.as_str()) != Some(&1)) {
        Some(name) => Err(format!("signal {name} is in the last run {:?} times", heard.get(name.as_str()))),
        None => Ok(()),
    }
}
