//! The software-engineering worker: it plans, patches, diagnoses, migrates and checks real git repositories, as
//! workflows that survive crashes.
//!
//! [`model`] is what its parts say to each other; everything else depends on it and it on nothing. Parts of all
//! workflows, pure and on their own: [`budget`], [`approval`], [`progress`], [`routing`]. What a gate and a swarm of
//! diagnoses and a migration decide, pure too: [`quality`], [`consensus`], [`migration`]. What touches the machine:
//! [`process`] runs commands, confined by [`sandbox`]; [`repository`] is git; [`checks`] look at a tree;
//! [`forge`] is where pull requests live, [`github`] one such place. [`workflow`] and [`activity`] put all of it
//! together, [`serve`] makes a worker of them, and [`operations`] runs it. [`transcript`] keeps what was said.
//!
//! [`provider`] is who does the work of a role; [`mutant`] plants faults for whoever mends them.

pub mod activity;
pub mod approval;
pub mod blame;
pub mod budget;
pub mod checks;
pub mod consensus;
pub mod forge;
pub mod github;
pub mod migration;
pub mod model;
pub mod mutant;
pub mod operations;
pub mod process;
pub mod progress;
pub mod provider;
pub mod quality;
pub mod repository;
pub mod routing;
pub mod sandbox;
pub mod serve;
pub mod transcript;
pub mod workflow;
