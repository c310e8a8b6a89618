//! The operations port: `/metrics` for Prometheus, `/healthz`, `/livez` and `/readyz` with reasons, and what `wfctl` asks of one node.
//!
//! Invariant: nothing here changes a workflow; what changes anything lifts a quarantine, changes the cluster's nodes, or holds
//! messages between workflows back until a backup has its views. Where keys are set, health alone is told without one.
//! It is served from before the node's data are opened, so that a node that waits for the others is not started again for
//! that.

mod admin;
mod backup;
mod cluster;
mod health;
mod metrics;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{
    Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, ORIGIN, WWW_AUTHENTICATE},
};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
};
use tonic::transport::server::TcpIncoming;

use weft_env::Clock;

use crate::{
    access::{self, Admission, KeyCheck},
    connections::{Connection, Connections},
    node::Node,
};

const TEXT: &str = "text/plain; charset=utf-8";
/// The version of Prometheus' text format.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

/// So long may whoever holds a connection take to ask something.
const ASKED_WITHIN: Duration = Duration::from_secs(30);

/// What is answered: short, or a stream.
type Body = UnsyncBoxBody<Bytes, io::Error>;

/// One answer.
pub(crate) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: String,
}

/// The node that is operated, once it is put together. Clones are of the same one.
#[derive(Clone, Default)]
pub(crate) struct Operated(Arc<OnceLock<Node>>);

impl Operated {
    /// What is asked from now on is asked of the node.
    pub(crate) fn open(&self, node: Node) {
        // A node is put together once.
        let _ = self.0.set(node);
    }
}

/// Serves until the server stops.
pub(crate) async fn serve(
    node: Operated,
    listener: TcpListener,
    admission: Admission,
    clock: Arc<dyn Clock>,
    connections: Connections,
    stopping: watch::Receiver<bool>,
) {
    let desk = Desk { check: admission.key_check(Arc::clone(&clock)), node };
    match admission.tls() {
        Some(tls) => {
            let incoming = access::incoming(listener, tls, access::OPERATORS, clock);
            let incoming = incoming.map(|came| came.and_then(|stream| Ok((stream.get_ref().0.peer_addr()?, stream))));
            desk.serve(incoming, connections, stopping).await;
        }
        None => {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let incoming = incoming.map(|came| came.and_then(|stream| Ok((stream.peer_addr()?, stream))));
            desk.serve(incoming, connections, stopping).await;
        }
    }
}

/// What needs no key: whoever starts nodes again, and sends clients to them, has none.
pub(crate) fn is_health(path: &str) -> bool {
    ["/healthz", "/livez", "/readyz"].contains(&path)
}

/// What is behind the port.
#[derive(Clone)]
struct Desk {
    node: Operated,
    check: KeyCheck,
}

impl Desk {
    async fn serve<I>(
        self,
        incoming: impl Stream<Item = io::Result<(SocketAddr, I)>>,
        connections: Connections,
        mut stopping: watch::Receiver<bool>,
    ) where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut incoming = pin!(incoming);
        loop {
            let came = tokio::select! {
                came = incoming.next() => came,
                _ = stopping.wait_for(|stopping| *stopping) => return,
            };
            let Some(came) = came else { return };
            // A connection that failed before it began concerns its caller only.
            if let Ok((caller, stream)) = came {
                tokio::spawn(self.clone().talk(connections.take(stream), caller));
            }
        }
    }

    async fn talk<I: AsyncRead + AsyncWrite + Unpin + Send>(self, stream: Connection<I>, caller: SocketAddr) {
        let service = service_fn(move |request| {
            let desk = self.clone();
            async move { Ok::<_, Infallible>(desk.answer(request, caller).await) }
        });
        if let Err(error) = converse(stream, service).await {
            tracing::debug!(%error, "a connection to the operations port ended early");
        }
    }

    async fn answer(&self, request: Request<Incoming>, caller: SocketAddr) -> Response<Body> {
        match (self.check.check(&request), self.node.0.get()) {
            (Ok(()), Some(node)) => respond(node, request, caller).await,
            (Ok(()), None) => starting(request.uri().path()).into_response(),
            (Err(why), _) => refuse(why),
        }
    }
}

/// Answers what comes by a connection.
async fn converse<I, S>(stream: I, service: S) -> hyper::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: HttpService<Incoming, ResBody = Body, Error = Infallible>,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(ASKED_WITHIN);
    http.serve_connection(TokioIo::new(stream), service).await
}

fn refuse(why: &str) -> Response<Body> {
    let mut response = Answer::json(StatusCode::UNAUTHORIZED, &json!({ "error": why })).into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
    response
}

/// The answer of a node that is not put together yet.
fn starting(path: &str) -> Answer {
    const WHY: &str =
        "the node is starting: it reads its data, or waits for other nodes of its cluster (its log says which)";
    match path {
        "/livez" => health::starting(),
        path if path.starts_with("/admin/") => Answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": WHY })),
        _ => Answer::new(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{WHY}\n")),
    }
}

async fn respond(node: &Node, request: Request<Incoming>, caller: SocketAddr) -> Response<Body> {
    // A browser says which page a request is from: no page has to change anything here.
    if request.method() == Method::POST && request.headers().contains_key(ORIGIN) {
        return Answer::new(StatusCode::FORBIDDEN, TEXT, "web pages may not ask for this\n".to_owned()).into_response();
    }
    let answer = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => Answer::new(StatusCode::OK, PROMETHEUS, metrics::text(node)),
        (&Method::GET, "/healthz") => health::well(node),
        (&Method::GET, "/livez") => health::alive(node),
        (&Method::GET, "/readyz") => health::ready(node).await,
        (&Method::GET, "/admin/cluster") => cluster::status(node),
        (&Method::GET, "/admin/cluster/wait") => cluster::wait(node, request.uri().query().unwrap_or("")).await,
        (&Method::POST, path) if path.starts_with(cluster::COMMANDS) => {
            cluster::command(node, &path[cluster::COMMANDS.len()..], request.uri().query().unwrap_or("")).await
        }
        (&Method::GET, "/admin/status") => admin::status(node),
        (&Method::GET, "/admin/queues") => admin::queues(node, request.uri().query().unwrap_or("")).await,
        (&Method::GET, "/admin/quarantine") => admin::quarantine(node),
        (&Method::POST, "/admin/backup") => return backup::send(node, caller).await,
        (&Method::POST, "/admin/quarantine/clear") => admin::clear(node, request.uri().query().unwrap_or("")).await,
        (_, path) => Answer::new(
            StatusCode::NOT_FOUND,
            TEXT,
            format!(
                "nothing at {path}: try GET /metrics, /healthz, /livez, /readyz, /admin/status, /admin/cluster, \
                 /admin/queues or /admin/quarantine, or POST /admin/backup\n"
            ),
        ),
    };
    answer.into_response()
}

impl Answer {
    fn new(status: StatusCode, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, body }
    }

    fn json(status: StatusCode, value: &serde_json::Value) -> Self {
        Self::new(status, JSON, format!("{value}\n"))
    }

    fn into_response(self) -> Response<Body> {
        let body = Full::new(Bytes::from(self.body)).map_err(|never| match never {});
        let mut response = Response::new(body.boxed_unsync());
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(self.content_type));
        response
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_nothing_or_does_not_come_to_an_end_is_hung_up_on() {
        for begun in ["", "GET /healthz HTTP/1.1\r\nHost:"] {
            let (mut theirs, ours) = duplex(1024);
            let service = service_fn(|_: Request<Incoming>| async {
                Ok::<_, Infallible>(Answer::new(StatusCode::OK, TEXT, String::new()).into_response())
            });
            let served = tokio::spawn(converse(ours, service));
            theirs.write_all(begun.as_bytes()).await.expect("it reads");
            let mut said = Vec::new();
            theirs.read_to_end(&mut said).await.expect("it hangs up");
            assert!(served.await.expect("it does not panic").is_err_and(|error| error.is_timeout()), "{begun:?}");
        }
    }
}
