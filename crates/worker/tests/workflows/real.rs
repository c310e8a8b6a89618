//! The workflows with everything real: git, worktrees, confined commands, the builtin provider, the local forge.

use std::collections::BTreeMap;

use weft::testing::TestEnv;
use weft_worker::{
    approval::Note,
    budget::Limits,
    model::{Alert, AlertSeverity, CheckKind, CheckOutcome, Spend, Verdict},
    quality::Bar,
    workflow::{
        GateRequest, IncidentRequest, IncidentSwarmWorkflow, PlanPatchPrWorkflow, QualityGateWorkflow,
        desk::Attended as _, seventy_percent,
    },
};

use crate::{
    lab::{QUEUE, house, kind},
    shelf::{BROKEN, SHELF, Shelf},
};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_runs_the_tests_of_a_branch_and_leaves_nothing_behind() -> anyhow::Result<()> {
    let (env, shelf) = (TestEnv::start().await?, Shelf::new(SHELF)?);
    shelf.branch("feature/same", &SHELF.replace("The nearest number", "The closest number"))?;
    shelf.branch("feature/worse", &SHELF.replace("return low", "return high"))?;
    let worker = shelf.worker(&env, "")?;
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
    let worker = shelf.worker(&env, "")?;
    let request = shelf.wanted(BROKEN);
    let run = env.client().start_workflow(PlanPatchPrWorkflow::run, request).id("mend").task_queue(QUEUE).await?;
    let result = run.result().await?;
    assert_eq!((result.pr_number, result.merged, result.test_results.total), (1, true, 6), "{result:#?}");
    assert_eq!(result.branch_name, "bugfix/fix-refill-in-shelf-py-it-orders");
    assert_eq!(result.files_changed, ["shelf.py".to_owned()].into());
    assert_eq!(result.merge_commit_sha, Some(shelf.asked(&["rev-parse", "main"])?));
    assert_eq!(shelf.asked(&["show", "main:shelf.py"])?, SHELF.trim());
    assert_eq!((shelf.worktrees()?, shelf.calls()?), (0, 0));
    let budget = run.query(PlanPatchPrWorkflow::budget, ()).await?;
    assert!(budget.spent.attempts > 3 && Spend { attempts: 0, ..budget.spent } == Spend::default(), "{budget:?}");
    let refs = shelf.asked(&["for-each-ref", "--format=%(refname)"])?;
    assert_eq!(refs, "refs/heads/bugfix/fix-refill-in-shelf-py-it-orders\nrefs/heads/main\nrefs/pull/1/head");
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_cannot_do_leaves_the_repository_as_it_was() -> anyhow::Result<()> {
    let (env, shelf) = (TestEnv::start().await?, Shelf::new(SHELF)?);
    let worker = shelf.worker(&env, "")?;
    let before = shelf.asked(&["for-each-ref"])?;
    let request = shelf.wanted("Add a page for shelves");
    let run = env.client().start_workflow(PlanPatchPrWorkflow::run, request).id("add").task_queue(QUEUE).await?;
    let error = run.result().await.expect_err("nothing fails, so there is nothing to mend");
    assert_eq!(kind(error), "Unable");
    assert_eq!((shelf.asked(&["for-each-ref"])?, shelf.worktrees()?), (before, 0));
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_a_command_makes_the_patch_and_sees_the_notes_and_no_keys() -> anyhow::Result<()> {
    let (env, shelf) = (TestEnv::start().await?, Shelf::new(&SHELF.replace("value > high", "value > low"))?);
    let keys = tempfile::tempdir()?;
    let key = keys.path().join("key");
    std::fs::write(&key, "a-key-that-nobody-sees")?;
    let key = key.display();
    let agent = format!(
        r#"
        roles.patch = "agent"
        [providers.agent]
        kind = "command"
        words = ["sh", "-c", "sed -i 's/value > low/value > high/' shelf.py; (grep -c 'the upper one'; cat {key}) > seen.txt; echo Compared."]
        [providers.model]
        kind = "llm"
        dialect = "anthropic"
        address = "http://127.0.0.1:1"
        model = "m"
        key = {{ file = "{key}" }}
    "#
    );
    let worker = shelf.worker(&env, &agent)?;
    let request = shelf.wanted(BROKEN);
    let run = env.client().start_workflow(PlanPatchPrWorkflow::run, request).id("agent").task_queue(QUEUE).await?;
    let note = Note { by: "Ada".to_owned(), text: "the bound is the upper one".to_owned() };
    run.signal(PlanPatchPrWorkflow::add_context, note).await?;
    let result = run.result().await?;
    assert_eq!(result.files_changed, ["seen.txt".to_owned(), "shelf.py".to_owned()].into());
    assert_eq!(shelf.asked(&["show", "main:seen.txt"])?, "1");
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}

/// Two agents begin the same file, each in its own words; on top of the other's both go on with it.
#[tokio::test(flavor = "multi_thread")]
async fn patches_that_contradict_each_other_are_made_again() -> anyhow::Result<()> {
    let test = |module: &str| {
        format!(
            "import unittest\n\nfrom {module} import count\n\n\nclass Count(unittest.TestCase):\n    \
             def test_{module}(self):\n        self.assertEqual(count([1, 2]), 2)\n"
        )
    };
    let wrong = "def count(things):\n    return len(things) + 1\n";
    let files =
        [("lamp.py", wrong), ("test_lamp.py", &test("lamp")), ("vase.py", wrong), ("test_vase.py", &test("vase"))];
    let shelf = Shelf::of(&files)?;
    let agents = r#"
        roles.patch = "agent"
        [providers.agent]
        kind = "command"
        words = ["sh", "-ec", "case $(cat) in *'in lamp.py'*) name=lamp ;; *) name=vase ;; esac; sed -i 's/ + 1//' $name.py; echo $name >> CHANGES"]
    "#;
    let env = TestEnv::start().await?;
    let worker = shelf.worker(&env, agents)?;
    let request = shelf.wanted("Fix what the tests complain of");
    let run = env.client().start_workflow(PlanPatchPrWorkflow::run, request).id("both").task_queue(QUEUE).await?;
    let result = run.result().await?;
    assert_eq!(result.files_changed, ["CHANGES", "lamp.py", "vase.py"].map(str::to_owned).into());
    assert!(result.merged && result.test_results.passed && result.test_results.total == 2, "{result:#?}");
    let changes = shelf.asked(&["show", "main:CHANGES"])?;
    assert!(changes == "lamp\nvase" || changes == "vase\nlamp", "{changes}");
    let timeline = run.query(PlanPatchPrWorkflow::timeline, ()).await?;
    for line in ["patches overlap in CHANGES", "conflicts with other patches"] {
        assert!(timeline.entries.iter().any(|entry| entry.what.contains(line)), "{line:?} is not in {timeline:#?}");
    }
    assert_eq!((shelf.worktrees()?, shelf.calls()?), (0, 0));
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_becomes_a_hotfix_that_mends_what_the_tests_complain_of() -> anyhow::Result<()> {
    let (env, shelf) = (TestEnv::start().await?, Shelf::new(&SHELF.replace("value > high", "value > low"))?);
    let worker = shelf.worker(&env, "")?;
    let run = env.client().start_workflow(IncidentSwarmWorkflow::run, pool_is_exhausted(&shelf)).id("alert");
    let run = run.task_queue(QUEUE).await?;
    let result = run.result().await?;
    assert_eq!(result.consensus.supporting_diagnoses.len(), 3, "{result:#?}");
    assert!(result.fix_applied && result.hotfix_pr_url.is_some() && !result.rollback_performed, "{result:#?}");
    let hotfix = shelf.asked(&["for-each-ref", "--format=%(refname:short)", "refs/heads/hotfix"])?;
    assert_eq!(shelf.asked(&["show", &format!("{hotfix}:shelf.py")])?, SHELF.trim());
    assert_eq!((shelf.worktrees()?, shelf.calls()?), (0, 0));
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}

/// With nothing that speaks against it: all agents agree.
fn pool_is_exhausted(shelf: &Shelf) -> IncidentRequest {
    let metrics = [("active_connections", 100.0), ("max_connections", 100.0), ("error_rate", 15.5)];
    let metrics: BTreeMap<String, f64> = metrics.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let log = "ERROR could not get a connection from the pool: 100 of 100 connections in use";
    IncidentRequest {
        repository: shelf.path(),
        base: "main".to_owned(),
        alert: Alert {
            id: "alert-db-001".to_owned(),
            severity: AlertSeverity::Critical,
            service: "api-service".to_owned(),
            message: "Database connection pool exhausted".to_owned(),
            timestamp: "2024-01-15T14:32:00Z".to_owned(),
            metrics,
            logs: vec![log.to_owned(); 5],
            series: BTreeMap::new(),
        },
        num_diagnostic_agents: 3,
        auto_fix: true,
        threshold: seventy_percent(),
        bar: Bar::default(),
        house: house(Limits::default()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_does_not_choose_its_own_judges() -> anyhow::Result<()> {
    let (env, shelf) = (TestEnv::start().await?, Shelf::new(SHELF)?);
    shelf.branch("feature/easy", &SHELF.replace("return low", "return high"))?;
    shelf.add("feature/easy", ".weft/checks.yaml", "checks: { unit_tests: { command: \"true\" } }\n")?;
    // Nor by what it looks like: pytest would be chosen for a tree that asks for it.
    shelf.add("feature/easy", "requirements.txt", "pytest\n")?;
    let worker = shelf.worker(&env, "")?;
    let request = gate(&shelf, "feature/easy");
    let run = env.client().start_workflow(QualityGateWorkflow::run, request).id("easy").task_queue(QUEUE).await?;
    let result = run.result().await?;
    let Some(CheckOutcome::Ran(tests)) = result.checks.get(&CheckKind::UnitTests) else {
        panic!("the tests did not run: {result:#?}");
    };
    assert!(tests.verdict == Verdict::Failed && tests.command.contains("unittest"), "{tests:#?}");
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}
