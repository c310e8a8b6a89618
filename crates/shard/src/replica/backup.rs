//! The rows of a node's groups as a backup reads them: all as of one moment.
//!
//! Invariant: the rows are as each group's applied row says, whole; a group whose rows are being replaced by another
//! replica's picture is refused, and so is one whose rows go, because this node gives it up.

use std::sync::{Arc, atomic::Ordering};

use weft_raft::{MachineError, PictureOf};
use weft_rows::{
    applied::AppliedRow,
    picture::{Note, Owns},
};
use weft_store::state::StateView;

use super::{Replica, picture, stored_row};

/// One group's rows, unchanged by what comes later. Keeping it for long keeps old data alive.
pub struct GroupView {
    group: u32,
    owns: Owns,
    row: AppliedRow,
    view: Arc<dyn StateView>,
}

impl GroupView {
    #[must_use]
    pub fn group(&self) -> u32 {
        self.group
    }

    /// The last entry that it includes.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.row.index
    }

    /// The piece at a cursor, as [`weft_raft::Picture::piece`] has it. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn piece(&self, cursor: &[u8]) -> Result<PictureOf, MachineError> {
        picture::piece(self.group, &self.row, self.owns, self.view.as_ref(), cursor)
    }
}

/// What groups of one node look like now. Their replicas write to one store, by one lane.
///
/// # Errors
/// When the store cannot be read, a picture is being installed, or the node gives one of the groups up: try again later.
pub async fn group_views(replicas: &[Arc<Replica>]) -> Result<Vec<GroupView>, MachineError> {
    let Some(first) = replicas.first() else { return Ok(Vec::new()) };
    let replicas = replicas.to_vec();
    // On the lane: nothing is applied meanwhile, so the rows are as the applied rows say.
    let work = move || {
        let view: Arc<dyn StateView> = Arc::from(replicas[0].store.view().map_err(MachineError::new)?);
        replicas.iter().map(|replica| replica.as_of(Arc::clone(&view))).collect()
    };
    first.lane.call(work).await.map_err(MachineError::new)?
}

impl Replica {
    /// Rows are removed on the lane, and only after the replica was closed: where it is not, the view has all of them.
    fn as_of(&self, view: Arc<dyn StateView>) -> Result<GroupView, MachineError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(MachineError::new(format!(
                "this node gives its copy of group {} up: ask another node",
                self.group
            )));
        }
        if let Some(Note::Installing { .. }) = picture::note(self.store.as_ref(), self.group)? {
            return Err(MachineError::new(format!(
                "group {} is getting its rows from another node: try again when it has them, or ask another node",
                self.group
            )));
        }
        // Rows that have just been installed are stored with where they end, a moment before the replica knows.
        let (known, stored) = (self.applied(), stored_row(self.store.as_ref(), self.group)?);
        let row = if stored.index > known.index { stored } else { known };
        Ok(GroupView { group: self.group, owns: self.owns, row, view })
    }
}

#[cfg(test)]
mod tests {
    use weft_env::Lane;
    use weft_raft::{Committed, Machine, Payload};
    use weft_rows::{Slot, SlotRange, applied, picture as rows, table};
    use weft_store::state::{MemoryStore, StateStore, Table, WriteBatch};

    use super::*;
    use crate::dispatch::Feed;

    struct Nobody;

    impl Feed for Nobody {
        fn feed(&self, _group: u32, _index: u64, _changes: Vec<Vec<u8>>) {}

        fn replaced(&self, _group: u32, _index: u64) {}
    }

    fn store() -> Arc<MemoryStore> {
        let tables: Vec<_> = table::TABLES.iter().map(|&(id, name)| Table { id, name }).collect();
        Arc::new(MemoryStore::new(&tables).expect("an empty store"))
    }

    fn replica(store: &Arc<MemoryStore>, group: u32) -> Arc<Replica> {
        let slots = SlotRange { first: Slot(0), last: Slot(200) };
        let store = Arc::<MemoryStore>::clone(store);
        Replica::open(group, Owns::Slots(slots), store, Lane::inline(), Arc::new(Nobody)).expect("it opens")
    }

    fn put(store: &MemoryStore, table: u8, key: Vec<u8>, value: Vec<u8>) {
        let mut write = WriteBatch::new();
        write.put(table, key, value);
        store.apply(write).expect("a write");
    }

    #[tokio::test]
    async fn what_comes_later_is_not_in_it() {
        let store = store();
        let replica = replica(&store, 2);
        put(&store, table::EXECUTION, vec![0, 1, 7], b"before".to_vec());
        let blank = Committed { index: 9, term: 1, mark: "mark".into(), payload: Payload::Blank };
        replica.apply(vec![blank]).await.expect("it applies");
        let views = group_views(&[replica]).await.expect("it is readable");
        put(&store, table::EXECUTION, vec![0, 1, 8], b"after".to_vec());

        let piece = views[0].piece(&[]).expect("it is readable");
        assert_eq!((views[0].group(), views[0].index(), piece.next), (2, 9, None));
        let found = rows::rows(&piece.bytes).expect("it decodes");
        let (first, rest) = found.split_first().expect("it says where the group stands");
        assert_eq!((first.0, AppliedRow::decode(first.2).map(|row| row.mark)), (table::APPLIED, Ok(b"mark".to_vec())));
        assert_eq!(rest, [(table::EXECUTION, &[0_u8, 1, 7][..], &b"before"[..])]);
    }

    #[tokio::test]
    async fn half_replaced_rows_are_refused() {
        let store = store();
        let replica = replica(&store, 2);
        let note = Note::Installing { pieces: 1, mark: Vec::new() };
        put(&store, table::PICTURE, rows::note_key(2), note.encode());
        let refused = group_views(&[replica]).await.err().expect("it is refused");
        assert!(refused.to_string().contains("group 2 is getting its rows from another node"), "{refused}");
    }

    #[tokio::test]
    async fn rows_that_go_are_refused() {
        let store = store();
        let replica = replica(&store, 2);
        replica.close();
        let refused = group_views(&[replica]).await.err().expect("it is refused");
        assert!(refused.to_string().contains("gives its copy of group 2 up"), "{refused}");
    }

    #[tokio::test]
    async fn rows_that_have_just_been_installed_stand_where_they_end() {
        let store = store();
        let replica = replica(&store, 2);
        let installed = AppliedRow { index: 70, ..AppliedRow::default() };
        put(&store, table::APPLIED, applied::key(2), installed.encode());
        assert_eq!(group_views(&[replica]).await.expect("it is readable")[0].index(), 70);
    }
}
