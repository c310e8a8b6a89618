//! The span of a call: its name, a number of its own, and the namespace, workflow and run that it turns out to be about.
//!
//! Invariant: where nobody asks for spans a call pays for none: the span has level `debug`, under a target of its own that
//! a log filter can name, and traces ask for that target whatever the log's filter is.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Span, field::Empty};
use weft_engine::{RunId, WorkflowKey};

/// What a filter calls the spans of calls: `info,weft::call=debug`.
pub(crate) const TARGET: &str = "weft::call";

/// The span of a call that has just come in.
pub(super) fn span<B>(request: &http::Request<B>) -> Span {
    static REQUESTS: AtomicU64 = AtomicU64::new(1);
    let path = request.uri().path();
    tracing::debug_span!(
        target: TARGET,
        "call",
        otel.name = path.trim_start_matches('/'),
        otel.kind = "server",
        rpc = path.rsplit('/').next(),
        request = REQUESTS.fetch_add(1, Ordering::Relaxed),
        namespace = Empty,
        workflow = Empty,
        run = Empty,
    )
}

/// The call is about this namespace.
pub(super) fn namespace(name: &str) {
    Span::current().record("namespace", name);
}

/// The call is about this workflow id.
pub(super) fn workflow(key: &WorkflowKey) {
    Span::current().record("workflow", key.workflow.as_str());
}

/// The call is about a task of this run.
pub(super) fn task(key: &WorkflowKey, of: &RunId) {
    workflow(key);
    run(of);
}

/// The call is about this run.
pub(super) fn run(run: &RunId) {
    Span::current().record("run", run.as_str());
}
