//! How much one seed of the cluster is: small ones, of which many are played, and large ones.

use std::env;

use super::coverage::Coverage;

/// The variable that says how large seeds are.
pub(crate) const SIZE: &str = "WEFT_SIM_CLUSTER_SIZE";

/// What a large seed has at least.
const LASTS_MS_MIN: u64 = 60_000;
const WORKFLOWS_MIN: u64 = 300;
const FAULTS_MIN: u64 = 10;

/// How much a seed is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// Six to fifteen seconds of the cluster's time, some dozens of workflows and six to thirteen faults.
    #[default]
    Small,
    /// A minute, three hundred workflows and ten faults, or more.
    Large,
}

impl Size {
    /// What the environment says: `large`, or nothing.
    ///
    /// # Panics
    /// If it says something else.
    #[must_use]
    pub fn told() -> Self {
        match env::var(SIZE).ok().as_deref() {
            None | Some("small") => Self::Small,
            Some("large") => Self::Large,
            Some(other) => panic!("{SIZE} is small or large, and not {other}"),
        }
    }

    /// As the environment says it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
        }
    }

    /// A small seed has so many of something; how many has this one?
    pub(crate) fn times(self, small: u64, large: u64) -> u64 {
        match self {
            Self::Small => small,
            Self::Large => small * large,
        }
    }

    /// Whether the storm of a seed is long enough after so many virtual milliseconds.
    pub(crate) fn is_long_enough(self, now: u64) -> bool {
        match self {
            Self::Small => true,
            Self::Large => now >= LASTS_MS_MIN,
        }
    }

    /// How many workflows have been started before clients have nothing more to do.
    pub(crate) fn workflows_min(self) -> u64 {
        match self {
            Self::Small => 0,
            Self::Large => WORKFLOWS_MIN,
        }
    }

    /// What a seed that was played to its end has less of than its size promises.
    pub(crate) fn shortfall(self, played: &Coverage) -> Option<String> {
        let floors = match self {
            Self::Small => return None,
            Self::Large => [
                ("virtual ms", played.virtual_ms, LASTS_MS_MIN),
                ("workflows", played.workflows, WORKFLOWS_MIN),
                ("faults", played.faults, FAULTS_MIN),
            ],
        };
        let (what, has, floor) = floors.into_iter().find(|(_, has, floor)| has < floor)?;
        Some(format!("a large seed has {floor} {what} or more, and this one {has}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_seed_that_is_small_is_told() {
        let mut played = Coverage { virtual_ms: 60_000, workflows: 300, faults: 10, ..Coverage::default() };
        assert_eq!(Size::Large.shortfall(&played), None);
        played.workflows = 299;
        assert_eq!(
            Size::Large.shortfall(&played).as_deref(),
            Some("a large seed has 300 workflows or more, and this one 299")
        );
        assert_eq!(Size::Small.shortfall(&played), None);
    }
}
