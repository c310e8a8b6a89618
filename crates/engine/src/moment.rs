//! What the leader stamps before the engine sees a request: time, fresh ids, chance, and the settings in force.
//!
//! Invariant: the engine reads nothing that is not here, in the state or in the request; so it gives the same transition
//! for the same input, and replicas get the outcome with the transition instead of computing it.

use alloc::{collections::BTreeMap, string::String, sync::Arc};
use core::time::Duration;

use crate::{
    ids::{NamespaceId, RunId},
    limits::Settings,
    time::Timestamp,
};

/// The circumstances of one request.
pub struct Moment<'a> {
    /// Never goes back within a shard (rule 17).
    pub now: Timestamp,
    /// For a run that this request may start.
    pub new_run: RunId,
    /// Uniform over all of `u64`.
    pub jitter: u64,
    pub namespace: &'a Namespace,
    pub settings: &'a Settings,
    pub calendar: &'a dyn Calendar,
}

/// What the engine needs to know of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    pub id: NamespaceId,
    pub name: Arc<str>,
    pub retention: Duration,
    /// Search attributes that may be set: name to `IndexedValueType` as on the wire.
    pub search_attributes: Arc<BTreeMap<String, i32>>,
}

/// Cron arithmetic: pure, but it needs time zone data, so it is handed in.
pub trait Calendar: Sync {
    /// The first tick of `cron` after `after`, in whole seconds; `None` if there is none any more.
    fn next(&self, cron: &str, after: Timestamp) -> Option<Timestamp>;
}
