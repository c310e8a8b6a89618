//! What this node's own index answers, of all shards or of some.
//!
//! Invariant: the index has what was committed in these shards when the call came, and the node had a copy of each of them
//! until it was read.

use std::{collections::BTreeSet, time::Duration};

use weft_raft::{Group, GroupId};
use weft_visibility::{Error, Visibility, Whole};

use super::{ListError, Lists};

/// How long a list waits for a group that has no leader, and between two looks.
const LEADER_MAX: Duration = Duration::from_secs(5);
const LEADER_RETRY: Duration = Duration::from_millis(25);
/// How far behind the index may be for a part of a list: another node that has a copy may be ahead.
const BEHIND_MAX: Duration = Duration::from_secs(2);

impl Lists {
    /// Reads the index. Of these shards alone something may be read, or of all.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        of: Option<&BTreeSet<u32>>,
        read: impl FnOnce(&Visibility) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, ListError> {
        let whole = self.caught_up(of).await?;
        let visibility = self.visibility.clone();
        let answer = self.pool.call(move || read(&visibility)).await.map_err(|_| ListError::Panicked)??;
        // A copy that goes takes its rows with it.
        self.check_copies(of)?;
        // A group that is built again meanwhile shows a part of itself.
        if self.visibility.whole(of) == Some(whole) { Ok(answer) } else { Err(ListError::Rebuilding) }
    }

    /// Waits until the index has what was committed when the call came.
    async fn caught_up(&self, of: Option<&BTreeSet<u32>>) -> Result<Whole, ListError> {
        self.check_copies(of)?;
        let whole = self.visibility.whole(of).ok_or(ListError::Rebuilding)?;
        let give_up = self.clock.monotonic() + LEADER_MAX;
        let wanted = self.raft.groups().filter(|(id, _)| of.is_none_or(|of| of.contains(&id.0)));
        let reads =
            wanted.map(|(id, group)| async move { self.committed(&group, give_up).await.map(|index| (id.0, index)) });
        let targets = futures::future::try_join_all(reads).await?;
        let indexed = self.visibility.wait_indexed(targets);
        tokio::select! {
            biased;
            indexed = indexed => indexed.map_err(ListError::Writer)?,
            // Others are asked for parts only where there are others.
            () = self.clock.sleep_until(self.clock.monotonic() + BEHIND_MAX), if of.is_some() => {
                return Err(ListError::Behind);
            }
        }
        Ok(whole)
    }

    fn check_copies(&self, of: Option<&BTreeSet<u32>>) -> Result<(), ListError> {
        let is_missing = |shard: &u32| self.raft.group(GroupId(*shard)).is_none();
        let missing = match of {
            Some(of) => of.iter().copied().find(is_missing),
            None => self.around.shards().find(is_missing),
        };
        missing.map_or(Ok(()), |shard| Err(ListError::NotHere(shard)))
    }

    /// What a group has committed; while it has no leader that is asked again.
    async fn committed(&self, group: &Group, give_up: Duration) -> Result<u64, ListError> {
        loop {
            match group.read_index().await {
                Ok(index) => return Ok(index),
                Err(_) if self.clock.monotonic() >= give_up => return Err(ListError::NoLeader),
                Err(_) => self.clock.sleep_until(self.clock.monotonic() + LEADER_RETRY).await,
            }
        }
    }
}
