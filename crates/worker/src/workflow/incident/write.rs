//! What is written down of an incident. Pure.

use std::fmt::Write;

use crate::{
    model::{Alert, AlertSeverity, Consensus, Diagnosis},
    progress::Timeline,
};

pub(super) fn severity(severity: AlertSeverity) -> &'static str {
    match severity {
        AlertSeverity::Low => "low",
        AlertSeverity::Medium => "medium",
        AlertSeverity::High => "high",
        AlertSeverity::Critical => "critical",
    }
}

/// To the nearest tenth.
pub(super) fn minutes(ms: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "incidents do not last for thousands of years")]
    let minutes = ms as f64 / 60_000.0;
    (minutes * 10.0).round() / 10.0
}

/// What speaks for and against what is believed.
pub(super) fn evidence(consensus: &Consensus) -> String {
    let mut text = String::new();
    for diagnosis in &consensus.supporting_diagnoses {
        think(&mut text, diagnosis);
    }
    if !consensus.conflicting_diagnoses.is_empty() {
        text.push_str("\nOthers think otherwise:\n\n");
    }
    for diagnosis in &consensus.conflicting_diagnoses {
        think(&mut text, diagnosis);
    }
    text
}

fn think(text: &mut String, diagnosis: &Diagnosis) {
    let _ = writeln!(text, "- {} ({}): {}", diagnosis.agent, diagnosis.confidence.get(), diagnosis.root_cause);
    for (sign, all) in [("for", &diagnosis.evidence_for), ("against", &diagnosis.evidence_against)] {
        for evidence in all {
            let _ = writeln!(text, "  - {sign}: {}", evidence.statement);
        }
    }
}

pub(super) fn issue(alert: &Alert, consensus: &Consensus, reason: &str) -> String {
    let (sure, cause) = (consensus.confidence.get(), &consensus.root_cause);
    let evidence = evidence(consensus);
    format!("{}\n\nNothing was mended: {reason}.\n\nMost likely ({sure}): {cause}\n\n{evidence}", alert.message)
}

pub(super) fn hotfix(alert: &Alert, consensus: &Consensus) -> String {
    let (severity, sure) = (severity(alert.severity), consensus.confidence.get());
    let review = if alert.severity >= AlertSeverity::High { "\n\nPlease review at once." } else { "" };
    let evidence = evidence(consensus);
    format!(
        "Alert {} of {} ({severity}): {}\n\nCause ({sure}): {}\n\n{evidence}{review}",
        alert.id, alert.service, alert.message, consensus.root_cause
    )
}

pub(super) fn postmortem(
    alert: &Alert,
    consensus: &Consensus,
    hotfix: Option<&str>,
    issue: Option<&str>,
    timeline: &Timeline,
) -> String {
    let mut text = format!("Alert {} of {} at {}: {}\n", alert.id, alert.service, alert.timestamp, alert.message);
    let _ = writeln!(text, "\n## Root cause ({})\n\n{}\n", consensus.confidence.get(), consensus.root_cause);
    text.push_str(&evidence(consensus));
    text.push_str("\n## Timeline\n\n");
    let began = timeline.entries.front().map_or(0, |entry| entry.at_ms);
    for entry in &timeline.entries {
        let _ = writeln!(text, "- {} min: {}", minutes(entry.at_ms.saturating_sub(began)), entry.what);
    }
    text.push_str("\n## What was done\n\n");
    for (what, address) in [("Hotfix", hotfix), ("Issue", issue)] {
        if let Some(address) = address {
            let _ = writeln!(text, "- {what}: {address}");
        }
    }
    let fixes = consensus.supporting_diagnoses.iter().filter_map(|it| it.suggested_fix.as_deref());
    let fixes: std::collections::BTreeSet<&str> = fixes.collect();
    if !fixes.is_empty() {
        text.push_str("\n## Prevention\n\n");
        for fix in fixes {
            let _ = writeln!(text, "- {fix}");
        }
    }
    text
}
