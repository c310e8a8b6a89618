//! Whose turn it is: of the most urgent tasks, those of the fairness key that had least of what its weight is due.
//!
//! Each key of a priority has a *pass*, which grows by one stride, the inverse of its weight, with each of its tasks that
//! goes; the lowest pass goes next, and of equal ones the older task. A key that comes, or comes back, begins where the
//! last turn was: it has not saved up turns while it was away.
//!
//! Invariant: a line of tasks is known here by its first one, under that one's key. Between two turns of a key with
//! tasks any other key with a weight of `w` times its own goes at most `w` times and once more, so none starves. What
//! is remembered of keys without tasks is bounded.

use crate::payload::{LineId, Position, Share};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a task without a weight has, in thousandths.
const WEIGHT_DEFAULT: u32 = 1000;
/// The stride of a weight of one thousandth.
const STRIDE_MAX: u64 = 1_000_000_000;
/// Keys without tasks whose passes are remembered.
const IDLE_KEYS_MAX: usize = 10_000;

/// A fairness key; empty for tasks that have none.
type Key = Arc<str>;
type Heads<I> = BTreeSet<(Position<I>, LineId)>;

#[derive(Debug)]
pub(crate) struct Fair<I> {
    /// The first tasks of lines, by key.
    heads: BTreeMap<Key, Heads<I>>,
    order: BTreeSet<Turn<I>>,
    passes: BTreeMap<(u32, Key), u64>,
    /// The pass of the last turn, by priority.
    last: BTreeMap<u32, u64>,
}

/// A key's next turn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn<I> {
    priority: u32,
    pass: u64,
    position: Position<I>,
    key: Key,
}

impl<I: Ord + Clone> Fair<I> {
    pub(crate) fn new() -> Self {
        Self { heads: BTreeMap::new(), order: BTreeSet::new(), passes: BTreeMap::new(), last: BTreeMap::new() }
    }

    /// The first task of a line is another one now, or there is none.
    pub(crate) fn moved(&mut self, line: LineId, from: Option<(Position<I>, Key)>, to: Option<(Position<I>, Key)>) {
        if from == to {
            return;
        }
        if let Some((position, key)) = from {
            self.edit(&key, |heads| {
                heads.remove(&(position, line));
            });
        }
        if let Some((position, key)) = to {
            self.edit(&key, |heads| {
                heads.insert((position, line));
            });
        }
    }

    /// The first tasks of the lines of that key whose turn it is, of those that may, in their order; and their lines.
    pub(crate) fn next(
        &self,
        mut may: impl FnMut(&str) -> bool,
    ) -> Option<impl Iterator<Item = (&Position<I>, LineId)>> {
        let turn = self.order.iter().find(|turn| may(&turn.key))?;
        let heads = self.heads.get(&turn.key)?;
        Some(heads.iter().map(|(position, line)| (position, *line)))
    }

    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.passes.len()
    }

    /// The keys that have tasks.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.heads.keys().map(|key| &**key)
    }

    /// A task of this priority and key goes.
    pub(crate) fn charge(&mut self, priority: u32, key: &Key, weight: u32) {
        let stride = STRIDE_MAX / u64::from(weight.max(1));
        self.forget_turn(key);
        let last = self.last.entry(priority).or_default();
        let pass = self.passes.entry((priority, Arc::clone(key))).or_default();
        *last = (*pass).max(*last);
        *pass = last.saturating_add(stride);
        self.edit(key, |_| ());
        self.prune();
    }

    /// Changes the heads of a key and finds its turn anew.
    fn edit(&mut self, key: &Key, change: impl FnOnce(&mut Heads<I>)) {
        self.forget_turn(key);
        let heads = self.heads.entry(Arc::clone(key)).or_default();
        change(heads);
        let Some((position, _)) = heads.first() else {
            self.heads.remove(key);
            return;
        };
        let priority = position.rank.priority;
        let last = self.last.get(&priority).copied().unwrap_or(0);
        let pass = self.passes.entry((priority, Arc::clone(key))).or_default();
        *pass = last.max(*pass);
        self.order.extend(self.turn(key));
    }

    fn forget_turn(&mut self, key: &Key) {
        if let Some(turn) = self.turn(key) {
            self.order.remove(&turn);
        }
    }

    /// A key that has tasks has a pass too.
    fn turn(&self, key: &Key) -> Option<Turn<I>> {
        let (position, _) = self.heads.get(key)?.first()?;
        let priority = position.rank.priority;
        let pass = *self.passes.get(&(priority, Arc::clone(key)))?;
        Some(Turn { priority, pass, position: position.clone(), key: Arc::clone(key) })
    }

    /// Keys without tasks that are not ahead are as if they had never been; of those ahead some are let off.
    fn prune(&mut self) {
        if self.passes.len() <= self.heads.len() + IDLE_KEYS_MAX {
            return;
        }
        let (heads, last) = (&self.heads, &self.last);
        self.passes.retain(|(priority, key), pass| {
            heads.contains_key(key) || last.get(priority).is_some_and(|last| *pass > *last)
        });
        if self.passes.len() > heads.len() + IDLE_KEYS_MAX {
            self.passes.retain(|(_, key), _| heads.contains_key(key));
        }
    }
}

/// The key that a task counts to.
pub(crate) fn key_of(share: Option<&Share>) -> Key {
    share.map_or_else(|| Arc::from(""), |share| Arc::clone(&share.key))
}

/// The weight of a task's key, as the task says it.
pub(crate) fn weight_of(share: Option<&Share>) -> u32 {
    share.map_or(WEIGHT_DEFAULT, |share| share.weight)
}

#[cfg(test)]
mod tests;
