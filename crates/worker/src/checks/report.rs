//! What tools leave and print, read. Pure: text in, counts and findings out.

mod coverage;
mod junit;
mod sarif;
mod tests_printed;

use serde::{Deserialize, Serialize};

use crate::model::{Counts, Finding, Percent, Severity};

/// More findings than this help nobody, and they stand in histories.
pub(super) const FINDINGS_MAX: usize = 50;
/// Of each message.
const MESSAGE_CHARS_MAX: usize = 500;

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Junit,
    Cobertura,
    Lcov,
    Sarif,
    /// `cargo … --message-format=json`, printed.
    CargoMessages,
    /// What Rust's test harness prints.
    RustTests,
    /// What Python's unittest prints, verbose or not.
    PythonUnittest,
    /// `go test -json`, printed.
    GoTests,
    /// The last percentage that is printed is the coverage.
    LastPercent,
}

impl Format {
    /// Whether it is printed, and not a file.
    pub(super) fn is_printed(self) -> bool {
        match self {
            Self::Junit | Self::Cobertura | Self::Lcov | Self::Sarif => false,
            Self::CargoMessages | Self::RustTests | Self::PythonUnittest | Self::GoTests | Self::LastPercent => true,
        }
    }

    /// Whether it tells how much is covered, and nothing else.
    pub(super) fn is_coverage(self) -> bool {
        match self {
            Self::Cobertura | Self::Lcov | Self::LastPercent => true,
            Self::Junit
            | Self::Sarif
            | Self::CargoMessages
            | Self::RustTests
            | Self::PythonUnittest
            | Self::GoTests => false,
        }
    }
}

/// What a report says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    pub tests: Option<Counts>,
    pub coverage: Option<Percent>,
    pub findings: Vec<Finding>,
}

impl Found {
    /// The worst first, and not too many.
    fn bounded(mut self) -> Self {
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        self.findings.truncate(FINDINGS_MAX);
        for finding in &mut self.findings {
            finding.file = finding.file.as_deref().map(cut);
            finding.rule = finding.rule.as_deref().map(cut);
        }
        self
    }
}

/// Of a path, a rule or a reason: they stand in histories.
const WORD_CHARS_MAX: usize = 300;

fn cut(text: &str) -> String {
    text.chars().take(WORD_CHARS_MAX).collect()
}

/// Why a report could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the report is not {wanted}: {reason}")]
pub(super) struct Unreadable {
    pub wanted: &'static str,
    pub reason: String,
}

impl Unreadable {
    fn new(wanted: &'static str, reason: impl ToString) -> Self {
        Self { wanted, reason: cut(&reason.to_string()) }
    }
}

pub(super) fn read(format: Format, text: &str) -> Result<Found, Unreadable> {
    let found = match format {
        Format::Junit => junit::read(text)?,
        Format::Cobertura => coverage::cobertura(text)?,
        Format::Lcov => coverage::lcov(text)?,
        Format::LastPercent => coverage::last_percent(text)?,
        Format::Sarif => sarif::read(text)?,
        Format::CargoMessages => sarif::cargo_messages(text),
        Format::RustTests => tests_printed::rust(text),
        Format::PythonUnittest => tests_printed::python(text),
        Format::GoTests => tests_printed::go(text),
    };
    Ok(found.bounded())
}

pub(super) fn finding(severity: Severity, message: &str) -> Finding {
    let message = message.trim().chars().take(MESSAGE_CHARS_MAX).collect();
    Finding { severity, message, file: None, line: None, rule: None }
}

/// `src/a.py:12` and what may follow.
fn place(text: &str) -> Option<(String, u32)> {
    let (file, rest) = text.split_once(':')?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((file.trim().to_owned(), digits.parse().ok()?))
}
