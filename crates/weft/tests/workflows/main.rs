//! Workflows of this SDK against the server in the process.

mod codec_fails;
mod examples;
#[cfg(feature = "otel")]
mod exported;
mod golden;
mod goodbye;
mod hello;
mod intercepted;
mod limits;
mod many;
mod order;
mod page;
mod pages;
mod process;
mod replays;
mod restart;
mod saga;
mod sealed;
mod select;
mod shared;
mod shown;
mod time;
#[cfg(feature = "otel")]
mod traces;
mod worker;
mod world;

// The example's routes name it from the crate's root.
#[path = "../../examples/service/orders.rs"]
mod orders;
