//! The search in a crate: one build with probes, a few builds with all candidates, then runs of test binaries alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use futures_util::future::join_all;
use weft_env::RealClock;

use super::{
    cargo::{Binary, Build, build_command, read, tests},
    probes::probed,
    schemata::{CHOICE, Woven, weave},
};
use crate::provider::{
    builtin::{
        repair::{
            Error, Reason,
            bench::{Bench, timed},
            candidates::Candidate,
            edit::Edit,
            search::{Located, by_frames, count, function_text, ranked},
            spectrum::{Place, Run, Spectrum},
        },
        syntax::Language,
    },
    shell::{Call, Ended},
};

/// Most candidates in one build.
const WOVEN_MAX: usize = 250;
/// Most builds until all that is left compiles.
const BUILDS_MAX: usize = 8;
/// Most candidates that get a build of their own.
const SINGLE_MAX: usize = 12;
/// One run of a binary's failing tests, which usually takes milliseconds.
const RUN: Duration = Duration::from_millis(1500);
/// Most tests that are watched one by one.
const TESTS_MAX: usize = 400;

/// A test by its name and its binary.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Test {
    binary: Binary,
    name: String,
}

pub(in super::super) async fn search(bench: &Bench<'_>) -> Result<Result<Candidate, Reason>, Error> {
    let (built, usual) = timed(&RealClock::new(), probe(bench)).await;
    let binaries = match built? {
        Ok(binaries) => binaries,
        Err(error) => return Ok(Err(Reason::CannotRun(error))),
    };
    let (spectrum, failing, output) = watch(bench, &binaries).await?;
    if failing.is_empty() {
        let whole = bench.test().await?;
        let reason = "the test command fails, but none of its tests does".to_owned();
        return Ok(Err(if whole.success { Reason::NothingFails } else { Reason::CannotRun(reason) }));
    }
    let mut located = Located { suspicion: spectrum.suspicion(), tests: String::new() };
    for test in &failing {
        let name = test.name.rsplit("::").next().unwrap_or(&test.name);
        bench.sources.keys().for_each(|file| located.tests.push_str(&function_text(bench, file, name)));
    }
    by_frames(bench, &output, &mut located.suspicion, &mut located.tests);
    let (all, more) = match ranked(bench, &located) {
        Ok(ranked) => ranked,
        Err(reason) => return Ok(Err(reason)),
    };
    let found = try_all(bench, &all, &failing, usual).await?;
    Ok(found.ok_or(if more { Reason::CandidateLimit } else { Reason::Exhausted }))
}

/// Builds the tests with probes, or as they are where probes do not compile.
async fn probe(bench: &Bench<'_>) -> Result<Result<Vec<Binary>, String>, Error> {
    let files: BTreeSet<&str> = bench.sources.keys().map(String::as_str).filter(|it| is_rust(it)).collect();
    for file in files.iter().filter(|file| bench.is_mended(file)) {
        let source = bench.sources.get(*file).map(String::as_str).unwrap_or_default();
        bench.write(0, file, &probed(file, source).0)?;
    }
    let built = build(bench).await?;
    bench.reset(&files)?;
    if built.error.is_none() {
        return Ok(Ok(built.binaries));
    }
    let plain = build(bench).await?;
    Ok(plain.error.map_or(Ok(plain.binaries), |error| Err(format!("the tests do not compile: {error}"))))
}

fn is_rust(file: &str) -> bool {
    Language::of(file) == Some(Language::Rust)
}

async fn build(bench: &Bench<'_>) -> Result<Build, Error> {
    let command = build_command(&bench.task.command);
    // What is woven in would not pass a crate's own lints.
    let call =
        bench.call(&command, &bench.home(), bench.limits().run).env("RUSTFLAGS", "--cap-lints=allow -Cdebuginfo=0");
    let ended = bench.shell.run(call).await?;
    let mut build = read(&ended.stdout);
    if !ended.success && build.error.is_none() {
        let last = ended.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it was stopped");
        build.error = Some(last.to_owned());
    }
    Ok(build)
}

/// Runs each test alone: what it executes, whether it passes, and what the failing ones print.
async fn watch(bench: &Bench<'_>, binaries: &[Binary]) -> Result<(Spectrum, Vec<Test>, String), Error> {
    let (mut spectrum, mut failing, mut output) = (Spectrum::default(), Vec::new(), String::new());
    for test in list(bench, binaries).await? {
        let report = bench.task.scratch.join("spectrum");
        let call = test_call(bench, &test, bench.limits().test).env("WEFT_SPECTRUM", report.display().to_string());
        let ended = bench.shell.run(call).await?;
        let places = fs::read_to_string(&report).unwrap_or_default();
        let _ = fs::remove_file(&report);
        let places = places.lines().filter_map(place).collect();
        spectrum.runs.push(Run { name: test.name.clone(), passed: ended.success, places });
        if !ended.success {
            output.push_str(&ended.output());
            failing.push(test);
        }
    }
    Ok((spectrum, failing, output))
}

async fn list(bench: &Bench<'_>, binaries: &[Binary]) -> Result<Vec<Test>, Error> {
    let mut found = Vec::new();
    for binary in binaries {
        let command = [binary.path.as_str(), "--list", "--format=terse"].map(str::to_owned);
        let ended = bench.shell.run(bench.call(&command, &binary.directory, bench.limits().run)).await?;
        found.extend(tests(&ended.stdout).into_iter().map(|name| Test { binary: binary.clone(), name }));
    }
    found.truncate(TESTS_MAX);
    Ok(found)
}

fn place(line: &str) -> Option<Place> {
    let (file, line) = line.rsplit_once(':')?;
    Some((file.to_owned(), line.parse().ok()?))
}

fn test_call(bench: &Bench<'_>, test: &Test, time: Duration) -> Call {
    let command = [test.binary.path.as_str(), "--exact", &test.name, "--test-threads=1"].map(str::to_owned);
    bench.call(&command, &test.binary.directory, time)
}

/// All candidates: many in one build as far as they compile together, a few more by builds of their own.
async fn try_all(
    bench: &Bench<'_>,
    all: &[Candidate],
    failing: &[Test],
    usual: Duration,
) -> Result<Option<Candidate>, Error> {
    let mut alone = Vec::new();
    for group in all.chunks(WOVEN_MAX) {
        let numbered: BTreeMap<u32, &Candidate> = (1_u32..).zip(group).collect();
        let (built, left_out) = build_woven(bench, &numbered).await?;
        alone.extend(left_out.iter().filter_map(|id| numbered.get(id)).map(|it| (*it).clone()));
        for id in passing(bench, &built, failing).await? {
            if let Some(candidate) = numbered.get(&id)
                && bench.verify(candidate).await?
            {
                return Ok(Some((*candidate).clone()));
            }
        }
    }
    alone.truncate(SINGLE_MAX);
    bench.first(&alone, &bench.task.command, usual * 2 + bench.limits().test).await
}

/// The candidates that compile, and where they are; and those that cannot be built together with others.
struct Together {
    ids: Vec<u32>,
    binaries: Vec<Binary>,
}

async fn build_woven(bench: &Bench<'_>, numbered: &BTreeMap<u32, &Candidate>) -> Result<(Together, Vec<u32>), Error> {
    let mut left: BTreeMap<u32, &Candidate> = numbered.clone();
    let mut left_out = Vec::new();
    let files: BTreeSet<&str> = numbered.values().map(|it| it.file.as_str()).collect();
    for _ in 0..BUILDS_MAX {
        let woven = write_woven(bench, &files, &left)?;
        for id in woven.values().flat_map(|it| &it.left_out) {
            left.remove(id);
            left_out.push(*id);
        }
        if woven.values().map(Woven::len).sum::<usize>() == 0 {
            break;
        }
        let built = build(bench).await?;
        if built.error.is_none() {
            bench.reset(&files)?;
            return Ok((Together { ids: left.into_keys().collect(), binaries: built.binaries }, left_out));
        }
        let faulty: BTreeSet<u32> = built
            .faults
            .iter()
            .filter_map(|fault| woven.iter().find(|(file, _)| fault.file.ends_with(*file))?.1.faulty(&fault.bytes))
            .collect();
        if faulty.is_empty() {
            break;
        }
        left.retain(|id, _| !faulty.contains(id));
    }
    bench.reset(&files)?;
    left_out.extend(left.into_keys());
    left_out.sort_unstable();
    Ok((Together { ids: Vec::new(), binaries: Vec::new() }, left_out))
}

fn write_woven<'f>(
    bench: &Bench<'_>,
    files: &BTreeSet<&'f str>,
    left: &BTreeMap<u32, &Candidate>,
) -> Result<BTreeMap<&'f str, Woven>, Error> {
    let mut all = BTreeMap::new();
    for file in files {
        let edits: Vec<(u32, &Edit)> =
            left.iter().filter(|(_, it)| it.file == *file).map(|(id, it)| (*id, &it.edit)).collect();
        let woven = weave(bench.sources.get(*file).map(String::as_str).unwrap_or_default(), &edits);
        bench.write(0, file, &woven.text)?;
        all.insert(*file, woven);
    }
    Ok(all)
}

/// Candidates with which all tests pass, the likeliest first; few at a time, because most fail early.
async fn passing(bench: &Bench<'_>, built: &Together, failing: &[Test]) -> Result<Vec<u32>, Error> {
    let time = RUN;
    let mut found = Vec::new();
    for group in built.ids.chunks(bench.slots()) {
        let runs = group.iter().map(|id| passes(bench, built, failing, *id, time));
        for (id, passed) in group.iter().zip(join_all(runs).await) {
            count(&bench.tried);
            if passed? {
                found.push(*id);
            }
        }
        // Each is verified by a build of its own; more than a few are not needed.
        if found.len() >= 3 {
            break;
        }
    }
    Ok(found)
}

async fn passes(bench: &Bench<'_>, built: &Together, failing: &[Test], id: u32, time: Duration) -> Result<bool, Error> {
    // The tests that failed come first: nearly all candidates end there. Paths of binaries may differ between builds.
    for binary in &built.binaries {
        let mut command = vec![binary.path.clone(), "--exact".to_owned()];
        let of_binary = failing.iter().filter(|it| same(&it.binary, binary));
        command.extend(of_binary.map(|it| it.name.clone()));
        if command.len() > 2 && !run(bench, binary, &command, id, time).await?.success {
            return Ok(false);
        }
    }
    for binary in &built.binaries {
        if !run(bench, binary, std::slice::from_ref(&binary.path), id, time).await?.success {
            return Ok(false);
        }
    }
    Ok(!built.binaries.is_empty())
}

/// Cargo names a binary by its target and a hash.
fn same(one: &Binary, other: &Binary) -> bool {
    let stem = |it: &Binary| it.path.rsplit_once('-').map(|(stem, _)| stem.to_owned());
    one.directory == other.directory && stem(one) == stem(other)
}

async fn run(bench: &Bench<'_>, binary: &Binary, command: &[String], id: u32, time: Duration) -> Result<Ended, Error> {
    let call = bench.call(command, &binary.directory, time).env(CHOICE, id.to_string());
    Ok(bench.shell.run(call).await?)
}
