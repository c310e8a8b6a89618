//! The workflows with everything real but the agents: git, worktrees, confined commands, the local forge.

use std::sync::Arc;

use weft::{Running, testing::TestEnv};
use weft_worker::{
    activity::{Coded, Coder, Desk, Diagnostician, Doing},
    budget::Limits,
    model::{Alert, CheckKind, CheckOutcome, Confidence, Diagnosis, Issue, Verdict},
    process::Supervisor,
    quality::Bar,
    sandbox::Mode,
    serve::{self, Agents, Settings},
    workflow::{GateRequest, PlanPatchPrRequest, PlanPatchPrWorkflow, QualityGateWorkflow},
};

use crate::{
    lab::{QUEUE, house, kind},
    shelf::{SHELF, Shelf},
};

/// Knows one thing.
struct OneTrick;

impl Coder for OneTrick {
    fn code<'a>(&'a self, _: &'a Issue, desk: Desk<'a>) -> Doing<'a, Coded> {
        Box::pin(async move {
            let path = desk.worktree.path().join("shelf.py");
            let module = std::fs::read_to_string(&path)?;
            if !module.contains("value > low") {
                return Ok(Coded::Unable { reason: "nothing is known to be wrong".to_owned(), tried: 1 });
            }
            std::fs::write(&path, module.replace("value > low", "value > high"))?;
            Ok(Coded::Changed { summary: "compare with the upper bound".to_owned() })
        })
    }
}

impl Diagnostician for OneTrick {
    fn diagnose<'a>(&'a self, alert: &'a Alert, agent: u32) -> Doing<'a, Diagnosis> {
        let root_cause = alert.logs.first().cloned().unwrap_or_default();
        let (agent, cause) = (format!("agent-{agent}"), root_cause.clone());
        let confidence = Confidence::clamped(0.9);
        let (evidence_for, evidence_against, suggested_fix) = (Vec::new(), Vec::new(), None);
        let diagnosis =
            Diagnosis { agent, cause, root_cause, confidence, evidence_for, evidence_against, suggested_fix };
        Box::pin(async move { Ok(diagnosis) })
    }
}

fn worker(env: &TestEnv, shelf: &Shelf) -> anyhow::Result<Running> {
    let supervisor = Supervisor::at(env!("CARGO_BIN_EXE_weft-worker"));
    let settings = Settings { queue: QUEUE.to_owned(), folder: shelf.folder(), supervisor, sandbox: Mode::Enforced };
    let agents = Agents { coder: Arc::new(OneTrick), diagnostician: Arc::new(OneTrick) };
    Ok(serve::worker(env.client(), &settings, agents)?.start()?)
}

fn gate(shelf: &Shelf, branch: &str) -> GateRequest {
    GateRequest {
        repository: shelf.path(),
        branch: branch.to_owned(),
        base: "main".to_owned(),
        pr_number: None,
        attempt_auto_fix: true,
        bar: Bar::default(),
        house: house(Limits::default()),
    }
}

fn wanted(shelf: &Shelf, requirement: &str) -> PlanPatchPrRequest {
    PlanPatchPrRequest {
        repository: shelf.path(),
        base: "main".to_owned(),
        requirement: requirement.to_owned(),
        auto_merge: true,
        approve_plan: false,
        bar: Bar::default(),
        house: house(Limits::default()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_runs_the_tests_of_a_branch_and_leaves_nothing_behind() -> anyhow::Result<()> {
    let (env, shelf) = (TestEnv::start().await?, Shelf::new(SHELF)?);
    shelf.branch("feature/same", &SHELF.replace("The nearest number", "The closest number"))?;
    shelf.branch("feature/worse", &SHELF.replace("return low", "return high"))?;
    let worker = worker(&env, &shelf)?;
    for (branch, can_merge, passed, failed) in [("feature/same", true, 6, 0), ("feature/worse", false, 4, 2)] {
        let run =
            env.client().start_workflow(QualityGateWorkflow::run, gate(&shelf, branch)).id(branch).task_queue(QUEUE);
        let result = run.await?.result().await?;
        let Some(CheckOutcome::Ran(tests)) = result.checks.get(&CheckKind::UnitTests) else {
            panic!("the tests did not run: {result:#?}");
        };
        let counts = tests.tests.expect("they are counted");
        assert_eq!((counts.passed, counts.failed, result.can_merge), (passed, failed, can_merge), "{result:#?}");
        assert_eq!(tests.verdict == Verdict::Passed, can_merge);
        assert_eq!(result.commit, shelf.asked(&["rev-parse", branch])?);
    }
    assert_eq!(shelf.worktrees()?, 0);
    assert_eq!(shelf.asked(&["for-each-ref", "--format=%(refname)", "refs/weft", "refs/heads/weft"])?, "");
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requirement_becomes_a_merged_pull_request() -> anyhow::Result<()> {
    let (env, shelf) = (TestEnv::start().await?, Shelf::new(&SHELF.replace("value > high", "value > low"))?);
    let worker = worker(&env, &shelf)?;
    let request = wanted(&shelf, "Fix refill in shelf.py: it orders nothing");
    let run = env.client().start_workflow(PlanPatchPrWorkflow::run, request).id("mend").task_queue(QUEUE).await?;
    let result = run.result().await?;
    assert_eq!((result.pr_number, result.merged, result.test_results.total), (1, true, 6), "{result:#?}");
    assert_eq!(result.branch_name, "bugfix/fix-refill-in-shelf-py-it-orders");
    assert_eq!(result.files_changed, ["shelf.py".to_owned()].into());
    assert_eq!(result.merge_commit_sha, Some(shelf.asked(&["rev-parse", "main"])?));
    assert_eq!(shelf.asked(&["show", "main:shelf.py"])?, SHELF.trim());
    assert_eq!(shelf.worktrees()?, 0);
    let refs = shelf.asked(&["for-each-ref", "--format=%(refname)"])?;
    assert_eq!(refs, "refs/heads/bugfix/fix-refill-in-shelf-py-it-orders\nrefs/heads/main\nrefs/pull/1/head");
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_cannot_do_leaves_the_repository_as_it_was() -> anyhow::Result<()> {
    let (env, shelf) = (TestEnv::start().await?, Shelf::new(SHELF)?);
    let worker = worker(&env, &shelf)?;
    let before = shelf.asked(&["for-each-ref"])?;
    let request = wanted(&shelf, "Add a page for shelves");
    let run = env.client().start_workflow(PlanPatchPrWorkflow::run, request).id("add").task_queue(QUEUE).await?;
    let error = run.result().await.expect_err("nothing fails, so there is nothing to mend");
    assert_eq!(kind(error), "Unable");
    assert_eq!((shelf.asked(&["for-each-ref"])?, shelf.worktrees()?), (before, 0));
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}
