//! From issues to commits, and from many commits to one.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use weft::{ActivityCtx, Result, activities};

use super::{
    Site,
    agents::{Attempt, asked, billed, of_checks, record},
    bench::{Bench, ENVIRONMENT, alive, artefact, clear, failure, of_repository},
};
use crate::{
    approval::Note,
    checks::Checks,
    model::{Billed, ContentHash, Issue, IssueId, Patch, PatchOutcome},
    provider::{PatchTask, Patched, Providers, Role, Unable, record::Record},
    repository::{self, Worktree, overlaps},
};

/// An issue to be worked on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchRequest {
    pub site: Site,
    pub issue: Issue,
    pub plan: ContentHash,
    /// Commit that the change is made on.
    pub base: String,
    pub notes: Vec<Note>,
}

/// Patches to be put together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeRequest {
    pub site: Site,
    /// Commit that all of them were made on.
    pub base: String,
    pub patches: Vec<Patch>,
}

/// Patches that were put together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    pub commit: String,
    /// Patches that are in it.
    pub merged: BTreeSet<IssueId>,
    /// Patches that are not: they contradict those that are.
    pub conflicting: BTreeSet<IssueId>,
    /// Files that more than one of the patches touches.
    pub overlaps: BTreeSet<String>,
}

/// Makes patches, and puts them together.
pub struct Coding {
    bench: Bench,
    providers: Providers,
}

impl Coding {
    #[must_use]
    pub fn new(bench: Bench, providers: Providers) -> Self {
        Self { bench, providers }
    }

    /// The commit of what the agent did; or that it could not do it.
    async fn code(
        &self,
        request: &PatchRequest,
        attempt: u32,
        record: Record,
        cancel: CancellationToken,
    ) -> Result<Result<String, PatchOutcome>> {
        let code = async |worktree: &Worktree| {
            let task = PatchTask {
                issue: request.issue.clone(),
                notes: request.notes.clone(),
                worktree: worktree.path().to_owned(),
                scratch: scratch(worktree)?,
                tests: Checks::of(worktree.path()).map_err(of_checks)?.test_words(),
                shell: Arc::new(self.bench.shell(worktree, &cancel)),
                record: record.clone(),
            };
            let patched = asked(&cancel, &record.scribe, self.providers.of(Role::Patch).patch(task)).await?;
            let (summary, tried) = match patched {
                Patched::Made { summary, tried, .. } => (summary, tried),
                Patched::Unable(Unable { reason, tried }) => return Ok(Err(PatchOutcome::Unable { reason, tried })),
            };
            let message = format!("{}\n\n{summary}", request.issue.title);
            let nothing = || PatchOutcome::Unable { reason: "what was changed is ignored by git".to_owned(), tried };
            Ok(worktree.commit(&message).await.map_err(of_repository)?.ok_or_else(nothing))
        };
        self.bench.in_worktree(&request.site, attempt, &request.base, code).await
    }

    /// Merges as many as do not contradict those before them; the commit that they come to.
    async fn put_together(&self, worktree: &Worktree, patches: &[Patch]) -> Result<String> {
        let mut commit = worktree.head().await.map_err(of_repository)?;
        for patch in patches {
            match worktree.merge(&patch.commit, &format!("Merge {}: {}", patch.issue, patch.summary)).await {
                Ok(merged) => commit = merged,
                Err(repository::Error::Conflict { .. }) => {}
                Err(error) => return Err(of_repository(error)),
            }
        }
        Ok(commit)
    }
}

/// An empty folder beside the worktree. What an attempt before a crash left in it is nobody's.
fn scratch(worktree: &Worktree) -> Result<PathBuf> {
    let folder = worktree.temporary().join("agent");
    clear(&folder)?;
    let bad = |error: std::io::Error| failure(ENVIRONMENT, format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(&folder).map_err(bad)?;
    Ok(folder)
}

#[activities]
impl Coding {
    /// Changes code for an issue. What an attempt before has made is found again.
    #[activity]
    pub async fn patch(&self, ctx: ActivityCtx, request: PatchRequest) -> Result<Billed<PatchOutcome>> {
        alive(&ctx, |cancel| async {
            let repository = self.bench.repository(&request.site).await?;
            let attempt = Attempt { site: &request.site, number: ctx.info().attempt };
            let agent = self.providers.of(Role::Patch);
            let (record, journal) = record(&self.bench, attempt, agent, &cancel).await?;
            let kept = repository.kept(&artefact(&request.site)).await.map_err(of_repository)?;
            let commit = match kept {
                Some(commit) => {
                    record.scribe.note("an attempt before has made it").await;
                    record.scribe.end().await;
                    commit
                }
                None => match self.code(&request, ctx.info().attempt, record, cancel).await? {
                    Ok(commit) => repository.keep(&artefact(&request.site), &commit).await.map_err(of_repository)?,
                    Err(unable) => return Ok(billed(unable, &journal).in_vain()),
                },
            };
            let diff = repository.diff(&request.base, &commit).await.map_err(of_repository)?;
            let message = repository.message(&commit).await.map_err(of_repository)?;
            let summary = message.split_once("\n\n").map_or(message.as_str(), |(_, body)| body).trim().to_owned();
            let patch = Patch {
                issue: request.issue.id,
                plan: request.plan,
                base: request.base,
                commit,
                branch: artefact(&request.site),
                files: diff.files,
                diff: diff.hash,
                summary,
            };
            Ok(billed(PatchOutcome::Made(patch), &journal))
        })
        .await
    }

    /// Puts the patches of a wave on each other.
    #[activity]
    pub async fn merge(&self, ctx: ActivityCtx, request: MergeRequest) -> Result<Merged> {
        alive(&ctx, |_| async {
            let (site, patches) = (&request.site, &request.patches);
            let repository = self.bench.repository(site).await?;
            let commit = match repository.kept(&artefact(site)).await.map_err(of_repository)? {
                Some(commit) => commit,
                None => {
                    let merge = async |worktree: &Worktree| self.put_together(worktree, patches).await;
                    let commit = self.bench.in_worktree(site, ctx.info().attempt, &request.base, merge).await?;
                    repository.keep(&artefact(site), &commit).await.map_err(of_repository)?
                }
            };
            let (mut merged, mut conflicting) = (BTreeSet::new(), BTreeSet::new());
            for patch in patches {
                let is_in = repository.contains(&commit, &patch.commit).await.map_err(of_repository)?;
                if is_in {
                    merged.insert(patch.issue.clone())
                } else {
                    conflicting.insert(patch.issue.clone())
                };
            }
            let overlaps = overlaps(patches.iter().map(|patch| (patch.issue.clone(), &patch.files)));
            let overlaps = overlaps.into_iter().map(|overlap| overlap.file).collect();
            Ok(Merged { commit, merged, conflicting, overlaps })
        })
        .await
    }
}
