//! Quality gate: all checks pass after an auto-fix (example 1), and issues that block (example 2).

use weft::testing::TestEnv;
use weft_worker::{
    budget::Limits,
    forge::{Forge, Local, NewPullRequest},
    model::{CheckKind, CheckOutcome, CheckReport, Percent, QualityGateResult},
    quality::Bar,
    repository::Repository,
    workflow::{GateRequest, QualityGateWorkflow},
};

use super::project::{checks, functions, number_next, repository, tests, tools};
use crate::{
    lab::{QUEUE, house},
    shelf::Shelf,
};

const UNSAFE: &str = "def find(db, name):\n    return db.execute(\"SELECT * FROM notices WHERE name = '%s'\" % name)\n";

/// A branch with this change, on a repository that has nothing but its checks, and its pull request.
async fn proposed(branch: &str, number: u64, fix_of_coverage: &str, files: &[(&str, String)]) -> anyhow::Result<Shelf> {
    let main = [
        (".weft/checks.yaml".to_owned(), checks("app", fix_of_coverage)),
        ("app/__init__.py".to_owned(), String::new()),
        ("tests/__init__.py".to_owned(), String::new()),
        ("integration/__init__.py".to_owned(), String::new()),
    ];
    let shelf = repository(&[tools(), main.into()].concat())?;
    shelf.branch_of(branch, files)?;
    number_next(&shelf, number)?;
    let new = NewPullRequest {
        key: "a person".to_owned(),
        branch: branch.to_owned(),
        commit: shelf.asked(&["rev-parse", branch])?,
        base: "main".to_owned(),
        title: "Notices".to_owned(),
        description: String::new(),
        labels: [].into(),
    };
    let opened = Local::new(Repository::open(shelf.path()).await?)?.open(&new).await?;
    assert_eq!(opened.number, number);
    Ok(shelf)
}

/// As the document asks it.
async fn judged(shelf: &Shelf, branch: &str, number: u64) -> anyhow::Result<QualityGateResult> {
    let env = TestEnv::start().await?;
    let worker = shelf.worker(&env, "")?;
    let request = GateRequest {
        repository: shelf.path(),
        branch: branch.to_owned(),
        base: "main".to_owned(),
        pr_number: Some(number),
        attempt_auto_fix: true,
        bar: Bar::default(),
        house: house(Limits::default()),
    };
    assert_eq!(
        (request.bar.thresholds.required_coverage.get(), request.bar.thresholds.required_score.get()),
        (80.0, 85.0)
    );
    let run = env.client().start_workflow(QualityGateWorkflow::run, request).id("gate").task_queue(QUEUE).await?;
    let result = run.result().await?;
    worker.shutdown().await?;
    env.shutdown().await;
    assert_eq!(shelf.worktrees()?, 0);
    Ok(result)
}

fn report(result: &QualityGateResult, kind: CheckKind) -> &CheckReport {
    match result.checks.get(&kind) {
        Some(CheckOutcome::Ran(report)) => report,
        other => panic!("{kind:?} did not run: {other:?}"),
    }
}

/// Tests that passed, and all of them.
fn counted(result: &QualityGateResult, kind: CheckKind) -> (u64, u64) {
    let counts = report(result, kind).tests.unwrap_or_else(|| panic!("{kind:?} has no tests: {result:#?}"));
    (counts.passed, counts.passed + counts.failed)
}

/// What the pull request was told.
fn told(shelf: &Shelf, number: u64) -> anyhow::Result<serde_json::Value> {
    let path = std::path::Path::new(&shelf.path()).join(format!("weft/pull-requests/{number}.json"));
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn example_1_all_checks_pass() -> anyhow::Result<()> {
    let branch = "feature/add-notifications";
    let careless = |number| {
        format!("def read_{number}(path):\n    try:\n        return open(path).read()\n    except:\n        pass\n")
    };
    let files = [
        ("app/notices.py", functions(100, 3, 0..0)),
        ("integration/reading.py", (1..4).map(careless).collect()),
        ("tests/test_notices.py", tests("app.notices", 50, 77)),
        ("integration/test_notices.py", tests("app.notices", 15, 77)),
    ];
    let shelf = proposed(branch, 123, "", &files).await?;
    let result = judged(&shelf, branch, 123).await?;
    assert_eq!(result.pr_number, Some(123));
    assert!(result.all_checks_passed && result.required_checks_passed && result.can_merge, "{result:#?}");
    assert!(result.auto_fixes_applied && result.blocking_issues.is_empty() && result.checks.len() == 8);
    assert_eq!(counted(&result, CheckKind::UnitTests), (50, 50));
    assert_eq!(counted(&result, CheckKind::IntegrationTests), (15, 15));
    assert_eq!(report(&result, CheckKind::Coverage).coverage.map(Percent::get), Some(88.5));
    assert_eq!(report(&result, CheckKind::StaticAnalysis).findings.len(), 3);
    assert!(result.overall_score.get() >= 93.5, "{result:#?}");
    // The fix is a commit of the branch, and what was judged.
    assert_eq!(result.commit, shelf.asked(&["rev-parse", branch])?);
    assert_eq!(
        shelf.asked(&["diff", "--shortstat", &format!("{branch}~"), branch])?,
        "1 file changed, 3 insertions(+), 3 deletions(-)"
    );
    let told = told(&shelf, 123)?;
    assert_eq!(told["status"]["success"], true);
    assert!(told["comments"]["report"].as_str().is_some_and(|text| text.contains("can be merged")), "{told:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn example_2_blocking_issues() -> anyhow::Result<()> {
    let branch = "feature/new-api";
    let more = ", fix: \"sed -i 's/range(30)/range(44)/' tests/test_notices.py\"";
    let files = [
        ("app/notices.py", functions(99, 3, 25..30)),
        ("app/find.py", UNSAFE.to_owned()),
        ("tests/test_notices.py", tests("app.notices", 50, 30)),
    ];
    let shelf = proposed(branch, 124, more, &files).await?;
    let result = judged(&shelf, branch, 124).await?;
    assert_eq!(result.pr_number, Some(124));
    assert!(!result.all_checks_passed && !result.required_checks_passed && !result.can_merge, "{result:#?}");
    // What could be fixed is fixed, and some more is covered.
    assert!(result.auto_fixes_applied, "{result:#?}");
    assert_eq!(report(&result, CheckKind::Lint).summary, "passed");
    assert_eq!(counted(&result, CheckKind::UnitTests), (45, 50));
    let blocking = [
        "[Unit Tests] 5 test failures",
        "[Code Coverage] Coverage 72% < required 80%",
        "[Security Scan] Critical: SQL injection vulnerability",
    ];
    let found: std::collections::BTreeSet<&str> = result.blocking_issues.iter().map(String::as_str).collect();
    assert_eq!(found, blocking.into());
    assert!(result.overall_score.get() < 85.0, "{result:#?}");
    let told = told(&shelf, 124)?;
    assert_eq!(
        (&told["status"]["success"], &told["status"]["blocking_issues"]),
        (&false.into(), &serde_json::json!(result.blocking_issues))
    );
    assert!(told["comments"]["report"].as_str().is_some_and(|text| text.contains("cannot be merged")), "{told:#}");
    Ok(())
}
