//! People, budgets and agents meet a run: shown on the quality gate, the smallest workflow that has a desk.

use std::collections::BTreeSet;

use weft::{Result, Worker, client::WorkflowHandle, testing::TestEnv};
use weft_worker::{
    activity::{ChangeSeen, Checking, Publishing},
    approval::Answer,
    budget::{Ceiling, Limits},
    model::{Billed, ContentHash, Spend},
    progress::Status,
    routing::{Agent, AgentType},
    workflow::{GateRequest, QualityGateWorkflow, desk::Attended as _},
};

use crate::lab::{QUEUE, gate, kind, passed, until};

type Gate = WorkflowHandle<QualityGateWorkflow>;

fn worker(env: &TestEnv, fruitful: bool) -> Worker {
    env.worker(QUEUE)
        .workflow(QualityGateWorkflow::run)
        .replace(Checking::look, |_| async {
            Ok(ChangeSeen { commit: "commit-1".to_owned(), diff: ContentHash::of(b"") })
        })
        .replace(Checking::check, move |_| async move { Ok(Billed { fruitful, ..Billed::attempt(passed()) }) })
        .replace(Checking::report_gate, |_| async { Ok(()) })
        .replace(Publishing::tidy, |_| async { Ok(()) })
}

/// Starts a gate, does something to it once it stands like this, and compares what it ended with: `done`, or the kind
/// of its failure. The timeline has a line with each of these.
async fn check(
    request: GateRequest,
    stands: Status,
    then: impl AsyncFn(&Gate) -> Result<()>,
    expected: &str,
    lines: &[&str],
) -> Result<()> {
    let env = TestEnv::start().await?;
    let fruitful = request.house.limits.fruitless_steps_max != 1;
    let worker = worker(&env, fruitful).start()?;
    let run = env.client().start_workflow(QualityGateWorkflow::run, request).id("gate").task_queue(QUEUE).await?;
    until(&env, stands, async || run.query(QualityGateWorkflow::status, ()).await).await;
    then(&run).await?;
    let ended = env.skip(run.result()).await;
    assert_eq!(ended.map_or_else(kind, |_| "done".to_owned()), expected);
    let timeline = run.query(QualityGateWorkflow::timeline, ()).await?;
    for line in lines {
        let found = timeline.entries.iter().any(|entry| entry.what.contains(line));
        assert!(found, "{line:?} is not in {timeline:#?}");
        // Steps that wait together ask once.
        let asked = timeline.entries.iter().filter(|entry| entry.what.starts_with("asked budget/")).count();
        assert!(asked <= 1, "{timeline:#?}");
    }
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}

/// Eight checks will be wanted, and so many attempts may be made.
fn attempts(soft: Option<u64>, hard: u64) -> GateRequest {
    let ceiling = |attempts| Ceiling { attempts, ..Ceiling::default() };
    gate(Limits { soft: ceiling(soft), hard: ceiling(Some(hard)), ..Limits::default() })
}

fn ada() -> Answer {
    Answer { by: "Ada".to_owned(), ..Answer::default() }
}

fn more(attempts: u64) -> Ceiling {
    Ceiling { attempts: Some(attempts), ..Ceiling::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soft_limit_asks_and_goes_on_when_people_agree() -> Result<()> {
    let agree = async |run: &Gate| Ok(run.signal(QualityGateWorkflow::approve, ada()).await?);
    let lines = ["asked budget/attempts", "budget/attempts: approved by Ada", "score 100, can be merged"];
    check(attempts(Some(4), 100), Status::WaitingForApproval, agree, "done", &lines).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soft_limit_ends_the_run_when_people_say_no() -> Result<()> {
    let refuse = async |run: &Gate| Ok(run.signal(QualityGateWorkflow::reject, ada()).await?);
    check(attempts(Some(4), 100), Status::WaitingForApproval, refuse, "Rejected", &["rejected by Ada"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_reminded_and_given_up() -> Result<()> {
    let nothing = async |_: &Gate| Ok(());
    let lines = ["reminded", "budget/attempts: nobody answered"];
    check(attempts(Some(4), 100), Status::WaitingForApproval, nothing, "ApprovalTimeout", &lines).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_another_question_is_kept_as_a_line() -> Result<()> {
    let miss = async |run: &Gate| {
        let answer = Answer { request: Some("plan".to_owned()), ..ada() };
        Ok(run.signal(QualityGateWorkflow::approve, answer).await?)
    };
    let lines = ["an approval was ignored: it is for \"plan\", and \"budget/attempts\" is asked"];
    check(attempts(Some(4), 100), Status::WaitingForApproval, miss, "ApprovalTimeout", &lines).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_ends_it_while_people_are_asked() -> Result<()> {
    let abort = async |run: &Gate| Ok(run.signal(QualityGateWorkflow::abort, "wrong branch").await?);
    check(attempts(Some(4), 100), Status::WaitingForApproval, abort, "Aborted", &["abort: wrong branch"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hard_limit_stops_it_until_there_is_more() -> Result<()> {
    let give = async |run: &Gate| {
        let report = run.query(QualityGateWorkflow::budget, ()).await?;
        assert_eq!((report.spent, report.reserved.len()), (Spend { attempts: 5, ..Spend::default() }, 0));
        Ok(run.signal(QualityGateWorkflow::resume, more(3)).await?)
    };
    let lines = ["above the hard limit of 5", "resumed"];
    check(attempts(None, 5), Status::Stopped, give, "done", &lines).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_resumed_with_too_little_stops_again() -> Result<()> {
    let give = async |run: &Gate| Ok(run.signal(QualityGateWorkflow::resume, more(2)).await?);
    let lines = ["above the hard limit of 5", "above the hard limit of 7"];
    check(attempts(None, 5), Status::Stopped, give, "BudgetExhausted", &lines).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_ends_a_run_that_has_stopped() -> Result<()> {
    let abort = async |run: &Gate| Ok(run.signal(QualityGateWorkflow::abort, "too dear").await?);
    check(attempts(None, 5), Status::Stopped, abort, "Aborted", &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_that_bring_nothing_stop_it_until_somebody_looks() -> Result<()> {
    // One at a time, and the first that brings nothing trips the breaker: each has to be let through.
    let hard = Ceiling { fan_out: Some(1), ..Ceiling::default() };
    let request = gate(Limits { hard, fruitless_steps_max: 1, ..Limits::default() });
    let nothing = async |_: &Gate| Ok(());
    check(request, Status::Stopped, nothing, "BudgetExhausted", &["1 steps in a row brought nothing"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_go_to_the_queue_of_an_agent_with_their_skills() -> Result<()> {
    let env = TestEnv::start().await?;
    // Nobody else does checks: without routing this would never end.
    let checks = env.worker("testers").replace(Checking::check, |_| async { Ok(Billed::attempt(passed())) }).start()?;
    let rest = env
        .worker(QUEUE)
        .workflow(QualityGateWorkflow::run)
        .replace(Checking::look, |_| async {
            Ok(ChangeSeen { commit: "commit-1".to_owned(), diff: ContentHash::of(b"") })
        })
        .replace(Checking::report_gate, |_| async { Ok(()) })
        .replace(Publishing::tidy, |_| async { Ok(()) })
        .start()?;
    let agent = |id: &str, agent_type| {
        let (id, task_queue) = (id.to_owned(), "testers".to_owned());
        Agent { id, agent_type, skills: BTreeSet::new(), capacity: 2, task_queue }
    };
    for (agent_type, expected) in [(AgentType::Tester, "done"), (AgentType::Coder, "NoAgent")] {
        let mut request = gate(Limits::default());
        request.house.agents = vec![agent("tess", agent_type)];
        let run = env.client().start_workflow(QualityGateWorkflow::run, request).id("gate").task_queue(QUEUE).await?;
        assert_eq!(env.skip(run.result()).await.map_or_else(kind, |_| "done".to_owned()), expected);
    }
    checks.shutdown().await?;
    rest.shutdown().await?;
    env.shutdown().await;
    Ok(())
}
