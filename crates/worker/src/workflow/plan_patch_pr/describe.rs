//! What a pull request says of itself. Pure.

use std::{collections::BTreeSet, fmt::Write};

use crate::model::{
    CheckKind, CheckOutcome, Plan, PrResult, PullRequest, PullRequestState, QualityGateResult, TestResults, Verdict,
};

/// As long as a title may be that no forge cuts.
const TITLE_CHARS_MAX: usize = 72;

/// The first line of the requirement.
pub(super) fn title(requirement: &str) -> String {
    let line = requirement.trim().lines().next().unwrap_or_default().trim();
    if line.chars().count() <= TITLE_CHARS_MAX {
        return line.to_owned();
    }
    let cut: String = line.chars().take(TITLE_CHARS_MAX - 1).collect();
    format!("{}…", cut.trim_end())
}

/// What was asked, what was done, and what the checks said.
pub(super) fn description(plan: &Plan, gate: &QualityGateResult) -> String {
    let mut text = format!("{}\n\n{}\n\n## Issues\n\n", plan.requirement.trim(), plan.design.trim());
    for issue in &plan.issues {
        let _ = writeln!(text, "- **{}**: {}", issue.id, issue.title);
    }
    let _ = writeln!(text, "\n## Quality gate: {}\n", gate.overall_score.get());
    for (kind, outcome) in &gate.checks {
        let (mark, said) = match outcome {
            CheckOutcome::Ran(report) => (mark(report.verdict), report.summary.as_str()),
            CheckOutcome::CouldNotRun { reason } => ("could not run", reason.as_str()),
        };
        let _ = writeln!(text, "- {}: {mark}. {said}", kind.title());
    }
    let fixed = if gate.auto_fixes_applied { " Auto-fixes were applied." } else { "" };
    let _ = write!(text, "\nPlan {}, commit {}.{fixed}\n", plan.hash().short(), gate.commit);
    text
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::NotApplicable => "not applicable",
    }
}

/// What the workflow ends with.
pub(super) fn result(pull_request: PullRequest, files: BTreeSet<String>, gate: &QualityGateResult) -> PrResult {
    PrResult {
        pr_number: pull_request.number,
        pr_url: pull_request.url,
        branch_name: pull_request.branch,
        files_changed: files,
        test_results: tests(gate),
        qa_score: gate.overall_score,
        merged: pull_request.state == PullRequestState::Merged,
        merge_commit_sha: pull_request.merge_commit,
        review: None,
    }
}

/// Unit and integration tests together.
fn tests(gate: &QualityGateResult) -> TestResults {
    let report = |kind| match gate.checks.get(&kind) {
        Some(CheckOutcome::Ran(report)) => Some(report),
        Some(CheckOutcome::CouldNotRun { .. }) | None => None,
    };
    let of_tests = [report(CheckKind::UnitTests), report(CheckKind::IntegrationTests)];
    let counts = of_tests.iter().flatten().filter_map(|report| report.tests);
    let (total, failed) =
        counts.fold((0, 0), |(total, failed), it| (total + it.passed + it.failed, failed + it.failed));
    let coverage = report(CheckKind::Coverage).and_then(|report| report.coverage);
    let passed = failed == 0 && of_tests.iter().flatten().all(|report| report.verdict != Verdict::Failed);
    TestResults { passed, total, coverage }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_that_no_forge_cuts() {
        assert_eq!(title("  Add a page\n\nwith much text"), "Add a page");
        let long = title(&"word ".repeat(30));
        assert!(long.ends_with('…') && long.chars().count() <= TITLE_CHARS_MAX);
        assert_eq!(title(""), "");
    }
}
