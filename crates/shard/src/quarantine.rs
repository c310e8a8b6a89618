//! Executions that broke an invariant (rule 12): set aside, explained, and cleared by an operator.
//!
//! The list lives with this process. After a restart an execution is tried again, and set aside again if it breaks
//! again: nothing of it was written.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::RwLock;
use weft_engine::{RunId, WorkflowKey};

/// The executions that are set aside.
#[derive(Default)]
pub struct Quarantine {
    entries: RwLock<BTreeMap<WorkflowKey, Quarantined>>,
}

/// One execution that is set aside, and why.
#[derive(Clone, Debug)]
pub struct Quarantined {
    pub run: Option<RunId>,
    pub why: Arc<str>,
}

impl Quarantine {
    pub(crate) fn add(&self, key: &WorkflowKey, run: Option<RunId>, why: String) -> Arc<str> {
        let why: Arc<str> = why.into();
        self.entries.write().insert(key.clone(), Quarantined { run, why: Arc::clone(&why) });
        why
    }

    pub(crate) fn reason(&self, key: &WorkflowKey) -> Option<Arc<str>> {
        let entries = self.entries.read();
        // The common case costs one uncontended lock and no lookup.
        if entries.is_empty() { None } else { entries.get(key).map(|entry| Arc::clone(&entry.why)) }
    }

    pub(crate) fn clear(&self, key: &WorkflowKey) -> bool {
        self.entries.write().remove(key).is_some()
    }

    /// What is set aside, by key.
    #[must_use]
    pub fn list(&self) -> Vec<(WorkflowKey, Quarantined)> {
        self.entries.read().iter().map(|(key, entry)| (key.clone(), entry.clone())).collect()
    }
}
