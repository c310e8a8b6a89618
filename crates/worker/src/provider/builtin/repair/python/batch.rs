//! Many candidates in one interpreter: it imports the test runner once and forks for each of them.
//!
//! Most of a small Python test's time is the start of Python. Only for `python -m unittest` and `python -m pytest`.

use std::{collections::VecDeque, time::Duration};

use futures_util::future::join_all;
use serde_json::json;

use super::super::{
    Error,
    bench::{Bench, patience},
    candidates::Candidate,
    search::count,
    tree::slot,
};
use super::{Runner, runner};

const DRIVER: &str = include_str!("candidates.py");
/// Candidates for one interpreter. It starts anew for more, so that a limit of time is seen.
const BATCH: usize = 25;
/// For the start of an interpreter on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A test command whose runner can be started once for many candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Command<'c> {
    python: &'c str,
    runner: Runner,
    args: &'c [String],
}

/// `None` for any other command.
pub(in super::super) fn command(command: &[String]) -> Option<Command<'_>> {
    let (runner, python) = (runner(command)?, command.first()?);
    match command {
        [_, flag, _, args @ ..] if flag == "-m" => Some(Command { python, runner, args }),
        _ => None,
    }
}

/// Tries candidates, the likeliest first: the first that passes and is verified.
pub(in super::super) async fn first(
    bench: &Bench<'_>,
    candidates: &[Candidate],
    command: &Command<'_>,
    usual: Duration,
) -> Result<Option<Candidate>, Error> {
    let mut left: VecDeque<&Candidate> = candidates.iter().collect();
    while !left.is_empty() {
        let group: Vec<&Candidate> = left.drain(..left.len().min(BATCH * bench.slots())).collect();
        let share = |slot: usize| group.iter().copied().skip(slot).step_by(bench.slots()).collect::<Vec<_>>();
        let runs = (0..bench.slots()).map(|slot| run(bench, slot, share(slot), command, usual));
        let results = join_all(runs).await.into_iter().collect::<Result<Vec<_>, Error>>()?;
        let mut untried = Vec::new();
        for (at, candidate) in group.iter().enumerate() {
            let result = results.get(at % bench.slots()).and_then(|it| it.get(at / bench.slots()));
            match result {
                Some(true) if bench.verify(candidate).await? => return Ok(Some((*candidate).clone())),
                Some(_) => {}
                None => untried.push(*candidate),
            }
        }
        // An interpreter ends at the first that passes; without progress it would be started for ever.
        if untried.len() == group.len() {
            return Err(Error::Tree("the runner of candidates does not start".to_owned()));
        }
        untried.into_iter().rev().for_each(|it| left.push_front(it));
    }
    Ok(None)
}

/// Whether each of the first few passes: of all up to the first that does.
async fn run(
    bench: &Bench<'_>,
    slot_number: usize,
    candidates: Vec<&Candidate>,
    command: &Command<'_>,
    usual: Duration,
) -> Result<Vec<bool>, Error> {
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let seconds = patience(usual);
    let texts = candidates.iter().filter_map(|it| {
        let source = bench.sources.get(&it.file)?;
        Some(json!({ "file": it.file, "text": it.edit.apply(source) }))
    });
    let request = json!({
        "runner": if command.runner == Runner::Pytest { "pytest" } else { "unittest" },
        "args": command.args,
        "seconds": seconds.as_secs_f64(),
        "candidates": texts.collect::<Vec<_>>(),
    });
    let words = [command.python, "-c", DRIVER].map(str::to_owned);
    let time = START + seconds * u32::try_from(candidates.len()).unwrap_or(u32::MAX);
    let mut call = bench.call(&words, &slot(&bench.task.scratch, slot_number), time);
    call.input = request.to_string();
    let ended = bench.shell.run(call).await?;
    for candidate in &candidates {
        // One that was killed leaves its candidate behind.
        if let (true, Some(source)) = (ended.timed_out, bench.sources.get(&candidate.file)) {
            bench.write(slot_number, &candidate.file, source)?;
        }
    }
    let results: Vec<bool> = ended.stdout.lines().map(|line| line.trim() == "1").collect();
    results.iter().for_each(|_| count(&bench.tried));
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_runners_of_an_interpreter_are_started_once() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let unittest = words("python3 -m unittest -f -k *test_x");
        let wanted =
            Command { python: "python3", runner: Runner::Unittest, args: unittest.get(3..).unwrap_or_default() };
        assert_eq!(command(&unittest), Some(wanted));
        assert_eq!(command(&words("pytest -x")), None);
        assert_eq!(command(&words("python3 tests.py")), None);
    }
}
