//! Runs checks and says what came of them.

mod judge;

use std::{collections::BTreeMap, fs, path::Path, path::PathBuf};

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Check, Checks, REPORT_VARIABLE, Report};
use crate::{
    model::{CheckKind, CheckOutcome, CheckReport, Verdict},
    process::{Chunk, Command, End, Limits, Stop, Supervisor, Watch},
    sandbox::Sandbox,
};
use judge::{Ran, judge};

/// Of each stream; reports that are printed must be whole.
const KEPT_BYTES: usize = 4 << 20;
/// A report beyond this is not read.
const REPORT_BYTES_MAX: u64 = 64 << 20;

/// Where checks run.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    pub supervisor: &'a Supervisor,
    /// The tree that is looked at. Not the one in which a change is written.
    pub tree: &'a Path,
    pub sandbox: &'a Sandbox,
    pub cancel: &'a CancellationToken,
    /// Gets all output as it comes.
    pub output: Option<mpsc::Sender<Chunk>>,
}

/// Nobody wants the answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the check was cancelled")]
pub struct Cancelled;

/// What came of a fixer. What it changed is in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// The check has none.
    None,
    Ran {
        succeeded: bool,
        summary: String,
    },
    CouldNotRun {
        reason: String,
    },
}

/// Runs one check.
pub async fn run(checks: &Checks, kind: CheckKind, place: &Place<'_>) -> Result<CheckOutcome, Cancelled> {
    let Some(check) = checks.get(kind) else { return Ok(CheckOutcome::Ran(absent())) };
    let path = report_path(check, kind, place);
    if let Some(path) = path.as_deref().filter(|path| is_inside(path, place)) {
        // An old report would be taken for a new one.
        let _ = fs::remove_file(path);
    }
    let mut command = command(check, &check.command, place);
    if let Some(path) = path.as_deref().and_then(Path::to_str) {
        command = command.env(REPORT_VARIABLE, path);
    }
    let report = match run_command(&command, place).await {
        Err(error) => return Ok(CheckOutcome::CouldNotRun { reason: error.to_string() }),
        Ok(report) if report.end == End::Stopped(Stop::Cancelled) => return Err(Cancelled),
        Ok(report) => report,
    };
    let ran = Ran {
        end: report.end,
        ended: report.describe_end(),
        duration_ms: u64::try_from(report.wall.as_millis()).unwrap_or(u64::MAX),
        stdout: report.stdout.text(),
        stderr: report.stderr.text(),
        report: path.as_deref().filter(|path| is_inside(path, place)).and_then(read_report),
    };
    Ok(judge(check, &ran))
}

/// Runs several at once, in one tree.
pub async fn run_all(
    checks: &Checks,
    kinds: impl IntoIterator<Item = CheckKind>,
    place: &Place<'_>,
) -> Result<BTreeMap<CheckKind, CheckOutcome>, Cancelled> {
    let runs = kinds.into_iter().map(async |kind| Ok((kind, run(checks, kind, place).await?)));
    join_all(runs).await.into_iter().collect()
}

/// Runs a check's fixer.
pub async fn fix(checks: &Checks, kind: CheckKind, place: &Place<'_>) -> Result<Fix, Cancelled> {
    let Some((check, line)) = checks.get(kind).and_then(|check| Some((check, check.fix.as_ref()?))) else {
        return Ok(Fix::None);
    };
    match run_command(&command(check, line, place), place).await {
        Err(error) => Ok(Fix::CouldNotRun { reason: error.to_string() }),
        Ok(report) if report.end == End::Stopped(Stop::Cancelled) => Err(Cancelled),
        Ok(report) => {
            let summary = judge::last_words(&report.stdout.text(), &report.stderr.text());
            Ok(match judge::could_not_run(check, report.end, &summary) {
                Some(reason) => Fix::CouldNotRun { reason },
                None => Fix::Ran { succeeded: report.succeeded(), summary },
            })
        }
    }
}

fn command(check: &Check, line: &str, place: &Place<'_>) -> Command {
    let limits = Limits { wall: check.timeout, kept_bytes: KEPT_BYTES, ..Limits::default() };
    let mut command = Command::shell(line, place.tree).limits(limits);
    command.environment.clone_from(&check.environment);
    command
}

async fn run_command(command: &Command, place: &Place<'_>) -> Result<crate::process::Report, crate::process::Error> {
    let watch = Watch { cancel: place.cancel, output: place.output.clone() };
    place.supervisor.run(command, place.sandbox, watch).await
}

fn report_path(check: &Check, kind: CheckKind, place: &Place<'_>) -> Option<PathBuf> {
    match check.report.as_ref()? {
        Report { path: Some(path), .. } => Some(place.tree.join(path)),
        Report { format, path: None } if format.is_printed() => None,
        Report { .. } => Some(place.sandbox.temporary().join(format!("report-{}", kind.name()))),
    }
}

/// Folders on the way may be links that the change has brought. Nothing confines whoever reads a report, so it follows
/// none of them out of the command's own places.
fn is_inside(path: &Path, place: &Place<'_>) -> bool {
    let Some(Ok(folder)) = path.parent().map(fs::canonicalize) else { return false };
    let is_below = |root: &Path| fs::canonicalize(root).is_ok_and(|root| folder.starts_with(root));
    is_below(place.tree) || is_below(place.sandbox.temporary())
}

/// None if there is nothing that can be read. A command may have left a link to a file that is none of its business.
fn read_report(path: &Path) -> Option<String> {
    let found = fs::symlink_metadata(path).ok()?;
    if !found.is_file() || found.len() > REPORT_BYTES_MAX {
        return None;
    }
    Some(String::from_utf8_lossy(&fs::read(path).ok()?).into_owned())
}

fn absent() -> CheckReport {
    CheckReport {
        verdict: Verdict::NotApplicable,
        summary: "the repository has no such check".to_owned(),
        command: String::new(),
        tests: None,
        coverage: None,
        findings: Vec::new(),
        duration_ms: 0,
    }
}
