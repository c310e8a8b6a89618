//! Format levels (rule 18): a number for all that may stand on the disks of a cluster and be said between its nodes.
//!
//! Invariants: a level is never lowered, and nothing of a level is written before the cluster is at it; so whoever supports
//! the level of the cluster can read all that is there. Numbers are never used again.
//!
//! | level | what may be written from it on |
//! | --- | --- |
//! | 1 | all that builds wrote that knew no levels |
//! | 2 | the level itself: a row of the metadata and a number in the data directory, neither of which builds before it take |
//! | 3 | who has a copy of each shard: rows of the metadata, what a node must know of a group that it gave up, and a record of the log that forgets one |

use core::fmt;

/// A format level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u32);

/// The levels that a build can work at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supported {
    /// It reads what was written from here on.
    pub oldest: Level,
    /// It writes this at most.
    pub newest: Level,
}

impl Level {
    /// That of a cluster which says of none.
    pub const FIRST: Self = Self(1);
    /// From here on the level is written down.
    pub const WRITTEN_DOWN: Self = Self(2);
    /// From here on a shard has copies on some nodes only.
    pub const PLACED: Self = Self(3);

    /// There is no level 0.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The one that comes after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::FIRST
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Supported {
    /// This build. Whoever adds a level adds it to the table above, and writes what is new of it only where
    /// `Metadata::writes` says so.
    pub const HERE: Self = Self { oldest: Level::FIRST, newest: Level::PLACED };
    /// A build that knows no levels.
    pub const NONE_SAID: Self = Self { oldest: Level::FIRST, newest: Level::FIRST };

    /// Whether such a build can be a node of a cluster at this level.
    #[must_use]
    pub fn includes(self, level: Level) -> bool {
        self.oldest <= level && level <= self.newest
    }

    /// From the numbers of a message; zeros are those of a build that says nothing.
    #[must_use]
    pub fn from_numbers(oldest: u32, newest: u32) -> Self {
        match (Level::new(oldest), Level::new(newest)) {
            (Some(oldest), Some(newest)) => Self { oldest, newest },
            (_, _) => Self::NONE_SAID,
        }
    }
}

impl fmt::Display for Supported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { oldest, newest } = self;
        if oldest == newest { write!(f, "{oldest}") } else { write!(f, "{oldest} to {newest}") }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn supported(oldest: u32, newest: u32) -> Supported {
        Supported::from_numbers(oldest, newest)
    }

    #[test]
    fn a_build_works_at_the_levels_between_its_oldest_and_its_newest() {
        let build = supported(2, 3);
        let works = [1, 2, 3, 4].map(|number| Level::new(number).is_some_and(|level| build.includes(level)));
        assert_eq!(works, [false, true, true, false]);
    }

    #[test]
    fn a_build_that_says_nothing_supports_the_first_level() {
        assert_eq!(supported(0, 0), Supported::NONE_SAID);
        assert!(Supported::NONE_SAID.includes(Level::FIRST) && !Supported::NONE_SAID.includes(Level::WRITTEN_DOWN));
        assert_eq!((Level::new(0), Level::default()), (None, Level::FIRST));
    }

    #[test]
    fn this_build_works_with_those_before_it() {
        assert!(Supported::HERE.includes(Level::FIRST), "a cluster of the build before could not be upgraded");
    }

    #[test]
    fn levels_are_said_as_one_or_as_a_range() {
        assert_eq!([supported(1, 1).to_string(), supported(1, 2).to_string()], ["1", "1 to 2"]);
    }
}
