//! A small real repository: a Python module with its tests, in a bare repository as forges have them; a worker for it, and
//! what is asked of that.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use weft::{Running, Worker, testing::TestEnv};
use weft_worker::{
    budget::Limits,
    model::CheckKind,
    process::Supervisor,
    provider::config,
    quality::Bar,
    sandbox::Mode,
    serve::{self, Settings},
    workflow::{CodeMigrationRequest, PlanPatchPrRequest, a_quarter},
};

use crate::lab::{QUEUE, house};

/// Good, as `main` has it.
pub(crate) const SHELF: &str = r#""""What is on a shelf."""


def clamp(value, low, high):
    """The nearest number between the two."""
    if value < low:
        return low
    if value > high:
        return high
    return value


def refill(level, wanted, capacity):
    """How much to order: never more than there is room for."""
    missing = wanted - level
    return clamp(missing, 0, capacity - level)
"#;

/// What is required of a shelf whose [`SHELF`] is at fault.
pub(crate) const BROKEN: &str = "Fix refill in shelf.py: it orders nothing";

const TESTS: &str = r#"import unittest

from shelf import clamp, refill


class Clamp(unittest.TestCase):
    def test_within(self):
        self.assertEqual(clamp(5, 0, 10), 5)

    def test_below(self):
        self.assertEqual(clamp(-1, 0, 10), 0)

    def test_above(self):
        self.assertEqual(clamp(11, 0, 10), 10)


class Refill(unittest.TestCase):
    def test_missing(self):
        self.assertEqual(refill(3, 8, 10), 5)

    def test_room(self):
        self.assertEqual(refill(3, 20, 10), 7)

    def test_enough(self):
        self.assertEqual(refill(9, 8, 10), 0)


if __name__ == "__main__":
    unittest.main()
"#;

/// A bare repository in a folder of its own.
pub(crate) struct Shelf {
    root: tempfile::TempDir,
}

impl Shelf {
    /// `main` has the module as it is given.
    pub(crate) fn new(module: &str) -> anyhow::Result<Self> {
        Self::of(&[("shelf.py", module), ("test_shelf.py", TESTS)])
    }

    /// `main` has these files; those that begin like a program are one.
    pub(crate) fn of(files: &[(&str, &str)]) -> anyhow::Result<Self> {
        let root = tempfile::tempdir()?;
        let shelf = Self { root };
        let tree = shelf.root.path().join("tree");
        for (name, text) in files {
            let path = tree.join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(&tree))?;
            std::fs::write(&path, text)?;
            if text.starts_with("#!") {
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
            }
        }
        git(&tree, &["init", "--quiet", "--initial-branch=main"])?;
        git(&tree, &["add", "--all"])?;
        git(&tree, &["commit", "--quiet", "--message", "Keep a shelf"])?;
        git(shelf.root.path(), &["clone", "--quiet", "--bare", "tree", "shelf.git"])?;
        Ok(shelf)
    }

    /// A branch on top of `main` with another module.
    pub(crate) fn branch(&self, name: &str, module: &str) -> anyhow::Result<()> {
        let tree = self.root.path().join("tree");
        git(&tree, &["checkout", "--quiet", "-b", name, "main"])?;
        std::fs::write(tree.join("shelf.py"), module)?;
        git(&tree, &["commit", "--quiet", "--all", "--message", name])?;
        git(&tree, &["push", "--quiet", "../shelf.git", name])
    }

    /// A branch on top of `main` with these files.
    pub(crate) fn branch_of(&self, name: &str, files: &[(&str, String)]) -> anyhow::Result<()> {
        let tree = self.root.path().join("tree");
        git(&tree, &["checkout", "--quiet", "-b", name, "main"])?;
        git(&tree, &["push", "--quiet", "../shelf.git", name])?;
        for (file, text) in files {
            self.add(name, file, text)?;
        }
        Ok(())
    }

    /// Another text of a file on `main`.
    pub(crate) fn change(&self, file: &str, text: &str) -> anyhow::Result<()> {
        let tree = self.root.path().join("tree");
        std::fs::write(tree.join(file), text)?;
        git(&tree, &["commit", "--quiet", "--all", "--message", "Change a file"])?;
        git(&tree, &["push", "--quiet", "../shelf.git", "main"])
    }

    /// One more file on a branch.
    pub(crate) fn add(&self, branch: &str, file: &str, text: &str) -> anyhow::Result<()> {
        let tree = self.root.path().join("tree");
        git(&tree, &["checkout", "--quiet", branch])?;
        let path = tree.join(file);
        std::fs::create_dir_all(path.parent().unwrap_or(&tree))?;
        std::fs::write(path, text)?;
        git(&tree, &["add", "--all"])?;
        git(&tree, &["commit", "--quiet", "--message", file])?;
        git(&tree, &["push", "--quiet", "../shelf.git", branch])
    }

    pub(crate) fn path(&self) -> String {
        self.root.path().join("shelf.git").display().to_string()
    }

    /// For worktrees.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.path().join("worker")
    }

    /// Of a worker of its own.
    pub(crate) fn settings(&self) -> Settings {
        let supervisor = Supervisor::at(env!("CARGO_BIN_EXE_weft-worker"));
        Settings { queue: QUEUE.to_owned(), folder: self.folder(), supervisor, sandbox: Mode::Enforced }
    }

    /// A worker whose agents are those of this file, where nothing is the builtin provider; each key that it names is there.
    pub(crate) fn worker(&self, env: &TestEnv, agents: &str) -> anyhow::Result<Running> {
        Ok(self.idle_worker(env, agents)?.start()?)
    }

    /// The same, before it starts.
    pub(crate) fn idle_worker(&self, env: &TestEnv, agents: &str) -> anyhow::Result<Worker> {
        let providers = config::parse(agents, |_| Some("a key".to_owned()))?;
        Ok(serve::worker(env.client(), &self.settings(), &providers)?)
    }

    /// To be delivered, and merged.
    pub(crate) fn wanted(&self, requirement: &str) -> PlanPatchPrRequest {
        PlanPatchPrRequest {
            repository: self.path(),
            base: "main".to_owned(),
            requirement: requirement.to_owned(),
            auto_merge: true,
            approve_plan: false,
            bar: Bar::default(),
            house: house(Limits::default()),
        }
    }

    /// Step by step, each with its tests, and undone when it fails.
    pub(crate) fn migration(&self, kind: &str, source: &str, target: &str) -> CodeMigrationRequest {
        CodeMigrationRequest {
            repository: self.path(),
            base: "main".to_owned(),
            migration_type: kind.to_owned(),
            source_version: source.to_owned(),
            target_version: target.to_owned(),
            incremental: true,
            auto_rollback: true,
            approve_plan: false,
            failure_rate_max: a_quarter(),
            checks: [CheckKind::UnitTests].into(),
            house: house(Limits::default()),
        }
    }

    /// What git prints.
    pub(crate) fn asked(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = command(&self.root.path().join("shelf.git"), args).output()?;
        anyhow::ensure!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Folders of worktrees that are still there.
    pub(crate) fn worktrees(&self) -> anyhow::Result<usize> {
        Ok(std::fs::read_dir(self.folder().join("trees"))?.count())
    }

    /// Records of calls that are still there.
    pub(crate) fn calls(&self) -> anyhow::Result<usize> {
        Ok(std::fs::read_dir(self.root.path().join("shelf.git/weft/calls"))?.count())
    }
}

fn git(directory: &Path, args: &[&str]) -> anyhow::Result<()> {
    let status = command(directory, args).status()?;
    anyhow::ensure!(status.success(), "git {args:?}: {status}");
    Ok(())
}

fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.current_dir(directory).args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]).args(args);
    command
}
