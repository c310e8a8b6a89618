//! The workflows, each on a server of its own: with closures in the places of the activities every branch that they can
//! take, without a repository; and with the activities themselves on real repositories (`real.rs`).

mod bad_input;
mod code_migration;
mod desk;
mod examples;
mod figures;
mod github;
#[path = "../hub/server.rs"]
mod hub;
mod incident;
mod lab;
mod plan_patch_pr;
mod quality_gate;
mod real;
mod real_migration;
mod review;
mod shelf;
