//! What a node keeps on its disk: the data directory, the write-ahead log of all its shards, and the applied state as
//! ordered bytes by (table, key).
//!
//! Invariant: only the log is synced before an acknowledgement; the applied state may be behind it, never ahead.
//! Deliberately not here: what the bytes mean (`weft-rows`) and who writes them when (`weft-raft`, `weft-shard`).

pub mod datadir;
pub mod state;
pub mod wal;
