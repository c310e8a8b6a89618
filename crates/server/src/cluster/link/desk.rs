//! The other end of a link: calls are taken off it, made, and their answers put on it as they come.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future,
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{FutureExt, Stream, StreamExt, stream, stream::BoxStream, task::AtomicWaker};
use http::HeaderMap;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use tonic::{Request, Response, Status, Streaming};
use weft_protocol::internal::{LinkAnswer, LinkCall, LinkRequest, LinkResponse, link_service_server::LinkService};

use super::{frame, line::FRAME_BYTES};
use crate::cluster::serve::Doors;

/// As many calls of a link are made at once. Each waiting poll that was forwarded is one.
const CALLS_MAX: usize = 100_000;

type Outgoing = BoxStream<'static, Result<LinkResponse, Status>>;

/// Takes links.
pub(crate) struct Desk {
    pub(crate) doors: Doors,
    /// Links end when the node does.
    pub(crate) closing: watch::Receiver<bool>,
}

#[tonic::async_trait]
impl LinkService for Desk {
    async fn link(&self, request: Request<Streaming<LinkRequest>>) -> Result<Response<Outgoing>, Status> {
        let (introduced, _, calls) = request.into_parts();
        let held = Held {
            doors: self.doors.clone(),
            introduced: introduced.into_headers(),
            answers: Answers::default(),
            running: Mutex::default(),
        };
        let held = Arc::new(held);
        tokio::spawn(Arc::clone(&held).take(calls, self.closing.clone()));
        Ok(Response::new(held.outgoing().boxed()))
    }
}

/// A link that stands.
struct Held {
    doors: Doors,
    /// The headers of the stream: which cluster and node all its calls are of.
    introduced: HeaderMap,
    answers: Answers,
    /// By their numbers: calls that are being made, each until its other end is dropped.
    running: Mutex<BTreeMap<u64, oneshot::Sender<()>>>,
}

/// The answer to a call whose handler broke: nobody knows how much of it was done.
fn broke(number: u64) -> LinkAnswer {
    tracing::error!(number, "a call of another node broke here");
    frame::refused(number, Status::unavailable("the call broke at the other node"))
}

#[derive(Default)]
struct Answers {
    ready: Mutex<Ready>,
    sender: AtomicWaker,
}

#[derive(Default)]
struct Ready {
    queue: VecDeque<LinkAnswer>,
    is_closed: bool,
}

impl Held {
    /// Takes calls until the link ends, and ends those that are being made then.
    async fn take(self: Arc<Self>, mut calls: Streaming<LinkRequest>, mut closing: watch::Receiver<bool>) {
        loop {
            let came = tokio::select! {
                came = calls.message() => came,
                // A sender that is gone means the same as one that says so.
                _ = closing.wait_for(|closing| *closing) => break,
            };
            let Ok(Some(LinkRequest { calls, given_up })) = came else { break };
            for call in calls {
                self.begin(call);
            }
            if !given_up.is_empty() {
                self.forget(&given_up.into_iter().collect());
            }
        }
        self.answers.close();
        self.running.lock().clear();
    }

    fn begin(self: &Arc<Self>, call: LinkCall) {
        let (stands, given_up) = oneshot::channel();
        let number = call.number;
        {
            let mut running = self.running.lock();
            if running.len() >= CALLS_MAX {
                self.answers.put(frame::refused(number, Status::unavailable("too many calls are made at once")));
                return;
            }
            running.insert(number, stands);
        }
        let held = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                answered = AssertUnwindSafe(held.answer(call)).catch_unwind() => {
                    held.finish(number, answered.unwrap_or_else(|_| broke(number)));
                }
                // Nobody sends anything: it was dropped.
                _ = given_up => {}
            }
        });
    }

    /// Puts the answer on the link if somebody still waits for it.
    fn finish(&self, number: u64, answer: LinkAnswer) {
        let mut running = self.running.lock();
        if running.remove(&number).is_some() {
            self.answers.put(answer);
        }
    }

    /// Ends calls for which nobody waits any more, and takes their answers back where they have not left.
    fn forget(&self, given_up: &BTreeSet<u64>) {
        let mut running = self.running.lock();
        for number in given_up {
            running.remove(number);
        }
        self.answers.forget(given_up);
    }

    async fn answer(&self, call: LinkCall) -> LinkAnswer {
        let number = call.number;
        if let Some(group) = call.group {
            return frame::raft_answer(number, self.doors.raft(&self.introduced, group, call.body).await);
        }
        // For each call anew: the node may have become a member, or was removed.
        let admitted = self.doors.admit(&call.path, &self.introduced);
        match admitted.and_then(|()| frame::request(call)) {
            Ok((_, request)) => match self.doors.answer(request).await {
                Ok(response) => frame::answer(number, response).await,
                Err(never) => match never {},
            },
            Err(status) => frame::refused(number, status),
        }
    }

    fn outgoing(self: Arc<Self>) -> impl Stream<Item = Result<LinkResponse, Status>> + Send {
        stream::unfold(self, |held| async move {
            future::poll_fn(|context| held.answers.poll_news(context)).await;
            // What is about to be answered goes too.
            tokio::task::yield_now().await;
            let frame = held.answers.frame()?;
            Some((Ok(frame), held))
        })
    }
}

impl Answers {
    fn put(&self, answer: LinkAnswer) {
        self.ready.lock().queue.push_back(answer);
        self.sender.wake();
    }

    fn forget(&self, given_up: &BTreeSet<u64>) {
        self.ready.lock().queue.retain(|answer| !given_up.contains(&answer.number));
    }

    fn close(&self) {
        self.ready.lock().is_closed = true;
        self.sender.wake();
    }

    fn poll_news(&self, context: &Context<'_>) -> Poll<()> {
        self.sender.register(context.waker());
        let ready = self.ready.lock();
        if ready.queue.is_empty() && !ready.is_closed { Poll::Pending } else { Poll::Ready(()) }
    }

    /// What is ready, in one message. `None` when the link has ended.
    fn frame(&self) -> Option<LinkResponse> {
        let mut ready = self.ready.lock();
        if ready.is_closed {
            return None;
        }
        let (mut answers, mut taken) = (Vec::new(), 0);
        while taken < FRAME_BYTES
            && let Some(answer) = ready.queue.pop_front()
        {
            taken += answer.body.len();
            answers.push(answer);
        }
        Some(LinkResponse { answers })
    }
}

#[cfg(test)]
mod tests;
