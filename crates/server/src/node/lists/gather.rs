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
pub(in crate::node) enum Lost {
    /// Another node may know better.
    Elsewhere(String),
    /// All would say so.
    Final(ListError),
}

/// Who has failed to answer for which shard.
pub(super) type Failed = BTreeSet<(u32, u32)>;

impl Lists {
    /// The parts of all shards.
    pub(in crate::node) async fn gathered<'a, P>(
        &self,
        ask: impl Fn(u32, BTreeSet<u32>) -> BoxFuture<'a, Result<P, Lost>>,
    ) -> Result<Vec<P>, ListError> {
        let choose = |missing: &BTreeSet<u32>, failed: &Failed| self.chosen(missing, failed);
        gather(self.clock.as_ref(), self.around.shards().collect(), choose, ask).await
    }
}

async fn gather<'a, P>(
    clock: &dyn Clock,
    shards: BTreeSet<u32>,
    choose: impl Fn(&BTreeSet<u32>, &Failed) -> Result<Choice, BTreeSet<u32>>,
    ask: impl Fn(u32, BTreeSet<u32>) -> BoxFuture<'a, Result<P, Lost>>,
) -> Result<Vec<P>, ListError> {
    let mut gathering = Gathering { missing: shards, parts: Vec::new(), failed: Failed::new(), why: None };
    gathering.round(clock, &choose, &ask).await?;
    let give_up = clock.monotonic() + FAILING_MAX;
    while !gathering.missing.is_empty() {
        tokio::select! {
            biased;
            round = gathering.round(clock, &choose, &ask) => round?,
            // What is asked once more may take its time: the list does not.
            () = clock.sleep_until(give_up) => {
                return Err(ListError::Nobody { shards: gathering.missing, why: gathering.why });
            }
        }
    }
    Ok(gathering.parts)
}

/// What has come, and what has not.
struct Gathering<P> {
    missing: BTreeSet<u32>,
    parts: Vec<P>,
    failed: Failed,
    /// What the last one said that did not answer.
    why: Option<String>,
}

impl<P> Gathering<P> {
    /// Asks for all that is missing, or waits a little where nobody is left to ask.
    async fn round<'a>(
        &mut self,
        clock: &dyn Clock,
        choose: impl Fn(&BTreeSet<u32>, &Failed) -> Result<Choice, BTreeSet<u32>>,
        ask: impl Fn(u32, BTreeSet<u32>) -> BoxFuture<'a, Result<P, Lost>>,
    ) -> Result<(), ListError> {
        let Ok(choice) = choose(&self.missing, &self.failed) else {
            // Whoever failed may be back, and another may have a copy by then.
            clock.sleep_until(clock.monotonic() + RETRY).await;
            self.failed.clear();
            return Ok(());
        };
        for (node, asked, answer) in answers(choice, ask).await {
            match answer {
                Ok(part) => {
                    self.parts.push(part);
                    self.missing.retain(|shard| !asked.contains(shard));
                }
                Err(Lost::Elsewhere(said)) => {
                    tracing::debug!(node, said, "a node did not answer for its part of a list");
                    self.failed.extend(asked.into_iter().map(|shard| (node, shard)));
                    self.why = Some(said);
                }
                Err(Lost::Final(error)) => return Err(error),
            }
        }
        Ok(())
    }
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
