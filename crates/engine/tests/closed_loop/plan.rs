//! What a random workflow does: a tree of steps, drawn from a seed and the workflow's id, the same for each replay.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
};

use weft_replay::{Cancellation, ChildCancellation};

/// Random numbers from a seed (SplitMix64).
#[derive(Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Timer(u64),
    Activity(Cancellation),
    Local,
    Effect,
    /// A timer whose length is drawn by the run.
    Drawn,
    Version(u64),
    /// Awaited, or only started.
    Child(String, ChildCancellation, bool),
    Signal(String),
    Stop(String),
    /// Waits for that many signals and updates, but not for ever.
    Hear(usize, u64),
    All(Vec<Rc<Step>>),
    Race(Vec<Rc<Step>>),
    Seq(Vec<Rc<Step>>),
    /// Cancelled after so many seconds.
    Limited(u64, Rc<Step>),
    Shielded(Rc<Step>),
    /// Runs beside the rest.
    Beside(Rc<Step>),
}

pub(crate) struct Plan {
    pub(crate) step: Rc<Step>,
    /// How many runs follow one another.
    pub(crate) rounds: u64,
}

/// The plan of a workflow; children's ids tell how deep they are.
pub(crate) fn of(seed: u64, workflow: &str) -> Plan {
    let mut hasher = DefaultHasher::new();
    (seed, workflow).hash(&mut hasher);
    let mut random = Random(hasher.finish());
    let depth = workflow.matches('.').count();
    let mut drawing = Drawing { random: &mut random, workflow, children: 0, may_parent: depth < 2, steps: 14 };
    let first = drawing.step(3);
    let second = drawing.step(2);
    let step = Rc::new(Step::Seq(vec![first, second]));
    let rounds = if random.once_in(4) { 2 } else { 1 };
    Plan { step, rounds }
}

struct Drawing<'d> {
    random: &'d mut Random,
    workflow: &'d str,
    children: u32,
    may_parent: bool,
    /// How many leaves are left.
    steps: u32,
}

impl Drawing<'_> {
    fn step(&mut self, depth: u32) -> Rc<Step> {
        let kind = if depth == 0 || self.steps == 0 { self.random.below(12) } else { self.random.below(24) };
        self.steps = self.steps.saturating_sub(1);
        let seconds = 1 + self.random.below(20);
        Rc::new(match kind {
            0 | 1 => Step::Timer(seconds),
            2 | 3 => Step::Activity(match self.random.below(3) {
                0 => Cancellation::Try,
                1 => Cancellation::Wait,
                _ => Cancellation::Abandon,
            }),
            4 => Step::Local,
            5 => Step::Effect,
            6 => Step::Drawn,
            7 => Step::Version(self.random.below(3)),
            8 if self.may_parent => {
                self.children += 1;
                let cancellation = match self.random.below(3) {
                    0 => ChildCancellation::Wait,
                    1 => ChildCancellation::Try,
                    _ => ChildCancellation::Abandon,
                };
                Step::Child(format!("{}.{}", self.workflow, self.children), cancellation, self.random.once_in(2))
            }
            8 | 9 => Step::Signal(self.other()),
            // No child of its own: a child must not be started and cancelled by its id in one answer.
            10 if self.random.once_in(4) => Step::Stop(if self.random.once_in(2) { "w" } else { "nobody" }.to_owned()),
            10 | 11 => Step::Hear(1 + self.random.below(2) as usize, seconds),
            12..=14 => Step::All(self.several(depth)),
            15..=17 => Step::Race(self.several(depth)),
            18 | 19 => Step::Seq(self.several(depth)),
            20 | 21 => Step::Limited(seconds, self.step(depth - 1)),
            22 => Step::Shielded(self.step(depth - 1)),
            _ => Step::Beside(self.step(depth - 1)),
        })
    }

    fn several(&mut self, depth: u32) -> Vec<Rc<Step>> {
        (0..2 + self.random.below(2)).map(|_| self.step(depth - 1)).collect()
    }

    /// A workflow that may or may not be there.
    fn other(&mut self) -> String {
        match self.random.below(3) {
            0 => format!("{}.1", self.workflow),
            1 => "nobody".to_owned(),
            _ => "w".to_owned(),
        }
    }
}
