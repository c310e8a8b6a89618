//! A workflow id has one running execution at most, and no runs that nobody asked for.

use weft_protocol::api::enums::WorkflowExecutionStatus;

/// Of a workflow id that clients start: what is listed of its runs, and how many starts may have made one.
///
/// # Errors
/// How many there are.
pub(crate) fn judge(listed: &[WorkflowExecutionStatus], starts: u64) -> Result<(), String> {
    let running = listed.iter().filter(|status| **status == WorkflowExecutionStatus::Running).count();
    if running > 1 {
        return Err(format!("it has {running} running executions"));
    }
    if listed.len() as u64 > starts {
        return Err(format!("it has {} runs of {starts} starts", listed.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_may_be_open_and_no_more_may_be_there_than_were_started() {
        let (open, closed) = (WorkflowExecutionStatus::Running, WorkflowExecutionStatus::Completed);
        assert_eq!(judge(&[closed, open], 2), Ok(()));
        assert!(judge(&[open, open], 2).is_err());
        assert!(judge(&[closed, closed, open], 2).is_err());
    }
}
