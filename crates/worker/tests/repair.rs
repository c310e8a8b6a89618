//! The builtin *patch* against seeded mutants of a small Python and a small Rust project.
//!
//! Each tree is made anew with its fault in it; what was there before is nowhere below it, and no part of the library
//! holds it. `REPAIR_MUTANTS` asks for more mutants of each than CI's handful, and prints a table of them; with
//! `REPAIR_RECORD` what came of each is kept in that file, and a run that was cut off goes on from there. A record is of
//! one state of the code and one number of mutants: whoever changes either begins a new one.

use std::{
    fmt, fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use weft_env::{Clock, RealClock};
use weft_worker::{
    mutant::{Mutant, plant},
    provider::{
        builtin::{
            repair::{Limits, Outcome, Task, repair},
            syntax::Language,
        },
        shell::{Call, CannotRun, Ended, Shell, Unconfined},
    },
};

/// At least this share of the mutants is mended, in percent.
const MENDED_PERCENT: usize = 60;
/// Fewer mutants than this say nothing on a share.
const SHARE_FROM: usize = 20;
/// Faults of the first seeds happen to be hard ones.
const SEED_FIRST: u64 = 4;
/// Many seeds plant what no test sees.
const SEEDS_PER_MUTANT: u64 = 10;

/// Some mutants allocate without end.
const MEMORY_KIB: u64 = 4 << 20;

/// Commands with a bound on what they allocate.
struct Bounded;

impl Shell for Bounded {
    fn run(&self, call: Call) -> BoxFuture<'_, Result<Ended, CannotRun>> {
        let line = format!("ulimit -v {MEMORY_KIB}; exec \"$0\" \"$@\"");
        let args = ["-c".to_owned(), line, call.program].into_iter().chain(call.args).collect();
        Unconfined.run(Call { program: "sh".to_owned(), args, ..call })
    }
}

struct Project {
    name: &'static str,
    language: Language,
    files: &'static [&'static str],
    command: Vec<String>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A handful is a smoke test: it shows that faults are mended, not how many.
fn limits(mutants: usize) -> Limits {
    if mutants >= SHARE_FROM {
        return Limits::default();
    }
    Limits { candidates: 150, time: Duration::from_secs(600), ..Limits::default() }
}

fn wanted() -> usize {
    std::env::var("REPAIR_MUTANTS").map_or(3, |count| count.parse().expect("REPAIR_MUTANTS is a number"))
}

/// The interpreter itself: what stands in `PATH` may be a script that looks for one.
fn python() -> Project {
    let show = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let python = String::from_utf8(show.expect("python3 runs").stdout).expect("a path is text").trim().to_owned();
    let files = &["shop/money.py", "shop/orders.py", "shop/stock.py"];
    let command = [&python, "-m", "unittest", "-q"].map(str::to_owned).to_vec();
    Project { name: "python", language: Language::Python, files, command }
}

fn rust() -> Project {
    let files = &["src/dates.rs", "src/spans.rs", "src/words.rs"];
    // The package has no examples to compile in its docs.
    let command = [env!("CARGO"), "test", "--offline", "-q", "--lib"].map(str::to_owned).to_vec();
    Project { name: "rust", language: Language::Rust, files, command }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder is made");
    for entry in fs::read_dir(from).expect("the fixture is there") {
        let path = entry.expect("it can be read").path();
        let target = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("it is copied");
        }
    }
}

/// Of a tree that is built already: a fault may be that the tests never end.
fn passes(project: &Project, tree: &Path, target: &Path) -> bool {
    let (program, args) = project.command.split_first().expect("it has a program");
    let mut command = Command::new("sh");
    let line = format!("ulimit -v {MEMORY_KIB}; exec timeout 120 \"$0\" \"$@\"");
    command.args(["-c", &line, program]).args(args).current_dir(tree);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("CARGO_TARGET_DIR", target);
    command.output().expect("the tests run").status.success()
}

/// A tree with this fault in it, where a test sees it.
fn planted(project: &Project, folder: &Path, seed: u64) -> Option<(PathBuf, &'static str, Mutant)> {
    let tree = folder.join(format!("tree-{seed}"));
    copy(&fixture(project.name), &tree);
    let file = project.files[usize::try_from(seed).expect("it is small") % project.files.len()];
    let source = fs::read_to_string(tree.join(file)).expect("the fixture is there");
    let mutant = plant(&source, project.language, seed)?;
    fs::write(tree.join(file), &mutant.text).expect("it is written");
    let target = folder.join("target");
    (builds(project, &tree, &target) && !passes(project, &tree, &target)).then_some((tree, file, mutant))
}

/// What does not compile is no fault that tests see.
fn builds(project: &Project, tree: &Path, target: &Path) -> bool {
    if project.language == Language::Python {
        return true;
    }
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "--offline", "-q", "--lib", "--no-run"]).current_dir(tree).env("CARGO_TARGET_DIR", target);
    command.output().expect("cargo runs").status.success()
}

/// What came of a mutant.
#[derive(Clone, Serialize, Deserialize)]
struct Tried {
    file: String,
    line: u32,
    mistake: String,
    mended: bool,
    /// It is as it was before the fault.
    original: bool,
    said: String,
    seconds: f64,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {}:{} | {} | {} | {:.1} s |", self.file, self.line, self.mistake, self.said, self.seconds)
    }
}

/// A line of the record; nothing was tried where the seed plants no fault that a test sees.
#[derive(Serialize, Deserialize)]
struct Kept {
    project: String,
    seed: u64,
    tried: Option<Tried>,
}

/// What was tried before, if it is kept.
struct Record {
    path: Option<PathBuf>,
    kept: Vec<Kept>,
}

impl Record {
    /// A last line that was cut off is taken out, and tried again.
    fn open(path: Option<PathBuf>) -> Self {
        let bytes = path.as_ref().and_then(|path| fs::read(path).ok()).unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if let Some(path) = path.as_ref().filter(|_| whole < bytes.len()) {
            // What is written behind it would be a part of it.
            fs::write(path, &bytes[..whole]).expect("the record is written");
        }
        let lines = bytes[..whole].split(|byte| *byte == b'\n');
        let kept = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        Self { path, kept }
    }

    fn of(&self, project: &str, seed: u64) -> Option<Option<Tried>> {
        let kept = self.kept.iter().find(|it| it.project == project && it.seed == seed);
        kept.map(|it| it.tried.clone())
    }

    fn keep(&self, project: &str, seed: u64, tried: Option<Tried>) {
        let Some(path) = &self.path else { return };
        let kept = Kept { project: project.to_owned(), seed, tried };
        let line = serde_json::to_string(&kept).expect("it is JSON");
        let file = fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{line}")).expect("the record is written");
    }
}

/// Plants the seed's fault and has it mended.
async fn attempt(project: &Project, folder: &Path, seed: u64, limits: Limits) -> Option<Tried> {
    let (tree, file, mutant) = planted(project, folder, seed)?;
    let (clock, target) = (RealClock::new(), folder.join("target"));
    let scratch = folder.join(format!("scratch-{seed}"));
    let task = Task { tree: tree.clone(), scratch: scratch.clone(), command: project.command.clone(), limits };
    let start = clock.monotonic();
    let outcome = repair(&Bounded, &task).await.expect("the search can be done");
    let seconds = (clock.monotonic() - start).as_secs_f64();
    let after = fs::read_to_string(tree.join(file)).expect("it is still there");
    let original = after == fs::read_to_string(fixture(project.name).join(file)).expect("the fixture is there");
    let said = match &outcome {
        Outcome::Mended(it) => {
            let passes = builds(project, &tree, &target) && passes(project, &tree, &target);
            assert!(passes, "seed {seed} is called mended: {it:?}");
            format!("{} ({} tried{})", it.summary, it.tried, if original { ", as it was" } else { "" })
        }
        Outcome::Unable { reason, tried } => {
            assert_eq!(after, mutant.text, "seed {seed}: who cannot mend a tree leaves it alone");
            format!("unable: {reason} ({tried} tried)")
        }
    };
    // Builds of fifty mutants would fill a disk.
    fs::remove_dir_all(&scratch).expect("the search has ended");
    let (mistake, mended) = (format!("{:?}", mutant.mistake), matches!(outcome, Outcome::Mended(_)));
    Some(Tried { file: file.to_owned(), line: mutant.line, mistake, mended, original, said, seconds })
}

async fn mend(project: &Project) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let (mut mutants, mut mended, mut original) = (0, 0, 0);
    let (count, record) = (wanted(), Record::open(std::env::var_os("REPAIR_RECORD").map(PathBuf::from)));
    for seed in SEED_FIRST..=u64::try_from(count).expect("it is small") * SEEDS_PER_MUTANT {
        if mutants == count {
            break;
        }
        let tried = match record.of(project.name, seed) {
            Some(kept) => kept,
            None => {
                let tried = attempt(project, folder.path(), seed, limits(count)).await;
                record.keep(project.name, seed, tried.clone());
                tried
            }
        };
        let Some(tried) = tried else { continue };
        mutants += 1;
        mended += usize::from(tried.mended);
        original += usize::from(tried.mended && tried.original);
        println!("| {seed} {tried}");
    }
    println!("{}: {mended} of {mutants} mended, {original} of them as it was before", project.name);
    assert_eq!(mutants, count, "the seeds plant enough faults that tests see");
    assert!(mutants < SHARE_FROM || mended * 100 >= mutants * MENDED_PERCENT, "{mended} of {mutants}");
    assert!(mended > 0, "none of {mutants} is mended");
}

#[tokio::test]
async fn mutants_of_a_python_project_are_mended() {
    mend(&python()).await;
}

#[tokio::test]
async fn mutants_of_a_rust_project_are_mended() {
    mend(&rust()).await;
}

#[tokio::test]
async fn a_tree_whose_tests_pass_is_left_alone() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let tree = folder.path().join("tree");
    copy(&fixture("python"), &tree);
    let task =
        Task { tree, scratch: folder.path().join("scratch"), command: python().command, limits: Limits::default() };
    let outcome = repair(&Bounded, &task).await.expect("the search can be done");
    assert!(matches!(&outcome, Outcome::Unable { reason, tried: 0 } if reason.to_string().contains("nothing to mend")));
}

#[test]
fn a_record_that_was_cut_off_in_a_line_goes_on_where_that_began() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path().join("record");
    let open = || Record::open(Some(path.clone()));
    open().keep("python", 4, None);
    let whole = fs::read(&path).expect("it was written");
    // In the middle of a letter, too.
    for cut in [&b"{\"project\":\"pyth"[..], &b"{\"project\":\"\xc3"[..], b"{"] {
        fs::write(&path, [&whole, cut].concat()).expect("there is room for a file");
        let record = open();
        assert!(record.of("python", 4).is_some() && record.of("python", 5).is_none());
        record.keep("python", 5, None);
        let record = open();
        assert!(record.of("python", 4).is_some() && record.of("python", 5).is_some());
    }
}
