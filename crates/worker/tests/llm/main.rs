//! The provider that is a language model, against a local server that speaks the providers' formats, errors and streams.

mod keys;
mod review;

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::{Value, json};
use weft_worker::{
    model::{Issue, IssueId},
    provider::{
        Error, PatchTask, Patched, PlanTask, Provider, Unable,
        builtin::plan::Facts,
        llm::{Config, Dialect, Key, Llm},
        record::{InMemory, Price, Record, Recorder, Tokens},
        shell::Unconfined,
    },
};

const SECRET: &str = "a-key-that-nobody-sees";

/// What the server answers next.
#[derive(Clone)]
enum Answer {
    Stream(String),
    Status(u16, String),
}

#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

async fn answer(State(script): State<Script>, headers: HeaderMap, body: Bytes) -> Response {
    let body = serde_json::from_slice(&body).expect("the request is JSON");
    script.asked.lock().expect("nobody panicked").push((headers, body));
    let next = script.answers.lock().expect("nobody panicked").pop_front().expect("the script has an answer");
    let (status, kind, text) = match next {
        Answer::Stream(text) => (200, "text/event-stream", text),
        Answer::Status(status, text) => (status, "application/json", text),
    };
    let status = StatusCode::from_u16(status).expect("it is a status");
    Response::builder().status(status).header("content-type", kind).body(Body::from(text)).expect("it is a response")
}

/// A server with a script, and a model that asks it.
async fn model(dialect: Dialect, answers: Vec<Answer>) -> (Llm, Script) {
    let script = Script { answers: Arc::new(Mutex::new(answers.into())), ..Script::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = format!("http://{}", listener.local_addr().expect("it has one"));
    let router = Router::new().fallback(answer).with_state(script.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = Config {
        name: "model".to_owned(),
        dialect,
        address,
        model: "small".to_owned(),
        output_tokens: 1000,
        turns: 5,
        attempts: 3,
        wait: Duration::ZERO,
        time: Duration::from_secs(30),
        price: Price { input: 3.0, output: 15.0 },
    };
    (Llm::new(config, Key::new(SECRET)).expect("there are certificates"), script)
}

fn status_of(status: u16, text: impl Into<String>) -> Answer {
    Answer::Status(status, text.into())
}

fn events(all: &[Value]) -> Answer {
    Answer::Stream(all.iter().map(|it| format!("data: {it}\n\n")).collect())
}

/// An answer of Anthropic's: words, and calls of tools by name and arguments.
fn anthropic(text: &str, calls: &[(&str, Value)]) -> Answer {
    let mut all = vec![
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 100, "output_tokens": 1}}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        json!({"type": "content_block_stop", "index": 0}),
    ];
    for (at, (name, arguments)) in calls.iter().enumerate() {
        let block = json!({"type": "tool_use", "id": format!("call-{at}"), "name": name, "input": {}});
        all.push(json!({"type": "content_block_start", "index": at + 1, "content_block": block}));
        let text = arguments.to_string();
        let (one, other) = text.split_at(text.len() / 2);
        for part in [one, other] {
            let delta = json!({"type": "input_json_delta", "partial_json": part});
            all.push(json!({"type": "content_block_delta", "index": at + 1, "delta": delta}));
        }
    }
    all.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}}));
    all.push(json!({"type": "message_stop"}));
    events(&all)
}

/// The same of OpenAI's.
fn openai(text: &str, calls: &[(&str, Value)]) -> Answer {
    let delta = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]});
    let mut all = vec![delta(json!({"role": "assistant", "content": text}))];
    for (at, (name, arguments)) in calls.iter().enumerate() {
        let function = json!({"name": name, "arguments": ""});
        let call = json!({"index": at, "id": format!("call-{at}"), "type": "function", "function": function});
        all.push(delta(json!({"tool_calls": [call]})));
        let call = json!({"index": at, "function": {"arguments": arguments.to_string()}});
        all.push(delta(json!({"tool_calls": [call]})));
    }
    all.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
    all.push(json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20}}));
    let Answer::Stream(text) = events(&all) else { unreachable!("events are a stream") };
    Answer::Stream(format!("{text}data: [DONE]\n\n"))
}

fn task(worktree: &Path, recorder: Arc<dyn Recorder>) -> PatchTask {
    let (title, description) = ("say new".to_owned(), "in a.txt".to_owned());
    let id = IssueId("issue-1".to_owned());
    PatchTask {
        issue: Issue { id, title, description, files: [].into(), depends_on: [].into(), skills: [].into() },
        notes: Vec::new(),
        worktree: worktree.to_owned(),
        scratch: worktree.join("../scratch"),
        tests: ["grep", "-q", "new", "a.txt"].map(str::to_owned).to_vec(),
        shell: Arc::new(Unconfined),
        record: Record { step: "step-1".to_owned(), recorder, ..Record::default() },
    }
}

fn worktree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    fs::write(folder.path().join("a.txt"), "old\n").expect("it is written");
    folder
}

fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("read_file", json!({"path": "a.txt"})),
        ("write_file", json!({"path": "a.txt", "text": "new\n"})),
        ("run_tests", json!({})),
    ]
}

async fn patches(dialect: Dialect, answers: Vec<Answer>) -> Script {
    let (llm, script) = model(dialect, answers).await;
    let (tree, recorder) = (worktree(), Arc::new(InMemory::default()));
    let made = llm.patch(task(tree.path(), recorder.clone())).await;
    let files = BTreeSet::from(["a.txt".to_owned()]);
    assert_eq!(made, Ok(Patched::Made { summary: "Said new.".to_owned(), files, tried: 2 }));
    assert_eq!(fs::read_to_string(tree.path().join("a.txt")).expect("it is there"), "new\n");
    let names = ["model-0", "model-1", "tool-0-0", "tool-0-1", "tool-0-2"].map(|it| format!("step-1/{it}"));
    assert_eq!(recorder.calls(), names);
    assert_eq!(recorder.spent(), Tokens { input: 200, output: 40 });
    script
}

#[tokio::test]
async fn a_patch_is_made_in_anthropics_format() {
    let answers = vec![anthropic("", &calls()), anthropic("Said new.", &[])];
    let asked = patches(Dialect::Anthropic, answers).await.asked.lock().expect("nobody panicked").clone();
    let (headers, first) = &asked[0];
    assert_eq!(
        (headers["x-api-key"].as_bytes(), headers["idempotency-key"].as_bytes()),
        (SECRET.as_bytes(), &b"step-1/model-0"[..])
    );
    assert_eq!(first["tools"][1]["input_schema"]["required"], json!(["path"]));
    let results = &asked[1].1["messages"][2]["content"];
    assert_eq!(
        results[0],
        json!({"type": "tool_result", "tool_use_id": "call-0", "content": "old\n", "is_error": false})
    );
    assert_eq!(results[2]["content"], "The tests pass.\n\n");
}

#[tokio::test]
async fn a_patch_is_made_in_openais_format() {
    let answers = vec![openai("", &calls()), openai("Said new.", &[])];
    let asked = patches(Dialect::OpenAi, answers).await.asked.lock().expect("nobody panicked").clone();
    assert_eq!(asked[0].0["authorization"], format!("Bearer {SECRET}"));
    let messages = asked[1].1["messages"].as_array().expect("there are some");
    assert_eq!(messages[1]["tool_calls"][1]["function"]["name"], "write_file");
    assert_eq!(messages[2], json!({"role": "tool", "tool_call_id": "call-0", "content": "old\n"}));
}

#[tokio::test]
async fn what_was_recorded_is_not_asked_again() {
    let (llm, script) = model(Dialect::Anthropic, vec![anthropic("", &calls()), anthropic("Said new.", &[])]).await;
    let recorder = Arc::new(InMemory::default());
    let first = worktree();
    let made = llm.patch(task(first.path(), recorder.clone())).await;
    // Another attempt has another worktree: recorded writes are done there too.
    let second = worktree();
    assert_eq!(llm.patch(task(second.path(), recorder.clone())).await, made);
    assert_eq!(fs::read_to_string(second.path().join("a.txt")).expect("it is there"), "new\n");
    assert_eq!(script.asked.lock().expect("nobody panicked").len(), 2);
    assert_eq!(recorder.spent(), Tokens { input: 200, output: 40 });
}

#[tokio::test]
async fn a_call_that_was_lost_is_made_once_more_by_its_name_and_counts_as_spent() {
    let (llm, script) = model(Dialect::Anthropic, vec![anthropic("I will not.", &[])]).await;
    let recorder = Arc::new(InMemory::default());
    let most = Tokens { input: 0, output: 1000 };
    recorder.begin("step-1/model-0", most).await.expect("there is a budget");
    let made = llm.patch(task(worktree().path(), recorder.clone())).await;
    let reason = "model: it changed nothing: I will not.".to_owned();
    assert_eq!(made, Ok(Patched::Unable(Unable { reason, tried: 1 })));
    assert!(recorder.spent().output >= 1000 + 20, "{:?}", recorder.spent());
    assert_eq!(script.asked.lock().expect("nobody panicked")[0].0["idempotency-key"], "step-1/model-0");
}

/// What a model makes of these answers, and how often it was asked.
async fn outcome(answers: Vec<Answer>) -> (Result<Patched, Error>, usize, Tokens) {
    let (llm, script) = model(Dialect::Anthropic, answers).await;
    let recorder = Arc::new(InMemory::default());
    let made = llm.patch(task(worktree().path(), recorder.clone())).await;
    let asked = script.asked.lock().expect("nobody panicked").len();
    (made, asked, recorder.spent())
}

#[tokio::test]
async fn a_server_that_is_busy_or_broken_for_a_while_is_asked_again() {
    let busy = status_of(429, r#"{"error": {"message": "slow down"}}"#);
    let broken = status_of(500, "oops");
    let half = Answer::Stream("data: {\"type\":\"message_start\",\"message\":{}}\n\ndata: {\"type\"".to_owned());
    for fault in [busy, broken, half] {
        let (made, asked, _) = outcome(vec![fault, anthropic("No.", &[])]).await;
        assert!(matches!(made, Ok(Patched::Unable(_))), "{made:?}");
        assert_eq!(asked, 2);
    }
}

#[tokio::test]
async fn a_server_that_stays_broken_is_the_environments_fault() {
    let busy = status_of(429, r#"{"error": {"message": "slow down"}}"#);
    let (made, asked, spent) = outcome(vec![busy.clone(), busy.clone(), busy]).await;
    assert!(matches!(&made, Err(Error::Environment(why)) if why.contains("(429): slow down")), "{made:?}");
    assert_eq!((asked, spent), (3, Tokens::default()));
}

#[tokio::test]
async fn each_time_that_may_have_cost_something_counts_as_spent() {
    let busy = status_of(429, r#"{"error": {"message": "slow down"}}"#);
    let half = Answer::Stream("data: {\"type\":\"message_start\",\"message\":{}}\n\ndata: {\"type\"".to_owned());
    let (made, asked, spent) = outcome(vec![half.clone(), half.clone(), busy]).await;
    assert!(matches!(&made, Err(Error::Environment(why)) if why.contains("(429): slow down")), "{made:?}");
    assert_eq!((asked, spent.output), (3, 2 * 1000));
    let (made, asked, spent) = outcome(vec![half, anthropic("No.", &[])]).await;
    assert!(matches!(made, Ok(Patched::Unable(_))), "{made:?}");
    assert_eq!((asked, spent.output), (2, 1000 + 20));
}

#[tokio::test]
async fn an_answer_that_does_not_say_what_it_cost_costs_what_was_set_aside() {
    let Answer::Stream(text) = anthropic("No.", &[]) else { unreachable!("it is a stream") };
    let silent = text.replace("input_tokens", "x").replace("output_tokens", "y");
    let (made, _, spent) = outcome(vec![Answer::Stream(silent)]).await;
    assert!(matches!(made, Ok(Patched::Unable(_))), "{made:?}");
    assert!(spent.output == 1000 && spent.input > 0, "{spent:?}");
}

#[tokio::test]
async fn a_key_that_is_refused_is_not_tried_again_and_not_shown() {
    let (made, asked, _) = outcome(vec![status_of(401, r#"{"error": {"message": "invalid x-api-key"}}"#)]).await;
    let said = format!("{made:?}");
    assert!(matches!(&made, Err(Error::Refused(why)) if why.contains("invalid x-api-key")), "{said}");
    assert!(!said.contains(SECRET));
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn nonsense_is_called_so() {
    for nonsense in ["<html>", "data: not json\n\n", "data: {\"kind\": 1}\n\n"] {
        let (made, asked, _) = outcome(vec![Answer::Stream(nonsense.to_owned())]).await;
        assert!(matches!(&made, Err(Error::Nonsense { .. })), "{nonsense}: {made:?}");
        assert_eq!(asked, 1);
    }
}

#[tokio::test]
async fn tools_do_not_leave_the_worktree() {
    let folder = worktree();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).expect("it is made");
    std::os::unix::fs::symlink(folder.path(), tree.join("out")).expect("a link is made");
    let paths = ["../a.txt", "/etc/passwd", "out/a.txt", ".git/config", "b/../../a.txt", ""];
    let writes: Vec<(&str, Value)> =
        paths.iter().map(|path| ("write_file", json!({"path": path, "text": "hacked"}))).collect();
    let (llm, script) = model(Dialect::Anthropic, vec![anthropic("", &writes), anthropic("Done.", &[])]).await;
    let made = llm.patch(task(&tree, Arc::new(InMemory::default()))).await;
    assert!(matches!(made, Ok(Patched::Unable(_))), "{made:?}");
    let asked = script.asked.lock().expect("nobody panicked").clone();
    let results = asked[1].1["messages"][2]["content"].as_array().expect("there are results").clone();
    assert!(results.len() == paths.len() && results.iter().all(|it| it["is_error"] == true), "{results:?}");
    assert_eq!(fs::read_to_string(folder.path().join("a.txt")).expect("it is there"), "old\n");
}

#[tokio::test]
async fn a_plan_is_read_out_of_words_or_asked_for_once_more() {
    let plan = json!({"requirement": "x", "branch": "feature", "design": "d", "issues":
        [{"id": "issue-1", "title": "t", "description": "d"}]});
    let answers = vec![openai("Let me think about that.", &[]), openai(&format!("Here:\n{plan}"), &[])];
    let (llm, script) = model(Dialect::OpenAi, answers).await;
    let task = PlanTask {
        requirement: "x".to_owned(),
        notes: Vec::new(),
        facts: Facts::default(),
        design: None,
        record: Record::default(),
    };
    let made = llm.plan(task).await.expect("the second answer holds one");
    assert_eq!(made.issues.len(), 1);
    assert_eq!(script.asked.lock().expect("nobody panicked").len(), 2);
}
