//! Migrations of real repositories: rules on syntax trees, worktrees, confined tests, branches and the local forge.

use weft::{client::WorkflowHandle, testing::TestEnv};
use weft_worker::{
    approval::Answer,
    model::MigrationResult,
    progress::Status,
    workflow::{CodeMigrationRequest, CodeMigrationWorkflow as Own, desk::Attended as _},
};

use crate::{
    lab::{QUEUE, kind, until},
    shelf::Shelf,
};

/// Written for Python 2: one module does not even load, and the tests of the others fail.
const PYTHON: &[(&str, &str)] = &[
    ("report.py", "def show(name):\n    print name\n"),
    (
        "shelf.py",
        "def slots(count):\n    return [unicode(i) for i in xrange(count)]\n\n\n\
         def middle(names):\n    return names[len(names) / 2]\n",
    ),
    (
        "stock.py",
        "def total(stock):\n    return sum(count for _, count in stock.iteritems())\n\n\n\
         def has(stock, name):\n    return stock.has_key(name)\n",
    ),
    ("setup.py", "from setuptools import setup\n\nsetup(name='shelf', python_requires='>=2.7')\n"),
    ("README.md", "# Shelf\n\nNeeds Python 2.7.\n"),
    (
        "test_report.py",
        "import contextlib\nimport io\nimport unittest\n\nfrom report import show\n\n\nclass Report(unittest.TestCase):\n    \
         def test_show(self):\n        out = io.StringIO()\n        with contextlib.redirect_stdout(out):\n            \
         show('lamp')\n        self.assertEqual(out.getvalue(), 'lamp\\n')\n",
    ),
    (
        "test_shelf.py",
        "import unittest\n\nfrom shelf import middle, slots\nfrom stock import has, total\n\n\n\
         class Shelf(unittest.TestCase):\n    def test_slots(self):\n        self.assertEqual(slots(2), ['0', '1'])\n\n    \
         def test_middle(self):\n        self.assertEqual(middle(['a', 'b', 'c']), 'b')\n\n    \
         def test_total(self):\n        self.assertEqual(total({'a': 1, 'b': 2}), 3)\n\n    \
         def test_has(self):\n        self.assertTrue(has({'a': 1}, 'a'))\n",
    ),
];

const RUST: &[(&str, &str)] = &[
    ("Cargo.toml", "[package]\nname = \"half\"\nversion = \"0.1.0\"\nedition = \"2015\"\n"),
    (
        "src/lib.rs",
        "pub fn half(text: &str) -> Result<i32, std::num::ParseIntError> {\n    let number: i32 = try!(text.parse());\n    \
         Ok(number / 2)\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn a_half() {\n        \
         assert_eq!(::half(\"8\"), Ok(4));\n    }\n}\n",
    ),
    (
        // As the edition guide says: paths of the crate's own begin with `crate`.
        ".weft/migrations/edition.toml",
        "name = \"edition\"\n\n[[step]]\ntitle = \"Return errors with ?\"\n\n[[step.rule]]\nkind = \"tree\"\nname = \"try\"\n\
         files = [\".rs\"]\nquery = '((macro_invocation macro: (identifier) @name (token_tree) @tokens) @whole (#eq? @name \
         \"try\"))'\nreplace = \"{tokens}?\"\n\n[[step]]\ntitle = \"Say crate\"\n\n[[step.rule]]\nkind = \"text\"\n\
         name = \"crate\"\nfiles = [\".rs\"]\nfind = \"(::half\"\nreplace = \"(crate::half\"\n\n[[step]]\n\
         title = \"Declare the edition\"\n\n[[step.rule]]\nkind = \"text\"\nname = \"edition\"\nfiles = [\"Cargo.toml\"]\n\
         find = 'edition = \"{source}\"'\nreplace = 'edition = \"{target}\"'\n",
    ),
];

/// Plays a migration; what it ended with. Nothing but refs is left.
pub(crate) async fn play(
    shelf: &Shelf,
    request: CodeMigrationRequest,
    then: impl AsyncFn(&TestEnv, &WorkflowHandle<Own>) -> anyhow::Result<()>,
) -> anyhow::Result<Result<MigrationResult, weft::client::WorkflowError>> {
    let env = TestEnv::start().await?;
    let worker = shelf.worker(&env, "")?;
    let run = env.client().start_workflow(Own::run, request).id("migrate").task_queue(QUEUE).await?;
    then(&env, &run).await?;
    let ended = run.result().await;
    worker.shutdown().await?;
    env.shutdown().await;
    assert_eq!(shelf.worktrees()?, 0);
    assert_eq!(shelf.asked(&["for-each-ref", "refs/weft", "refs/heads/weft"])?, "");
    Ok(ended)
}

pub(crate) async fn nothing(_: &TestEnv, _: &WorkflowHandle<Own>) -> anyhow::Result<()> {
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn python_2_becomes_python_3_step_by_step() -> anyhow::Result<()> {
    let shelf = Shelf::of(PYTHON)?;
    let request = shelf.migration("python3-migration", "2.7", "3.11");
    let result = play(&shelf, request, nothing).await??;
    assert_eq!(result.plan_name, "Migration to 3.11");
    assert_eq!((result.total_steps, result.completed_steps, result.failed_steps), (6, 6, 0), "{result:#?}");
    let branch = "feature/python3-migration-from-2-7-to-3-11";
    assert_eq!(result.branch_name.as_deref(), Some(branch));
    let show = |file: &str| shelf.asked(&["show", &format!("{branch}:{file}")]);
    assert_eq!(show("report.py")?, "def show(name):\n    print(name)");
    assert!(
        show("shelf.py")?.contains("[str(i) for i in range(count)]") && show("shelf.py")?.contains("len(names) // 2")
    );
    assert!(show("stock.py")?.contains("stock.items()") && show("stock.py")?.contains("return (name in stock)"));
    assert!(show("setup.py")?.contains(">=3.11") && show("README.md")?.contains("Python 3.11"));
    // A commit for each step, on top of what was there.
    assert_eq!(shelf.asked(&["rev-list", "--count", &format!("main..{branch}")])?, "6");
    let tip = result.step_results.last().and_then(|step| step.commit.clone());
    assert_eq!(tip, Some(shelf.asked(&["rev-parse", branch])?));
    let report = std::fs::read_to_string(result.final_pr_url.expect("there is one").trim_start_matches("file://"))?;
    assert!(report.contains("Unit Tests: failed") && report.contains("passed, 5 of 5 tests pass"), "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crate_goes_to_another_edition_by_rules_of_its_own() -> anyhow::Result<()> {
    let shelf = Shelf::of(RUST)?;
    let result = play(&shelf, shelf.migration("edition", "2015", "2021"), nothing).await??;
    assert_eq!((result.completed_steps, result.failed_steps), (3, 0), "{result:#?}");
    let branch = result.branch_name.expect("there is one");
    let lib = shelf.asked(&["show", &format!("{branch}:src/lib.rs")])?;
    assert!(lib.contains("(text.parse())?") && lib.contains("crate::half"), "{lib}");
    assert!(shelf.asked(&["show", &format!("{branch}:Cargo.toml")])?.contains("edition = \"2021\""));
    Ok(())
}

/// The second step breaks the tests.
const BREAKS: &str = "name = \"breaks\"\n\n[[step]]\ntitle = \"Say range\"\n\n[[step.rule]]\nkind = \"text\"\nname = \"range\"\n\
    files = [\".py\"]\nfind = \"xrange\"\nreplace = \"range\"\n\n[[step]]\ntitle = \"Lose a colon\"\n\n[[step.rule]]\n\
    kind = \"text\"\nname = \"colon\"\nfiles = [\"shelf.py\"]\nfind = \"(count):\"\nreplace = \"(count)\"\n";

fn breaking() -> anyhow::Result<Shelf> {
    let shelf = "xrange = range\n\n\ndef slots(count):\n    return list(xrange(count))\n";
    let tests = "import unittest\n\nfrom shelf import slots\n\n\nclass Shelf(unittest.TestCase):\n    \
                 def test_slots(self):\n        self.assertEqual(slots(2), [0, 1])\n";
    Shelf::of(&[("shelf.py", shelf), ("test_shelf.py", tests), (".weft/migrations/breaks.toml", BREAKS)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_breaks_tests_is_undone_with_those_before_it() -> anyhow::Result<()> {
    let shelf = breaking()?;
    let before = shelf.asked(&["for-each-ref"])?;
    let result = play(&shelf, shelf.migration("breaks", "1", "2"), nothing).await??;
    assert_eq!((result.completed_steps, result.failed_steps, result.rollback_performed), (1, 1, true), "{result:#?}");
    assert_eq!((result.final_pr_url, result.branch_name), (None, None));
    assert!(result.step_results[0].undone && result.step_results[1].summary.contains("Unit Tests"));
    assert_eq!(shelf.asked(&["for-each-ref"])?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_goes_on_in_another_direction_is_told_of() -> anyhow::Result<()> {
    let shelf = Shelf::of(PYTHON)?;
    let request = CodeMigrationRequest { approve_plan: true, ..shelf.migration("python3-migration", "2.7", "3.11") };
    let ended = play(&shelf, request, async |env: &TestEnv, run: &WorkflowHandle<Own>| {
        until(env, Status::WaitingForApproval, async || run.query(Own::status, ()).await).await;
        shelf.change("report.py", "def show(name):\n    print name.upper()\n")?;
        Ok(run.signal(Own::approve, Answer::default()).await?)
    })
    .await?;
    let error = ended.expect_err("it contradicts");
    assert!(format!("{error:?}").contains("report.py"), "{error:?}");
    assert_eq!(kind(error), "MergeConflict");
    assert_eq!(shelf.asked(&["for-each-ref", "--format=%(refname)"])?, "refs/heads/main");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_nobody_knows_is_refused_with_those_that_are_known() -> anyhow::Result<()> {
    let shelf = Shelf::of(PYTHON)?;
    let error = play(&shelf, shelf.migration("../secrets", "1", "2"), nothing).await?.expect_err("it is refused");
    let says = "name one of python3-migration, react-upgrade, rust-edition, or put a rule pack at .weft/migrations/";
    assert!(format!("{error:?}").contains(says), "{error:?}");
    assert_eq!(kind(error), "Refused");
    Ok(())
}
