//! The software-engineering worker: it plans, patches, diagnoses, migrates and checks real git repositories, as
//! workflows that survive crashes.
//!
//! [`model`] is what its parts say to each other; everything else depends on it and it on nothing.

pub mod model;
