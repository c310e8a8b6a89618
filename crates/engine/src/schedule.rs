//! Schedules: when they act.
//!
//! What this file does not do: act. See `times.rs` for the arithmetic, `spec.rs` for what may be asked.

mod calendar;
mod cron_string;
mod spec;
mod times;

pub use spec::{canonical, clean};
pub use times::{Time, Times};
