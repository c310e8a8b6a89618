//! The crash simulation, of a cluster and of one node: the production node on a disk, a store and a clock that a seed decides, with
//! clients and workers around it, crashed again and again in the middle of whatever it does.
//!
//! Invariant: one seed decides everything, so a failing seed fails again. What the node said is kept outside of it
//! ([`ledger`]) and is held against what it has after each crash ([`audit`]).
//!
//! Several nodes, and the API as clients speak it, are [`cluster`]. Deliberately not here: judgement of what the engine
//! decides; its own tests do that.

mod activity;
mod apart;
mod audit;
mod campaign;
mod client;
mod cluster;
mod coverage;
mod decide;
mod family;
mod fan;
mod fork;
mod hooks;
mod job;
mod ledger;
mod life;
mod pause;
mod plan;
mod plant;
mod reset;
mod scene;
mod schedule;
mod seeds;
mod update;
mod worker;

pub use apart::{play_if_told, simulate_apart};
pub use campaign::campaign;
pub use cluster::{ClusterCoverage, ClusterOutcome, Size, simulate_cluster};
pub use coverage::Coverage;
pub use life::{Outcome, simulate};
pub use plant::Plant;
pub use seeds::{Found, again, cluster_seeds, environment, hunt, in_parallel, is_about};
