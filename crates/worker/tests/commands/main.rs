//! Real commands on real git repositories in temporary folders, confined by this machine's kernel.

mod process;
mod sandbox;
mod support;
