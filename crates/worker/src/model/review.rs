//! What a reviewer says of a change.

use serde::{Deserialize, Serialize};

use super::{Finding, Severity};

/// What a reviewer says of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Who has looked: the provider's name.
    #[serde(default)]
    pub by: String,
    pub verdict: ReviewVerdict,
    /// In a few sentences.
    pub summary: String,
    #[serde(default)]
    pub findings: Vec<Finding>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewVerdict {
    Approve,
    RequestChanges,
}

impl Review {
    /// In Markdown, as people read it beside the pull request.
    #[must_use]
    pub fn text(&self) -> String {
        let verdict = match self.verdict {
            ReviewVerdict::Approve => "approves",
            ReviewVerdict::RequestChanges => "asks for changes",
        };
        let mut text = format!("Review: {} {verdict}. {}\n", self.by, self.summary.trim());
        for finding in &self.findings {
            text.push_str(&format!("- {}\n", line(finding)));
        }
        text
    }
}

/// `shop.py:7: error: a secret`
fn line(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Critical => "critical",
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let place = match (&finding.file, finding.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: "),
        (Some(file), None) => format!("{file}: "),
        (None, _) => String::new(),
    };
    format!("{place}{severity}: {}", finding.message)
}
