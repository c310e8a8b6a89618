//! Random numbers that history seeds: the same run gives the same numbers on every worker, for ever.
//!
//! The algorithm is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014), written
//! here because no release of a library may change what a recorded workflow has drawn. It is no source of secrets.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A run draws from its own id. A reset draws from the id of the new run from there on.
    pub(crate) fn of_run(run_id: &str) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write(run_id.as_bytes());
        Self(hasher.finish())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pinned: a workflow that drew these numbers must draw them again in ten years.
    #[test]
    fn a_run_draws_the_same_numbers_for_ever() {
        let mut random = Random::of_run("5f4c9d1e-0000-4000-8000-000000000001");
        let drawn = [random.next(), random.next(), random.next()];
        assert_eq!(drawn, GOLDEN);
    }

    const GOLDEN: [u64; 3] = [15_335_553_096_834_532_030, 11_725_549_703_827_669_513, 2_924_846_367_232_746_747];
}
