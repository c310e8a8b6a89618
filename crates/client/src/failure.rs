//! What went wrong in a workflow or an activity, as it travels: [`Failure`], the domain form of
//! `temporal.api.failure.v1.Failure`.
//!
//! ```
//! use weft_client::Failure;
//!
//! let failure = Failure::application("the card was declined").kind("CardDeclined").non_retryable();
//! assert_eq!(failure.application_kind(), Some("CardDeclined"));
//! ```
//!
//! A failure is an error of Rust too: what caused it is its `source()`. The other way round [`Failure::of_error`] takes
//! any error with its causes, and a failure among them stays what it was.
//! Invariant: what came over the wire goes back as it came, but for values of enums that this version does not know.

mod wire;

use std::{error::Error as StdError, fmt, time::Duration};

pub use weft_protocol::api::enums::{ApplicationErrorCategory, RetryState, TimeoutType};
use weft_protocol::api::{
    common::Payload,
    failure::{NexusHandlerFailureInfo, NexusOperationFailureInfo},
};

use crate::{
    QueryError, UpdateError, WorkflowError,
    value::{Value, ValueError, type_name},
};

/// What failures made here say of where they come from.
const ORIGIN: &str = "WeftSDK";

/// A boxed error, as `anyhow`, `?` and `"text".into()` make it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What went wrong, and what caused it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    pub message: String,
    /// Which SDK or server it comes from. The API calls this the source; errors of Rust have that word for their cause.
    pub origin: String,
    pub stack_trace: String,
    /// Message and stack trace of a sealed failure that could not be opened, because they are still encoded.
    pub encoded_attributes: Option<Box<Payload>>,
    pub info: FailureInfo,
    pub cause: Option<Box<Failure>>,
}

/// What kind of failure it is, and what only this kind has.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum FailureInfo {
    /// Thrown by the code of a workflow or an activity.
    Application(Box<Application>),
    Timeout(Timeout),
    Canceled(Box<Canceled>),
    Terminated {
        identity: String,
    },
    /// Made by a server.
    Server {
        non_retryable: bool,
    },
    /// The run was reset while the activity was pending.
    ResetWorkflow {
        last_heartbeat_details: Vec<Payload>,
    },
    /// An activity failed; why is its cause.
    Activity(Box<ActivityFailure>),
    /// A child workflow failed; why is its cause.
    ChildWorkflow(Box<ChildWorkflowFailure>),
    NexusOperation(Box<NexusOperationFailureInfo>),
    NexusHandler(Box<NexusHandlerFailureInfo>),
    /// It does not say, or says something that this version does not know.
    #[default]
    Unknown,
}

/// A failure of a user's code.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Application {
    /// By which retry policies and callers tell failures apart; `type` in the API.
    pub kind: String,
    pub non_retryable: bool,
    pub details: Vec<Payload>,
    /// Takes the place of what the retry policy would wait.
    pub next_retry_delay: Option<Duration>,
    pub category: ApplicationErrorCategory,
}

/// Something took too long.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeout {
    pub timeout: TimeoutType,
    pub last_heartbeat_details: Vec<Payload>,
}

/// Something was asked to cancel, and did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Canceled {
    pub details: Vec<Payload>,
    /// Who asked for it.
    pub identity: String,
}

/// Which activity failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActivityFailure {
    pub activity_id: String,
    pub activity_type: String,
    pub scheduled_event_id: i64,
    pub started_event_id: i64,
    /// The worker that had it.
    pub identity: String,
    pub retry_state: RetryState,
}

/// Which child failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChildWorkflowFailure {
    pub namespace: String,
    pub workflow_id: String,
    pub run_id: String,
    pub workflow_type: String,
    pub initiated_event_id: i64,
    pub started_event_id: i64,
    pub retry_state: RetryState,
}

/// Made here.
impl Failure {
    fn new(message: impl Into<String>, info: FailureInfo) -> Self {
        Self { message: message.into(), origin: ORIGIN.to_owned(), info, ..Self::default() }
    }

    /// A failure of a workflow's or an activity's own code, which is retried unless it says otherwise.
    #[must_use]
    pub fn application(message: impl Into<String>) -> Self {
        Self::new(message, FailureInfo::Application(Box::default()))
    }

    /// Something was asked to cancel, and did.
    #[must_use]
    pub fn canceled(message: impl Into<String>) -> Self {
        Self::new(message, FailureInfo::Canceled(Box::default()))
    }

    /// Something took too long.
    #[must_use]
    pub fn timeout(message: impl Into<String>, timeout: TimeoutType) -> Self {
        Self::new(message, FailureInfo::Timeout(Timeout { timeout, ..Timeout::default() }))
    }

    /// An error with all its causes, as application failures: its type, without the path, is their kind. A failure
    /// stays what it is, wherever in the chain it stands.
    pub fn of_error<E: StdError + Send + Sync + 'static>(error: E) -> Self {
        let is_failure = (&error as &dyn StdError).is::<Self>();
        let failure = Self::of_dyn(&error);
        if is_failure { failure } else { failure.kind(type_name::<E>()) }
    }

    /// The chain of an error whose type is not known.
    fn of_dyn(error: &(dyn StdError + 'static)) -> Self {
        if let Some(failure) = error.downcast_ref::<Self>() {
            return failure.clone();
        }
        if let Some((said, failure)) = told(error) {
            return Self::application(said).caused_by(failure.clone());
        }
        let failure = Self::application(error.to_string());
        match error.source() {
            Some(source) => failure.caused_by(Self::of_dyn(source)),
            None => failure,
        }
    }

    /// By which retry policies and callers tell it apart. For application failures; others stay as they are.
    #[must_use]
    pub fn kind(self, kind: impl Into<String>) -> Self {
        self.with(|it| it.kind = kind.into())
    }

    /// Trying again does not help. For application failures; others stay as they are.
    #[must_use]
    pub fn non_retryable(self) -> Self {
        self.with(|it| it.non_retryable = true)
    }

    /// How long to wait before it is tried again, whatever the retry policy says. For application failures; others stay
    /// as they are.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        self.with(|it| it.next_retry_delay = Some(delay))
    }

    /// It was to be expected: nothing to log or to count as an error. For application failures; others stay as they
    /// are.
    #[must_use]
    pub fn benign(self) -> Self {
        self.with(|it| it.category = ApplicationErrorCategory::Benign)
    }

    /// What a caller may want to know. For application failures and cancellations; others stay as they are.
    ///
    /// # Errors
    /// When the value cannot be written.
    pub fn with_details<T: Value>(self, details: &T) -> Result<Self, ValueError> {
        Ok(self.with_detail_payloads(vec![details.to_payload()?]))
    }

    /// The same of several values, as they travel.
    #[must_use]
    pub fn with_detail_payloads(mut self, payloads: Vec<Payload>) -> Self {
        match &mut self.info {
            FailureInfo::Application(it) => it.details = payloads,
            FailureInfo::Canceled(it) => it.details = payloads,
            FailureInfo::Timeout(_)
            | FailureInfo::Terminated { .. }
            | FailureInfo::Server { .. }
            | FailureInfo::ResetWorkflow { .. }
            | FailureInfo::Activity(_)
            | FailureInfo::ChildWorkflow(_)
            | FailureInfo::NexusOperation(_)
            | FailureInfo::NexusHandler(_)
            | FailureInfo::Unknown => {}
        }
        self
    }

    /// What caused it.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Self>) -> Self {
        self.cause = Some(Box::new(cause.into()));
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Application)) -> Self {
        if let FailureInfo::Application(application) = &mut self.info {
            change(application);
        }
        self
    }
}

/// Looked at.
impl Failure {
    /// What an application failure has that others have not.
    #[must_use]
    pub fn as_application(&self) -> Option<&Application> {
        if let FailureInfo::Application(it) = &self.info { Some(it) } else { None }
    }

    /// The kind of an application failure.
    #[must_use]
    pub fn application_kind(&self) -> Option<&str> {
        self.as_application().map(|it| it.kind.as_str())
    }

    /// What took too long, if this is a timeout.
    #[must_use]
    pub fn timeout_type(&self) -> Option<TimeoutType> {
        if let FailureInfo::Timeout(it) = &self.info { Some(it.timeout) } else { None }
    }

    /// It is a cancellation, or that of an activity or a child.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        match &self.info {
            FailureInfo::Canceled(_) => true,
            FailureInfo::Activity(_) | FailureInfo::ChildWorkflow(_) => {
                self.cause.as_ref().is_some_and(|cause| cause.is_canceled())
            }
            FailureInfo::Application(_)
            | FailureInfo::Timeout(_)
            | FailureInfo::Terminated { .. }
            | FailureInfo::Server { .. }
            | FailureInfo::ResetWorkflow { .. }
            | FailureInfo::NexusOperation(_)
            | FailureInfo::NexusHandler(_)
            | FailureInfo::Unknown => false,
        }
    }

    /// Its first detail: of an application failure, a cancellation, or the last heartbeat before a timeout or a reset.
    ///
    /// # Errors
    /// When there is none and `T` cannot be nothing, or it is not a `T`.
    pub fn details<T: Value>(&self) -> Result<T, ValueError> {
        crate::value::result_from_payloads(self.detail_payloads())
    }

    /// All its details, as they travel.
    #[must_use]
    pub fn detail_payloads(&self) -> &[Payload] {
        match &self.info {
            FailureInfo::Application(it) => &it.details,
            FailureInfo::Canceled(it) => &it.details,
            FailureInfo::Timeout(it) => &it.last_heartbeat_details,
            FailureInfo::ResetWorkflow { last_heartbeat_details } => last_heartbeat_details,
            FailureInfo::Terminated { .. }
            | FailureInfo::Server { .. }
            | FailureInfo::Activity(_)
            | FailureInfo::ChildWorkflow(_)
            | FailureInfo::NexusOperation(_)
            | FailureInfo::NexusHandler(_)
            | FailureInfo::Unknown => &[],
        }
    }

    /// It and what caused it, from the outside in.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |failure| failure.cause.as_deref())
    }

    /// Its message and those of its causes, in one line: for people and logs.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        in_one_line(self)
    }

    /// The innermost cause: usually the one that says what happened.
    #[must_use]
    pub fn root(&self) -> &Self {
        self.chain().last().unwrap_or(self)
    }
}

/// What an error says and what caused it, in one line: for people and logs. Many errors say their causes themselves: those
/// are not said again.
#[must_use]
pub fn in_one_line(error: &(dyn StdError + 'static)) -> String {
    let line = error.to_string();
    let Some(source) = error.source() else { return line };
    let (own, cause) = (source.to_string(), in_one_line(source));
    // What it says of its cause is all that the cause says, or what the cause says without its own causes.
    let before = [&cause, &own].into_iter().find_map(|said| {
        let before = line.strip_suffix(said.as_str()).filter(|_| !said.is_empty())?;
        if before.is_empty() { Some(before) } else { before.strip_suffix(": ") }
    });
    match before {
        Some("") => cause,
        Some(before) => format!("{before}: {cause}"),
        None => format!("{line}: {cause}"),
    }
}

/// What the caller of a workflow was told. These errors print their whole chain; on their way out of a workflow or an
/// activity the failure is their cause alone, with its kind.
fn told<'a>(error: &'a (dyn StdError + 'static)) -> Option<(&'static str, &'a Failure)> {
    if let Some(WorkflowError::Failed(failure)) = error.downcast_ref() {
        return Some(("the workflow failed", failure));
    }
    if let Some(UpdateError::Failed(failure)) = error.downcast_ref() {
        return Some(("the update failed", failure));
    }
    match error.downcast_ref() {
        Some(QueryError::Failed(failure)) => Some(("the query failed", failure)),
        _ => None,
    }
}

impl FailureInfo {
    /// What it is called where there is no message.
    fn name(&self) -> &'static str {
        match self {
            Self::Application(_) => "application failure",
            Self::Timeout(_) => "timeout",
            Self::Canceled(_) => "canceled",
            Self::Terminated { .. } => "terminated",
            Self::Server { .. } => "server failure",
            Self::ResetWorkflow { .. } => "the workflow was reset",
            Self::Activity(_) => "activity failed",
            Self::ChildWorkflow(_) => "child workflow failed",
            Self::NexusOperation(_) => "Nexus operation failed",
            Self::NexusHandler(_) => "Nexus handler failed",
            Self::Unknown => "failure",
        }
    }
}

/// The message alone, as errors print themselves: causes are printed by who prints chains (`{:#}` of `anyhow`).
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.message.is_empty() { self.info.name() } else { &self.message })
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

/// Errors of `anyhow` come here by their `into_boxed_dyn_error`.
impl From<BoxError> for Failure {
    fn from(error: BoxError) -> Self {
        Self::of_dyn(error.as_ref())
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::application(message)
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::application(message)
    }
}

#[cfg(test)]
mod tests;
