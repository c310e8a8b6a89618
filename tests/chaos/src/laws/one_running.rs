//! A workflow id has one running execution at most, and only the runs that were asked for.

use std::collections::BTreeMap;

use weft_protocol::api::enums::WorkflowExecutionStatus;

/// What is listed of a workflow id: its runs, and whether they run.
pub(crate) type Listed = BTreeMap<String, WorkflowExecutionStatus>;

/// Of one that was asked to be started once.
///
/// # Errors
/// How many there are.
pub(crate) fn judge(listed: &Listed) -> Result<(), String> {
    let running = listed.values().filter(|status| **status == WorkflowExecutionStatus::Running).count();
    if running > 1 {
        return Err(format!("it has {running} running executions"));
    }
    // What ended by a reset is for `resets_once` to see.
    let goes_on = |status: &WorkflowExecutionStatus| {
        matches!(status, WorkflowExecutionStatus::ContinuedAsNew | WorkflowExecutionStatus::Terminated)
    };
    let begun = listed.values().filter(|status| !goes_on(status)).count();
    if begun != 1 {
        return Err(format!("it was started once, and {begun} of its runs go on as no other"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_may_be_open_and_all_others_went_on_as_new_ones() {
        use WorkflowExecutionStatus::{Completed, ContinuedAsNew, Running, Terminated};
        let listed = |runs: &[WorkflowExecutionStatus]| -> Listed {
            runs.iter().enumerate().map(|(number, status)| (number.to_string(), *status)).collect()
        };
        assert_eq!(judge(&listed(&[Running])), Ok(()));
        assert_eq!(judge(&listed(&[ContinuedAsNew, ContinuedAsNew, Completed])), Ok(()));
        assert_eq!(judge(&listed(&[Terminated, Completed])), Ok(()));
        assert!(judge(&listed(&[Terminated])).is_err());
        assert!(judge(&listed(&[Running, Running])).is_err());
        assert!(judge(&listed(&[Completed, Running])).is_err());
        assert!(judge(&listed(&[Completed, Completed])).is_err());
        assert!(judge(&listed(&[ContinuedAsNew])).is_err());
    }
}
