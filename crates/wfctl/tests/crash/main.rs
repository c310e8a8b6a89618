//! Workflows of the software-engineering worker while its processes are killed with -9: the real binary as worker and as
//! server, on real repositories. A run ends as it ends undisturbed, no step that was recorded is done again, and nothing
//! is left of those that were cut short.
//!
//! `CRASH_PHASES=all` kills in each phase, one phase a run; without it a few are tried. `WFCTL_UNDER_TEST` names another
//! build of the binary, such as a release, whose figures are wanted.

mod deliver;
mod gate;
mod incident;
mod machine;
mod many;
mod migrate;
mod overhead;
mod picture;
mod play;
mod repository;
mod scene;
