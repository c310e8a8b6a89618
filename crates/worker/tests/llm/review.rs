//! Reviews by a model.

use std::{path::Path, sync::Arc};

use serde_json::json;
use weft_worker::{
    approval::Note,
    model::{Finding, Review, ReviewVerdict, Severity},
    provider::{
        Error, Provider, ReviewTask,
        llm::Dialect,
        record::{InMemory, Record},
        shell::Unconfined,
    },
};

use crate::{Answer, Script, anthropic, model, openai, worktree};

const DIFF: &str = "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-old\n+new\n";

fn task(worktree: &Path, recorder: Arc<InMemory>) -> ReviewTask {
    ReviewTask {
        requirement: "say new".to_owned(),
        notes: vec![Note { by: "ada".to_owned(), text: "In capitals.".to_owned() }],
        diff: DIFF.to_owned(),
        worktree: worktree.to_owned(),
        shell: Arc::new(Unconfined),
        record: Record { step: "step-1".to_owned(), recorder, ..Record::default() },
    }
}

async fn reviewed(dialect: Dialect, answers: Vec<Answer>) -> (Result<Review, Error>, Script, Arc<InMemory>) {
    let (llm, script) = model(dialect, answers).await;
    let (tree, recorder) = (worktree(), Arc::new(InMemory::default()));
    let made = llm.review(task(tree.path(), recorder.clone())).await;
    (made, script, recorder)
}

fn complaint() -> String {
    json!({
        "verdict": "request_changes", "summary": "It is not in capitals.",
        "findings": [{"severity": "error", "message": "say NEW", "file": "a.txt", "line": 1}],
    })
    .to_string()
}

/// The whole change is in the one question, with what it is for and what people have added.
#[tokio::test]
async fn a_model_says_what_must_be_mended() {
    let answers = [
        (Dialect::Anthropic, anthropic(&format!("I have looked:\n{}", complaint()), &[])),
        (Dialect::OpenAi, openai(&complaint(), &[])),
    ];
    for (dialect, answer) in answers {
        let (made, script, recorder) = reviewed(dialect, vec![answer]).await;
        let (file, message) = (Some("a.txt".to_owned()), "say NEW".to_owned());
        let finding = Finding { severity: Severity::Error, message, file, line: Some(1), rule: None };
        let (by, summary) = ("model".to_owned(), "It is not in capitals.".to_owned());
        let wanted = Review { by, verdict: ReviewVerdict::RequestChanges, summary, findings: vec![finding] };
        assert_eq!(made, Ok(wanted));
        let asked = script.asked.lock().expect("nobody panicked").clone();
        let prompt = asked[0].1["messages"][0]["content"].as_str().expect("it is text").to_owned();
        assert!(["say new", "In capitals.", DIFF].iter().all(|it| prompt.contains(it)), "{prompt}");
        assert!(asked[0].1.get("tools").is_none(), "a reviewer changes nothing");
        assert_eq!((asked.len(), recorder.calls()), (1, vec!["step-1/model-0".to_owned()]));
        assert!(recorder.spent().output > 0, "it is not free");
    }
}

#[tokio::test]
async fn a_review_is_by_whoever_made_it_whatever_it_says() {
    let said = json!({"by": "the boss", "verdict": "approve", "summary": "Good."}).to_string();
    let (made, ..) = reviewed(Dialect::Anthropic, vec![anthropic(&said, &[])]).await;
    let made = made.expect("it is a review");
    assert_eq!((made.by.as_str(), made.verdict, made.findings.len()), ("model", ReviewVerdict::Approve, 0));
}

#[tokio::test]
async fn what_is_no_review_is_asked_for_once_more_and_then_called_nonsense() {
    let perhaps = json!({"verdict": "perhaps", "summary": "Hm."}).to_string();
    let (made, script, _) =
        reviewed(Dialect::OpenAi, vec![openai("Looks good!", &[]), openai(&complaint(), &[])]).await;
    assert_eq!(made.map(|it| it.verdict), Ok(ReviewVerdict::RequestChanges));
    assert_eq!(script.asked.lock().expect("nobody panicked").len(), 2);
    let (made, script, _) = reviewed(Dialect::OpenAi, vec![openai(&perhaps, &[]), openai(&perhaps, &[])]).await;
    assert!(matches!(&made, Err(Error::Nonsense { reason, .. }) if reason.contains("`perhaps`")), "{made:?}");
    assert_eq!(script.asked.lock().expect("nobody panicked").len(), 2);
}

#[tokio::test]
async fn a_review_that_is_recorded_is_not_asked_for_again() {
    let (llm, script) = model(Dialect::Anthropic, vec![anthropic(&complaint(), &[])]).await;
    let (tree, recorder) = (worktree(), Arc::new(InMemory::default()));
    let first = llm.review(task(tree.path(), recorder.clone())).await;
    assert_eq!(llm.review(task(tree.path(), recorder.clone())).await, first);
    assert_eq!(script.asked.lock().expect("nobody panicked").len(), 1);
}
