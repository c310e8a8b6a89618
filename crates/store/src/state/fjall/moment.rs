//! One moment of the store, for as long as somebody reads it.
//!
//! Invariant: it holds what each table was at that moment and nothing that was written after it. A snapshot of fjall holds,
//! as long as it lives, every version of every table that came since, and each has its own memtables and files: a backup
//! of half an hour would hold half an hour of writes in memory. So the snapshot is let go as soon as the one version of
//! each table that it would read from is in hand. That version does not change: what is written later into its memtables
//! has a later number and is passed over, and its files are removed when the last one who holds them lets them go.
//! It is a moment between two batches only if nothing is applied while it is taken.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use fjall::{Keyspace, Snapshot};
use lsm_tree::{AbstractTree, AnyTree, InternalValue, Tree};

use super::super::range::Bounds;
use super::{KeyRange, Keyspaces, Order, Row, StateView, StoreError, from_fjall, into_bytes, rows};

/// See the module.
pub(super) struct Moment {
    /// By the number of the table; none if it had never been written.
    versions: Vec<Option<Version>>,
    /// They keep the database open, until after the versions are dropped, and know which tables there are.
    keyspaces: Arc<Keyspaces>,
}

/// One version of a table, which gives its rows within bounds.
type Version = Box<dyn Fn(Bounds<'_>) -> Box<dyn Rows> + Send + Sync>;

trait Rows: DoubleEndedIterator<Item = lsm_tree::Result<InternalValue>> {}

impl<T: DoubleEndedIterator<Item = lsm_tree::Result<InternalValue>>> Rows for T {}

impl Moment {
    /// The moment of the snapshot.
    pub(super) fn of(keyspaces: Arc<Keyspaces>, snapshot: Snapshot) -> Result<Self, StoreError> {
        let version = |keyspace: &Keyspace| version(keyspace, &snapshot);
        let versions =
            keyspaces.slots.iter().map(|slot| slot.get().map(version).transpose()).collect::<Result<_, _>>()?;
        drop(snapshot);
        Ok(Self { keyspaces, versions })
    }

    fn version(&self, table: u8) -> Result<Option<&Version>, StoreError> {
        self.keyspaces.tables.check(table)?;
        Ok(self.versions[usize::from(table)].as_ref())
    }
}

fn version(keyspace: &Keyspace, snapshot: &Snapshot) -> Result<Version, StoreError> {
    let AnyTree::Standard(tree) = &keyspace.tree else {
        return Err(StoreError::Misuse { what: "a table whose values are stored apart has no moments".to_owned() });
    };
    let at = snapshot.seqno();
    let version = tree.get_version_history_lock().get_version_for_snapshot(at);
    Ok(Box::new(move |bounds| Box::new(Tree::create_internal_range::<&[u8], _>(version.clone(), &bounds, at, None))))
}

fn row(row: lsm_tree::Result<InternalValue>) -> Result<Row, StoreError> {
    let row = row.map_err(|error| from_fjall(error.into()))?;
    Ok((into_bytes(row.key.user_key), into_bytes(row.value)))
}

impl StateView for Moment {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let Some(version) = self.version(table)? else { return Ok(None) };
        let found = version((Bound::Included(key), Bound::Included(key))).next().map(row).transpose()?;
        Ok(found.map(|(_, value)| value))
    }

    fn scan(&self, table: u8, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        let Some(version) = self.version(table)? else { return Ok(Vec::new()) };
        rows(range, order, limit, version, row)
    }
}
