//! Migrations step by step: what is to be done, one step as a commit, and the branch that goes forward and back.
//!
//! A step is applied in a worktree of its own and kept by a ref; the branch moves to it when it has been verified, so
//! that what is on the branch was seen to work.

mod sources;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use weft::{ActivityCtx, Result, activities};

use super::{
    Site,
    bench::{Bench, REFUSED, WORK, alive, artefact, failure, of_repository},
};
use crate::{
    model::{Billed, ContentHash, MigrationPlan, MigrationRequest, MigrationStep},
    provider::builtin::migrate,
    repository::{self, Repository, Worktree},
};
use sources::{Gathered, gather};

/// What is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalyseRequest {
    pub site: Site,
    /// Branch that the migration begins at.
    pub base: String,
    pub migration: MigrationRequest,
}

/// What is to be done, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// Where the base was when it was looked at: all steps begin there, however the base goes on.
    pub base_commit: String,
    pub plan: MigrationPlan,
}

/// One step to be applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyRequest {
    pub site: Site,
    pub migration: MigrationRequest,
    pub step: MigrationStep,
    /// The plan that people agreed to.
    pub plan: ContentHash,
    /// Commit of the step before.
    pub commit: String,
}

/// What came of applying a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Applied {
    Changed {
        commit: String,
        files: BTreeSet<String>,
        diff: ContentHash,
        summary: String,
    },
    /// Its rules find nothing here.
    Nothing,
}

/// Where the branch is to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvanceRequest {
    pub site: Site,
    /// If it is not there yet and somebody else has one of this name, another name is taken.
    pub branch: String,
    /// None if it is not there yet.
    pub from: Option<String>,
    pub to: String,
}

/// Where the branch is to go back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetreatRequest {
    pub site: Site,
    pub branch: String,
    pub from: String,
    /// None if it is to go.
    pub to: Option<String>,
}

/// What is to be merged in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictsRequest {
    pub site: Site,
    pub base: String,
    pub commit: String,
}

/// Plans migrations and does their steps.
#[derive(Debug)]
pub struct Migrating {
    bench: Bench,
}

impl Migrating {
    #[must_use]
    pub fn new(bench: Bench) -> Self {
        Self { bench }
    }

    /// The commit of a step, on the worktree's; none where it changes nothing.
    async fn change(&self, request: &ApplyRequest, files: BTreeSet<String>, tree: &Worktree) -> Result<Option<String>> {
        let Gathered { pack, sources } = gather(tree.path(), files, &request.migration).await?;
        let known = migrate::step_of(&pack, &request.step).cloned();
        let step = known.ok_or_else(|| failure(WORK, format!("the pack has no step {:?}", request.step.title)))?;
        let migration = request.migration.clone();
        let changes = blocking(move || migrate::apply(&step, &migration, &sources)).await?;
        let changes = changes.map_err(|fault| failure(WORK, fault.to_string()))?;
        for (path, change) in &changes {
            std::fs::write(tree.path().join(path), &change.after)?;
        }
        let places: u32 = changes.values().map(|change| change.places).sum();
        let summary = format!("{places} places in {} files", changes.len());
        let message = format!("{}\n\n{summary}\n\nMigration-Plan: {}", request.step.title, request.plan.short());
        tree.commit(&message).await.map_err(of_repository)
    }

    async fn changed(repository: &Repository, from: &str, commit: String) -> Result<Applied> {
        let diff = repository.diff(from, &commit).await.map_err(of_repository)?;
        let message = repository.message(&commit).await.map_err(of_repository)?;
        let summary = message.split("\n\n").nth(1).unwrap_or_default().to_owned();
        Ok(Applied::Changed { commit, files: diff.files, diff: diff.hash, summary })
    }
}

#[activities]
impl Migrating {
    /// Looks at all files of the base, and says what the migration would do to them.
    #[activity]
    pub async fn analyse(&self, ctx: ActivityCtx, request: AnalyseRequest) -> Result<Billed<Analysis>> {
        let attempt = ctx.info().attempt;
        alive(&ctx, |_| async move {
            let repository = self.bench.repository(&request.site).await?;
            let base_commit = repository.resolve(&request.base).await.map_err(of_repository)?;
            let files = repository.files(&base_commit).await.map_err(of_repository)?;
            let files_scanned = u64::try_from(files.len()).unwrap_or(u64::MAX);
            let migration = request.migration.clone();
            let look = async |tree: &Worktree| {
                let Gathered { pack, sources } = gather(tree.path(), files, &migration).await?;
                let migration = migration.clone();
                let plan = blocking(move || migrate::plan(&pack, &migration, &sources)).await?;
                plan.map_err(|fault| failure(REFUSED, fault.to_string()))
            };
            let plan = self.bench.in_worktree(&request.site, attempt, &base_commit, look).await?;
            let plan = MigrationPlan { files_scanned, ..plan };
            Ok(Billed::attempt(Analysis { base_commit, plan }))
        })
        .await
    }

    /// Makes a commit of a step. What an attempt before has made is found again.
    #[activity]
    pub async fn apply(&self, ctx: ActivityCtx, request: ApplyRequest) -> Result<Billed<Applied>> {
        let (request, attempt) = (&request, ctx.info().attempt);
        alive(&ctx, |_| async move {
            let repository = self.bench.repository(&request.site).await?;
            let kept = repository.kept(&artefact(&request.site)).await.map_err(of_repository)?;
            if let Some(commit) = kept {
                return Self::changed(&repository, &request.commit, commit).await.map(Billed::attempt);
            }
            let files = repository.files(&request.commit).await.map_err(of_repository)?;
            let change = async |tree: &Worktree| self.change(request, files, tree).await;
            let Some(commit) = self.bench.in_worktree(&request.site, attempt, &request.commit, change).await? else {
                return Ok(Billed::attempt(Applied::Nothing).in_vain());
            };
            let commit = repository.keep(&artefact(&request.site), &commit).await.map_err(of_repository)?;
            Self::changed(&repository, &request.commit, commit).await.map(Billed::attempt)
        })
        .await
    }

    /// Moves the branch to a step that was verified; the branch's name.
    #[activity]
    pub async fn advance(&self, ctx: ActivityCtx, request: AdvanceRequest) -> Result<String> {
        alive(&ctx, |_| async {
            let repository = self.bench.repository(&request.site).await?;
            match &request.from {
                None => repository.claim_branch(&request.branch, &request.to).await.map_err(of_repository),
                Some(from) => {
                    repository.shift_branch(&request.branch, from, Some(&request.to)).await.map_err(of_repository)?;
                    Ok(request.branch)
                }
            }
        })
        .await
    }

    /// Undoes a step: the branch goes back to the one before it, or goes.
    #[activity]
    pub async fn retreat(&self, ctx: ActivityCtx, request: RetreatRequest) -> Result<()> {
        alive(&ctx, |_| async {
            let repository = self.bench.repository(&request.site).await?;
            let to = request.to.as_deref();
            repository.shift_branch(&request.branch, &request.from, to).await.map_err(of_repository)
        })
        .await
    }

    /// Files in which the migration contradicts what its base has become meanwhile.
    #[activity]
    pub async fn conflicts(&self, ctx: ActivityCtx, request: ConflictsRequest) -> Result<BTreeSet<String>> {
        alive(&ctx, |_| async {
            let repository = self.bench.repository(&request.site).await?;
            let base = repository.resolve(&request.base).await.map_err(of_repository)?;
            match repository.merge_commit(&base, &request.commit, "Try to merge a migration").await {
                Ok(_) => Ok(BTreeSet::new()),
                Err(repository::Error::Conflict { files }) => Ok(files.into_iter().collect()),
                Err(error) => Err(of_repository(error)),
            }
        })
        .await
    }
}

/// Syntax trees of a whole repository are not for the threads that keep connections alive.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| failure(WORK, format!("the rules broke down: {error}")))
}
