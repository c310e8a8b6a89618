//! Proposals that reach openraft late: what a node decides for a shard that it leads is held back while leadership goes to
//! another node and comes back, and then it is let in. So a node with threads would do whose task is kept from running
//! between a decision and its proposal: all tasks of a simulated node share a thread, and none is late by itself.
//!
//! Every other seed has it: with leaders that change so often nobody leads long enough for some other things to be seen.
//!
//! What is let in belongs to an epoch that is over, if another one was opened meanwhile: no replica may apply it (rule 3).

use tokio::task::JoinHandle;
use weft_env::SeededIds;
use weft_raft::{GroupId, NodeId, TransferError};

use super::{machine::Machine, one_of, record::Record};

/// How long it may take until leadership has gone and come back; then what is held is let in wherever it is.
const LASTS_MAX: u64 = 5_000;
/// How long proposals gather, at most.
const GATHERED_MAX: u64 = 60;
/// How long another node leads, at least and at most: others decide on the same workflows meanwhile.
const AWAY_MIN: u64 = 50;
const AWAY_MAX: u64 = 800;
/// How long a node leads again before what it held is let in, at most.
const BACK_MAX: u64 = 60;

/// After one of so many other things that go wrong proposals begin to be late.
const EVERY: u64 = 3;

/// Whose proposals are held, if any are.
pub(crate) struct Late {
    /// Of its own: whatever else goes wrong in a seed does so whether proposals are late or not.
    dice: SeededIds,
    /// Whether this seed has any.
    has_any: bool,
    held: Option<Held>,
}

struct Held {
    node: u32,
    group: GroupId,
    /// In which it led when that began.
    term: u64,
    until: u64,
    stage: Stage,
    /// Leadership is on its way.
    moving: Option<JoinHandle<Result<(), TransferError>>>,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Something to hold.
    Nothing,
    /// This moment, and that another node leads.
    Gathered { at: u64 },
    /// This moment, and that the node leads again.
    Away { at: u64, proposals: usize },
    /// This moment.
    Back { at: u64, proposals: usize },
}

impl Late {
    pub(crate) fn new(seed: u64) -> Self {
        // Who leads moves a lot where they are late: the other half of the seeds shows what becomes of long reigns.
        Self { dice: SeededIds::new(seed.rotate_left(32)), has_any: seed % 2 == 1, held: None }
    }

    /// Whether proposals are to be late from now on.
    pub(crate) fn is_due(&self) -> bool {
        self.has_any && self.dice.below(EVERY) == 0
    }

    /// Begins to hold what a node proposes that leads a shard, unless others are held.
    pub(crate) fn begin(&mut self, now: u64, machines: &[Machine], record: &Record) {
        let led: Vec<(u32, GroupId, u64)> = led(machines).collect();
        let Some((node, group, term)) = one_of(&led, &self.dice).filter(|_| self.held.is_none()) else { return };
        let Some(shard) = machine(machines, node).group(group) else { return };
        shard.hold_proposals();
        record.note(&format!("what node {node} proposes to {group:?} in term {term} is held"));
        let (stage, until) = (Stage::Nothing, now + LASTS_MAX);
        self.held = Some(Held { node, group, term, until, stage, moving: None });
    }

    /// Moves leadership, and lets in what is held when it is back.
    pub(crate) fn go_on(&mut self, now: u64, machines: &[Machine], record: &Record) {
        if let Some(held) = &mut self.held
            && !held.go_on(now, machines, &self.dice, record)
        {
            self.end(machines, record);
        }
    }

    /// Nothing is held any more.
    pub(crate) fn end(&mut self, machines: &[Machine], record: &Record) {
        let Some(Held { node, group, stage, .. }) = self.held.take() else { return };
        // One that has lost its power meanwhile holds nothing any more.
        let Some(shard) = machine(machines, node).group(group) else { return };
        let Some(count) = shard.held_proposals() else { return };
        record.note(&format!("{count} proposals of node {node} to {group:?} are let in: {stage:?}"));
        if let Stage::Back { proposals, .. } = stage {
            record.cover(|counts| counts.late_proposals += proposals as u64);
        }
        shard.let_proposals_in();
    }
}

impl Held {
    /// False when it is over.
    fn go_on(&mut self, now: u64, machines: &[Machine], dice: &SeededIds, record: &Record) -> bool {
        let Some(shard) = machine(machines, self.node).group(self.group) else { return false };
        let Some(count) = shard.held_proposals().filter(|_| now < self.until) else { return false };
        self.moving.take_if(|moving| moving.is_finished());
        let leader = leader(machines, self.group);
        let is_away = leader.is_some_and(|(node, term)| node != self.node && term > self.term);
        let is_back = leader.is_some_and(|(node, term)| node == self.node && term > self.term);
        match self.stage {
            Stage::Nothing if count > 0 => self.stage = Stage::Gathered { at: now + dice.below(GATHERED_MAX) },
            Stage::Nothing => {}
            Stage::Gathered { .. } if is_away => {
                record.note(&format!("node {} does not lead {:?} any more", self.node, self.group));
                let at = now + AWAY_MIN + dice.below(AWAY_MAX - AWAY_MIN);
                self.stage = Stage::Away { at, proposals: count };
            }
            Stage::Gathered { at } if now >= at => {
                let me = NodeId(u64::from(self.node));
                let others: Vec<NodeId> = shard.voters().into_iter().filter(|other| *other != me).collect();
                if let Some(to) = one_of(&others, dice) {
                    self.ask(machines, self.node, to);
                }
            }
            Stage::Gathered { .. } => {}
            Stage::Away { proposals, .. } if is_back => {
                self.stage = Stage::Back { at: now + dice.below(BACK_MAX), proposals };
            }
            Stage::Away { at, .. } if now >= at => {
                if let Some((leader, _)) = leader {
                    self.ask(machines, leader, NodeId(u64::from(self.node)));
                }
            }
            Stage::Away { .. } => {}
            Stage::Back { at, .. } => return now < at,
        }
        true
    }

    /// Has leadership moved, unless it is on its way already.
    fn ask(&mut self, machines: &[Machine], from: u32, to: NodeId) {
        if self.moving.is_none() {
            self.moving = machine(machines, from).hand_over(self.group, to);
        }
    }
}

fn machine(machines: &[Machine], node: u32) -> &Machine {
    &machines[node as usize - 1]
}

/// Who says of a shard that it leads it, and in which term.
fn led(machines: &[Machine]) -> impl Iterator<Item = (u32, GroupId, u64)> {
    let of = |it: &Machine| it.led_shards().into_iter().map(|(group, term)| (it.node, group, term)).collect::<Vec<_>>();
    machines.iter().flat_map(of)
}

/// Who leads a shard, of the latest term, and that term.
fn leader(machines: &[Machine], group: GroupId) -> Option<(u32, u64)> {
    let led = led(machines).filter(|(_, id, _)| *id == group).map(|(node, _, term)| (node, term));
    led.max_by_key(|(_, term)| *term)
}
