//! Recorded calls: what a model or a tool answered is written down before anything is made of it.
//!
//! Invariant: a call that is settled is never made again; its answer comes from the record. A call that was begun and
//! not settled is lost to a crash: what was set aside for it counts as spent, and it is made once more under the same
//! name, which is its idempotency key.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Error;
use crate::transcript::Scribe;

/// Tokens, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
}

/// What a model costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Dollars for a million tokens, as price lists have it.
    pub input: f64,
    pub output: f64,
}

impl Price {
    /// In millionths of a dollar, rounded up: dollars for a million tokens are millionths of a dollar for each.
    #[must_use]
    pub fn of(self, tokens: Tokens) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "no step has so many tokens")]
        let cost = tokens.input as f64 * self.input + tokens.output as f64 * self.output;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates, as it should")]
        let cost = cost.ceil() as u64;
        cost
    }

    pub(super) fn is_right(self) -> bool {
        [self.input, self.output].iter().all(|it| it.is_finite() && *it >= 0.0)
    }
}

impl Tokens {
    /// What a server counts, or what was set aside where it counts nothing: no answer is free.
    #[must_use]
    pub(super) fn or(self, most: Self) -> Self {
        let counted = |said: u64, most: u64| if said == 0 { most } else { said };
        Self { input: counted(self.input, most.input), output: counted(self.output, most.output) }
    }
}

/// What is known of a call when it is about to be made.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    New,
    /// It was begun, and nobody knows what became of it.
    Unsettled,
    /// It has this answer.
    Settled(Value),
}

/// Who writes calls down: the workflow's side.
pub trait Recorder: Send + Sync {
    /// Sets aside what a call may cost, durably, and says what is known of it. Refuses what the budget does not allow. One
    /// that was begun before and not settled counts as spent.
    fn begin(&self, call: &str, most: Tokens) -> BoxFuture<'_, Result<Standing, Error>>;

    /// Writes the answer down, and what it did cost.
    fn settle(&self, call: &str, answer: Value, spent: Tokens) -> BoxFuture<'_, Result<(), Error>>;

    /// The call certainly cost nothing.
    fn release(&self, call: &str) -> BoxFuture<'_, Result<(), Error>>;
}

/// The step that calls belong to, and who writes them down.
#[derive(Clone)]
pub struct Record {
    /// Calls are named after it; equal for all attempts of a step.
    pub step: String,
    pub recorder: Arc<dyn Recorder>,
    /// Takes down for people what is said and done.
    pub scribe: Scribe,
}

impl Default for Record {
    fn default() -> Self {
        Self { step: "step".to_owned(), recorder: Arc::new(InMemory::default()), scribe: Scribe::default() }
    }
}

/// Remembers calls as long as the process lives. For providers that make none, and for tests.
#[derive(Debug, Default)]
pub struct InMemory {
    calls: Mutex<BTreeMap<String, Standing>>,
    spent: Mutex<Tokens>,
}

impl InMemory {
    /// What settled and lost calls have cost.
    pub fn spent(&self) -> Tokens {
        *self.spent.lock()
    }

    /// Names of all calls that were begun, in their order.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().keys().cloned().collect()
    }

    fn spend(&self, tokens: Tokens) {
        let mut spent = self.spent.lock();
        spent.input += tokens.input;
        spent.output += tokens.output;
    }
}

impl Recorder for InMemory {
    fn begin(&self, call: &str, most: Tokens) -> BoxFuture<'_, Result<Standing, Error>> {
        let known = self.calls.lock().get(call).cloned();
        let standing = known.unwrap_or_else(|| {
            self.calls.lock().insert(call.to_owned(), Standing::Unsettled);
            Standing::New
        });
        if standing == Standing::Unsettled {
            self.spend(most);
        }
        Box::pin(async { Ok(standing) })
    }

    fn settle(&self, call: &str, answer: Value, spent: Tokens) -> BoxFuture<'_, Result<(), Error>> {
        self.calls.lock().insert(call.to_owned(), Standing::Settled(answer));
        self.spend(spent);
        Box::pin(async { Ok(()) })
    }

    fn release(&self, call: &str) -> BoxFuture<'_, Result<(), Error>> {
        self.calls.lock().remove(call);
        Box::pin(async { Ok(()) })
    }
}
