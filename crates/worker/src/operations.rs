//! A worker that runs until it is told to stop, and what it tells of itself meanwhile: `/livez`, `/readyz` and
//! `/metrics`, for whoever operates it.
//!
//! Invariant: nothing that is asked here changes anything, and nobody who asks holds anything for long. A worker that
//! drains is alive and not ready.

mod text;

use std::{convert::Infallible, pin::pin, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, header::CONTENT_TYPE, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use weft::{Worker, WorkerError, WorkerMetrics};

/// From a connection to its end.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// After a connection that could not be accepted: where no more files may be opened, the next cannot either.
const WAIT_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// How a worker stands when it is asked.
#[derive(Clone, Debug, PartialEq)]
enum Standing {
    Working(Box<WorkerMetrics>),
    /// It takes nothing new, and ends what it has.
    Draining,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    body: String,
}

/// Runs a worker until the future is ready, then lets it end what it has.
///
/// # Errors
/// When it cannot begin, or the server refuses it for good.
pub async fn run(
    worker: Worker,
    listener: Option<TcpListener>,
    stop: impl Future<Output = ()>,
) -> Result<(), WorkerError> {
    let (mut running, mut stop) = (worker.start()?, pin!(stop));
    loop {
        tokio::select! {
            () = &mut stop => break,
            failed = running.failed() => return Err(failed),
            stream = next(listener.as_ref()) => answer(stream, Standing::Working(Box::new(running.metrics()))),
        }
    }
    let mut drained = pin!(running.shutdown());
    loop {
        tokio::select! {
            done = &mut drained => return done,
            stream = next(listener.as_ref()) => answer(stream, Standing::Draining),
        }
    }
}

/// The next who asks; without a place to ask at, nobody does.
async fn next(listener: Option<&TcpListener>) -> Option<TcpStream> {
    match listener {
        Some(listener) => match listener.accept().await {
            Ok((stream, _)) => Some(stream),
            Err(_) => {
                tokio::time::sleep(WAIT_AFTER_FAILURE).await;
                None
            }
        },
        None => std::future::pending().await,
    }
}

/// Answers one question, by how the worker stands now.
fn answer(stream: Option<TcpStream>, standing: Standing) {
    let Some(stream) = stream else { return };
    let serve = async move {
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let answer = respond(request.uri().path(), &standing);
            async move { Ok::<_, Infallible>(answer.into_response()) }
        });
        // Whoever asks again is to hear how it stands then.
        let served = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
        let _ = tokio::time::timeout(ANSWER_WITHIN, served).await;
    };
    tokio::spawn(serve);
}

fn respond(path: &str, standing: &Standing) -> Answer {
    let ok = |body: String| Answer { status: StatusCode::OK, body };
    match (path, standing) {
        ("/livez", _) => ok("alive\n".to_owned()),
        ("/readyz", Standing::Working(_)) => ok("ready\n".to_owned()),
        ("/readyz", Standing::Draining) => {
            Answer { status: StatusCode::SERVICE_UNAVAILABLE, body: "draining: it takes nothing new\n".to_owned() }
        }
        ("/metrics", Standing::Working(metrics)) => ok(text::prometheus(metrics, false)),
        ("/metrics", Standing::Draining) => ok(text::prometheus(&WorkerMetrics::default(), true)),
        (other, _) => {
            let body = format!("nothing at {other}: try /livez, /readyz or /metrics\n");
            Answer { status: StatusCode::NOT_FOUND, body }
        }
    }
}

impl Answer {
    fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = self.status;
        let kind = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_drains_is_alive_and_not_ready() {
        let working = Standing::Working(Box::default());
        let status = |path, standing| respond(path, standing).status.as_u16();
        assert_eq!([status("/livez", &working), status("/readyz", &working)], [200, 200]);
        let draining = Standing::Draining;
        assert_eq!([status("/livez", &draining), status("/readyz", &draining)], [200, 503]);
        assert_eq!(status("/", &working), 404);
        assert!(respond("/metrics", &draining).body.contains("weft_worker_draining 1\n"));
    }
}
