//! One stream to another node: the calls that wait for it, and those that wait for their answers.

use std::{
    collections::{BTreeMap, VecDeque},
    error::Error,
    future::{self, Future},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{Stream, stream, task::AtomicWaker};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tonic::{Status, Streaming, service::interceptor::InterceptedService, transport::Channel};
use weft_protocol::internal::{
    LinkAnswer, LinkCall, LinkRequest, LinkResponse, link_service_client::LinkServiceClient,
};

use crate::cluster::peers::Introduction;

/// A message on a link is full when it has so much.
pub(super) const FRAME_BYTES: usize = 256 << 10;

/// Why a call has no answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It never left. The call, where it may be of use.
    NeverLeft(Status, Option<Box<LinkCall>>),
    /// Nobody knows what became of it.
    Lost(Status),
}

impl Failed {
    pub(super) fn never_left(error: impl Error) -> Self {
        Self::NeverLeft(Status::unavailable(error.to_string()), None)
    }
}

impl From<Failed> for Status {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NeverLeft(status, _) | Failed::Lost(status) => status,
        }
    }
}

type Answered = Result<LinkAnswer, Failed>;

/// Calls on their way by one stream, from when it is wanted until it has ended.
#[derive(Default)]
pub(super) struct Line {
    state: Mutex<State>,
    sender: AtomicWaker,
}

#[derive(Default)]
struct State {
    last_number: u64,
    queue: VecDeque<(LinkCall, oneshot::Sender<Answered>)>,
    /// By their numbers: those that have left.
    waiting: BTreeMap<u64, oneshot::Sender<Answered>>,
    given_up: Vec<u64>,
    /// The other node has taken the link; nothing leaves before, so that what it refuses has not left.
    is_open: bool,
    is_closed: bool,
}

impl Line {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    /// Puts a call on its way. Gives it back if this line has ended.
    pub(super) fn ask(self: &Arc<Self>, mut call: LinkCall) -> Result<Asked, LinkCall> {
        let (sender, answer) = oneshot::channel();
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(call);
        }
        state.last_number += 1;
        let number = state.last_number;
        call.number = number;
        state.queue.push_back((call, sender));
        drop(state);
        self.sender.wake();
        Ok(Asked { line: Arc::clone(self), number, answer })
    }

    /// Carries calls and answers until the stream ends.
    pub(super) async fn run(self: Arc<Self>, mut client: LinkServiceClient<InterceptedService<Channel, Introduction>>) {
        let why = match client.link(Arc::clone(&self).outgoing()).await {
            Ok(answers) => {
                self.open();
                self.receive(answers.into_inner()).await
            }
            Err(status) => not_opened(status),
        };
        self.close(&why);
    }

    fn open(&self) {
        self.state.lock().is_open = true;
        self.sender.wake();
    }

    async fn receive(&self, mut answers: Streaming<LinkResponse>) -> Status {
        loop {
            match answers.message().await {
                Ok(Some(frame)) => frame.answers.into_iter().for_each(|answer| self.answer(answer)),
                Ok(None) => return Status::unavailable("the other node has ended the link"),
                Err(status) => return Status::unavailable(format!("the link broke: {}", status.message())),
            }
        }
    }

    fn outgoing(self: Arc<Self>) -> impl Stream<Item = LinkRequest> + Send {
        stream::unfold(self, |line| async move {
            future::poll_fn(|context| line.poll_news(context)).await;
            // What others are about to ask goes too.
            tokio::task::yield_now().await;
            let frame = line.frame()?;
            Some((frame, line))
        })
    }

    fn poll_news(&self, context: &Context<'_>) -> Poll<()> {
        self.sender.register(context.waker());
        let state = self.state.lock();
        let has_news = state.is_open && !(state.queue.is_empty() && state.given_up.is_empty());
        if has_news || state.is_closed { Poll::Ready(()) } else { Poll::Pending }
    }

    /// What waits, in one message. `None` when the line has ended.
    fn frame(&self) -> Option<LinkRequest> {
        let mut state = self.state.lock();
        let State { queue, waiting, given_up, is_closed, .. } = &mut *state;
        if *is_closed {
            return None;
        }
        let (mut calls, mut bytes) = (Vec::new(), 0);
        while bytes < FRAME_BYTES
            && let Some((call, sender)) = queue.pop_front()
        {
            bytes += call.body.len();
            waiting.insert(call.number, sender);
            calls.push(call);
        }
        Some(LinkRequest { calls, given_up: mem::take(given_up) })
    }

    fn answer(&self, answer: LinkAnswer) {
        let sender = self.state.lock().waiting.remove(&answer.number);
        if let Some(sender) = sender {
            // Whoever gives up at the same moment does not want it.
            let _ = sender.send(Ok(answer));
        }
    }

    fn give_up(&self, number: u64) {
        let mut state = self.state.lock();
        if state.waiting.remove(&number).is_some() {
            state.given_up.push(number);
            drop(state);
            self.sender.wake();
        } else {
            // Calls wait in the order of their numbers.
            if let Ok(place) = state.queue.binary_search_by_key(&number, |(call, _)| call.number) {
                state.queue.remove(place);
            }
        }
    }

    /// Takes no more calls, and tells those that wait.
    pub(super) fn close(&self, why: &Status) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let (queue, waiting) = (mem::take(&mut state.queue), mem::take(&mut state.waiting));
        drop(state);
        self.sender.wake();
        // Whoever has gone does not want to know.
        for (call, sender) in queue {
            let _ = sender.send(Err(Failed::NeverLeft(why.clone(), Some(Box::new(call)))));
        }
        for sender in waiting.into_values() {
            let _ = sender.send(Err(Failed::Lost(why.clone())));
        }
    }
}

/// Why there is no link. What the other node said is passed on; that there was no way to it is no word of its.
fn not_opened(status: Status) -> Status {
    let broke = Error::source(&status).is_some();
    if broke { Status::unavailable(format!("the link could not be made: {status}")) } else { status }
}

/// A call on its way. Given up when it is dropped.
pub(super) struct Asked {
    line: Arc<Line>,
    number: u64,
    answer: oneshot::Receiver<Answered>,
}

impl Future for Asked {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        let answered = Pin::new(&mut self.answer).poll(context);
        answered.map(|answer| answer.unwrap_or_else(|_| Err(Failed::Lost(Status::unavailable("the link was dropped")))))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // An answer, or news that there will be none, has taken it off already.
        if !self.answer.is_terminated() {
            self.line.give_up(self.number);
        }
    }
}

#[cfg(test)]
mod tests;
