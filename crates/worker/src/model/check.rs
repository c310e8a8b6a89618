//! Checks and what they found.

use serde::{Deserialize, Serialize};

use super::Percent;

/// The checks of a quality gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    UnitTests,
    IntegrationTests,
    Lint,
    Security,
    Coverage,
    Performance,
    Dependencies,
    StaticAnalysis,
}

impl CheckKind {
    pub const ALL: [Self; 8] = [
        Self::UnitTests,
        Self::IntegrationTests,
        Self::Lint,
        Self::Security,
        Self::Coverage,
        Self::Performance,
        Self::Dependencies,
        Self::StaticAnalysis,
    ];

    /// As people read it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::UnitTests => "Unit Tests",
            Self::IntegrationTests => "Integration Tests",
            Self::Lint => "Linting",
            Self::Security => "Security Scan",
            Self::Coverage => "Code Coverage",
            Self::Performance => "Performance",
            Self::Dependencies => "Dependencies",
            Self::StaticAnalysis => "Static Analysis",
        }
    }

    /// As it is written in `.weft/checks.yaml`, ids and file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnitTests => "unit_tests",
            Self::IntegrationTests => "integration_tests",
            Self::Lint => "lint",
            Self::Security => "security",
            Self::Coverage => "coverage",
            Self::Performance => "performance",
            Self::Dependencies => "dependencies",
            Self::StaticAnalysis => "static_analysis",
        }
    }
}

/// What a check says of the tree that it looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Passed,
    Failed,
    /// There is nothing to look at: the repository has no such check.
    NotApplicable,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Note,
    Warning,
    Error,
    Critical,
}

/// One thing that a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub severity: Severity,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The rule or test that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// Tests that a check counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

/// What a check that could run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    pub verdict: Verdict,
    /// One short line: `5 test failures`.
    pub summary: String,
    /// The command line that decided it; empty where nothing ran.
    pub command: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<Counts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Percent>,
    /// The worst ones, a bounded number.
    #[serde(default)]
    pub findings: Vec<Finding>,
    pub duration_ms: u64,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CheckOutcome {
    Ran(CheckReport),
    /// Not a verdict: the environment was at fault, and no attempt helped.
    CouldNotRun {
        reason: String,
    },
}
