//! Branches of the quality gate.

use std::sync::{Arc, Mutex};

use weft::{Error, Failure, Result, Worker, testing::TestEnv};
use weft_worker::{
    activity::{ChangeSeen, CheckRequest, Checking, Fixed, Publishing},
    budget::Limits,
    model::{Billed, CheckKind, CheckOutcome, ContentHash, QualityGateResult, Verdict},
    workflow::QualityGateWorkflow,
};

use crate::lab::{QUEUE, covered, gate, passed, ran, tests};

/// What the pull request was told.
type Told = Arc<Mutex<Vec<QualityGateResult>>>;

/// A worker whose branch is at `commit-1`, and at `commit-2` once it was mended.
fn worker(
    env: &TestEnv,
    told: &Told,
    fixes: bool,
    check: impl Fn(&CheckRequest) -> Result<CheckOutcome> + Send + Sync + Clone + 'static,
) -> Worker {
    let told = Arc::clone(told);
    env.worker(QUEUE)
        .workflow(QualityGateWorkflow::run)
        .replace(Checking::look, |(request,)| async move {
            let commit = if request.site.step == "look" { "commit-1" } else { "commit-2" };
            Ok(ChangeSeen { commit: commit.to_owned(), diff: ContentHash::of(commit.as_bytes()) })
        })
        .replace(Checking::check, move |(request,)| {
            let outcome = check(&request);
            async move { Ok(Billed::attempt(outcome?)) }
        })
        .replace(Checking::auto_fix, move |(_,)| async move {
            let commit = fixes.then(|| "commit-2".to_owned());
            Ok(Billed { fruitful: fixes, ..Billed::attempt(Fixed { commit, summary: "ran the formatter".to_owned() }) })
        })
        .replace(Checking::report_gate, move |(report,)| {
            told.lock().expect("no test panicked").push(report.result);
            async { Ok(()) }
        })
        .replace(Publishing::tidy, |_| async { Ok(()) })
}

async fn judged(
    fixes: bool,
    check: impl Fn(&CheckRequest) -> Result<CheckOutcome> + Send + Sync + Clone + 'static,
) -> Result<QualityGateResult> {
    let (env, told) = (TestEnv::start().await?, Told::default());
    let worker = worker(&env, &told, fixes, check).start()?;
    let run =
        env.client().start_workflow(QualityGateWorkflow::run, gate(Limits::default())).id("gate").task_queue(QUEUE);
    let result = env.skip(run.await?.result()).await?;
    worker.shutdown().await?;
    env.shutdown().await;
    assert_eq!(
        *told.lock().expect("no test panicked"),
        std::slice::from_ref(&result),
        "the pull request is told what the result is"
    );
    Ok(result)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_all_eight_checks_can_be_merged() -> Result<()> {
    let result = judged(true, |_| Ok(passed())).await?;
    assert!(result.can_merge && result.all_checks_passed && !result.auto_fixes_applied);
    assert_eq!((result.checks.len(), result.commit.as_str()), (8, "commit-1"));
    assert_eq!(result.spent.attempts, 8);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_fixed_is_looked_at_again_as_a_whole() -> Result<()> {
    let check = |request: &CheckRequest| {
        let lint = request.kind == CheckKind::Lint && request.commit == "commit-1";
        Ok(if lint { CheckOutcome::Ran(ran(Verdict::Failed, "3 issues")) } else { passed() })
    };
    let result = judged(true, check).await?;
    assert!(result.can_merge && result.auto_fixes_applied);
    assert_eq!((result.commit.as_str(), result.spent.attempts), ("commit-2", 17));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_that_breaks_what_passed_is_seen() -> Result<()> {
    let check = |request: &CheckRequest| {
        Ok(match (request.kind, request.commit.as_str()) {
            (CheckKind::Lint, "commit-1") => CheckOutcome::Ran(ran(Verdict::Failed, "3 issues")),
            (CheckKind::UnitTests, "commit-2") => tests(49, 1),
            _ => passed(),
        })
    };
    let result = judged(true, check).await?;
    assert_eq!(result.blocking_issues, ["[Unit Tests] 1 test failures"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_fix_helps_blocks() -> Result<()> {
    let check = |request: &CheckRequest| {
        Ok(match request.kind {
            CheckKind::UnitTests => tests(45, 5),
            CheckKind::Coverage => covered(65.0),
            _ => passed(),
        })
    };
    let result = judged(false, check).await?;
    assert!(!result.can_merge && !result.auto_fixes_applied);
    assert_eq!(result.blocking_issues, ["[Unit Tests] 5 test failures", "[Code Coverage] Coverage 65% < required 80%"]);
    assert_eq!(result.commit, "commit-1");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_never_runs_is_tried_again_and_then_no_verdict() -> Result<()> {
    let attempts = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&attempts);
    let check = move |request: &CheckRequest| {
        if request.kind == CheckKind::Security {
            *counted.lock().expect("no test panicked") += 1;
            return Err(Error::from(Failure::application("the disk is full").kind("Environment")));
        }
        Ok(passed())
    };
    let result = judged(true, check).await?;
    assert_eq!(result.blocking_issues, ["[Security Scan] could not run: the disk is full"]);
    assert_eq!(*attempts.lock().expect("no test panicked"), 3);
    Ok(())
}
