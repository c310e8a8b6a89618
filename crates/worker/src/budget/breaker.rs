//! Stops spending that brings nothing.

use serde::{Deserialize, Serialize};

/// Counts steps in a row that brought nothing, and trips at a number of them. It stays tripped until it is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    fruitless: u32,
    fruitless_max: u32,
}

impl Breaker {
    #[must_use]
    pub fn new(fruitless_max: u32) -> Self {
        Self { fruitless: 0, fruitless_max }
    }

    pub fn observe(&mut self, brought_something: bool) {
        match (self.tripped(), brought_something) {
            // A call that was under way when it tripped does not close it again: a person has to look.
            (Some(_), _) => {}
            (None, true) => self.fruitless = 0,
            (None, false) => self.fruitless += 1,
        }
    }

    /// How many steps brought nothing, once they are too many.
    #[must_use]
    pub fn tripped(&self) -> Option<u32> {
        (self.fruitless >= self.fruitless_max.max(1)).then_some(self.fruitless)
    }

    #[must_use]
    pub fn fruitless(&self) -> u32 {
        self.fruitless
    }
}
