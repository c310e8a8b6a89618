//! How a workflow ended, for those who waited for its result.

use weft_protocol::api::common::Payload;

use crate::{Close, Error, Failure, Value, ValueError, history::End, value::result_from_payloads};

/// Why a workflow gave no result.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowError {
    /// It failed; an [application failure](crate::failure::Application) tells its kind and has details.
    #[error("the workflow failed: {}", .0.in_one_line())]
    Failed(#[source] Failure),
    #[error("the workflow was canceled")]
    Canceled { details: Vec<Payload> },
    #[error("the workflow was terminated: {reason}")]
    Terminated { reason: String, details: Vec<Payload> },
    #[error("the workflow timed out")]
    TimedOut,
    /// Only where one run was waited for.
    #[error("the workflow goes on in the run {run_id}")]
    GoesOn { run_id: String },
    /// How it ended is not known.
    #[error(transparent)]
    Call(#[from] Error),
}

impl WorkflowError {
    /// Why it failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Canceled { .. } | Self::Terminated { .. } | Self::TimedOut | Self::GoesOn { .. } | Self::Call(_) => {
                None
            }
        }
    }

    /// The first detail of a failure, a cancellation or a termination.
    ///
    /// # Errors
    /// When there is none and `T` cannot be nothing, or it is not a `T`.
    pub fn details<T: Value>(&self) -> Result<T, ValueError> {
        match self {
            Self::Failed(failure) => failure.details(),
            Self::Canceled { details } | Self::Terminated { details, .. } => result_from_payloads(details),
            Self::TimedOut | Self::GoesOn { .. } | Self::Call(_) => result_from_payloads(&[]),
        }
    }
}

impl From<ValueError> for WorkflowError {
    fn from(error: ValueError) -> Self {
        Self::Call(error.into())
    }
}

pub(super) fn of_close<T: Value>(close: Close) -> Result<T, WorkflowError> {
    Err(match close {
        Close::Completed(result) => return Ok(result_from_payloads(&result)?),
        Close::Failed(failure) => WorkflowError::Failed(failure.map(|it| (*it).into()).unwrap_or_default()),
        Close::Canceled(details) => WorkflowError::Canceled { details },
        Close::Terminated { reason, details } => WorkflowError::Terminated { reason, details },
        Close::TimedOut => WorkflowError::TimedOut,
    })
}

pub(super) fn of_end<T: Value>(end: End) -> Result<T, WorkflowError> {
    match end {
        End::Close(close) => of_close(close),
        End::GoesOn(run_id) => Err(WorkflowError::GoesOn { run_id }),
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::{api::failure, payload::json_plain};

    use super::*;

    #[test]
    fn an_end_is_a_result_or_says_how_else_it_was() {
        let of = of_close::<u8>;
        assert_eq!(of(Close::Completed(vec![json_plain("7")])).expect("it completed"), 7);
        let failure = failure::Failure { message: "no stock".to_owned(), ..Default::default() };
        let failed = of(Close::Failed(Some(Box::new(failure)))).expect_err("it failed");
        assert_eq!(failed.to_string(), "the workflow failed: no stock");
        assert_eq!(failed.failure().map(|failure| failure.message.as_str()), Some("no stock"));
        let canceled = of(Close::Canceled(vec![json_plain("5")])).expect_err("it was canceled");
        assert_eq!(canceled.details::<u8>(), Ok(5));
        let unreadable = of(Close::Completed(vec![json_plain("\"x\"")])).expect_err("it is a text");
        assert!(matches!(unreadable, WorkflowError::Call(Error::Value(_))), "{unreadable}");
    }

    #[test]
    fn a_run_that_goes_on_names_the_next() {
        let error = of_end::<()>(End::GoesOn("r2".to_owned())).expect_err("it goes on");
        assert_eq!(error.to_string(), "the workflow goes on in the run r2");
    }
}
