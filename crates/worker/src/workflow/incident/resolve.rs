//! The steps of the workflow, in their order.

use std::collections::BTreeSet;

use futures::future::join_all;
use weft::{Ctx, Result, Saga};

use super::{IncidentRequest, IncidentSwarmWorkflow as Own, write};
use crate::{
    activity::{
        BranchRequest, Coding, ContextRequest, DiagnoseRequest, Diagnosing, DocumentRequest, PatchRequest,
        PublishRequest, Published, Publishing,
    },
    approval::{Decision, Question},
    consensus::{self, Course},
    forge::DocumentKind,
    model::{
        Alert, BranchKind, Consensus, ContentHash, Diagnosis, IncidentResult, Issue, IssueId, PatchOutcome, Spend,
    },
    progress::{Status, StepState},
    routing::AgentType,
    workflow::{
        GateRequest,
        clear::{remove_branch, tidy},
        desk::{self, Work, ends_run, failed},
        quality_gate::child,
        step::{self, site},
    },
};

/// Nobody had anything to say.
const NO_DIAGNOSIS: &str = "NoDiagnosis";
/// Agents that think about one incident; who asks for more gets so many.
const AGENTS_MAX: u32 = 16;
/// How often late evidence may turn everything.
const TURNS_MAX: u32 = 3;

/// What came of an attempt to mend it.
pub(super) enum Fix {
    /// On a branch, at the commit that passed the gate.
    Made {
        branch: String,
        commit: String,
    },
    None {
        reason: String,
        rolled_back: bool,
    },
}

pub(super) async fn resolve(ctx: Ctx<Own>, request: IncidentRequest) -> Result<IncidentResult> {
    let result = Saga::new(&ctx).run(async |saga| steps(&ctx, &request, saga).await).await;
    tidy(&ctx, &request.repository).await;
    result
}

async fn steps(ctx: &Ctx<Own>, request: &IncidentRequest, saga: &Saga<Own>) -> Result<IncidentResult> {
    let began_ms = desk::now_ms(ctx);
    desk::phase(ctx, "context");
    let alert = gather(ctx, request).await?;
    desk::phase(ctx, "diagnoses");
    let mut diagnoses = diagnose_all(ctx, request, &alert).await?;
    let mut turn = 0;
    let (consensus, fix) = loop {
        turn += 1;
        diagnoses.extend(ctx.with_mut(|state| std::mem::take(&mut state.late)));
        let consensus = believe(ctx, &diagnoses)?;
        let fix = mend(ctx, request, &consensus, turn).await?;
        let late = ctx.with(|state| [&diagnoses[..], &state.late].concat());
        let turned = consensus::build(&late).is_some_and(|it| consensus::cause(&it) != consensus::cause(&consensus));
        if !turned {
            break (consensus, fix);
        }
        desk::tell(ctx, "late evidence has turned the consensus");
        if let Fix::Made { branch, .. } = fix {
            remove_branch(ctx.shielded(), request.repository.clone(), branch).await?;
        }
        if turn == TURNS_MAX {
            let reason = "late evidence turns the consensus again and again".to_owned();
            break (consensus, Fix::None { reason, rolled_back: true });
        }
    };
    let (hotfix, issue, rolled_back) = match fix {
        Fix::Made { branch, commit } => {
            let (repository, made) = (request.repository.clone(), branch.clone());
            saga.undo("branch", move |ctx| remove_branch(ctx, repository, made));
            let published = publish(ctx, request, &consensus, &branch, commit).await?;
            (Some(published.pull_request.url), None, false)
        }
        Fix::None { reason, rolled_back } => {
            let text = write::issue(&alert, &consensus, &reason);
            let title = format!("{}: {}", request.alert.service, request.alert.message);
            let url = keep(ctx, request, DocumentKind::Issue, "issue", title, text).await?;
            (None, Some(url), rolled_back)
        }
    };
    desk::phase(ctx, "postmortem");
    let timeline = ctx.with(|state| state.desk.timeline.clone());
    let text = write::postmortem(&alert, &consensus, hotfix.as_deref(), issue.as_deref(), &timeline);
    let title = format!("Postmortem of {}", request.alert.id);
    let postmortem_url = keep(ctx, request, DocumentKind::Postmortem, "postmortem", title, text).await?;
    Ok(IncidentResult {
        alert_id: request.alert.id.clone(),
        consensus,
        fix_applied: hotfix.is_some(),
        hotfix_pr_url: hotfix,
        manual_issue_url: issue,
        postmortem_url,
        resolution_time_minutes: write::minutes(desk::now_ms(ctx).saturating_sub(began_ms)),
        rollback_performed: rolled_back,
    })
}

async fn gather(ctx: &Ctx<Own>, request: &IncidentRequest) -> Result<Alert> {
    let asked = ContextRequest {
        site: site(ctx, &request.repository, "context"),
        base: request.base.clone(),
        alert: request.alert.clone(),
    };
    let work = Work::of("context", "Context", AgentType::Operator, Spend::ATTEMPT);
    desk::spend(ctx, work, |queue| step::long(ctx.activity(Diagnosing::gather_context, asked), queue).into_future())
        .await
}

/// What those think who could think; none of them knows of the others.
async fn diagnose_all(ctx: &Ctx<Own>, request: &IncidentRequest, alert: &Alert) -> Result<Vec<Diagnosis>> {
    let diagnoses =
        (0..request.num_diagnostic_agents.clamp(1, AGENTS_MAX)).map(|agent| diagnose(ctx, request, alert, agent));
    let mut thoughts = Vec::new();
    for diagnosis in join_all(diagnoses).await {
        match diagnosis {
            Ok(diagnosis) => thoughts.push(diagnosis),
            Err(error) if ctx.is_cancelled() || ends_run(&error) => return Err(error),
            Err(error) => desk::tell(ctx, format!("an agent has no diagnosis: {}", error.root())),
        }
    }
    Ok(thoughts)
}

async fn diagnose(ctx: &Ctx<Own>, request: &IncidentRequest, alert: &Alert, agent: u32) -> Result<Diagnosis> {
    let id = format!("diagnose/{}", agent + 1);
    let title = format!("Diagnosis {}", agent + 1);
    let asked = DiagnoseRequest { site: site(ctx, &request.repository, &id), alert: alert.clone(), agent };
    let work = Work::of(&id, &title, AgentType::Diagnostician, Spend::AGENT);
    let call = |queue| step::long(ctx.activity(Diagnosing::diagnose, asked), queue).into_future();
    let diagnosis = desk::spend(ctx, work, call).await?;
    let detail = format!("{} ({})", diagnosis.root_cause, diagnosis.confidence.get());
    desk::step(ctx, &id, &title, StepState::Done, &detail);
    Ok(diagnosis)
}

fn believe(ctx: &Ctx<Own>, diagnoses: &[Diagnosis]) -> Result<Consensus> {
    let consensus = consensus::build(diagnoses).ok_or_else(|| failed(NO_DIAGNOSIS, "no agent has a diagnosis"))?;
    let dissent = consensus.conflicting_diagnoses.len();
    desk::tell(ctx, format!("consensus: {} ({}, {dissent} dissent)", consensus.root_cause, consensus.confidence.get()));
    ctx.with_mut(|state| state.consensus = Some(consensus.clone()));
    Ok(consensus)
}

/// Mends it, if it is known well enough what is to be mended.
async fn mend(ctx: &Ctx<Own>, request: &IncidentRequest, consensus: &Consensus, turn: u32) -> Result<Fix> {
    let not = |reason: String| Ok(Fix::None { reason, rolled_back: false });
    match consensus::course(consensus, request.threshold) {
        Course::Manual => return not(format!("nobody is sure enough: {}", consensus.confidence.get())),
        Course::Contested => {
            let what = format!("The diagnoses contradict each other. Is it this: {}?", consensus.root_cause);
            let subject = Some(ContentHash::of_json(consensus));
            let decision = desk::ask(ctx, Question { id: "cause".to_owned(), what, subject }).await?;
            match decision {
                Decision::Approved { .. } => {}
                Decision::Rejected { .. } | Decision::NobodyAnswered => {
                    return not("the diagnoses contradict each other".to_owned());
                }
                Decision::Aborted { reason } => return Err(failed(desk::ABORTED, reason)),
            }
        }
        Course::Fix => {}
    }
    if !request.auto_fix {
        return not("nothing is to be mended without people".to_owned());
    }
    desk::phase(ctx, "fix");
    let patch = match patch(ctx, request, consensus, turn).await? {
        PatchOutcome::Made(patch) => patch,
        PatchOutcome::Unable { reason, .. } => return not(reason),
    };
    let asked = BranchRequest {
        site: site(ctx, &request.repository, &format!("branch/{turn}")),
        branch: BranchKind::Hotfix.branch(&consensus.root_cause),
        commit: patch.commit,
    };
    let branch = step::quick(ctx.activity(Publishing::make_branch, asked), None).await?;
    desk::phase(ctx, "test");
    match test(ctx, request, &branch, turn).await {
        Ok((true, commit, _)) => Ok(Fix::Made { branch, commit }),
        Ok((false, _, reason)) => {
            remove_branch(ctx.clone(), request.repository.clone(), branch).await?;
            desk::set_status(ctx, Status::Running);
            Ok(Fix::None { reason, rolled_back: true })
        }
        Err(error) => {
            remove_branch(ctx.shielded(), request.repository.clone(), branch).await?;
            Err(error)
        }
    }
}

async fn patch(ctx: &Ctx<Own>, request: &IncidentRequest, consensus: &Consensus, turn: u32) -> Result<PatchOutcome> {
    let title = format!("Fix: {}", consensus.root_cause);
    let issue = Issue {
        id: IssueId("hotfix".to_owned()),
        title: title.clone(),
        description: write::evidence(consensus),
        files: BTreeSet::new(),
        depends_on: BTreeSet::new(),
        skills: BTreeSet::new(),
    };
    let asked = PatchRequest {
        site: site(ctx, &request.repository, &format!("fix/{turn}")),
        issue,
        plan: ContentHash::of_json(consensus),
        base: request.base.clone(),
        notes: desk::notes(ctx),
    };
    let work = Work::of("fix", &title, AgentType::Coder, Spend::AGENT);
    let outcome = desk::spend(ctx, work, |queue| step::long(ctx.activity(Coding::patch, asked), queue).into_future());
    let outcome = outcome.await?;
    let (state, detail) = match &outcome {
        PatchOutcome::Made(patch) => (StepState::Done, patch.summary.as_str()),
        PatchOutcome::Unable { reason, .. } => (StepState::Failed, reason.as_str()),
    };
    desk::step(ctx, "fix", &title, state, detail);
    Ok(outcome)
}

/// Whether it passes the gate, at which commit, and why not.
async fn test(ctx: &Ctx<Own>, request: &IncidentRequest, branch: &str, turn: u32) -> Result<(bool, String, String)> {
    let asked = GateRequest {
        repository: request.repository.clone(),
        branch: branch.to_owned(),
        base: request.base.clone(),
        pr_number: None,
        attempt_auto_fix: false,
        bar: request.bar.clone(),
        house: desk::house_of_child(ctx, child::COST),
    };
    let gate = child::gate(ctx, asked, &format!("quality-gate/{turn}")).await?;
    Ok((gate.can_merge, gate.commit, gate.blocking_issues.join("; ")))
}

async fn publish(
    ctx: &Ctx<Own>,
    request: &IncidentRequest,
    consensus: &Consensus,
    branch: &str,
    commit: String,
) -> Result<Published> {
    desk::phase(ctx, "hotfix");
    let severity = format!("severity:{}", write::severity(request.alert.severity));
    let asked = PublishRequest {
        site: site(ctx, &request.repository, "publish"),
        branch: branch.to_owned(),
        commit,
        base: request.base.clone(),
        title: format!("Hotfix: {}", consensus.root_cause),
        description: write::hotfix(&request.alert, consensus),
        labels: ["automated".to_owned(), "hotfix".to_owned(), severity].into(),
    };
    let published = step::quick(ctx.activity(Publishing::publish, asked), None).await?;
    desk::step(ctx, "publish", "Hotfix", StepState::Done, &published.pull_request.url);
    Ok(published)
}

async fn keep(
    ctx: &Ctx<Own>,
    request: &IncidentRequest,
    kind: DocumentKind,
    id: &str,
    title: String,
    text: String,
) -> Result<String> {
    let labels = ["automated".to_owned(), format!("alert:{}", request.alert.id)].into();
    let asked = DocumentRequest { site: site(ctx, &request.repository, id), kind, title, text, labels };
    let url = step::quick(ctx.activity(Publishing::keep_document, asked), None).await?;
    desk::step(ctx, id, id, StepState::Done, &url);
    Ok(url)
}
