//! Plan-patch-PR: a simple feature by four coders (example 1), and a bug fix that is merged (example 2).

use weft::testing::TestEnv;
use weft_worker::{
    model::{BranchKind, Percent, PlanFault, PrResult},
    workflow::{PlanPatchPrRequest, PlanPatchPrWorkflow, PlanShown},
};

use super::project::{checks, developer, functions, kept, number_next, repository, tests, tools};
use crate::{lab::QUEUE, shelf::Shelf};

fn file(name: &str, text: &str) -> (String, String) {
    (name.to_owned(), text.to_owned())
}

/// Plays a requirement; what came of it, and the plan.
async fn delivered(
    shelf: &Shelf,
    agents: &str,
    requirement: &str,
    auto_merge: bool,
) -> anyhow::Result<(PrResult, PlanShown)> {
    let env = TestEnv::start().await?;
    let worker = shelf.worker(&env, agents)?;
    let request = PlanPatchPrRequest { auto_merge, ..shelf.wanted(requirement) };
    let run = env.client().start_workflow(PlanPatchPrWorkflow::run, request).id("deliver").task_queue(QUEUE).await?;
    let result = run.result().await?;
    let plan = run.query(PlanPatchPrWorkflow::plan, ()).await?.expect("there is one");
    worker.shutdown().await?;
    env.shutdown().await;
    assert_eq!(shelf.worktrees()?, 0);
    assert_eq!(shelf.asked(&["for-each-ref", "refs/weft", "refs/heads/weft"])?, "");
    Ok((result, plan))
}

/// Four coders, of whom each writes what its issue asks for; two lines have a trailing space.
const CODERS: &str = r#"
case "$(cat)" in
*"Create user profile API endpoint"*) cat > backend/api/profile.py <<'END'
"""The profile of a user."""

from backend.services.avatar_storage import address 


def profile(name):
    return {"name": name, "avatar": address(name)}
END
echo "Added the endpoint." ;;
*"Implement avatar storage service"*) cat > backend/services/avatar_storage.py <<'END'
"""Where avatars lie."""

FOLDER = "avatars"
LARGEST = 1 << 20 


def address(name):
    return f"{FOLDER}/{name}.png"


def store(name, image, files):
    if len(image) > LARGEST:
        raise ValueError("an avatar has at most a megabyte")
    files[address(name)] = image
    return address(name)
END
echo "Added the storage." ;;
*"Build profile page UI"*) test -f backend/api/profile.py; cat > frontend/pages/Profile.tsx <<'END'
export function Profile({ name, avatar }: { name: string; avatar: string }) {
  return <main><img src={avatar} alt="" /><h1>{name}</h1><input type="file" accept="image/png" /></main>;
}
END
echo "Added the page." ;;
*"Add profile tests"*) test -f frontend/pages/Profile.tsx; cat > tests/test_profile.py <<'END'
import unittest

from backend.api.profile import profile
from backend.services.avatar_storage import LARGEST, address, store


class Profile(unittest.TestCase):
    def test_a_profile_has_a_name_and_an_avatar(self):
        self.assertEqual(profile("Ada"), {"name": "Ada", "avatar": "avatars/Ada.png"})

    def test_an_avatar_has_an_address(self):
        self.assertEqual(address("Ada"), "avatars/Ada.png")

    def test_an_avatar_is_stored(self):
        files = {}
        store("Ada", b"png", files)
        self.assertEqual(files, {"avatars/Ada.png": b"png"})

    def test_an_avatar_may_be_too_large(self):
        with self.assertRaises(ValueError):
            store("Ada", b"x" * (LARGEST + 1), {})
END
echo "Added tests." ;;
*) echo "That is no issue of mine."; exit 1 ;;
esac
"#;

#[tokio::test(flavor = "multi_thread")]
async fn example_1_simple_feature_addition() -> anyhow::Result<()> {
    let files = [
        file(".weft/checks.yaml", &checks("backend", "")),
        file("backend/__init__.py", ""),
        file("backend/api/__init__.py", ""),
        file("backend/services/__init__.py", ""),
        file("backend/api/users.py", &functions(21, 0, 0..0)),
        file("frontend/pages/Home.tsx", "export function Home() {\n  return <main />;\n}\n"),
        file("tests/__init__.py", ""),
        file("tests/test_users.py", &tests("backend.api.users", 44, 14)),
        file("integration/__init__.py", ""),
    ];
    let shelf = repository(&[tools(), files.into()].concat())?;
    number_next(&shelf, 456)?;
    let requirement = "Add user profile page with avatar upload";
    let (result, shown) = delivered(&shelf, &developer(CODERS), requirement, false).await?;
    let titles: Vec<&str> = shown.plan.issues.iter().map(|issue| issue.title.as_str()).collect();
    let issues = [
        "Create user profile API endpoint",
        "Implement avatar storage service",
        "Build profile page UI",
        "Add profile tests",
    ];
    assert_eq!((titles, shown.plan.branch), (issues.to_vec(), BranchKind::Feature));
    assert_eq!(shown.plan.components, ["backend", "storage", "frontend"]);
    // Those that nothing stands between are worked on at once.
    let waves = shown.plan.waves().map(|waves| waves.iter().map(Vec::len).collect::<Vec<_>>());
    assert_eq!(waves, Ok::<_, PlanFault>(vec![2, 1, 1]));
    assert_eq!((result.pr_number, result.branch_name.as_str()), (456, "feature/add-user-profile-page"));
    assert!(result.pr_url.ends_with("/pull-requests/456.json"), "{}", result.pr_url);
    let changed = [
        "backend/api/profile.py",
        "backend/services/avatar_storage.py",
        "frontend/pages/Profile.tsx",
        "tests/test_profile.py",
    ];
    assert_eq!(result.files_changed, changed.map(str::to_owned).into());
    assert_eq!((result.test_results.passed, result.test_results.total), (true, 48));
    assert_eq!(result.test_results.coverage.map(Percent::get), Some(87.5));
    assert!(result.qa_score.get() >= 92.5, "{result:#?}");
    assert_eq!((result.merged, result.merge_commit_sha), (false, None));
    let pull_request = kept(&result.pr_url)?;
    assert_eq!(
        (&pull_request["state"], &pull_request["labels"]),
        (&"open".into(), &serde_json::json!(["automated", "feature"]))
    );
    let description = pull_request["description"].as_str().expect("it has one");
    assert!(issues.iter().all(|issue| description.contains(issue)), "{description}");
    assert!(description.contains("Auto-fixes were applied"), "{description}");
    let endpoint = shelf.asked(&["show", &format!("{}:backend/api/profile.py", result.branch_name)])?;
    assert!(endpoint.contains("import address\n"), "{endpoint}");
    Ok(())
}

/// What is written is held on to after the job has ended.
const LEAK: &str = r#"# Runs jobs in the background.


class JobProcessor:
    def __init__(self):
        self.buffers = {}
        self.done = 0

    def start(self, job):
        self.buffers[job] = []

    def write(self, job, line):
        if job not in self.buffers:
            raise KeyError(job)
        self.buffers[job].append(line)

    def finish(self, job):
        lines = self.buffers.get(job, [])
        if job not in self.buffers:
            self.buffers.pop(job, None)
        self.done += 1
        return "\n".join(lines)

    def held(self):
        return sum(len(lines) for lines in self.buffers.values())

    def drop(self):
        self.buffers.clear()
"#;
const LEAK_TESTS: &str = r#"import unittest

from workers.job_processor import JobProcessor


class Jobs(unittest.TestCase):
    def setUp(self):
        self.processor = JobProcessor()
        self.processor.start("mail")

    def test_nothing_is_held_at_first(self):
        self.assertEqual(JobProcessor().held(), 0)

    def test_nothing_is_done_at_first(self):
        self.assertEqual(JobProcessor().done, 0)

    def test_a_job_has_a_buffer(self):
        self.assertEqual(self.processor.buffers, {"mail": []})

    def test_a_line_is_held(self):
        self.processor.write("mail", "to Ada")
        self.assertEqual(self.processor.held(), 1)

    def test_lines_are_held(self):
        for line in ("a", "b", "c"):
            self.processor.write("mail", line)
        self.assertEqual(self.processor.held(), 3)

    def test_jobs_do_not_mix(self):
        self.processor.start("print")
        self.processor.write("print", "page 1")
        self.assertEqual(self.processor.finish("mail"), "")

    def test_a_job_that_did_not_start_writes_nothing(self):
        with self.assertRaises(KeyError):
            self.processor.write("print", "page 1")

    def test_what_was_written_is_given_back(self):
        self.processor.write("mail", "to Ada")
        self.processor.write("mail", "sent")
        self.assertEqual(self.processor.finish("mail"), "to Ada\nsent")

    def test_a_job_that_did_not_start_has_no_lines(self):
        self.assertEqual(self.processor.finish("print"), "")

    def test_jobs_are_counted(self):
        self.processor.finish("mail")
        self.processor.finish("print")
        self.assertEqual(self.processor.done, 2)

    def test_memory_is_released(self):
        self.processor.write("mail", "to Ada")
        self.processor.finish("mail")
        self.assertEqual((self.processor.held(), self.processor.buffers), (0, {}))

    def test_other_jobs_keep_theirs(self):
        self.processor.start("print")
        self.processor.write("print", "page 1")
        self.processor.finish("mail")
        self.assertEqual(self.processor.buffers, {"print": ["page 1"]})


if __name__ == "__main__":
    unittest.main()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn example_2_bug_fix_with_auto_merge() -> anyhow::Result<()> {
    let files = [
        file(".weft/checks.yaml", &checks("workers", "")),
        file("workers/__init__.py", ""),
        file("workers/job_processor.py", LEAK),
        file("tests/__init__.py", ""),
        file("tests/test_job_processor.py", LEAK_TESTS),
        file("integration/__init__.py", ""),
    ];
    let shelf = repository(&[tools(), files.into()].concat())?;
    number_next(&shelf, 457)?;
    let requirement = "Fix memory leak in background job processor";
    let (result, shown) = delivered(&shelf, "", requirement, true).await?;
    assert_eq!((shown.plan.issues.len(), shown.plan.branch), (1, BranchKind::Bugfix), "{shown:#?}");
    assert_eq!((result.pr_number, result.branch_name.as_str()), (457, "bugfix/fix-memory-leak-in-background-job"));
    assert_eq!(result.files_changed, ["workers/job_processor.py".to_owned()].into());
    assert_eq!((result.test_results.passed, result.test_results.total), (true, 12));
    assert_eq!(result.test_results.coverage.map(Percent::get), Some(95.0));
    assert!(result.qa_score.get() >= 98.0, "{result:#?}");
    assert!(result.merged && result.merge_commit_sha == Some(shelf.asked(&["rev-parse", "main"])?), "{result:#?}");
    assert_eq!(kept(&result.pr_url)?["state"], "merged");
    let mended = shelf.asked(&["show", "main:workers/job_processor.py"])?;
    assert_eq!(
        mended,
        LEAK.replacen(
            "if job not in self.buffers:\n            self.buffers.pop",
            "if job in self.buffers:\n            self.buffers.pop",
            1
        )
        .trim()
    );
    Ok(())
}
