//! One step: applied, and held against the commit before it. Nothing that others see has changed by then.

use std::collections::BTreeSet;

use futures::future::join_all;
use weft::{Ctx, Error, Result};

use super::{CodeMigrationRequest, CodeMigrationWorkflow as Own};
use crate::{
    activity::{Applied, ApplyRequest, CheckRequest, Checking, Migrating},
    migration::{Demand, Outcomes, objections},
    model::{CheckKind, CheckOutcome, ContentHash, MigrationStep, Spend},
    progress::StepState,
    routing::AgentType,
    workflow::{
        desk::{self, Work, ends_run},
        step::{self, site},
    },
};

/// Where the line has come to.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub commit: String,
    /// Not before the first step stands.
    pub branch: Option<String>,
    /// What checks said last, and whether it was of this commit.
    pub outcomes: Outcomes,
    pub verified: bool,
}

/// What came of trying a step.
pub(super) enum Tried {
    /// It stands.
    Good(Stands),
    /// It does not, for this reason.
    Bad { reason: String, files: BTreeSet<String> },
}

/// A step that may be put on the branch.
pub(super) struct Stands {
    pub commit: String,
    pub files: BTreeSet<String>,
    pub summary: String,
    pub outcomes: Outcomes,
    pub verified: bool,
}

/// Applies a step to the head and verifies it, if that is wanted: the last one always is.
pub(super) async fn try_step(
    ctx: &Ctx<Own>,
    request: &CodeMigrationRequest,
    head: &Head,
    (migration_step, is_last): (&MigrationStep, bool),
    plan: &ContentHash,
) -> Result<Tried> {
    let applied = match apply(ctx, request, head, migration_step, plan).await {
        Ok(applied) => applied,
        Err(error) => return failed(ctx, error, BTreeSet::new()),
    };
    let demand = if is_last { Demand::All } else { Demand::NoWorse };
    let (commit, files, summary, diff) = match applied {
        Applied::Changed { commit, files, diff, summary } => (commit, files, summary, diff),
        Applied::Nothing => {
            let (commit, summary) = (head.commit.clone(), "there is nothing to change".to_owned());
            (commit, BTreeSet::new(), summary, ContentHash::of(b""))
        }
    };
    let is_same = commit == head.commit && head.verified;
    let verified = is_same || request.incremental || is_last;
    let outcomes = if verified && !is_same {
        verify(ctx, request, (&commit, &diff), &migration_step.id).await?
    } else {
        head.outcomes.clone()
    };
    let against = if verified { objections(&head.outcomes, &outcomes, demand) } else { Vec::new() };
    Ok(if against.is_empty() {
        Tried::Good(Stands { commit, files, summary, outcomes, verified })
    } else {
        Tried::Bad { reason: against.join("; "), files }
    })
}

/// What cannot be done is not done, unless the run itself is to end.
fn failed(ctx: &Ctx<Own>, error: Error, files: BTreeSet<String>) -> Result<Tried> {
    if ctx.is_cancelled() || ends_run(&error) {
        return Err(error);
    }
    Ok(Tried::Bad { reason: error.root().message.clone(), files })
}

async fn apply(
    ctx: &Ctx<Own>,
    request: &CodeMigrationRequest,
    head: &Head,
    migration_step: &MigrationStep,
    plan: &ContentHash,
) -> Result<Applied> {
    let MigrationStep { id, title, .. } = migration_step;
    let asked = ApplyRequest {
        site: site(ctx, &request.repository, &format!("apply/{id}")),
        migration: request.migration(),
        step: migration_step.clone(),
        plan: plan.clone(),
        commit: head.commit.clone(),
    };
    let work = Work::of(id, title, AgentType::Migrator, Spend::ATTEMPT);
    let call = ctx.activity(Migrating::apply, asked).summary(title);
    desk::spend(ctx, work, |queue| step::long(call, queue).into_future()).await
}

/// What the checks say of a commit, all at once, each in a worktree of its own.
pub(super) async fn verify(
    ctx: &Ctx<Own>,
    request: &CodeMigrationRequest,
    (commit, diff): (&str, &ContentHash),
    of: &str,
) -> Result<Outcomes> {
    let checks = request.checks.iter().map(|kind| check(ctx, request, (commit, diff), *kind, of));
    join_all(checks).await.into_iter().collect()
}

async fn check(
    ctx: &Ctx<Own>,
    request: &CodeMigrationRequest,
    (commit, diff): (&str, &ContentHash),
    kind: CheckKind,
    of: &str,
) -> Result<(CheckKind, CheckOutcome)> {
    let (id, title) = (format!("verify/{of}/{}", kind.name()), format!("{} of {of}", kind.title()));
    let site = site(ctx, &request.repository, &id);
    let base = request.base.clone();
    let asked = CheckRequest { site, base, commit: commit.to_owned(), diff: diff.clone(), kind };
    let call = ctx.activity(Checking::check, asked).summary(&title);
    let work = Work::of(&id, &title, AgentType::Tester, Spend::ATTEMPT);
    let outcome = desk::spend(ctx, work, |queue| step::long(call, queue).into_future());
    let outcome = match outcome.await {
        Ok(outcome) => outcome,
        Err(error) if ctx.is_cancelled() || ends_run(&error) => return Err(error),
        Err(error) => CheckOutcome::CouldNotRun { reason: error.root().message.clone() },
    };
    let detail = match &outcome {
        CheckOutcome::Ran(report) => &report.summary,
        CheckOutcome::CouldNotRun { reason } => reason,
    };
    desk::step(ctx, &id, &title, StepState::Done, detail);
    Ok((kind, outcome))
}
