//! Asks each call for its API key before anything else is done with it.
//!
//! Invariant: whoever has no key learns only that one is needed; health checks need none. Where no keys are set, nothing
//! is asked.

use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::Either;
use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use tonic::{Status, body::Body};
use tower::{Layer, Service};
use weft_env::Clock;

use super::{files::FromFiles, keys::Keys, throttle::Throttle};

/// Load balancers and orchestrators have no keys.
pub(super) fn is_health(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.Health/")
}

/// See the module.
#[derive(Clone)]
pub(crate) struct KeyCheck {
    keys: Option<Arc<FromFiles<Keys>>>,
    /// What needs no key, by its path.
    is_open: fn(&str) -> bool,
    clock: Arc<dyn Clock>,
    throttle: Arc<Throttle>,
}

impl KeyCheck {
    pub(super) fn new(keys: Option<Arc<FromFiles<Keys>>>, is_open: fn(&str) -> bool, clock: Arc<dyn Clock>) -> Self {
        Self { keys, is_open, clock, throttle: Arc::default() }
    }

    /// Asks nobody.
    pub(crate) fn nobody(clock: Arc<dyn Clock>) -> Self {
        Self::new(None, is_health, clock)
    }

    /// Whether the call may be answered, or else why not.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<(), &'static str> {
        let Some(keys) = &self.keys else { return Ok(()) };
        if (self.is_open)(request.uri().path()) {
            return Ok(());
        }
        let why = match bearer(request.headers()) {
            Some(key) if keys.current().admit(key) => return Ok(()),
            Some(_) => "the API key is not one of this server's",
            None => "an API key is needed: send the header \"authorization: Bearer KEY\"",
        };
        if let Some(unsaid) = self.throttle.speak(self.clock.monotonic()) {
            tracing::warn!(path = request.uri().path(), unsaid, "a call was refused: {why}");
        }
        Err(why)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| key.trim_ascii())
}

impl<S> Layer<S> for KeyCheck {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        Checked { check: self.clone(), inner }
    }
}

/// A service behind the check.
#[derive(Clone)]
pub(crate) struct Checked<S> {
    check: KeyCheck,
    inner: S,
}

impl<S, B> Service<Request<B>> for Checked<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.check.check(&request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(why) => Either::Right(ready(Ok(Status::unauthenticated(why).into_http()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stands_after_the_word_bearer() {
        let key = |value: &'static str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, http::HeaderValue::from_static(value))]);
            bearer(&headers).map(|key| String::from_utf8_lossy(key).into_owned())
        };
        assert_eq!(key("Bearer the-key").as_deref(), Some("the-key"));
        assert_eq!(key("bearer  the-key ").as_deref(), Some("the-key"));
        assert_eq!([key("Basic dXNlcg=="), key("Bearer"), key("")], [None, None, None]);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
