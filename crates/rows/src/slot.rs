//! Slots: into which of 16,384 places a workflow id falls, and how shards share them.
//!
//! Invariant: a slot is SipHash-2-4, keys 0 and 0, over
//!
//! ```text
//! [length of the namespace id, u32] [namespace id] [workflow id]
//! ```
//!
//! modulo 16,384. It is pinned by golden values for ever: where every row stands depends on it. The key is public, so
//! who picks workflow ids can pick slots; that costs balance, never correctness.

use alloc::vec::Vec;

use siphasher::sip::SipHasher24;
use weft_engine::WorkflowKey;

/// How many slots there are, which bounds the number of shards.
pub const SLOTS: u16 = 16_384;

/// The place of a workflow id: below [`SLOTS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(pub u16);

/// Slots from `first` to `last`, both included.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SlotRange {
    pub first: Slot,
    pub last: Slot,
}

impl SlotRange {
    /// Every slot.
    pub const ALL: Self = Self { first: Slot(0), last: Slot(SLOTS - 1) };

    #[must_use]
    pub fn contains(&self, slot: Slot) -> bool {
        (self.first..=self.last).contains(&slot)
    }

    /// The first key prefix of the range, and the first one beyond it.
    pub(crate) fn bounds(self) -> (Vec<u8>, Vec<u8>) {
        (self.first.prefix(), self.last.after())
    }
}

impl Slot {
    /// What every key of this slot begins with.
    pub(crate) fn prefix(self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    /// What is greater than every key of this slot, and not than any of the next.
    pub(crate) fn after(self) -> Vec<u8> {
        Self(self.0.saturating_add(1)).prefix()
    }
}

/// The slot of a workflow id.
#[must_use]
pub fn slot_of(key: &WorkflowKey) -> Slot {
    let (namespace, workflow) = (key.namespace.as_str(), key.workflow.as_str());
    let mut bytes = Vec::with_capacity(4 + namespace.len() + workflow.len());
    // Only the bytes reach the hash; ids are far shorter than this number can say.
    bytes.extend_from_slice(&(namespace.len() as u32).to_be_bytes());
    bytes.extend_from_slice(namespace.as_bytes());
    bytes.extend_from_slice(workflow.as_bytes());
    let hash = SipHasher24::new_with_keys(0, 0).hash(&bytes);
    Slot((hash % u64::from(SLOTS)) as u16)
}

/// All slots in `shards` contiguous ranges whose sizes differ by at most one. There are never more ranges than slots.
#[must_use]
pub fn ranges(shards: u16) -> Vec<SlotRange> {
    let shards = u32::from(shards.min(SLOTS));
    // At most SLOTS, which fits.
    let start = |shard: u32| (shard * u32::from(SLOTS) / shards.max(1)) as u16;
    (0..shards).map(|shard| SlotRange { first: Slot(start(shard)), last: Slot(start(shard + 1) - 1) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(namespace: &str, workflow: &str) -> Slot {
        slot_of(&WorkflowKey { namespace: namespace.into(), workflow: workflow.into() })
    }

    #[test]
    fn slots_are_pinned_for_ever() {
        assert_eq!(slot("", ""), Slot(5784));
        assert_eq!(slot("default", "order-1"), Slot(13475));
        assert_eq!(slot("8c1c34fc-4ef1-4b0c-b04c-0f1d4b1f4a57", "order-1"), Slot(5680));
        assert_eq!(slot("defaul", "torder-1"), Slot(8076));
    }

    #[test]
    fn ranges_cover_every_slot_once_and_evenly() {
        for shards in [1, 2, 3, 16, 100, 16_383, 16_384, u16::MAX] {
            let ranges = ranges(shards);
            assert_eq!(ranges.len(), usize::from(shards.min(SLOTS)));
            assert_eq!(ranges[0].first, Slot(0));
            assert_eq!(ranges[ranges.len() - 1].last, Slot(SLOTS - 1));
            assert!(ranges.windows(2).all(|pair| pair[0].last.0 + 1 == pair[1].first.0));
            let sizes: Vec<_> = ranges.iter().map(|range| range.last.0 - range.first.0).collect();
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }
        assert!(ranges(0).is_empty());
    }
}
