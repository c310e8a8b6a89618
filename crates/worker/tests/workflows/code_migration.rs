//! Branches of the line on which a code base is migrated.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use weft::{
    Error, Failure, Result, Worker,
    client::{WorkflowError, WorkflowHandle},
    testing::TestEnv,
};
use weft_worker::{
    activity::{
        AdvanceRequest, Analysis, Applied, ApplyRequest, Checking, Migrating, PublishRequest, Published, Publishing,
        RetreatRequest,
    },
    approval::{Answer, Note},
    budget::{Ceiling, Limits},
    model::{
        Billed, CheckKind, CheckOutcome, ContentHash, MigrationPlan, MigrationResult, MigrationStep, Percent,
        PullRequest, PullRequestState,
    },
    progress::Status,
    workflow::{CodeMigrationRequest, CodeMigrationWorkflow as Own, desk::Attended as _},
};

use crate::lab::{QUEUE, house, passed, tests, until};

/// What goes wrong with a step.
#[derive(Clone, Copy)]
enum Fault {
    Rules,
    Tests,
    Environment,
}

/// What is unlike in the tests.
#[derive(Clone, Default)]
struct World {
    /// What the activities did to the world, in their order.
    done: Arc<Mutex<Vec<String>>>,
    steps: usize,
    faults: BTreeMap<String, Fault>,
    /// Tests that pass and fail before anything is done, where they do not all pass.
    base: Option<(u64, u64)>,
    /// The repository has no tests.
    is_untested: bool,
    undo_fails: Option<String>,
    /// The branch moves for this step, and nobody hears of it.
    lost: Option<String>,
    conflicts: bool,
    nothing_to_do: bool,
}

/// Each step with these faults.
fn with(steps: usize, faults: &[(usize, Fault)]) -> World {
    let faults = faults.iter().map(|(step, fault)| (format!("step-{step}"), *fault)).collect();
    World { steps, faults, ..World::default() }
}

fn broken(kind: &str, message: &str) -> Error {
    Failure::application(message).kind(kind).non_retryable().into()
}

impl World {
    fn did(&self, what: impl Into<String>) {
        self.done.lock().expect("no test panicked").push(what.into());
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().expect("no test panicked").clone()
    }

    fn plan(&self) -> MigrationPlan {
        let step = |number| MigrationStep {
            id: format!("step-{number}"),
            title: format!("do {number}"),
            rules: Vec::new(),
            files: BTreeSet::new(),
        };
        let (name, steps) = ("Migration to 3.11".to_owned(), (1..=self.steps).map(step).collect());
        MigrationPlan { name, steps, files_scanned: 500, files_affected: 42, deprecated: ["xrange".to_owned()].into() }
    }

    fn apply(&self, request: &ApplyRequest) -> Result<Applied> {
        let id = &request.step.id;
        if matches!(self.faults.get(id), Some(Fault::Rules)) {
            return Err(broken("Work", "rule bad: its query is wrong"));
        }
        if self.nothing_to_do {
            return Ok(Applied::Nothing);
        }
        self.did(format!("{id} on {}", request.commit));
        let (commit, summary) = (format!("c-{id}"), "2 places in 1 files".to_owned());
        Ok(Applied::Changed { commit, files: ["a.py".to_owned()].into(), diff: ContentHash::of(b""), summary })
    }

    /// Tests of `verify/step-1/unit_tests`.
    fn check(&self, step: &str, kind: CheckKind) -> CheckOutcome {
        let of = step.split('/').nth(1).unwrap_or_default();
        self.did(format!("check {of}"));
        let is_last = of == format!("step-{}", self.steps);
        match (self.faults.get(of), kind, self.base) {
            _ if self.is_untested => CheckOutcome::Ran(weft_worker::model::CheckReport {
                verdict: weft_worker::model::Verdict::NotApplicable,
                ..crate::lab::ran(weft_worker::model::Verdict::Passed, "")
            }),
            (Some(Fault::Tests), CheckKind::UnitTests, _) => tests(3, 2),
            (Some(Fault::Environment), CheckKind::UnitTests, _) => {
                CheckOutcome::CouldNotRun { reason: "no python3".to_owned() }
            }
            (_, CheckKind::UnitTests, Some((passed, failed))) if !is_last => tests(passed, failed),
            (_, CheckKind::UnitTests, _) => tests(5, 0),
            _ => passed(),
        }
    }

    fn retreat(&self, request: &RetreatRequest) -> Result<()> {
        if self.undo_fails.as_deref().is_some_and(|step| request.from == format!("c-{step}")) {
            return Err(broken("Work", "somebody else has moved it"));
        }
        self.did(format!("{} back to {}", request.branch, request.to.as_deref().unwrap_or("nothing")));
        Ok(())
    }

    fn worker(&self, env: &TestEnv) -> Worker {
        let plan = self.plan();
        let it = Arc::new(self.clone());
        let [a, b, c, d, e, f, g] = std::array::from_fn(|_| Arc::clone(&it));
        weft_worker::workflow::register(env.worker(QUEUE))
            .replace(Migrating::analyse, move |_| {
                let plan = plan.clone();
                async { Ok(Billed::attempt(Analysis { base_commit: "c-0".to_owned(), plan })) }
            })
            .replace(Migrating::apply, move |(request,)| {
                let applied = a.apply(&request);
                async { applied.map(Billed::attempt) }
            })
            .replace(Checking::check, move |(request,)| {
                let outcome = b.check(&request.site.step, request.kind);
                async { Ok(Billed::attempt(outcome)) }
            })
            .replace(Migrating::advance, move |(request,): (AdvanceRequest,)| {
                c.did(format!("{} to {}", request.branch, request.to));
                let is_lost = c.lost.as_deref().is_some_and(|step| request.to == format!("c-{step}"));
                async move { if is_lost { Err(broken("Environment", "the answer was lost")) } else { Ok(request.branch) } }
            })
            .replace(Migrating::retreat, move |(request,)| {
                let retreated = d.retreat(&request);
                async { retreated }
            })
            .replace(Migrating::conflicts, move |_| {
                let files: BTreeSet<String> = e.conflicts.then(|| "a.py".to_owned()).into_iter().collect();
                async { Ok(files) }
            })
            .replace(Publishing::publish, move |(request,)| {
                f.did(format!("published {}", request.commit));
                let pull_request = pull_request(&request);
                f.did(request.description);
                async { Ok(Published { pull_request, files: BTreeSet::new() }) }
            })
            .replace(Publishing::tidy, move |_| {
                g.did("tidied");
                async { Ok(()) }
            })
    }
}

fn pull_request(request: &PublishRequest) -> PullRequest {
    PullRequest {
        number: 459,
        url: "https://git.example.com/shop/pull/459".to_owned(),
        branch: request.branch.clone(),
        base: request.base.clone(),
        title: request.title.clone(),
        description: String::new(),
        labels: request.labels.clone(),
        state: PullRequestState::Open,
        merge_commit: None,
    }
}

/// As the second example of the document.
fn request() -> CodeMigrationRequest {
    CodeMigrationRequest {
        repository: "/srv/shop".to_owned(),
        base: "main".to_owned(),
        migration_type: "python3-migration".to_owned(),
        source_version: "2.7".to_owned(),
        target_version: "3.11".to_owned(),
        incremental: true,
        auto_rollback: true,
        approve_plan: false,
        failure_rate_max: Percent::of(1, 4),
        checks: [CheckKind::UnitTests].into(),
        house: house(Limits::default()),
    }
}

const BRANCH: &str = "feature/python3-migration-from-2-7-to-3-11";

type Ended = std::result::Result<MigrationResult, String>;

/// Plays a run; what it ended with, and what was done but for applying and checking.
async fn play(
    world: World,
    request: CodeMigrationRequest,
    then: impl AsyncFn(&TestEnv, &WorkflowHandle<Own>) -> Result<()>,
) -> Result<(Ended, Vec<String>)> {
    let env = TestEnv::start().await?;
    let worker = world.worker(&env).start()?;
    let run = env.client().start_workflow(Own::run, request).id("migrate").task_queue(QUEUE).await?;
    then(&env, &run).await?;
    let ended = env.skip(run.result()).await.map_err(kinds);
    worker.shutdown().await?;
    env.shutdown().await;
    let mut done = world.done();
    assert_eq!(done.pop().as_deref(), Some("tidied"));
    Ok((ended, done))
}

/// The kind of a failure, and behind it that of what caused it.
fn kinds(error: WorkflowError) -> String {
    let WorkflowError::Failed(failure) = error else { panic!("it did not fail: {error:?}") };
    let mut kinds: Vec<&str> = failure.chain().filter_map(|it| it.application_kind()).collect();
    kinds.dedup();
    kinds.join(" because of ")
}

async fn nothing(_: &TestEnv, _: &WorkflowHandle<Own>) -> Result<()> {
    Ok(())
}

/// What happened to the branch.
fn moves(done: &[String]) -> Vec<String> {
    let of_branch = done.iter().filter_map(|what| what.strip_prefix(BRANCH));
    of_branch.map(|what| what.trim_start().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_whose_steps_all_stand_becomes_a_pull_request() -> Result<()> {
    let (ended, done) = play(with(6, &[]), request(), nothing).await?;
    let result = ended.expect("it completes");
    assert_eq!(result.plan_name, "Migration to 3.11");
    assert_eq!((result.total_steps, result.completed_steps, result.failed_steps), (6, 6, 0));
    assert!(result.step_results.iter().all(|step| step.success && !step.undone), "{result:#?}");
    assert_eq!(result.step_results[1].commit.as_deref(), Some("c-step-2"));
    assert_eq!(result.final_pr_url.as_deref(), Some("https://git.example.com/shop/pull/459"));
    assert_eq!((result.rollback_performed, result.branch_name.as_deref()), (false, Some(BRANCH)));
    assert_eq!(
        done[..5],
        ["check base", "step-1 on c-0", "check step-1", &format!("{BRANCH} to c-step-1"), "step-2 on c-step-1"]
    );
    let report = done.last().expect("it was published");
    for says in ["## Steps: 6 done, 0 failed, 6 planned", "**step-6** do 6: 2 places in 1 files", "5 of 5 tests pass"] {
        assert!(report.contains(says), "{says:?} is not in {report}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_undoes_all_before_it_wherever_it_stands() -> Result<()> {
    for (failing, fault) in [(1, Fault::Tests), (2, Fault::Rules), (3, Fault::Environment), (4, Fault::Tests)] {
        let (ended, done) = play(with(4, &[(failing, fault)]), request(), nothing).await?;
        let result = ended.expect("what could be undone is a result");
        let before = u32::try_from(failing - 1).expect("it is small");
        assert_eq!((result.total_steps, result.completed_steps, result.failed_steps), (4, before, 1));
        assert_eq!((result.rollback_performed, result.final_pr_url), (before > 0, None));
        assert!(result.step_results.iter().all(|step| step.success == step.undone), "{:#?}", result.step_results);
        let mut expected: Vec<String> = (1..failing).map(|step| format!("to c-step-{step}")).collect();
        expected.extend((1..failing).rev().map(|step| match step {
            1 => "back to nothing".to_owned(),
            _ => format!("back to c-step-{}", step - 1),
        }));
        assert_eq!(moves(&done), expected);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rollback_a_failed_step_alone_is_left_out() -> Result<()> {
    let request = CodeMigrationRequest { auto_rollback: false, ..request() };
    let (ended, done) = play(with(4, &[(2, Fault::Tests)]), request, nothing).await?;
    let result = ended.expect("it completes");
    assert_eq!((result.completed_steps, result.failed_steps, result.line_stopped), (3, 1, false));
    assert!(result.final_pr_url.is_some() && !result.rollback_performed);
    assert_eq!(result.step_results[1].summary, "[Unit Tests] 3 tests pass, and 5 did before (2 test failures)");
    assert_eq!(moves(&done), ["to c-step-1", "to c-step-3", "to c-step-4"]);
    assert!(done.last().is_some_and(|report| report.contains("**step-2** do 2: failed, and left out")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_step_that_is_left_out_does_not_keep_the_others_from_being_published() -> Result<()> {
    let request = CodeMigrationRequest { auto_rollback: false, ..request() };
    let (ended, done) = play(with(4, &[(4, Fault::Tests)]), request, nothing).await?;
    assert!(ended.expect("it completes").final_pr_url.is_some());
    assert!(done.contains(&"published c-step-3".to_owned()), "{done:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_failures_stop_the_line() -> Result<()> {
    let request = CodeMigrationRequest { auto_rollback: false, ..request() };
    let faults = [(2, Fault::Tests), (4, Fault::Environment)];
    let (ended, done) = play(with(6, &faults), request, nothing).await?;
    let result = ended.expect("what was done stays");
    assert_eq!((result.completed_steps, result.failed_steps, result.line_stopped), (2, 2, true));
    assert_eq!((result.final_pr_url, result.branch_name.as_deref()), (None, Some(BRANCH)));
    assert_eq!(moves(&done), ["to c-step-1", "to c-step-3"]);
    assert!(!done.iter().any(|what| what.starts_with("step-5")), "{done:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_before_the_migration_may_fail_until_its_end() -> Result<()> {
    let (ended, _) = play(World { base: Some((0, 1)), ..with(3, &[]) }, request(), nothing).await?;
    assert_eq!(ended.expect("it completes").completed_steps, 3);
    let failing_at_the_end = World { base: Some((0, 1)), ..with(3, &[(3, Fault::Tests)]) };
    let (ended, done) = play(failing_at_the_end, request(), nothing).await?;
    assert_eq!(ended.expect("it is undone").completed_steps, 2);
    assert_eq!(moves(&done).last().map(String::as_str), Some("back to nothing"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_that_are_not_tested_each_are_tested_together() -> Result<()> {
    let request = CodeMigrationRequest { incremental: false, ..request() };
    let (ended, done) = play(with(3, &[]), request.clone(), nothing).await?;
    assert_eq!(ended.expect("it completes").completed_steps, 3);
    let checks: Vec<&String> = done.iter().filter(|what| what.starts_with("check")).collect();
    assert_eq!(checks, ["check base", "check step-3"]);
    // And what nobody has tested is not published.
    let left_out = CodeMigrationRequest { auto_rollback: false, failure_rate_max: Percent::FULL, ..request };
    let (ended, _) = play(with(3, &[(3, Fault::Rules)]), left_out, nothing).await?;
    assert_eq!(ended.expect("it completes").final_pr_url, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_nobody_could_judge_is_not_begun() -> Result<()> {
    for world in [World { is_untested: true, ..with(2, &[]) }, with(2, &[]).with_base_fault()] {
        let (ended, done) = play(world, request(), nothing).await?;
        assert_eq!(ended.expect_err("it fails"), "Untested");
        assert_eq!(done, ["check base"]);
    }
    Ok(())
}

impl World {
    fn with_base_fault(mut self) -> Self {
        self.faults.insert("base".to_owned(), Fault::Environment);
        self
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_with_nothing_to_do_ends_well() -> Result<()> {
    let (ended, done) = play(with(0, &[]), request(), nothing).await?;
    let result = ended.expect("it completes");
    assert_eq!((result.total_steps, result.final_pr_url, done.len()), (0, None, 0));
    let (ended, done) = play(World { nothing_to_do: true, ..with(2, &[]) }, request(), nothing).await?;
    let result = ended.expect("it completes");
    assert_eq!((result.completed_steps, result.final_pr_url, done), (2, None, vec!["check base".to_owned()]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_contradicts_the_migration_meanwhile_undoes_it() -> Result<()> {
    let (ended, done) = play(World { conflicts: true, ..with(2, &[]) }, request(), nothing).await?;
    assert_eq!(ended.expect_err("it fails"), "MergeConflict");
    assert_eq!(moves(&done)[2..], ["back to c-step-1", "back to nothing"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_fails_is_told_and_does_not_keep_the_others_from_being_tried() -> Result<()> {
    let world = World { undo_fails: Some("step-2".to_owned()), ..with(4, &[(4, Fault::Tests)]) };
    let (ended, done) = play(world, request(), nothing).await?;
    assert_eq!(ended.expect_err("it fails"), "CompensationFailed because of StepFailed");
    assert_eq!(moves(&done)[3..], ["back to c-step-2", "back to nothing"]);
    Ok(())
}

// ---- people and budgets ------------------------------------------------------------------------------------------

/// Plays a run of four steps whose plan is asked about, and does this once it is.
async fn asked(then: impl AsyncFn(&WorkflowHandle<Own>, MigrationPlan) -> Result<()>) -> Result<(Ended, Vec<String>)> {
    let request = CodeMigrationRequest { approve_plan: true, ..request() };
    play(with(4, &[]), request, async |env: &TestEnv, run: &WorkflowHandle<Own>| {
        until(env, Status::WaitingForApproval, async || run.query(Own::status, ()).await).await;
        let shown = run.query(Own::plan, ()).await?.expect("there is a plan");
        assert_eq!(shown.hash, shown.plan.hash());
        then(run, shown.plan).await
    })
    .await
}

fn of(plan: &MigrationPlan) -> Answer {
    Answer { by: "Ada".to_owned(), subject: Some(plan.hash()), ..Answer::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_people_agree_to_is_done_with_what_they_have_added() -> Result<()> {
    let (ended, done) = asked(async |run, plan| {
        run.signal(Own::add_context, Note { by: "Ada".to_owned(), text: "mind the vans".to_owned() }).await?;
        Ok(run.signal(Own::approve, of(&plan)).await?)
    })
    .await?;
    assert_eq!(ended.expect("it completes").completed_steps, 4);
    assert!(done.last().is_some_and(|report| report.contains("> mind the vans")), "{done:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_people_refuse_or_do_not_look_at_is_not_done() -> Result<()> {
    let (ended, done) = asked(async |run, plan| Ok(run.signal(Own::reject, of(&plan)).await?)).await?;
    assert_eq!((ended.expect_err("it fails").as_str(), done.len()), ("Rejected", 0));
    let (ended, done) = asked(async |_, _| Ok(())).await?;
    assert_eq!((ended.expect_err("it fails").as_str(), done.len()), ("ApprovalTimeout", 0));
    let (ended, done) = asked(async |run, _| Ok(run.signal(Own::abort, "wrong branch").await?)).await?;
    assert_eq!((ended.expect_err("it fails").as_str(), done.len()), ("Aborted", 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_moved_though_its_answer_was_lost_goes_back_too() -> Result<()> {
    let world = World { lost: Some("step-2".to_owned()), ..with(3, &[]) };
    let (ended, done) = play(world, request(), nothing).await?;
    assert_eq!(ended.expect_err("it fails"), "Environment");
    assert_eq!(moves(&done), ["to c-step-1", "to c-step-2", "back to c-step-1", "back to nothing"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_plan_wants_an_approval_of_its_own() -> Result<()> {
    let (ended, done) = asked(async |run, plan| {
        let steps = vec![plan.steps[2].clone(), plan.steps[0].clone()];
        let edited = MigrationPlan { steps, ..plan.clone() };
        run.signal(Own::edit_plan, edited.clone()).await?;
        // This one looked at the plan before.
        run.signal(Own::approve, of(&plan)).await?;
        Ok(run.signal(Own::approve, of(&edited)).await?)
    })
    .await?;
    let result = ended.expect("it completes");
    assert_eq!((result.total_steps, result.completed_steps), (2, 2));
    assert_eq!(moves(&done), ["to c-step-3", "to c-step-1"]);
    Ok(())
}

/// The analysis, the checks of the base, and of four steps applying and checking: ten attempts in all.
fn attempts(soft: Option<u64>, hard: u64) -> CodeMigrationRequest {
    let ceiling = |attempts| Ceiling { attempts, ..Ceiling::default() };
    let limits = Limits { soft: ceiling(soft), hard: ceiling(Some(hard)), ..Limits::default() };
    CodeMigrationRequest { house: house(limits), ..request() }
}

/// Plays a run of four steps, and does this to it once it stands like this.
async fn at(
    request: CodeMigrationRequest,
    stands: Status,
    then: impl AsyncFn(&WorkflowHandle<Own>) -> Result<()>,
) -> Result<(Ended, Vec<String>)> {
    play(with(4, &[]), request, async |env: &TestEnv, run: &WorkflowHandle<Own>| {
        until(env, stands, async || run.query(Own::status, ()).await).await;
        then(run).await
    })
    .await
}

fn ada() -> Answer {
    Answer { by: "Ada".to_owned(), ..Answer::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soft_limit_asks_and_a_no_undoes_what_was_done() -> Result<()> {
    let agree = async |run: &WorkflowHandle<Own>| Ok(run.signal(Own::approve, ada()).await?);
    let (ended, _) = at(attempts(Some(6), 20), Status::WaitingForApproval, agree).await?;
    assert_eq!(ended.expect("it completes").completed_steps, 4);
    let refuse = async |run: &WorkflowHandle<Own>| Ok(run.signal(Own::reject, ada()).await?);
    let (ended, done) = at(attempts(Some(6), 20), Status::WaitingForApproval, refuse).await?;
    assert_eq!(ended.expect_err("it fails"), "Rejected");
    assert_eq!(moves(&done), ["to c-step-1", "to c-step-2", "back to c-step-1", "back to nothing"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hard_limit_stops_it_until_there_is_more() -> Result<()> {
    let give = async |run: &WorkflowHandle<Own>| {
        Ok(run.signal(Own::resume, Ceiling { attempts: Some(10), ..Ceiling::default() }).await?)
    };
    let (ended, done) = at(attempts(None, 7), Status::Stopped, give).await?;
    assert_eq!(ended.expect("it completes").completed_steps, 4);
    assert_eq!(done.iter().filter(|what| *what == "check step-3").count(), 1);
    let (ended, done) = at(attempts(None, 7), Status::Stopped, async |_| Ok(())).await?;
    assert_eq!(ended.expect_err("it fails"), "BudgetExhausted");
    assert_eq!(moves(&done)[2..], ["back to c-step-1", "back to nothing"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_in_the_middle_undoes_what_was_done() -> Result<()> {
    let abort = async |run: &WorkflowHandle<Own>| Ok(run.signal(Own::abort, "not today").await?);
    let (ended, done) = at(attempts(None, 7), Status::Stopped, abort).await?;
    assert_eq!(ended.expect_err("it fails"), "Aborted");
    assert_eq!(moves(&done)[2..], ["back to c-step-1", "back to nothing"]);
    Ok(())
}
