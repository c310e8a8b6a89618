//! `QualityGateWorkflow`: eight checks at once, fixes for what they find, a score, and a word to the pull request.
//!
//! ```text
//! look ─► checks, at once ─► (failed and wanted) auto-fix ─► all checks again, on what was fixed ─► judge ─► report
//! ```
//!
//! The result is always about one commit: after a fix everything is looked at again, since a fix may break what passed.

pub(super) mod child;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use weft::{Ctx, Result, workflow};

use super::{
    clear::tidy,
    desk::{self, AtDesk, Desk, House, Work},
    step::{self, site},
};
use crate::{
    activity::{ChangeSeen, CheckRequest, Checking, FixRequest, GateReport, LookRequest},
    model::{CheckKind, CheckOutcome, QualityGateResult, Spend},
    progress::StepState,
    quality::{Bar, Looked, has_failed, judge},
    routing::{AgentType, Need},
};

/// What a gate is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateRequest {
    pub repository: String,
    pub branch: String,
    /// What the branch is to be merged into.
    pub base: String,
    /// Gets a status and a comment.
    #[serde(default)]
    pub pr_number: Option<u64>,
    #[serde(default)]
    pub attempt_auto_fix: bool,
    #[serde(default)]
    pub bar: Bar,
    #[serde(default)]
    pub house: House,
}

/// See the module.
#[derive(Debug, Default)]
pub struct QualityGateWorkflow {
    desk: Desk,
}

impl AtDesk for QualityGateWorkflow {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }
}

#[workflow(with = desk::handlers)]
impl QualityGateWorkflow {
    #[run]
    pub async fn run(ctx: Ctx<Self>, request: GateRequest) -> Result<QualityGateResult> {
        desk::open(&ctx, request.house.clone());
        desk::abortable(&ctx, |ctx| gate(ctx, request)).await
    }
}

type Outcomes = BTreeMap<CheckKind, CheckOutcome>;

async fn gate<S: AtDesk>(ctx: Ctx<S>, request: GateRequest) -> Result<QualityGateResult> {
    let result = steps(&ctx, &request).await;
    tidy(&ctx, &request.repository).await;
    result
}

async fn steps<S: AtDesk>(ctx: &Ctx<S>, request: &GateRequest) -> Result<QualityGateResult> {
    desk::phase(ctx, "quality checks");
    let mut seen = look(ctx, request, "look").await?;
    let mut outcomes = check_all(ctx, request, &seen, 1).await?;
    let has_failed = |(kind, outcome): (&CheckKind, &CheckOutcome)| has_failed(*kind, outcome, &request.bar);
    let failed: BTreeSet<CheckKind> = outcomes.iter().filter(|it| has_failed(*it)).map(|(kind, _)| *kind).collect();
    let mut auto_fixes_applied = false;
    if request.attempt_auto_fix && !failed.is_empty() {
        desk::phase(ctx, "auto-fixes");
        if fix(ctx, request, &seen, failed).await? {
            auto_fixes_applied = true;
            desk::phase(ctx, "quality checks again");
            seen = look(ctx, request, "look/2").await?;
            outcomes = check_all(ctx, request, &seen, 2).await?;
        }
    }
    let ChangeSeen { commit, diff } = seen;
    let spent = ctx.with(|state| state.desk().budget.spent());
    let looked = Looked { pr_number: request.pr_number, commit, diff, auto_fixes_applied, spent };
    let result = judge(outcomes, &request.bar, looked);
    desk::tell(ctx, verdict(&result));
    if let Some(pr_number) = request.pr_number {
        desk::phase(ctx, "report");
        let report = GateReport { site: site(ctx, &request.repository, "report"), pr_number, result: result.clone() };
        step::quick(ctx.activity(Checking::report_gate, report), None).await?;
    }
    Ok(result)
}

fn verdict(result: &QualityGateResult) -> String {
    let can = if result.can_merge { "can be merged" } else { "cannot be merged" };
    let blocking = result.blocking_issues.join("; ");
    let why = if blocking.is_empty() { String::new() } else { format!(": {blocking}") };
    format!("score {}, {can}{why}", result.overall_score.get())
}

/// Which commit the branch is at.
async fn look<S: AtDesk>(ctx: &Ctx<S>, request: &GateRequest, id: &str) -> Result<ChangeSeen> {
    let look = LookRequest {
        site: site(ctx, &request.repository, id),
        branch: request.branch.clone(),
        base: request.base.clone(),
    };
    step::quick(ctx.activity(Checking::look, look), None).await
}

async fn check_all<S: AtDesk>(ctx: &Ctx<S>, request: &GateRequest, seen: &ChangeSeen, round: u32) -> Result<Outcomes> {
    let checks = CheckKind::ALL.map(|kind| check(ctx, request, seen, kind, round));
    join_all(checks).await.into_iter().collect()
}

/// A check that cannot be run is an outcome too, unless the run itself is to end.
async fn check<S: AtDesk>(
    ctx: &Ctx<S>,
    request: &GateRequest,
    seen: &ChangeSeen,
    kind: CheckKind,
    round: u32,
) -> Result<(CheckKind, CheckOutcome)> {
    let id = format!("check/{}/{round}", kind.name());
    let site = site(ctx, &request.repository, &id);
    let asked =
        CheckRequest { site, base: request.base.clone(), commit: seen.commit.clone(), diff: seen.diff.clone(), kind };
    let work = Work { step: id.clone(), title: kind.title().to_owned(), want: Spend::ATTEMPT, need: Some(tester()) };
    let outcome = desk::spend(ctx, work, |queue| {
        step::long(ctx.activity(Checking::check, asked).summary(kind.title()), queue).into_future()
    });
    let outcome = match outcome.await {
        Ok(outcome) => outcome,
        Err(error) if ctx.is_cancelled() || desk::ends_run(&error) => return Err(error),
        Err(error) => CheckOutcome::CouldNotRun { reason: error.root().message.clone() },
    };
    let (state, detail) = match &outcome {
        CheckOutcome::Ran(report) if has_failed(kind, &outcome, &request.bar) => {
            (StepState::Failed, report.summary.as_str())
        }
        CheckOutcome::Ran(report) => (StepState::Done, report.summary.as_str()),
        CheckOutcome::CouldNotRun { reason } => (StepState::Failed, reason.as_str()),
    };
    desk::step(ctx, &id, kind.title(), state, detail);
    Ok((kind, outcome))
}

/// Whether anything was mended.
async fn fix<S: AtDesk>(
    ctx: &Ctx<S>,
    request: &GateRequest,
    seen: &ChangeSeen,
    failed: BTreeSet<CheckKind>,
) -> Result<bool> {
    let asked = FixRequest {
        site: site(ctx, &request.repository, "auto-fix"),
        base: request.base.clone(),
        branch: request.branch.clone(),
        commit: seen.commit.clone(),
        failed,
    };
    let work =
        Work { step: "auto-fix".to_owned(), title: "Auto-fix".to_owned(), want: Spend::ATTEMPT, need: Some(tester()) };
    let fixed =
        desk::spend(ctx, work, |queue| step::long(ctx.activity(Checking::auto_fix, asked), queue).into_future());
    match fixed.await {
        Ok(fixed) => {
            desk::step(ctx, "auto-fix", "Auto-fix", StepState::Done, &fixed.summary);
            Ok(fixed.commit.is_some())
        }
        Err(error) if ctx.is_cancelled() || desk::ends_run(&error) => Err(error),
        // What could not be fixed stays what it is.
        Err(_) => Ok(false),
    }
}

fn tester() -> Need {
    Need { agent_type: AgentType::Tester, skills: BTreeSet::new() }
}
