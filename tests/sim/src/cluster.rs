//! The crash simulation of a cluster: production servers on disks, stores, clocks and a network that a seed decides, with
//! clients around them that speak Temporal's API to any of them.
//!
//! Invariant: everything happens on one thread, a millisecond at a time, each node on a runtime of its own; so a node that
//! crashes is a runtime that is dropped, with all that was under way in it. What was said to clients is kept outside
//! ([`record`]) and held against what they are shown later.
//!
//! Deliberately not here: what one node alone can get wrong; the simulation of one node does that.

mod accounts;
mod book;
mod change;
mod client;
mod coverage;
mod history;
mod late;
mod laws;
mod lies;
mod machine;
mod mischief;
mod net;
mod pictures;
mod placement;
mod record;
mod replicas;
mod resets;
mod schedules;
mod size;
mod tally;
mod told;
mod town;
mod updates;
mod worker;

use weft_env::SeededIds;

pub use coverage::Coverage as ClusterCoverage;
pub(crate) use size::SIZE;
pub use size::Size;
pub use town::{ClusterOutcome, simulate_cluster};

/// One of them, if there are any. The dice are rolled all the same.
fn one_of<T: Copy>(of: &[T], dice: &SeededIds) -> Option<T> {
    of.get(usize::try_from(dice.below(of.len().max(1) as u64)).expect("few")).copied()
}
