//! OpenTelemetry: spans that follow a workflow through its activities and children, and a worker's counts as metrics.
//!
//! The context of a trace travels in the header `_tracer-data`, as Temporal's own SDKs write it, so a trace goes on where
//! workers of several languages share a workflow. A workflow that was started without one has a trace of its own, whose id
//! is that of its run: so all that is done for it, by whichever worker, is found together.

use std::collections::HashMap;

use opentelemetry::{
    Context, InstrumentationScope, KeyValue, global,
    global::BoxedTracer,
    metrics::Meter,
    trace::{
        FutureExt, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
    },
};
use weft_client::{BoxError, ClientCall, ClientCallKind, ClientInterceptor, Value, result_from_payloads};
use weft_protocol::api::common::{Payload, Payloads};

use crate::{
    ActivityCtx, Caller, Inbound, InboundKind, Interceptor, NextActivity, Outbound, OutboundKind, Result, Running,
    TaskMetrics, activity::BoxFuture,
};

/// The header in which Temporal's SDKs pass the context of a trace.
pub const HEADER: &str = "_tracer-data";
const TRACEPARENT: &str = "traceparent";

/// Makes a span for what a worker does: give it to [`Worker::interceptor`](crate::Worker::interceptor). It is an
/// interceptor of clients as well.
pub struct Traces<T = BoxedTracer> {
    tracer: T,
}

impl Default for Traces {
    fn default() -> Self {
        Self::new(global::tracer_with_scope(InstrumentationScope::builder("weft-sdk").build()))
    }
}

impl<T: Tracer> Traces<T> {
    /// With another tracer than the global one.
    #[must_use]
    pub fn new(tracer: T) -> Self {
        Self { tracer }
    }
}

/// The header that makes a workflow part of the trace that is current here; `None` where there is none.
#[must_use]
pub fn current_header() -> Option<(String, Payload)> {
    let context = Context::current();
    let span = context.span().span_context().clone();
    span.is_valid().then(|| payload(&span)).flatten().map(|payload| (HEADER.to_owned(), payload))
}

fn payload(span: &SpanContext) -> Option<Payload> {
    let text = format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8());
    HashMap::from([(TRACEPARENT.to_owned(), text)]).to_payload().ok()
}

fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-');
    let (_version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    context.is_valid().then_some(context)
}

/// Where a span belongs: where the headers say, or to the trace of the run.
fn parent(headers: &HashMap<String, Payload>, run_id: &str) -> Context {
    let carried = headers.get(HEADER).and_then(|payload| {
        let fields: HashMap<String, String> = result_from_payloads(std::slice::from_ref(payload)).ok()?;
        parse(fields.get(TRACEPARENT)?)
    });
    let hex: String = run_id.chars().filter(|it| *it != '-').collect();
    let own = || {
        let span = hex.get(16..)?;
        let context = (TraceId::from_hex(&hex).ok()?, SpanId::from_hex(span).ok()?);
        Some(SpanContext::new(context.0, context.1, TraceFlags::SAMPLED, true, TraceState::NONE))
    };
    carried.or_else(own).map_or_else(Context::new, |span| Context::new().with_remote_span_context(span))
}

fn attributes(workflow_id: &str, run_id: &str) -> Vec<KeyValue> {
    vec![KeyValue::new("temporalWorkflowID", workflow_id.to_owned()), KeyValue::new("temporalRunID", run_id.to_owned())]
}

impl<T> Traces<T>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    /// A span within another; it ends with the last copy of the context.
    fn span(&self, name: String, kind: SpanKind, attributes: Vec<KeyValue>, parent: &Context) -> Context {
        let builder = self.tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
        parent.with_span(self.tracer.build_with_context(builder, parent))
    }
}

impl<T> Interceptor for Traces<T>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    fn workflow_inbound(&self, call: &Inbound<'_>) -> Result<()> {
        let what = match call.kind {
            InboundKind::Run => "RunWorkflow",
            InboundKind::Signal => "HandleSignal",
            InboundKind::Check => "ValidateUpdate",
            InboundKind::Update => "HandleUpdate",
            InboundKind::Query => "HandleQuery",
        };
        // It was traced when it came first.
        if !call.is_replaying {
            let parent = parent(call.headers, call.run_id);
            let attributes = attributes(call.workflow_id, call.run_id);
            self.span(format!("{what}:{}", call.name), SpanKind::Server, attributes, &parent).span().end();
        }
        Ok(())
    }

    fn workflow_outbound(&self, workflow: &Caller, call: &mut Outbound<'_>) {
        let what = match call.kind {
            OutboundKind::Activity => "StartActivity",
            OutboundKind::LocalActivity => "StartLocalActivity",
            OutboundKind::Child => "StartChildWorkflow",
            OutboundKind::Signal => "SignalExternalWorkflow",
            OutboundKind::ContinueAsNew => "ContinueAsNew",
        };
        let (id, run_id) = (&workflow.workflow.workflow_id, &workflow.workflow.run_id);
        let parent = parent(&workflow.headers, run_id);
        let span = self.span(format!("{what}:{}", call.name), SpanKind::Client, attributes(id, run_id), &parent);
        if let Some(payload) = payload(span.span().span_context()) {
            call.headers.insert(HEADER.to_owned(), payload);
        }
        span.span().end();
    }

    fn activity(
        &self,
        ctx: ActivityCtx,
        input: Vec<Payload>,
        next: NextActivity,
    ) -> BoxFuture<Result<Option<Payloads>>> {
        let info = ctx.info();
        let mut attributes = attributes(&info.workflow.workflow_id, &info.workflow.run_id);
        attributes.push(KeyValue::new("temporalActivityID", info.activity_id.clone()));
        let parent = parent(&info.headers, &info.workflow.run_id);
        let span = self.span(format!("RunActivity:{}", info.activity_type), SpanKind::Server, attributes, &parent);
        let running = next.run(ctx, input).with_context(span.clone());
        Box::pin(async move {
            let done = running.await;
            if let Err(error) = &done {
                span.span().set_status(Status::error(error.to_string()));
            }
            span.span().end();
            done
        })
    }
}

/// Give it to [`Client::intercepted`](weft_client::Client::intercepted): what a client asks for belongs to the trace that
/// is current where it is called.
impl<T> ClientInterceptor for Traces<T>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    fn outbound(&self, call: &mut ClientCall<'_>) -> Result<(), BoxError> {
        let what = match call.kind {
            ClientCallKind::Start => "StartWorkflow",
            ClientCallKind::Signal => "SignalWorkflow",
            ClientCallKind::Query => "QueryWorkflow",
            ClientCallKind::Update => "UpdateWorkflow",
            ClientCallKind::Schedule => "CreateSchedule",
        };
        let id = KeyValue::new("temporalWorkflowID", call.workflow_id.to_owned());
        let span = self.span(format!("{what}:{}", call.name), SpanKind::Client, vec![id], &Context::current());
        // A signal that comes with a start has the start's headers, by which the workflow belongs to the start.
        if let (Some(payload), false) = (payload(span.span().span_context()), call.headers.contains_key(HEADER)) {
            call.headers.insert(HEADER.to_owned(), payload);
        }
        span.span().end();
        Ok(())
    }
}

impl Running {
    /// Has a meter read what the worker counts, whenever it reads.
    pub fn export(&self, meter: &Meter) {
        let gauge = |name: &'static str, of: fn(&TaskMetrics) -> u64| {
            let read = self.reader();
            let _ = meter
                .u64_observable_gauge(name)
                .with_callback(move |observer| {
                    let Some(metrics) = read() else { return };
                    let kinds = [
                        ("workflow", metrics.workflow_tasks),
                        ("activity", metrics.activities),
                        ("local_activity", metrics.local_activities),
                    ];
                    for (kind, tasks) in kinds {
                        observer.observe(of(&tasks), &[KeyValue::new("kind", kind)]);
                    }
                })
                .build();
        };
        gauge("weft_worker_slots_used", |tasks| tasks.slots_used as u64);
        gauge("weft_worker_slots_max", |tasks| tasks.slots_max as u64);
        gauge("weft_worker_tasks_done", |tasks| tasks.done);
        gauge("weft_worker_tasks_failed", |tasks| tasks.failed);
        gauge("weft_worker_task_milliseconds", |tasks| u64::try_from(tasks.time.as_millis()).unwrap_or(u64::MAX));
        let read = self.reader();
        let _ = meter
            .u64_observable_gauge("weft_worker_eager_activities")
            .with_callback(move |observer| {
                if let Some(metrics) = read() {
                    observer.observe(metrics.eager_activities, &[]);
                }
            })
            .build();
        let read = self.reader();
        let _ = meter
            .u64_observable_gauge("weft_worker_cache")
            .with_callback(move |observer| {
                let Some(metrics) = read() else { return };
                let counts = [
                    ("workflows", metrics.cached_workflows as u64),
                    ("hits", metrics.sticky_hits),
                    ("misses", metrics.sticky_misses),
                    ("replays", metrics.replays),
                ];
                for (what, count) in counts {
                    observer.observe(count, &[KeyValue::new("what", what)]);
                }
            })
            .build();
    }
}
