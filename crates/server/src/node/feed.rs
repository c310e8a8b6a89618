//! What was applied, on its way to those who show it: lists, and the view of the metadata.

use std::sync::{Arc, OnceLock, Weak};

use weft_shard::{Feed, Metadata};

use super::{hold::Hold, lists::ToIndex, open::METADATA_GROUP};

/// Both of them, behind every replica of the node.
pub(crate) struct Feeds {
    lists: ToIndex,
    /// It holds the replica that feeds it.
    metadata: OnceLock<Weak<Metadata>>,
    /// The index of the lists is a file of the node; dropped after it.
    _hold: Arc<Hold>,
}

impl Feeds {
    pub(crate) fn new(lists: ToIndex, hold: Arc<Hold>) -> Self {
        Self { lists, metadata: OnceLock::new(), _hold: hold }
    }

    /// A copy of a group starts from what the index has of it now.
    pub(crate) fn begin(&self, group: u32) {
        self.lists.begin(group);
    }

    /// To be called before the groups are started.
    pub(crate) fn attach(&self, metadata: &Arc<Metadata>) {
        // A node is put together once.
        let _ = self.metadata.set(Arc::downgrade(metadata));
    }
}

impl Feed for Feeds {
    fn feed(&self, group: u32, index: u64, changes: Vec<Vec<u8>>) {
        if let (METADATA_GROUP, Some(metadata)) = (group, self.metadata.get().and_then(Weak::upgrade)) {
            metadata.applied(index);
        }
        self.lists.feed(group, index, changes);
    }

    fn replaced(&self, group: u32, index: u64) {
        if let (METADATA_GROUP, Some(metadata)) = (group, self.metadata.get().and_then(Weak::upgrade)) {
            metadata.applied(index);
        }
        self.lists.replaced(group, index);
    }
}
