//! Refusals: what a server said inside the SDK's errors, and what of it must be as Temporal says it.

use std::fmt::Debug;

use serde_json::{Value, json};
use weft::client::{Error, QueryError, UpdateError, WorkflowError};

/// What of a refusal can be compared.
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) message: String,
    details: Vec<String>,
}

/// An error that may carry a server's refusal.
pub(crate) trait Refusal: Debug {
    fn refused(self) -> Option<Refused>;
}

impl Refusal for Error {
    fn refused(self) -> Option<Refused> {
        let Self::Refused { error, .. } = self else { return None };
        let detail = error.details.to_any();
        let name = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
        Some(Refused {
            code: format!("{:?}", error.code()),
            details: detail.iter().map(|detail| name(&detail.type_url)).collect(),
            message: error.message,
        })
    }
}

impl Refusal for WorkflowError {
    fn refused(self) -> Option<Refused> {
        if let Self::Call(error) = self { error.refused() } else { None }
    }
}

impl Refusal for QueryError {
    fn refused(self) -> Option<Refused> {
        if let Self::Call(error) = self { error.refused() } else { None }
    }
}

impl Refusal for UpdateError {
    fn refused(self) -> Option<Refused> {
        if let Self::Call(error) = self { error.refused() } else { None }
    }
}

impl Refused {
    /// Code, text and the names of the details' messages.
    pub(crate) fn facts(&self) -> Value {
        json!({ "code": self.code, "message": self.message, "details": self.details })
    }
}
