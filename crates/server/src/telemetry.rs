//! Logs, and traces where an OTLP endpoint is configured.
//!
//! Invariant: nothing is exported unless an endpoint is named; the log goes to standard error, so that standard output
//! belongs to whoever embeds the server.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, Targets},
    fmt::format::FmtSpan,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{
    config::{Config, LogFormat},
    frontend::trace,
};

/// Libraries that speak at length of what an operator need not know, such as the election that every start has. Who
/// names one in `log.level` hears it again. One part of openraft says at each stop, and as errors, that its groups have
/// stopped; whoever asked them is told the same.
const QUIET: &str = "openraft=error,openraft::raft::raft_inner=off,fjall=warn,lsm_tree=warn";

/// What must be flushed before the process ends.
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Why telemetry does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("log.level = {filter:?} is not a filter: {error}")]
    Filter { filter: String, error: tracing_subscriber::filter::ParseError },
    #[error("telemetry.otlp_endpoint = {endpoint:?} cannot be used: {error}")]
    Otlp { endpoint: String, error: opentelemetry_otlp::ExporterBuildError },
    #[error("logging was started before: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts logging, and exporting traces if an endpoint is configured.
///
/// # Errors
/// See [`Error`].
pub fn start(config: &Config) -> Result<Telemetry, Error> {
    let filter = EnvFilter::builder()
        .parse(format!("{QUIET},{}", config.log.level))
        .map_err(|error| Error::Filter { filter: config.log.level.clone(), error })?;
    // A call is told of when it ends, with its time, to whoever asks for `weft::call=debug`.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_span_events(FmtSpan::CLOSE);
    let lines = match config.log.format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let traces = config.otlp_endpoint.as_deref().map(exporter).transpose()?;
    let spans = traces.as_ref().map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer("weft-server")));
    // Traces have all calls, whatever is logged, and what was said at `info` or above during them.
    let traced = Targets::new().with_target("weft", LevelFilter::INFO).with_target(trace::TARGET, LevelFilter::DEBUG);
    let (lines, spans) = (lines.with_filter(filter), spans.map(|spans| spans.with_filter(traced)));
    tracing_subscriber::registry().with(lines).with(spans).try_init()?;
    Ok(Telemetry { traces })
}

fn exporter(endpoint: &str) -> Result<SdkTracerProvider, Error> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| Error::Otlp { endpoint: endpoint.to_owned(), error })?;
    let resource = Resource::builder().with_service_name("weft-server").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

impl Telemetry {
    /// Sends what has not been sent yet.
    pub fn flush(&self) {
        if let Some(Err(error)) = self.traces.as_ref().map(SdkTracerProvider::shutdown) {
            tracing::warn!(%error, "some traces were not exported");
        }
    }
}
