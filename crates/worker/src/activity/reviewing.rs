//! Somebody else looks at a change before people are asked to.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use weft::{ActivityCtx, Result, activities};

use super::{
    Site,
    agents::{Attempt, asked, billed, record},
    bench::{Bench, alive, of_repository},
};
use crate::{
    approval::Note,
    model::{Billed, Review},
    provider::{Providers, ReviewTask, Role},
    repository::Worktree,
};

/// A change to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRequest {
    pub site: Site,
    /// What it is for.
    pub requirement: String,
    /// Commits that it lies between.
    pub base: String,
    pub commit: String,
    pub notes: Vec<Note>,
}

/// Reviews.
pub struct Reviewing {
    bench: Bench,
    providers: Providers,
}

impl Reviewing {
    #[must_use]
    pub fn new(bench: Bench, providers: Providers) -> Self {
        Self { bench, providers }
    }
}

#[activities]
impl Reviewing {
    /// In a worktree at the commit, which is thrown away.
    #[activity]
    pub async fn review(&self, ctx: ActivityCtx, request: ReviewRequest) -> Result<Billed<Review>> {
        let (number, agent) = (ctx.info().attempt, self.providers.of(Role::Review));
        let request = &request;
        alive(&ctx, |cancel| async move {
            let repository = self.bench.repository(&request.site).await?;
            let diff = repository.shown(&request.base, &request.commit).await.map_err(of_repository)?;
            let (record, journal) =
                record(&self.bench, Attempt { site: &request.site, number }, agent, &cancel).await?;
            let look = async |worktree: &Worktree| {
                let scribe = record.scribe.clone();
                let task = ReviewTask {
                    requirement: request.requirement.clone(),
                    notes: request.notes.clone(),
                    diff: diff.clone(),
                    worktree: worktree.path().to_owned(),
                    shell: Arc::new(self.bench.shell(worktree, &cancel)),
                    record: record.clone(),
                };
                let review = async { agent.review(task).await.map(Review::bounded) };
                asked(&cancel, &scribe, review).await
            };
            let review = self.bench.in_worktree(&request.site, number, &request.commit, look).await?;
            Ok(billed(review, &journal))
        })
        .await
    }
}
