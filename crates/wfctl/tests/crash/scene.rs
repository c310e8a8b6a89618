//! A workflow on a repository: played once undisturbed, and once with each hit.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{
    machine::{Machine, Victim},
    picture,
    play::{Hit, Phase, Played, play},
    repository::bare,
};

/// So many runs at once: most of the time they wait for the server to miss a worker.
const AT_ONCE: usize = 6;

pub(crate) struct Scene<'a> {
    pub workflow: &'static str,
    /// Of `main`.
    pub files: &'a [(&'a str, &'a str)],
    /// Who does what, as TOML; nothing is the builtin provider.
    pub agents: &'a str,
    /// Whatever else is to be there.
    pub prepare: fn(&Path) -> anyhow::Result<()>,
    pub request: fn(&Path) -> Value,
}

/// How a run ended, and what it left.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ended {
    pub played: Played,
    pub repository: Vec<String>,
}

impl Scene<'_> {
    /// On a machine and a repository of its own.
    pub(crate) fn play(&self, hit: Option<Hit>) -> anyhow::Result<Ended> {
        let folder = tempfile::tempdir()?;
        let repository = bare(folder.path(), self.files)?;
        (self.prepare)(&repository)?;
        if !self.agents.is_empty() {
            std::fs::write(folder.path().join("agents.toml"), self.agents)?;
        }
        let mut machine = Machine::start(folder.path())?;
        let mut played = play(&mut machine, self.workflow, &(self.request)(&repository), hit)?;
        ensure!(machine.left_behind()? == 0, "worktrees are left");
        played.result = picture::of_result(played.result);
        Ok(Ended { played, repository: picture::of_repository(&repository)? })
    }

    /// Whoever is killed in whatever phase, a run ends as an undisturbed one ends, which is given back. Without
    /// `CRASH_PHASES=all` only a few are tried.
    pub(crate) fn outlives(&self, phases: &[Phase], few: &[Hit]) -> anyhow::Result<Ended> {
        let all = std::env::var("CRASH_PHASES").is_ok_and(|phases| phases == "all");
        let each = [Victim::Both, Victim::Worker, Victim::Server].into_iter();
        let each: Vec<Hit> = each.flat_map(|victim| phases.iter().map(move |phase| victim.at(*phase))).collect();
        let hits = if all { &each } else { few };
        let plays: Vec<Option<Hit>> = std::iter::once(None).chain(hits.iter().copied().map(Some)).collect();
        let mut undisturbed = None;
        for some in plays.chunks(AT_ONCE) {
            for (hit, ended) in self.play_at_once(some) {
                let ended = ended.with_context(|| format!("{hit:?}"))?;
                let expected = undisturbed.get_or_insert_with(|| ended.clone());
                assert_eq!(ended, *expected, "{hit:?}");
            }
        }
        undisturbed.context("the first run is undisturbed")
    }

    fn play_at_once(&self, hits: &[Option<Hit>]) -> Vec<(Option<Hit>, anyhow::Result<Ended>)> {
        std::thread::scope(|scope| {
            let runs: Vec<_> = hits.iter().map(|hit| (*hit, scope.spawn(|| self.play(*hit)))).collect();
            runs.into_iter().map(|(hit, run)| (hit, run.join().expect("no run panicked"))).collect()
        })
    }
}

pub(crate) fn nothing(_: &Path) -> anyhow::Result<()> {
    Ok(())
}
