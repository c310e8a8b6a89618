//! The software-engineering worker: it plans, patches, diagnoses, migrates and checks real git repositories, as
//! workflows that survive crashes.
//!
//! [`model`] is what its parts say to each other; everything else depends on it and it on nothing. Parts of all
//! workflows, pure and on their own: [`budget`], [`approval`], [`progress`], [`routing`]. What touches the machine:
//! [`process`] runs commands, confined by [`sandbox`]; [`repository`] is git; [`checks`] look at a tree;
//! [`transcript`] keeps what was said.

pub mod approval;
pub mod blame;
pub mod budget;
pub mod checks;
pub mod model;
pub mod process;
pub mod progress;
pub mod repository;
pub mod routing;
pub mod sandbox;
pub mod transcript;
