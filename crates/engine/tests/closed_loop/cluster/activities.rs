//! Activities: taken, done, failed, stopped, or never heard of again.

use weft_engine::{ActivityRef, Answer, EventId, FailActivity, Request, StartActivityTask};

use super::Cluster;
use crate::play;

impl Cluster {
    pub(super) fn take_activity(&mut self, workflow: &str, scheduled: EventId) {
        let poller = self.poller();
        let Some(run) = self.worlds[workflow].current() else { return };
        let Some(activity) = run.activities.values().find(|it| it.scheduled_event_id == scheduled) else { return };
        let take = StartActivityTask {
            run: run.core.run.clone(),
            scheduled_event_id: scheduled,
            attempt: activity.attempt,
            queue: activity.queue.clone(),
            poller,
        };
        let Ok(Answer::ActivityTask(task)) = self.ask(workflow, Request::StartActivityTask(take)) else { return };
        if self.random.once_in(10) {
            // Its worker dies: only the timeout knows.
            self.counts.activities_lost += 1;
            self.tokens.remove(&(workflow.to_owned(), scheduled));
        } else {
            self.tokens.insert((workflow.to_owned(), scheduled), task.token);
        }
    }

    pub(super) fn end_activity(&mut self, workflow: &str, scheduled: EventId) {
        let Some(token) = self.tokens.remove(&(workflow.to_owned(), scheduled)) else { return };
        let run = self.worlds[workflow].current();
        let activity = run.and_then(|run| run.activities.values().find(|it| it.scheduled_event_id == scheduled));
        let is_cancelled = activity.is_some_and(|it| it.cancel_requested.is_some());
        let which = ActivityRef::Token(token);
        let request = if is_cancelled && !self.random.once_in(4) {
            Request::CancelActivity(which, "worker".into(), None)
        } else if self.random.once_in(4) {
            self.counts.activities_failed += 1;
            let failed = FailActivity {
                identity: "worker".into(),
                failure: Some(*weft_replay::application("it broke", "Broken", self.random.once_in(2))),
                last_heartbeat: None,
            };
            Request::FailActivity(which, Box::new(failed))
        } else {
            Request::CompleteActivity(which, "worker".into(), play::number(self.random.below(1000)))
        };
        // It may have come too late.
        drop(self.ask(workflow, request));
    }
}
