//! From what checks found to a score and a decision. Pure: the same outcomes give the same result on every replay.
//!
//! A check's score is the share of its tests that passed, its coverage, or what its findings leave of 100; the whole is
//! their mean, weighted. A check that has nothing to look at does not count. One that could not run gives no verdict, so
//! it does not count either, but it stands in the way of a merge if it is required: nothing is taken for passed that
//! was not seen to pass.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{
    CheckKind, CheckOutcome, CheckReport, ContentHash, Percent, QualityGateResult, QualityThresholds, Severity, Spend,
    Verdict,
};

/// What a change must satisfy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bar {
    #[serde(flatten)]
    pub thresholds: QualityThresholds,
    /// Checks that must pass, where there is something to look at.
    pub required_checks: BTreeSet<CheckKind>,
}

impl Default for Bar {
    fn default() -> Self {
        let required_checks = [
            CheckKind::UnitTests,
            CheckKind::IntegrationTests,
            CheckKind::Lint,
            CheckKind::Security,
            CheckKind::Coverage,
            CheckKind::Dependencies,
        ];
        Self { thresholds: QualityThresholds::default(), required_checks: required_checks.into() }
    }
}

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    pub pr_number: Option<u64>,
    pub commit: String,
    pub diff: ContentHash,
    pub auto_fixes_applied: bool,
    pub spent: Spend,
}

/// Whether an auto-fix may help: it found something that is not to be blamed on the environment.
#[must_use]
pub fn has_failed(kind: CheckKind, outcome: &CheckOutcome, bar: &Bar) -> bool {
    match outcome {
        CheckOutcome::Ran(report) => !passes(kind, report, bar),
        CheckOutcome::CouldNotRun { .. } => false,
    }
}

/// The result of a gate.
#[must_use]
pub fn judge(checks: BTreeMap<CheckKind, CheckOutcome>, bar: &Bar, looked: Looked) -> QualityGateResult {
    let overall_score = overall(&checks);
    let objections = |required_only: bool| -> Vec<String> {
        let asked = |kind: &CheckKind| !required_only || bar.required_checks.contains(kind);
        checks.iter().filter(|(kind, _)| asked(kind)).flat_map(|(kind, it)| objections(*kind, it, bar)).collect()
    };
    let mut blocking_issues = objections(true);
    let required_checks_passed = blocking_issues.is_empty();
    let all_checks_passed = objections(false).is_empty();
    let required_score = bar.thresholds.required_score;
    let saw_nothing = !checks.values().any(|outcome| verdict(outcome).is_some_and(|it| it != Verdict::NotApplicable));
    if saw_nothing {
        blocking_issues.push("[Quality Gate] no check had anything to look at".to_owned());
    } else if overall_score < required_score && required_checks_passed {
        let (score, required) = (percent(overall_score), percent(required_score));
        blocking_issues.push(format!("[Quality Score] Score {score} < required {required}"));
    }
    QualityGateResult {
        pr_number: looked.pr_number,
        all_checks_passed,
        required_checks_passed,
        can_merge: blocking_issues.is_empty(),
        checks,
        overall_score,
        auto_fixes_applied: looked.auto_fixes_applied,
        blocking_issues,
        commit: looked.commit,
        diff: looked.diff,
        spent: looked.spent,
    }
}

fn verdict(outcome: &CheckOutcome) -> Option<Verdict> {
    match outcome {
        CheckOutcome::Ran(report) => Some(report.verdict),
        CheckOutcome::CouldNotRun { .. } => None,
    }
}

/// Coverage under the bar fails whatever the command said of it.
fn passes(kind: CheckKind, report: &CheckReport, bar: &Bar) -> bool {
    let is_covered = |coverage: Percent| coverage >= bar.thresholds.required_coverage;
    let covered = kind != CheckKind::Coverage || report.coverage.is_none_or(is_covered);
    report.verdict == Verdict::NotApplicable || (report.verdict == Verdict::Passed && covered)
}

/// What a check says against a merge.
fn objections(kind: CheckKind, outcome: &CheckOutcome, bar: &Bar) -> Vec<String> {
    let line = |said: &str| format!("[{}] {said}", kind.title());
    match outcome {
        CheckOutcome::CouldNotRun { reason } => vec![line(&format!("could not run: {reason}"))],
        CheckOutcome::Ran(report) if passes(kind, report, bar) => Vec::new(),
        CheckOutcome::Ran(report) => {
            let required = percent(bar.thresholds.required_coverage);
            let coverage = report.coverage.filter(|_| kind == CheckKind::Coverage);
            let critical: Vec<String> = report
                .findings
                .iter()
                .filter(|finding| kind == CheckKind::Security && finding.severity == Severity::Critical)
                .map(|finding| line(&format!("Critical: {}", finding.message)))
                .collect();
            match (coverage, critical.is_empty()) {
                (Some(coverage), _) => vec![line(&format!("Coverage {} < required {required}", percent(coverage)))],
                (None, true) => vec![line(&report.summary)],
                (None, false) => critical,
            }
        }
    }
}

/// Parts of the whole.
fn weight(kind: CheckKind) -> f64 {
    match kind {
        CheckKind::UnitTests => 25.0,
        CheckKind::IntegrationTests | CheckKind::Security => 15.0,
        CheckKind::Lint | CheckKind::Coverage | CheckKind::StaticAnalysis => 10.0,
        CheckKind::Performance => 8.0,
        CheckKind::Dependencies => 7.0,
    }
}

fn overall(checks: &BTreeMap<CheckKind, CheckOutcome>) -> Percent {
    let counted = checks.iter().filter_map(|(kind, outcome)| Some((weight(*kind), score(*kind, outcome)?)));
    let (weights, sum) =
        counted.fold((0.0, 0.0), |(weights, sum), (weight, score)| (weights + weight, sum + weight * score));
    if weights == 0.0 {
        return Percent::ZERO;
    }
    // A tenth is as much as anybody reads.
    Percent::new((sum / weights * 10.0).round() / 10.0).unwrap_or(Percent::ZERO)
}

fn score(kind: CheckKind, outcome: &CheckOutcome) -> Option<f64> {
    let CheckOutcome::Ran(report) = outcome else { return None };
    let counted = report.tests.map(|tests| Percent::of(tests.passed, tests.passed + tests.failed).get());
    match (report.verdict, kind) {
        (Verdict::NotApplicable, _) => None,
        (_, CheckKind::Coverage) => Some(report.coverage.map_or_else(|| by_findings(report), Percent::get)),
        (Verdict::Failed, CheckKind::UnitTests | CheckKind::IntegrationTests) => Some(counted.unwrap_or(0.0)),
        (Verdict::Passed | Verdict::Failed, _) => Some(by_findings(report)),
    }
}

fn by_findings(report: &CheckReport) -> f64 {
    let lost: f64 = report
        .findings
        .iter()
        .map(|finding| match finding.severity {
            Severity::Note => 0.5,
            Severity::Warning => 2.0,
            Severity::Error => 10.0,
            Severity::Critical => 40.0,
        })
        .sum();
    let left = (100.0 - lost).max(0.0);
    // What failed without a finding has failed all the same.
    if report.verdict == Verdict::Failed { left.min(50.0) } else { left }
}

/// `72%`, `87.5%`
fn percent(value: Percent) -> String {
    format!("{}%", (value.get() * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests;
