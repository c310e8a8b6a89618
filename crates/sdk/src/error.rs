//! What a workflow or an activity ends with when it does not end well.
//!
//! Any error of Rust becomes one by `?`: an application failure of its type's name, with its causes, and it is retried
//! as Temporal retries failures that say nothing else. A [`Failure`] stays what it is.

use std::{any::Any, error::Error as StdError, fmt, ops::Deref};

use weft_client::Failure;
use weft_protocol::api::{command::ContinueAsNewWorkflowExecutionCommandAttributes, failure};

/// The result of workflows and activities.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure on its way out, or, in a workflow, the wish to go on as a new run. It reads as its [`Failure`].
pub struct Error(Inner);

enum Inner {
    Failure(Box<Failure>),
    /// With the failure that it is to those who do not understand it.
    ContinueAsNew(Box<ContinueAsNewWorkflowExecutionCommandAttributes>, Box<Failure>),
    /// Somebody else ends the activity. With the failure that it is where nobody else can.
    Elsewhere(Box<Failure>),
}

impl Error {
    /// A failure with this message, retried unless it says otherwise; see [`Failure::application`] for more.
    pub fn new(message: impl Into<String>) -> Self {
        Failure::application(message).into()
    }

    /// What an activity returns that somebody else will end, by the task token in its `ActivityCtx`, or by its id:
    /// `client.activity_by_token(token).complete(&result)`.
    #[must_use]
    pub fn completed_elsewhere() -> Self {
        let failure = Failure::application("only an activity with a task queue can be completed elsewhere");
        Self(Inner::Elsewhere(Box::new(failure.kind("CompletedElsewhere").non_retryable())))
    }

    pub(crate) fn is_completed_elsewhere(&self) -> bool {
        matches!(self.0, Inner::Elsewhere(_))
    }

    pub(crate) fn continue_as_new(attributes: ContinueAsNewWorkflowExecutionCommandAttributes) -> Self {
        let failure = Failure::application("the workflow continues as new").kind("ContinueAsNew");
        Self(Inner::ContinueAsNew(Box::new(attributes), Box::new(failure)))
    }

    pub(crate) fn of_wire(failure: Box<failure::Failure>) -> Self {
        Self(Inner::Failure(Box::new((*failure).into())))
    }

    /// The failure that it is.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        match self.0 {
            Inner::Failure(failure) | Inner::ContinueAsNew(_, failure) | Inner::Elsewhere(failure) => *failure,
        }
    }

    pub(crate) fn into_wire(self) -> Box<failure::Failure> {
        Box::new(self.into_failure().into())
    }

    pub(crate) fn into_continue_as_new(
        self,
    ) -> std::result::Result<Box<ContinueAsNewWorkflowExecutionCommandAttributes>, Self> {
        match self.0 {
            Inner::ContinueAsNew(attributes, _) => Ok(attributes),
            Inner::Failure(_) | Inner::Elsewhere(_) => Err(self),
        }
    }

    /// The same with something said before its message: what was tried when it failed. Its kind stays.
    #[must_use]
    pub fn context(self, said: impl fmt::Display) -> Self {
        match self.0 {
            Inner::Failure(mut failure) => {
                failure.message = format!("{said}: {failure}");
                Self(Inner::Failure(failure))
            }
            Inner::ContinueAsNew(..) | Inner::Elsewhere(_) => self,
        }
    }
}

impl Deref for Error {
    type Target = Failure;

    fn deref(&self) -> &Failure {
        match &self.0 {
            Inner::Failure(failure) | Inner::ContinueAsNew(_, failure) | Inner::Elsewhere(failure) => failure,
        }
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Inner::Failure(Box::new(Failure::of_error(error))))
    }
}

/// With its causes: this is what `main` prints, and what logs show.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_one_line())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.deref(), f)
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no stock")]
    struct NoStock {
        #[source]
        why: std::num::ParseIntError,
    }

    fn fails() -> Result<u8> {
        let why = "x".parse::<u8>().expect_err("no number");
        Err(NoStock { why })?;
        Ok(1)
    }

    #[test]
    fn any_error_becomes_a_failure_with_its_type_and_causes() {
        let error = fails().expect_err("it fails");
        assert_eq!(error.application_kind(), Some("NoStock"));
        assert_eq!(format!("{error:?}"), "no stock: invalid digit found in string");
        assert!(!error.as_application().expect("an application failure").non_retryable);
    }

    #[test]
    fn a_failure_stays_what_it_is_and_context_goes_before_its_message() {
        let declined = Failure::application("declined").kind("CardDeclined").non_retryable();
        let error = Error::from(declined.clone());
        assert_eq!(*error, declined);
        let error = error.context("charging order 17");
        assert_eq!(error.to_string(), "charging order 17: declined");
        assert_eq!(error.application_kind(), Some("CardDeclined"));
    }
}
