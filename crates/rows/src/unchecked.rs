//! Replicas that apply any batch, whatever its epoch and its place in it: what rule 3 is for. For the planted bug of a
//! simulation, and nothing else (feature `testing`).
//!
//! It holds for the whole process: a simulation that is told to has one of its own.

use core::sync::atomic::{AtomicBool, Ordering};

static ANY: AtomicBool = AtomicBool::new(false);

/// Whether any batch is applied from now on.
pub fn apply_any(any: bool) {
    ANY.store(any, Ordering::Relaxed);
}

pub(crate) fn applies_any() -> bool {
    ANY.load(Ordering::Relaxed)
}
