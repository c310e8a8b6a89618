//! The search: which tests fail, where the fault may be, and which candidate mends it.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use weft_env::RealClock;

use super::{
    Error, Mended, Outcome, Reason, Task,
    bench::{Bench, patience, timed},
    candidates::{Candidate, Target, candidates, describe, rank},
    python::{self, Failing},
    rust::cargo::is_cargo_test,
    spectrum::{Spectrum, Suspicion, frames},
};
use crate::provider::{
    builtin::syntax::{Language, Syntax},
    shell::{Ended, Shell},
};

/// How suspicious the innermost place of a stack trace is, and how much less the next one.
const FRAME: f64 = 0.9;
const FRAME_DECAY: f64 = 0.8;
/// How suspicious a function is whose name a failing test mentions, where nothing better is known.
const MENTIONED: f64 = 0.4;

/// What is known before the first candidate is tried.
pub(super) struct Located {
    pub suspicion: Suspicion,
    /// The text of the tests that fail.
    pub tests: String,
}

/// Mends the tree so that its test command passes, or says why it cannot. The tree is changed by a verified repair
/// only; the scratch folder, which must be empty, may be removed afterwards.
///
/// # Errors
///
/// When the tree cannot be copied or written, or the command cannot be run at all.
pub async fn repair(shell: &dyn Shell, task: &Task) -> Result<Outcome, Error> {
    let bench = Bench::new(shell, task)?;
    let searched = tokio::time::timeout(task.limits.time, search(&bench)).await;
    let tried = bench.tried.load(Ordering::Relaxed);
    match searched {
        Err(_) => Ok(Outcome::Unable { reason: Reason::TimeLimit, tried }),
        Ok(Err(error)) => Err(error),
        Ok(Ok(Err(reason))) => Ok(Outcome::Unable { reason, tried }),
        Ok(Ok(Ok(candidate))) => {
            let source = bench.sources.get(&candidate.file).map(String::as_str).unwrap_or_default();
            let text = candidate.edit.apply(source);
            fs::write(task.tree.join(&candidate.file), text).map_err(Error::tree)?;
            let summary = format!("{}: {}", candidate.file, describe(&candidate.edit, source));
            let (file, line) = (candidate.file.clone(), candidate.edit.line);
            Ok(Outcome::Mended(Mended { file, line, kind: candidate.edit.kind, summary, tried }))
        }
    }
}

type Found = Result<Candidate, Reason>;

async fn search(bench: &Bench<'_>) -> Result<Found, Error> {
    if is_cargo_test(&bench.task.command) {
        return super::rust::search(bench).await;
    }
    let (baseline, usual) = timed(&RealClock::new(), baseline(bench)).await;
    let (seen, baseline) = baseline?;
    if baseline.success {
        return Ok(Err(Reason::NothingFails));
    }
    if baseline.timed_out {
        return Ok(Err(Reason::CannotRun("the test command does not end in time".to_owned())));
    }
    let narrowed = python::narrowed(&bench.task.command, &seen.failing).unwrap_or_else(|| bench.task.command.clone());
    let all = ranked(bench, &locate(bench, &baseline, &seen));
    try_in_order(bench, all, &narrowed, usual).await
}

/// How the tests end as the tree is, and what was seen of them from within.
async fn baseline(bench: &Bench<'_>) -> Result<(Seen, Ended), Error> {
    match traced(bench).await? {
        Some((seen, ended)) if !seen.failing.is_empty() => Ok((seen, ended)),
        _ => Ok((Seen::default(), bench.test().await?)),
    }
}

/// Candidates of all suspicious files, as many as may be tried, and whether there are more.
pub(super) fn ranked(bench: &Bench<'_>, located: &Located) -> Result<(Vec<Candidate>, bool), Reason> {
    let files = located.suspicion.files().into_iter().filter(|file| bench.is_mended(file));
    let mut all = Vec::new();
    for file in files.take(bench.limits().files) {
        if let (Some(source), Some(language)) = (bench.sources.get(file), Language::of(file)) {
            all.extend(candidates(Target { file, source, language, tests: &located.tests }, &located.suspicion));
        }
    }
    rank(&mut all);
    let most = usize::try_from(bench.limits().candidates).unwrap_or(usize::MAX);
    let more = all.len() > most;
    all.truncate(most);
    if all.is_empty() { Err(Reason::NothingSuspicious) } else { Ok((all, more)) }
}

async fn try_in_order(
    bench: &Bench<'_>,
    all: Result<(Vec<Candidate>, bool), Reason>,
    narrowed: &[String],
    usual: Duration,
) -> Result<Found, Error> {
    let (all, more) = match all {
        Ok(all) => all,
        Err(reason) => return Ok(Err(reason)),
    };
    let found = match python::batch::command(narrowed) {
        Some(command) => python::batch::first(bench, &all, &command, usual).await?,
        None => bench.first(&all, narrowed, patience(usual)).await?,
    };
    Ok(found.ok_or(if more { Reason::CandidateLimit } else { Reason::Exhausted }))
}

/// What was seen of the tests from within.
#[derive(Default)]
struct Seen {
    spectrum: Spectrum,
    failing: BTreeSet<Failing>,
}

/// Where the fault may be, by what was seen from within; where that shows nothing, by what the tests printed.
fn locate(bench: &Bench<'_>, baseline: &Ended, seen: &Seen) -> Located {
    let mut suspicion = seen.spectrum.suspicion();
    let mut tests = String::new();
    for it in &seen.failing {
        tests.push_str(&function_text(bench, &it.at.0, &it.name));
    }
    by_frames(bench, &baseline.output(), &mut suspicion, &mut tests);
    if suspicion.files().iter().all(|file| !bench.is_mended(file)) {
        by_mention(bench, &tests, &mut suspicion);
    }
    Located { suspicion, tests }
}

/// Runs the whole command with Python's tests watched from within. `None` where that shows nothing.
async fn traced(bench: &Bench<'_>) -> Result<Option<(Seen, Ended)>, Error> {
    if !bench.sources.keys().any(|file| Language::of(file) == Some(Language::Python)) {
        return Ok(None);
    }
    let folder = bench.task.scratch.join("tracer");
    let report = folder.join("spectrum.json");
    fs::create_dir_all(&folder).map_err(Error::tree)?;
    fs::write(folder.join(python::TRACER_NAME), python::TRACER).map_err(Error::tree)?;
    let call = bench
        .call(&bench.task.command, &bench.home(), bench.limits().run)
        .env("PYTHONPATH", folder.display().to_string())
        .env("WEFT_ROOT", bench.home().display().to_string())
        .env("WEFT_TEST_SECONDS", bench.limits().test.as_secs().to_string())
        .env("WEFT_SPECTRUM", report.display().to_string());
    let ended = bench.shell.run(call).await?;
    let read = fs::read_to_string(&report).ok().and_then(|text| python::read(&text));
    Ok(read.map(|(spectrum, failing)| (Seen { spectrum, failing }, ended)))
}

/// A function's text, by its name.
pub(super) fn function_text(bench: &Bench<'_>, file: &str, name: &str) -> String {
    let (Some(source), Some(language)) = (bench.sources.get(file), Language::of(file)) else { return String::new() };
    let Some(syntax) = Syntax::parse(source, language) else { return String::new() };
    let is = |node: &tree_sitter::Node<'_>| {
        node.kind().starts_with("function_") && node.child_by_field_name("name").is_some_and(|it| syntax.of(it) == name)
    };
    let found = syntax.nodes().into_iter().filter(is).map(|node| format!("{}\n", syntax.of(node)));
    found.collect()
}

/// Raises the places that stack traces point to, and reads the tests among them.
pub(super) fn by_frames(bench: &Bench<'_>, output: &str, suspicion: &mut Suspicion, tests: &mut String) {
    let root = bench.home();
    let mut value = FRAME;
    for (file, line) in frames(output) {
        let path = Path::new(&file);
        let relative = path.strip_prefix(&root).unwrap_or(path).display().to_string();
        let relative = relative.trim_start_matches("./").to_owned();
        if bench.is_mended(&relative) {
            suspicion.raise(&relative, line, value);
            value *= FRAME_DECAY;
        } else if tests.is_empty() {
            tests.push_str(bench.sources.get(&relative).map(String::as_str).unwrap_or_default());
        }
    }
}

/// Functions that the tests mention: the last resort.
fn by_mention(bench: &Bench<'_>, tests: &str, suspicion: &mut Suspicion) {
    for (file, source) in bench.sources.iter().filter(|(file, _)| bench.is_mended(file)) {
        let Some(syntax) = Language::of(file).and_then(|language| Syntax::parse(source, language)) else { continue };
        for node in syntax.nodes().into_iter().filter(|it| it.kind().starts_with("function_")) {
            let name = node.child_by_field_name("name").map(|it| syntax.of(it)).unwrap_or_default();
            if !name.is_empty() && tests.contains(name) {
                let lines =
                    crate::provider::builtin::syntax::line(node)..=crate::provider::builtin::syntax::last_line(node);
                lines.for_each(|line| suspicion.raise(file, line, MENTIONED));
            }
        }
    }
}

/// Counts candidates.
pub(super) fn count(tried: &AtomicU32) {
    tried.fetch_add(1, Ordering::Relaxed);
}
