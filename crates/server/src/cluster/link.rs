//! Calls between two nodes, many on one stream: an HTTP/2 stream of its own costs a call more than all the rest of it.
//!
//! Invariants: a call that comes by a link is admitted and answered as one that comes alone; a call whose caller has gone
//! is ended at the other node too; when a link breaks, what had left by it is lost, what had not is said not to have
//! left, and the next call makes another link. What is large goes alone, so that it holds up nobody.
//!
//! It deliberately keeps no order between calls, and waits for no more of them than are ready at the same moment.

mod desk;
mod frame;
mod line;

pub(super) use desk::Desk;
pub(crate) use line::Failed;

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use tonic::{
    Code, Status,
    body::Body,
    service::interceptor::InterceptedService,
    transport::{self, Channel},
};
use tower::Service;
use weft_protocol::internal::{LinkAnswer, LinkCall, RaftRequest, link_service_client::LinkServiceClient};

use super::peers::{self, Introduction, MESSAGE_BYTES_MAX};
use crate::frontend::grpc_timeout;
use line::Line;

/// The one call that a link is.
pub(super) const LINK: &str = "/weft.internal.v1.LinkService/Link";
/// As much as a message on a link may have: one call or answer as large as any, and what fits beside it.
pub(super) const LINK_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;
/// What is larger has a stream of its own.
const LINKED_BYTES_MAX: usize = 64 << 10;

/// A node that takes no links is asked again after so many calls: its connection may be another node's by then, which
/// nobody is told of who did not call in between.
const ALONE_CALLS: u32 = 1000;

const TIMEOUT: &str = "grpc-timeout";

/// A way to another node. Clones share their connection and its link.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    channel: Channel,
    introduction: Introduction,
    /// So many calls go alone before a link is asked for again.
    alone: AtomicU32,
    /// It was said that the other node takes no links.
    is_told: AtomicBool,
    line: Mutex<Option<Arc<Line>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(line) = self.line.get_mut() {
            line.close(&Status::unavailable("this node goes no more to that one"));
        }
    }
}

impl Link {
    pub(crate) fn new(channel: Channel, introduction: Introduction) -> Self {
        let (alone, is_told, line) = (AtomicU32::new(0), AtomicBool::new(false), Mutex::default());
        Self(Arc::new(Inner { channel, introduction, alone, is_told, line }))
    }

    /// For one that is not known to be a member: no call is kept waiting by others.
    pub(crate) fn alone(channel: Channel, introduction: Introduction) -> Self {
        let link = Self::new(channel, introduction);
        link.0.alone.store(u32::MAX, Ordering::Relaxed);
        link
    }

    /// Brings a unary call to the other node, and its answer back.
    pub(crate) async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Failed> {
        let (mut parts, body) = request.into_parts();
        Introduction::forget(&mut parts.headers);
        let body = body.collect().await.map_err(Failed::never_left)?.to_bytes();
        let Some(timeout) = parts.headers.get(TIMEOUT).and_then(|value| grpc_timeout(value.to_str().ok()?)) else {
            return self.send_whole(parts, body).await;
        };
        let answered = tokio::time::timeout(timeout, self.send_whole(parts, body)).await;
        answered
            .unwrap_or_else(|_| Err(Failed::Lost(Status::deadline_exceeded("the other node did not answer in time"))))
    }

    /// Brings a message to a Raft group's replica at the other node, and its answer back.
    pub(crate) async fn raft(&self, group: u32, message: Bytes) -> Result<Bytes, Status> {
        if message.len() <= LINKED_BYTES_MAX && !self.goes_alone() {
            match self.ask(frame::raft(group, message.clone())).await {
                Ok(answer) => return frame::raft_answered(answer),
                Err(Failed::NeverLeft(status, _)) if takes_no_link(&status) => self.note(&status),
                Err(failed) => return Err(failed.into()),
            }
        }
        let mut alone = peers::cluster_service(self.past());
        alone.raft(RaftRequest { group, message }).await.map(|answer| answer.into_inner().message)
    }

    /// The same way for calls that go alone.
    pub(super) fn past(&self) -> Alone {
        Alone(self.clone())
    }

    /// Why the other node takes no link.
    fn note(&self, status: &Status) {
        if status.code() == Code::Unimplemented {
            if !self.0.is_told.swap(true, Ordering::Relaxed) {
                tracing::info!("a node takes no links: each call to it goes alone");
            }
            self.0.alone.store(ALONE_CALLS, Ordering::Relaxed);
        }
    }

    /// Whether the next call does, which counts.
    fn goes_alone(&self) -> bool {
        let counted = |left: u32| left.checked_sub(1);
        self.0.alone.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted).is_ok()
    }

    async fn send_whole(&self, parts: http::request::Parts, body: Bytes) -> Result<http::Response<Body>, Failed> {
        if body.len() > LINKED_BYTES_MAX || self.goes_alone() {
            return self.send_alone(http::Request::from_parts(parts, frame::body(body))).await;
        }
        match self.ask(frame::call(&parts, body)).await {
            Ok(answer) => frame::response(answer).map_err(Failed::Lost),
            Err(Failed::NeverLeft(status, Some(call))) if takes_no_link(&status) => {
                self.note(&status);
                let (_, request) = frame::request(*call).map_err(|status| Failed::NeverLeft(status, None))?;
                self.send_alone(request).await
            }
            Err(failed) => Err(failed),
        }
    }

    async fn ask(&self, call: LinkCall) -> Result<LinkAnswer, Failed> {
        let mut call = call;
        loop {
            let line = self.line();
            match line.ask(call) {
                Ok(asked) => return asked.await,
                // It has broken since.
                Err(back) => call = back,
            }
        }
    }

    #[cfg(test)]
    pub(super) fn stands(&self) -> bool {
        self.0.line.lock().as_ref().is_some_and(|line| !line.is_closed())
    }

    /// The line that stands, or a new one.
    fn line(&self) -> Arc<Line> {
        let mut line = self.0.line.lock();
        if let Some(line) = line.as_ref().filter(|line| !line.is_closed()) {
            return Arc::clone(line);
        }
        let new = Line::new();
        *line = Some(Arc::clone(&new));
        let way = InterceptedService::new(self.0.channel.clone(), self.0.introduction.clone());
        let client = LinkServiceClient::new(way)
            .max_decoding_message_size(LINK_BYTES_MAX)
            .max_encoding_message_size(LINK_BYTES_MAX);
        tokio::spawn(Arc::clone(&new).run(client));
        new
    }

    async fn send_alone(&self, mut request: http::Request<Body>) -> Result<http::Response<Body>, Failed> {
        self.0.introduction.introduce(request.headers_mut());
        let mut channel = self.0.channel.clone();
        let called = async {
            future::poll_fn(|context| channel.poll_ready(context)).await?;
            channel.call(request).await
        };
        called.await.map_err(|error| {
            // Whoever answers there next may know links.
            self.0.alone.store(0, Ordering::Relaxed);
            failed(error)
        })
    }
}

impl Service<http::Request<Body>> for Link {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let link = self.clone();
        async move { link.send(request).await.map_err(Status::from) }.boxed()
    }
}

/// The same way, past its link: for calls whose answers may be large, and for what was not taken by the link.
#[derive(Clone)]
pub(crate) struct Alone(Link);

impl Service<http::Request<Body>> for Alone {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Self(link) = self.clone();
        async move { link.send_alone(request).await.map_err(Status::from) }.boxed()
    }
}

/// It is of an earlier version: it does not know links, or takes them for a question that strangers may not ask, while the
/// call itself may come of one. Whoever has another reason has it for the call too.
fn takes_no_link(status: &Status) -> bool {
    matches!(status.code(), Code::Unimplemented | Code::PermissionDenied)
}

/// Whoever called is told that it may be asked again, whatever broke on the way: what has another status was said by the
/// other node, and is taken for its answer.
fn failed(error: transport::Error) -> Failed {
    let mut why: &dyn std::error::Error = &error;
    while let Some(cause) = why.source() {
        if cause.is::<tonic::ConnectError>() {
            return Failed::NeverLeft(Status::unavailable(cause.to_string()), None);
        }
        if cause.is::<tonic::TimeoutExpired>() {
            return Failed::Lost(Status::deadline_exceeded(cause.to_string()));
        }
        why = cause;
    }
    Failed::Lost(Status::unavailable(format!("the way to the other node broke: {why}")))
}

#[cfg(test)]
mod tests;
