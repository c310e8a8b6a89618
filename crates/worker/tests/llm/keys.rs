//! Servers that repeat the key that they were given: it goes no further.

use std::{fs, sync::Arc};

use serde_json::json;
use weft_worker::provider::{
    Provider,
    llm::Dialect,
    record::{InMemory, Recorder, Tokens},
};

use crate::{Answer, SECRET, anthropic, model, openai, status_of, task, worktree};

/// What came of it in words, from the error to the record of its calls, with servers that repeat what they were sent.
async fn repeated(dialect: Dialect, answers: Vec<Answer>) -> String {
    let (llm, _script) = model(dialect, answers).await;
    let (tree, recorder) = (worktree(), Arc::new(InMemory::default()));
    let made = llm.patch(task(tree.path(), recorder.clone())).await;
    let file = fs::read_to_string(tree.path().join("a.txt")).expect("it is there");
    let mut calls = Vec::new();
    for call in recorder.calls() {
        calls.push(recorder.begin(&call, Tokens::default()).await.expect("there is a budget"));
    }
    let told = match &made {
        Err(error) => error.to_string(),
        Ok(patched) => format!("{patched:?}"),
    };
    format!("{told}\n{file}\n{calls:?}")
}

#[tokio::test]
async fn a_key_that_a_server_repeats_is_hidden_wherever_it_does() {
    let long = format!("{}{SECRET}", "x".repeat(290));
    let message = |text: &str| json!({"error": {"message": text}}).to_string();
    let stream = |text: &str| Answer::Stream(format!("data: {text}\n\n"));
    let error = |text: &str| json!({"type": "error", "error": {"message": text}}).to_string();
    let incorrect = format!("Incorrect API key provided: {SECRET}");
    let refused = |status, text: String| vec![status_of(status, text)];
    let write = [("write_file", json!({"path": "a.txt", "text": SECRET}))];
    let cases = [
        (refused(401, message(&incorrect)), "(401): Incorrect API key provided: [hidden]"),
        (refused(400, format!("<p>{SECRET}</p>")), "(400): <p>[hidden]</p>"),
        // Cut where half of it would be left.
        (refused(401, message(&long)), "x[hidden]"),
        ([503, 503, 503].map(|status| refused(status, message(&incorrect)).remove(0)).into(), "[hidden]"),
        (vec![stream(&error(&incorrect))], "nonsense: Incorrect API key provided: [hidden]"),
        (vec![stream(SECRET)], "in \"[hidden]\""),
        (vec![anthropic(SECRET, &[])], "it changed nothing: [hidden]"),
        (vec![anthropic(SECRET, &write), anthropic(SECRET, &[])], "summary: \"[hidden]\""),
    ];
    for (answers, wanted) in cases {
        let said = repeated(Dialect::Anthropic, answers).await;
        assert!(said.contains(wanted) && !said.contains("a-key"), "{said}");
    }
    for answers in [vec![stream(&message(&incorrect))], vec![openai(SECRET, &write), openai(SECRET, &[])]] {
        let said = repeated(Dialect::OpenAi, answers).await;
        assert!(said.contains("[hidden]") && !said.contains("a-key"), "{said}");
    }
}
