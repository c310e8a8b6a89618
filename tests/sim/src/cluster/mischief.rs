//! What goes wrong, and when.

use weft_env::SeededIds;

/// One thing that goes wrong, or right again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mischief {
    /// The power of a node goes.
    Crash(u32),
    /// The power of a node goes during the nth change of its disk from now.
    PowerCut {
        node: u32,
        nth: u64,
    },
    /// Whoever leads the first group loses its power.
    CrashLeader,
    /// Nodes that are down are started.
    Restart,
    /// Nothing goes to a node or comes from it.
    Isolate(u32),
    IsolateLeader,
    /// Nothing goes from one to the other; the way back is open.
    OneWay {
        from: u32,
        to: u32,
    },
    /// No answer goes from one node that leads to another one for so long, and then their connections break: what the other
    /// one asked for meanwhile was done, and it does not know.
    Swallow {
        lasts_ms: u64,
    },
    Heal,
    /// What a node proposes to a shard that it leads is late: see `late`.
    Late,
    Slow {
        delay_max_ms: u64,
    },
    /// The connections of a node break.
    Break(u32),
    /// What a node writes to its log takes up to so long.
    SlowDisk {
        node: u32,
        sync_ms: u64,
    },
    /// There is room for so many more bytes on the disk of a node.
    FullDisk {
        node: u32,
        left: u64,
    },
    /// The nth sync of a node's disk from now fails.
    FailingDisk {
        node: u32,
        nth: u64,
    },
    /// The wall clock of a node is set so far from where it began.
    Clock {
        node: u32,
        ahead_ms: i64,
    },
    /// A new node joins.
    Join,
    /// A new node joins, and then one is removed.
    Replace(u32),
    /// A node loses its power and all its data; a new one joins for it, and it is removed.
    Wipe(u32),
    /// Somebody moves a copy of a shard, and maybe whoever gives it or gets it loses its power during the nth change of its
    /// disk from then.
    Move {
        nth: Option<u64>,
    },
    /// A node at which a copy comes or goes loses its power during the nth change of its disk from now.
    CutMoving {
        nth: u64,
    },
    /// Nothing goes to such a node or comes from it.
    IsolateMoving,
}

impl Mischief {
    /// Whether something goes wrong by it: nothing does where all is well again, or a node only comes.
    pub(crate) fn is_fault(self) -> bool {
        !matches!(self, Self::Restart | Self::Heal | Self::Join | Self::Move { nth: None })
    }

    /// Where there are copies on some nodes only.
    pub(crate) fn draw_placed(dice: &SeededIds, nodes: u32) -> Self {
        match dice.below(10) {
            0..=2 => Self::Move { nth: (dice.below(2) == 0).then(|| dice.below(150)) },
            3 => Self::CutMoving { nth: dice.below(40) },
            4 => Self::IsolateMoving,
            5 => Self::Restart,
            _ => Self::draw(dice, nodes),
        }
    }

    pub(crate) fn draw(dice: &SeededIds, nodes: u32) -> Self {
        let node = || 1 + u32::try_from(dice.below(u64::from(nodes))).expect("few nodes");
        match dice.below(28) {
            0 => Self::Crash(node()),
            1 | 2 => Self::PowerCut { node: node(), nth: dice.below(60) },
            3 => Self::CrashLeader,
            4..=6 => Self::Restart,
            7 => Self::Isolate(node()),
            8 => Self::IsolateLeader,
            9 | 10 => {
                let from = node();
                Self::OneWay { from, to: 1 + from % nodes }
            }
            11 | 12 => Self::Heal,
            13 => Self::Slow { delay_max_ms: 5 + dice.below(120) },
            14 | 15 => Self::Break(node()),
            16 | 17 => Self::SlowDisk { node: node(), sync_ms: 10 + dice.below(300) },
            18 => Self::FullDisk { node: node(), left: dice.below(64 << 10) },
            19 => Self::FailingDisk { node: node(), nth: dice.below(40) },
            20 | 21 => Self::Clock { node: node(), ahead_ms: i64::try_from(dice.below(8000)).expect("small") - 4000 },
            22 => Self::Join,
            23 if dice.below(2) == 0 => Self::Replace(node()),
            23 => Self::Wipe(node()),
            _ => Self::Swallow { lasts_ms: 600 + dice.below(1500) },
        }
    }
}
