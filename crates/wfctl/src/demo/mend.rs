//! `wfctl demo`: from a fault in a repository to a pull request that mends it, with nothing but this machine.
//!
//! A server, a worker and this process. The repository is made afresh with a mistake that the seed plants, or is a copy
//! of one that is named; the worker's builtin provider looks for a repair until the tests pass, the quality gate checks
//! it, and the pull request has it. With `--crash` worker and server are killed with -9 while the provider searches.
//!
//! Invariant: however it ends, no process and no folder stays, and a repository that was named is only read.

mod cast;
mod fault;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, anyhow, bail, ensure};
use tokio::process::Command;
use weft_client::{Client, Close, ConnectOptions, Run, api::failure::failure::FailureInfo};
use weft_env::{Clock, Ids, RealClock, RealIds};
use weft_worker::{
    progress::{Progress, StepState},
    quality::Bar,
    workflow::{
        PlanPatchPrRequest, PlanPatchPrWorkflow as Own,
        desk::{Attended as _, House},
    },
};

use super::{Scratch, options};
use crate::{
    exit::Failure,
    operations::Operations,
    output::{Output, Tone},
    run::follow::follow,
    session::Connected,
};
pub(super) use cast::Cast;
use cast::{QUEUE, is_confined};

/// Between looks at how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const REQUIREMENT: &str = "Fix what the tests complain of";
/// A seed of our own may plant what no small edit mends: then another one is tried.
const SEEDS_MAX: u32 = 5;
/// How long a repair is searched for there.
const SEARCH_MAX: Duration = Duration::from_secs(15);
/// Without a name for a seed.
const SEED_BELOW: u64 = 100_000;

/// The kind of failure of a run whose agent could not do what was asked.
const UNABLE: &str = "Unable";

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) repo: Option<PathBuf>,
    pub(super) requirement: Option<String>,
    pub(super) seed: Option<u64>,
    pub(super) crash: bool,
}

/// The processes are the caller's to end, whatever comes of it.
pub(super) async fn play(
    wanted: &Wanted,
    output: &Output,
    scratch: &Scratch,
    cast: &mut Option<Cast>,
) -> anyhow::Result<()> {
    if !is_confined() {
        output.note("this kernel cannot confine commands: the tests of the repository run unconfined");
    }
    let began = RealClock::new().monotonic();
    // Where another seed can be tried, nobody waits for the end of a search that finds nothing.
    let patience = (wanted.repo.is_none() && wanted.seed.is_none()).then_some(SEARCH_MAX);
    let cast = cast.insert(Cast::start(&scratch.path, patience).await?);
    rounds(wanted, output, scratch, cast).await?;
    let took = RealClock::new().monotonic().saturating_sub(began);
    say(output, Tone::Faint, &format!("\nall of it took {:.1} s", took.as_secs_f64()))
}

/// One run, or several until the builtin provider can mend what a seed of our own has planted.
async fn rounds(wanted: &Wanted, output: &Output, scratch: &Scratch, cast: &mut Cast) -> anyhow::Result<()> {
    if let Some(path) = &wanted.repo {
        let repository = scratch.path.join("repository.git");
        let base = copy(path, &repository).await?;
        return round(wanted, output, cast, &Subject { repository, base, id: "demo".to_owned() }).await;
    }
    let first = wanted.seed.unwrap_or_else(|| u64::from(RealIds.uuid().as_fields().0) % SEED_BELOW);
    for turn in 0..SEEDS_MAX {
        let seed = first.wrapping_add(u64::from(turn) * SEED_BELOW);
        let repository = scratch.path.join(format!("repository-{turn}.git"));
        let said = fault::make(&scratch.path.join(format!("tree-{turn}")), &repository, seed).await?;
        say(output, Tone::Bad, &format!("a repository whose tests fail (--seed {seed})\n  {said}\n"))?;
        let subject = Subject { repository, base: "main".to_owned(), id: format!("demo-{turn}") };
        let done = round(wanted, output, cast, &subject).await;
        if done.is_ok() || wanted.seed.is_some() || !was_unable(&connect(cast).await?, &subject.id).await? {
            return done;
        }
        say(output, Tone::Bad, "\nno small edit that was tried mends this one, and the run says so. Another seed:\n")?;
    }
    bail!("{SEEDS_MAX} seeds planted what the builtin provider cannot mend: try --seed 1")
}

/// What is worked on.
struct Subject {
    repository: PathBuf,
    base: String,
    id: String,
}

async fn round(wanted: &Wanted, output: &Output, cast: &mut Cast, subject: &Subject) -> anyhow::Result<()> {
    let client = connect(cast).await?;
    let path = subject.repository.to_str().context("the path of the repository is not UTF-8")?.to_owned();
    let request = PlanPatchPrRequest {
        repository: path,
        base: subject.base.clone(),
        requirement: wanted.requirement.clone().unwrap_or_else(|| REQUIREMENT.to_owned()),
        auto_merge: false,
        approve_plan: false,
        bar: Bar::default(),
        house: House::default(),
    };
    client.start_workflow(Own::run, request).id(&subject.id).task_queue(QUEUE).await?;
    let api = ConnectOptions { address: cast.server.ready.address.to_string(), ..ConnectOptions::default() };
    let operations = Operations::find(None, &api)?;
    let session = Connected { client: client.clone(), output: output.clone(), operations };
    let mut killed = false;
    let watched = async {
        if wanted.crash {
            crash(&client, &subject.id, output, cast).await?;
            killed = true;
        }
        Err(cast.ended().await)
    };
    tokio::select! {
        done = follow(&session, &subject.id) => done?,
        failed = watched => return failed,
    }
    ensure!(killed || !wanted.crash, "the search was over before it could be killed: try another --seed");
    show(&client, output, subject).await
}

/// The pull request's change.
async fn show(client: &Client, output: &Output, subject: &Subject) -> anyhow::Result<()> {
    let result = client.handle::<Own>(&subject.id).result().await?;
    let range = format!("{}...{}", subject.base, result.branch_name);
    let diff = git(&subject.repository, &["diff", &range]).await?;
    say(output, Tone::Good, &format!("\npull request {}: {}\n", result.pr_number, result.branch_name))?;
    for line in diff.lines() {
        let tone = match line.as_bytes().first() {
            Some(b'+') => Tone::Good,
            Some(b'-') => Tone::Bad,
            Some(_) | None => Tone::Plain,
        };
        say(output, tone, line)?;
    }
    Ok(())
}

/// Kills both once the provider looks for a repair, and starts them again where they were.
async fn crash(client: &Client, id: &str, output: &Output, cast: &mut Cast) -> anyhow::Result<()> {
    let handle = client.handle::<Own>(id);
    let searched = |progress: Progress| {
        progress.steps.into_iter().find(|step| step.id.starts_with("patch/") && step.state == StepState::Running)
    };
    let step = loop {
        if let Some(step) = handle.query(Own::progress, ()).await.ok().and_then(searched) {
            break step.id;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let before = cast.pids();
    cast.crash().await?;
    say(output, Tone::Bad, &format!("            kill -9 in the middle of {step}: {before}"))?;
    say(output, Tone::Busy, &format!("            again, on the same data: {}", cast.pids()))
}

/// Whether the run ended because its agent could not do what was asked.
async fn was_unable(client: &Client, id: &str) -> anyhow::Result<bool> {
    let Close::Failed(mut failure) = client.result(&Run::latest(id)).await?.close else { return Ok(false) };
    while let Some(it) = failure {
        if matches!(&it.failure_info, Some(FailureInfo::ApplicationFailureInfo(info)) if info.r#type == UNABLE) {
            return Ok(true);
        }
        failure = it.cause;
    }
    Ok(false)
}

async fn connect(cast: &Cast) -> anyhow::Result<Client> {
    Ok(Client::connect(options(cast.server.ready.address.to_string())).await?)
}

/// A bare copy; the branch that is checked out there.
async fn copy(from: &Path, to: &Path) -> anyhow::Result<String> {
    let named = from.display();
    let from = from.canonicalize().map_err(|error| Failure::refused(format!("--repo {named}: {error}")))?;
    let folder = to.parent().context("the copy has no folder")?;
    let text =
        |path: &Path| path.to_str().map(str::to_owned).with_context(|| format!("{} is not UTF-8", path.display()));
    let cloned = git(folder, &["clone", "--quiet", "--bare", "--no-hardlinks", &text(&from)?, &text(to)?]).await;
    cloned.map_err(|error| Failure::refused(format!("--repo {named}: {error}")))?;
    git(to, &["symbolic-ref", "--short", "HEAD"]).await
}

/// What git prints.
async fn git(directory: &Path, args: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command.current_dir(directory).args(["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false"]);
    command.args(["-c", "user.name=wfctl demo", "-c", "user.email=demo@localhost"]).args(args);
    let ran = command.stdin(Stdio::null()).output().await.map_err(|error| anyhow!("git cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "git {}: {}", args.join(" "), said.trim());
    Ok(String::from_utf8_lossy(&ran.stdout).trim_end().to_owned())
}

/// To programs only the result is printed.
fn say(output: &Output, tone: Tone, text: &str) -> anyhow::Result<()> {
    if output.is_json() { Ok(()) } else { Ok(output.line(output.paint(tone, text))?) }
}
