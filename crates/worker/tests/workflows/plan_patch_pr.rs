//! Branches of the way from a requirement to a pull request.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use weft::{Error, Failure, Result, Worker, client::WorkflowHandle, testing::TestEnv};
use weft_worker::{
    activity::{
        ChangeSeen, Checking, Coding, Design, MergeRequest, Merged, PatchRequest, Planning, Published, Publishing,
    },
    approval::Answer,
    budget::Limits,
    model::{
        Billed, BranchKind, CheckKind, CheckOutcome, ContentHash, Issue, IssueId, Patch, PatchOutcome, Plan,
        PullRequest, PullRequestState,
    },
    progress::Status,
    quality::Bar,
    workflow::{PlanPatchPrRequest, PlanPatchPrWorkflow as Own, desk::Attended as _},
};

use crate::lab::{QUEUE, covered, house, kind, passed, tests, until};

/// What the activities did to the world, in their order.
type Done = Arc<Mutex<Vec<String>>>;

/// What is unlike in the tests.
#[derive(Clone, Default)]
struct World {
    done: Done,
    /// Issues that conflict with the others, so many rounds long.
    conflicts: BTreeSet<String>,
    rounds: usize,
    unable: bool,
    coverage: Option<f64>,
    merge_fails: bool,
}

impl World {
    fn did(&self, what: impl Into<String>) {
        self.done.lock().expect("no test panicked").push(what.into());
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().expect("no test panicked").clone()
    }

    fn patch(&self, request: PatchRequest) -> PatchOutcome {
        self.did(format!("{} on {}", request.site.step, request.base));
        if self.unable {
            return PatchOutcome::Unable { reason: "no edit helps".to_owned(), tried: 12 };
        }
        PatchOutcome::Made(Patch {
            commit: format!("c-{}", request.issue.id),
            issue: request.issue.id,
            plan: request.plan,
            base: request.base,
            branch: String::new(),
            files: ["shop.py".to_owned()].into(),
            diff: ContentHash::of(b""),
            summary: "mended".to_owned(),
        })
    }

    fn merge(&self, request: &MergeRequest) -> Merged {
        let round: usize = request.site.step.rsplit('/').next().and_then(|it| it.parse().ok()).expect("a round");
        let conflicts = |id: &IssueId| round <= self.rounds && self.conflicts.contains(&id.0);
        let ids = request.patches.iter().map(|patch| patch.issue.clone());
        let (conflicting, merged) = ids.partition(conflicts);
        let commit = format!("m-{}", request.site.step.trim_start_matches("merge/"));
        Merged { commit, merged, conflicting, overlaps: BTreeSet::new() }
    }

    fn worker(&self, env: &TestEnv) -> Worker {
        let (a, b, c, d, e, f, g, h) = (
            self.clone(),
            self.clone(),
            self.clone(),
            self.clone(),
            self.clone(),
            self.clone(),
            self.clone(),
            self.clone(),
        );
        weft_worker::workflow::register(env.worker(QUEUE))
            .replace(Planning::design, |_| async {
                let (text, base_commit) = ("a design".to_owned(), "base".to_owned());
                Ok(Billed::attempt(Design { text, components: Vec::new(), base_commit, failing: BTreeSet::new() }))
            })
            .replace(Planning::plan, |_| async { Ok(Billed::attempt(plan(&[("a", &[]), ("b", &[]), ("c", &["a"])]))) })
            .replace(Coding::patch, move |(request,)| {
                let outcome = a.patch(request);
                async move { Ok(Billed::attempt(outcome)) }
            })
            .replace(Coding::merge, move |(request,)| {
                let merged = b.merge(&request);
                async move { Ok(merged) }
            })
            .replace(Publishing::make_branch, move |(request,)| {
                c.did(format!("made {} at {}", request.branch, request.commit));
                async move { Ok(request.branch) }
            })
            .replace(Publishing::remove_branch, move |(request,)| {
                d.did(format!("removed {}", request.branch));
                async { Ok(()) }
            })
            .replace(Publishing::publish, move |(request,)| {
                e.did(format!("published {}", request.commit));
                let pull_request = pull_request(request.branch, PullRequestState::Open);
                async { Ok(Published { pull_request, files: ["shop.py".to_owned()].into() }) }
            })
            .replace(Publishing::merge_pull_request, move |_| {
                let fails = f.merge_fails;
                async move {
                    if fails {
                        return Err(Error::from(Failure::application("main has moved").kind("Work").non_retryable()));
                    }
                    Ok(pull_request("feature/lamp".to_owned(), PullRequestState::Merged))
                }
            })
            .replace(Publishing::close_pull_request, move |(request,)| {
                g.did(format!("closed {}", request.number));
                async { Ok(()) }
            })
            .replace(Publishing::tidy, |_| async { Ok(()) })
            .replace(Checking::look, |_| async {
                Ok(ChangeSeen { commit: "tip".to_owned(), diff: ContentHash::of(b"") })
            })
            .replace(Checking::check, move |(request,)| {
                let outcome = h.check(request.kind);
                async move { Ok(Billed::attempt(outcome)) }
            })
            .replace(Checking::auto_fix, |_| async {
                let fixed = weft_worker::activity::Fixed { commit: None, summary: String::new() };
                Ok(Billed::attempt(fixed).in_vain())
            })
    }

    fn check(&self, kind: CheckKind) -> CheckOutcome {
        match (kind, self.coverage) {
            (CheckKind::UnitTests, _) => tests(48, 0),
            (CheckKind::Coverage, Some(percent)) => covered(percent),
            _ => passed(),
        }
    }
}

fn pull_request(branch: String, state: PullRequestState) -> PullRequest {
    PullRequest {
        number: 456,
        url: "https://git.example.com/shop/pull/456".to_owned(),
        branch,
        base: "main".to_owned(),
        title: String::new(),
        description: String::new(),
        labels: BTreeSet::new(),
        state,
        merge_commit: (state == PullRequestState::Merged).then(|| "abc123".to_owned()),
    }
}

fn plan(issues: &[(&str, &[&str])]) -> Plan {
    let issue = |(id, on): &(&str, &[&str])| Issue {
        id: IssueId((*id).to_owned()),
        title: format!("do {id}"),
        description: String::new(),
        files: BTreeSet::new(),
        depends_on: on.iter().map(|id| IssueId((*id).to_owned())).collect(),
        skills: BTreeSet::new(),
    };
    Plan {
        requirement: "Add a lamp".to_owned(),
        branch: BranchKind::Feature,
        design: "a design".to_owned(),
        components: Vec::new(),
        issues: issues.iter().map(issue).collect(),
    }
}

/// Plays a run; what it ended with, as JSON or the kind of its failure, and what was done.
async fn play(
    world: World,
    request: PlanPatchPrRequest,
    then: impl AsyncFn(&TestEnv, &WorkflowHandle<Own>) -> Result<()>,
) -> Result<(std::result::Result<weft_worker::model::PrResult, String>, Vec<String>)> {
    let env = TestEnv::start().await?;
    let worker = world.worker(&env).start()?;
    let run = env.client().start_workflow(Own::run, request).id("lamp").task_queue(QUEUE).await?;
    then(&env, &run).await?;
    let ended = env.skip(run.result()).await.map_err(kind);
    worker.shutdown().await?;
    env.shutdown().await;
    Ok((ended, world.done()))
}

async fn nothing(_: &TestEnv, _: &WorkflowHandle<Own>) -> Result<()> {
    Ok(())
}

fn lamp() -> PlanPatchPrRequest {
    PlanPatchPrRequest {
        repository: "/srv/shop".to_owned(),
        base: "main".to_owned(),
        requirement: "Add a lamp".to_owned(),
        auto_merge: false,
        approve_plan: false,
        bar: Bar::default(),
        house: house(Limits::default()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requirement_becomes_a_pull_request_wave_by_wave() -> Result<()> {
    let world = World { coverage: Some(87.5), ..World::default() };
    let (ended, done) = play(world, lamp(), nothing).await?;
    let result = ended.expect("it completes");
    assert_eq!((result.pr_number, result.branch_name.as_str(), result.merged), (456, "feature/add-a-lamp", false));
    assert_eq!((result.test_results.total, result.test_results.passed), (48, true));
    assert_eq!(result.test_results.coverage.map(weft_worker::model::Percent::get), Some(87.5));
    let expected = [
        "patch/a/1 on base",
        "patch/b/1 on base",
        "patch/c/1 on m-1/1",
        "made feature/add-a-lamp at m-2/1",
        "published tip",
    ];
    assert_eq!(sorted_waves(done), expected);
    Ok(())
}

/// Those of a wave come in any order.
fn sorted_waves(mut done: Vec<String>) -> Vec<String> {
    done[..2].sort();
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_the_gate_is_merged_where_that_is_wanted() -> Result<()> {
    let (ended, _) = play(World::default(), PlanPatchPrRequest { auto_merge: true, ..lamp() }, nothing).await?;
    let result = ended.expect("it completes");
    assert_eq!((result.merged, result.merge_commit_sha.as_deref()), (true, Some("abc123")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn patches_that_conflict_are_made_again_on_the_others() -> Result<()> {
    let world = World { conflicts: ["b".to_owned()].into(), rounds: 1, ..World::default() };
    let (ended, done) = play(world, lamp(), nothing).await?;
    ended.expect("it completes");
    assert_eq!(done[2..5], ["patch/b/2 on m-1/1", "patch/c/1 on m-1/2", "made feature/add-a-lamp at m-2/1"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn patches_that_always_conflict_end_it() -> Result<()> {
    let world = World { conflicts: ["b".to_owned()].into(), rounds: 9, ..World::default() };
    let (ended, done) = play(world, lamp(), nothing).await?;
    assert_eq!(ended.expect_err("it fails"), "MergeConflict");
    assert_eq!(done.last().map(String::as_str), Some("patch/b/3 on m-1/2"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_that_nobody_can_do_ends_it_before_anything_is_made() -> Result<()> {
    let (ended, done) = play(World { unable: true, ..World::default() }, lamp(), nothing).await?;
    assert_eq!(ended.expect_err("it fails"), "Unable");
    assert!(done.iter().all(|what| what.starts_with("patch/")), "{done:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_the_gate_is_not_published_and_its_branch_goes() -> Result<()> {
    let (ended, done) = play(World { coverage: Some(65.0), ..World::default() }, lamp(), nothing).await?;
    assert_eq!(ended.expect_err("it fails"), "QualityGate");
    assert_eq!(done[3..], ["made feature/add-a-lamp at m-2/1", "removed feature/add-a-lamp"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_fails_undoes_what_was_published_in_reverse() -> Result<()> {
    let world = World { merge_fails: true, ..World::default() };
    let (ended, done) = play(world, PlanPatchPrRequest { auto_merge: true, ..lamp() }, nothing).await?;
    assert_eq!(ended.expect_err("it fails"), "Work");
    assert_eq!(done[4..], ["published tip", "closed 456", "removed feature/add-a-lamp"]);
    Ok(())
}

/// Plays a run whose plan is asked about, and does this once it is.
async fn asked(
    then: impl AsyncFn(&WorkflowHandle<Own>, ContentHash) -> Result<()>,
) -> Result<(std::result::Result<weft_worker::model::PrResult, String>, Vec<String>)> {
    let request = PlanPatchPrRequest { approve_plan: true, ..lamp() };
    play(World::default(), request, async |env: &TestEnv, run: &WorkflowHandle<Own>| {
        until(env, Status::WaitingForApproval, async || run.query(Own::status, ()).await).await;
        let shown = run.query(Own::plan, ()).await?.expect("there is a plan");
        then(run, shown.hash).await
    })
    .await
}

fn of(subject: ContentHash) -> Answer {
    Answer { by: "Ada".to_owned(), subject: Some(subject), ..Answer::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_people_agree_to_is_done() -> Result<()> {
    let (ended, _) = asked(async |run, hash| Ok(run.signal(Own::approve, of(hash)).await?)).await?;
    ended.expect("it completes");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_people_refuse_is_not() -> Result<()> {
    let (ended, done) = asked(async |run, hash| Ok(run.signal(Own::reject, of(hash)).await?)).await?;
    assert_eq!((ended.expect_err("it fails").as_str(), done.len()), ("Rejected", 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_nobody_looks_at_is_not_done() -> Result<()> {
    let (ended, done) = asked(async |_, _| Ok(())).await?;
    assert_eq!((ended.expect_err("it fails").as_str(), done.len()), ("ApprovalTimeout", 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_plan_wants_an_approval_of_its_own() -> Result<()> {
    let edited = plan(&[("only", &[])]);
    let (ended, done) = asked(async |run, hash| {
        run.signal(Own::edit_plan, edited.clone()).await?;
        // This one looked at the plan before.
        run.signal(Own::approve, of(hash)).await?;
        Ok(run.signal(Own::approve, of(edited.hash())).await?)
    })
    .await?;
    ended.expect("it completes");
    assert_eq!(done[..2], ["patch/only/1 on base", "made feature/add-a-lamp at m-1/1"]);
    Ok(())
}
