//! What can be spent, and how much of it may be.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meter {
    Tokens,
    Cost,
    ToolCalls,
    Attempts,
    WallTime,
    FanOut,
}

impl Meter {
    /// What runs out for good before what only has to be waited for.
    pub(super) const ALL: [Self; 6] =
        [Self::Tokens, Self::Cost, Self::ToolCalls, Self::Attempts, Self::WallTime, Self::FanOut];

    /// As it is called in ids and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Cost => "cost",
            Self::ToolCalls => "tool_calls",
            Self::Attempts => "attempts",
            Self::WallTime => "wall_time",
            Self::FanOut => "fan_out",
        }
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tokens => "tokens",
            Self::Cost => "cost (millionths of a dollar)",
            Self::ToolCalls => "tool calls",
            Self::Attempts => "attempts",
            Self::WallTime => "wall time (seconds)",
            Self::FanOut => "calls at once",
        })
    }
}

/// A height for each meter; `None` is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ceiling {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_microdollars: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fan_out: Option<u64>,
}

impl Ceiling {
    pub(super) fn of(&self, meter: Meter) -> Option<u64> {
        match meter {
            Meter::Tokens => self.tokens,
            Meter::Cost => self.cost_microdollars,
            Meter::ToolCalls => self.tool_calls,
            Meter::Attempts => self.attempts,
            Meter::WallTime => self.wall_seconds,
            Meter::FanOut => self.fan_out,
        }
    }

    /// Higher by so much, where there is a height.
    pub(super) fn raised(self, by: Self) -> Self {
        let add = |height: Option<u64>, by: Option<u64>| height.map(|it| it.saturating_add(by.unwrap_or(0)));
        Self {
            tokens: add(self.tokens, by.tokens),
            cost_microdollars: add(self.cost_microdollars, by.cost_microdollars),
            tool_calls: add(self.tool_calls, by.tool_calls),
            attempts: add(self.attempts, by.attempts),
            wall_seconds: add(self.wall_seconds, by.wall_seconds),
            fan_out: add(self.fan_out, by.fan_out),
        }
    }
}

/// What a run may spend. Who says nothing gets bounds all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Above these a person is asked.
    pub soft: Ceiling,
    /// Above these nothing goes on.
    pub hard: Ceiling,
    /// So many steps in a row may bring nothing.
    pub fruitless_steps_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let hard = Ceiling {
            tokens: Some(2_000_000),
            cost_microdollars: Some(20_000_000),
            tool_calls: Some(2_000),
            attempts: Some(200),
            wall_seconds: Some(24 * 3600),
            fan_out: Some(16),
        };
        Self { soft: Ceiling::default(), hard, fruitless_steps_max: 8 }
    }
}
