//! Runs the selected scenarios side by side and says how each ended.
//!
//! Most scenarios wait for timers, so one after the other would take many times longer than the work does. A scenario
//! that does not end in time fails.

use std::{
    fs,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use serde_json::Value;
use tokio::{runtime::Handle, sync::Semaphore, task::JoinSet};

use super::{
    options::Options,
    recording::Recording,
    scenario::Scenario,
    server::{Launch, Which},
    worker::{self, Common},
};

const SCENARIO: Duration = Duration::from_secs(90);
const AT_ONCE: usize = 8;
const CRASHING_AT_ONCE: usize = 2;

/// What a scenario needs of its surroundings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    SharedServer,
    /// One to kill.
    OwnServer,
    /// The shared server when all others have ended.
    Quiet,
}

type Body = for<'a> fn(&'a Scenario<'a>) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    pub(crate) body: Body,
}

struct Suite {
    launch: Launch,
    recording: Recording,
    common: Common,
    shared: String,
}

/// True if every selected scenario passed. Those that cannot be played with this SDK are told of, with the reason.
pub(crate) async fn run(options: Options, entries: Vec<Entry>, absent: &[(&str, &str)]) -> Result<bool> {
    let wanted = |entry: &Entry| options.words.is_empty() || options.words.iter().any(|word| entry.name.contains(word));
    let entries: Vec<Entry> = entries.into_iter().filter(wanted).collect();
    if options.list {
        entries.iter().for_each(|entry| println!("{}", entry.name));
        return Ok(true);
    }
    if entries.is_empty() {
        bail!("no scenario has such a name");
    }
    let mut server = None;
    let shared = match &options.launch.which {
        Which::Running(address) => address.clone(),
        Which::Weft(_) | Which::Oracle(_) => {
            let mut started = options.launch.server(false)?;
            started.start().await?;
            let address = started.address();
            server = Some(started);
            address
        }
    };
    let common = worker::common()?;
    let recording = Recording::open(options.record)?;
    let suite = Arc::new(Suite { launch: options.launch, recording, common, shared });
    let outcomes = run_all(&suite, entries).await;
    drop(server);

    let passed: Vec<&str> = outcomes.iter().filter(|it| it.failure.is_none()).map(|it| it.name).collect();
    suite.recording.save(&passed)?;
    report(&outcomes);
    if let Some(file) = options.results {
        fs::write(file, results(&outcomes, absent).to_string())?;
    }
    Ok(passed.len() == outcomes.len())
}

struct Outcome {
    name: &'static str,
    took: Duration,
    failure: Option<anyhow::Error>,
}

async fn run_all(suite: &Arc<Suite>, entries: Vec<Entry>) -> Vec<Outcome> {
    let plain = Arc::new(Semaphore::new(AT_ONCE));
    let crashing = Arc::new(Semaphore::new(CRASHING_AT_ONCE));
    let (quiet, busy): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.needs == Needs::Quiet);
    let mut running = JoinSet::new();
    for entry in busy {
        let slots = if entry.needs == Needs::OwnServer { &crashing } else { &plain };
        running.spawn(run_one(Arc::clone(suite), entry, Arc::clone(slots)));
    }
    let mut outcomes = Vec::new();
    while let Some(ended) = running.join_next().await {
        outcomes.push(ended.expect("what a scenario does happens on a thread of its own, panics included"));
    }
    for entry in quiet {
        outcomes.push(run_one(Arc::clone(suite), entry, Arc::clone(&plain)).await);
    }
    outcomes
}

async fn run_one(suite: Arc<Suite>, entry: Entry, slots: Arc<Semaphore>) -> Outcome {
    let name = entry.name;
    let _slot = slots.acquire().await;
    let began = Instant::now();
    let handle = Handle::current();
    // On a thread of its own: what a scenario holds may not move between threads, and a panic ends only this one.
    let body =
        tokio::task::spawn_blocking(move || handle.block_on(tokio::time::timeout(SCENARIO, play(&suite, &entry))));
    let failure = match body.await {
        Ok(Ok(ended)) => ended.err(),
        Ok(Err(_)) => Some(anyhow!("not at its end after {SCENARIO:?}")),
        Err(panic) => Some(anyhow!("{}", said(panic.into_panic().as_ref()))),
    };
    let took = began.elapsed();
    println!("{} {name} ({:.1} s)", if failure.is_none() { "passed" } else { "FAILED" }, took.as_secs_f32());
    Outcome { name, took, failure }
}

async fn play(suite: &Suite, entry: &Entry) -> Result<()> {
    let own_server = entry.needs == Needs::OwnServer;
    let parts = (&suite.launch, &suite.recording, &suite.common);
    let scenario = Scenario::open(entry.name, parts, &suite.shared, own_server).await?;
    (entry.body)(&scenario).await?;
    scenario.assert_complete()
}

/// The words of a panic.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// What is said of each scenario to whoever compares SDKs.
fn results(outcomes: &[Outcome], absent: &[(&str, &str)]) -> Value {
    let said = outcomes.iter().map(|outcome| {
        let reason = outcome.failure.as_ref().map(|failure| format!("{failure:#}"));
        let said = reason.as_deref().map_or("pass", |reason| reason.lines().next().unwrap_or("failed"));
        (outcome.name.to_owned(), said.into())
    });
    let absent = absent.iter().map(|(name, why)| ((*name).to_owned(), format!("not in this SDK: {why}").into()));
    Value::Object(said.chain(absent).collect())
}

fn report(outcomes: &[Outcome]) {
    for outcome in outcomes {
        if let Some(failure) = &outcome.failure {
            println!("\n--- {} ---\n{failure:#}", outcome.name);
        }
    }
    let mut slowest: Vec<&Outcome> = outcomes.iter().collect();
    slowest.sort_by_key(|outcome| std::cmp::Reverse(outcome.took));
    let slowest: Vec<String> =
        slowest.iter().take(6).map(|it| format!("{} {:.1} s", it.name, it.took.as_secs_f32())).collect();
    println!("\nslowest: {}", slowest.join(", "));
    let failed = outcomes.iter().filter(|it| it.failure.is_some()).count();
    println!("{} passed, {failed} failed", outcomes.len() - failed);
}
