//! Ranges of keys. Every range is a first key and, unless it is open, the first key beyond it; what people ask for
//! (prefixes, pages) is turned into that here, once.

use std::ops::Bound;

use bytes::{BufMut, Bytes, BytesMut};

/// What the backends' iterators take.
pub(super) type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// In which direction a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// The keys from `start` up to but without `end`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRange {
    start: Bytes,
    /// `None`: up to the last key.
    end: Option<Bytes>,
}

impl KeyRange {
    /// Every key.
    pub fn all() -> Self {
        Self::default()
    }

    /// Every key that begins with `prefix`.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let start = prefix.into();
        let end = successor_of_prefix(&start);
        Self { start, end }
    }

    /// `start` and everything up to but without `end`.
    pub fn between(start: impl Into<Bytes>, end: impl Into<Bytes>) -> Self {
        Self { start: start.into(), end: Some(end.into()) }
    }

    /// `start` and everything after it.
    pub fn from(start: impl Into<Bytes>) -> Self {
        Self { start: start.into(), end: None }
    }

    /// What of this range comes after `key`: the next page of an ascending scan.
    #[must_use]
    pub fn after(self, key: &[u8]) -> Self {
        let next = successor(key);
        Self { start: if next > self.start { next } else { self.start }, end: self.end }
    }

    /// What of this range comes before `key`: the next page of a descending scan.
    #[must_use]
    pub fn before(self, key: &[u8]) -> Self {
        let end = match self.end {
            Some(end) if end.as_ref() <= key => end,
            Some(_) | None => Bytes::copy_from_slice(key),
        };
        Self { start: self.start, end: Some(end) }
    }

    pub fn start(&self) -> &Bytes {
        &self.start
    }

    pub fn end(&self) -> Option<&Bytes> {
        self.end.as_ref()
    }

    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_ref() <= key && self.end.as_ref().is_none_or(|end| key < end.as_ref())
    }

    /// Not to be given to a `BTreeMap` when the range is empty: it panics on those.
    pub(super) fn bounds(&self) -> Bounds<'_> {
        let end = self.end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(end.as_ref()));
        (Bound::Included(self.start.as_ref()), end)
    }

    /// No key can be in this range.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

/// The smallest key after `key`.
fn successor(key: &[u8]) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.put_u8(0);
    next.freeze()
}

/// The smallest key after every key with this prefix; none if the prefix is all 0xff.
fn successor_of_prefix(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut next = BytesMut::from(&prefix[..=last]);
    next[last] += 1;
    Some(next.freeze())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::KeyRange;

    /// Few different bytes, so that keys meet.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(0), Just(1), Just(0xfe), Just(0xff)], 0..4)
    }

    proptest! {
        #[test]
        fn a_prefix_range_holds_exactly_the_keys_with_that_prefix(prefix in key(), other in key()) {
            prop_assert_eq!(KeyRange::prefix(prefix.clone()).contains(&other), other.starts_with(&prefix));
        }

        #[test]
        fn pages_hold_what_comes_after_or_before(prefix in key(), cursor in key(), other in key()) {
            let range = KeyRange::prefix(prefix);
            let inside = range.contains(&other);
            prop_assert_eq!(range.clone().after(&cursor).contains(&other), inside && other > cursor);
            prop_assert_eq!(range.before(&cursor).contains(&other), inside && other < cursor);
        }

        #[test]
        fn an_empty_range_holds_nothing(start in key(), end in key(), other in key()) {
            let range = KeyRange::between(start, end);
            prop_assert!(!(range.is_empty() && range.contains(&other)));
        }
    }
}
