//! The steps of the workflow, in their order: the line on which each step of the plan goes forward, and back.

use std::collections::BTreeSet;

use weft::{Ctx, Result, Saga};

use super::{
    CodeMigrationRequest, CodeMigrationWorkflow as Own, describe,
    try_step::{Head, Stands, Tried, try_step, verify},
};
use crate::{
    activity::{
        AdvanceRequest, AnalyseRequest, Analysis, ConflictsRequest, Migrating, PublishRequest, Published, Publishing,
        RetreatRequest,
    },
    migration::{Demand, Next, Outcomes, objections, sees_anything, tally, unseen},
    model::{ContentHash, MigrationPlan, MigrationResult, MigrationStep, Spend, StepResult},
    progress::{Status, StepState},
    routing::AgentType,
    workflow::{
        clear::{close_pull_request, tidy},
        desk::{self, Work, agreed, failed},
        step::{self, site},
    },
};

/// All is to be undone. A run that could be undone ends with a result; of one that could not be, it is the cause.
const STEP_FAILED: &str = "StepFailed";
/// What the base has become contradicts the migration.
const MERGE_CONFLICT: &str = "MergeConflict";
/// Nothing could tell whether a step is good.
const UNTESTED: &str = "Untested";

/// How the line ended.
#[derive(Debug, Default)]
struct End {
    pr_url: Option<String>,
    branch: Option<String>,
    line_stopped: bool,
}

pub(super) async fn migrate(ctx: Ctx<Own>, request: CodeMigrationRequest) -> Result<MigrationResult> {
    let began_ms = desk::now_ms(&ctx);
    let ran = Saga::new(&ctx).run(async |saga| steps(&ctx, &request, saga).await).await;
    tidy(&ctx, &request.repository).await;
    match ran {
        Ok(end) => Ok(result(&ctx, &request, end, began_ms)),
        Err(error) if error.application_kind() == Some(STEP_FAILED) => {
            desk::tell(&ctx, "all steps are undone");
            Ok(result(&ctx, &request, End::default(), began_ms))
        }
        Err(error) => Err(error),
    }
}

fn result(ctx: &Ctx<Own>, request: &CodeMigrationRequest, end: End, began_ms: u64) -> MigrationResult {
    let now_ms = desk::now_ms(ctx);
    ctx.with(|state| {
        let (completed_steps, failed_steps) = tally(&state.results);
        let usual = || format!("Migration to {}", request.target_version);
        MigrationResult {
            plan_name: state.plan.as_ref().map_or_else(usual, |plan| plan.name.clone()),
            total_steps: state.plan.as_ref().map_or(0, count),
            completed_steps,
            failed_steps,
            step_results: state.results.clone(),
            final_pr_url: end.pr_url,
            rollback_performed: state.results.iter().any(|result| result.undone),
            duration_minutes: describe::minutes(now_ms.saturating_sub(began_ms)),
            line_stopped: end.line_stopped,
            branch_name: end.branch,
        }
    })
}

fn count(plan: &MigrationPlan) -> u32 {
    u32::try_from(plan.steps.len()).unwrap_or(u32::MAX)
}

async fn steps(ctx: &Ctx<Own>, request: &CodeMigrationRequest, saga: &Saga<Own>) -> Result<End> {
    let (plan, base) = plan(ctx, request).await?;
    if plan.steps.is_empty() {
        desk::tell(ctx, "there is nothing to migrate");
        return Ok(End::default());
    }
    let before = look_at_base(ctx, request, &base).await?;
    let mut head = Head { commit: base.clone(), branch: None, outcomes: before.clone(), verified: true };
    let line_stopped = walk(ctx, request, &plan, &mut head, saga).await?;
    if line_stopped {
        return Ok(End { pr_url: None, branch: head.branch, line_stopped });
    }
    let against = against_publishing(&head, &base);
    if !against.is_empty() {
        desk::tell(ctx, format!("there is no pull request: {}", against.join("; ")));
        return Ok(End { pr_url: None, branch: head.branch, line_stopped });
    }
    let pr_url = publish(ctx, request, &plan, &head, &before, saga).await?;
    Ok(End { pr_url: Some(pr_url), branch: head.branch, line_stopped })
}

/// The plan that people agreed to, and the commit that it is for.
async fn plan(ctx: &Ctx<Own>, request: &CodeMigrationRequest) -> Result<(MigrationPlan, String)> {
    desk::phase(ctx, "analysis");
    let asked = AnalyseRequest {
        site: site(ctx, &request.repository, "analysis"),
        base: request.base.clone(),
        migration: request.migration(),
    };
    let work = Work::of("analysis", "Analysis", AgentType::Migrator, Spend::ATTEMPT);
    let analysed =
        desk::spend(ctx, work, |queue| step::long(ctx.activity(Migrating::analyse, asked), queue).into_future());
    let Analysis { base_commit, plan } = analysed.await?;
    let (scanned, affected) = (plan.files_scanned, plan.files_affected);
    let detail = format!("{affected} of {scanned} files are affected, {} steps", plan.steps.len());
    desk::step(ctx, "analysis", "Analysis", StepState::Done, &detail);
    ctx.with_mut(|state| state.plan = Some(plan.clone()));
    if request.approve_plan && !plan.steps.is_empty() {
        desk::phase(ctx, "approval of the plan");
        let decision = desk::ask(ctx, Own::question(&plan)).await?;
        agreed(&decision, "the plan")?;
    }
    // It may have been edited meanwhile.
    let plan = ctx.with(|state| state.plan.clone()).unwrap_or(plan);
    for step in &plan.steps {
        desk::step(ctx, &step.id, &step.title, StepState::Waiting, "");
    }
    Ok((plan, base_commit))
}

/// What the checks say before anything is done: what every step is held against.
async fn look_at_base(ctx: &Ctx<Own>, request: &CodeMigrationRequest, base: &str) -> Result<Outcomes> {
    desk::phase(ctx, "checks of the base");
    let outcomes = verify(ctx, request, (base, &ContentHash::of(b"")), "base").await?;
    let unseen = unseen(&outcomes);
    if !unseen.is_empty() {
        let why = format!("nobody could tell whether a step is good: {}", unseen.join("; "));
        return Err(failed(UNTESTED, why));
    }
    if !sees_anything(&outcomes) {
        let why = "no check has anything to look at, so nobody could tell whether a step is good: add tests, or name \
                   other checks";
        return Err(failed(UNTESTED, why));
    }
    Ok(outcomes)
}

/// All steps, one after the other; whether the line was stopped.
async fn walk(
    ctx: &Ctx<Own>,
    request: &CodeMigrationRequest,
    plan: &MigrationPlan,
    head: &mut Head,
    saga: &Saga<Own>,
) -> Result<bool> {
    let hash = plan.hash();
    for (index, migration_step) in plan.steps.iter().enumerate() {
        let MigrationStep { id, title, .. } = migration_step;
        desk::phase(ctx, &format!("{id}: {title}"));
        let is_last = index + 1 == plan.steps.len();
        let (reason, files) = match try_step(ctx, request, head, (migration_step, is_last), &hash).await? {
            Tried::Good(stands) => {
                go_forward(ctx, request, migration_step, head, stands, saga).await?;
                continue;
            }
            Tried::Bad { reason, files } => (reason, files),
        };
        desk::step(ctx, id, title, StepState::Failed, &reason);
        let failure = format!("{id} has failed: {reason}");
        record(ctx, migration_step, false, reason, files, None);
        let (_, failures) = ctx.with(|state| tally(&state.results));
        match request.rules().after_failure(failures, count(plan)) {
            Next::GoOn => desk::tell(ctx, format!("{id} is left out")),
            Next::Rollback => return Err(failed(STEP_FAILED, failure)),
            Next::Stop => {
                desk::tell(ctx, format!("the line is stopped: {failures} of {} steps have failed", count(plan)));
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn record(
    ctx: &Ctx<Own>,
    migration_step: &MigrationStep,
    success: bool,
    summary: String,
    files_changed: BTreeSet<String>,
    commit: Option<String>,
) {
    let step_id = migration_step.id.clone();
    let result = StepResult { step_id, success, summary, files_changed, commit, undone: false };
    ctx.with_mut(|state| state.results.push(result));
}

/// Puts a step that stands on the branch.
async fn go_forward(
    ctx: &Ctx<Own>,
    request: &CodeMigrationRequest,
    migration_step: &MigrationStep,
    head: &mut Head,
    stands: Stands,
    saga: &Saga<Own>,
) -> Result<()> {
    let MigrationStep { id, title, .. } = migration_step;
    let Stands { commit, files, summary, outcomes, verified } = stands;
    let has_changed = commit != head.commit;
    if has_changed {
        let before = head.branch.as_ref().map(|_| head.commit.clone());
        let asked = AdvanceRequest {
            site: site(ctx, &request.repository, &format!("advance/{id}")),
            branch: head.branch.clone().unwrap_or_else(|| describe::branch(request)),
            from: before.clone(),
            to: commit.clone(),
        };
        let undo = RetreatRequest {
            site: site(ctx, &request.repository, &format!("undo/{id}")),
            branch: asked.branch.clone(),
            from: commit.clone(),
            to: before,
        };
        let of = migration_step.clone();
        let moved = step::quick(ctx.activity(Migrating::advance, asked), None);
        let branch = if head.branch.is_some() {
            // It may have moved although the answer is lost. Going back where it is already changes nothing.
            saga.undo(id.clone(), |ctx| go_back(ctx, of, undo));
            moved.await?
        } else {
            // What it is called is known afterwards only: another one may have the name.
            saga.step(id.clone(), moved, |ctx, branch| go_back(ctx, of, RetreatRequest { branch, ..undo })).await?
        };
        head.branch = Some(branch);
    }
    desk::step(ctx, id, title, StepState::Done, &summary);
    record(ctx, migration_step, true, summary, files, has_changed.then(|| commit.clone()));
    *head = Head { commit, branch: head.branch.take(), outcomes, verified };
    Ok(())
}

async fn go_back(ctx: Ctx<Own>, migration_step: MigrationStep, asked: RetreatRequest) -> Result<()> {
    desk::set_status(&ctx, Status::Undoing);
    let MigrationStep { id, title, .. } = migration_step;
    if let Err(error) = step::quick(ctx.activity(Migrating::retreat, asked), None).await {
        desk::tell(&ctx, format!("{id} could not be undone: {}", error.root()));
        return Err(error);
    }
    desk::step(&ctx, &id, &title, StepState::Undone, "");
    ctx.with_mut(|state| state.results.iter_mut().filter(|it| it.step_id == id).for_each(|it| it.undone = true));
    Ok(())
}

/// What is published was seen to pass as a whole.
fn against_publishing(head: &Head, base: &str) -> Vec<String> {
    if head.commit == base {
        return vec!["nothing has changed".to_owned()];
    }
    if !head.verified {
        return vec!["what is on the branch was not verified".to_owned()];
    }
    objections(&head.outcomes, &head.outcomes, Demand::All)
}

async fn publish(
    ctx: &Ctx<Own>,
    request: &CodeMigrationRequest,
    plan: &MigrationPlan,
    head: &Head,
    before: &Outcomes,
    saga: &Saga<Own>,
) -> Result<String> {
    desk::phase(ctx, "pull request");
    let asked = ConflictsRequest {
        site: site(ctx, &request.repository, "conflicts"),
        base: request.base.clone(),
        commit: head.commit.clone(),
    };
    let files: Vec<String> = step::quick(ctx.activity(Migrating::conflicts, asked), None).await?.into_iter().collect();
    if !files.is_empty() {
        let (base, files) = (&request.base, files.join(", "));
        let why = format!("{base} has changed meanwhile, and contradicts the migration in {files}: run it again");
        return Err(failed(MERGE_CONFLICT, why));
    }
    let notes = desk::notes(ctx);
    let results = ctx.with(|state| state.results.clone());
    let asked = PublishRequest {
        site: site(ctx, &request.repository, "publish"),
        branch: head.branch.clone().unwrap_or_default(),
        commit: head.commit.clone(),
        base: request.base.clone(),
        title: describe::title(request),
        description: describe::description(request, plan, &results, (before, &head.outcomes), &notes),
        labels: ["automated".to_owned(), "migration".to_owned()].into(),
    };
    let published = step::quick(ctx.activity(Publishing::publish, asked), None);
    let repository = request.repository.clone();
    let published =
        saga.step("pull request", published, |ctx, it: Published| close_pull_request(ctx, repository, it)).await?;
    desk::step(ctx, "publish", "Pull request", StepState::Done, &published.pull_request.url);
    Ok(published.pull_request.url)
}
