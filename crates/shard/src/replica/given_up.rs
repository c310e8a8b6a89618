//! A replica that this node gives up while it runs: its rows go.
//!
//! Invariants (rule 9): before a row goes it is noted, durably, that all go, and up to where the log was had (its floor,
//! which stays for ever); the note goes when nothing of the group is left, in the log and in the lists either. So a crash in
//! between leaves a group of which nothing may be used, and what was begun is done again when the node opens, before anybody
//! looks. Rows go some at a time, so that other groups' writes pass in between.

use std::sync::Arc;

use bytes::Bytes;
use weft_env::Lane;
use weft_raft::MachineError;
use weft_rows::{
    applied,
    picture::{self, Note, Owns},
    table,
};
use weft_store::state::{KeyRange, Order, StateStore, WriteBatch};

use super::{
    picture::{Clearing, Step, note},
    stored_row,
};

/// What this node has of a group that does not run here.
pub struct GivenUp {
    pub group: u32,
    pub owns: Owns,
    pub store: Arc<dyn StateStore>,
    /// Of the store's writes.
    pub lane: Lane,
}

impl GivenUp {
    /// Whether a crash has interrupted the removal. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_begun(&self) -> Result<bool, MachineError> {
        Ok(matches!(note(self.store.as_ref(), self.group)?, Some(Note::Removing)))
    }

    /// Whether the store has anything of it but its floor: pieces of a picture, too, that did not come to its end. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_there(&self) -> Result<bool, MachineError> {
        let store = self.store.as_ref();
        let (first, beyond) = picture::pieces(self.group);
        let pieces = store.scan(table::PICTURE, &KeyRange::between(first, beyond), Order::Ascending, 1);
        let has_pieces = !pieces.map_err(MachineError::new)?.is_empty();
        Ok(has_pieces || note(store, self.group)?.is_some() || stored_row(store, self.group)?.index > 0)
    }

    /// Up to where this node had the log of the group before it gave it up the last time, if it did. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn floor(&self) -> Result<Option<Bytes>, MachineError> {
        floor(self.store.as_ref(), self.group)
    }

    /// Notes that all goes, and its floor.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn begin(&self, floor: Option<Bytes>) -> Result<(), MachineError> {
        let mut write = WriteBatch::new();
        write.put(table::PICTURE, picture::note_key(self.group), Note::Removing.encode());
        if let Some(floor) = floor {
            write.put(table::PICTURE, picture::floor_key(self.group), picture::encode_floor(&floor));
        }
        self.write(write).await
    }

    /// Removes the rows, and where they stood.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn clear(&self) -> Result<(), MachineError> {
        for clearing in [Clearing::of(self.owns.tables()), Clearing::pieces(self.group)] {
            let run = async |step: Step| self.lane.call(step).await.map_err(MachineError::new)?;
            clearing.by_steps(&self.store, run).await?;
        }
        let mut write = WriteBatch::new();
        write.delete(table::APPLIED, applied::key(self.group));
        self.write(write).await
    }

    /// Nothing of the group is left.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end(&self) -> Result<(), MachineError> {
        let mut write = WriteBatch::new();
        write.delete(table::PICTURE, picture::note_key(self.group));
        self.write(write).await
    }

    /// Writes durably.
    async fn write(&self, write: WriteBatch) -> Result<(), MachineError> {
        let store = Arc::clone(&self.store);
        let work = move || {
            store.apply(write).map_err(MachineError::new)?;
            store.persist().map_err(MachineError::new)
        };
        self.lane.call(work).await.map_err(MachineError::new)?
    }
}

/// Up to where this node had the log of a group that it gave up once. Blocking.
pub(super) fn floor(store: &dyn StateStore, group: u32) -> Result<Option<Bytes>, MachineError> {
    let bytes = store.get(table::PICTURE, &picture::floor_key(group)).map_err(MachineError::new)?;
    let place = bytes.map(|bytes| picture::decode_floor(&bytes)).transpose().map_err(MachineError::new)?;
    Ok(place.map(Bytes::from))
}

#[cfg(test)]
mod tests {
    use weft_raft::Machine;
    use weft_rows::{Slot, SlotRange, applied::AppliedRow};
    use weft_store::state::{MemoryStore, StateView as _, Table};

    use super::*;
    use crate::{dispatch::Feed, replica::Replica};

    const GROUP: u32 = 2;
    const FLOOR: &[u8; 17] = b"where a log ended";

    struct Deaf;

    impl Feed for Deaf {
        fn feed(&self, _group: u32, _index: u64, _changes: Vec<Vec<u8>>) {}

        fn replaced(&self, _group: u32, _index: u64) {}
    }

    fn slots() -> SlotRange {
        SlotRange { first: Slot(100), last: Slot(200) }
    }

    fn key(slot: u16, rest: u32) -> Vec<u8> {
        [&slot.to_be_bytes()[..], &rest.to_be_bytes()].concat()
    }

    /// A store with many rows of the group, and a few of others, all durable.
    fn store(seed: u64) -> Arc<MemoryStore> {
        let tables: Vec<_> = table::TABLES.iter().map(|&(id, name)| Table { id, name }).collect();
        let store = Arc::new(MemoryStore::with_crashes(&tables, seed).expect("an empty store"));
        let mut write = WriteBatch::new();
        for rest in 0..2500 {
            write.put(table::HISTORY, key(150, rest), "of the group");
        }
        for slot in [99, 201] {
            write.put(table::HISTORY, key(slot, 0), "of another one");
        }
        let row = AppliedRow { index: 7, mark: vec![1], ..AppliedRow::default() };
        write.put(table::APPLIED, applied::key(GROUP), row.encode());
        write.put(table::PICTURE, picture::piece_key(GROUP, 3), "a piece");
        store.apply(write).and_then(|()| store.persist()).expect("a write");
        store
    }

    fn given_up(store: &Arc<MemoryStore>) -> GivenUp {
        let (owns, store) = (Owns::Slots(slots()), Arc::<MemoryStore>::clone(store));
        GivenUp { group: GROUP, owns, store, lane: Lane::inline() }
    }

    fn rows(store: &MemoryStore, from: u16, beyond: u16) -> usize {
        let range = KeyRange::between(key(from, 0), key(beyond, 0));
        store.scan(table::HISTORY, &range, Order::Ascending, usize::MAX).expect("readable").len()
    }

    fn opened(store: &Arc<MemoryStore>) -> Arc<Replica> {
        let store = Arc::<MemoryStore>::clone(store);
        Replica::open(GROUP, Owns::Slots(slots()), store, Lane::inline(), Arc::new(Deaf)).expect("it opens")
    }

    async fn is_clean(store: &Arc<MemoryStore>) -> bool {
        let recovered = opened(store).recover().await.expect("it may be used");
        assert_eq!(recovered.floor.as_deref(), Some(&FLOOR[..]), "it stays for ever");
        assert_eq!((rows(store, 99, 100), rows(store, 201, 202)), (1, 1), "others keep their rows");
        recovered.applied.is_none() && rows(store, 100, 201) == 0 && !given_up(store).is_there().expect("readable")
    }

    #[tokio::test]
    async fn nothing_is_left_of_it_but_its_floor() {
        let store = store(1);
        let rest = given_up(&store);
        assert!(rest.is_there().expect("readable") && !rest.is_begun().expect("readable"));
        rest.begin(Some(Bytes::from_static(FLOOR))).await.expect("it is noted");
        rest.clear().await.expect("it is removed");
        rest.end().await.expect("it is over");
        assert!(is_clean(&store).await);
    }

    #[tokio::test]
    async fn a_piece_of_a_picture_is_something_that_is_left() {
        let store = store(1);
        let mut write = WriteBatch::new();
        write.delete(table::APPLIED, applied::key(GROUP));
        store.apply(write).expect("a write");
        assert!(given_up(&store).is_there().expect("readable"), "it would be found in the next picture");
        let other = GivenUp { group: GROUP + 1, ..given_up(&store) };
        assert!(!other.is_there().expect("readable"));
    }

    #[tokio::test]
    async fn until_nothing_is_left_it_may_not_be_used_whenever_the_power_goes() {
        for seed in 0..20 {
            let store = store(seed);
            let rest = given_up(&store);
            rest.begin(Some(Bytes::from_static(FLOOR))).await.expect("it is noted");
            let mut clearing = Clearing::of(rest.owns.tables());
            for _ in 0..seed % 4 {
                clearing.some(store.as_ref()).expect("it is removed");
            }
            let store = Arc::new(store.crash());
            let rest = given_up(&store);
            assert!(rest.is_begun().expect("readable"), "seed {seed}");
            assert!(opened(&store).recover().await.is_err(), "seed {seed}");
            rest.clear().await.expect("it is removed");
            let store = Arc::new(store.crash());
            let rest = given_up(&store);
            assert!(rest.is_begun().expect("readable"), "seed {seed}");
            rest.clear().await.expect("it is removed");
            rest.end().await.expect("it is over");
            let store = Arc::new(store.crash());
            assert!(is_clean(&store).await, "seed {seed}");
        }
    }

    #[tokio::test]
    async fn what_was_on_its_way_to_a_replica_that_is_given_up_is_refused() {
        let store = store(1);
        let replica = opened(&store);
        replica.close();
        assert!(replica.stage(0, Bytes::new()).await.is_err());
        assert!(replica.store_checkpoint(AppliedRow { index: 9, ..AppliedRow::default() }).await.is_err());
        assert_eq!(stored_row(store.as_ref(), GROUP).expect("readable").index, 7);
    }
}
