//! What is wrong from the start: repositories that cannot be worked on, agents that misbehave, models that talk nonsense.
//! A run ends with a failure that says so, and the repository is as it was.

use axum::{Router, http::StatusCode, routing::post};
use weft::testing::TestEnv;
use weft_worker::workflow::{PlanPatchPrRequest, PlanPatchPrWorkflow};

use crate::{
    lab::QUEUE,
    shelf::{BROKEN, SHELF, Shelf},
};

/// What a run with these agents fails with: the kind, and the message. The repository is as it was.
async fn fails(shelf: &Shelf, repository: String, agents: &str) -> anyhow::Result<(String, String)> {
    let env = TestEnv::start().await?;
    let worker = shelf.worker(&env, agents)?;
    let before = shelf.asked(&["for-each-ref"])?;
    let request = PlanPatchPrRequest { repository, ..shelf.wanted(BROKEN) };
    let run = env.client().start_workflow(PlanPatchPrWorkflow::run, request).id("bad").task_queue(QUEUE).await?;
    let error: weft::Error = run.result().await.expect_err("it fails").into();
    worker.shutdown().await?;
    env.shutdown().await;
    assert_eq!((shelf.asked(&["for-each-ref"])?, shelf.worktrees()?), (before, 0), "{error:?}");
    assert_eq!(shelf.asked(&["worktree", "list"])?.lines().count(), 1);
    Ok((error.root().application_kind().unwrap_or_default().to_owned(), error.root().message.clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_cannot_be_worked_on_is_refused() -> anyhow::Result<()> {
    let shelf = Shelf::new(SHELF)?;
    let beside = |name: &str| std::path::Path::new(&shelf.path()).with_file_name(name).display().to_string();
    // Shallow.
    let source = format!("file://{}", beside("tree"));
    shelf.change("shelf.py", &SHELF.replace("nearest", "closest"))?;
    shelf.asked(&["clone", "--quiet", "--depth=1", &source, "../shallow"])?;
    // Dirty, and in the middle of a merge.
    for name in ["dirty", "merging"] {
        shelf.asked(&["clone", "--quiet", ".", &format!("../{name}")])?;
    }
    std::fs::write(format!("{}/shelf.py", beside("dirty")), "changed\n")?;
    std::fs::write(format!("{}/.git/MERGE_HEAD", beside("merging")), shelf.asked(&["rev-parse", "main~"])? + "\n")?;
    std::fs::create_dir(beside("plain"))?;
    for (name, says) in [
        ("nowhere", "there is no folder"),
        ("plain", "is no git repository"),
        ("shallow", "git fetch --unshallow"),
        ("dirty", "changes that are not committed (shelf.py)"),
        ("merging", "in the middle of a merge"),
    ] {
        let (kind, message) = fails(&shelf, beside(name), "").await?;
        assert_eq!(kind, "Refused", "{name}: {message}");
        assert!(message.contains(says), "{name}: {message}");
    }
    Ok(())
}

fn faulty() -> anyhow::Result<Shelf> {
    Shelf::new(&SHELF.replace("value > high", "value > low"))
}

/// Each mends the fault, and then does something that no agent may.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_misbehaves_changes_nothing() -> anyhow::Result<()> {
    let shelf = faulty()?;
    let outside = std::path::Path::new(&shelf.path()).with_file_name("outside");
    std::fs::create_dir(&outside)?;
    let path = outside.display();
    for (does, says) in [
        ("sleep 600".to_owned(), "it did not end within 2 s"),
        ("yes".to_owned(), "it failed: y y y"),
        ("kill -9 $$".to_owned(), "it failed"),
        ("exit 3".to_owned(), "it failed"),
        ("sed -i 's/value > high/value > low/' shelf.py".to_owned(), "it changed nothing"),
        ("echo x > ../../../outside/new".to_owned(), "it failed"),
        (format!("echo x > {path}/new"), "it failed"),
        (format!("ln -s {path} way; echo x > way/new"), "it failed"),
        (format!("cd {path}; touch new"), "it failed"),
        ("git commit -qam Mine".to_owned(), "it failed"),
        ("git push -q . HEAD:refs/heads/stray".to_owned(), "it failed"),
    ] {
        let script = format!("sed -i 's/value > low/value > high/' shelf.py; {does}");
        let words = serde_json::json!(["sh", "-ec", script]);
        // Only one that hangs has to be waited for; of the others none may be stopped before it did what it does.
        let seconds = if does == "sleep 600" { 2 } else { 60 };
        let agents = format!(
            "roles.patch = \"agent\"\n[providers.agent]\nkind = \"command\"\ntime_seconds = {seconds}\nwords = {words}\n"
        );
        let (kind, message) = fails(&shelf, shelf.path(), &agents).await?;
        assert_eq!(kind, "Unable", "{does}: {message}");
        // Of a flood the end is told, which may begin with the end of a line.
        let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(line.contains(says), "{does}: {message}");
        assert_eq!(std::fs::read_dir(&outside)?.count(), 0, "{does}");
    }
    Ok(())
}

/// Whatever it is asked, it says this.
async fn model(status: StatusCode, says: &'static str) -> anyhow::Result<String> {
    let router = Router::new().fallback(post(move || async move { (status, says) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!(
        "roles.plan = \"model\"\n[providers.model]\nkind = \"llm\"\ndialect = \"open_ai\"\n\
         address = \"http://{address}\"\nmodel = \"m\"\nkey = {{ variable = \"KEY\" }}\n"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_talks_nonsense_or_refuses_its_key_is_named() -> anyhow::Result<()> {
    let shelf = faulty()?;
    for (status, answer, kind, says) in [
        (StatusCode::OK, "<html>", "Work", "the provider model answers nonsense"),
        (
            StatusCode::OK,
            "data: {\"choices\": [{\"delta\": {\"content\": \"{\\\"issues\\\"",
            "Work",
            "the provider model",
        ),
        (StatusCode::UNAUTHORIZED, "{\"error\": {\"message\": \"no such key\"}}", "Refused", "no such key"),
    ] {
        let (found, message) = fails(&shelf, shelf.path(), &model(status, answer).await?).await?;
        assert_eq!(found, kind, "{answer}: {message}");
        assert!(message.contains(says), "{answer}: {message}");
    }
    Ok(())
}
