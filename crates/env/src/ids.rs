//! Random numbers and ids: from the operating system in production, from a seed in tests.
//!
//! Invariant: the same seed gives the same numbers in every build, for ever, so that a failing seed can be kept. The
//! generator is therefore written out here instead of taken from a crate that may change it.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::{Builder, Uuid};

/// The only source of entropy.
pub trait Ids: Send + Sync {
    fn next_u64(&self) -> u64;

    /// A version 4 (random) UUID.
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next_u64().to_be_bytes());
        bytes[8..].copy_from_slice(&self.next_u64().to_be_bytes());
        Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// Unpredictable numbers, from a generator that the operating system seeds.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealIds;

impl Ids for RealIds {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads entropy")]
    fn next_u64(&self) -> u64 {
        rand::RngCore::next_u64(&mut rand::rng())
    }
}

/// Numbers that follow from a seed (SplitMix64). Never for production: they can be guessed.
#[derive(Debug)]
pub struct SeededIds {
    state: AtomicU64,
}

/// SplitMix64's step: odd, so that the state visits every 64-bit value.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl SeededIds {
    pub fn new(seed: u64) -> Self {
        // Mixed once, so that neighbouring seeds do not give shifted copies of one sequence.
        Self { state: AtomicU64::new(mix(seed)) }
    }

    /// A number below `bound`, which must not be zero. Its bias is below 2^-32 for bounds below 2^32.
    pub fn below(&self, bound: u64) -> u64 {
        self.next_u64() % bound
    }

    /// A generator of its own, that follows from this one's seed and its calls so far.
    pub fn fork(&self) -> Self {
        Self::new(self.next_u64())
    }
}

impl Ids for SeededIds {
    fn next_u64(&self) -> u64 {
        mix(self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP))
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Ids, RealIds, SeededIds};

    #[test]
    fn the_same_seed_gives_the_same_numbers_for_ever() {
        let ids = SeededIds::new(42);
        assert_eq!([ids.next_u64(), ids.next_u64()], GOLDEN);
    }

    const GOLDEN: [u64; 2] = [10_996_452_266_160_306_281, 2_958_219_263_312_191_191];

    #[test]
    fn uuids_are_version_4_and_differ() {
        for ids in [&RealIds as &dyn Ids, &SeededIds::new(1)] {
            let uuids: BTreeSet<_> = (0..1_000).map(|_| ids.uuid()).collect();
            assert_eq!(uuids.len(), 1_000);
            assert!(uuids.iter().all(|uuid| uuid.get_version_num() == 4));
        }
    }

    #[test]
    fn neighbouring_seeds_and_forks_share_no_numbers() {
        let first = SeededIds::new(0);
        let generators = [first.fork(), first, SeededIds::new(1), SeededIds::new(2)];
        let numbers: BTreeSet<_> = generators.iter().flat_map(|ids| (0..500).map(|_| ids.next_u64())).collect();
        assert_eq!(numbers.len(), 2_000);
    }
}
