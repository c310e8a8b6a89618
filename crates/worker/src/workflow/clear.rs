//! Clearing away: what a run has made and does not want to leave.

use weft::{Ctx, Result};

use super::{
    desk::{self, AtDesk},
    step::{self, site},
};
use crate::{
    activity::{BranchRef, Published, Publishing, PullRequestRef},
    progress::{Status, StepState},
};

/// Removes worktrees, records of calls and kept commits, also of a run that is cancelled. What is left of a run does no
/// harm, so it changes nothing about what the run ends with.
pub(super) async fn tidy<S: AtDesk>(ctx: &Ctx<S>, repository: &str) {
    let shielded = ctx.shielded();
    let tidy = shielded.activity(Publishing::tidy, site(ctx, repository, "tidy"));
    if let Err(error) = step::quick(tidy, None).await {
        desk::tell(ctx, format!("not all could be cleared away: {}", error.root()));
    }
}

/// Undoes the making of a branch.
pub(super) async fn remove_branch<S: AtDesk>(ctx: Ctx<S>, repository: String, branch: String) -> Result<()> {
    desk::set_status(&ctx, Status::Undoing);
    let asked = BranchRef { site: site(&ctx, &repository, "undo/branch"), branch };
    step::quick(ctx.activity(Publishing::remove_branch, asked), None).await
}

/// Undoes the opening of a pull request.
pub(super) async fn close_pull_request<S: AtDesk>(ctx: Ctx<S>, repository: String, published: Published) -> Result<()> {
    desk::set_status(&ctx, Status::Undoing);
    let comment = "Closed: the run that opened it did not come to its end.".to_owned();
    let number = published.pull_request.number;
    let asked = PullRequestRef { site: site(&ctx, &repository, "undo/publish"), number, comment };
    step::quick(ctx.activity(Publishing::close_pull_request, asked), None).await?;
    desk::step(&ctx, "publish", "Pull request", StepState::Undone, "closed");
    Ok(())
}
