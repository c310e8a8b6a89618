//! A consistent point of all shards, while they serve: what a backup is taken of.
//!
//! What crosses workflow ids stands in the sender's outbox until the target has it and the sender knows. So the views of
//! two shards fit each other if no message was under way between the first and the last of them, and each has all that
//! was committed when that began: then a message is at its target, or still in the outbox, and a redelivery is answered by
//! the receipt. docs/adr/0014 has the argument.
//!
//! Invariant: a point whose holds did not stand on all nodes until its views were taken is an error, never a backup.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::future::{join_all, try_join_all};
use tokio::sync::Semaphore;
use tonic::Request;
use weft_protocol::internal::{HoldRequest, ReleaseRequest};
use weft_raft::{MachineError, ReadError};
use weft_shard::{GroupView, Replica, group_views};

use super::{Node, NodeInner, crossing::NotHeld, open::METADATA_GROUP};

/// Between two questions to a group without a leader.
const RETRY: Duration = Duration::from_millis(50);
/// How long a node may take to let go, or to say that it cannot hold.
const ANSWER_MAX: Duration = Duration::from_secs(8);
/// How long this node may take to apply what was committed: before anything is held, and then.
const CATCH_UP_MAX: Duration = Duration::from_secs(30);
const CATCH_UP_HELD_MAX: Duration = Duration::from_secs(10);

/// Backups of one node that are read at the same time: each keeps old rows.
pub(crate) const READERS_MAX: usize = 2;

/// Room for those who read one.
pub(super) fn readers() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(READERS_MAX))
}

/// Why there is no such point now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PointError {
    #[error("{0}")]
    NotHeld(#[from] NotHeld),
    #[error("node {node} did not hold messages back ({why}): all nodes must run while the backup begins")]
    Node { node: u32, why: String },
    #[error("a group has no leader now: {0}")]
    NoLeader(#[from] ReadError),
    #[error("this node has not applied all that was committed within {} s: ask another node", .0.as_secs())]
    Behind(Duration),
    #[error("a node did not hold messages back until the views were taken, but for {} s at most: try again", .0.as_secs_f32())]
    RanOut(Duration),
    #[error("nodes joined or left meanwhile: try again")]
    Changed,
    #[error(
        "this node has no copy of every shard, and a backup is made of what is on one node: there is none of a cluster whose \
         shards are not all on each node"
    )]
    NotWhole,
    #[error("this node is stopping: ask another one")]
    Stopping,
    #[error(transparent)]
    Machine(#[from] MachineError),
}

/// All groups as of one consistent point.
pub(crate) struct Point {
    /// In the order of their numbers; that of the metadata is the first.
    pub(crate) views: Vec<GroupView>,
    /// How long messages were held back.
    pub(crate) held: Duration,
}

impl Node {
    /// Takes a consistent point of all shards. It goes on if nobody waits for it any more, so that nothing stays held.
    pub(crate) async fn point(&self) -> Result<Point, PointError> {
        let node = self.clone();
        let taken = tokio::spawn(async move { node.take_point().await });
        taken.await.unwrap_or_else(|panic| Err(PointError::Machine(MachineError::new(panic))))
    }

    async fn take_point(&self) -> Result<Point, PointError> {
        let clock = self.clock();
        if !self.inner().copies.are_whole() {
            return Err(PointError::NotWhole);
        }
        // Most of the work before anybody has to wait.
        self.caught_up_within(CATCH_UP_MAX).await?;
        let inner = self.inner();
        let members = inner.all_members();
        let token = inner.ids.uuid().to_string();
        let began = clock.monotonic();
        let mut stopping = self.stopping();
        let held = async {
            inner.hold_all(&members, &token).await?;
            self.views(&members).await
        };
        let views = tokio::select! {
            views = held => views,
            // Nobody would get it, and the others are not to wait until the hold runs out.
            _ = stopping.wait_for(|stopping| *stopping) => Err(PointError::Stopping),
        };
        let stood = inner.release_all(&members, &token).await;
        let views = views?;
        if !stood {
            return Err(PointError::RanOut(inner.options.hold_max));
        }
        Ok(Point { views, held: clock.monotonic().saturating_sub(began) })
    }

    /// While all is held.
    async fn views(&self, members: &BTreeSet<u32>) -> Result<Vec<GroupView>, PointError> {
        self.caught_up_within(CATCH_UP_HELD_MAX).await?;
        let (metadata, shards): (Vec<_>, Vec<_>) =
            self.inner().copies.replicas().into_iter().partition(|(group, _)| *group == METADATA_GROUP);
        // What goes or comes meanwhile would be missing, or not be current.
        if shards.len() != usize::from(self.options().shards) {
            return Err(PointError::NotWhole);
        }
        let only = |replicas: Vec<(u32, Arc<Replica>)>| replicas.into_iter().map(|(_, it)| it).collect::<Vec<_>>();
        let shards = group_views(&only(shards)).await?;
        // The metadata afterwards: what workflows refer to is never missing in it. And so is found who has joined.
        self.caught_up_within(CATCH_UP_HELD_MAX).await?;
        if self.inner().all_members() != *members {
            return Err(PointError::Changed);
        }
        let metadata = group_views(&only(metadata)).await?;
        Ok(metadata.into_iter().chain(shards).collect())
    }

    /// A leader that has gone has a successor soon.
    async fn caught_up_within(&self, patience: Duration) -> Result<(), PointError> {
        let clock = self.clock();
        let until = clock.monotonic() + patience;
        loop {
            let failed = tokio::select! {
                caught_up = self.caught_up() => match caught_up {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                },
                () = clock.sleep_until(until) => return Err(PointError::Behind(patience)),
            };
            if matches!(failed, ReadError::Stopped) || clock.monotonic() >= until {
                return Err(failed.into());
            }
            clock.sleep_until(clock.monotonic() + RETRY).await;
        }
    }
}

impl NodeInner {
    /// Whoever may lead a group.
    fn all_members(&self) -> BTreeSet<u32> {
        let of_groups = self.raft.groups().flat_map(|(_, group)| group.members());
        let of_groups = of_groups.filter_map(|node| u32::try_from(node.0).ok());
        of_groups.chain(self.peers.members()).collect()
    }

    async fn hold_all(&self, members: &BTreeSet<u32>, token: &str) -> Result<(), PointError> {
        try_join_all(members.iter().map(|node| self.hold_at(*node, token))).await.map(drop)
    }

    async fn hold_at(&self, node: u32, token: &str) -> Result<(), PointError> {
        if node == self.peers.node {
            return Ok(self.crossings.hold(token.to_owned(), self.options.hold_max, self.clock.as_ref()).await?);
        }
        let failed = |why: String| PointError::Node { node, why };
        let mut peer = self.peers.cluster_service(node).ok_or_else(|| failed("it is not known here".to_owned()))?;
        let lease_ms = u64::try_from(self.options.hold_max.as_millis()).unwrap_or(u64::MAX);
        let mut request = Request::new(HoldRequest { token: token.to_owned(), lease_ms });
        request.set_timeout(ANSWER_MAX);
        peer.hold(request).await.map(drop).map_err(|status| failed(status.message().to_owned()))
    }

    /// Whether all of them held until now.
    async fn release_all(&self, members: &BTreeSet<u32>, token: &str) -> bool {
        let stood = join_all(members.iter().map(|node| self.release_at(*node, token))).await;
        stood.into_iter().all(|stood| stood)
    }

    async fn release_at(&self, node: u32, token: &str) -> bool {
        if node == self.peers.node {
            return self.crossings.release(token, self.clock.as_ref());
        }
        let Some(mut peer) = self.peers.cluster_service(node) else { return false };
        let mut request = Request::new(ReleaseRequest { token: token.to_owned() });
        request.set_timeout(ANSWER_MAX);
        peer.release(request).await.is_ok_and(|answer| answer.into_inner().stood)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Options, Place, World};

    #[tokio::test]
    async fn nodes_that_came_or_went_while_messages_were_held_back_make_it_no_point() {
        let options = Options { shards: 2, ..Options::new(Place::Memory) };
        let node = Node::open(options, World::real()).await.expect("it opens");
        let members = node.inner().all_members();
        let views = node.views(&members).await.expect("they are the same");
        assert_eq!(views.len(), 3, "the metadata and the shards");
        // Who is new was not asked to hold anything back.
        let before = members.iter().copied().skip(1).collect();
        assert!(matches!(node.views(&before).await, Err(PointError::Changed)));
        node.shutdown().await;
    }
}
