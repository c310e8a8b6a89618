//! Local activities: what the worker runs itself within a workflow task.
//!
//! Invariant: each end is one marker, and at replay the program learns the ends in the order of the markers, one at a
//! time, with everything polled in between, as it did the first time.

use alloc::{
    boxed::Box,
    collections::BTreeSet,
    string::{String, ToString},
};
use core::time::Duration;

use weft_protocol::api::common::{Header, Payloads, RetryPolicy};

use crate::{
    command::Issued,
    markers::{self, LocalEnd},
    state::State,
};

/// An activity that the worker is asked to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalActivity {
    /// Chosen by the run; names it within the run.
    pub id: String,
    /// The activity type.
    pub kind: String,
    pub input: Option<Payloads>,
    pub header: Option<Header>,
    pub retry: Option<RetryPolicy>,
    /// For one attempt.
    pub start_to_close: Option<Duration>,
    /// For all attempts and the waits between.
    pub schedule_to_close: Option<Duration>,
}

impl State {
    /// Those that the program waits for, begun or not.
    pub(crate) fn wanted_locals(&self) -> BTreeSet<String> {
        self.open_locals.keys().cloned().collect()
    }

    /// Records an end and tells the program; `false` where nobody waits for it any more.
    pub(crate) fn end_local(&mut self, end: LocalEnd) -> bool {
        let Some((id, kind)) = self.open_locals.remove(&end.id) else { return false };
        self.local.retain(|local| local.id != end.id);
        let resolution = match &end.result {
            Ok(result) => Ok(result.clone()),
            Err(failure) => Err(wrapped(&end.id, &kind, failure.clone())),
        };
        let attributes = markers::local_end(&kind, end);
        self.commands.push(Issued { attributes, metadata: None, begins: None, at: None });
        self.resolve(id, resolution);
        true
    }
}

fn wrapped(
    id: &str,
    kind: &str,
    cause: Box<weft_protocol::api::failure::Failure>,
) -> Box<weft_protocol::api::failure::Failure> {
    let mut failure = crate::failure::activity_canceled(id, kind);
    failure.message = "local activity failed".to_string();
    crate::failure::caused(failure, cause)
}
