//! The steps of the workflow, in their order.

use futures::future::join_all;
use weft::{Ctx, Result, Saga};

use super::{
    PlanPatchPrRequest, PlanPatchPrWorkflow as Own, describe,
    review::{self, Change},
};
use crate::{
    activity::{
        BranchRequest, Coding, Design, DesignRequest, MergeRequest, PatchRequest, PlanRequest, Planning,
        PublishRequest, Published, Publishing, PullRequestRef,
    },
    model::{Issue, Patch, PatchOutcome, Plan, PrResult, PullRequest, QualityGateResult, Spend},
    progress::StepState,
    routing::{AgentType, Need},
    workflow::{
        GateRequest,
        clear::{close_pull_request, remove_branch, tidy},
        desk::{self, ReviewPolicy, Work, agreed, failed},
        quality_gate::child,
        step::{self, site},
    },
};

/// An agent says that it cannot do an issue.
const UNABLE: &str = "Unable";
/// A planner gave what is no plan.
const BAD_PLAN: &str = "BadPlan";
/// What does not pass the gate is not published.
const QUALITY_GATE: &str = "QualityGate";
/// Patches contradict each other however often they are made again.
const MERGE_CONFLICT: &str = "MergeConflict";

/// How often patches that conflict are made anew.
const ROUNDS_MAX: u32 = 3;

pub(super) async fn deliver(ctx: Ctx<Own>, request: PlanPatchPrRequest) -> Result<PrResult> {
    let result = Saga::new(&ctx).run(async |saga| steps(&ctx, &request, saga).await).await;
    tidy(&ctx, &request.repository).await;
    result
}

async fn steps(ctx: &Ctx<Own>, request: &PlanPatchPrRequest, saga: &Saga<Own>) -> Result<PrResult> {
    let (plan, base) = plan(ctx, request).await?;
    let commit = patch_all(ctx, request, &plan, base.clone()).await?;
    let (commit, review) = match request.house.review {
        Some(ReviewPolicy { rounds }) => {
            let change = Change { plan: &plan, base: &base, commit };
            let (commit, review) = review::review(ctx, request, change, rounds).await?;
            (commit, Some(review))
        }
        None => (commit, None),
    };
    let asked = BranchRequest {
        site: site(ctx, &request.repository, "branch"),
        branch: plan.branch.branch(&request.requirement),
        commit,
    };
    let repository = request.repository.clone();
    let made = step::quick(ctx.activity(Publishing::make_branch, asked), None);
    let branch = saga.step("branch", made, |ctx, branch| remove_branch(ctx, repository, branch)).await?;
    let gate = gate(ctx, request, &branch).await?;
    let repository = request.repository.clone();
    let published = publish(ctx, request, &plan, &branch, &gate);
    let published =
        saga.step("pull request", published, |ctx, it: Published| close_pull_request(ctx, repository, it)).await?;
    if let Some(review) = &review {
        comment(ctx, request, published.pull_request.number, review.text()).await?;
    }
    let pull_request = if request.auto_merge {
        merge_pull_request(ctx, request, published.pull_request.number).await?
    } else {
        published.pull_request
    };
    Ok(PrResult { review, ..describe::result(pull_request, published.files, &gate) })
}

/// The plan that people agreed to, and the commit that it is for.
async fn plan(ctx: &Ctx<Own>, request: &PlanPatchPrRequest) -> Result<(Plan, String)> {
    desk::phase(ctx, "design");
    let design = design(ctx, request).await?;
    desk::phase(ctx, "plan");
    let asked = PlanRequest {
        site: site(ctx, &request.repository, "plan"),
        requirement: request.requirement.clone(),
        design: design.clone(),
        notes: desk::notes(ctx),
    };
    let plan = desk::spend(ctx, Work::of("plan", "Plan", AgentType::Planner, Spend::AGENT), |queue| {
        step::long(ctx.activity(Planning::plan, asked), queue).into_future()
    });
    let plan = plan.await?;
    plan.waves().map_err(|fault| failed(BAD_PLAN, fault.to_string()))?;
    let issues = plan.issues.len();
    let detail = format!("{issues} {}, plan {}", if issues == 1 { "issue" } else { "issues" }, plan.hash().short());
    desk::step(ctx, "plan", "Plan", StepState::Done, &detail);
    ctx.with_mut(|state| state.plan = Some(plan.clone()));
    if request.approve_plan {
        desk::phase(ctx, "approval of the plan");
        let decision = desk::ask(ctx, Own::question(&plan)).await?;
        agreed(&decision, "the plan")?;
    }
    // It may have been edited meanwhile.
    let plan = ctx.with(|state| state.plan.clone()).unwrap_or(plan);
    Ok((plan, design.base_commit))
}

async fn design(ctx: &Ctx<Own>, request: &PlanPatchPrRequest) -> Result<Design> {
    let asked = DesignRequest {
        site: site(ctx, &request.repository, "design"),
        base: request.base.clone(),
        requirement: request.requirement.clone(),
        notes: desk::notes(ctx),
    };
    let work = Work::of("design", "Design", AgentType::Architect, Spend::AGENT);
    desk::spend(ctx, work, |queue| step::long(ctx.activity(Planning::design, asked), queue).into_future()).await
}

/// All patches on one commit: wave by wave, those of a wave at once.
async fn patch_all(ctx: &Ctx<Own>, request: &PlanPatchPrRequest, plan: &Plan, base: String) -> Result<String> {
    let waves = plan.waves().map_err(|fault| failed(BAD_PLAN, fault.to_string()))?;
    let mut commit = base;
    for (number, wave) in waves.into_iter().enumerate() {
        desk::phase(ctx, &format!("patches, wave {}", number + 1));
        commit = patch_wave(ctx, request, plan, wave, &commit, number + 1).await?;
    }
    Ok(commit)
}

/// Patches that conflict are made again, on what the others have come to.
async fn patch_wave(
    ctx: &Ctx<Own>,
    request: &PlanPatchPrRequest,
    plan: &Plan,
    wave: Vec<&Issue>,
    base: &str,
    number: usize,
) -> Result<String> {
    let mut left = wave;
    let mut base = base.to_owned();
    for round in 1..=ROUNDS_MAX {
        let patches = left.iter().map(|issue| patch(ctx, request, plan, issue, &base, round));
        let patches = join_all(patches).await.into_iter().collect::<Result<Vec<Patch>>>()?;
        let asked = MergeRequest {
            site: site(ctx, &request.repository, &format!("merge/{number}/{round}")),
            base: base.clone(),
            patches,
        };
        let merged = step::quick(ctx.activity(Coding::merge, asked), None).await?;
        if !merged.overlaps.is_empty() {
            let files: Vec<&str> = merged.overlaps.iter().map(String::as_str).collect();
            desk::tell(ctx, format!("patches overlap in {}", files.join(", ")));
        }
        left.retain(|issue| merged.conflicting.contains(&issue.id));
        if left.is_empty() {
            return Ok(merged.commit);
        }
        for issue in &left {
            let (id, detail) = (patch_step(issue), "it conflicts with other patches: it is made again");
            desk::step(ctx, &id, &issue.title, StepState::Waiting, detail);
            desk::tell(ctx, format!("{id} conflicts with other patches"));
        }
        base = merged.commit;
    }
    let ids: Vec<&str> = left.iter().map(|issue| issue.id.0.as_str()).collect();
    Err(failed(MERGE_CONFLICT, format!("{} conflict however often they are made", ids.join(", "))))
}

fn patch_step(issue: &Issue) -> String {
    format!("patch/{}", issue.id)
}

async fn patch(
    ctx: &Ctx<Own>,
    request: &PlanPatchPrRequest,
    plan: &Plan,
    issue: &Issue,
    base: &str,
    round: u32,
) -> Result<Patch> {
    let made = patched(ctx, request, plan, issue, base, round).await?;
    made.map_err(|reason| failed(UNABLE, format!("{}: {reason}", patch_step(issue))))
}

/// What comes of an issue: a patch, or why there is none.
pub(super) async fn patched(
    ctx: &Ctx<Own>,
    request: &PlanPatchPrRequest,
    plan: &Plan,
    issue: &Issue,
    base: &str,
    round: u32,
) -> Result<Result<Patch, String>> {
    let id = patch_step(issue);
    let asked = PatchRequest {
        site: site(ctx, &request.repository, &format!("{id}/{round}")),
        issue: issue.clone(),
        plan: plan.hash(),
        base: base.to_owned(),
        notes: desk::notes(ctx),
    };
    let need = Some(Need { agent_type: AgentType::Coder, skills: issue.skills.clone() });
    let work = Work { step: id.clone(), title: issue.title.clone(), want: Spend::AGENT, need };
    let call = ctx.activity(Coding::patch, asked).summary(&issue.title);
    match desk::spend(ctx, work, |queue| step::long(call, queue).into_future()).await? {
        PatchOutcome::Made(patch) => {
            desk::step(ctx, &id, &issue.title, StepState::Done, &patch.summary);
            Ok(Ok(patch))
        }
        PatchOutcome::Unable { reason, tried } => {
            let reason = format!("{reason} ({tried} candidates were tried)");
            desk::step(ctx, &id, &issue.title, StepState::Failed, &reason);
            Ok(Err(reason))
        }
    }
}

/// The gate, as a child with a budget out of this one's.
async fn gate(ctx: &Ctx<Own>, request: &PlanPatchPrRequest, branch: &str) -> Result<QualityGateResult> {
    desk::phase(ctx, "quality gate");
    let asked = GateRequest {
        repository: request.repository.clone(),
        branch: branch.to_owned(),
        base: request.base.clone(),
        pr_number: None,
        attempt_auto_fix: true,
        bar: request.bar.clone(),
        house: desk::house_of_child(ctx, child::COST),
    };
    let gate = child::gate(ctx, asked, "quality-gate").await?;
    if gate.can_merge {
        return Ok(gate);
    }
    let blocking = gate.blocking_issues.join("; ");
    Err(failed(QUALITY_GATE, format!("the change does not pass the quality gate: {blocking}")))
}

async fn publish(
    ctx: &Ctx<Own>,
    request: &PlanPatchPrRequest,
    plan: &Plan,
    branch: &str,
    gate: &QualityGateResult,
) -> Result<Published> {
    desk::phase(ctx, "pull request");
    let asked = PublishRequest {
        site: site(ctx, &request.repository, "publish"),
        branch: branch.to_owned(),
        commit: gate.commit.clone(),
        base: request.base.clone(),
        title: describe::title(&request.requirement),
        description: describe::description(plan, gate),
        labels: ["automated".to_owned(), plan.branch.prefix().to_owned()].into(),
    };
    let published = step::quick(ctx.activity(Publishing::publish, asked), None).await?;
    desk::step(ctx, "publish", "Pull request", StepState::Done, &published.pull_request.url);
    Ok(published)
}

/// Says beside the pull request what the reviewer said. That it cannot be said there undoes nothing.
async fn comment(ctx: &Ctx<Own>, request: &PlanPatchPrRequest, number: u64, comment: String) -> Result<()> {
    let asked = PullRequestRef { site: site(ctx, &request.repository, "review"), number, comment };
    match step::quick(ctx.activity(Publishing::comment, asked), None).await {
        Err(error) if !ctx.is_cancelled() && !desk::ends_run(&error) => {
            desk::tell(ctx, format!("the review could not be left on the pull request: {}", error.root()));
            Ok(())
        }
        done => done,
    }
}

async fn merge_pull_request(ctx: &Ctx<Own>, request: &PlanPatchPrRequest, number: u64) -> Result<PullRequest> {
    desk::phase(ctx, "merge");
    let comment = "Merged: the quality gate has passed.".to_owned();
    let asked = PullRequestRef { site: site(ctx, &request.repository, "merge-pull-request"), number, comment };
    let merged = step::quick(ctx.activity(Publishing::merge_pull_request, asked), None).await?;
    let commit = merged.merge_commit.clone().unwrap_or_default();
    desk::step(ctx, "merge", "Merge", StepState::Done, &commit);
    Ok(merged)
}
