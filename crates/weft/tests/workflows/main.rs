//! Workflows of this SDK against the server in the process.

mod hello;
mod order;
mod replays;
mod time;
mod world;
