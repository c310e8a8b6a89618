//! Providers that start processes: how they run commands, and an agent that is one.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use weft_worker::{
    model::{Issue, IssueId},
    provider::{
        Error, PatchTask, Patched, Provider,
        command::Command,
        llm::Key,
        record::Record,
        shell::{Call, Shell, Unconfined},
    },
};

const SECRET: &str = "a-key-that-nobody-sees";

fn call(line: &str) -> Call {
    let command = ["sh", "-c", line].map(str::to_owned);
    Call::new(&command, std::env::temp_dir(), Duration::from_secs(30))
}

#[tokio::test]
async fn a_command_says_how_it_ended() {
    let ended = Unconfined.run(call("echo out; echo $WHO >&2; exit 3").env("WHO", "me")).await.expect("sh runs");
    assert_eq!((ended.success, ended.stdout.as_str(), ended.stderr.as_str()), (false, "out\n", "me\n"));
}

#[tokio::test]
async fn a_command_that_hangs_is_killed() {
    let slow = Call { time: Duration::from_millis(50), ..call("exec tail -f /dev/null") };
    assert!(Unconfined.run(slow).await.expect("sh runs").timed_out);
}

#[tokio::test]
async fn a_command_that_is_not_there_cannot_run() {
    let call = Call { program: "no-such-program".to_owned(), ..call("") };
    let error = Unconfined.run(call).await.expect_err("there is none");
    assert!(error.to_string().starts_with("no-such-program cannot be run: "), "{error}");
}

async fn patched(agent: &[&str]) -> (Result<Patched, Error>, PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let worktree = folder.path().join("tree");
    fs::create_dir(&worktree).expect("it is made");
    let line = "git init -q && echo old > a.txt && echo junk > .gitignore && git add . && \
                git -c user.name=t -c user.email=t@example.com commit -qm first";
    let setup = Call::new(&["sh", "-c", line].map(str::to_owned), &worktree, Duration::from_secs(60));
    assert!(Unconfined.run(setup).await.expect("sh runs").success);
    let environment = [("AGENT_KEY".to_owned(), Key::new(SECRET))].into();
    let words = agent.iter().map(|it| (*it).to_owned()).collect();
    let command = Command { name: "agent".to_owned(), words, time: Duration::from_secs(60), environment };
    let (title, description) = ("say new".to_owned(), "in a.txt".to_owned());
    let id = IssueId("issue-1".to_owned());
    let issue = Issue { id, title, description, files: [].into(), depends_on: [].into(), skills: [].into() };
    let scratch = folder.path().join("scratch");
    let (tests, shell, record) = (Vec::new(), Arc::new(Unconfined), Record::default());
    let task = PatchTask { issue, notes: Vec::new(), worktree: worktree.clone(), scratch, tests, shell, record };
    (command.patch(task).await, worktree, folder)
}

#[tokio::test]
async fn what_the_agent_leaves_in_the_worktree_is_its_patch() {
    let (made, tree, _folder) =
        patched(&["sh", "-c", "cat > told.txt; echo new > a.txt; touch junk; echo Said new."]).await;
    let files = ["a.txt", "told.txt"].map(str::to_owned).into();
    assert_eq!(made, Ok(Patched::Made { summary: "Said new.".to_owned(), files, tried: 1 }));
    let told = fs::read_to_string(tree.join("told.txt")).expect("it was told something");
    assert!(told.contains("<issue>\nsay new\n\nin a.txt\n</issue>"), "{told}");
}

#[tokio::test]
async fn a_prompt_may_be_a_word() {
    let (made, tree, _folder) = patched(&["sh", "-c", "printf %s \"$1\" > a.txt", "sh", "{prompt}"]).await;
    assert!(matches!(made, Ok(Patched::Made { .. })), "{made:?}");
    assert!(fs::read_to_string(tree.join("a.txt")).expect("it is there").contains("say new"));
}

#[tokio::test]
async fn an_agent_that_does_nothing_or_fails_has_made_no_patch() {
    let check = |made: Result<Patched, Error>, wanted: &str| {
        assert!(matches!(&made, Ok(Patched::Unable(it)) if it.reason == wanted), "{made:?}");
    };
    check(patched(&["sh", "-c", "echo I would rather not"]).await.0, "agent: it changed nothing: I would rather not");
    check(patched(&["sh", "-c", "echo x > a.txt; echo broke >&2; exit 3"]).await.0, "agent: it failed: broke");
    let missing = patched(&["no-such-agent"]).await.0;
    assert!(matches!(&missing, Err(Error::Environment(why)) if why.starts_with("no-such-agent cannot be run")));
}

#[tokio::test]
async fn what_the_agent_prints_of_its_keys_is_not_told() {
    let made = patched(&["sh", "-c", "echo \"Said $AGENT_KEY.\"; echo new > a.txt"]).await.0;
    assert!(matches!(&made, Ok(Patched::Made { summary, .. }) if summary == "Said [hidden]."), "{made:?}");
    // The cut goes through the key.
    let line = "printf %s \"$AGENT_KEY\"; head -c 395 /dev/zero | tr '\\0' x; exit 3";
    let made = patched(&["sh", "-c", line]).await.0;
    assert!(matches!(&made, Ok(Patched::Unable(it)) if it.reason.starts_with("agent: it failed: dden]xx")), "{made:?}");
}
