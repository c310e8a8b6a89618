//! Branches of the way from an alert to a hotfix or an issue.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use weft::{Error, Failure, Result, Worker, client::WorkflowHandle, testing::TestEnv};
use weft_worker::{
    activity::{ChangeSeen, Checking, Coding, Diagnosing, Published, Publishing},
    approval::Answer,
    budget::Limits,
    forge::DocumentKind,
    model::{
        Alert, AlertSeverity, Billed, CheckKind, Confidence, ContentHash, Diagnosis, IncidentResult, Patch,
        PatchOutcome, PullRequest, PullRequestState,
    },
    progress::Status,
    quality::Bar,
    workflow::{IncidentRequest, IncidentSwarmWorkflow as Own, desk::Attended as _, seventy_percent},
};

use crate::lab::{QUEUE, house, kind, passed, tests, until};

/// What the agents think, and whether the fix passes its tests.
#[derive(Clone)]
struct World {
    thoughts: Vec<Option<(&'static str, f64)>>,
    fix_passes: bool,
    done: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new(thoughts: &[(&'static str, f64)]) -> Self {
        let thoughts = thoughts.iter().copied().map(Some).collect();
        Self { thoughts, fix_passes: true, done: Arc::default() }
    }

    fn did(&self, what: impl Into<String>) {
        self.done.lock().expect("no test panicked").push(what.into());
    }

    fn worker(&self, env: &TestEnv) -> Worker {
        let (a, b, c, d, e, f) = (self.clone(), self.clone(), self.clone(), self.clone(), self.clone(), self.clone());
        weft_worker::workflow::register(env.worker(QUEUE))
            .replace(Diagnosing::gather_context, |(request,)| async { Ok(Billed::attempt(request.alert)) })
            .replace(Diagnosing::diagnose, move |(request,)| {
                let thought = a.thoughts.get(request.agent as usize).copied().flatten();
                async move {
                    let none = || Error::from(Failure::application("nonsense").kind("Work").non_retryable());
                    let (cause, confidence) = thought.ok_or_else(none)?;
                    Ok(Billed::attempt(diagnosis(&format!("agent-{}", request.agent + 1), cause, confidence)))
                }
            })
            .replace(Coding::patch, move |(request,)| {
                b.did(format!("{}: {}", request.site.step, request.issue.title));
                async move {
                    Ok(Billed::attempt(PatchOutcome::Made(Patch {
                        issue: request.issue.id,
                        plan: request.plan,
                        base: request.base,
                        commit: "fixed".to_owned(),
                        branch: String::new(),
                        files: BTreeSet::new(),
                        diff: ContentHash::of(b""),
                        summary: "mended".to_owned(),
                    })))
                }
            })
            .replace(Publishing::make_branch, move |(request,)| {
                c.did(format!("made {}", request.branch));
                async move { Ok(request.branch) }
            })
            .replace(Publishing::remove_branch, move |(request,)| {
                d.did(format!("removed {}", request.branch));
                async { Ok(()) }
            })
            .replace(Publishing::publish, move |(request,)| {
                let labels: Vec<&str> = request.labels.iter().map(String::as_str).collect();
                e.did(format!("published {}", labels.join(" ")));
                let pull_request = pull_request(request.branch);
                async { Ok(Published { pull_request, files: BTreeSet::new() }) }
            })
            .replace(Publishing::keep_document, |(request,)| async move {
                let kind = match request.kind {
                    DocumentKind::Issue => "issue",
                    DocumentKind::Postmortem => "postmortem",
                };
                Ok(format!("https://docs.example.com/{kind}/{}", request.site.step))
            })
            .replace(Publishing::tidy, |_| async { Ok(()) })
            .replace(Checking::look, |_| async {
                Ok(ChangeSeen { commit: "fixed".to_owned(), diff: ContentHash::of(b"") })
            })
            .replace(Checking::check, move |(request,)| {
                let fails = !f.fix_passes && request.kind == CheckKind::UnitTests;
                async move { Ok(Billed::attempt(if fails { tests(9, 1) } else { passed() })) }
            })
    }
}

fn diagnosis(agent: &str, cause: &str, confidence: f64) -> Diagnosis {
    Diagnosis {
        agent: agent.to_owned(),
        cause: cause.to_owned(),
        root_cause: cause.to_owned(),
        confidence: Confidence::clamped(confidence),
        evidence_for: Vec::new(),
        evidence_against: Vec::new(),
        suggested_fix: None,
    }
}

fn pull_request(branch: String) -> PullRequest {
    PullRequest {
        number: 458,
        url: "https://git.example.com/shop/pull/458".to_owned(),
        branch,
        base: "main".to_owned(),
        title: String::new(),
        description: String::new(),
        labels: BTreeSet::new(),
        state: PullRequestState::Open,
        merge_commit: None,
    }
}

fn alert() -> IncidentRequest {
    IncidentRequest {
        repository: "/srv/shop".to_owned(),
        base: "main".to_owned(),
        alert: Alert {
            id: "alert-db-001".to_owned(),
            severity: AlertSeverity::Critical,
            service: "api-service".to_owned(),
            message: "Database connection pool exhausted".to_owned(),
            timestamp: "2024-01-15T14:32:00Z".to_owned(),
            metrics: BTreeMap::new(),
            logs: Vec::new(),
            series: BTreeMap::new(),
        },
        num_diagnostic_agents: 3,
        auto_fix: true,
        threshold: seventy_percent(),
        bar: Bar::default(),
        house: house(Limits::default()),
    }
}

async fn play(
    world: World,
    request: IncidentRequest,
    then: impl AsyncFn(&TestEnv, &WorkflowHandle<Own>) -> Result<()>,
) -> Result<(std::result::Result<IncidentResult, String>, Vec<String>)> {
    let env = TestEnv::start().await?;
    let worker = world.worker(&env).start()?;
    let run = env.client().start_workflow(Own::run, request).id("incident").task_queue(QUEUE).await?;
    then(&env, &run).await?;
    let ended = env.skip(run.result()).await.map_err(kind);
    worker.shutdown().await?;
    env.shutdown().await;
    let done = world.done.lock().expect("no test panicked").clone();
    Ok((ended, done))
}

async fn nothing(_: &TestEnv, _: &WorkflowHandle<Own>) -> Result<()> {
    Ok(())
}

const POOL: &str = "Connection pool too small for traffic";
const LEAK: &str = "Database connection leak in service";

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_agree_and_the_hotfix_is_published_with_the_dissent_kept() -> Result<()> {
    let world = World::new(&[(POOL, 0.85), (POOL, 0.90), (LEAK, 0.70)]);
    let (ended, done) = play(world, alert(), nothing).await?;
    let result = ended.expect("it completes");
    assert_eq!((result.consensus.root_cause.as_str(), result.consensus.confidence.get()), (POOL, 0.88));
    assert_eq!((result.consensus.supporting_diagnoses.len(), result.consensus.conflicting_diagnoses.len()), (2, 1));
    assert!(result.fix_applied && !result.rollback_performed && result.manual_issue_url.is_none());
    assert_eq!(result.hotfix_pr_url.as_deref(), Some("https://git.example.com/shop/pull/458"));
    let expected = [
        "fix/1: Fix: Connection pool too small for traffic",
        "made hotfix/connection-pool-too-small-for",
        "published automated hotfix severity:critical",
    ];
    assert_eq!(done, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_is_sure_there_is_an_issue_and_no_fix() -> Result<()> {
    let world = World::new(&[("database", 0.60), ("model", 0.55), ("cache", 0.65)]);
    let (ended, done) = play(world, alert(), nothing).await?;
    let result = ended.expect("it completes");
    assert_eq!((result.consensus.root_cause.as_str(), result.consensus.confidence.get()), ("cache", 0.60));
    assert!(!result.fix_applied && result.hotfix_pr_url.is_none());
    assert_eq!(result.manual_issue_url.as_deref(), Some("https://docs.example.com/issue/issue"));
    assert_eq!((result.postmortem_url.as_str(), done.len()), ("https://docs.example.com/postmortem/postmortem", 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contested_case_is_a_persons() -> Result<()> {
    for (agrees, fixed) in [(true, true), (false, false)] {
        let world = World::new(&[("database", 0.9), ("model", 0.8), ("cache", 0.85)]);
        let say = async |env: &TestEnv, run: &WorkflowHandle<Own>| {
            until(env, Status::WaitingForApproval, async || run.query(Own::status, ()).await).await;
            let answer = Answer { by: "Ada".to_owned(), ..Answer::default() };
            if agrees {
                run.signal(Own::approve, answer).await?;
            } else {
                run.signal(Own::reject, answer).await?;
            }
            Ok(())
        };
        let (ended, _) = play(world, alert(), say).await?;
        assert_eq!(ended.expect("it completes").fix_applied, fixed);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_that_fails_its_tests_is_rolled_back() -> Result<()> {
    let world = World { fix_passes: false, ..World::new(&[(POOL, 0.9), (POOL, 0.9), (POOL, 0.9)]) };
    let (ended, done) = play(world, alert(), nothing).await?;
    let result = ended.expect("it completes");
    assert!(!result.fix_applied && result.rollback_performed && result.manual_issue_url.is_some());
    assert_eq!(
        done[1..],
        ["made hotfix/connection-pool-too-small-for", "removed hotfix/connection-pool-too-small-for"]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_gives_nonsense_is_left_out() -> Result<()> {
    let world = World { thoughts: vec![Some((POOL, 0.9)), None, Some((POOL, 0.8))], ..World::new(&[]) };
    let (ended, _) = play(world, alert(), nothing).await?;
    let result = ended.expect("it completes");
    assert_eq!((result.consensus.supporting_diagnoses.len(), result.fix_applied), (2, true));
    let world = World::new(&[]);
    let (ended, _) = play(world, alert(), nothing).await?;
    assert_eq!(ended.expect_err("it fails"), "NoDiagnosis");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn late_evidence_turns_the_consensus_and_the_fix_with_it() -> Result<()> {
    // Contested, so that there is time to say something else.
    let world = World::new(&[(POOL, 0.9), (LEAK, 0.8)]);
    let request = IncidentRequest { num_diagnostic_agents: 2, ..alert() };
    let say = async |env: &TestEnv, run: &WorkflowHandle<Own>| {
        until(env, Status::WaitingForApproval, async || run.query(Own::status, ()).await).await;
        run.signal(Own::add_diagnosis, diagnosis("dba", LEAK, 0.95)).await?;
        run.signal(Own::approve, Answer::default()).await?;
        Ok(())
    };
    let (ended, done) = play(world, request, say).await?;
    let result = ended.expect("it completes");
    assert_eq!((result.consensus.root_cause.as_str(), result.consensus.supporting_diagnoses.len()), (LEAK, 2));
    let expected = [
        "fix/1: Fix: Connection pool too small for traffic",
        "made hotfix/connection-pool-too-small-for",
        "removed hotfix/connection-pool-too-small-for",
        "fix/2: Fix: Database connection leak in service",
        "made hotfix/database-connection-leak-in-service",
        "published automated hotfix severity:critical",
    ];
    assert_eq!(done, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_mended_where_that_is_not_wanted() -> Result<()> {
    let world = World::new(&[(POOL, 0.9), (POOL, 0.9), (POOL, 0.9)]);
    let (ended, done) = play(world, IncidentRequest { auto_fix: false, ..alert() }, nothing).await?;
    assert!(ended.expect("it completes").manual_issue_url.is_some());
    assert_eq!(done, Vec::<String>::new());
    Ok(())
}
