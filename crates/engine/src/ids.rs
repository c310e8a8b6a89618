//! The names of things, each a type of its own, so that no two can be swapped.
//!
//! Invariant: an id is never empty unless its documentation says so; length limits are checked by whoever decodes it.
//! What this file does not do: make ids. Fresh ones come from the leader, in a [`Moment`](crate::Moment).

use alloc::{string::String, sync::Arc};
use core::fmt;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Names a thing; cheap to clone from then on.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    };
}

name!(
    /// The stable id of a namespace (a UUID), not its name.
    NamespaceId
);
name!(
    /// What a user calls a workflow; unique among the running executions of a namespace.
    WorkflowId
);
name!(
    /// One run of a workflow id: a UUID in its hyphenated lower-case form.
    RunId
);
name!(
    /// A request id given by a client; the same id asks for the same thing, not for it again.
    RequestId
);
name!(
    /// The name of a task queue.
    TaskQueueName
);
name!(
    /// What the workflow calls one of its activities.
    ActivityId
);
name!(
    /// What the workflow calls one of its timers.
    TimerId
);
name!(
    /// What a client calls an update; unique within a run.
    UpdateId
);
name!(
    /// Who a client or worker says it is. May be empty.
    Identity
);

/// The number of a history event, dense from 1. `EventId::NONE` (0) stands for "no event", as on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EventId(pub i64);

impl EventId {
    /// No event.
    pub const NONE: Self = Self(0);
    /// `WorkflowExecutionStarted`.
    pub const FIRST: Self = Self(1);

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A workflow id within its namespace: what a shard keeps the order of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WorkflowKey {
    pub namespace: NamespaceId,
    pub workflow: WorkflowId,
}
