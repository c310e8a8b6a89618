//! Changes of many groups that are committed together. Several changes of one run become the last one, so a workflow
//! that starts and closes between two commits is written once.

use std::collections::{BTreeMap, HashMap};

use crate::record::Change;

/// What is waiting for a commit. The order of the first change of each run is kept: rows get their numbers in it.
#[derive(Debug, Default)]
pub struct Batch {
    positions: BTreeMap<u32, u64>,
    changes: Vec<Gathered>,
    places: HashMap<(String, String), usize>,
}

#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) group: u32,
    /// The log index that brought it, to leave out what was applied before; none for a rebuild.
    pub(super) index: Option<u64>,
    pub(super) change: Change,
}

impl Batch {
    /// The changes of one log entry, and that `group` is indexed up to it.
    pub fn add(&mut self, group: u32, index: u64, changes: impl IntoIterator<Item = Change>) {
        let position = self.positions.entry(group).or_insert(index);
        *position = index.max(*position);
        for change in changes {
            self.gather(Gathered { group, index: Some(index), change });
        }
    }

    /// A change that says nothing about how far its group is indexed.
    pub(super) fn put(&mut self, group: u32, change: Change) {
        self.gather(Gathered { group, index: None, change });
    }

    /// Runs that have changed.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.changes.is_empty()
    }

    /// What came later, on top of this.
    pub(crate) fn extend(&mut self, later: Self) {
        for (group, index) in later.positions {
            let position = self.positions.entry(group).or_insert(index);
            *position = index.max(*position);
        }
        for gathered in later.changes {
            self.gather(gathered);
        }
    }

    /// Drops what came of a group, and how far it came.
    pub(crate) fn forget(&mut self, group: u32) {
        self.positions.remove(&group);
        self.places.clear();
        for gathered in std::mem::take(&mut self.changes) {
            if gathered.group != group {
                self.gather(gathered);
            }
        }
    }

    pub(super) fn changes(&self) -> &[Gathered] {
        &self.changes
    }

    pub(crate) fn positions(&self) -> &BTreeMap<u32, u64> {
        &self.positions
    }

    fn gather(&mut self, gathered: Gathered) {
        let key = match &gathered.change {
            Change::Upsert(record) => (record.namespace.clone(), record.run_id.clone()),
            Change::Remove { namespace, run_id } => (namespace.clone(), run_id.clone()),
        };
        match self.places.get(&key) {
            Some(&place) => self.changes[place] = gathered,
            None => {
                self.places.insert(key, self.changes.len());
                self.changes.push(gathered);
            }
        }
    }
}
