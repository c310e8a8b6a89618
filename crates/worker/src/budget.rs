//! Budgets: durable state of a run that says what may still be spent.
//!
//! ```text
//! reserve ─► the call ─► settle         what a call may cost is set aside before it, what it did cost is booked after
//!    │           └─────► forfeit        whatever became of it is unknown: all that was set aside counts as spent
//!    ├─ Full         as many calls run as may, or as there is set aside for: wait for one to end
//!    ├─ Soft         a person must agree, once for each meter
//!    ├─ Hard         nothing more until the budget is raised
//!    └─ Stalled      too much in a row brought nothing: a person must look
//! ```
//!
//! Pure: time is an argument. Invariant: what is spent and reserved together never passes a hard limit through a
//! reservation; a call that cost more than was set aside for it is booked whole, and the next one is refused.

mod amount;
mod breaker;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use amount::{Ceiling, Limits, Meter};
pub use breaker::Breaker;

use crate::model::Spend;

/// Names what was set aside for one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReservationId(u64);

/// Why nothing was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    #[error("{running} calls run already: one more would be too much before one of them has ended")]
    Full { running: u64 },
    #[error("{step} would bring {meter} to {would_be}, above the soft limit of {limit}")]
    Soft { step: String, meter: Meter, limit: u64, would_be: u64 },
    #[error("{step} would bring {meter} to {would_be}, above the hard limit of {limit}")]
    Hard { step: String, meter: Meter, limit: u64, would_be: u64 },
    #[error("{steps} steps in a row brought nothing")]
    Stalled { steps: u32 },
}

/// What may be spent, what is set aside, and what is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    limits: Limits,
    spent: Spend,
    reserved: BTreeMap<ReservationId, Reserved>,
    reservations: u64,
    breaker: Breaker,
    /// Meters whose soft limit a person has lifted.
    lifted: BTreeSet<Meter>,
    started_at_ms: u64,
    /// Time in which people were waited for: nobody works then.
    waited_ms: u64,
    /// So many steps wait for people now, since that time.
    waiting: u32,
    waiting_since_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reserved {
    step: String,
    spend: Spend,
}

/// A budget as people look at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetReport {
    pub limits: Limits,
    pub spent: Spend,
    /// By the step that it is set aside for.
    pub reserved: Vec<(String, Spend)>,
    pub wall_seconds: u64,
    /// Steps in a row that brought nothing, and how many may.
    pub fruitless_steps: u32,
    pub fruitless_steps_max: u32,
}

impl Budget {
    #[must_use]
    pub fn new(limits: Limits, started_at_ms: u64) -> Self {
        Self {
            breaker: Breaker::new(limits.fruitless_steps_max),
            limits,
            spent: Spend::default(),
            reserved: BTreeMap::new(),
            reservations: 0,
            lifted: BTreeSet::new(),
            started_at_ms,
            waited_ms: 0,
            waiting: 0,
            waiting_since_ms: 0,
        }
    }

    /// Sets aside what a step may cost.
    ///
    /// # Errors
    ///
    /// Why it may not; nothing has changed then.
    pub fn reserve(&mut self, step: &str, want: Spend, now_ms: u64) -> Result<ReservationId, Refused> {
        if let Some(steps) = self.breaker.tripped() {
            return Err(Refused::Stalled { steps });
        }
        let would_be = self.committed().plus(want);
        for meter in Meter::ALL {
            let would_be = self.reading(meter, would_be, now_ms);
            if let Some(limit) = self.limits.hard.of(meter).filter(|limit| would_be > *limit) {
                // What is only set aside may come back: the calls that run are waited for before anything is refused.
                let alone = if meter == Meter::FanOut { 1 } else { self.reading(meter, self.spent.plus(want), now_ms) };
                if !self.reserved.is_empty() && alone <= limit {
                    return Err(Refused::Full { running: self.running() });
                }
                return Err(Refused::Hard { step: step.to_owned(), meter, limit, would_be });
            }
        }
        for meter in Meter::ALL.into_iter().filter(|meter| !self.lifted.contains(meter)) {
            let would_be = self.reading(meter, would_be, now_ms);
            if let Some(limit) = self.limits.soft.of(meter).filter(|limit| would_be > *limit) {
                return Err(Refused::Soft { step: step.to_owned(), meter, limit, would_be });
            }
        }
        self.reservations += 1;
        let id = ReservationId(self.reservations);
        self.reserved.insert(id, Reserved { step: step.to_owned(), spend: want });
        Ok(id)
    }

    /// Books what a call did cost, and gives back the rest. A call that is settled already is not booked again.
    pub fn settle(&mut self, id: ReservationId, spent: Spend, brought_something: bool) {
        if self.reserved.remove(&id).is_some() {
            self.spent = self.spent.plus(spent);
            self.breaker.observe(brought_something);
        }
    }

    /// Books all that was set aside for a call of which nothing is known.
    pub fn forfeit(&mut self, id: ReservationId) {
        if let Some(reserved) = self.reserved.remove(&id) {
            self.spent = self.spent.plus(reserved.spend);
            self.breaker.observe(false);
        }
    }

    /// A person has agreed to go beyond a soft limit.
    pub fn lift(&mut self, meter: Meter) {
        self.lifted.insert(meter);
    }

    /// A person has looked, and wants it to go on.
    pub fn rearm(&mut self) {
        self.breaker = Breaker::new(self.limits.fruitless_steps_max);
    }

    /// Adds to the hard limits, and to the soft ones, so that people are asked again when the rest runs out.
    pub fn raise(&mut self, by: Ceiling) {
        self.limits.hard = self.limits.hard.raised(by);
        self.limits.soft = self.limits.soft.raised(by);
        self.lifted.retain(|meter| by.of(*meter).is_none());
        self.rearm();
    }

    /// A step waits for people. That time is not the run's, and is counted once however many wait.
    pub fn wait_begins(&mut self, now_ms: u64) {
        if self.waiting == 0 {
            self.waiting_since_ms = now_ms;
        }
        self.waiting += 1;
    }

    /// It waits no more.
    pub fn wait_ends(&mut self, now_ms: u64) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 {
            self.waited_ms += now_ms.saturating_sub(self.waiting_since_ms);
        }
    }

    /// The limits of a child to which so much was set aside here: it cannot spend more, and its end settles it.
    #[must_use]
    pub fn share(&self, spend: Spend, now_ms: u64) -> Limits {
        let wall_left = |limit: u64| limit.saturating_sub(self.wall_seconds(now_ms));
        let hard = Ceiling {
            tokens: Some(spend.tokens),
            cost_microdollars: Some(spend.cost_microdollars),
            tool_calls: Some(spend.tool_calls),
            attempts: Some(spend.attempts),
            wall_seconds: self.limits.hard.wall_seconds.map(wall_left),
            fan_out: self.limits.hard.fan_out,
        };
        Limits { soft: Ceiling::default(), hard, fruitless_steps_max: self.limits.fruitless_steps_max }
    }

    #[must_use]
    pub fn spent(&self) -> Spend {
        self.spent
    }

    #[must_use]
    pub fn report(&self, now_ms: u64) -> BudgetReport {
        BudgetReport {
            limits: self.limits,
            spent: self.spent,
            reserved: self.reserved.values().map(|it| (it.step.clone(), it.spend)).collect(),
            wall_seconds: self.wall_seconds(now_ms),
            fruitless_steps: self.breaker.fruitless(),
            fruitless_steps_max: self.limits.fruitless_steps_max,
        }
    }

    /// Calls that have something set aside.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.reserved.len() as u64
    }

    /// Spent and set aside.
    fn committed(&self) -> Spend {
        self.reserved.values().fold(self.spent, |sum, it| sum.plus(it.spend))
    }

    fn wall_seconds(&self, now_ms: u64) -> u64 {
        let now_ms = if self.waiting > 0 { self.waiting_since_ms } else { now_ms };
        now_ms.saturating_sub(self.started_at_ms).saturating_sub(self.waited_ms) / 1000
    }

    /// What a meter would show with one more call.
    fn reading(&self, meter: Meter, would_be: Spend, now_ms: u64) -> u64 {
        match meter {
            Meter::Tokens => would_be.tokens,
            Meter::Cost => would_be.cost_microdollars,
            Meter::ToolCalls => would_be.tool_calls,
            Meter::Attempts => would_be.attempts,
            Meter::WallTime => self.wall_seconds(now_ms),
            Meter::FanOut => self.running() + 1,
        }
    }
}

#[cfg(test)]
mod tests;
