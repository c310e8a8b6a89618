//! In front of the public API's services: looks whom a call is for, and brings it there.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::request::Parts;
use tokio::sync::watch;
use tonic::{Code, Status, body::Body, service::Routes};
use tower::Service;
use weft_engine::{NamespaceId, WorkflowId, WorkflowKey};
use weft_env::Clock;
use weft_raft::Leadership;
use weft_rows::token::Task;

use super::{
    body, scan,
    table::{self, Route, Way},
};
use crate::{
    cluster::Failed,
    frontend::{FirstHand, NOT_LEADER, POLL_SHORTEST, grpc_timeout},
    node::{Node, leader::Leader},
};

/// How long a call that gives no deadline waits for a leader.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries where nothing has changed since the last one.
const RETRY: Duration = Duration::from_millis(25);
/// Until somebody is looked for again where nobody leads: news may come elsewhere than where it was waited for, when a copy
/// of the shard has come here or gone meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// So long is still waited for the answer of a node that leads no more: it may be on its way.
const LAST_WORD: Duration = Duration::from_millis(500);
/// A caller whose call is over so soon is answered now.
const ANSWER_TAIL: Duration = Duration::from_millis(50);

const TIMEOUT: &str = "grpc-timeout";
/// gRPC has room for eight digits.
const TIMEOUT_MAX_MS: u128 = 99_999_999;
const STATUS: &str = "grpc-status";

type Answer = http::Response<Body>;

/// The services of the public API as clients reach them.
#[derive(Clone)]
pub(crate) struct Routed {
    node: Node,
    here: Routes,
}

impl Routed {
    pub(crate) fn new(node: Node, here: Routes) -> Self {
        Self { node, here: here.prepare() }
    }
}

impl Service<http::Request<Body>> for Routed {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let way = if self.node.peers().is_alone() { None } else { table::way(request.uri().path()) };
        let Some(way) = way else { return Box::pin(self.here.call(request)) };
        let (node, here) = (self.node.clone(), self.here.clone());
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let answered = match body::take(body).await {
                Ok(body) => Call::new(node, here, way, parts, body).answer().await,
                Err(status) => status.into_http(),
            };
            Ok(answered)
        })
    }
}

/// One call on its way.
struct Call {
    node: Node,
    here: Routes,
    way: &'static Way,
    parts: Parts,
    body: Bytes,
    /// Monotonic: until when the caller waits.
    deadline: Option<Duration>,
    is_poll: bool,
    /// A poll for a task waits where it comes, if the owner of its queue does not want it.
    may_wait_here: bool,
}

/// What came of one try.
enum Outcome {
    Answered(Answer),
    /// Nothing was done.
    Again,
    /// Nobody knows what was done.
    Lost(Status),
}

impl Call {
    fn new(node: Node, here: Routes, way: &'static Way, parts: Parts, body: Bytes) -> Self {
        let timeout = parts.headers.get(TIMEOUT).and_then(|value| grpc_timeout(value.to_str().ok()?));
        let deadline = timeout.map(|timeout| node.clock().monotonic() + timeout);
        let is_poll = parts.uri.path().rsplit('/').next().is_some_and(|name| name.starts_with("Poll"));
        let may_wait_here = is_poll && matches!(way.route, Route::Queue(_));
        Self { node, here, way, parts, body, deadline, is_poll, may_wait_here }
    }

    async fn answer(mut self) -> Answer {
        let begun = self.node.clock().monotonic();
        let give_up = give_up(begun, self.deadline, self.is_poll);
        loop {
            let Some(mut leadership) = self.leadership() else {
                // A namespace that is not known here yet is looked for by whoever answers, and is known then.
                let answer = self.here().await;
                if !is_not_leader(&answer) || self.is_over(give_up) {
                    return answer;
                }
                continue;
            };
            let leader = Leader::of(&leadership.borrow_and_update());
            match self.once(leader, &mut leadership, give_up).await {
                Outcome::Answered(answer) => return answer,
                Outcome::Lost(_) if self.way.repeatable && !self.is_over(give_up) => {}
                Outcome::Lost(status) => return status.into_http(),
                Outcome::Again if self.is_over(give_up) => {
                    return Status::unavailable("the shard of this call has no leader now: try again").into_http();
                }
                Outcome::Again => {}
            }
            self.pause(&mut leadership, leader, give_up).await;
        }
    }

    async fn once(
        &mut self,
        leader: Leader,
        leadership: &mut watch::Receiver<Leadership>,
        give_up: Duration,
    ) -> Outcome {
        if self.may_wait_here && leader != Leader::Here {
            let answer = self.here_at_first_hand().await;
            if !is_not_leader(&answer) {
                return Outcome::Answered(answer);
            }
            // It may have waited here for long.
            let now = self.leadership().map(|leadership| Leader::of(&leadership.borrow()));
            if self.is_over(give_up) || now != Some(leader) {
                return Outcome::Again;
            }
        }
        match leader {
            Leader::Nobody => Outcome::Again,
            Leader::Here => {
                let answer = self.here().await;
                if is_not_leader(&answer) { Outcome::Again } else { Outcome::Answered(answer) }
            }
            Leader::Node(node) => match self.node.peers().forward(node, self.request()) {
                None => Outcome::Again,
                Some(forwarded) => tokio::select! {
                    biased;
                    answered = forwarded => passed_on(node, answered),
                    () = superseded(node, leadership, self.node.clock().as_ref()) => Outcome::Lost(Status::unavailable(format!(
                        "node {node}, which led the shard of this call, leads it no more and did not answer"
                    ))),
                },
            },
        }
    }

    async fn here(&mut self) -> Answer {
        let request = self.request();
        self.ask_here(request).await
    }

    /// A poll whose queue another node owns.
    async fn here_at_first_hand(&mut self) -> Answer {
        let mut request = self.request();
        request.extensions_mut().insert(FirstHand);
        self.ask_here(request).await
    }

    async fn ask_here(&mut self, request: http::Request<Body>) -> Answer {
        match self.here.call(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        }
    }

    /// The call as it came, but for the time that its caller has left.
    fn request(&self) -> http::Request<Body> {
        let mut request = http::Request::from_parts(self.parts.clone(), body::give(self.body.clone()));
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_sub(self.node.clock().monotonic());
            if let Ok(value) = http::HeaderValue::from_str(&format!("{}m", left.as_millis().min(TIMEOUT_MAX_MS))) {
                request.headers_mut().insert(TIMEOUT, value);
            }
        }
        request
    }

    fn is_over(&self, give_up: Duration) -> bool {
        self.node.clock().monotonic() >= give_up
    }

    /// Waits for news of who leads, or a little where the leader is known.
    async fn pause(&self, leadership: &mut watch::Receiver<Leadership>, leader: Leader, give_up: Duration) {
        let clock = self.node.clock();
        let until = (clock.monotonic() + pause(leader)).min(give_up);
        tokio::select! {
            // A group that has ended has no news: the wait is the pause.
            changed = leadership.changed() => if changed.is_err() { clock.sleep_until(until).await },
            () = clock.sleep_until(until) => {}
        }
    }

    /// Who leads what this call is for; none if it cannot be told, and is answered here.
    fn leadership(&self) -> Option<watch::Receiver<Leadership>> {
        let message = body::message(&self.body)?;
        let key = match &self.way.route {
            Route::Metadata => return Some(self.node.metadata().leadership()),
            Route::Token(path) => Task::decode(scan::find(&message, path)?).ok()?.key().clone(),
            Route::Workflow(path) => WorkflowKey {
                namespace: self.namespace(&message)?,
                workflow: WorkflowId::from(scan::text(&message, path)?),
            },
            Route::Queue(path) => {
                return Some(self.node.owner(&self.namespace(&message)?, scan::text(&message, path)?));
            }
        };
        Some(self.node.leadership_of(&key))
    }

    fn namespace(&self, message: &[u8]) -> Option<NamespaceId> {
        let name = scan::text(message, &self.way.namespace)?;
        Some(self.node.metadata().facts(name)?.id.clone())
    }
}

/// Returns when another node has led in the place of `node` for [`LAST_WORD`]. A node that stands still, or whose machine is
/// gone, does not close its connections, and they notice it only much later.
async fn superseded(node: u32, leadership: &mut watch::Receiver<Leadership>, clock: &dyn Clock) {
    let elsewhere = |known: &Leadership| ![Leader::Nobody, Leader::Node(node)].contains(&Leader::of(known));
    loop {
        if leadership.wait_for(elsewhere).await.is_err() {
            // A group that has ended has no news.
            std::future::pending::<()>().await;
        }
        clock.sleep_until(clock.monotonic() + LAST_WORD).await;
        if elsewhere(&leadership.borrow()) {
            return;
        }
    }
}

/// What came of a call that was passed on.
fn passed_on(node: u32, answered: Result<Answer, Failed>) -> Outcome {
    match answered {
        Ok(answer) if is_not_leader(&answer) => Outcome::Again,
        Ok(answer) => Outcome::Answered(answer),
        Err(Failed::NeverLeft(..)) => Outcome::Again,
        Err(Failed::Lost(why)) => Outcome::Lost(Status::unavailable(format!(
            "node {node}, which leads the shard of this call, did not answer: {}",
            why.message()
        ))),
    }
}

/// How long news of who leads is waited for at most.
fn pause(leader: Leader) -> Duration {
    match leader {
        Leader::Nobody => LOOK_AGAIN,
        Leader::Here | Leader::Node(_) => RETRY,
    }
}

/// Until when a call is tried again. A poll with less time than any poll must have would be refused for that, which is
/// not its caller's fault.
fn give_up(begun: Duration, deadline: Option<Duration>, is_poll: bool) -> Duration {
    let Some(deadline) = deadline else { return begun + PATIENCE };
    let tail = if is_poll { POLL_SHORTEST + ANSWER_TAIL } else { ANSWER_TAIL };
    deadline.saturating_sub(tail)
}

/// Says whoever was asked that nothing was done, and that it does not lead?
fn is_not_leader(answer: &Answer) -> bool {
    let status = answer.headers().get(STATUS).map(|status| Code::from_bytes(status.as_bytes()));
    status == Some(Code::Unavailable) && answer.headers().contains_key(NOT_LEADER)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use weft_env::{TokioClock, UnixNanos};
    use weft_raft::NodeId;

    use super::*;

    #[test]
    fn where_nobody_leads_somebody_is_looked_for_again_before_the_caller_has_no_time_left() {
        assert!(pause(Leader::Nobody) * 10 < PATIENCE && pause(Leader::Node(2)) < pause(Leader::Nobody));
    }

    #[test]
    fn a_poll_is_not_brought_on_with_less_time_than_a_poll_must_have() {
        let (begun, deadline) = (Duration::from_secs(7), Duration::from_secs(12));
        assert!(deadline - give_up(begun, Some(deadline), true) > POLL_SHORTEST);
        assert_eq!(deadline - give_up(begun, Some(deadline), false), ANSWER_TAIL);
        assert_eq!(give_up(begun, None, true), begun + PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_is_given_up_once_another_one_leads_and_not_before() {
        let led = |leader: Option<u64>| Leadership { term: 1, leader: leader.map(NodeId), mine: false };
        let (tell, mut leadership) = watch::channel(led(Some(2)));
        let clock = TokioClock::starting_at(UnixNanos(0));
        let mut waits = Box::pin(superseded(2, &mut leadership, &clock));
        let mut passes = async |time: Duration| {
            clock.sleep_until(clock.monotonic() + time).await;
            waits.as_mut().now_or_never().is_none()
        };
        assert!(passes(10 * LAST_WORD).await, "it leads");
        tell.send_replace(led(None));
        assert!(passes(10 * LAST_WORD).await, "nobody else does");
        tell.send_replace(led(Some(3)));
        assert!(passes(Duration::ZERO).await && passes(LAST_WORD / 2).await, "its answer may be on its way");
        tell.send_replace(led(Some(2)));
        assert!(passes(10 * LAST_WORD).await, "it leads again");
        tell.send_replace(led(Some(3)));
        assert!(passes(Duration::ZERO).await && !passes(LAST_WORD).await);
    }
}
