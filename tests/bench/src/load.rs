//! One line of the benchmark: so many callers, each starting workflows one after the other for so many seconds.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::task::JoinSet;
use weft_bench::wire::{self, Service};
use weft_env::{Clock, RealClock};

use crate::{
    server::{Counts, Server},
    worker::{self, Waiting},
};

/// Connections of callers and of worker together, as many to each server; HTTP/2 puts many calls on each.
const CONNECTIONS: usize = 6;
const POLLERS_MAX: usize = 128;
/// A workflow that takes longer is stuck, and the benchmark says so instead of waiting with it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the workflow does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// So many activities, one after the other.
    Sequential(usize),
    /// So many at once.
    Parallel(usize),
}

/// One line: what it is called, the workflow, and how many callers start one after the other.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) callers: usize,
}

/// What one line measured.
pub(crate) struct Line {
    latencies: Vec<Duration>,
    seconds: f64,
    before: Counts,
    after: Counts,
}

/// Starts workflows for so many seconds and waits for the last of them. `name` keeps the ids of two lines apart.
pub(crate) async fn run(
    servers: impl IntoIterator<Item = &Server>,
    name: &str,
    load: &Load,
    seconds: u64,
) -> anyhow::Result<Line> {
    let servers: Vec<&Server> = servers.into_iter().collect();
    let Load { shape, callers, .. } = *load;
    let clock = RealClock::new();
    let services = connect(servers.iter().copied()).await?;
    let name = format!("bench-{name}-{shape:?}-{callers}");
    let waiting = Waiting::default();
    let pollers = callers.clamp(2, POLLERS_MAX);
    // Sets, so that nothing goes on when a measurement is given up.
    let mut workers = JoinSet::new();
    for number in 0..pollers {
        let service = |number: usize| services[number % services.len()].clone();
        workers.spawn(worker::workflows(service(number), name.clone(), shape, waiting.clone()));
        workers.spawn(worker::activities(service(number + 1), name.clone()));
    }
    let until = clock.monotonic() + Duration::from_secs(seconds);
    let numbers = Arc::new(AtomicU64::new(0));
    let before = counts(&servers).await?;
    let started = clock.monotonic();
    let mut tasks = JoinSet::new();
    for number in 0..callers {
        let caller = Caller {
            service: services[number % services.len()].clone(),
            queue: name.clone(),
            numbers: Arc::clone(&numbers),
            waiting: waiting.clone(),
            until,
        };
        tasks.spawn(caller.run());
    }
    let mut latencies = Vec::new();
    while let Some(task) = tasks.join_next().await {
        latencies.extend(task.context("a caller panicked")??);
    }
    let elapsed = (clock.monotonic() - started).as_secs_f64();
    let after = counts(&servers).await?;
    latencies.sort_unstable();
    Ok(Line { latencies, seconds: elapsed, before, after })
}

/// Connections to all servers in turn, as many to each.
pub(crate) async fn connect(servers: impl IntoIterator<Item = &Server>) -> anyhow::Result<Vec<Service>> {
    let mut services = Vec::new();
    let servers: Vec<&Server> = servers.into_iter().collect();
    let rounds = CONNECTIONS.div_ceil(servers.len().max(1));
    for server in servers.iter().cycle().take(rounds * servers.len()) {
        services.push(wire::connect(&server.address).await?);
    }
    Ok(services)
}

/// What all servers together have used.
async fn counts(servers: &[&Server]) -> anyhow::Result<Counts> {
    let mut sum = Counts::default();
    for server in servers {
        sum = sum + server.counts().await?;
    }
    Ok(sum)
}

struct Caller {
    service: Service,
    queue: String,
    numbers: Arc<AtomicU64>,
    waiting: Waiting,
    until: Duration,
}

impl Caller {
    async fn run(mut self) -> anyhow::Result<Vec<Duration>> {
        let clock = RealClock::new();
        let mut latencies = Vec::new();
        while clock.monotonic() < self.until {
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            let workflow_id = format!("{}-{number}", self.queue);
            let done = self.waiting.on(&workflow_id);
            let before = clock.monotonic();
            let start = wire::start(&self.queue, workflow_id);
            self.service.start_workflow_execution(start).await.context("a start was refused")?;
            tokio::select! {
                ended = done => ended.context("the worker forgot a workflow")?,
                () = clock.sleep_until(before + PATIENCE) => bail!("a workflow has not ended after {PATIENCE:?}"),
            }
            latencies.push(clock.monotonic() - before);
        }
        Ok(latencies)
    }
}

impl Line {
    /// What the columns of a line are.
    pub(crate) fn head() -> String {
        format!(
            "{:>8} {:>9} {:>9} {:>9} {:>9} {:>8} {:>9} {:>9} {:>9}",
            "wf/s", "p50 ms", "p99 ms", "max ms", "cpu µs", "fsyncs", "log B", "entries", "store B"
        )
    }

    /// Workflows per second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A figure for people: what a float loses of such counts does not show.
        let count = self.latencies.len().max(1) as f64;
        let millis = |share: f64| {
            let place = ((count * share) as usize).min(self.latencies.len().saturating_sub(1));
            self.latencies.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
        };
        let each = |read: fn(&Counts) -> f64| (read(&self.after) - read(&self.before)) / count;
        write!(
            f,
            "{:>8.0} {:>9.2} {:>9.2} {:>9.2} {:>9.0} {:>8.2} {:>9.0} {:>9.2} {:>9.0}",
            self.rate(),
            millis(0.5),
            millis(0.99),
            millis(1.0),
            each(|counts| counts.cpu_seconds) * 1e6,
            each(|counts| counts.syncs),
            each(|counts| counts.log_bytes),
            each(|counts| counts.entries),
            each(|counts| counts.store_bytes),
        )
    }
}
