//! What a pull request says of a migration. Pure.

use std::fmt::Write;

use super::CodeMigrationRequest;
use crate::{
    approval::Note,
    migration::{Outcomes, tally},
    model::{BranchKind, CheckOutcome, MigrationPlan, StepResult, Verdict},
};

/// Files that are named for one step.
const FILES_SHOWN: usize = 20;

/// `Migrate python3-migration from 2.7 to 3.11`
pub(super) fn title(request: &CodeMigrationRequest) -> String {
    let CodeMigrationRequest { migration_type, source_version, target_version, .. } = request;
    format!("Migrate: {migration_type} from {source_version} to {target_version}")
}

/// `feature/python3-migration-from-2-7-to-3-11`
pub(super) fn branch(request: &CodeMigrationRequest) -> String {
    let CodeMigrationRequest { migration_type, source_version, target_version, .. } = request;
    BranchKind::Feature.branch(&format!("{migration_type} from {source_version} to {target_version}"))
}

/// The report: each step with what it changed, what the checks said before and after, what people have added.
pub(super) fn description(
    request: &CodeMigrationRequest,
    plan: &MigrationPlan,
    results: &[StepResult],
    (before, after): (&Outcomes, &Outcomes),
    notes: &[Note],
) -> String {
    let (done, failed) = tally(results);
    let mut text = format!("{}\n\n", title(request));
    let (scanned, affected) = (plan.files_scanned, plan.files_affected);
    let _ = writeln!(text, "{scanned} files were looked at, and {affected} of them are affected.");
    if !plan.deprecated.is_empty() {
        let found: Vec<String> = plan.deprecated.iter().map(|name| format!("`{}`", name.trim())).collect();
        let _ = writeln!(text, "Old interfaces that were found: {}.", found.join(", "));
    }
    let _ = writeln!(text, "\n## Steps: {done} done, {failed} failed, {} planned\n", plan.steps.len());
    for result in results {
        let title = plan.steps.iter().find(|step| step.id == result.step_id).map_or("", |step| step.title.as_str());
        let failed = if result.success { "" } else { "failed, and left out: " };
        let _ = writeln!(text, "- **{}** {title}: {failed}{}", result.step_id, result.summary);
        for file in result.files_changed.iter().take(FILES_SHOWN) {
            let _ = writeln!(text, "  - `{file}`");
        }
        if result.files_changed.len() > FILES_SHOWN {
            let _ = writeln!(text, "  - and {} more", result.files_changed.len() - FILES_SHOWN);
        }
    }
    let _ = writeln!(text, "\n## Checks, before and after\n");
    for (kind, outcome) in after {
        let was = before.get(kind).map_or_else(String::new, said);
        let _ = writeln!(text, "- {}: {was} → {}", kind.title(), said(outcome));
    }
    for note in notes {
        let _ = write!(text, "\n> {}\n", note.text.replace('\n', "\n> "));
    }
    let _ = write!(text, "\nPlan {}.\n", plan.hash().short());
    text
}

fn said(outcome: &CheckOutcome) -> String {
    match outcome {
        CheckOutcome::CouldNotRun { reason } => format!("could not run ({reason})"),
        CheckOutcome::Ran(report) => {
            let verdict = match report.verdict {
                Verdict::Passed => "passed",
                Verdict::Failed => "failed",
                Verdict::NotApplicable => return "not applicable".to_owned(),
            };
            let counts = report.tests.map(|it| format!(", {} of {} tests pass", it.passed, it.passed + it.failed));
            format!("{verdict}{}", counts.unwrap_or_default())
        }
    }
}

/// To the nearest tenth.
pub(super) fn minutes(ms: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "migrations do not last for thousands of years")]
    let minutes = ms as f64 / 60_000.0;
    (minutes * 10.0).round() / 10.0
}
