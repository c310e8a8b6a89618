//! Looking at a change: checks, fixes, and what the pull request is told of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use weft::{ActivityCtx, Result, activities};

use super::{
    Site,
    agents::of_checks,
    bench::{Bench, WORK, alive, artefact, failure, of_forge, of_repository},
};
use crate::{
    checks::{self, Checks, Place},
    model::{Billed, CheckKind, CheckOutcome, ContentHash, QualityGateResult},
    repository::Worktree,
    transcript::Said,
};

/// Which branch is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookRequest {
    pub site: Site,
    pub branch: String,
    pub base: String,
}

/// Where a branch is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSeen {
    pub commit: String,
    /// Of the difference to where it left its base.
    pub diff: ContentHash,
}

/// One check of one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRequest {
    pub site: Site,
    /// Branch that the change is for: what is checked is said there, so that no change chooses its own judges.
    pub base: String,
    pub commit: String,
    pub diff: ContentHash,
    pub kind: CheckKind,
}

/// What is to be mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixRequest {
    pub site: Site,
    /// As of [`CheckRequest`].
    pub base: String,
    pub branch: String,
    pub commit: String,
    pub failed: BTreeSet<CheckKind>,
}

/// What was mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixed {
    /// The commit of the mends on the branch; none where nothing changed.
    pub commit: Option<String>,
    pub summary: String,
}

/// What a pull request is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    pub site: Site,
    pub pr_number: u64,
    pub result: QualityGateResult,
}

/// Looks at changes.
#[derive(Debug)]
pub struct Checking {
    bench: Bench,
}

impl Checking {
    #[must_use]
    pub fn new(bench: Bench) -> Self {
        Self { bench }
    }
}

impl Checking {
    /// As the commit says that the change left its base at; found by what lies there where it says nothing. The change
    /// may add checks to those, and takes none away.
    async fn checks(&self, site: &Site, attempt: u32, base: &str, worktree: &Worktree) -> Result<Checks> {
        let repository = self.bench.repository(site).await?;
        let from = repository.merge_base(base, worktree.base()).await.map_err(of_repository)?;
        let text = repository.text(&from, checks::FILE).await.map_err(of_repository)?;
        match text {
            Some(text) => Checks::parse(&text, worktree.path()).map_err(of_checks),
            None if from == worktree.base() => Ok(Checks::found_in(worktree.path())),
            None => {
                let site = Site { step: format!("{}/base", site.step), ..site.clone() };
                let look = async |tree: &Worktree| Ok(Checks::found_in(tree.path()));
                let found = self.bench.in_worktree(&site, attempt, &from, look).await?;
                Ok(found.or(Checks::found_in(worktree.path())))
            }
        }
    }

    async fn mend(&self, ctx: &ActivityCtx, request: &FixRequest, cancel: CancellationToken) -> Result<Option<String>> {
        let attempt = ctx.info().attempt;
        let run = async |worktree: &Worktree| {
            let checks = self.checks(&request.site, attempt, &request.base, worktree).await?;
            let sandbox = self.bench.sandbox(worktree);
            let supervisor = self.bench.supervisor();
            let place = Place { supervisor, tree: worktree.path(), sandbox: &sandbox, cancel: &cancel, output: None };
            for kind in &request.failed {
                checks::fix(&checks, *kind, &place).await.map_err(|error| failure(WORK, error.to_string()))?;
            }
            worktree.commit("Apply automatic fixes").await.map_err(of_repository)
        };
        self.bench.in_worktree(&request.site, attempt, &request.commit, run).await
    }
}

#[activities]
impl Checking {
    #[activity]
    pub async fn look(&self, ctx: ActivityCtx, request: LookRequest) -> Result<ChangeSeen> {
        alive(&ctx, |_| async {
            let repository = self.bench.repository(&request.site).await?;
            let commit = repository.resolve(&request.branch).await.map_err(of_repository)?;
            let from = repository.merge_base(&request.base, &commit).await.map_err(of_repository)?;
            let diff = repository.diff(&from, &commit).await.map_err(of_repository)?.hash;
            Ok(ChangeSeen { commit, diff })
        })
        .await
    }

    /// In a worktree of its own, at the commit: nothing that was left lying elsewhere is looked at.
    #[activity]
    pub async fn check(&self, ctx: ActivityCtx, request: CheckRequest) -> Result<Billed<CheckOutcome>> {
        let (request, attempt) = (&request, ctx.info().attempt);
        alive(&ctx, |cancel| async move {
            let run = async |worktree: &Worktree| {
                let checks = self.checks(&request.site, attempt, &request.base, worktree).await?;
                let (sandbox, tree) = (self.bench.sandbox(worktree), worktree.path());
                let supervisor = self.bench.supervisor();
                let scribe = self.bench.scribe(&request.site, attempt, request.kind.name()).await?;
                let (output, heard) = scribe.listen().unzip();
                let place = Place { supervisor, tree, sandbox: &sandbox, cancel: &cancel, output };
                let outcome = checks::run(&checks, request.kind, &place).await;
                // Its other end ends with the place.
                drop(place);
                if let Some(heard) = heard {
                    let _ = heard.await;
                }
                scribe.say(Said::Came { value: serde_json::to_value(outcome.as_ref().ok()).unwrap_or_default() }).await;
                scribe.end().await;
                outcome.map_err(|error| failure(WORK, error.to_string()))
            };
            self.bench.in_worktree(&request.site, attempt, &request.commit, run).await.map(Billed::attempt)
        })
        .await
    }

    /// Runs the fixers of the checks that failed. What they change is a commit on the branch.
    #[activity]
    pub async fn auto_fix(&self, ctx: ActivityCtx, request: FixRequest) -> Result<Billed<Fixed>> {
        alive(&ctx, |cancel| async {
            let repository = self.bench.repository(&request.site).await?;
            let kept = repository.kept(&artefact(&request.site)).await.map_err(of_repository)?;
            let commit = match kept {
                Some(commit) => Some(commit),
                None => self.mend(&ctx, &request, cancel).await?,
            };
            let Some(commit) = commit else {
                let summary = "no fixer changes anything".to_owned();
                return Ok(Billed::attempt(Fixed { commit: None, summary }).in_vain());
            };
            let commit = repository.keep(&artefact(&request.site), &commit).await.map_err(of_repository)?;
            if repository.resolve(&request.branch).await.map_err(of_repository)? != commit {
                repository.move_branch(&request.branch, &request.commit, &commit).await.map_err(of_repository)?;
            }
            let summary = repository.message(&commit).await.map_err(of_repository)?;
            Ok(Billed::attempt(Fixed { commit: Some(commit), summary }))
        })
        .await
    }

    #[activity]
    pub async fn report_gate(&self, ctx: ActivityCtx, request: GateReport) -> Result<()> {
        alive(&ctx, |_| async {
            let forge = self.bench.forge(&request.site).await?;
            forge.set_status(request.pr_number, &request.result).await.map_err(of_forge)?;
            let comment = comment(&request.result);
            forge.comment(request.pr_number, &request.site.step, &comment).await.map_err(of_forge)
        })
        .await
    }
}

/// What people read beside the pull request.
fn comment(result: &QualityGateResult) -> String {
    let can = if result.can_merge { "can be merged" } else { "cannot be merged" };
    let mut text = format!("Quality gate: score {}, {can}.\n", result.overall_score.get());
    for issue in &result.blocking_issues {
        text.push_str(&format!("- {issue}\n"));
    }
    text
}
