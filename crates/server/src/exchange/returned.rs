//! What the owner of a queue cannot hand over, on its way back to the shard.
//!
//! Invariant (rule 13): it is brought to whoever leads the shard until it is answered one way or the other.

use std::sync::Arc;

use tonic::Status;
use weft_engine::{EventId, Request, RequestId, RunId, WorkflowKey};
use weft_protocol::internal::{self as wire_api, take_back_request::What};
use weft_rows::token::Task;
use weft_shard::{Failure, TaskRef};

use super::wire::nonsense;
use crate::node::{NodeInner, leader::Leader, tasks::Started};

/// What goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Returned {
    /// The poller has gone for whom it was recorded as started.
    Undelivered(Started),
    /// Nobody polls its sticky queue (rule 15).
    Unpolled { key: WorkflowKey, run: RunId, scheduled: EventId },
}

impl Returned {
    fn key(&self) -> &WorkflowKey {
        match self {
            Self::Undelivered(started) => started.token.key(),
            Self::Unpolled { key, .. } => key,
        }
    }

    /// What is asked of the shard. Nobody gives a query back.
    fn request(&self) -> Option<Request> {
        match self {
            Self::Undelivered(Started { token, request }) => match token {
                Task::Workflow(_, token) => Some(Request::GiveBackWorkflowTask(token.clone(), request.clone())),
                Task::Activity(_, token) => Some(Request::GiveBackActivityTask(token.clone(), request.clone())),
                Task::Query(..) => None,
            },
            Self::Unpolled { run, scheduled, .. } => Some(Request::StickyUnavailable(run.clone(), *scheduled)),
        }
    }

    pub(super) fn wire(&self) -> wire_api::TakeBackRequest {
        let what = match self {
            Self::Undelivered(Started { token, request }) => What::Undelivered(wire_api::Undelivered {
                task_token: token.encode().into(),
                request_id: request.to_string(),
            }),
            Self::Unpolled { key, run, scheduled } => What::Unpolled(wire_api::Unpolled {
                namespace_id: key.namespace.to_string(),
                workflow_id: key.workflow.to_string(),
                run_id: run.to_string(),
                scheduled_event_id: scheduled.0,
            }),
        };
        wire_api::TakeBackRequest { what: Some(what) }
    }

    pub(super) fn of(request: wire_api::TakeBackRequest) -> Result<Self, Status> {
        match request.what.ok_or_else(|| nonsense("nothing to take back"))? {
            What::Undelivered(wire_api::Undelivered { task_token, request_id }) => {
                let token = Task::decode(&task_token).map_err(|_| nonsense("a token that is none"))?;
                Ok(Self::Undelivered(Started { token, request: RequestId::from(request_id) }))
            }
            What::Unpolled(wire_api::Unpolled { namespace_id, workflow_id, run_id, scheduled_event_id }) => {
                let key = WorkflowKey { namespace: namespace_id.into(), workflow: workflow_id.into() };
                Ok(Self::Unpolled { key, run: run_id.into(), scheduled: EventId(scheduled_event_id) })
            }
        }
    }
}

impl NodeInner {
    /// Brings back what could not be handed over, until it is answered one way or the other.
    pub(crate) async fn give_back(&self, returned: Returned) {
        while !self.give_back_once(&returned).await {
            if *self.stopping.borrow() {
                return;
            }
            self.pause(self.options.give_back_retry).await;
        }
    }

    async fn give_back_once(&self, returned: &Returned) -> bool {
        match self.leader_of(returned.key()) {
            Leader::Here => self.take_back(returned).await.is_ok(),
            Leader::Node(node) => self.take_back_at(node, returned).await.is_ok(),
            Leader::Nobody => false,
        }
    }

    /// Takes back a task of a shard that is led here.
    ///
    /// # Errors
    /// When it is to be tried again. A refusal is an answer: the task is gone already.
    pub(super) async fn take_back(&self, returned: &Returned) -> Result<(), Failure> {
        let Some(request) = returned.request() else { return Ok(()) };
        let asked = self.ask(returned.key().clone(), request).await;
        if let Err(failure @ (Failure::Unavailable(_) | Failure::NotLeader)) = asked {
            return Err(failure);
        }
        if asked.is_ok() && matches!(returned, Returned::Undelivered(_)) {
            tracing::debug!(workflow = %returned.key().workflow, "a task that did not reach its poller was given back");
        }
        Ok(())
    }

    /// Nobody polls a task's sticky queue: it goes to the normal one.
    pub(crate) fn unpolled(self: &Arc<Self>, key: WorkflowKey, task: TaskRef) {
        let TaskRef::Workflow(task) = task else { return };
        let node = Arc::clone(self);
        let returned = Returned::Unpolled { key, run: task.run, scheduled: task.scheduled_event_id };
        tokio::spawn(async move { node.give_back(returned).await });
    }
}

#[cfg(test)]
mod tests {
    use weft_engine::{ActivityToken, Timestamp};

    use super::*;

    fn key() -> WorkflowKey {
        WorkflowKey { namespace: "ns".into(), workflow: "w".into() }
    }

    #[test]
    fn what_goes_back_comes_as_it_went() {
        let token = ActivityToken {
            run: "00000000-0000-0000-0000-000000000001".into(),
            scheduled_event_id: EventId(5),
            attempt: 2,
            started_at: Timestamp(9),
        };
        let undelivered = Started { token: Task::Activity(key(), token), request: "q".into() };
        let unpolled = Returned::Unpolled { key: key(), run: "r".into(), scheduled: EventId(5) };
        for returned in [Returned::Undelivered(undelivered), unpolled] {
            assert_eq!(Returned::of(returned.wire()).expect("it makes sense"), returned);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let token = wire_api::Undelivered { task_token: "no token".into(), request_id: "q".into() };
        for what in [None, Some(What::Undelivered(token))] {
            assert!(Returned::of(wire_api::TakeBackRequest { what }).is_err());
        }
    }
}
