//! Spans that follow a workflow through its activities.

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use weft::{Ctx, Result, activity, otel::Traces, workflow};

use crate::world::{QUEUE, World};

#[workflow]
async fn traced(ctx: Ctx) -> Result<u32> {
    let far = ctx.activity(traced_activity, 1).await?;
    let near = ctx.local_activity(traced_activity, 2).await?;
    Ok(far + near)
}

#[activity]
async fn traced_activity(number: u32) -> u32 {
    number
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_one_trace_wherever_its_work_is_done() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let traces = Traces::new(provider.tracer("test"));
    let world = World::with(|worker| worker.workflow(traced).activity(traced_activity).interceptor(traces)).await;
    let start = world.client.start_workflow(traced, ()).id("traced").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(start.result().await.expect("it completes"), 3);
    let run_id = start.run_id().expect("it was started here").replace('-', "");
    world.end().await;
    let spans = exporter.get_finished_spans().expect("they are kept");
    let named = |name: &str| -> Vec<&SpanData> { spans.iter().filter(|span| span.name == name).collect() };
    assert_eq!(named("RunWorkflow:traced").len(), 1, "{spans:#?}");
    assert_eq!(named("RunActivity:traced_activity").len(), 2, "{spans:#?}");
    let started = ["StartActivity:traced_activity", "StartLocalActivity:traced_activity"].map(|name| named(name)[0]);
    for ran in named("RunActivity:traced_activity") {
        let parents = started.map(|span| span.span_context.span_id());
        assert!(parents.contains(&ran.parent_span_id), "{spans:#?}");
    }
    for span in &spans {
        assert_eq!(span.span_context.trace_id().to_string(), run_id, "{span:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_a_client_and_what_comes_of_it_are_one_trace() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let traces = || Traces::new(provider.tracer("test"));
    let world = World::with(|worker| worker.workflow(traced).activity(traced_activity).interceptor(traces())).await;
    let client = world.client.intercepted(traces());
    let start = client.start_workflow(traced, ()).id("called").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(start.result().await.expect("it completes"), 3);
    world.end().await;
    let spans = exporter.get_finished_spans().expect("they are kept");
    let named = |name: &str| -> Vec<&SpanData> { spans.iter().filter(|span| span.name == name).collect() };
    let (called, ran) = (named("StartWorkflow:traced"), named("RunWorkflow:traced"));
    assert_eq!((called.len(), ran.len()), (1, 1), "{spans:#?}");
    assert_eq!(ran[0].parent_span_id, called[0].span_context.span_id());
    let trace = called[0].span_context.trace_id();
    assert!(spans.iter().all(|span| span.span_context.trace_id() == trace), "{spans:#?}");
}

#[derive(Default)]
struct Woken {
    is_awake: bool,
}

#[workflow]
impl Woken {
    #[run]
    async fn run(ctx: Ctx<Self>) -> Result<()> {
        ctx.wait_until(|woken: &Self| woken.is_awake).await
    }

    #[signal]
    fn wake(&mut self) {
        self.is_awake = true;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_starts_with_a_signal_belongs_to_its_start() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let traces = || Traces::new(provider.tracer("test"));
    let world = World::with(|worker| worker.workflow(Woken::run).interceptor(traces())).await;
    let client = world.client.intercepted(traces());
    let start = client.start_workflow(Woken::run, ()).id("woken").task_queue(QUEUE);
    start.signal_with_start(Woken::wake, ()).await.expect("it starts").result().await.expect("it completes");
    world.end().await;
    let spans = exporter.get_finished_spans().expect("they are kept");
    let only = |name: &str| -> &SpanData {
        let mut named = spans.iter().filter(|span| span.name == name);
        let (Some(span), None) = (named.next(), named.next()) else { panic!("{name}: {spans:#?}") };
        span
    };
    only("SignalWorkflow:wake");
    assert_eq!(only("RunWorkflow:Woken").parent_span_id, only("StartWorkflow:Woken").span_context.span_id());
}
