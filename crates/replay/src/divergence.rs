//! Where a workflow's code and its history part ways, told so that it can be mended.

use alloc::string::String;
use core::fmt;

use crate::command::Source;

/// Code that does not do again what history says it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    pub parting: Parting,
}

/// The ways to part. Events and commands are named as people name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parting {
    /// History has one thing, the code issued another.
    Different { event_id: i64, event: String, command: String, at: Option<Source> },
    /// History has something that the code did not do.
    Missing { event_id: i64, event: String },
    /// The code did something that history has not. The event is the one of the workflow task that was answered.
    Added { event_id: i64, command: String, at: Option<Source> },
    /// The code asked for a recorded value that history has not.
    NoSideEffect { event_id: i64, number: String, at: Option<Source> },
}

impl Divergence {
    /// The event of the history where they part, or the last before it.
    #[must_use]
    pub fn event_id(&self) -> i64 {
        match &self.parting {
            Parting::Different { event_id, .. }
            | Parting::Missing { event_id, .. }
            | Parting::Added { event_id, .. }
            | Parting::NoSideEffect { event_id, .. } => *event_id,
        }
    }

    /// The line of the workflow's source that did something else, where one did.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        match &self.parting {
            Parting::Different { at, .. } | Parting::Added { at, .. } | Parting::NoSideEffect { at, .. } => *at,
            Parting::Missing { .. } => None,
        }
    }
}

const REMEDY: &str = "the code of a running workflow must keep its recorded steps in their order: \
                      guard a change with `patched`, or run the old code to the end";

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nondeterministic workflow: ")?;
        match &self.parting {
            Parting::Different { event_id, event, command, at } => {
                write!(f, "event {event_id} of its history is {event}, but the code issued {command}{}", At(*at))?;
            }
            Parting::Missing { event_id, event } => {
                write!(f, "event {event_id} of its history is {event}, but the code issued nothing in its place")?;
            }
            Parting::Added { event_id, command, at } => {
                let at = At(*at);
                write!(f, "the code issued {command}{at}, which the history after event {event_id} does not have")?;
            }
            Parting::NoSideEffect { event_id, number, at } => {
                let at = At(*at);
                write!(
                    f,
                    "the code made side effect {number}{at}, which the history after event {event_id} does not have"
                )?;
            }
        }
        write!(f, "; {REMEDY}")
    }
}

struct At(Option<Source>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, " at {at}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Divergence {}
