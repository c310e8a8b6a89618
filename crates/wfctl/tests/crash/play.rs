//! Plays a workflow to its end, and kills processes at one moment of its history.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use weft_client::{
    Client, Close, ConnectOptions, Run, Start, Value as _,
    api::history::{HistoryEvent, history_event::Attributes},
};

use crate::machine::{Machine, QUEUE, Victim};

/// So many activities of a type have been scheduled; or children started, where it says [`CHILD`].
pub(crate) type Phase = (&'static str, usize);

/// Who is killed when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    phase: Phase,
    victim: Victim,
}

impl Victim {
    pub(crate) fn at(self, phase: Phase) -> Hit {
        Hit { phase, victim: self }
    }
}

/// In the place of the type of an activity: a child has started.
pub(crate) const CHILD: &str = "a child";

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Played {
    /// What it completed with, or the kind of its failure.
    pub result: Value,
    /// How often each activity was scheduled, by its type and the step that it is for; those of children too.
    pub scheduled: BTreeMap<String, usize>,
}

/// What is known of a run's history so far.
#[derive(Default)]
struct Seen {
    scheduled: BTreeMap<String, usize>,
    names: BTreeMap<i64, String>,
    /// Of what was done, by the event that scheduled it.
    attempts: BTreeMap<i64, i32>,
    children: Vec<Run>,
    /// Events of the type that the hit waits for.
    of_hit: usize,
    /// The last event that was there after the hit.
    hit_at: Option<i64>,
    /// Who completed a workflow task, by its event.
    completed_by: BTreeMap<i64, String>,
    /// Who scheduled an activity, by the event that did.
    scheduled_by: BTreeMap<i64, String>,
    /// What the identity of the worker that was killed begins with.
    killed: Option<String>,
}

struct Player<'a> {
    machine: &'a mut Machine,
    runtime: tokio::runtime::Runtime,
    client: Client,
    run: Run,
    seen: Seen,
}

/// Runs a workflow to its end.
pub(crate) fn play(machine: &mut Machine, workflow: &str, request: &Value, hit: Option<Hit>) -> anyhow::Result<Played> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let options = ConnectOptions { address: machine.address().to_owned(), ..ConnectOptions::default() };
    let client = runtime.block_on(Client::connect(options))?;
    let start = Start { input: vec![request.to_payload()?], ..Start::new("run", workflow, QUEUE) };
    runtime.block_on(client.start(start))?;
    let mut player = Player { machine, runtime, client, run: Run::latest("run"), seen: Seen::default() };
    player.follow(hit)?;
    player.look_at_children()?;
    player.nothing_was_repeated()?;
    Ok(Played { result: player.result()?, scheduled: player.seen.scheduled })
}

impl Player<'_> {
    fn follow(&mut self, hit: Option<Hit>) -> anyhow::Result<()> {
        let mut pages = self.client.history(&self.run, true);
        while let Some(events) = self.runtime.block_on(pages.next())? {
            for event in events {
                let name = self.seen.take(event)?;
                let Some(hit) = hit.filter(|hit| Some(hit.phase.0) == name.as_deref() && self.seen.hit_at.is_none())
                else {
                    continue;
                };
                self.seen.of_hit += 1;
                if self.seen.of_hit == hit.phase.1 {
                    self.hit(hit.victim)?;
                }
            }
        }
        ensure!(hit.is_none() || self.seen.hit_at.is_some(), "{hit:?} never came");
        Ok(())
    }

    fn hit(&mut self, victim: Victim) -> anyhow::Result<()> {
        self.seen.killed = (victim != Victim::Server).then(|| self.machine.worker_identity());
        self.machine.kill_nine(victim)?;
        if victim != Victim::Worker {
            self.machine.start_server_again()?;
        }
        let last = self.history(&self.run.clone())?.last().map(|event| event.event_id);
        self.seen.hit_at = Some(last.context("it has a history")?);
        if victim != Victim::Server {
            self.machine.start_worker_again()?;
        }
        Ok(())
    }

    /// As it is now.
    fn history(&self, run: &Run) -> anyhow::Result<Vec<HistoryEvent>> {
        let (mut pages, mut all) = (self.client.history(run, false), Vec::new());
        while let Some(events) = self.runtime.block_on(pages.next())? {
            all.extend(events);
        }
        Ok(all)
    }

    fn look_at_children(&mut self) -> anyhow::Result<()> {
        for child in std::mem::take(&mut self.seen.children) {
            let mut seen = Seen::default();
            for event in self.history(&child)? {
                seen.take(event)?;
            }
            for (name, times) in seen.scheduled {
                *self.seen.scheduled.entry(format!("{}: {name}", child.workflow_id)).or_default() += times;
            }
        }
        Ok(())
    }

    /// Only what was under way at the hit may have been tried again. That may be written after it: a worker that was
    /// killed had sent what it wants to be done, and the first attempt, which came with the answer, was lost.
    fn nothing_was_repeated(&self) -> anyhow::Result<()> {
        let last = self.seen.hit_at.unwrap_or_default();
        let killed = self.seen.killed.as_deref();
        let of_killed = |it: &i64| killed.is_some_and(|killed| self.seen.scheduled_by[it].starts_with(killed));
        let again = self.seen.attempts.iter().filter(|(scheduled, attempt)| **attempt > 1 && **scheduled > last);
        let again = again.filter(|(scheduled, _)| !of_killed(scheduled));
        let again: BTreeSet<&String> = again.filter_map(|(scheduled, _)| self.seen.names.get(scheduled)).collect();
        ensure!(again.is_empty(), "tried again though nobody was killed meanwhile: {again:?}");
        for (name, times) in &self.seen.scheduled {
            ensure!(*times == 1, "{name} was scheduled {times} times");
        }
        Ok(())
    }

    fn result(&self) -> anyhow::Result<Value> {
        match self.runtime.block_on(self.client.result(&self.run))?.close {
            Close::Completed(payloads) => Ok(serde_json::from_slice(&payloads[0].data)?),
            Close::Failed(Some(failure)) => {
                let failure = weft_client::Failure::from(*failure);
                let kinds = failure.chain().filter_map(|it| it.application_kind()).map(str::to_owned);
                Ok(serde_json::json!({ "failed": kinds.collect::<Vec<_>>() }))
            }
            other => bail!("it neither completed nor failed: {other:?}"),
        }
    }
}

impl Seen {
    /// What happened, by the name that a hit has for it.
    fn take(&mut self, event: HistoryEvent) -> anyhow::Result<Option<String>> {
        match event.attributes {
            Some(Attributes::ActivityTaskScheduledEventAttributes(it)) => {
                let activity = it.activity_type.context("an activity has a type")?.name;
                let payloads = it.input.context("an activity has an input")?.payloads;
                ensure!(payloads.len() == 1, "{activity} takes one thing");
                let input: Value = serde_json::from_slice(&payloads[0].data)?;
                let site = input.get("site").unwrap_or(&input);
                let step = site["step"].as_str().with_context(|| format!("{activity} has no step: {input}"))?;
                let name = format!("{activity} {step}");
                *self.scheduled.entry(name.clone()).or_default() += 1;
                self.names.insert(event.event_id, name);
                let by = self.completed_by.get(&it.workflow_task_completed_event_id);
                self.scheduled_by.insert(event.event_id, by.context("a workflow task came before")?.clone());
                Ok(Some(activity))
            }
            Some(Attributes::WorkflowTaskCompletedEventAttributes(it)) => {
                self.completed_by.insert(event.event_id, it.identity);
                Ok(None)
            }
            Some(Attributes::ActivityTaskStartedEventAttributes(it)) => {
                self.attempts.insert(it.scheduled_event_id, it.attempt);
                Ok(None)
            }
            Some(Attributes::ChildWorkflowExecutionStartedEventAttributes(it)) => {
                let child = it.workflow_execution.context("a child has an id")?;
                self.children.push(Run { workflow_id: child.workflow_id, run_id: child.run_id });
                Ok(Some(CHILD.to_owned()))
            }
            _ => Ok(None),
        }
    }
}
