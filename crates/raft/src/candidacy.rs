//! When a voter that hears of no leader stands for election.
//!
//! Invariants: nobody stands before the promise that it gave to its leader has run out; the voters of a group begin one
//! after the other, in an order that differs from group to group, so that the first one mostly wins and a node that dies
//! leaves its groups evenly to the others; whoever failed waits for a random time, so that two do not fail together for
//! ever.
//!
//! It deliberately reads no clock and asks nobody: see `heart`.

use std::collections::BTreeSet;
use std::time::Duration;

use weft_store::wal::GroupId;

use crate::group::Timing;
use crate::types::NodeId;

/// The promise given by this node and those given by the others do not run out at the same moment.
const MARGIN: Duration = Duration::from_millis(10);
/// How much later each of the voters begins than the one before it: longer than an election takes on disks at work.
const STEP: Duration = Duration::from_millis(100);

/// What a voter that does not lead knows when it looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) now: Duration,
    /// When its promise not to stand runs out. Each news of a leader moves it.
    pub(crate) promised_until: Duration,
    /// Its place in the order of the voters; see [`rank`].
    pub(crate) rank: u32,
    /// It has stood, and the votes are being counted.
    pub(crate) campaigning: bool,
}

/// A voter that may stand.
#[derive(Debug)]
pub(crate) struct Candidacy {
    timing: Timing,
    promised_until: Duration,
    due: Duration,
    chance: u64,
}

impl Candidacy {
    pub(crate) fn new(timing: Timing, seed: u64) -> Self {
        Self { timing, promised_until: Duration::ZERO, due: Duration::ZERO, chance: seed }
    }

    /// Whether it stands now. If it does, and hears of no leader, it will again after a while.
    pub(crate) fn stands(&mut self, look: Look) -> bool {
        if look.promised_until != self.promised_until {
            self.promised_until = look.promised_until;
            self.due = look.promised_until + MARGIN + STEP * look.rank;
        }
        if look.now < self.due {
            return false;
        }
        // Asking whether one would be elected costs little and can be asked again soon; not so an election.
        let Timing { election_min_ms, election_max_ms, .. } = self.timing;
        let (min, max) = if look.campaigning {
            (election_min_ms, election_max_ms)
        } else {
            (election_min_ms / 2, election_max_ms / 2)
        };
        self.due = look.now + Duration::from_millis(min + self.draw() % (max - min).max(1));
        true
    }

    /// The next number of SplitMix64.
    fn draw(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The place of a node in the order in which the voters of a group stand when `leader` is not heard any more; nothing
/// for a node without a vote.
pub(crate) fn rank(group: GroupId, voters: &BTreeSet<NodeId>, leader: Option<NodeId>, own: NodeId) -> Option<u32> {
    let left: Vec<NodeId> = voters.iter().copied().filter(|voter| *voter == own || Some(*voter) != leader).collect();
    let count = u32::try_from(left.len()).ok().filter(|count| *count > 0)?;
    let place = u32::try_from(left.iter().position(|voter| *voter == own)?).ok()?;
    Some((place + group.0 % count) % count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing { heartbeat_ms: 100, election_min_ms: 250, election_max_ms: 500 };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn look(now: u64, promised_until: u64, rank: u32) -> Look {
        Look { now: ms(now), promised_until: ms(promised_until), rank, campaigning: false }
    }

    #[test]
    fn who_has_promised_not_to_stand_does_not() {
        let mut first = Candidacy::new(TIMING, 1);
        assert!(!first.stands(look(0, 500, 0)));
        assert!(!first.stands(look(505, 500, 0)), "the others' promises may run out a little later");
        assert!(first.stands(look(510, 500, 0)));
        assert!(!first.stands(look(520, 500, 0)), "once is enough for now");
    }

    #[test]
    fn news_of_a_leader_begin_it_all_again() {
        let mut voter = Candidacy::new(TIMING, 1);
        assert!(voter.stands(look(510, 500, 0)));
        assert!(!voter.stands(look(700, 1100, 0)));
        assert!(!voter.stands(look(1109, 1100, 0)));
        assert!(voter.stands(look(1110, 1100, 0)));
    }

    #[test]
    fn the_second_lets_the_first_go_first() {
        let mut second = Candidacy::new(TIMING, 2);
        assert!(!second.stands(look(510, 500, 1)));
        assert!(second.stands(look(610, 500, 1)));
    }

    #[test]
    fn who_failed_waits_for_a_time_that_nobody_else_waits_for() {
        let again = |seed, campaigning| {
            let mut voter = Candidacy::new(TIMING, seed);
            assert!(voter.stands(Look { campaigning, ..look(510, 500, 0) }));
            (510..2000).find(|now| voter.stands(look(*now, 500, 0))).expect("it stands again") - 510
        };
        let waits: BTreeSet<u64> = (0..20).map(|seed| again(seed, false)).collect();
        assert!(waits.len() > 10 && waits.iter().all(|wait| (125..250).contains(wait)), "{waits:?}");
        let waits: BTreeSet<u64> = (0..20).map(|seed| again(seed, true)).collect();
        assert!(waits.len() > 10 && waits.iter().all(|wait| (250..500).contains(wait)), "{waits:?}");
    }

    #[test]
    fn the_groups_of_a_dead_leader_are_shared_by_the_others() {
        let voters: BTreeSet<NodeId> = (1..=3).map(NodeId).collect();
        let dead = Some(NodeId(2));
        for group in 0..10 {
            let ranks = [1, 3].map(|own| rank(GroupId(group), &voters, dead, NodeId(own)).expect("it votes"));
            let expected = if group % 2 == 0 { [0, 1] } else { [1, 0] };
            assert_eq!(ranks, expected, "group {group}");
        }
    }

    #[test]
    fn without_a_leader_all_voters_have_a_place_and_learners_none() {
        let voters: BTreeSet<NodeId> = (1..=3).map(NodeId).collect();
        let ranks: BTreeSet<u32> = (1..=3).filter_map(|own| rank(GroupId(5), &voters, None, NodeId(own))).collect();
        assert_eq!(ranks, [0, 1, 2].into());
        assert_eq!(rank(GroupId(5), &voters, None, NodeId(4)), None);
        let old = rank(GroupId(0), &voters, Some(NodeId(1)), NodeId(1));
        assert_eq!(old, Some(0), "who led before it started again may lead again");
    }
}
