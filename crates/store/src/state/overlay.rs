//! Consistent views for backends that have none of their own: while a view is open, whoever overwrites a row first
//! saves the old one for it. A view reads what was saved for it, and the base for everything else.
//!
//! Invariant: writers hold the base's lock exclusively from saving the first old row to writing the last new one, and
//! every scan and view read holds it shared, so none of them ever sees half a batch.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use super::{KeyRange, Order, Row, StateView, StoreError, Tables};

/// An iterator over rows of the base, in the order that was asked for.
pub(super) type Rows<'a> = Box<dyn Iterator<Item = Result<Row, StoreError>> + 'a>;

/// What a backend without views can do.
pub(super) trait Base: Send + Sync + 'static {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// Never called with an empty range.
    fn rows<'a>(&'a self, table: u8, range: &'a KeyRange, order: Order) -> Result<Rows<'a>, StoreError>;
}

/// Old rows that a view still sees: by table and key, `None` where there was no row.
type Saved = Mutex<BTreeMap<u8, BTreeMap<Bytes, Option<Bytes>>>>;

/// A base with views.
#[derive(Debug)]
pub(super) struct Versioned<B> {
    base: RwLock<B>,
    views: Mutex<Vec<Weak<Saved>>>,
}

impl<B: Base> Versioned<B> {
    pub(super) fn new(base: B) -> Self {
        Self { base: RwLock::new(base), views: Mutex::default() }
    }

    pub(super) fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.base.read().get(table, key)
    }

    pub(super) fn scan(&self, table: u8, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        self.base.read().rows(table, range, order)?.take(limit).collect()
    }

    /// Changes the base. Before it changes a row, `change` must give it to the saver.
    pub(super) fn write<T>(&self, change: impl FnOnce(&mut B, &Saver) -> T) -> T {
        let mut base = self.base.write();
        let saver = Saver { views: self.live_views() };
        change(&mut base, &saver)
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&B) -> T) -> T {
        look(&self.base.read())
    }

    pub(super) fn view(self: &Arc<Self>) -> Box<dyn StateView> {
        let saved = Arc::new(Saved::default());
        // Under the lock, so that the view begins between two batches.
        let _between_batches = self.base.read();
        self.views.lock().push(Arc::downgrade(&saved));
        Box::new(View { of: self.clone(), saved })
    }

    fn live_views(&self) -> Vec<Arc<Saved>> {
        let mut views = self.views.lock();
        let live: Vec<_> = views.iter().filter_map(Weak::upgrade).collect();
        if live.len() < views.len() {
            *views = live.iter().map(Arc::downgrade).collect();
        }
        live
    }
}

/// Keeps old rows for the views that were open when a batch came.
pub(super) struct Saver {
    views: Vec<Arc<Saved>>,
}

impl Saver {
    /// Keeps a row as it is before it changes. It is only read when somebody looks.
    pub(super) fn save(
        &self,
        table: u8,
        key: &Bytes,
        read: impl FnOnce() -> Result<Option<Bytes>, StoreError>,
    ) -> Result<(), StoreError> {
        if self.views.is_empty() {
            return Ok(());
        }
        let old = read()?;
        for view in &self.views {
            let mut rows = view.lock();
            let rows = rows.entry(table).or_default();
            // What was saved first is what the view saw when it began.
            if !rows.contains_key(key) {
                // Copied: a key must not keep the whole log entry alive that it came with.
                rows.insert(Bytes::copy_from_slice(key), old.clone());
            }
        }
        Ok(())
    }
}

struct View<B> {
    of: Arc<Versioned<B>>,
    saved: Arc<Saved>,
}

impl<B: Base> StateView for View<B> {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let base = self.of.base.read();
        let saved = self.saved.lock().get(&table).and_then(|rows| rows.get(key)).cloned();
        saved.map_or_else(|| base.get(table, key), Ok)
    }

    fn scan(&self, table: u8, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let base = self.of.base.read();
        let saved = self.saved.lock();
        let empty = BTreeMap::new();
        let old = saved.get(&table).unwrap_or(&empty).range::<[u8], _>(range.bounds());
        let rows = base.rows(table, range, order)?;
        match order {
            Order::Ascending => merge(rows, old, Bytes::cmp, limit),
            Order::Descending => merge(rows, old.rev(), |a, b| b.cmp(a), limit),
        }
    }
}

/// A view that knows which tables exist.
pub(super) struct CheckedView {
    pub(super) tables: Tables,
    pub(super) view: Box<dyn StateView>,
}

impl StateView for CheckedView {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.tables.check(table)?;
        self.view.get(table, key)
    }

    fn scan(&self, table: u8, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.tables.check(table)?;
        self.view.scan(table, range, order, limit)
    }
}

/// Both inputs in the order that `compare` says; of two rows with one key the old one counts.
fn merge<'a>(
    rows: impl Iterator<Item = Result<Row, StoreError>>,
    old: impl Iterator<Item = (&'a Bytes, &'a Option<Bytes>)>,
    compare: impl Fn(&Bytes, &Bytes) -> Ordering,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let (mut rows, mut old) = (rows.peekable(), old.peekable());
    let mut merged = Vec::new();
    while merged.len() < limit {
        let order = match (rows.peek(), old.peek()) {
            (None, None) => break,
            (Some(_), None) | (Some(Err(_)), Some(_)) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(Ok((key, _))), Some((old_key, _))) => compare(key, old_key),
        };
        let row = if order == Ordering::Greater { None } else { rows.next().transpose()? };
        if order == Ordering::Less {
            merged.extend(row);
        } else if let Some((key, Some(value))) = old.next() {
            merged.push((key.clone(), value.clone()));
        }
    }
    Ok(merged)
}
