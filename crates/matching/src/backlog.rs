//! The tasks that a queue holds, per shard and lane of fairness keys, and what it knows of those that it does not hold.
//!
//! Invariant: per shard and lane, together a *line*, there is a position, the *edge*, before which every offered task is held (or already handed
//! out), and from which on tasks may lie in the shard only. No edge: everything is here. So a task is held only if it
//! stands before the edge, a better task pushes out the worst one when there is no room, and a pull from the edge on
//! finds all that was dropped. A task id is held at most once.
//!
//! Deliberately not here: pollers, and the act of pulling. This says which pulls are due.

use crate::fair::{Fair, key_of, weight_of};
use crate::payload::{Identified, LineId, Near, Offer, Position, Rank, Start};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
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
    /// It was held already, and stands now where it was offered last.
    Duplicate,
    /// No room. The shard has more.
    Dropped,
}

/// A pull that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask<I> {
    pub(crate) line: LineId,
    pub(crate) from: Start<I>,
    pub(crate) max: usize,
    pub(crate) number: u64,
}

/// What a pull brought.
#[derive(Debug)]
pub(crate) struct Found<T: Identified> {
    pub(crate) line: LineId,
    pub(crate) number: u64,
    pub(crate) offers: Vec<Offer<T>>,
    /// The first task after those in `offers`, if the shard has one.
    pub(crate) next: Option<Position<T::Id>>,
}

#[derive(Debug)]
pub(crate) struct Backlog<T: Identified> {
    lines: BTreeMap<LineId, Line<T>>,
    /// How many lines each shard has here.
    lines_of: BTreeMap<u32, usize>,
    fair: Fair<T::Id>,
    /// Shards that are asked which lanes they have, and since when.
    undiscovered: BTreeMap<u32, Duration>,
    discoveries: Vec<u32>,
    len: usize,
    held_per_shard_max: usize,
    overtaking_max: u64,
    asks: Vec<Ask<T::Id>>,
    asked: u64,
}

/// A line has room for so many tasks however many lines there are.
const LINE_ROOM_MIN: usize = 16;
/// So many first tasks of lines are looked at for one that is near.
const LOOKED_AT_MAX: usize = 64;

#[derive(Debug)]
struct Line<T: Identified> {
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
    pub(crate) fn new(held_per_shard_max: usize, overtaking_max: u64) -> Self {
        Self {
            lines: BTreeMap::new(),
            lines_of: BTreeMap::new(),
            fair: Fair::new(),
            undiscovered: BTreeMap::new(),
            discoveries: Vec::new(),
            len: 0,
            // With no room at all no pull could ever bring anything.
            held_per_shard_max: held_per_shard_max.max(1),
            overtaking_max,
            asks: Vec::new(),
            asked: 0,
        }
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
        self.lines.is_empty() && self.undiscovered.is_empty()
    }

    pub(crate) fn has_more(&self) -> bool {
        !self.undiscovered.is_empty() || self.lines.values().any(|line| line.beyond.edge().is_some())
    }

    pub(crate) fn oldest_since(&self) -> Option<Duration> {
        self.lines.values().flat_map(|line| line.held.values()).map(|held| held.since).min()
    }

    /// Since when the task is held that goes next.
    pub(crate) fn first_since(&self) -> Option<Duration> {
        let (_, line) = self.fair.next(|_| true)?.next()?;
        let line = self.lines.get(&line)?;
        line.held.first_key_value().map(|(_, held)| held.since)
    }

    /// How much is remembered of fairness keys.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.fair.remembered()
    }

    /// The fairness keys of which tasks are held that may go next in their lines.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.fair.keys()
    }

    pub(crate) fn hold(&mut self, offer: Offer<T>, now: Duration) -> Kept {
        let (id, position) = (offer.line(), offer.position());
        self.open(id);
        let max = self.room(id.shard);
        let mut pushed_out = 0;
        let kept = self.with_line(id, |line| {
            if line.ids.contains(&position.id) {
                line.move_to(position, offer);
                return Kept::Duplicate;
            }
            let at = Start::At(position.clone());
            if line.beyond.edge().is_some_and(|edge| at >= *edge) {
                line.beyond.lower(at);
                return Kept::Dropped;
            }
            if line.held.len() >= max {
                if line.held.last_key_value().is_none_or(|(worst, _)| position > *worst) {
                    line.beyond.lower(at);
                    return Kept::Dropped;
                }
                line.push_out_worst();
                pushed_out = 1;
            }
            line.insert(position, Held { offer, since: now });
            Kept::Held
        });
        self.len -= pushed_out;
        self.len += usize::from(kept == Some(Kept::Held));
        kept.unwrap_or(Kept::Dropped)
    }

    /// Takes back a task that was handed out in vain. It always has room: there are no more of these than polls.
    pub(crate) fn put_back(&mut self, held: Held<T>, now: Duration) {
        let (id, position) = (held.offer.line(), held.offer.position());
        self.open(id);
        let put = self.with_line(id, |line| {
            if line.ids.contains(&position.id) {
                return false;
            }
            let at = Start::At(position.clone());
            if line.beyond.edge().is_some_and(|edge| at >= *edge) {
                // It had overtaken tasks that are in the shard only, and is pulled after them now.
                line.beyond.lower(at);
                return false;
            }
            line.insert(position, held);
            true
        });
        self.len += usize::from(put == Some(true));
        self.consider(id, now);
    }

    /// The task whose turn it is, of those whose fairness key `may` go; `weight` is what the key has instead of what
    /// the task says. It, or one from a shard that is `near`, see [`Options::overtaking_max`](crate::Options).
    pub(crate) fn pop(
        &mut self,
        now: Duration,
        may: impl FnMut(&str) -> bool,
        weight: impl Fn(&str) -> Option<u32>,
        near: Near<'_>,
    ) -> Option<Held<T>> {
        let id = self.choose(may, near)?;
        let head = self.lines.get(&id)?.held.first_key_value().map(|(_, held)| &held.offer)?;
        let (priority, key) = (head.rank.priority, key_of(head.share.as_ref()));
        let weight = weight(&key).unwrap_or_else(|| weight_of(head.share.as_ref()));
        self.fair.charge(priority, &key, weight);
        let held = self.with_line(id, Line::take_first)??;
        self.len -= 1;
        self.consider(id, now);
        Some(held)
    }

    /// Of the first tasks of the lines of the key whose turn it is, the first that is near, if none waits that is much older.
    fn choose(&self, may: impl FnMut(&str) -> bool, near: Near<'_>) -> Option<LineId> {
        let mut heads = self.fair.next(may)?.peekable();
        let (first, line) = heads.peek().map(|(position, line)| (position.rank, *line))?;
        let of_its_age = |rank: Rank| {
            rank.priority == first.priority && rank.order.saturating_sub(first.order) <= self.overtaking_max
        };
        let nearest = heads.take(LOOKED_AT_MAX).take_while(|(position, _)| of_its_age(position.rank));
        Some(nearest.map(|(_, line)| line).find(|line| near(line.shard)).unwrap_or(line))
    }

    /// The shard may have tasks that were never offered here, in lanes that are not known here.
    pub(crate) fn mark_all(&mut self, shard: u32, now: Duration) {
        self.mark(LineId { shard, lane: 0 }, now);
        self.undiscovered.insert(shard, now);
        self.discoveries.push(shard);
    }

    /// These are the lanes in which the shard has tasks, besides that of no key.
    pub(crate) fn discovered(&mut self, shard: u32, lanes: &[u16], now: Duration) {
        if self.undiscovered.remove(&shard).is_some() {
            lanes.iter().for_each(|lane| self.mark(LineId { shard, lane: *lane }, now));
        }
    }

    fn mark(&mut self, id: LineId, now: Duration) {
        self.open(id);
        self.with_line(id, |line| line.beyond.lower(Start::Beginning));
        self.consider(id, now);
    }

    /// Takes in what a pull brought, and answers the priorities of the tasks of it that are held now. The answer to an
    /// older question brings tasks, but says nothing of what is left.
    pub(crate) fn pulled(&mut self, found: Found<T>, now: Duration) -> Vec<u32> {
        let Found { line: id, number, offers, next } = found;
        let empty = offers.is_empty();
        self.with_line(id, |line| line.answered(number, next));
        let mut kept = Vec::new();
        for offer in offers {
            let priority = offer.rank.priority;
            if self.hold(Offer { origin: id.shard, ..offer }, now) == Kept::Held {
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

    /// Shards that are to say which lanes they have, since the last call.
    pub(crate) fn take_discoveries(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.discoveries)
    }

    /// Asks again what was not answered in time, and what was put off.
    pub(crate) fn sweep(&mut self, now: Duration, pull_retry: Duration) {
        let ids: Vec<LineId> = self.lines.keys().copied().collect();
        for id in ids {
            self.ask_again(id, now, pull_retry);
            self.consider(id, now);
        }
        for (shard, at) in &mut self.undiscovered {
            if now.saturating_sub(*at) >= pull_retry {
                *at = now;
                self.discoveries.push(*shard);
            }
        }
    }

    /// All tasks, and the shards that have more.
    pub(crate) fn drain(&mut self) -> (Vec<Offer<T>>, Vec<u32>) {
        let mut tasks = Vec::with_capacity(self.len);
        let mut more: BTreeSet<u32> = std::mem::take(&mut self.undiscovered).into_keys().collect();
        for (id, line) in std::mem::take(&mut self.lines) {
            if line.beyond.edge().is_some() {
                more.insert(id.shard);
            }
            tasks.extend(line.held.into_values().map(|held| held.offer));
        }
        *self = Self::new(self.held_per_shard_max, self.overtaking_max);
        (tasks, more.into_iter().collect())
    }

    /// How many tasks of a shard's line are held at most: the more lines it has, the fewer of each.
    fn room(&self, shard: u32) -> usize {
        let lines = self.lines_of.get(&shard).copied().unwrap_or(1).max(1);
        (self.held_per_shard_max / lines).max(LINE_ROOM_MIN.min(self.held_per_shard_max))
    }

    fn open(&mut self, id: LineId) {
        self.lines.entry(id).or_insert_with(|| {
            *self.lines_of.entry(id.shard).or_default() += 1;
            Line::new()
        });
    }

    /// Changes a line, if it is there, and keeps account of its first task.
    fn with_line<O>(&mut self, id: LineId, change: impl FnOnce(&mut Line<T>) -> O) -> Option<O> {
        let line = self.lines.get_mut(&id)?;
        let before = line.head();
        let output = change(line);
        let after = line.head();
        self.fair.moved(id, before, after);
        Some(output)
    }

    /// Asks the shard for more if it has more and half of the line's room is free.
    fn consider(&mut self, id: LineId, now: Duration) {
        let room = self.room(id.shard);
        let Some(line) = self.lines.get_mut(&id) else { return };
        if let Beyond::More(from) = &line.beyond
            && line.held.len() <= room / 2
        {
            self.asked += 1;
            let (from, number) = (from.clone(), self.asked);
            let max = room - line.held.len();
            self.asks.push(Ask { line: id, from: from.clone(), max, number });
            line.beyond = Beyond::Asked { from, number, at: now, dropped: None };
        }
        self.tidy(id);
    }

    /// The same question with the same number: whichever answer comes first is good, because what was dropped since the
    /// first asking is still remembered.
    fn ask_again(&mut self, id: LineId, now: Duration, pull_retry: Duration) {
        let room = self.room(id.shard);
        let Some(line) = self.lines.get_mut(&id) else { return };
        let room = room.saturating_sub(line.held.len());
        if let Beyond::Asked { from, number, at, .. } = &mut line.beyond
            && now.saturating_sub(*at) >= pull_retry
        {
            *at = now;
            self.asks.push(Ask { line: id, from: from.clone(), max: room.max(1), number: *number });
        }
    }

    fn tidy(&mut self, id: LineId) {
        if self.lines.get(&id).is_some_and(|line| line.held.is_empty() && line.beyond.edge().is_none()) {
            self.lines.remove(&id);
            if let Some(lines) = self.lines_of.get_mut(&id.shard) {
                *lines -= 1;
                if *lines == 0 {
                    self.lines_of.remove(&id.shard);
                }
            }
        }
    }
}

impl<T: Identified> Line<T> {
    fn new() -> Self {
        Self { held: BTreeMap::new(), ids: BTreeSet::new(), beyond: Beyond::Nothing }
    }

    /// The first task's place and its fairness key.
    fn head(&self) -> Option<(Position<T::Id>, Arc<str>)> {
        let (position, held) = self.held.first_key_value()?;
        Some((position.clone(), key_of(held.offer.share.as_ref())))
    }

    fn insert(&mut self, position: Position<T::Id>, held: Held<T>) {
        self.ids.insert(position.id.clone());
        self.held.insert(position, held);
    }

    /// A task that is held has become more or less urgent. One that would leave for what is in the shard only stays where
    /// it is: what a pull brings may be older than what is known here.
    fn move_to(&mut self, position: Position<T::Id>, offer: Offer<T>) {
        let known = self.held.contains_key(&position);
        if known || self.beyond.edge().is_some_and(|edge| Start::At(position.clone()) >= *edge) {
            return;
        }
        let was = self.held.keys().find(|held| held.id == position.id).cloned();
        if let Some(held) = was.and_then(|was| self.held.remove(&was)) {
            self.held.insert(position, Held { offer, since: held.since });
        }
    }

    fn take_first(&mut self) -> Option<Held<T>> {
        let (position, held) = self.held.pop_first()?;
        self.ids.remove(&position.id);
        Some(held)
    }

    fn push_out_worst(&mut self) {
        if let Some((worst, _)) = self.held.pop_last() {
            self.ids.remove(&worst.id);
            self.beyond.lower(Start::At(worst));
        }
    }

    /// A pull was answered: what the shard has beyond the answer is known, if it was the question that is open.
    fn answered(&mut self, number: u64, next: Option<Position<T::Id>>) {
        if let Beyond::Asked { number: expected, dropped, .. } = &mut self.beyond
            && *expected == number
        {
            let dropped = dropped.take();
            let next = next.map(Start::At);
            let edge = match (next, dropped) {
                (Some(next), Some(dropped)) => Some(next.min(dropped)),
                (next, dropped) => next.or(dropped),
            };
            self.beyond = edge.map_or(Beyond::Nothing, Beyond::More);
        }
    }
}

#[cfg(test)]
mod tests;
