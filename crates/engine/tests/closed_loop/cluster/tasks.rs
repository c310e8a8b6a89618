//! Workflow tasks: taken, worked on, answered; or dropped, failed, and answered too late.

use std::time::Duration;

use weft_engine::{
    Answer, CompleteWorkflowTask, CompletionCapabilities, FailWorkflowTask, Poller, Request, StartWorkflowTask,
    StartedWorkflowTask,
    state::{ScheduledOn, WorkflowTaskStage},
};
use weft_protocol::api::{enums::WorkflowTaskFailedCause, history::HistoryEvent};
use weft_replay::{Fault, LocalActivity};

use super::{Cluster, Held, said};
use crate::play;

impl Cluster {
    pub(super) fn poller(&mut self) -> Poller {
        self.requests += 1;
        let request = format!("poll-{}", self.requests);
        Poller { identity: "worker".into(), request: request.as_str().into(), version: None, deployment: None }
    }

    pub(super) fn poll(&mut self, workflow: &str) -> Result<(), String> {
        let poller = self.poller();
        let Some(run) = self.worlds[workflow].current() else { return Ok(()) };
        let Some(task) = run.task() else { return Ok(()) };
        let sticky_queue = match &task.stage {
            WorkflowTaskStage::Scheduled(ScheduledOn::Sticky { queue, .. }) => Some(queue.clone()),
            WorkflowTaskStage::Scheduled(ScheduledOn::Normal) => None,
            WorkflowTaskStage::Started(_) => return Ok(()),
        };
        let take = StartWorkflowTask {
            run: run.core.run.clone(),
            scheduled_event_id: task.scheduled_event_id,
            attempt: task.attempt,
            sticky_queue,
            poller,
        };
        match self.ask(workflow, Request::StartWorkflowTask(take)) {
            Ok(Answer::WorkflowTask(task)) => self.take(workflow, *task),
            _ => Ok(()),
        }
    }

    pub(super) fn sticky_gone(&mut self, workflow: &str) {
        let Some(run) = self.worlds[workflow].current() else { return };
        let Some(task) = run.task() else { return };
        let gone = Request::StickyUnavailable(run.core.run.clone(), task.scheduled_event_id);
        drop(self.ask(workflow, gone));
    }

    /// A worker begins: with the run that it has kept, or with a new one and the whole history.
    fn take(&mut self, workflow: &str, task: StartedWorkflowTask) -> Result<(), String> {
        self.counts.tasks += 1;
        let run_id = task.token.run.clone();
        let shown = |first: i64| -> Vec<HistoryEvent> {
            let history = &self.worlds[workflow].table.histories[&run_id];
            let part = history.iter().filter(|it| it.event_id >= first && it.event_id < task.next_event.0);
            part.chain(&task.suffix).cloned().collect()
        };
        let (part, whole) = (shown(task.first_event.0), shown(1));
        let (mut run, events) = match self.kept.remove(&run_id).filter(|_| task.first_event.0 > 1) {
            Some(run) => {
                self.counts.kept_runs += 1;
                (run, part)
            }
            None => (self.fresh(workflow, &run_id), whole.clone()),
        };
        let progress = match run.advance(events, task.messages.clone()) {
            Err(Fault::Stale) => {
                run = self.fresh(workflow, &run_id);
                run.advance(whole, task.messages.clone())
            }
            other => other,
        };
        let progress = progress.map_err(|fault| format!("{run_id}: {}", said(&fault)))?;
        if !progress.is_live {
            return Err(format!("{run_id}: a task that asks for nothing"));
        }
        self.held.insert(workflow.to_owned(), Held { task, run, locals: progress.local, wanted: progress.wanted });
        Ok(())
    }

    /// The worker goes a step further with what it has in hand.
    pub(super) fn work(&mut self, workflow: &str) -> Result<(), String> {
        let Some(mut held) = self.held.remove(workflow) else { return Ok(()) };
        if self.random.once_in(20) {
            self.counts.failures += 1;
            let failed = FailWorkflowTask {
                token: held.task.token,
                cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                failure: None,
                identity: "worker".into(),
                binary_checksum: String::new(),
                version: None,
            };
            drop(self.ask(workflow, Request::FailWorkflowTask(Box::new(failed))));
            return Ok(());
        }
        let is_heartbeat = self.random.once_in(6);
        if !held.locals.is_empty() && !is_heartbeat {
            self.counts.locals += 1;
            let index = self.random.below(held.locals.len() as u64) as usize;
            let local: LocalActivity = held.locals.remove(index);
            let result = if self.random.once_in(4) {
                Err(weft_replay::application("it did not work", "Local", true))
            } else {
                Ok(play::number(self.random.below(1000)))
            };
            let progress = held.run.end_local(&local.id, 1, result).map_err(|fault| said(&fault))?;
            held.locals.extend(progress.local);
            held.locals.retain(|local| progress.wanted.contains(&local.id));
            self.held.insert(workflow.to_owned(), held);
            return Ok(());
        }
        self.counts.heartbeats += u32::from(!held.locals.is_empty());
        self.answer(workflow, held)
    }

    fn answer(&mut self, workflow: &str, held: Held) -> Result<(), String> {
        let Held { task, mut run, locals, wanted: _ } = held;
        let completion = run.complete();
        let run_id = task.token.run.clone();
        let return_new = self.random.once_in(2).then(|| self.poller().request);
        let complete = CompleteWorkflowTask {
            token: task.token,
            commands: completion.commands,
            messages: completion.messages,
            namespaces: Default::default(),
            identity: "worker".into(),
            sticky: (!self.random.once_in(4)).then(|| ("sticky".into(), Duration::from_secs(5))),
            return_new,
            force_new: !locals.is_empty(),
            query_results: vec![],
            sdk_metadata: None,
            metering: None,
            binary_checksum: String::new(),
            version: None,
            deployment: None,
            versioning_behavior: 0,
            eager_request: "eager".into(),
            capabilities: CompletionCapabilities { discard_speculative_with_events: false },
        };
        let taken = match self.ask(workflow, Request::CompleteWorkflowTask(Box::new(complete))) {
            Ok(Answer::TaskCompleted(taken)) => taken,
            Ok(Answer::TaskFailed { message }) if !message.contains("UnhandledCommand") => {
                return Err(format!("{run_id}: the answer is wrong: {message}"));
            }
            // It came too late, or there is news that the workflow must see before it ends.
            _ => {
                self.counts.refused_answers += 1;
                return Ok(());
            }
        };
        if let Some(event) = taken.reset_to {
            self.counts.forgotten += 1;
            run.forget_after(event.0);
        }
        // Without another task nobody is left to hear of its local activities: another run does them again.
        if !completion.ends && (locals.is_empty() || taken.new_task.is_some()) {
            self.kept.insert(run_id, run);
        }
        match taken.new_task {
            Some(task) => {
                self.counts.inline_tasks += 1;
                self.take(workflow, *task)?;
                // The worker still runs what it ran: those local activities are not handed out again.
                if let Some(held) = self.held.get_mut(workflow) {
                    let again = locals.into_iter().filter(|local| held.wanted.contains(&local.id));
                    let known: Vec<String> = held.locals.iter().map(|local| local.id.clone()).collect();
                    held.locals.extend(again.filter(|local| !known.contains(&local.id)));
                }
                Ok(())
            }
            None => Ok(()),
        }
    }
}
