//! What is asked of each side.

use std::time::Duration;

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use weft::{
    Client, ConnectOptions,
    client::api::history::{HistoryEvent, history_event::Attributes},
};
use weft_env::{Clock, RealClock};

use crate::{
    Args, Side, official,
    ours::{self, Chain, Idle},
};

/// Activities of each workflow of the throughput.
const ACTIVITIES: usize = 10;
/// Workflows in flight.
const CALLERS: usize = 64;
/// The history is replayed so often, and the fastest counts: what disturbs makes it slower.
const REPLAYS: usize = 5;

/// A worker of either side.
enum Worker {
    Ours(weft::Running),
    Official(official::Running),
}

impl Worker {
    async fn start(side: Side, client: &Client, address: &str, queue: &str, cached: usize) -> anyhow::Result<Self> {
        Ok(match side {
            Side::Ours => Self::Ours(ours::worker(client, queue, cached)?),
            Side::Official => Self::Official(official::worker(address, queue, cached).await?),
        })
    }

    async fn stop(self) -> anyhow::Result<()> {
        match self {
            Self::Ours(running) => Ok(running.shutdown().await?),
            Self::Official(running) => running.stop().await,
        }
    }
}

pub(crate) async fn measure(args: &Args, side: Side) -> anyhow::Result<Value> {
    let clock = RealClock::new();
    let options = ConnectOptions { address: args.address.clone(), ..ConnectOptions::default() };
    let client = Client::connect(options).await?;
    // First of all: what the throughput allocates and gives back would take what is cached without growing.
    let cached_kib = cached_kib(args, side, &client).await.context("idle workflows")?;

    let queue = format!("bench-{}", client.new_id());
    let worker = Worker::start(side, &client, &args.address, &queue, args.cached + CALLERS).await?;
    chains(&client, &queue, CALLERS, ACTIVITIES).await.context("warming up")?;
    let began = clock.monotonic();
    chains(&client, &queue, args.workflows, ACTIVITIES).await.context("throughput")?;
    let took = (clock.monotonic() - began).as_secs_f64();

    let long = client.new_id();
    let start = client.start_workflow(Chain::run, args.history as u64).id(&long).task_queue(&queue);
    start.await?.result().await.context("the long workflow")?;
    let events = client.handle::<Chain>(&long).history().all().await?;
    worker.stop().await?;
    let mut fastest = Duration::MAX;
    for _ in 0..REPLAYS {
        let began = clock.monotonic();
        match side {
            Side::Ours => ours::replay(events.clone())?,
            Side::Official => official::replay(events.clone()).await?,
        }
        fastest = fastest.min(clock.monotonic() - began);
    }
    Ok(json!({
        "workflows_per_second": args.workflows as f64 / took,
        "activities_per_second": (args.workflows * ACTIVITIES) as f64 / took,
        "cached_kib": cached_kib,
        "replay_millis": fastest.as_secs_f64() * 1e3,
        "events": events.len(),
    }))
}

/// What each cached workflow adds to the process, in KiB: by the second half of them, as the first also makes whatever a
/// worker has once.
async fn cached_kib(args: &Args, side: Side, client: &Client) -> anyhow::Result<f64> {
    let queue = format!("bench-{}", client.new_id());
    let worker = Worker::start(side, client, &args.address, &queue, args.cached + CALLERS).await?;
    let second = args.cached.div_ceil(2);
    let mut workflows = idle(client, &queue, args.cached - second).await?;
    let before = resident_kib()?;
    workflows.extend(idle(client, &queue, second).await?);
    let kib = (resident_kib()? - before) / second as f64;
    for workflow in workflows {
        client.handle::<Idle>(workflow).terminate("the benchmark ends").await?;
    }
    worker.stop().await?;
    Ok(kib)
}

/// Runs workflows of so many activities to their ends, some at a time.
async fn chains(client: &Client, queue: &str, count: usize, activities: usize) -> anyhow::Result<()> {
    let one = |_| async move {
        let start = client.start_workflow(Chain::run, activities as u64).id(client.new_id()).task_queue(queue);
        anyhow::Ok(start.await?.result().await?)
    };
    stream::iter(0..count).map(one).buffer_unordered(CALLERS).try_collect::<Vec<u64>>().await?;
    Ok(())
}

/// Starts workflows that wait, and returns once each has had its first task.
async fn idle(client: &Client, queue: &str, count: usize) -> anyhow::Result<Vec<String>> {
    let one = |_| async move {
        let id = client.new_id();
        let start = client.start_workflow(Idle::run, ()).id(&id).task_queue(queue);
        let mut pages = start.await?.follow_history();
        while let Some(events) = pages.next().await? {
            if events.iter().any(is_task_completed) {
                break;
            }
        }
        anyhow::Ok(id)
    };
    stream::iter(0..count).map(one).buffer_unordered(CALLERS).try_collect().await
}

fn is_task_completed(event: &HistoryEvent) -> bool {
    matches!(event.attributes, Some(Attributes::WorkflowTaskCompletedEventAttributes(_)))
}

fn resident_kib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
