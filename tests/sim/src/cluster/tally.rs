//! The rows that a node has of each of its groups, as one number for each table, which is kept while they are written.
//!
//! Invariant: equal rows have the same numbers, however they came: one after the other, many at once, in a picture, or read
//! from a store that was there before. What a node keeps for itself is in none.
//!
//! Numbers say something only where it is known up to which entry the rows are: [`Tally::settled`] says when.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use bytes::Bytes;
use parking_lot::Mutex;
use weft_raft::GroupId;
use weft_rows::{
    picture::{self, Keys, Owns},
    ranges, table,
};
use weft_store::state::{KeyRange, Order, StateView, WriteBatch};

/// A number for each table that has rows.
pub(crate) type Sums = BTreeMap<u8, u64>;

/// Of one node, from one start of it to the next.
pub(crate) struct Tally {
    /// By table: which keys are which group's; none for all of them.
    owners: BTreeMap<u8, Vec<(Option<Keys>, GroupId)>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// What each row adds, by its table and key.
    rows: BTreeMap<(u8, Bytes), u64>,
    groups: BTreeMap<GroupId, OfGroup>,
}

#[derive(Default)]
struct OfGroup {
    sums: Sums,
    /// How often it was written to.
    writes: u64,
    /// How far the group was applied at the last look, and how often it had been written to.
    looked: Option<(u64, u64)>,
    /// The same when its numbers were told.
    told: Option<(u64, u64)>,
    /// Rows may be there already of entries up to this one; none if that was not asked for since they came at once.
    since: Option<u64>,
}

/// The groups of a cluster with so many shards, and whose rows they have.
pub(crate) fn owners(shards: u16) -> impl Iterator<Item = (GroupId, Owns)> {
    let owners = std::iter::once(Owns::Metadata).chain(ranges(shards).into_iter().map(Owns::Slots));
    (0..).map(GroupId).zip(owners)
}

impl Tally {
    /// Of what a store has.
    pub(crate) fn of(store: &dyn StateView, shards: u16) -> Self {
        let mut tally = Self { owners: BTreeMap::new(), inner: Mutex::default() };
        for (group, owns) in owners(shards) {
            for (table, keys) in owns.tables() {
                tally.owners.entry(table).or_default().push((keys, group));
            }
        }
        let mut there = WriteBatch::new();
        for table in tally.owners.keys() {
            let rows = store.scan(*table, &KeyRange::all(), Order::Ascending, usize::MAX);
            let rows = rows.expect("the store of a simulated node can be read");
            rows.into_iter().for_each(|(key, value)| there.put(*table, key, value));
        }
        tally.write(&there);
        tally
    }

    /// The node writes this.
    pub(crate) fn write(&self, batch: &WriteBatch) {
        let mut inner = self.inner.lock();
        for op in batch.ops() {
            if op.table == table::PICTURE {
                // A picture may be of somebody who was just started.
                let noted = |(group, _): &(&GroupId, &mut OfGroup)| picture::note_key(group.0) == op.key;
                inner.groups.iter_mut().filter(noted).for_each(|(_, of_group)| of_group.since = None);
            }
            let Some(group) = self.owner(op.table, &op.key) else { continue };
            let place = (op.table, op.key.clone());
            let (before, after) = match &op.value {
                Some(value) => {
                    let adds = hash(op.table, &op.key, value);
                    (inner.rows.insert(place, adds), adds)
                }
                None => (inner.rows.remove(&place), 0),
            };
            let of_group = inner.groups.entry(group).or_default();
            of_group.writes += 1;
            let sum = of_group.sums.entry(op.table).or_default();
            *sum = sum.wrapping_sub(before.unwrap_or(0)).wrapping_add(after);
            if *sum == 0 {
                of_group.sums.remove(&op.table);
            }
        }
    }

    /// The numbers of a group's rows, if they are those of the entries up to the one that the node says to have applied, and
    /// that was not told before. Asked once for each moment: a node that writes says a little later how far it is. `newest` is
    /// the last entry that anybody's log is known to have had: what a node has written before it was started again, and what
    /// it has from another one that was, may be too new until it has applied as much.
    pub(crate) fn settled(&self, group: GroupId, applied: u64, newest: u64) -> Option<Sums> {
        let mut inner = self.inner.lock();
        let of_group = inner.groups.entry(group).or_default();
        let since = *of_group.since.get_or_insert(newest);
        let now = (applied, of_group.writes);
        let looked = of_group.looked.replace(now);
        if looked != Some(now) || of_group.told == Some(now) || applied < since {
            return None;
        }
        of_group.told = Some(now);
        Some(of_group.sums.clone())
    }

    fn owner(&self, table: u8, key: &[u8]) -> Option<GroupId> {
        let owners = self.owners.get(&table)?;
        let is_in = |keys: &Keys| keys.0.as_slice() <= key && key < keys.1.as_slice();
        owners.iter().find(|(keys, _)| keys.as_ref().is_none_or(is_in)).map(|(_, group)| *group)
    }
}

fn hash(table: u8, key: &[u8], value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (table, key, value).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use weft_store::state::{MemoryStore, StateStore, Table};

    use super::*;

    const SHARD: GroupId = GroupId(1);

    fn store() -> MemoryStore {
        let tables: Vec<Table> = table::TABLES.iter().map(|(id, name)| Table { id: *id, name }).collect();
        MemoryStore::new(&tables).expect("every table has a number of its own")
    }

    fn batch(rows: &[(u8, Option<&'static str>)]) -> WriteBatch {
        let mut batch = WriteBatch::new();
        for (key, value) in rows {
            match value {
                Some(value) => batch.put(table::EXECUTION, vec![0, 0, *key], *value),
                None => batch.delete(table::EXECUTION, vec![0, 0, *key]),
            }
        }
        batch
    }

    fn settled(tally: &Tally, applied: u64) -> Option<Sums> {
        let _ = tally.settled(SHARD, applied, 0);
        tally.settled(SHARD, applied, 0)
    }

    #[test]
    fn equal_rows_have_the_same_numbers_however_they_came() {
        let (one, other, store) = (Tally::of(&store(), 1), Tally::of(&store(), 1), store());
        one.write(&batch(&[(1, Some("a")), (2, Some("b"))]));
        one.write(&batch(&[(1, Some("c")), (2, None)]));
        other.write(&batch(&[(2, Some("x")), (2, None), (1, Some("c"))]));
        store.apply(batch(&[(1, Some("c"))])).expect("it can be written");
        let sums = settled(&one, 2);
        assert!(sums.as_ref().is_some_and(|sums| sums.contains_key(&table::EXECUTION)));
        assert_eq!(settled(&other, 2), sums);
        assert_eq!(settled(&Tally::of(&store, 1), 2), sums);
        other.write(&batch(&[(1, Some("d"))]));
        assert_ne!(settled(&other, 2), sums);
    }

    #[test]
    fn what_a_node_keeps_for_itself_is_not_looked_at() {
        let tally = Tally::of(&store(), 1);
        let empty = settled(&tally, 1);
        let mut own = WriteBatch::new();
        own.put(table::APPLIED, vec![0, 0, 0, 1], "row");
        own.put(table::PICTURE, vec![0, 0, 0, 1], "row");
        own.put(table::MEMBER, vec![0, 0, 0, 1], "row");
        tally.write(&own);
        assert_eq!(settled(&tally, 2), empty);
    }

    #[test]
    fn numbers_are_told_once_when_nothing_is_written_any_more_and_nothing_is_too_new() {
        let tally = Tally::of(&store(), 1);
        let ask = |applied| tally.settled(SHARD, applied, 3).is_some();
        assert_eq!([ask(1), ask(1)], [false; 2], "rows of later entries may be there");
        assert_eq!([ask(4), ask(4), ask(4)], [false, true, false]);
        tally.write(&batch(&[(1, Some("a"))]));
        assert_eq!([ask(4), ask(5), ask(5)], [false, false, true], "rows come before what is said of them");
    }

    #[test]
    fn a_picture_may_be_too_new() {
        let tally = Tally::of(&store(), 1);
        assert!(settled(&tally, 5).is_some());
        let mut note = WriteBatch::new();
        note.put(table::PICTURE, picture::note_key(SHARD.0), "installed");
        tally.write(&note);
        tally.write(&batch(&[(1, Some("a"))]));
        let ask = |applied| tally.settled(SHARD, applied, 7).is_some();
        assert_eq!([ask(6), ask(6), ask(7), ask(7)], [false, false, false, true]);
    }
}
