//! Asking all who answer for some shard, and others in the place of those that do not answer.
//!
//! Invariant: what comes out has each shard once, or an error does. Whoever has answered is not asked again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::future::{BoxFuture, join_all};
use weft_env::Clock;

use super::{ListError, Lists, choice::Choice};

/// How long it is tried again once something has failed, and how soon where nobody is left to ask.
const FAILING_MAX: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(100);

/// Why a part was not answered.
#[derive(Debug)]
pub(super) enum Lost {
    /// Another node may know better.
    Elsewhere(String),
    /// All would say so.
    Final(ListError),
}

impl Lists {
    /// The parts of all shards.
    pub(super) async fn gathered<'a, P>(
        &self,
        ask: impl Fn(u32, BTreeSet<u32>) -> BoxFuture<'a, Result<P, Lost>>,
    ) -> Result<Vec<P>, ListError> {
        let choose = |missing: &BTreeSet<u32>, failed: &BTreeSet<u32>| self.chosen(missing, failed);
        gather(self.clock.as_ref(), self.around.shards().collect(), choose, ask).await
    }
}

async fn gather<'a, P>(
    clock: &dyn Clock,
    shards: BTreeSet<u32>,
    choose: impl Fn(&BTreeSet<u32>, &BTreeSet<u32>) -> Result<Choice, BTreeSet<u32>>,
    ask: impl Fn(u32, BTreeSet<u32>) -> BoxFuture<'a, Result<P, Lost>>,
) -> Result<Vec<P>, ListError> {
    let (mut missing, mut parts) = (shards, Vec::new());
    let (mut failed, mut why, mut give_up) = (BTreeSet::new(), None, None);
    while !missing.is_empty() {
        match choose(&missing, &failed) {
            Ok(choice) => {
                for (node, asked, answer) in answers(choice, &ask).await {
                    match answer {
                        Ok(part) => {
                            parts.push(part);
                            missing.retain(|shard| !asked.contains(shard));
                        }
                        Err(Lost::Elsewhere(said)) => {
                            tracing::debug!(node, said, "a node did not answer for its part of a list");
                            failed.insert(node);
                            why = Some(said);
                        }
                        Err(Lost::Final(error)) => return Err(error),
                    }
                }
            }
            Err(shards) if give_up.is_some_and(|give_up| clock.monotonic() >= give_up) => {
                return Err(ListError::Nobody { shards, why });
            }
            Err(_) => {
                // Whoever failed may be back, and another may have a copy by then.
                clock.sleep_until(clock.monotonic() + RETRY).await;
                failed.clear();
            }
        }
        give_up = give_up.or_else(|| Some(clock.monotonic() + FAILING_MAX));
    }
    Ok(parts)
}

async fn answers<'a, P>(
    choice: Choice,
    ask: impl Fn(u32, BTreeSet<u32>) -> BoxFuture<'a, Result<P, Lost>>,
) -> Vec<(u32, BTreeSet<u32>, Result<P, Lost>)> {
    let asked: BTreeMap<u32, BTreeSet<u32>> = choice;
    join_all(asked.into_iter().map(|(node, shards)| {
        let answer = ask(node, shards.clone());
        async move { (node, shards, answer.await) }
    }))
    .await
}

#[cfg(test)]
mod tests;
