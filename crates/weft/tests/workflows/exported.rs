//! What a worker counts, read by a meter of OpenTelemetry.

use std::collections::BTreeMap;

use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData, ScopeMetrics},
};
use weft::{Ctx, Result, activity, workflow};

use crate::world::{QUEUE, World};

#[workflow]
async fn counted(ctx: Ctx) -> Result<u32> {
    let far = ctx.activity(counts, 1).await?;
    Ok(far + ctx.local_activity(counts, 2).await?)
}

#[activity]
async fn counts(number: u32) -> u32 {
    number
}

/// Each value under the metric's name and its attribute's value.
fn values(exporter: &InMemoryMetricExporter) -> BTreeMap<(String, String), u64> {
    let all = exporter.get_finished_metrics().expect("they are kept");
    let last = all.last().expect("it was read");
    let mut values = BTreeMap::new();
    for metric in last.scope_metrics().flat_map(ScopeMetrics::metrics) {
        if let AggregatedMetrics::U64(MetricData::Gauge(gauge)) = metric.data() {
            for point in gauge.data_points() {
                let of = point.attributes().map(|attribute| attribute.value.to_string()).collect();
                values.insert((metric.name().to_owned(), of), point.value());
            }
        }
    }
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meter_reads_what_the_worker_did() {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder().with_reader(PeriodicReader::builder(exporter.clone()).build()).build();
    let world = World::with(|worker| worker.workflow(counted).activity(counts)).await;
    world.worker.export(&provider.meter("test"));
    let start = world.client.start_workflow(counted, ()).id("counted").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(start.result().await.expect("it completes"), 3);
    world.counted(|it| it.activities.done > 0).await;
    provider.force_flush().expect("it is read");
    let values = values(&exporter);
    let value = |name: &str, of: &str| values.get(&(name.to_owned(), of.to_owned())).copied();
    assert_eq!(value("weft_worker_tasks_done", "activity"), Some(1), "{values:?}");
    assert_eq!(value("weft_worker_tasks_done", "local_activity"), Some(1), "{values:?}");
    assert_eq!(value("weft_worker_tasks_failed", "activity"), Some(0), "{values:?}");
    assert_eq!(value("weft_worker_slots_max", "workflow"), Some(100), "{values:?}");
    world.end().await;
    provider.shutdown().expect("once");
}
