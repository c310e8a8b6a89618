//! The world outside: clocks, entropy, threads for blocking work, the machine's load and the disk, each real and simulated.
//!
//! Invariant: nothing else in the workspace reads a clock or entropy (`clippy.toml` fences it), so whoever swaps
//! these few traits has swapped the whole world and a run depends on its seed alone.
//! Deliberately not here: the network. Its seams are the transports that the raft and server crates define.

mod clock;
pub mod disk;
mod ids;
mod lane;
mod resources;

pub use clock::{
    Clock, Hold, Party, RealClock, SkippingClock, Sleep, Standing, TokioClock, Unbalanced, UnixNanos, VirtualClock,
};
pub use ids::{Ids, RealIds, SeededIds};
pub use lane::{Hand, Lane, Panicked, Pool};
pub use resources::{Load, RealResources, Resources};
