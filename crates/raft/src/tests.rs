//! Groups with several voters, over a network that a test controls.

mod election;
mod faults;
mod heart;
#[cfg(feature = "testing")]
mod held;
mod membership;
mod replication;
mod returning;
mod snapshot;
