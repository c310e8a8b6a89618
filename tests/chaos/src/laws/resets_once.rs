//! A reset ends the run that it is of and begins one other, however often it is asked for, and nothing else ends a run so.

use weft_protocol::api::enums::WorkflowExecutionStatus;

use super::Listed;
use crate::ledger::Reset;

/// Of a workflow id that was reset once, or never.
///
/// # Errors
/// What is listed against that.
pub(crate) fn judge(reset: &Reset, listed: &Listed) -> Result<(), String> {
    let ended = listed.values().filter(|status| **status == WorkflowExecutionStatus::Terminated).count();
    match reset {
        Reset::Never if ended == 0 => Ok(()),
        Reset::Asked if ended <= 1 && listed.len() == ended + 1 => Ok(()),
        Reset::Done(run) if ended == 1 && listed.len() == 2 => match listed.get(run) {
            Some(status) if *status != WorkflowExecutionStatus::Terminated => Ok(()),
            status => Err(format!("it was reset to run {run}, and that is listed as {status:?}")),
        },
        Reset::Never | Reset::Asked | Reset::Done(_) => {
            Err(format!("{ended} of its {} runs were ended by a reset: {reset:?}", listed.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use WorkflowExecutionStatus::{Completed, Terminated};

    use super::*;

    #[test]
    fn a_reset_that_was_told_took_place_once_and_one_that_was_not_once_or_never() {
        let listed = |runs: &[(&str, WorkflowExecutionStatus)]| -> Listed {
            runs.iter().map(|(run, status)| ((*run).to_owned(), *status)).collect()
        };
        let (one, two) = (listed(&[("a", Completed)]), listed(&[("a", Terminated), ("b", Completed)]));
        let three = listed(&[("a", Terminated), ("b", Terminated), ("c", Completed)]);
        assert_eq!(judge(&Reset::Never, &one), Ok(()));
        assert_eq!(judge(&Reset::Asked, &one), Ok(()));
        assert_eq!(judge(&Reset::Asked, &two), Ok(()));
        assert_eq!(judge(&Reset::Done("b".to_owned()), &two), Ok(()));
        assert!(judge(&Reset::Never, &two).is_err());
        assert!(judge(&Reset::Asked, &three).is_err());
        assert!(judge(&Reset::Done("b".to_owned()), &one).is_err());
        assert!(judge(&Reset::Done("b".to_owned()), &three).is_err());
        assert!(judge(&Reset::Done("a".to_owned()), &two).is_err());
        assert!(judge(&Reset::Done("c".to_owned()), &two).is_err());
    }
}
