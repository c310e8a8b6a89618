//! What steps cost.

use serde::{Deserialize, Serialize};

/// What a call costs. Sums never overflow: they stay at the largest number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spend {
    pub tokens: u64,
    /// Millionths of a dollar.
    pub cost_microdollars: u64,
    pub tool_calls: u64,
    pub attempts: u64,
}

impl Spend {
    /// One attempt without a language model.
    pub const ATTEMPT: Self = Self { tokens: 0, cost_microdollars: 0, tool_calls: 0, attempts: 1 };
    /// The most that one step of an agent may cost.
    pub const AGENT: Self = Self { tokens: 200_000, cost_microdollars: 2_000_000, tool_calls: 100, attempts: 1 };

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            cost_microdollars: self.cost_microdollars.saturating_add(other.cost_microdollars),
            tool_calls: self.tool_calls.saturating_add(other.tool_calls),
            attempts: self.attempts.saturating_add(other.attempts),
        }
    }
}

/// What a step brought, and what it cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billed<T> {
    pub value: T,
    pub spent: Spend,
    /// Whether the run is further with it than it was without.
    pub fruitful: bool,
}

impl<T> Billed<T> {
    /// One attempt without a language model, that brought something.
    pub fn attempt(value: T) -> Self {
        Self { value, spent: Spend::ATTEMPT, fruitful: true }
    }

    /// The same, but it brought nothing.
    #[must_use]
    pub fn in_vain(self) -> Self {
        Self { fruitful: false, ..self }
    }
}
