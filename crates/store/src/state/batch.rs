//! What is written at once: puts and deletes over any tables, in order.

use std::collections::HashSet;

use bytes::Bytes;

/// One write. `value: None` deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    pub table: u8,
    pub key: Bytes,
    pub value: Option<Bytes>,
}

/// Writes that are applied together or not at all. A later write of a key replaces an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteBatch {
    ops: Vec<Op>,
    bytes: usize,
}

impl WriteBatch {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn put(&mut self, table: u8, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.push(Op { table, key: key.into(), value: Some(value.into()) });
    }

    /// Deleting what is not there is fine.
    pub fn delete(&mut self, table: u8, key: impl Into<Bytes>) {
        self.push(Op { table, key: key.into(), value: None });
    }

    /// Everything of `other`, after everything of this.
    pub fn append(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.ops.extend(other.ops);
    }

    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    pub fn len(&self) -> usize {
        self.ops.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The writes that remain when later ones have replaced earlier ones of the same key. Order between different
    /// keys means nothing in an atomic batch, so these come last write first.
    pub(super) fn last_writes(&self) -> impl Iterator<Item = &Op> {
        let mut seen = HashSet::with_capacity(self.ops.len());
        self.ops.iter().rev().filter(move |op| seen.insert((op.table, op.key.as_ref())))
    }

    fn push(&mut self, op: Op) {
        self.bytes += op.bytes();
        self.ops.push(op);
    }
}

impl Op {
    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::WriteBatch;

    #[test]
    fn only_the_last_write_of_a_key_remains() {
        let mut batch = WriteBatch::new();
        batch.put(1, "a", "old");
        batch.put(2, "a", "other table");
        batch.delete(1, "b");
        batch.put(1, "b", "back");
        let mut more = WriteBatch::new();
        more.delete(1, "a");
        batch.append(more);
        assert_eq!((batch.len(), batch.bytes()), (5, 4 + 12 + 1 + 5 + 1));
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let left: Vec<_> =
            batch.last_writes().map(|op| (op.table, text(&op.key), op.value.as_ref().map(text))).collect();
        let row = |table, key: &str, value: Option<&str>| (table, key.to_owned(), value.map(str::to_owned));
        assert_eq!(left, [row(1, "a", None), row(1, "b", Some("back")), row(2, "a", Some("other table"))]);
    }
}
