//! A change is reviewed before it is published: by rules and by commands, on a real repository.

use weft::testing::TestEnv;
use weft_worker::{
    approval::Answer,
    budget::Limits,
    model::ReviewVerdict,
    progress::Status,
    workflow::{
        PlanPatchPrRequest, PlanPatchPrWorkflow,
        desk::{Attended as _, House, ReviewPolicy},
    },
};

use crate::{
    lab::{QUEUE, house, kind, until},
    shelf::{BROKEN, SHELF, Shelf},
};

fn wanted(shelf: &Shelf, rounds: u32) -> PlanPatchPrRequest {
    let house = House { review: Some(ReviewPolicy { rounds }), ..house(Limits::default()) };
    PlanPatchPrRequest { house, ..shelf.wanted(BROKEN) }
}

/// Leaves something the first time, and takes it away when it is told of it.
const CARELESS: &str = r#"
    roles.patch = "coder"
    [providers.coder]
    kind = "command"
    words = ["sh", "-c", """
        if grep -q 'left of debugging'; then sed -i '/breakpoint/d; /if False/d' shelf.py; else
            sed -i 's/value > low/value > high/' shelf.py; printf 'if False:\\n    breakpoint()\\n' >> shelf.py; fi"""]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_review_finds_goes_back_and_is_mended() -> anyhow::Result<()> {
    let (env, shelf) = (TestEnv::start().await?, Shelf::new(&SHELF.replace("value > high", "value > low"))?);
    let worker = shelf.worker(&env, CARELESS)?;
    let run = env.client().start_workflow(PlanPatchPrWorkflow::run, wanted(&shelf, 2)).id("care").task_queue(QUEUE);
    let run = run.await?;
    let result = run.result().await?;
    let review = result.review.expect("it was reviewed");
    assert_eq!((review.by.as_str(), review.verdict), ("builtin", ReviewVerdict::Approve), "{review:?}");
    assert_eq!(shelf.asked(&["show", "main:shelf.py"])?, SHELF.trim());
    let timeline = format!("{:?}", run.query(PlanPatchPrWorkflow::timeline, ()).await?);
    assert!(timeline.contains("shelf.py:18: error: this is left of debugging"), "{timeline}");
    assert!(timeline.contains("review/2 done: Review: builtin approves"), "{timeline}");
    let record = std::fs::read_to_string(format!("{}/weft/pull-requests/1.json", shelf.path()))?;
    assert!(record.contains("Review: builtin approves"), "{record}");
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}

/// Somebody who is never content, and a coder who always does something.
const NEVER_CONTENT: &str = r#"
    roles = { patch = "coder", review = "reviewer" }
    [providers.coder]
    kind = "command"
    words = ["sh", "-c", "sed -i 's/value > low/value > high/' shelf.py; echo '# looked at' >> shelf.py"]
    [providers.reviewer]
    kind = "command"
    words = ["sh", "-c", """
        grep -q 'diff --git a/shelf.py' && echo changed > shelf.py
        echo 'Well: {"verdict": "request_changes", "summary": "Not yet.", "findings": []}'"""]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn after_the_last_round_a_person_decides() -> anyhow::Result<()> {
    for agrees in [true, false] {
        let (env, shelf) = (TestEnv::start().await?, Shelf::new(&SHELF.replace("value > high", "value > low"))?);
        let worker = shelf.worker(&env, NEVER_CONTENT)?;
        let run =
            env.client().start_workflow(PlanPatchPrWorkflow::run, wanted(&shelf, 1)).id("never").task_queue(QUEUE);
        let run = run.await?;
        until(&env, Status::WaitingForApproval, async || run.query(PlanPatchPrWorkflow::status, ()).await).await;
        let answer = Answer { by: "Ada".to_owned(), request: Some("review".to_owned()), ..Answer::default() };
        if agrees {
            run.signal(PlanPatchPrWorkflow::approve, answer).await?;
            let result = run.result().await?;
            let review = result.review.expect("it was reviewed");
            assert_eq!((review.by.as_str(), review.verdict), ("reviewer", ReviewVerdict::RequestChanges));
            let text = shelf.asked(&["show", "main:shelf.py"])?;
            assert_eq!(text.matches("# looked at").count(), 2, "it went back once: {text}");
        } else {
            run.signal(PlanPatchPrWorkflow::reject, answer).await?;
            assert_eq!(kind(run.result().await.expect_err("a person says no")), "Rejected");
            assert_eq!(shelf.asked(&["for-each-ref", "--format=%(refname)"])?, "refs/heads/main");
        }
        assert_eq!((shelf.worktrees()?, shelf.calls()?), (0, 0));
        worker.shutdown().await?;
        env.shutdown().await;
    }
    Ok(())
}
