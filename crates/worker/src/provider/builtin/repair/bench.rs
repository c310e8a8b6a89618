//! Where candidates are tried: copies of the tree, the test command, and how long it may take.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use weft_env::Clock;

use super::{Error, Limits, Task, candidates::Candidate, is_test_path, tree};
use crate::provider::shell::{Call, Ended, Shell};

/// A candidate's tests may take this many times as long as those of the tree as it is, and at least so long.
const SLOWER_AT_MOST: u32 = 5;
const RUN_AT_LEAST: Duration = Duration::from_secs(3);

/// Copies of one tree and what is known of its tests.
pub(super) struct Bench<'a> {
    pub shell: &'a dyn Shell,
    pub task: &'a Task,
    pub sources: BTreeMap<String, String>,
    slots: usize,
    /// How many candidates were tried.
    pub tried: AtomicU32,
}

impl<'a> Bench<'a> {
    pub(super) fn new(shell: &'a dyn Shell, task: &'a Task) -> Result<Self, Error> {
        let slots = task.limits.parallel.max(1);
        for number in 0..slots {
            tree::copy(&task.tree, &tree::slot(&task.scratch, number)).map_err(Error::tree)?;
        }
        let sources = tree::sources(&tree::slot(&task.scratch, 0)).map_err(Error::tree)?;
        Ok(Self { shell, task, sources, slots, tried: AtomicU32::new(0) })
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.task.limits
    }

    /// The copy in which one thing at a time is done.
    pub(super) fn home(&self) -> PathBuf {
        tree::slot(&self.task.scratch, 0)
    }

    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// A command in a copy, in an environment in which nothing of one run reaches the next.
    pub(super) fn call(&self, command: &[String], directory: &Path, time: Duration) -> Call {
        Call::new(command, directory, time)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONHASHSEED", "0")
            .env("CARGO_TARGET_DIR", self.task.scratch.join("target").display().to_string())
            .env("CARGO_TERM_COLOR", "never")
    }

    /// The whole test command, in the copy as it is.
    pub(super) async fn test(&self) -> Result<Ended, Error> {
        let call = self.call(&self.task.command, &self.home(), self.limits().run);
        Ok(self.shell.run(call).await?)
    }

    pub(super) fn write(&self, slot: usize, file: &str, text: &str) -> Result<(), Error> {
        fs::write(tree::slot(&self.task.scratch, slot).join(file), text).map_err(Error::tree)
    }

    /// Writes all sources as they were.
    pub(super) fn reset(&self, files: &BTreeSet<&str>) -> Result<(), Error> {
        let own = self.sources.iter().filter(|(file, _)| files.contains(file.as_str()));
        own.into_iter().try_for_each(|(file, text)| self.write(0, file, text))
    }

    /// Tries candidates by the test command itself, several at once, the likeliest first: the first that passes.
    pub(super) async fn first(
        &self,
        candidates: &[Candidate],
        narrowed: &[String],
        time: Duration,
    ) -> Result<Option<Candidate>, Error> {
        let time = time.min(self.limits().run);
        for group in candidates.chunks(self.slots) {
            let runs = group.iter().enumerate().map(|(slot, it)| self.passes(slot, it, narrowed, time));
            let passed = join_all(runs).await;
            for (candidate, passed) in group.iter().zip(passed) {
                if passed? && self.verify(candidate).await? {
                    return Ok(Some(candidate.clone()));
                }
            }
        }
        Ok(None)
    }

    async fn passes(
        &self,
        slot: usize,
        candidate: &Candidate,
        command: &[String],
        time: Duration,
    ) -> Result<bool, Error> {
        let Some(source) = self.sources.get(&candidate.file) else { return Ok(false) };
        self.tried.fetch_add(1, Ordering::Relaxed);
        self.write(slot, &candidate.file, &candidate.edit.apply(source))?;
        let directory = tree::slot(&self.task.scratch, slot);
        let ended = self.shell.run(self.call(command, &directory, time)).await;
        self.write(slot, &candidate.file, source)?;
        Ok(ended?.success)
    }

    /// Whether the whole test command passes with this candidate and nothing else.
    pub(super) async fn verify(&self, candidate: &Candidate) -> Result<bool, Error> {
        let Some(source) = self.sources.get(&candidate.file) else { return Ok(false) };
        self.write(0, &candidate.file, &candidate.edit.apply(source))?;
        let ended = self.test().await;
        self.write(0, &candidate.file, source)?;
        Ok(ended?.success)
    }

    /// The files of the program that candidates may change.
    pub(super) fn is_mended(&self, file: &str) -> bool {
        self.sources.contains_key(file) && !is_test_path(file)
    }
}

/// What was done, and how long it took.
pub(super) async fn timed<T>(clock: &dyn Clock, work: impl Future<Output = T>) -> (T, Duration) {
    let began = clock.monotonic();
    let done = work.await;
    (done, clock.monotonic().saturating_sub(began))
}

/// How long tests may take that usually take so long.
pub(super) fn patience(usual: Duration) -> Duration {
    (usual * SLOWER_AT_MOST).max(RUN_AT_LEAST)
}

impl Error {
    pub(super) fn tree(error: io::Error) -> Self {
        Self::Tree(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use weft_env::{UnixNanos, VirtualClock};

    use super::*;

    #[tokio::test]
    async fn a_worker_that_has_run_for_a_day_waits_no_longer_for_a_candidate() {
        let clock = VirtualClock::starting_at(UnixNanos::EPOCH);
        clock.advance(Duration::from_secs(24 * 3600));
        let ((), took) = timed(&clock, async { clock.advance(Duration::from_secs(2)) }).await;
        assert_eq!(patience(took), Duration::from_secs(10));
    }
}
