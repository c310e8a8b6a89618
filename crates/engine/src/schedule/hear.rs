//! What a schedule hears of its actions: that they began, or did not, and that they ended.
//!
//! Invariant: news of another incarnation, of an action that is not known, or that come twice change nothing.

use alloc::{format, string::String, sync::Arc};

use weft_protocol::api::history::{HistoryEvent, history_event::Attributes};

use super::act::{Acting, beside};
use crate::{
    change::Change,
    ids::{EventId, RunId, WorkflowId},
    message::{ActionEnded, MessageBody, Origin, Replied, Reply, Step},
    state::{
        Status,
        schedule::{ActionStage, Recent},
    },
};

/// The last actions that are shown.
const RECENT_MAX: usize = 10;

/// The reply to the message that asked for an action.
pub(crate) fn replied(change: &mut Change<'_>, replied: &Replied) {
    super::carry_out(change, |acting| {
        if acting.plan.incarnation != replied.run {
            return;
        }
        match &replied.reply {
            Reply::ChildStarted(run) => acting.began(replied.event_id, run),
            Reply::Done
            | Reply::AlreadyExists
            | Reply::NotFound
            | Reply::NamespaceNotFound
            | Reply::SignalLimit
            | Reply::Found(_) => {
                acting.did_not_begin(replied.event_id);
            }
        }
        acting.pass_time();
        acting.go_on();
    });
}

/// A workflow that a schedule started tells that it has ended.
pub(crate) fn ended(change: &mut Change<'_>, origin: &Origin, ended: &ActionEnded) {
    super::carry_out(change, |acting| {
        if acting.plan.incarnation != ended.schedule {
            return;
        }
        acting.ended(&origin.sender.workflow, ended);
        acting.pass_time();
        acting.go_on();
    });
}

impl Acting<'_> {
    fn asked(&self, number: EventId) -> Option<usize> {
        self.progress.actions.iter().position(|action| {
            action.number == number
                && match &action.stage {
                    ActionStage::Asked { .. } => true,
                    ActionStage::Running { .. } => false,
                }
        })
    }

    fn began(&mut self, number: EventId, run: &RunId) {
        let Some(place) = self.asked(number) else { return };
        let action = &mut self.progress.actions[place];
        let running = ActionStage::Running { run: run.clone(), told: None };
        let ActionStage::Asked { scheduled_at } = core::mem::replace(&mut action.stage, running) else { return };
        let (workflow, counts) = (action.workflow.clone(), action.counts);
        if !counts {
            self.progress.actions.remove(place);
        }
        self.settle(number);
        self.post(number, Step::Follow, beside(self.key, &workflow), MessageBody::Acknowledge);
        self.progress.counts.actions += 1;
        let (began_at, run) = (self.at.now, run.clone());
        // Actions that were asked for together may be heard of in any order.
        let place = self.progress.recent.partition_point(|recent| recent.number < number);
        let recent = Recent { number, scheduled_at, began_at, workflow, run, status: Status::Running };
        self.progress.recent.insert(place, recent);
        let over = self.progress.recent.len().saturating_sub(RECENT_MAX);
        self.progress.recent.drain(..over);
    }

    fn did_not_begin(&mut self, number: EventId) {
        if let Some(place) = self.asked(number) {
            self.progress.actions.remove(place);
            self.settle(number);
        }
    }

    fn ended(&mut self, workflow: &WorkflowId, ended: &ActionEnded) {
        // Its end may be here before the reply to its start, which is then as good as here.
        if self.asked(ended.action).is_some_and(|place| self.progress.actions[place].workflow == *workflow) {
            self.began(ended.action, &ended.first_run);
        }
        let status = status(&ended.event);
        let mut recent = self.progress.recent.iter_mut();
        if let Some(recent) = recent.find(|it| it.number == ended.action && it.workflow == *workflow) {
            recent.status = status;
        }
        let mut actions = self.progress.actions.iter();
        if let Some(place) = actions.position(|it| it.number == ended.action && it.workflow == *workflow) {
            self.progress.actions.remove(place);
            self.pass_on(&ended.event);
            self.pause_on_failure(workflow, &ended.event);
        }
    }

    /// What the next action is told of this one.
    fn pass_on(&mut self, event: &HistoryEvent) {
        match &event.attributes {
            Some(Attributes::WorkflowExecutionCompletedEventAttributes(it)) => {
                if let Some(result) = &it.result {
                    self.progress.last_result = Some(Arc::new(result.clone()));
                    self.progress.last_failure = None;
                }
            }
            Some(Attributes::WorkflowExecutionFailedEventAttributes(it)) => {
                self.progress.last_failure = it.failure.clone().map(Arc::new);
            }
            _ => {}
        }
    }

    fn pause_on_failure(&mut self, workflow: &WorkflowId, event: &HistoryEvent) {
        let Some(notes) = failure_notes(workflow, event) else { return };
        if self.plan.policies.pause_on_failure && !self.progress.paused {
            self.progress.paused = true;
            self.progress.notes = notes;
            self.progress.token += 1;
        }
    }
}

fn failure_notes(workflow: &WorkflowId, event: &HistoryEvent) -> Option<String> {
    match &event.attributes {
        Some(Attributes::WorkflowExecutionFailedEventAttributes(it)) => {
            let message = it.failure.as_ref().map_or("", |failure| &failure.message);
            Some(format!("paused due to workflow failure: {workflow}: {message}"))
        }
        Some(Attributes::WorkflowExecutionTimedOutEventAttributes(_)) => {
            Some(format!("paused due to workflow timeout: {workflow}"))
        }
        _ => None,
    }
}

fn status(event: &HistoryEvent) -> Status {
    match &event.attributes {
        Some(Attributes::WorkflowExecutionFailedEventAttributes(_)) => Status::Failed,
        Some(Attributes::WorkflowExecutionTimedOutEventAttributes(_)) => Status::TimedOut,
        Some(Attributes::WorkflowExecutionCanceledEventAttributes(_)) => Status::Canceled,
        Some(Attributes::WorkflowExecutionTerminatedEventAttributes(_)) => Status::Terminated,
        _ => Status::Completed,
    }
}
