//! What a reviewer says of a change.

use serde::{Deserialize, Serialize};

use super::{Finding, Severity};

/// A review goes into histories and to forges, whoever wrote it: no more of it is kept than people read.
const SUMMARY_CHARS_MAX: usize = 4_000;
const FINDINGS_MAX: usize = 50;
const MESSAGE_CHARS_MAX: usize = 1_000;
/// Of the name of a file, and of a rule.
const NAME_CHARS_MAX: usize = 300;

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
    /// As much of it as is kept: the gravest findings.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.summary = cut(self.summary, SUMMARY_CHARS_MAX);
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        self.findings.truncate(FINDINGS_MAX);
        for finding in &mut self.findings {
            finding.message = cut(std::mem::take(&mut finding.message), MESSAGE_CHARS_MAX);
            finding.file = finding.file.take().map(|file| cut(file, NAME_CHARS_MAX));
            finding.rule = finding.rule.take().map(|rule| cut(rule, NAME_CHARS_MAX));
        }
        self
    }

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

fn cut(mut text: String, chars_max: usize) -> String {
    if let Some((at, _)) = text.char_indices().nth(chars_max) {
        text.truncate(at);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_of_a_review_is_kept_than_people_read() {
        let finding = |severity, chars| Finding {
            severity,
            message: "ä".repeat(chars),
            file: Some("f".repeat(chars)),
            line: None,
            rule: None,
        };
        let mut findings = vec![finding(Severity::Note, 1); 60];
        findings.push(finding(Severity::Critical, 5_000));
        let summary = "s".repeat(5_000);
        let review = Review { by: "x".to_owned(), verdict: ReviewVerdict::Approve, summary, findings }.bounded();
        assert_eq!((review.summary.chars().count(), review.findings.len()), (4_001, 50));
        let first = &review.findings[0];
        let chars = first.file.as_ref().map(|file| file.chars().count());
        assert_eq!((first.severity, first.message.chars().count(), chars), (Severity::Critical, 1_001, Some(301)));
        assert_eq!(review.clone().bounded().findings, review.findings);
    }
}
