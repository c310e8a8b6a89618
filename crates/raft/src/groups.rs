//! The groups that run on this node now: one list, which the node changes and everything that goes over all groups reads.
//!
//! Invariant: whoever reads sees the list as it was at one moment; a group that is taken out of it ends when it is stopped,
//! and not before those who were given it let go.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use weft_store::wal::GroupId;

use crate::group::Group;

/// The list. It changes seldom and is read at each beat, so readers get it without copying anything.
#[derive(Default)]
pub(crate) struct Groups(RwLock<Arc<BTreeMap<GroupId, Group>>>);

impl Groups {
    pub(crate) fn new(groups: BTreeMap<GroupId, Group>) -> Self {
        Self(RwLock::new(Arc::new(groups)))
    }

    /// All of them, as of now.
    pub(crate) fn now(&self) -> Arc<BTreeMap<GroupId, Group>> {
        Arc::clone(&self.0.read())
    }

    pub(crate) fn get(&self, id: GroupId) -> Option<Group> {
        self.0.read().get(&id).cloned()
    }

    pub(crate) fn insert(&self, id: GroupId, group: Group) {
        Arc::make_mut(&mut self.0.write()).insert(id, group);
    }

    pub(crate) fn remove(&self, id: GroupId) -> Option<Group> {
        Arc::make_mut(&mut self.0.write()).remove(&id)
    }
}
