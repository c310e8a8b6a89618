//! The tasks that a queue holds, per shard, and what it knows of those that it does not hold.
//!
//! Invariant: per shard there is a position, the *edge*, before which every offered task is held (or already handed
//! out), and from which on tasks may lie in the shard only. No edge: everything is here. So a task is held only if it
//! stands before the edge, a better task pushes out the worst one when there is no room, and a pull from the edge on
//! finds all that was dropped. A task id is held at most once.
//!
//! Deliberately not here: pollers, and the act of pulling. This says which pulls are due.

use crate::payload::{Identified, Offer, Position, Start};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A task in memory, and since when.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held<T> {
    pub(crate) offer: Offer<T>,
    pub(crate) since: Duration,
}

/// What became of a task that was to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Held,
    /// It was held already.
    Duplicate,
    /// No room. The shard has more.
    Dropped,
}

/// A pull that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask<I> {
    pub(crate) shard: u32,
    pub(crate) from: Start<I>,
    pub(crate) max: usize,
    pub(crate) number: u64,
}

/// What a pull brought.
#[derive(Debug)]
pub(crate) struct Found<T: Identified> {
    pub(crate) shard: u32,
    pub(crate) number: u64,
    pub(crate) offers: Vec<Offer<T>>,
    /// The first task after those in `offers`, if the shard has one.
    pub(crate) next: Option<Position<T::Id>>,
}

#[derive(Debug)]
pub(crate) struct Backlog<T: Identified> {
    shards: BTreeMap<u32, Shard<T>>,
    len: usize,
    held_per_shard_max: usize,
    asks: Vec<Ask<T::Id>>,
    asked: u64,
}

#[derive(Debug)]
struct Shard<T: Identified> {
    held: BTreeMap<Position<T::Id>, Held<T>>,
    ids: BTreeSet<T::Id>,
    beyond: Beyond<T::Id>,
}

/// What the shard has that is not held.
#[derive(Debug)]
enum Beyond<I> {
    Nothing,
    /// There may be tasks from here on, and nobody was asked.
    More(Start<I>),
    Asked {
        from: Start<I>,
        number: u64,
        at: Duration,
        /// The first task that was dropped since: the answer may not know of it.
        dropped: Option<Start<I>>,
    },
}

impl<I: Ord + Clone> Beyond<I> {
    fn edge(&self) -> Option<&Start<I>> {
        match self {
            Self::Nothing => None,
            Self::More(from) => Some(from),
            Self::Asked { from, dropped, .. } => Some(dropped.as_ref().map_or(from, |dropped| dropped.min(from))),
        }
    }

    fn lower(&mut self, start: Start<I>) {
        match self {
            Self::Nothing => *self = Self::More(start),
            Self::More(from) => {
                if start < *from {
                    *from = start;
                }
            }
            Self::Asked { dropped, .. } => {
                if dropped.as_ref().is_none_or(|dropped| start < *dropped) {
                    *dropped = Some(start);
                }
            }
        }
    }
}

impl<T: Identified> Backlog<T> {
    pub(crate) fn new(held_per_shard_max: usize) -> Self {
        // With no room at all no pull could ever bring anything.
        let held_per_shard_max = held_per_shard_max.max(1);
        Self { shards: BTreeMap::new(), len: 0, held_per_shard_max, asks: Vec::new(), asked: 0 }
    }

    /// No task is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// No task is held and no shard has more.
    pub(crate) fn is_clear(&self) -> bool {
        self.shards.is_empty()
    }

    pub(crate) fn has_more(&self) -> bool {
        self.shards.values().any(|shard| shard.beyond.edge().is_some())
    }

    pub(crate) fn oldest_since(&self) -> Option<Duration> {
        self.shards.values().flat_map(|shard| shard.held.values()).map(|held| held.since).min()
    }

    /// Since when the task is held that goes next.
    pub(crate) fn first_since(&self) -> Option<Duration> {
        let heads = self.shards.values().filter_map(|shard| shard.held.first_key_value());
        heads.min_by_key(|(position, _)| *position).map(|(_, held)| held.since)
    }

    pub(crate) fn hold(&mut self, offer: Offer<T>, now: Duration) -> Kept {
        let position = offer.position();
        let max = self.held_per_shard_max;
        let shard = self.shards.entry(offer.origin).or_insert_with(Shard::new);
        if shard.ids.contains(&position.id) {
            return Kept::Duplicate;
        }
        let at = Start::At(position.clone());
        if shard.beyond.edge().is_some_and(|edge| at >= *edge) {
            shard.beyond.lower(at);
            return Kept::Dropped;
        }
        if shard.held.len() >= max {
            if shard.held.last_key_value().is_none_or(|(worst, _)| position > *worst) {
                shard.beyond.lower(at);
                return Kept::Dropped;
            }
            shard.push_out_worst();
            self.len -= 1;
        }
        shard.insert(position, Held { offer, since: now });
        self.len += 1;
        Kept::Held
    }

    /// Takes back a task that was handed out in vain. It always has room: there are no more of these than polls.
    pub(crate) fn put_back(&mut self, held: Held<T>, now: Duration) {
        let id = held.offer.origin;
        let position = held.offer.position();
        let shard = self.shards.entry(id).or_insert_with(Shard::new);
        if shard.ids.contains(&position.id) {
            return;
        }
        let at = Start::At(position.clone());
        if shard.beyond.edge().is_some_and(|edge| at >= *edge) {
            // It had overtaken tasks that are in the shard only, and is pulled after them now.
            shard.beyond.lower(at);
            return self.consider(id, now);
        }
        shard.insert(position, held);
        self.len += 1;
    }

    /// The first task of all shards.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<Held<T>> {
        let heads = self.shards.iter().filter_map(|(id, shard)| Some((shard.held.first_key_value()?.0, *id)));
        let (_, id) = heads.min()?;
        let shard = self.shards.get_mut(&id)?;
        let (position, held) = shard.held.pop_first()?;
        shard.ids.remove(&position.id);
        self.len -= 1;
        self.consider(id, now);
        Some(held)
    }

    /// The shard may have tasks that were never offered here.
    pub(crate) fn mark_all(&mut self, shard: u32, now: Duration) {
        self.shards.entry(shard).or_insert_with(Shard::new).beyond.lower(Start::Beginning);
        self.consider(shard, now);
    }

    /// Takes in what a pull brought, and answers the priorities of the tasks of it that are held now. The answer to an older question
    /// brings tasks, but says nothing of what is left.
    pub(crate) fn pulled(&mut self, found: Found<T>, now: Duration) -> Vec<u32> {
        let Found { shard: id, number, offers, next } = found;
        let empty = offers.is_empty();
        if let Some(shard) = self.shards.get_mut(&id)
            && let Beyond::Asked { number: expected, dropped, .. } = &mut shard.beyond
            && *expected == number
        {
            let dropped = dropped.take();
            let next = next.map(Start::At);
            let edge = match (next, dropped) {
                (Some(next), Some(dropped)) => Some(next.min(dropped)),
                (next, dropped) => next.or(dropped),
            };
            shard.beyond = edge.map_or(Beyond::Nothing, Beyond::More);
        }
        let mut kept = Vec::new();
        for offer in offers {
            let priority = offer.rank.priority;
            if self.hold(Offer { origin: id, ..offer }, now) == Kept::Held {
                kept.push(priority);
            }
        }
        // An answer that brings nothing is not asked for again at once: the sweep does that.
        if empty {
            self.tidy(id);
        } else {
            self.consider(id, now);
        }
        kept
    }

    /// Pulls that became due since the last call.
    pub(crate) fn take_asks(&mut self) -> Vec<Ask<T::Id>> {
        std::mem::take(&mut self.asks)
    }

    /// Asks again what was not answered in time, and what was put off.
    pub(crate) fn sweep(&mut self, now: Duration, pull_retry: Duration) {
        let ids: Vec<u32> = self.shards.keys().copied().collect();
        for id in ids {
            self.ask_again(id, now, pull_retry);
            self.consider(id, now);
        }
    }

    /// Forgets all that came from a shard.
    pub(crate) fn forget(&mut self, shard: u32) {
        if let Some(shard) = self.shards.remove(&shard) {
            self.len -= shard.held.len();
        }
    }

    /// All tasks, and the shards that have more.
    pub(crate) fn drain(&mut self) -> (Vec<Offer<T>>, Vec<u32>) {
        let mut tasks = Vec::with_capacity(self.len);
        let mut more = Vec::new();
        for (id, shard) in std::mem::take(&mut self.shards) {
            if shard.beyond.edge().is_some() {
                more.push(id);
            }
            tasks.extend(shard.held.into_values().map(|held| held.offer));
        }
        self.len = 0;
        self.asks.clear();
        (tasks, more)
    }

    /// Asks the shard for more if it has more and half of its room is free.
    fn consider(&mut self, id: u32, now: Duration) {
        let Some(shard) = self.shards.get_mut(&id) else { return };
        if let Beyond::More(from) = &shard.beyond
            && shard.held.len() <= self.held_per_shard_max / 2
        {
            self.asked += 1;
            let (from, number) = (from.clone(), self.asked);
            let max = self.held_per_shard_max - shard.held.len();
            self.asks.push(Ask { shard: id, from: from.clone(), max, number });
            shard.beyond = Beyond::Asked { from, number, at: now, dropped: None };
        }
        self.tidy(id);
    }

    /// The same question with the same number: whichever answer comes first is good, because what was dropped since the
    /// first asking is still remembered.
    fn ask_again(&mut self, id: u32, now: Duration, pull_retry: Duration) {
        let Some(shard) = self.shards.get_mut(&id) else { return };
        let room = self.held_per_shard_max.saturating_sub(shard.held.len());
        if let Beyond::Asked { from, number, at, .. } = &mut shard.beyond
            && now.saturating_sub(*at) >= pull_retry
        {
            *at = now;
            self.asks.push(Ask { shard: id, from: from.clone(), max: room.max(1), number: *number });
        }
    }

    fn tidy(&mut self, id: u32) {
        if self.shards.get(&id).is_some_and(|shard| shard.held.is_empty() && shard.beyond.edge().is_none()) {
            self.shards.remove(&id);
        }
    }
}

impl<T: Identified> Shard<T> {
    fn new() -> Self {
        Self { held: BTreeMap::new(), ids: BTreeSet::new(), beyond: Beyond::Nothing }
    }

    fn insert(&mut self, position: Position<T::Id>, held: Held<T>) {
        self.ids.insert(position.id.clone());
        self.held.insert(position, held);
    }

    fn push_out_worst(&mut self) {
        if let Some((worst, _)) = self.held.pop_last() {
            self.ids.remove(&worst.id);
            self.beyond.lower(Start::At(worst));
        }
    }
}

#[cfg(test)]
mod tests;
