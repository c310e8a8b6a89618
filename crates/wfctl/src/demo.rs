//! `wfctl demo`: a fault becomes a pull request ([`mend`]); with `--gate`, a quality gate over a real git repository
//! whose server is killed in the middle.
//!
//! Everything in it is what it says: the server is this binary as another process on a real data directory, the worker
//! speaks the public API, the checks are commands, and the table at the end is the history as the server has it.
//! Invariant: however it ends, no process and no temporary file but the report stays.

mod checks;
mod command;
mod fence;
mod gate;
mod mend;
mod node;
mod report;
mod sample;
mod score;
mod screen;
mod summary;
mod table;
mod worker;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use weft_client::{Client, Close, ConnectOptions, Retry, Run, Start};
use weft_env::{Clock, Ids, RealClock, RealIds};

use crate::{
    exit::Failure,
    output::{Output, Tone},
    session::runtime,
};
use checks::Check;
use fence::Fence;
use gate::{Gate, Input};
use node::Node;
use sample::Subject;
use screen::Screen;
use summary::{Kill, Summary};
use worker::Worker;

/// A demo that takes longer is broken, or its repository is too large for it.
const LIMIT: Duration = Duration::from_secs(300);
/// A repair in a repository of somebody's own may be searched for a quarter of an hour.
const MEND_LIMIT: Duration = Duration::from_secs(1500);
/// Long enough for a restart after a crash.
const AWAY_MAX: Duration = Duration::from_secs(30);

#[derive(clap::Args, Debug)]
#[command(
    after_help = "Without --repo it is a small Python module in which a mistake is planted; with it, a copy of that\n\
    repository, whose tests should fail. It needs git, and python3 for the module; no key, no network.\n\n\
    Examples:\n  wfctl demo\n  wfctl demo --seed 7 --crash\n  \
    wfctl demo --repo ~/src/project --requirement 'Fix the rounding in money.py'\n  \
    wfctl demo --gate --repo ~/src/project --report gate.md"
)]
pub(crate) struct Args {
    /// Git repository to work on; it is only read
    #[arg(long, value_name = "PATH")]
    repo: Option<PathBuf>,
    /// What is wanted [default: that the tests pass]
    #[arg(long, value_name = "TEXT", conflicts_with = "gate")]
    requirement: Option<String>,
    /// Which mistake is planted [default: another one each time]
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["gate", "repo"])]
    seed: Option<u64>,
    /// Kill worker and server with -9 in the middle, and start them again
    #[arg(long, conflicts_with = "gate")]
    crash: bool,
    /// Only check the repository: a quality gate whose server is killed in the middle
    #[arg(long)]
    gate: bool,
    /// Where to write the report of the gate [default: a new file among the temporary ones]
    #[arg(long, value_name = "FILE", requires = "gate")]
    report: Option<PathBuf>,
    /// Leave the gate's server alive
    #[arg(long, requires = "gate")]
    no_crash: bool,
}

impl Args {
    fn wanted(&self) -> mend::Wanted {
        let (repo, requirement) = (self.repo.clone(), self.requirement.clone());
        mend::Wanted { repo, requirement, seed: self.seed, crash: self.crash }
    }
}

pub(crate) fn run(args: &Args, output: &Output) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let stop = stop_signal()?;
        let scratch = Scratch::new()?;
        let (mut server, mut cast) = (None, None);
        let limit = if args.gate { LIMIT } else { MEND_LIMIT };
        let played = async {
            if args.gate {
                play(args, output, &scratch, &mut server).await
            } else {
                mend::play(&args.wanted(), output, &scratch, &mut cast).await
            }
        };
        let done = tokio::select! {
            biased;
            () = stop => Err(Failure::refused("interrupted; nothing is left behind").into()),
            done = tokio::time::timeout(limit, played) => {
                done.unwrap_or_else(|_| Err(anyhow!("the demo took longer than {} s", limit.as_secs())))
            }
        };
        // These first: they write to the directory that goes next.
        if let Some(cast) = cast {
            cast.end().await?;
        }
        if let Some(mut node) = server {
            node.kill_nine().await?;
        }
        let removed = scratch.remove();
        done.and(removed)
    })
}

/// What the demo sets up, in its order.
async fn play(args: &Args, output: &Output, scratch: &Scratch, server: &mut Option<Node>) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let screen = Screen::new(output.clone(), Arc::clone(&clock));
    let subject = sample::find(args.repo.as_deref(), &scratch.path).await?;
    screen.heading("A quality gate that outlives its server");

    let node = server.insert(Node::start(&scratch.path, 0).await?);
    let first = node.ready;
    screen.step(Tone::Busy, "server", format_args!("process {} on {}", first.pid, first.address));

    let client = Client::connect(options(first.address.to_string())).await?;
    let fence = if args.no_crash { Fence::none() } else { Fence::at_half() };
    let worker = Worker { client: client.clone(), clock: Arc::clone(&clock), fence, screen: screen.clone() };
    let mut polls = worker.start();
    let report = report_path(args.report.as_deref())?;
    let run = start(&client, &subject, &report).await?;
    let of = if subject.is_sample { "a sample repository".to_owned() } else { subject.repo.path.display().to_string() };
    screen.step(Tone::Busy, "workflow", format_args!("{} checks of {of}", Check::ALL.len()));

    let kill = if args.no_crash { None } else { Some(crash(&worker, &mut polls, server, scratch).await?) };
    let node = server.as_mut().context("the server is not there")?;
    let closed = async { client.result(&run).await.context("the workflow's end did not come") };
    match meanwhile(&mut polls, node, closed).await?.close {
        Close::Completed(_) => screen.step(Tone::Good, "completed", format_args!("workflow {}", run.workflow_id)),
        other => return Err(anyhow!("the workflow did not complete: {other:?}")),
    }
    let events = client.history(&run, false).all().await?;
    let gate = Gate::read(&events)?;
    let took = screen.elapsed();
    Summary { events, gate, kill, first, report, took }.print(&screen, output)
}

/// Kills the server when some checks are recorded and others run, and starts it again where it was.
async fn crash(
    worker: &Worker,
    polls: &mut JoinSet<anyhow::Error>,
    server: &mut Option<Node>,
    scratch: &Scratch,
) -> anyhow::Result<Kill> {
    let (screen, clock) = (&worker.screen, &worker.clock);
    let node = server.as_mut().context("the server is not there")?;
    let reached = async {
        worker.fence.reached().await;
        Ok(())
    };
    meanwhile(polls, node, reached).await?;
    let port = node.ready.address.port();
    let pid = node.ready.pid;
    let (after, at) = (screen.elapsed(), clock.now());
    if let Some(mut node) = server.take() {
        node.kill_nine().await?;
    }
    let (recorded, running) = (worker.fence.before(), Check::ALL.len() - worker.fence.before());
    screen.step(Tone::Bad, "kill -9", format_args!("process {pid}: {recorded} checks recorded, {running} under way"));
    // Their commands end while nobody is there to hear of it.
    worker.fence.open();
    let node = server.insert(Node::start(&scratch.path, port).await?);
    let ready = node.ready;
    let away = screen.elapsed().saturating_sub(after);
    screen.step(
        Tone::Busy,
        "server again",
        format_args!("process {} after {:.2} s, same data", ready.pid, away.as_secs_f64()),
    );
    Ok(Kill { pid, at, after, away, again: ready.pid, again_at: clock.now(), recorded, running })
}

/// Waits for something, unless the server or the worker fails.
async fn meanwhile<T>(
    polls: &mut JoinSet<anyhow::Error>,
    node: &mut Node,
    what: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        done = what => done,
        error = node.ended() => Err(error),
        Some(ended) = polls.join_next() => Err(ended.unwrap_or_else(|error| anyhow!("the demo's worker died: {error}"))),
    }
}

fn options(address: String) -> ConnectOptions {
    let retry = Retry { first: Duration::from_millis(20), longest: Duration::from_millis(200), total: AWAY_MAX };
    let identity = format!("demo-worker@{}", std::process::id());
    ConnectOptions { address, identity, retry, ..ConnectOptions::default() }
}

async fn start(client: &Client, subject: &Subject, report: &Path) -> anyhow::Result<Run> {
    let text =
        |path: &Path| path.to_str().map(str::to_owned).with_context(|| format!("{} is not UTF-8", path.display()));
    let input = Input { repo: text(&subject.repo.path)?, report: text(report)? };
    let mut start = Start::new("quality-gate", gate::WORKFLOW, gate::QUEUE);
    start.input = gate::encode(&input)?.unwrap_or_default().payloads;
    Ok(client.start(start).await?.run)
}

/// Absolute, because the activity that writes it may run anywhere.
fn report_path(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let fresh = || std::env::temp_dir().join(format!("weft-quality-gate-{}.md", short_id()));
    std::path::absolute(named.map_or_else(fresh, Path::to_path_buf)).context("where the report goes cannot be said")
}

fn short_id() -> String {
    RealIds.uuid().simple().to_string().chars().take(8).collect()
}

/// The directory of the server's data, its log and the sample.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("weft-demo-{}", short_id()));
        // An existing one is somebody else's.
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }

    fn remove(self) -> anyhow::Result<()> {
        std::fs::remove_dir_all(&self.path).with_context(|| format!("cannot remove {}", self.path.display()))
    }
}

/// Completes at the first signal that asks this process to end. It listens from now on.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("listening for signals failed");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
