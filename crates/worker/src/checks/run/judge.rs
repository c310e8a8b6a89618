//! From what a command did to a verdict, or to none. Pure.

use crate::{
    checks::{
        Check,
        report::{self, Format, Found, Unreadable},
    },
    model::{CheckOutcome, CheckReport, Counts, Finding, Severity, Verdict},
    process::End,
};

/// By these the shell says that a program is not there, or is none.
const SHELL_CANNOT: [i32; 2] = [126, 127];
/// Words by which tools say that it is not the tree's fault. They count only where no test failed.
const SIGNS: [&str; 12] = [
    "Temporary failure in name resolution",
    "Could not resolve host",
    "Network is unreachable",
    "network failure seems to have happened",
    "No space left on device",
    "Cannot allocate memory",
    "error: no such command",
    "is not installed for the toolchain",
    "failed to download",
    "spurious network error",
    "npm ERR! network",
    "Read-only file system",
];
const LAST_CHARS: usize = 2000;

/// What a command did.
#[derive(Clone, Debug)]
pub(super) struct Ran {
    pub end: End,
    /// The same in words.
    pub ended: String,
    pub duration_ms: u64,
    pub stdout: String,
    pub stderr: String,
    /// The file, if there is one.
    pub report: Option<String>,
}

pub(super) fn judge(check: &Check, ran: &Ran) -> CheckOutcome {
    if let End::Stopped(_) = ran.end {
        let summary = format!("the command {}", ran.ended);
        return outcome(check, ran, Verdict::Failed, summary, Found::default());
    }
    if let End::Exited(status) = ran.end
        && check.nothing_statuses.contains(&status)
    {
        let summary = "there was nothing to look at".to_owned();
        return outcome(check, ran, Verdict::NotApplicable, summary, Found::default());
    }
    let found = match &check.report {
        None => Ok(Found::default()),
        Some(wanted) => read(wanted.format, ran),
    };
    let failed_tests = found.as_ref().ok().and_then(|found| found.tests).map_or(0, |tests| tests.failed);
    if failed_tests == 0
        && let Some(reason) = could_not_run(check, ran.end, &last_words(&ran.stdout, &ran.stderr))
    {
        return CheckOutcome::CouldNotRun { reason };
    }
    match found {
        Ok(found) => verdict(check, ran, found),
        Err(unreadable) => {
            let words = last_words(&ran.stdout, &ran.stderr);
            CheckOutcome::CouldNotRun { reason: format!("the command {}, and {unreadable}: {words}", ran.ended) }
        }
    }
}

/// Why a command gives no verdict, if it is not the tree's fault.
pub(super) fn could_not_run(check: &Check, end: End, words: &str) -> Option<String> {
    let status = match end {
        End::Exited(0) | End::Signalled(_) | End::Stopped(_) => return None,
        End::Exited(status) => status,
    };
    let is_missing_module = words.lines().any(|line| line.contains("python") && line.contains(": No module named "));
    let is_broken = SHELL_CANNOT.contains(&status)
        || check.broken_statuses.contains(&status)
        || is_missing_module
        || SIGNS.iter().any(|sign| words.contains(sign));
    is_broken.then(|| format!("the command exited with status {status}: {words}"))
}

/// The end of what was printed, standard error last because it says why.
pub(super) fn last_words(stdout: &str, stderr: &str) -> String {
    let all = format!("{}\n{}", stdout.trim(), stderr.trim());
    let all = all.trim();
    let surplus = all.chars().count().saturating_sub(LAST_CHARS);
    all.chars().skip(surplus).collect()
}

fn read(format: Format, ran: &Ran) -> Result<Found, Unreadable> {
    match (&ran.report, format.is_printed()) {
        (Some(text), _) => report::read(format, text),
        // Standard output last: the last percentage is looked for there first.
        (None, true) => report::read(format, &format!("{}\n{}", ran.stderr, ran.stdout)),
        (None, false) => Err(Unreadable { wanted: "there", reason: "the command wrote none".to_owned() }),
    }
}

fn verdict(check: &Check, ran: &Ran, mut found: Found) -> CheckOutcome {
    let succeeded = ran.end == End::Exited(0);
    let tests = found.tests.unwrap_or_default();
    let is_coverage = check.report.as_ref().is_some_and(|report| report.format.is_coverage());
    let ran_tests = tests.passed + tests.failed + tests.skipped;
    let verdict = if is_coverage && found.coverage.is_some() {
        // What it must reach is for the gate to say, and tests that failed are told by their own check.
        Verdict::Passed
    } else if !succeeded || tests.failed > 0 || found.findings.iter().any(|it| it.severity >= Severity::Error) {
        Verdict::Failed
    } else if found.tests.is_some() && ran_tests == 0 {
        Verdict::NotApplicable
    } else {
        Verdict::Passed
    };
    if verdict == Verdict::Failed && found.findings.is_empty() {
        let words = last_words(&ran.stdout, &ran.stderr);
        found.findings.push(report::finding(Severity::Error, &tail(&words)));
    }
    let summary = summary(verdict, &found, ran);
    outcome(check, ran, verdict, summary, found)
}

/// Few enough characters for a finding, and the last ones.
fn tail(words: &str) -> String {
    words.chars().rev().take(400).collect::<Vec<_>>().into_iter().rev().collect()
}

fn summary(verdict: Verdict, found: &Found, ran: &Ran) -> String {
    match (found.coverage, found.tests, verdict) {
        (Some(coverage), _, _) => format!("Coverage {:.1}%", coverage.get()),
        (None, Some(Counts { failed: 1, .. }), _) => "1 test failure".to_owned(),
        (None, Some(Counts { failed: 2.., .. }), _) => {
            format!("{} test failures", found.tests.unwrap_or_default().failed)
        }
        (None, _, Verdict::NotApplicable) => "there was nothing to look at".to_owned(),
        (None, Some(tests), Verdict::Passed) => format!("{} tests passed", tests.passed),
        (None, _, Verdict::Failed) if ran.end != End::Exited(0) && worst(found).is_none() => {
            format!("the command {}", ran.ended)
        }
        (None, _, Verdict::Failed) => worst(found).map_or_else(|| "failed".to_owned(), named),
        (None, None, Verdict::Passed) if found.findings.is_empty() => "passed".to_owned(),
        (None, None, Verdict::Passed) => format!("passed with {} remarks", found.findings.len()),
    }
}

/// The first of the worst that has a place or a rule: others are only words of a command.
fn worst(found: &Found) -> Option<(&Finding, usize)> {
    let mut placed = found.findings.iter().filter(|it| it.file.is_some() || it.rule.is_some());
    let first = placed.next()?;
    Some((first, placed.count()))
}

fn named((finding, more): (&Finding, usize)) -> String {
    let severity = match finding.severity {
        Severity::Critical => "Critical",
        Severity::Error => "Error",
        Severity::Warning => "Warning",
        Severity::Note => "Note",
    };
    let first_line = finding.message.lines().next().unwrap_or_default();
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    format!("{severity}: {first_line}{more}")
}

fn outcome(check: &Check, ran: &Ran, verdict: Verdict, summary: String, found: Found) -> CheckOutcome {
    CheckOutcome::Ran(CheckReport {
        verdict,
        summary,
        command: check.command.clone(),
        tests: found.tests,
        coverage: found.coverage,
        findings: found.findings,
        duration_ms: ran.duration_ms,
    })
}

#[cfg(test)]
mod tests;
