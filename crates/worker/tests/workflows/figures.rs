//! What the worker's engine costs, and that things are done at once: as many as are counted. `cargo xtask figures` shows
//! the figures too, with longer waits (`FIGURE_SECONDS`): they depend on the machine, and nothing is asserted of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Router, routing::post};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use weft::{
    ActivityCtx, BoxFuture, Interceptor, NextActivity,
    client::api::common::{Payload, Payloads},
    testing::TestEnv,
};
use weft_env::{Clock, RealClock};
use weft_worker::{
    budget::{Ceiling, Limits},
    checks::{self, Checks, Place},
    model::{Alert, AlertSeverity, CheckKind, CheckOutcome, Spend, Verdict},
    progress::Timeline,
    quality::Bar,
    repository::{Key, Release, Repository, Worktrees},
    sandbox::Mode,
    workflow::{
        GateRequest, IncidentRequest, IncidentSwarmWorkflow, PlanPatchPrRequest, PlanPatchPrWorkflow,
        QualityGateWorkflow,
        desk::{Attended as _, House},
        seventy_percent,
    },
};

use crate::{
    lab::{QUEUE, house},
    shelf::Shelf,
};

/// How long agents, checks and models wait.
fn wait() -> u64 {
    std::env::var("FIGURE_SECONDS").map_or(1, |seconds| seconds.parse().expect("FIGURE_SECONDS is a number"))
}

/// How often what waits for nothing is done; the least time counts.
fn again() -> usize {
    if std::env::var_os("FIGURE_SECONDS").is_some() { 5 } else { 1 }
}

/// A check that does nothing.
const IDLE: &str = "exit 0";

/// So many steps at once at most.
fn at_once(fan_out: Option<u64>) -> House {
    house(Limits { hard: Ceiling { fan_out, ..Ceiling::default() }, ..Limits::default() })
}

/// Seconds from the line that has these words to the first after it that has those.
fn between(timeline: &Timeline, from: &str, to: &str) -> f64 {
    let mut entries = timeline.entries.iter();
    let at = |entry: Option<&weft_worker::progress::Entry>| {
        Duration::from_millis(entry.unwrap_or_else(|| panic!("{from:?} to {to:?}: {timeline:#?}")).at_ms).as_secs_f64()
    };
    let begin = at(entries.find(|entry| entry.what.contains(from)));
    at(entries.find(|entry| entry.what.contains(to))) - begin
}

/// How long steps of a kind took, and how many of them there were at once.
struct Measured {
    seconds: f64,
    peak: usize,
}

/// Counts the activities of a type as they run. Their history cannot tell: there the start of one is never before the end
/// that was written before it.
#[derive(Clone)]
struct Counter {
    activity: &'static str,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    running: usize,
    peak: usize,
    ended: usize,
}

impl Counter {
    fn of(activity: &'static str) -> Self {
        Self { activity, counts: Arc::default() }
    }

    /// How many there were at once at most; all of these have run.
    fn peak(&self, steps: usize) -> usize {
        let counts = *self.counts.lock();
        assert_eq!((counts.running, counts.ended), (0, steps), "{}", self.activity);
        counts.peak
    }
}

impl Interceptor for Counter {
    fn activity(
        &self,
        ctx: ActivityCtx,
        input: Vec<Payload>,
        next: NextActivity,
    ) -> BoxFuture<weft::Result<Option<Payloads>>> {
        let is_ours = ctx.info().activity_type == self.activity;
        let (counts, running) = (Arc::clone(&self.counts), next.run(ctx, input));
        if !is_ours {
            return running;
        }
        Box::pin(async move {
            {
                let mut counts = counts.lock();
                counts.running += 1;
                counts.peak = counts.peak.max(counts.running);
            }
            let done = running.await;
            let mut counts = counts.lock();
            counts.running -= 1;
            counts.ended += 1;
            done
        })
    }
}

/// Steps that may only be done one after the other, and the same ones without a bound.
fn told(what: &str, sequential: &Measured, parallel: &Measured) {
    let (slow, fast) = (sequential.seconds, parallel.seconds);
    println!("| {what} | {slow:.1} s | {fast:.1} s | {:.1} | {} at once |", slow / fast, parallel.peak);
    assert_eq!(sequential.peak, 1, "{what}, one after the other");
    assert!(parallel.peak > 1, "{what}: none while another one was under way");
}

/// All eight ran, and had nothing to complain of.
fn all_passed(outcomes: &BTreeMap<CheckKind, CheckOutcome>) {
    assert!(outcomes.keys().copied().eq(CheckKind::ALL), "{outcomes:#?}");
    let passed = |it: &CheckOutcome| matches!(it, CheckOutcome::Ran(report) if report.verdict == Verdict::Passed);
    assert!(outcomes.values().all(passed), "{outcomes:#?}");
}

/// Eight checks that each run this.
fn checked(command: &str) -> anyhow::Result<Shelf> {
    let checks = CheckKind::ALL.map(|kind| format!("  {}: {command}\n", kind.name()));
    let shelf = Shelf::of(&[(".weft/checks.yaml", &format!("checks:\n{}", checks.concat()))])?;
    shelf.branch_of("feature/lamp", &[("lamp.txt", "light\n".to_owned())])?;
    Ok(shelf)
}

async fn gate(command: &str, fan_out: Option<u64>) -> anyhow::Result<Measured> {
    let (env, shelf) = (TestEnv::start().await?, checked(command)?);
    let counter = Counter::of("check");
    let worker = shelf.idle_worker(&env, "")?.interceptor(counter.clone()).start()?;
    let (mut seconds, times) = (Vec::new(), if command == IDLE { again() } else { 1 });
    for number in 0..times {
        let request = GateRequest {
            repository: shelf.path(),
            branch: "feature/lamp".to_owned(),
            base: "main".to_owned(),
            pr_number: None,
            attempt_auto_fix: false,
            bar: Bar::default(),
            house: at_once(fan_out),
        };
        let run = env.client().start_workflow(QualityGateWorkflow::run, request).id(format!("gate-{number}"));
        let run = run.task_queue(QUEUE).await?;
        let result = run.result().await?;
        assert!(result.can_merge, "{result:#?}");
        all_passed(&result.checks);
        let timeline = run.query(QualityGateWorkflow::timeline, ()).await?;
        seconds.push(between(&timeline, "phase: quality checks", "can be merged"));
    }
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(Measured { seconds: least(&seconds), peak: counter.peak(times * CheckKind::ALL.len()) })
}

fn least(seconds: &[f64]) -> f64 {
    seconds.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The same eight checks, each in a worktree of its own, one after the other and without a workflow.
async fn script() -> anyhow::Result<f64> {
    let shelf = checked(IDLE)?;
    let (repository, worktrees) = (Repository::open(shelf.path()).await?, Worktrees::new(shelf.folder())?);
    let supervisor = shelf.settings().supervisor;
    let (clock, mut seconds) = (RealClock::new(), Vec::new());
    for number in 0..again() {
        let (start, mut outcomes) = (clock.monotonic(), BTreeMap::new());
        let commit = repository.resolve("feature/lamp").await?;
        for kind in CheckKind::ALL {
            let key = Key { run: format!("script-{number}"), step: kind.name().to_owned(), attempt: 1 };
            let worktree = worktrees.acquire(&repository, &key, &commit).await?;
            worktree.undo(&commit).await?;
            let (sandbox, cancel) = (worktree.sandbox().mode(Mode::Enforced), CancellationToken::new());
            let tree = worktree.path();
            let place = Place { supervisor: &supervisor, tree, sandbox: &sandbox, cancel: &cancel, output: None };
            outcomes.insert(kind, checks::run(&Checks::of(tree)?, kind, &place).await?);
            worktrees.release(&key, Release::Discard).await?;
        }
        seconds.push((clock.monotonic() - start).as_secs_f64());
        all_passed(&outcomes);
    }
    Ok(least(&seconds))
}

#[tokio::test(flavor = "multi_thread")]
async fn overhead_of_a_step() -> anyhow::Result<()> {
    let (plain, Measured { seconds: durable, peak }) = (script().await?, gate(IDLE, Some(1)).await?);
    assert_eq!(peak, 1, "they are compared one after the other");
    let steps = f64::from(u32::try_from(CheckKind::ALL.len())?);
    println!("| eight checks that do nothing, one after the other | {plain:.3} s | {durable:.3} s |");
    println!("overhead of a durable step: {:.1} ms", (durable - plain) / steps * 1000.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_checks_at_once() -> anyhow::Result<()> {
    let check = format!("sleep {}", wait());
    told("eight checks that wait", &gate(&check, Some(1)).await?, &gate(&check, None).await?);
    Ok(())
}

async fn patches(fan_out: Option<u64>) -> anyhow::Result<Measured> {
    let names = ["bowl", "lamp", "sofa", "vase"];
    let test = |name: &str| {
        format!(
            "import unittest\n\nfrom {name} import count\n\n\nclass Count(unittest.TestCase):\n    \
             def test_{name}(self):\n        self.assertEqual(count([1]), 1)\n"
        )
    };
    let wrong = "def count(things):\n    return len(things) + 1\n".to_owned();
    let files: Vec<(String, String)> = names
        .iter()
        .flat_map(|name| [(format!("{name}.py"), wrong.clone()), (format!("test_{name}.py"), test(name))])
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (env, shelf) = (TestEnv::start().await?, Shelf::of(&files)?);
    let script = "for name in bowl lamp sofa vase; do if grep -q \"in $name.py\" prompt; then mine=$name; fi; done; rm prompt; \
                  sed -i 's/ + 1//' $mine.py";
    let words = serde_json::json!(["sh", "-ec", format!("cat > prompt; sleep {}; {script}", wait())]);
    let agents = format!("roles.patch = \"agent\"\n[providers.agent]\nkind = \"command\"\nwords = {words}\n");
    let counter = Counter::of("patch");
    let worker = shelf.idle_worker(&env, &agents)?.interceptor(counter.clone()).start()?;
    let wanted = shelf.wanted("Fix what the tests complain of");
    let request = PlanPatchPrRequest { auto_merge: false, house: at_once(fan_out), ..wanted };
    let run = env.client().start_workflow(PlanPatchPrWorkflow::run, request).id("four").task_queue(QUEUE).await?;
    assert_eq!(run.result().await?.files_changed.len(), 4);
    let timeline = run.query(PlanPatchPrWorkflow::timeline, ()).await?;
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(Measured { seconds: between(&timeline, "phase: patches, wave 1", "phase: quality gate"), peak: counter.peak(4) })
}

#[tokio::test(flavor = "multi_thread")]
async fn four_patches_at_once() -> anyhow::Result<()> {
    told("four patches whose agent waits", &patches(Some(1)).await?, &patches(None).await?);
    Ok(())
}

/// A model that thinks for a while.
async fn model() -> anyhow::Result<String> {
    let diagnosis = serde_json::json!({
        "agent": "model", "cause": "disk_full", "root_cause": "Disk full", "confidence": 0.9,
        "evidence_for": [], "evidence_against": [],
    });
    let events = [
        serde_json::json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": diagnosis.to_string()}}]}),
        serde_json::json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        serde_json::json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20}}),
    ];
    let answer: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let answer = format!("{answer}data: [DONE]\n\n");
    let think = move || async move {
        tokio::time::sleep(Duration::from_secs(wait())).await;
        ([("content-type", "text/event-stream")], answer)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new().fallback(post(think));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!(
        "roles.diagnose = \"model\"\n[providers.model]\nkind = \"llm\"\ndialect = \"open_ai\"\n\
         address = \"http://{address}\"\nmodel = \"m\"\nkey = {{ variable = \"KEY\" }}\n"
    ))
}

async fn diagnoses(fan_out: Option<u64>) -> anyhow::Result<Measured> {
    let (env, shelf) = (TestEnv::start().await?, Shelf::of(&[("lamp.txt", "light\n")])?);
    let counter = Counter::of("diagnose");
    let worker = shelf.idle_worker(&env, &model().await?)?.interceptor(counter.clone()).start()?;
    let request = IncidentRequest {
        repository: shelf.path(),
        base: "main".to_owned(),
        alert: Alert {
            id: "alert-1".to_owned(),
            severity: AlertSeverity::High,
            service: "shop".to_owned(),
            message: "Slow".to_owned(),
            timestamp: "2024-01-15T14:32:00Z".to_owned(),
            metrics: BTreeMap::new(),
            logs: Vec::new(),
            series: BTreeMap::new(),
        },
        num_diagnostic_agents: 3,
        auto_fix: false,
        threshold: seventy_percent(),
        bar: Bar::default(),
        house: at_once(fan_out),
    };
    let run = env.client().start_workflow(IncidentSwarmWorkflow::run, request).id("three").task_queue(QUEUE).await?;
    let result = run.result().await?;
    assert_eq!(result.consensus.supporting_diagnoses.len(), 3);
    assert!(run.query(IncidentSwarmWorkflow::budget, ()).await?.spent != Spend::default());
    let timeline = run.query(IncidentSwarmWorkflow::timeline, ()).await?;
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(Measured { seconds: between(&timeline, "phase: diagnoses", "consensus: "), peak: counter.peak(3) })
}

#[tokio::test(flavor = "multi_thread")]
async fn three_diagnoses_at_once() -> anyhow::Result<()> {
    told("three diagnoses by a model that waits", &diagnoses(Some(1)).await?, &diagnoses(None).await?);
    Ok(())
}
