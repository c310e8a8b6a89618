//! Branches, pull requests and documents, and clearing away behind a run.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use weft::{ActivityCtx, Result, activities};

use super::{
    Site,
    bench::{Bench, alive, of_forge, of_repository},
};
use crate::{
    forge::{DocumentKind, NewDocument, NewPullRequest},
    model::PullRequest,
};

/// A branch to be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishRequest {
    pub site: Site,
    pub branch: String,
    /// What the branch must be at: nothing else was checked.
    pub commit: String,
    pub base: String,
    pub title: String,
    /// In Markdown.
    pub description: String,
    pub labels: BTreeSet<String>,
}

/// A branch that was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub pull_request: PullRequest,
    pub files: BTreeSet<String>,
}

/// A pull request, and what is said about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequestRef {
    pub site: Site,
    pub number: u64,
    /// The comment that is left on it.
    pub comment: String,
}

/// A document that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRequest {
    pub site: Site,
    pub kind: DocumentKind,
    pub title: String,
    /// In Markdown.
    pub text: String,
    pub labels: BTreeSet<String>,
}

/// A branch that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchRequest {
    pub site: Site,
    /// If somebody else has one of this name, another name is taken.
    pub branch: String,
    pub commit: String,
}

/// A branch that is to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchRef {
    pub site: Site,
    pub branch: String,
}

/// Makes branches, and opens, merges and closes pull requests.
#[derive(Debug)]
pub struct Publishing {
    bench: Bench,
}

impl Publishing {
    #[must_use]
    pub fn new(bench: Bench) -> Self {
        Self { bench }
    }
}

#[activities]
impl Publishing {
    /// The name of the branch.
    #[activity]
    pub async fn make_branch(&self, ctx: ActivityCtx, request: BranchRequest) -> Result<String> {
        alive(&ctx, |_| async {
            let repository = self.bench.repository(&request.site).await?;
            repository.claim_branch(&request.branch, &request.commit).await.map_err(of_repository)
        })
        .await
    }

    #[activity]
    pub async fn remove_branch(&self, ctx: ActivityCtx, request: BranchRef) -> Result<()> {
        alive(&ctx, |_| async {
            let repository = self.bench.repository(&request.site).await?;
            let forge = self.bench.forge(&request.site).await?;
            forge.remove_branch(&request.branch).await.map_err(of_forge)?;
            repository.remove_branch(&request.branch).await.map_err(of_repository)
        })
        .await
    }

    #[activity]
    pub async fn publish(&self, ctx: ActivityCtx, request: PublishRequest) -> Result<Published> {
        alive(&ctx, |_| async {
            let repository = self.bench.repository(&request.site).await?;
            let from = repository.merge_base(&request.base, &request.commit).await.map_err(of_repository)?;
            let files = repository.diff(&from, &request.commit).await.map_err(of_repository)?.files;
            let new = NewPullRequest {
                key: format!("{}/{}", request.site.run, request.site.step),
                branch: request.branch,
                commit: request.commit,
                base: request.base,
                title: request.title,
                description: request.description,
                labels: request.labels,
            };
            let pull_request = self.bench.forge(&request.site).await?.open(&new).await.map_err(of_forge)?;
            Ok(Published { pull_request, files })
        })
        .await
    }

    /// Leaves a comment; once for each step.
    #[activity]
    pub async fn comment(&self, ctx: ActivityCtx, request: PullRequestRef) -> Result<()> {
        alive(&ctx, |_| async {
            let forge = self.bench.forge(&request.site).await?;
            forge.comment(request.number, &request.site.step, &request.comment).await.map_err(of_forge)
        })
        .await
    }

    #[activity]
    pub async fn merge_pull_request(&self, ctx: ActivityCtx, request: PullRequestRef) -> Result<PullRequest> {
        alive(&ctx, |_| async {
            let forge = self.bench.forge(&request.site).await?;
            let merged = forge.merge(request.number).await.map_err(of_forge)?;
            forge.comment(request.number, &request.site.step, &request.comment).await.map_err(of_forge)?;
            Ok(merged)
        })
        .await
    }

    #[activity]
    pub async fn close_pull_request(&self, ctx: ActivityCtx, request: PullRequestRef) -> Result<()> {
        alive(&ctx, |_| async {
            let forge = self.bench.forge(&request.site).await?;
            forge.comment(request.number, &request.site.step, &request.comment).await.map_err(of_forge)?;
            forge.close(request.number).await.map(drop).map_err(of_forge)
        })
        .await
    }

    /// Keeps an issue or a postmortem; its address.
    #[activity]
    pub async fn keep_document(&self, ctx: ActivityCtx, request: DocumentRequest) -> Result<String> {
        alive(&ctx, |_| async {
            let new = NewDocument {
                key: format!("{}/{}", request.site.run, request.site.step),
                kind: request.kind,
                title: request.title,
                text: request.text,
                labels: request.labels,
            };
            self.bench.forge(&request.site).await?.keep(&new).await.map_err(of_forge)
        })
        .await
    }

    /// Removes what is left of a run but its branches: worktrees and kept commits.
    #[activity]
    pub async fn tidy(&self, ctx: ActivityCtx, site: Site) -> Result<()> {
        alive(&ctx, |_| self.bench.tidy(&site)).await
    }
}
