//! What a skipping clock knows of those who wait and work, and when that lets it jump.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
    time::Duration,
};

use tokio::sync::Notify;

use super::{Standing, Unbalanced, UnixNanos};

/// Everything that the clock decides by.
pub(super) struct State {
    /// All jumps together.
    pub(super) skipped: Duration,
    /// What callers locked and unlocked.
    pub(super) locks: usize,
    /// Sleepers who do an activity, and gave away the lock that it is. Such a sleep may outlast its activity.
    lent: usize,
    pub(super) holds: usize,
    parties: BTreeMap<u64, Seat>,
    /// By (moment, ticket).
    sleepers: BTreeMap<(UnixNanos, u64), Sleeper>,
    next_id: u64,
}

struct Seat {
    standing: Standing,
    jumped: Arc<Notify>,
}

struct Sleeper {
    woken: Arc<Notify>,
    loan: Loan,
}

/// What a sleeper took away until it wakes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Loan {
    Nothing,
    /// A lock that a caller set.
    Lock,
    /// The lock that an activity is.
    Activity,
}

/// Whoever must hear of a jump.
pub(super) struct Jump(Vec<Arc<Notify>>);

impl Jump {
    pub(super) fn tell(self) {
        self.0.into_iter().for_each(|it| it.notify_one());
    }
}

impl State {
    pub(super) fn locked() -> Self {
        Self {
            skipped: Duration::ZERO,
            locks: 1,
            lent: 0,
            holds: 0,
            parties: BTreeMap::new(),
            sleepers: BTreeMap::new(),
            next_id: 0,
        }
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn admit(&mut self) -> (u64, Arc<Notify>) {
        let (id, jumped) = (self.new_id(), Arc::new(Notify::new()));
        let standing = Standing { at_work: true, ..Standing::default() };
        self.parties.insert(id, Seat { standing, jumped: Arc::clone(&jumped) });
        (id, jumped)
    }

    pub(super) fn report(&mut self, party: u64, standing: Standing) {
        if let Some(seat) = self.parties.get_mut(&party) {
            seat.standing = standing;
        }
    }

    pub(super) fn dismiss(&mut self, party: u64) {
        self.parties.remove(&party);
    }

    /// Takes a lock away that a caller set.
    pub(super) fn take_lock(&mut self) -> Result<(), Unbalanced> {
        self.locks = self.locks.checked_sub(1).ok_or(Unbalanced)?;
        Ok(())
    }

    /// Takes a lock away for a sleeper: one that a caller set, or else the one that an activity is.
    pub(super) fn borrow(&mut self) -> Result<Loan, Unbalanced> {
        if self.take_lock().is_ok() {
            return Ok(Loan::Lock);
        }
        if self.activities() == 0 {
            return Err(Unbalanced);
        }
        self.lent += 1;
        Ok(Loan::Activity)
    }

    fn give_back(&mut self, loan: Loan) {
        match loan {
            Loan::Nothing => {}
            Loan::Lock => self.locks += 1,
            Loan::Activity => self.lent -= 1,
        }
    }

    fn activities(&self) -> usize {
        self.parties.values().map(|seat| seat.standing.activities).sum()
    }

    fn is_locked(&self) -> bool {
        self.locks > 0 || self.activities() > self.lent
    }

    pub(super) fn enlist(&mut self, at: UnixNanos, loan: Loan) -> (u64, Arc<Notify>) {
        let (ticket, woken) = (self.new_id(), Arc::new(Notify::new()));
        self.sleepers.insert((at, ticket), Sleeper { woken: Arc::clone(&woken), loan });
        (ticket, woken)
    }

    /// Whether a sleeper still sleeps.
    pub(super) fn sleeps(&self, at: UnixNanos, ticket: u64) -> bool {
        self.sleepers.contains_key(&(at, ticket))
    }

    /// A sleeper goes before its time. False if it was woken.
    pub(super) fn strike(&mut self, at: UnixNanos, ticket: u64) -> bool {
        let Some(sleeper) = self.sleepers.remove(&(at, ticket)) else { return false };
        self.give_back(sleeper.loan);
        true
    }

    /// Wakes the sleepers whose moment has come. Each holds time until it has gone.
    pub(super) fn wake(&mut self, now: UnixNanos) -> Vec<Arc<Notify>> {
        let mut woken = Vec::new();
        while let Some(first) = self.sleepers.first_entry().filter(|first: &First<'_>| first.key().0 <= now) {
            let sleeper = first.remove();
            self.give_back(sleeper.loan);
            self.holds += 1;
            woken.push(sleeper.woken);
        }
        woken
    }

    /// Jumps to the next moment that anybody waits for, if nothing is to be done before it.
    pub(super) fn jump(&mut self, now: UnixNanos) -> Option<Jump> {
        let busy = |Seat { standing, .. }: &Seat| {
            standing.at_work || standing.workflow_tasks > 0 || standing.next.is_some_and(|next| next <= now)
        };
        if self.holds > 0 || self.is_locked() || self.parties.values().any(busy) {
            return None;
        }
        let waited_for = self.parties.values().filter_map(|seat| seat.standing.next);
        let at = waited_for.chain(self.sleepers.keys().map(|(at, _)| *at)).min()?;
        self.skipped = self.skipped.saturating_add(at.since(now));
        for seat in self.parties.values_mut() {
            seat.standing.at_work = seat.standing.next.is_some_and(|next| next <= at);
        }
        let mut told = self.wake(at);
        told.extend(self.parties.values().map(|seat| Arc::clone(&seat.jumped)));
        Some(Jump(told))
    }
}

type First<'a> = btree_map::OccupiedEntry<'a, (UnixNanos, u64), Sleeper>;
