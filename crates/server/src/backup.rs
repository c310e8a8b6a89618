//! Backups of a running cluster: what they are made of, how one is kept in a directory, and how a data directory is made
//! of it.
//!
//! ```text
//! backup.json         whose backup it is, of when, and what every other file holds; written last
//! group-00000.weft    the rows of a Raft group, in pieces; group 0 is that of the metadata
//! group-00001.weft    …
//! ```
//!
//! Invariant: nothing is taken for a backup that is not whole, and no data directory is made of one before all of it was
//! looked at. Which rows belong together is said where they are read (`crate::node::point`).

mod error;
mod manifest;
mod restore;
mod save;
mod stream;

pub use error::Error;
pub use manifest::{Manifest, SavedGroup, Source};
pub use restore::{Restoring, restore};
pub use save::save;
pub(crate) use stream::{Frame, GroupHead};
