//! The kinds of failures that runs end with, beside those of their steps.

use weft::{Error, Failure};

use crate::approval::Decision;

/// A person stopped it.
pub const ABORTED: &str = "Aborted";
/// A person said no.
pub const REJECTED: &str = "Rejected";
/// People were asked and did not answer in time.
pub const APPROVAL_TIMEOUT: &str = "ApprovalTimeout";
/// What may be spent is spent, and nobody gave more.
pub const BUDGET_EXHAUSTED: &str = "BudgetExhausted";
/// No agent has the skills of a step.
pub const NO_AGENT: &str = "NoAgent";

/// Whether an error is one of these, and not that of a step.
pub(crate) fn ends_run(error: &Error) -> bool {
    [ABORTED, REJECTED, APPROVAL_TIMEOUT, BUDGET_EXHAUSTED, NO_AGENT]
        .iter()
        .any(|kind| error.application_kind() == Some(kind))
}

/// A failure that trying again does not mend.
pub fn failed(kind: &str, message: impl Into<String>) -> Error {
    Failure::application(message).kind(kind).non_retryable().into()
}

/// Nothing, if people agree; otherwise what the run ends with.
pub(crate) fn agreed(decision: &Decision, to: &str) -> Result<(), Error> {
    let kind = match decision {
        Decision::Approved { .. } => return Ok(()),
        Decision::Rejected { .. } => REJECTED,
        Decision::Aborted { .. } => ABORTED,
        Decision::NobodyAnswered => APPROVAL_TIMEOUT,
    };
    Err(failed(kind, format!("{to}: {}", said(decision))))
}

/// As people read it.
pub(super) fn said(decision: &Decision) -> String {
    let by = |by: &str| if by.is_empty() { String::new() } else { format!(" by {by}") };
    let note = |note: &str| if note.is_empty() { String::new() } else { format!(": {note}") };
    match decision {
        Decision::Approved { by: who, note: why } => format!("approved{}{}", by(who), note(why)),
        Decision::Rejected { by: who, note: why } => format!("rejected{}{}", by(who), note(why)),
        Decision::Aborted { reason } => format!("aborted: {reason}"),
        Decision::NobodyAnswered => "nobody answered".to_owned(),
    }
}
