//! What all activities stand on: worktrees, commands, forges, and how an activity says that it lives.

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use weft::{ActivityCtx, Error, Failure};

use super::Site;
use crate::{
    blame::Blame,
    forge::{self, Forge, Local, config::Forges},
    github::GitHub,
    model::ContentHash,
    process::{self, Limits, Supervisor},
    provider::shell::Confined,
    repository::{self, Key, Release, Repository, Worktree, Worktrees},
    sandbox::{Mode, Sandbox},
    transcript::{Said, Scribe, Secrets, Transcripts},
};

/// How often an activity says that it lives: well within what the workflows allow.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);
/// Transcripts are for people, who come after the run has ended; not for ever.
const TRANSCRIPTS_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// What was done is not to be blamed on the machine: trying again gives the same.
pub(crate) const WORK: &str = "Work";
/// The machine, the network, a full disk: trying again may help.
pub(crate) const ENVIRONMENT: &str = "Environment";
/// What was asked for cannot be.
pub(crate) const REFUSED: &str = "Refused";

/// The bench of one worker. Clones are the same.
#[derive(Clone, Debug)]
pub struct Bench {
    worktrees: Arc<Worktrees>,
    supervisor: Supervisor,
    mode: Mode,
    hidden: Arc<[PathBuf]>,
    secrets: Secrets,
    forges: Arc<Forges>,
}

impl Bench {
    /// Worktrees lie in the folder.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn new(folder: impl Into<PathBuf>, supervisor: Supervisor, mode: Mode) -> Result<Self, repository::Error> {
        let (hidden, secrets, forges) = (Arc::default(), Secrets::default(), Arc::default());
        Ok(Self { worktrees: Arc::new(Worktrees::new(folder)?), supervisor, mode, hidden, secrets, forges })
    }

    /// Where pull requests live that do not live with their repository.
    #[must_use]
    pub fn forges(self, forges: Forges) -> Self {
        Self { forges: Arc::new(forges), ..self }
    }

    /// What no transcript may hold.
    #[must_use]
    pub fn secrets(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// Files that no command may read.
    #[must_use]
    pub fn hide(self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { hidden: files.into_iter().collect(), ..self }
    }

    pub(super) fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    pub(super) fn sandbox(&self, worktree: &Worktree) -> Sandbox {
        self.hidden.iter().fold(worktree.sandbox().mode(self.mode), Sandbox::hide)
    }

    pub(super) async fn repository(&self, site: &Site) -> Result<Repository, Error> {
        Repository::open(&site.repository).await.map_err(of_repository)
    }

    /// Where the calls of a step are recorded.
    pub(super) async fn calls(&self, site: &Site) -> Result<PathBuf, Error> {
        let key = Key { run: site.run.clone(), step: site.step.clone(), attempt: 0 };
        Ok(self.calls_of_run(site).await?.join(format!("{}.jsonl", key.name())))
    }

    async fn calls_of_run(&self, site: &Site) -> Result<PathBuf, Error> {
        let calls = self.repository(site).await?.git_dir().join("weft/calls");
        Ok(calls.join(ContentHash::of(site.run.as_bytes()).short()))
    }

    /// Takes down what is said in an attempt at a step. Where that cannot be written the step goes on without.
    pub(super) async fn scribe(&self, site: &Site, attempt: u32, by: &str) -> Result<Scribe, Error> {
        let transcripts = Transcripts::of(self.repository(site).await?.git_dir());
        let key = Key { run: site.run.clone(), step: site.step.clone(), attempt };
        let (step, secrets) = (key.step.clone(), self.secrets.clone());
        let begun = tokio::task::spawn_blocking(move || transcripts.write(&key, secrets)).await;
        let scribe = begun.ok().and_then(Result::ok).map(Scribe::new).unwrap_or_default();
        scribe.say(Said::Began { step, attempt, by: by.to_owned() }).await;
        Ok(scribe)
    }

    /// Commands of an agent, in the sandbox of its worktree.
    pub(super) fn shell(&self, worktree: &Worktree, cancel: &CancellationToken) -> Confined {
        let (supervisor, sandbox) = (self.supervisor.clone(), self.sandbox(worktree));
        Confined { supervisor, sandbox, limits: Limits::default(), cancel: cancel.clone() }
    }

    pub(super) async fn forge(&self, site: &Site) -> Result<Arc<dyn Forge>, Error> {
        let repository = self.repository(site).await?;
        Ok(match self.forges.of(repository.path()) {
            Some(access) => Arc::new(GitHub::new(access.clone(), repository).map_err(|error| of_forge(error.into()))?),
            None => Arc::new(Local::new(repository).map_err(of_forge)?),
        })
    }

    /// Works in a worktree of this attempt, which is gone afterwards whatever came of it.
    pub(super) async fn in_worktree<T>(
        &self,
        site: &Site,
        attempt: u32,
        base: &str,
        work: impl AsyncFnOnce(&Worktree) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let repository = self.repository(site).await?;
        let key = Key { run: site.run.clone(), step: site.step.clone(), attempt };
        let worktree = self.worktrees.acquire(&repository, &key, base).await.map_err(of_repository)?;
        // What an attempt before a crash left half done is not what was asked for.
        worktree.undo(base).await.map_err(of_repository)?;
        let done = work(&worktree).await;
        let released = self.worktrees.release(&key, Release::Discard).await.map_err(of_repository);
        done.and_then(|done| released.map(|()| done))
    }

    /// Removes all that is left of a run: worktrees of attempts that were cut short, records of calls, and kept commits.
    pub(super) async fn tidy(&self, site: &Site) -> Result<(), Error> {
        let swept = self.worktrees.sweep(|record| record.key.run != site.run).await.map_err(of_repository)?;
        if let Some((key, why)) = swept.failed.first() {
            return Err(failure(ENVIRONMENT, format!("the worktree of {} is still there: {why}", key.step)));
        }
        clear(&self.calls_of_run(site).await?)?;
        let repository = self.repository(site).await?;
        repository.forget(&prefix(site)).await.map_err(of_repository)?;
        // Those of other runs: that they stay leaves nothing of this one.
        let transcripts = Transcripts::of(repository.git_dir());
        let swept = tokio::task::spawn_blocking(move || transcripts.sweep(TRANSCRIPTS_FOR)).await;
        let swept = swept.map_err(|error| failure(ENVIRONMENT, error.to_string()))?;
        swept.map_err(|error| failure(ENVIRONMENT, error.to_string()))
    }
}

/// Removes a folder with all that is in it. One that is not there is removed already.
pub(super) fn clear(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failure(ENVIRONMENT, format!("{}: {error}", folder.display())))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The ref that keeps what a step made: the next attempt finds it there.
pub(super) fn artefact(site: &Site) -> String {
    let key = Key { run: site.run.clone(), step: site.step.clone(), attempt: 0 };
    format!("{}/{}", prefix(site), key.name())
}

fn prefix(site: &Site) -> String {
    format!("refs/weft/{}", ContentHash::of(site.run.as_bytes()).short())
}

/// Works while saying that the activity lives. The token is cancelled when nobody wants the result; the work is waited
/// for then, so that it can clear away what it has begun.
pub(super) async fn alive<T, F: Future<Output = Result<T, Error>>>(
    ctx: &ActivityCtx,
    work: impl FnOnce(CancellationToken) -> F,
) -> Result<T, Error> {
    let token = CancellationToken::new();
    let mut work = std::pin::pin!(work(token.clone()));
    loop {
        tokio::select! {
            biased;
            // What is done is done: whoever undoes must know of it.
            done = &mut work => return match done {
                Err(_) if ctx.is_cancelled() => Err(ctx.cancellation()),
                done => done,
            },
            () = ctx.cancelled(), if !token.is_cancelled() => token.cancel(),
            () = tokio::time::sleep(HEARTBEAT_EVERY) => ctx.heartbeat(&())?,
        }
    }
}

/// A failure that says whose fault it is; only the environment's is tried again.
pub(super) fn failure(kind: &str, message: impl Into<String>) -> Error {
    let failure = Failure::application(message).kind(kind);
    if kind == ENVIRONMENT { failure.into() } else { failure.non_retryable().into() }
}

fn blamed(blame: Blame, message: String) -> Error {
    let kind = match blame {
        Blame::Work => WORK,
        Blame::Environment => ENVIRONMENT,
        Blame::Refused => REFUSED,
    };
    failure(kind, message)
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(super) fn of_repository(error: repository::Error) -> Error {
    blamed(error.blame(), error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(super) fn of_forge(error: forge::Error) -> Error {
    match error.wait() {
        Some(wait) => Failure::application(error.to_string()).kind(ENVIRONMENT).retry_after(wait).into(),
        None => blamed(error.blame(), error.to_string()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(super) fn of_process(error: process::Error) -> Error {
    blamed(error.blame(), error.to_string())
}
