//! Not built yet.

pub mod wal;
