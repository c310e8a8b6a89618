//! One life of the node, and how everybody around it speaks with it.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};

use weft_engine::{Answer, EventId, Namespace, Refusal, Request, RunId, Target, WorkflowKey, state::Branch};
use weft_env::SeededIds;
use weft_protocol::{api::history::HistoryEvent, prost::Message};
use weft_server::node::Node;
use weft_shard::{Failure, View};

use crate::{
    ledger::{About, Ledger},
    plan::Plan,
};

/// The namespace of everything.
pub(crate) const NAMESPACE: &str = "default";

/// Everything that a client or worker has. Clones are the same scene with the same dice.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) node: Node,
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) dice: Arc<SeededIds>,
    /// Nobody makes mistakes any more, so that everything comes to its end.
    pub(crate) calm: bool,
}

/// What became of one try.
pub(crate) enum Tried {
    Answered(Answer),
    Refused(Refusal),
    /// To be tried again: what became of it is not known.
    Unheard,
}

impl Scene {
    pub(crate) fn key(&self, workflow: &str) -> WorkflowKey {
        WorkflowKey { namespace: self.namespace.id.clone(), workflow: workflow.into() }
    }

    pub(crate) async fn sleep_ms(&self, ms: u64) {
        let clock = self.node.clock();
        clock.sleep_until(clock.monotonic() + Duration::from_millis(ms)).await;
    }

    pub(crate) fn one_in(&self, chances: u64) -> bool {
        self.dice.below(chances) == 0
    }

    /// A line of the trace, with the time.
    pub(crate) fn note(&self, line: &str) {
        let at = self.node.clock().monotonic();
        self.ledger.note(&format!("{at:?} {line}"));
    }

    /// Asks once.
    pub(crate) async fn ask(&self, key: &WorkflowKey, request: Request) -> Tried {
        self.tried(key, self.node.shard(key).ask(key.clone(), Arc::clone(&self.namespace), request)).await
    }

    /// Waits for an answer, or goes away before it. What must never be said is a violation.
    pub(crate) async fn tried(&self, key: &WorkflowKey, asked: impl Future<Output = Result<Answer, Failure>>) -> Tried {
        let answer = if !self.calm && self.one_in(12) { unheard(asked).await } else { Some(asked.await) };
        match answer {
            Some(Ok(answer)) => Tried::Answered(answer),
            Some(Err(Failure::Refused(refusal))) => Tried::Refused(refusal),
            Some(Err(failure)) => self.failed(key, &failure),
            None => Tried::Unheard,
        }
    }

    pub(crate) fn failed(&self, key: &WorkflowKey, failure: &Failure) -> Tried {
        match failure {
            Failure::Quarantined(_) | Failure::Storage(_) | Failure::Outgrown(_) => {
                self.ledger.violate(format!("{}: {failure}", key.workflow));
            }
            Failure::Refused(_)
            | Failure::NotLeader
            | Failure::Unavailable(_)
            | Failure::Postmark(_)
            | Failure::Overloaded
            | Failure::DiskFull => {}
        }
        Tried::Unheard
    }

    /// Asks until the outcome is known, or for as long as this life lasts. Only the answer that settled it is given.
    pub(crate) async fn settle(
        &self,
        name: &str,
        about: &About,
        key: &WorkflowKey,
        request: &Request,
    ) -> Option<Answer> {
        self.settle_by(name, about, || self.ask(key, request.clone())).await
    }

    /// The same, for what is asked in another way.
    pub(crate) async fn settle_by<F: Future<Output = Tried>>(
        &self,
        name: &str,
        about: &About,
        ask: impl Fn() -> F,
    ) -> Option<Answer> {
        while !self.ledger.state(name).is_some_and(|state| state.is_settled()) {
            self.ledger.asking(name, about);
            match ask().await {
                Tried::Answered(Answer::TaskFailed { message }) => {
                    self.note(&format!("{name}: failed: {message}"));
                    self.ledger.refused(name);
                }
                Tried::Answered(Answer::TaskTimedOut | Answer::TaskFailedBefore { .. }) => self.ledger.refused(name),
                Tried::Answered(Answer::TaskCompleted(done)) if done.reset_to.is_some() => self.ledger.refused(name),
                Tried::Answered(answer) => {
                    let run = match &answer {
                        Answer::Started(started) => Some(started.run.clone()),
                        Answer::Reset(run) => Some(run.clone()),
                        _ => None,
                    };
                    self.note(&format!("{name}: acknowledged {run:?}"));
                    self.ledger.acknowledged(name, run);
                    return Some(answer);
                }
                Tried::Refused(Refusal::Busy(_)) | Tried::Unheard => self.sleep_ms(2 + self.dice.below(20)).await,
                Tried::Refused(refusal) => {
                    self.note(&format!("{name}: refused {refusal:?}"));
                    self.ledger.refused(name);
                }
            }
        }
        None
    }

    /// The state of a run; none if it cannot be had now.
    pub(crate) async fn look(&self, key: &WorkflowKey, run: &RunId) -> Option<Result<Box<View>, Refusal>> {
        let target = Target { run: Some(run.clone()), first_run: None };
        match self.node.shard(key).look(key.clone(), target).await {
            Ok(view) => Some(Ok(view)),
            Err(Failure::Refused(refusal)) => Some(Err(refusal)),
            Err(failure) => {
                self.failed(key, &failure);
                None
            }
        }
    }

    /// Events of a run, held against what was shown of it before.
    pub(crate) async fn events(
        &self,
        key: &WorkflowKey,
        run: &RunId,
        branch: &Branch,
        upto: EventId,
    ) -> Option<Vec<Arc<HistoryEvent>>> {
        let read = self.node.shard(key).history().read(key, branch, EventId::FIRST, upto, usize::MAX).await;
        let events = match read {
            Ok(events) => events,
            Err(failure) => {
                self.failed(key, &failure);
                return None;
            }
        };
        let hashes: Vec<u64> = events.iter().map(|event| hash(event)).collect();
        let events: Vec<_> =
            events.into_iter().filter_map(|event| HistoryEvent::decode(event).ok()).map(Arc::new).collect();
        if events.len() != hashes.len() {
            self.ledger.violate(format!("{}: run {run} has events that cannot be read", key.workflow));
            return None;
        }
        if let Err(place) = self.ledger.show(run, 0, &hashes) {
            let event = &events[place];
            self.ledger.violate(format!(
                "{}: event {} of run {run} was another one before: {event:?}",
                key.workflow,
                place + 1
            ));
        }
        Some(events)
    }
}

/// Asks, and goes away before the answer.
pub(crate) async fn unheard<T>(asked: impl Future<Output = T>) -> Option<T> {
    let mut asked = pin!(asked);
    poll_fn(|context| match asked.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn hash(event: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    event.hash(&mut hasher);
    hasher.finish()
}
