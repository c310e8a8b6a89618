//! What can be broken, and the order in which it is: cards that are dealt until there are none, and then shuffled again.

use weft_env::SeededIds;

use crate::nodes::Nodes;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Kill,
    /// A node was killed and stayed down until every shard had answered.
    Failover,
    Restart,
    Freeze,
    /// Frozen for so long that everything passes to the others, which have to go on without it.
    LongFreeze,
    Isolate,
    /// Nothing of the node reached the others, while it heard them.
    Mute,
    Cut,
    /// Killed again and again, before it could do much.
    Flap,
    Rolling,
    FullDisk,
    SlowSyncs,
    ClockJump,
    /// Removed, emptied, and joined again under another number.
    Wipe,
    /// A copy of a shard was moved, and in the middle of it one that had to do with it was killed.
    Move,
    /// One node is gone, another slow, and the clock of the third is wrong.
    Mixed,
}

/// What a machine must give for a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    /// Of which some have no copy of a shard.
    Nodes,
    Disks,
    Shim,
}

impl Kind {
    pub(crate) const ALL: [Self; 16] = [
        Self::Kill,
        Self::Failover,
        Self::Restart,
        Self::Freeze,
        Self::LongFreeze,
        Self::Isolate,
        Self::Mute,
        Self::Cut,
        Self::Flap,
        Self::Rolling,
        Self::FullDisk,
        Self::SlowSyncs,
        Self::ClockJump,
        Self::Wipe,
        Self::Move,
        Self::Mixed,
    ];

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill -9",
            Self::Failover => "kill -9 with every shard timed",
            Self::Restart => "stop in order and start",
            Self::Freeze => "SIGSTOP",
            Self::LongFreeze => "SIGSTOP for 30 s",
            Self::Isolate => "cut off both ways",
            Self::Mute => "cut off one way",
            Self::Cut => "one link cut",
            Self::Flap => "killed again and again",
            Self::Rolling => "rolling restart",
            Self::FullDisk => "full disk",
            Self::SlowSyncs => "slow syncs",
            Self::ClockJump => "clock jump",
            Self::Wipe => "removed, wiped and joined again",
            Self::Move => "kill -9 while a copy moves",
            Self::Mixed => "all at once",
        }
    }

    fn need(self) -> Need {
        match self {
            Self::Kill
            | Self::Failover
            | Self::Restart
            | Self::Freeze
            | Self::LongFreeze
            | Self::Isolate
            | Self::Mute
            | Self::Cut
            | Self::Flap
            | Self::Rolling
            | Self::Wipe => Need::Nothing,
            Self::Move => Need::Nodes,
            Self::FullDisk => Need::Disks,
            Self::SlowSyncs | Self::ClockJump | Self::Mixed => Need::Shim,
        }
    }

    /// It was not asked for, whatever the machine can do.
    pub(crate) fn is_unasked(self, nodes: &Nodes) -> bool {
        self.need() == Need::Nodes && !nodes.are_placed()
    }

    /// Why it cannot be done here, if so.
    pub(crate) fn cannot(self, nodes: &Nodes) -> Option<&'static str> {
        let (is_there, why) = match self.need() {
            Need::Nothing => return None,
            Need::Nodes => (nodes.are_placed(), "needs more than three nodes (--nodes)"),
            Need::Disks => (nodes.ground.has_disks(), "needs root, for a file system in a file"),
            Need::Shim => (nodes.control(0).is_some(), "needs a C compiler, and a server that is linked dynamically"),
        };
        (!is_there).then_some(why)
    }
}

/// The cards.
pub(crate) struct Deck {
    kinds: Vec<Kind>,
    left: Vec<Kind>,
}

impl Deck {
    /// Of all that is possible; a kill twice, because it is the commonest of all.
    pub(crate) fn of(possible: impl IntoIterator<Item = Kind>) -> Self {
        let mut kinds: Vec<Kind> = possible.into_iter().collect();
        if kinds.contains(&Kind::Kill) {
            kinds.push(Kind::Kill);
        }
        Self { kinds, left: Vec::new() }
    }

    pub(crate) fn deal(&mut self, ids: &SeededIds) -> Kind {
        if self.left.is_empty() {
            self.left.clone_from(&self.kinds);
        }
        let place = usize::try_from(ids.below(self.left.len() as u64)).unwrap_or(0);
        self.left.swap_remove(place)
    }

    /// Whether the last one has just been dealt.
    pub(crate) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_is_dealt_before_one_comes_again() {
        let (mut deck, ids) = (Deck::of(Kind::ALL), SeededIds::new(1));
        for _ in 0..3 {
            let dealt: Vec<Kind> = (0..=Kind::ALL.len()).map(|_| deck.deal(&ids)).collect();
            assert!(deck.is_empty());
            assert_eq!(dealt.into_iter().collect::<BTreeSet<_>>(), Kind::ALL.into());
        }
    }

    #[test]
    fn names_differ() {
        let names: BTreeSet<_> = Kind::ALL.into_iter().map(Kind::name).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
