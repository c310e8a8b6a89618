//! What an agent says is followed while it says it, through kill -9 of its worker.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::world::{Mortal, World};

const TESTS: &str = "import unittest\n\nfrom shelf import double\n\n\nclass Shelf(unittest.TestCase):\n    \
                     def test_double(self):\n        self.assertEqual(double(2), 4)\n";

/// Says one thing, and waits for what is never written the first time; a minute at most, should nobody end it.
const AGENT: &str = "echo one $AGENT_KEY; tries=600; \
    while [ ! -e FLAG ]; do [ $tries -gt 0 ] || exit 1; tries=$((tries - 1)); sleep 0.1; done; \
    sed -i 's/return n/return 2 * n/' shelf.py; echo two >&2";

fn git(directory: &Path, args: &[&str]) {
    let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"];
    let status = Command::new("git").current_dir(directory).args(author).args(args).status().unwrap();
    assert!(status.success(), "git {args:?}");
}

/// A bare repository with a test that fails.
fn repository(folder: &Path) -> String {
    let tree = folder.join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("shelf.py"), "def double(n):\n    return n\n").unwrap();
    fs::write(tree.join("test_shelf.py"), TESTS).unwrap();
    git(&tree, &["init", "--quiet", "--initial-branch=main"]);
    git(&tree, &["add", "--all"]);
    git(&tree, &["commit", "--quiet", "--message", "Begin"]);
    git(folder, &["clone", "--quiet", "--bare", "tree", "shelf.git"]);
    folder.join("shelf.git").display().to_string()
}

fn worker(world: &World, folder: &Path) -> Mortal {
    let agent = AGENT.replace("FLAG", &folder.join("flag").display().to_string());
    let agents = json!({
        "roles": { "patch": "coder" },
        "providers": { "coder": { "kind": "command", "words": ["sh", "-c", agent], "pass": ["AGENT_KEY"] } },
    });
    let file = folder.join("agents.toml");
    fs::write(&file, toml::to_string(&agents).unwrap()).unwrap();
    let mut command = world.command(&["worker", "run", "--folder"]);
    command.arg(folder.join("worker")).arg("--agents").arg(file);
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("AGENT_KEY", "a-key-that-nobody-sees");
    Mortal(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// `one [hidden]`, of what is printed and of gaps.
fn told(line: &Value) -> Option<String> {
    let of = format!("{}#{}", line["of"]["step"].as_str()?, line["of"]["attempt"]);
    match line["kind"].as_str()? {
        "printed" => Some(format!("{of} {}: {}", line["stream"].as_str()?, line["text"].as_str()?.trim())),
        "gap" => Some(format!("{of} gap: {}", line["gap"]["why"].as_str()?)),
        "end" => Some(format!("{of} end")),
        _ => None,
    }
}

#[test]
fn an_agent_is_followed_through_a_kill_of_its_worker() {
    let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
    let repository = repository(folder.path());
    let first = worker(&world, folder.path());
    let start = ["run", "plan-patch-pr", "--requirement", "Fix double in shelf.py", "--detach", "--id", "mend"];
    world.run(&[&start[..], &["--repo", &repository]].concat()).ok();

    let step = ["transcript", "mend", "--step", "patch/issue-1/1"];
    let mut path = world.command(&[&step[..], &["--follow", "-o", "json"]].concat());
    let path = path.env("PATH", std::env::var_os("PATH").unwrap());
    let mut following = Mortal(world.spawn(path));
    let lines = BufReader::new(following.0.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let mut lines = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
    let mut said: Vec<String> = Vec::new();
    while said.is_empty() {
        said.extend(told(&lines.next().expect("it is said")));
    }
    // With -9.
    drop(first);
    fs::write(folder.path().join("flag"), "").unwrap();
    let second = worker(&world, folder.path());
    let mut cursor = Value::Null;
    for line in lines {
        said.extend(told(&line));
        cursor = line["cursor"].clone();
    }
    assert!(following.0.wait().unwrap().success());
    drop(second);
    let attempt = |number: u32, what: &str| format!("patch/issue-1/1#{number} {what}");
    said[1..].sort();
    let wanted = [
        attempt(1, "stdout: one [hidden]"),
        attempt(1, "gap: writer_died"),
        attempt(2, "end"),
        attempt(2, "stderr: two"),
        attempt(2, "stdout: one [hidden]"),
    ];
    assert_eq!(said, wanted);

    let again = |more: &[&str]| {
        let mut command = world.command(&[&step[..], more].concat());
        crate::world::run(command.env("PATH", std::env::var_os("PATH").unwrap()))
    };
    let rest = again(&["--from", cursor.as_str().expect("it is told"), "-o", "json"]);
    assert_eq!(rest.json()["cursor"], cursor, "nothing is left");
    let all = again(&[]);
    assert!(all.ok().contains("-- gap: the worker died") && all.ok().contains("You work on the repository"), "{all:?}");
    assert!(all.err.contains("to go on from here: --from patch-issue-1-1"), "{all:?}");
    let wrong = again(&["--from", "there"]);
    assert!(wrong.error(2).contains("take the one that was printed"), "{wrong:?}");
}
