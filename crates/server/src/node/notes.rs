//! What a simulated node keeps beside its disk and its store: what `weft.toml` says where data are in a directory.
//!
//! Invariants: it outlives a crash, as that file does, which is durable before anything stands on it; and the level in it
//! only rises. There are data as soon as it has a level.

use std::sync::atomic::{AtomicU32, Ordering};

use uuid::Uuid;
use weft_rows::Level;

/// It belongs to one node, each time that this is started.
#[derive(Debug)]
pub struct Notes {
    incarnation: Uuid,
    /// 0 before there are data.
    level: AtomicU32,
}

impl Notes {
    /// Nothing is made yet. What is made, to join a cluster, has that name.
    #[must_use]
    pub fn new(incarnation: Uuid) -> Self {
        Self { incarnation, level: AtomicU32::new(0) }
    }

    pub(super) fn incarnation(&self) -> Uuid {
        self.incarnation
    }

    /// The format level of the data, if there are any.
    pub(super) fn level(&self) -> Option<Level> {
        Level::new(self.level.load(Ordering::Relaxed))
    }

    pub(super) fn raise(&self, level: Level) {
        self.level.fetch_max(level.number(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_data_as_soon_as_there_is_a_level_and_it_only_rises() {
        let notes = Notes::new(Uuid::from_u128(7));
        assert_eq!(notes.level(), None);
        for level in [Level::FIRST, Level::PLACED, Level::FIRST] {
            notes.raise(level);
        }
        assert_eq!(notes.level(), Some(Level::PLACED));
    }
}
