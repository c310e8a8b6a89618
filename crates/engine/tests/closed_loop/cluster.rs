//! Workflows of one seed, their workers, and chance, which decides what happens next.

mod activities;
mod messages;
mod tasks;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use weft_engine::{
    ActivityToken, Answer, CancelBody, ConflictPolicy, EventId, Execution, OnConflict, Refusal, Request, ReusePolicy,
    RunId, Settings, SignalBody, StartWorkflow, StartedWorkflowTask, Target, UpdateBody,
    state::{ActivityStage, ScheduledOn, WorkflowTaskStage},
};
use weft_protocol::api::{
    enums::EventType,
    history::HistoryEvent,
    update::{Input, Meta, Request as Update},
};
use weft_replay::{LocalActivity, Run};

use crate::{
    plan::Random,
    play::{self, Fault},
    world::World,
};

/// No workflow of these plans takes more.
const STEPS_MAX: u32 = 20_000;

pub(crate) struct Cluster {
    seed: u64,
    fault: Fault,
    random: Random,
    worlds: BTreeMap<String, World>,
    /// Tasks that a worker has in hand, by workflow id.
    held: BTreeMap<String, Held>,
    /// Runs that a worker keeps between tasks.
    kept: BTreeMap<RunId, Run>,
    tokens: BTreeMap<(String, EventId), ActivityToken>,
    /// How much chaos each workflow can still take.
    patience: BTreeMap<String, u32>,
    checked: Vec<RunId>,
    workers: u64,
    requests: u32,
    pub(crate) trace: Vec<String>,
    pub(crate) counts: Counts,
}

/// A workflow task that a worker works on.
struct Held {
    task: StartedWorkflowTask,
    run: Run,
    /// Local activities that have not ended.
    locals: Vec<LocalActivity>,
    /// Those that the program waits for, begun with this task or before.
    wanted: BTreeSet<String>,
}

/// What happened, so that a loop in which nothing did is not taken for a proof.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) workflows: u32,
    pub(crate) runs_replayed: u32,
    pub(crate) tasks: u32,
    pub(crate) kept_runs: u32,
    pub(crate) crashes: u32,
    pub(crate) failures: u32,
    pub(crate) evictions: u32,
    pub(crate) refused_answers: u32,
    pub(crate) heartbeats: u32,
    pub(crate) forgotten: u32,
    pub(crate) inline_tasks: u32,
    pub(crate) locals: u32,
    pub(crate) activities_failed: u32,
    pub(crate) activities_lost: u32,
    pub(crate) activities_stopped: u32,
    pub(crate) leaders_lost: u32,
    pub(crate) replies_lost: u32,
    pub(crate) signals: u32,
    pub(crate) updates: u32,
    pub(crate) cancellations: u32,
    pub(crate) continued: u32,
    pub(crate) children: u32,
}

impl Counts {
    fn each(&mut self) -> [&mut u32; 22] {
        [
            &mut self.workflows,
            &mut self.runs_replayed,
            &mut self.tasks,
            &mut self.kept_runs,
            &mut self.crashes,
            &mut self.failures,
            &mut self.evictions,
            &mut self.refused_answers,
            &mut self.heartbeats,
            &mut self.forgotten,
            &mut self.inline_tasks,
            &mut self.locals,
            &mut self.activities_failed,
            &mut self.activities_lost,
            &mut self.activities_stopped,
            &mut self.leaders_lost,
            &mut self.replies_lost,
            &mut self.signals,
            &mut self.updates,
            &mut self.cancellations,
            &mut self.continued,
            &mut self.children,
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let mut other = Self { ..*other };
        for (count, more) in self.each().into_iter().zip(other.each()) {
            *count += *more;
        }
    }

    pub(crate) fn all_happened(&mut self) -> bool {
        self.each().into_iter().all(|count| *count > 0)
    }
}

/// What may happen next.
#[derive(Clone, Debug)]
enum Choice {
    Poll,
    Work,
    StickyGone,
    TakeActivity(EventId),
    EndActivity(EventId),
    Post,
}

impl Cluster {
    pub(crate) fn new(seed: u64, fault: Fault) -> Self {
        Self {
            seed,
            fault,
            random: Random(seed),
            worlds: BTreeMap::new(),
            held: BTreeMap::new(),
            kept: BTreeMap::new(),
            tokens: BTreeMap::new(),
            patience: BTreeMap::new(),
            checked: Vec::new(),
            workers: 0,
            requests: 0,
            trace: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Lets things happen until every workflow has ended and nobody has anything to say.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        self.ask("w", Request::Start(Box::new(start()))).map_err(|refusal| format!("{refusal:?}"))?;
        for _ in 0..STEPS_MAX {
            self.check_closed()?;
            let choices = self.choices();
            let is_over =
                choices.is_empty() && self.worlds.values().all(|world| world.current().is_none_or(|it| !it.is_open()));
            if is_over {
                self.counts.workflows = self.worlds.values().filter(|world| world.current().is_some()).count() as u32;
                return Ok(());
            }
            if self.random.once_in(8) {
                self.chaos()?;
            } else if choices.is_empty() || self.random.once_in(12) {
                self.pass();
            } else {
                let (workflow, choice) = choices[self.random.below(choices.len() as u64) as usize].clone();
                self.happen(&workflow, &choice)?;
            }
        }
        let open = self.worlds.iter().filter(|(_, world)| world.current().is_some_and(Execution::is_open));
        Err(format!("these do not end: {:?}", open.map(|(id, _)| id).collect::<Vec<_>>()))
    }

    fn world(&mut self, workflow: &str) -> &mut World {
        let now = self.worlds.values().map(|world| world.now).max();
        self.worlds.entry(workflow.to_owned()).or_insert_with(|| {
            let mut world = World::named(workflow, workflow, Settings::default());
            world.now = now.unwrap_or(world.now);
            world.name_run = name_run;
            let known = BTreeMap::from([("TemporalChangeVersion".to_owned(), 7)]);
            world.namespace.search_attributes = known.into();
            world
        })
    }

    /// Asks the engine for something, and keeps what came of it.
    fn ask(&mut self, workflow: &str, request: Request) -> Result<Answer, Refusal> {
        let outcome = self.world(workflow).request(request);
        match outcome {
            Ok((transition, answer)) => {
                for appended in &transition.events {
                    for event in &appended.events {
                        let kind = event.event_type();
                        self.trace.push(format!("{} {} {kind:?}", appended.run, event.event_id));
                        match kind {
                            EventType::ChildWorkflowExecutionStarted => self.counts.children += 1,
                            EventType::WorkflowExecutionContinuedAsNew => self.counts.continued += 1,
                            EventType::ActivityTaskCanceled => self.counts.activities_stopped += 1,
                            _ => {}
                        }
                    }
                }
                Ok(answer)
            }
            Err(refusal) => {
                self.trace.push(format!("{workflow}: {refusal:?}"));
                Err(refusal)
            }
        }
    }

    fn choices(&self) -> Vec<(String, Choice)> {
        let mut choices = Vec::new();
        for (id, world) in &self.worlds {
            let mut may = |choice| choices.push((id.clone(), choice));
            if !world.table.messages.is_empty() {
                may(Choice::Post);
            }
            if self.held.contains_key(id) {
                may(Choice::Work);
            }
            let Some(run) = world.current().filter(|run| run.is_open()) else { continue };
            match run.task().map(|task| &task.stage) {
                Some(WorkflowTaskStage::Scheduled(ScheduledOn::Normal)) => may(Choice::Poll),
                Some(WorkflowTaskStage::Scheduled(ScheduledOn::Sticky { .. })) => {
                    may(Choice::Poll);
                    may(Choice::StickyGone);
                }
                Some(WorkflowTaskStage::Started(_)) | None => {}
            }
            for activity in run.activities.values() {
                match activity.stage {
                    ActivityStage::Scheduled { .. } => may(Choice::TakeActivity(activity.scheduled_event_id)),
                    ActivityStage::Started { .. }
                        if self.tokens.contains_key(&(id.clone(), activity.scheduled_event_id)) =>
                    {
                        may(Choice::EndActivity(activity.scheduled_event_id));
                    }
                    ActivityStage::Started { .. } | ActivityStage::Backoff { .. } => {}
                }
            }
        }
        choices
    }

    fn happen(&mut self, workflow: &str, choice: &Choice) -> Result<(), String> {
        match choice {
            Choice::Poll => self.poll(workflow),
            Choice::Work => self.work(workflow),
            Choice::StickyGone => {
                self.sticky_gone(workflow);
                Ok(())
            }
            Choice::TakeActivity(scheduled) => {
                self.take_activity(workflow, *scheduled);
                Ok(())
            }
            Choice::EndActivity(scheduled) => {
                self.end_activity(workflow, *scheduled);
                Ok(())
            }
            Choice::Post => self.post(workflow),
        }
    }

    /// Something from outside, as long as a workflow has patience for it.
    fn chaos(&mut self) -> Result<(), String> {
        let ids: Vec<String> =
            self.worlds.iter().filter(|(_, it)| it.current().is_some()).map(|(id, _)| id.clone()).collect();
        let workflow = ids[self.random.below(ids.len() as u64) as usize].clone();
        let patience = self.patience.entry(workflow.clone()).or_insert(12);
        if *patience == 0 {
            return Ok(());
        }
        *patience -= 1;
        self.requests += 1;
        let request = format!("request-{}", self.requests);
        match self.random.below(16) {
            0..=3 => {
                let signal = SignalBody {
                    name: "signal".into(),
                    input: None,
                    header: None,
                    identity: "client".into(),
                    request: Some(request.as_str().into()),
                    links: vec![],
                };
                self.counts.signals +=
                    u32::from(self.ask(&workflow, Request::Signal(Target::default(), signal)).is_ok());
            }
            4..=8 => {
                let name = ["now", "slow", "bad", "bad"][self.random.below(4) as usize];
                let meta = Some(Meta { update_id: request.clone(), identity: "client".to_owned() });
                let input = Some(Input { name: name.to_owned(), ..Input::default() });
                let update = UpdateBody {
                    id: request.as_str().into(),
                    request: Arc::new(Update { meta, input, ..Update::default() }),
                };
                self.counts.updates +=
                    u32::from(self.ask(&workflow, Request::Update(Target::default(), update)).is_ok());
            }
            9 if self.random.once_in(3) => {
                let cancel = CancelBody {
                    identity: "client".into(),
                    request: request.as_str().into(),
                    reason: "chaos".to_owned(),
                    links: vec![],
                };
                let done = self.ask(&workflow, Request::Cancel(Target::default(), cancel));
                self.counts.cancellations += u32::from(done.is_ok());
            }
            9..=11 => {
                let run = self.worlds[&workflow].current().map(|run| run.core.run.clone());
                let was_kept = run.is_some_and(|run| self.kept.remove(&run).is_some());
                self.counts.evictions += u32::from(was_kept);
            }
            12 | 13 => self.counts.crashes += u32::from(self.held.remove(&workflow).is_some()),
            _ => {
                self.counts.leaders_lost += 1;
                self.world(&workflow).lose_leader();
            }
        }
        Ok(())
    }

    /// Time goes on to what is due next, and a little further at times.
    fn pass(&mut self) {
        let open = self.worlds.values().filter(|world| world.current().is_some_and(Execution::is_open));
        let Some(mut next) = open.filter_map(World::earliest_wake).min() else { return };
        if self.random.once_in(4) {
            next = next.after(Duration::from_secs(1 + self.random.below(4)));
        }
        for world in self.worlds.values_mut() {
            world.now = world.now.max(next);
        }
        let ids: Vec<String> = self.worlds.keys().cloned().collect();
        for id in ids {
            for run in self.worlds[&id].due() {
                // A wake that comes too late is refused, and harms nobody.
                drop(self.ask(&id, Request::Wake(run)));
            }
        }
    }

    /// Each run that has ended is replayed whole, on a worker that knows nothing of it.
    fn check_closed(&mut self) -> Result<(), String> {
        let mut closed = Vec::new();
        for (id, world) in &self.worlds {
            for run in world.workflow.runs.values().filter(|run| !run.is_open()) {
                if !self.checked.contains(&run.core.run) {
                    closed.push((id.clone(), run.core.run.clone()));
                }
            }
        }
        for (id, run_id) in closed {
            let history = self.worlds[&id].table.histories[&run_id].clone();
            let last = history.last().map(HistoryEvent::event_type);
            let mut run = self.fresh(&id, &run_id);
            run.advance(history, Vec::new()).map_err(|fault| format!("{run_id}, replayed whole: {}", said(&fault)))?;
            let expected = match run.outcome() {
                Some(weft_replay::Outcome::Completed(_)) => Some(EventType::WorkflowExecutionCompleted),
                Some(weft_replay::Outcome::Failed(_)) => Some(EventType::WorkflowExecutionFailed),
                Some(weft_replay::Outcome::Canceled(_)) => Some(EventType::WorkflowExecutionCanceled),
                Some(weft_replay::Outcome::ContinuedAsNew(_)) => Some(EventType::WorkflowExecutionContinuedAsNew),
                None => None,
            };
            let by_others = last == Some(EventType::WorkflowExecutionTerminated);
            if !by_others && expected != last {
                return Err(format!("{run_id} ended with {last:?}, and replayed whole with {expected:?}"));
            }
            self.counts.runs_replayed += 1;
            self.checked.push(run_id);
        }
        Ok(())
    }

    /// A run on the next worker.
    fn fresh(&mut self, workflow: &str, run_id: &RunId) -> Run {
        self.workers += 1;
        play::run(self.seed, self.fault, workflow, run_id.as_str(), self.workers)
    }
}

/// Run ids are UUIDs, as the engine wants those that commands name.
fn name_run(workflow: &str, number: u32) -> String {
    let workflow = workflow.bytes().fold(5, |so_far: u64, byte| so_far.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("{:08x}-0000-4000-8000-{number:012x}", workflow & 0xffff_ffff)
}

fn said(fault: &weft_replay::Fault) -> String {
    match fault {
        weft_replay::Fault::Diverged(divergence) => divergence.to_string(),
        other => format!("{other:?}"),
    }
}

fn start() -> StartWorkflow {
    StartWorkflow {
        request: "start".into(),
        workflow_type: "Random".into(),
        queue: "queue".into(),
        input: play::number(0),
        header: None,
        memo: None,
        search_attributes: None,
        execution_timeout: None,
        run_timeout: None,
        task_timeout: Duration::from_secs(10),
        start_delay: Duration::ZERO,
        retry: None,
        cron: "".into(),
        identity: "client".into(),
        reuse: ReusePolicy::AllowDuplicate,
        conflict: ConflictPolicy::Fail,
        eager: None,
        user_metadata: None,
        links: vec![],
        priority: None,
        versioning_override: None,
        continued_failure: None,
        last_completion_result: None,
        on_conflict: OnConflict { attach_request_id: false, attach_links: false },
    }
}
