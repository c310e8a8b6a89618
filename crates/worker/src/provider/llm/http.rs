//! The wire: one request, a stream of events, and what can go wrong with either. Servers may repeat the key that they were
//! given: it is hidden in all that they say, before anything is cut.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, StatusCode, body::Incoming as Body};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

use super::{Config, Dialect, Key, Reply, anthropic, openai, sse::Events};

/// How much of an error's text is told.
const TOLD_CHARS: usize = 300;
/// As much of an error is read.
const REFUSAL_BYTES_MAX: usize = 64 << 10;
/// The longest wait that a server may ask for.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("it is busy or broken ({status}): {said}")]
    Busy { status: u16, said: String, after: Option<Duration> },
    #[error("it refuses ({status}): {said}")]
    Refused { status: u16, said: String },
    /// Nothing was sent.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it cannot be reached: {0}")]
    Connection(String),
    #[error("its answer ended in the middle")]
    Half,
    #[error("its answer is not understood: {0}")]
    Nonsense(String),
}

impl Problem {
    /// Whether the call certainly was not worked on.
    pub(super) fn cost_nothing(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Unreachable(_) => true,
            Self::Busy { status, .. } => *status == 429,
            Self::Connection(_) | Self::Half | Self::Nonsense(_) => false,
        }
    }

    /// How long to wait before another try; `None` where trying again does not help.
    pub(super) fn wait(&self, usual: Duration) -> Option<Duration> {
        match self {
            Self::Busy { after, .. } => Some(after.unwrap_or(usual).min(WAIT_MAX)),
            Self::Unreachable(_) | Self::Connection(_) | Self::Half => Some(usual),
            Self::Refused { .. } | Self::Nonsense(_) => None,
        }
    }
}

/// Connections to servers of models.
#[derive(Clone)]
pub(super) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Client {
    pub(super) fn new() -> std::io::Result<Self> {
        let provider = rustls::crypto::ring::default_provider();
        let tls = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
        let connector = tls.https_or_http().enable_http1().build();
        Ok(Self { pool: Pool::builder(TokioExecutor::new()).build(connector) })
    }

    /// Sends a request, and waits for the whole answer.
    pub(super) async fn send(&self, config: &Config, key: &Key, body: &Value, name: &str) -> Result<Reply, Problem> {
        let once = tokio::time::timeout(config.time, self.once(config, key, body, name)).await;
        once.unwrap_or_else(|_| Err(Problem::Connection("no answer in time".to_owned())))
    }

    async fn once(&self, config: &Config, key: &Key, body: &Value, name: &str) -> Result<Reply, Problem> {
        let path = match config.dialect {
            Dialect::Anthropic => anthropic::PATH,
            Dialect::OpenAi => openai::PATH,
        };
        let request = Request::post(format!("{}{path}", config.address.trim_end_matches('/')))
            .header("content-type", "application/json")
            .header("accept", "text/event-stream")
            .header("idempotency-key", name);
        let request = match config.dialect {
            Dialect::Anthropic => request.header("x-api-key", &key.0).header("anthropic-version", "2023-06-01"),
            Dialect::OpenAi => request.header("authorization", format!("Bearer {}", key.0)),
        };
        let refused = |e: hyper::http::Error| Problem::Refused { status: 0, said: e.to_string() };
        let request = request.body(Full::from(body.to_string())).map_err(refused)?;
        let lost = |e: hyper_util::client::legacy::Error| match e.is_connect() {
            true => Problem::Unreachable(chain(&e)),
            false => Problem::Connection(chain(&e)),
        };
        let response = self.pool.request(request).await.map_err(lost)?;
        if response.status() == StatusCode::OK {
            answer(config.dialect, key, response).await
        } else {
            Err(refusal(key, response).await)
        }
    }
}

/// An error with its causes: the outermost one says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}

/// What is told of what a server said.
fn told(key: &Key, said: &str) -> String {
    key.secrets().hide(said).chars().take(TOLD_CHARS).collect()
}

async fn refusal(key: &Key, response: Response<Body>) -> Problem {
    let status = response.status();
    let after =
        response.headers().get("retry-after").and_then(|it| it.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    let body = Limited::new(response.into_body(), REFUSAL_BYTES_MAX).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let message =
        serde_json::from_str::<Value>(&text).ok().and_then(|it| Some(it["error"]["message"].as_str()?.to_owned()));
    let said = told(key, &message.unwrap_or_else(|| text.into_owned()));
    let busy = status.is_server_error() || matches!(status.as_u16(), 408 | 409 | 429);
    if busy {
        Problem::Busy { status: status.as_u16(), said, after }
    } else {
        Problem::Refused { status: status.as_u16(), said }
    }
}

async fn answer(dialect: Dialect, key: &Key, response: Response<Body>) -> Result<Reply, Problem> {
    let mut body = response.into_body();
    let (mut events, mut anthropic, mut openai) =
        (Events::default(), anthropic::Incoming::default(), openai::Incoming::default());
    let nonsense = |said: &str| Problem::Nonsense(told(key, said));
    let mut heard = false;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Problem::Half)?.into_data() else { continue };
        for event in events.push(&data).map_err(nonsense)? {
            heard = true;
            if dialect == Dialect::OpenAi && event == openai::DONE {
                let reply = openai.done().map_err(|e| nonsense(&e))?.ok_or(Problem::Half)?;
                return Ok(reply.without(&key.secrets()));
            }
            let event: Value = serde_json::from_str(&event)
                .map_err(|e| nonsense(&format!("{e} in {:?}", key.secrets().hide(&event))))?;
            match dialect {
                Dialect::Anthropic => {
                    if let Some(reply) = anthropic.take(&event).map_err(|e| nonsense(&e))? {
                        return Ok(reply.without(&key.secrets()));
                    }
                }
                Dialect::OpenAi => openai.take(&event).map_err(|e| nonsense(&e))?,
            }
        }
    }
    // What is no stream at all will not be one the next time either.
    Err(if heard { Problem::Half } else { nonsense("it is no stream of events") })
}

/// The answer with the arguments of its calls, which came as text.
pub(super) fn whole(reply: &mut Reply, arguments: &[String]) -> Result<Reply, String> {
    for (call, text) in reply.calls.iter_mut().zip(arguments) {
        let text = if text.trim().is_empty() { "{}" } else { text };
        call.arguments = serde_json::from_str(text).map_err(|e| format!("arguments of {}: {e}", call.name))?;
    }
    Ok(std::mem::take(reply))
}
