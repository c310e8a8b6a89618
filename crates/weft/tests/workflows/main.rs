//! Workflows of this SDK against the server in the process.

mod golden;
mod hello;
mod limits;
mod many;
mod order;
mod process;
mod replays;
mod restart;
mod sealed;
mod time;
mod world;
