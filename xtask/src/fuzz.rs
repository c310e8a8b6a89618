//! `cargo xtask fuzz`: libFuzzer over the targets of `tests/fuzz`, through cargo-fuzz.
//!
//! cargo-fuzz is installed, in a fixed version, into a folder beside what cargo builds. It works with the stable compiler:
//! no sanitizer is asked for (the code has no `unsafe`), and coverage needs none. What was found so far stays in
//! `fuzz-corpus` in the same folder, so that the next run goes on from there.

use std::{fs, path::PathBuf};

use crate::{
    steps::{Step, target_dir},
    tools::CARGO_FUZZ,
};

/// `[TARGET] [SECONDS]`, in this order.
pub(crate) fn steps(args: &[String]) -> Result<Vec<Step>, String> {
    let number = |text: &String| text.parse::<u64>().ok();
    match args {
        [] => Ok(all(60)),
        [one] => number(one).map_or_else(|| Ok(run(&[known(one)?], 60)), |seconds| Ok(all(seconds))),
        [one, seconds] => {
            let seconds = number(seconds).ok_or_else(|| format!("fuzz takes seconds, not {seconds:?}"))?;
            Ok(run(&[known(one)?], seconds))
        }
        more => Err(format!("fuzz takes [TARGET] [SECONDS], not {more:?}")),
    }
}

/// Every target, so long each.
pub(crate) fn all(seconds: u64) -> Vec<Step> {
    run(&targets(), seconds)
}

fn known(name: &str) -> Result<String, String> {
    let targets = targets();
    let list = targets.join(", ");
    targets.into_iter().find(|target| target == name).ok_or_else(|| format!("no target {name:?}; there are: {list}"))
}

/// The names of the files in `fuzz/fuzz_targets`.
fn targets() -> Vec<String> {
    let entries = fs::read_dir(crate::root().join("fuzz/fuzz_targets")).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| Some(entry.path().file_stem()?.to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn run(targets: &[String], seconds: u64) -> Vec<Step> {
    let corpus = target_dir().join("fuzz-corpus");
    let mut steps = vec![
        CARGO_FUZZ.install(),
        Step::cargo("what fuzzing begins with", &["run", "--quiet", "-p", "weft-fuzz", "--"]).arg(&corpus),
    ];
    steps.extend(targets.iter().map(|target| fuzz(target, seconds, corpus.join(target))));
    steps
}

fn fuzz(target: &str, seconds: u64, corpus: PathBuf) -> Step {
    let limits = [
        format!("-max_total_time={seconds}"),
        "-max_len=32768".to_owned(),
        // An input of that size must not make the server ask for more at once, nor take longer.
        "-malloc_limit_mb=64".to_owned(),
        "-rss_limit_mb=2048".to_owned(),
        "-timeout=10".to_owned(),
        "-print_final_stats=1".to_owned(),
    ];
    CARGO_FUZZ
        .run(&format!("fuzz {target} for {seconds} s"), &["run"])
        .args(["-s", "none", "--fuzz-dir", "fuzz", "--target-dir"])
        .arg(&target_dir().join("fuzz"))
        .args([target])
        .arg(&corpus)
        .args(["--"])
        .args(limits.iter().map(String::as_str))
        // Coverage is asked for by flags that the stable compiler keeps to itself.
        .env("RUSTC_BOOTSTRAP", "1")
}
