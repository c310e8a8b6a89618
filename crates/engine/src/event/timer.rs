//! Events of timers.
