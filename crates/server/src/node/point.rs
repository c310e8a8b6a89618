//! A consistent point of all shards, while they serve: what a backup is taken of.
//!
//! What crosses workflow ids stands in the sender's outbox until the target has it and the sender knows. So the views of
//! two shards fit each other if no message was under way between the first and the last of them, and each has all that
//! was committed when that began: then a message is at its target, or still in the outbox, and a redelivery is answered by
//! the receipt. docs/adr/0014 has the argument. Of shards that have no copy here the views are taken where one is
//! (`super::views`).
//!
//! Invariant: a point whose holds did not stand on all nodes until its views were taken is an error, never a backup.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{
    FutureExt,
    future::{join_all, try_join_all},
};
use tokio::sync::Semaphore;
use tonic::Request;
use weft_protocol::internal::{HoldRequest, ReleaseRequest};
use weft_raft::{MachineError, PictureOf};
use weft_rows::member::MemberRow;

use super::{
    ListError, Node, NodeInner,
    crossing::NotHeld,
    lists::Lost,
    open::METADATA_GROUP,
    views::{Borrowed, OPEN_MAX, PREPARE_MAX, View, ViewError},
};

/// How long a node may take to let go, or to say that it cannot hold.
const ANSWER_MAX: Duration = Duration::from_secs(8);

/// Backups of one node that are read at the same time: each keeps old rows.
pub(crate) const READERS_MAX: usize = 2;

/// Room for those who read one.
pub(super) fn readers() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(READERS_MAX))
}

/// How often it is begun where nodes join or leave meanwhile: that of one is several changes.
const TRIES: u32 = 4;

/// Why there is no such point now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PointError {
    #[error("{0}")]
    NotHeld(#[from] NotHeld),
    #[error("node {node} did not hold messages back ({why}): all nodes must run while the backup begins")]
    Node { node: u32, why: String },
    #[error("this node has no view of the metadata ({0}): ask another node")]
    Metadata(#[from] ViewError),
    #[error("this node does not get to read the metadata: ask another node")]
    Unread,
    #[error("{0}")]
    Shards(#[from] ListError),
    #[error("a node did not hold messages back until the views were taken, but for {} s at most: try again", .0.as_secs_f32())]
    RanOut(Duration),
    #[error("nodes joined or left while it was taken, {TRIES} times: try again when they have")]
    Changed,
    #[error("this node is stopping: ask another one")]
    Stopping,
    #[error(transparent)]
    Machine(#[from] MachineError),
}

/// All groups as of one consistent point.
pub(crate) struct Point {
    /// In the order of their numbers; that of the metadata is the first.
    pub(crate) views: Vec<View>,
    /// How long messages were held back.
    pub(crate) held: Duration,
    /// Those that are not here.
    borrowed: Borrowed,
    here: Arc<NodeInner>,
}

impl Point {
    /// The piece of one of its views at a cursor.
    pub(crate) async fn piece(&self, view: &View, cursor: Bytes) -> Result<PictureOf, MachineError> {
        self.borrowed.piece(&self.here, view, cursor).await
    }
}

/// Who the nodes are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Roll {
    /// Whoever may lead a group.
    leaders: BTreeSet<u32>,
    /// As the metadata has them; rows never go, so whoever came and went meanwhile is seen.
    rows: BTreeMap<u32, MemberRow>,
}

impl Node {
    /// Takes a consistent point of all shards. It goes on if nobody waits for it any more, so that nothing stays held.
    pub(crate) async fn point(&self) -> Result<Point, PointError> {
        let node = self.clone();
        let taken = tokio::spawn(async move {
            for _ in 1..TRIES {
                match node.take_point().await {
                    Err(PointError::Changed) => {}
                    outcome => return outcome,
                }
            }
            node.take_point().await
        });
        taken.await.unwrap_or_else(|panic| Err(PointError::Machine(MachineError::new(panic))))
    }

    async fn take_point(&self) -> Result<Point, PointError> {
        let (clock, inner) = (self.clock(), self.inner());
        let token = inner.ids.uuid().to_string();
        let borrowed = inner.borrowing(&token);
        // Most of the work before anybody has to wait.
        let roll = self.or_stopped(inner.prepare(&borrowed)).await?;
        let began = clock.monotonic();
        let held = async {
            inner.hold_all(&roll.leaders, &token).await?;
            inner.views(&borrowed, &roll).await
        };
        let views = tokio::select! {
            // Nobody would get it, and the others are not to wait until the hold runs out.
            views = self.or_stopped(held) => views,
            // What would be taken after that is of no use.
            () = clock.sleep_until(began + inner.options.hold_max) => Err(PointError::RanOut(inner.options.hold_max)),
        };
        let stood = inner.release_all(&roll.leaders, &token).await;
        let views = views?;
        if !stood {
            return Err(PointError::RanOut(inner.options.hold_max));
        }
        let held = clock.monotonic().saturating_sub(began);
        Ok(Point { views, held, borrowed, here: Arc::clone(inner) })
    }

    async fn or_stopped<T>(&self, work: impl Future<Output = Result<T, PointError>>) -> Result<T, PointError> {
        let mut stopping = self.stopping();
        tokio::select! {
            done = work => done,
            _ = stopping.wait_for(|stopping| *stopping) => Err(PointError::Stopping),
        }
    }
}

impl NodeInner {
    fn borrowing(&self, token: &str) -> Borrowed {
        Borrowed::new(self.peers.clone(), Arc::clone(&self.clock), token.to_owned())
    }

    /// All that can be done before anything is held.
    async fn prepare(&self, borrowed: &Borrowed) -> Result<Roll, PointError> {
        let committed = self.apply_committed(&BTreeSet::from([METADATA_GROUP]), PREPARE_MAX).await?;
        let roll = self.roll(committed[&METADATA_GROUP]).await?;
        self.lists.gathered(|node, shards| self.prepare_at(borrowed, node, shards).boxed()).await?;
        Ok(roll)
    }

    /// While all is held: each shard's where there is a copy, all at the same time.
    async fn views(&self, borrowed: &Borrowed, roll: &Roll) -> Result<Vec<View>, PointError> {
        let shards = self.lists.gathered(|node, shards| self.views_at(borrowed, node, shards).boxed()).await?;
        // The metadata afterwards: what workflows refer to is never missing in it. And so is found who has joined.
        let metadata = self.views_here(&BTreeSet::from([METADATA_GROUP]), OPEN_MAX).await?;
        let as_of = metadata.iter().map(weft_shard::GroupView::index).max().unwrap_or_default();
        if self.roll(as_of).await? != *roll {
            return Err(PointError::Changed);
        }
        let metadata = metadata.into_iter().map(|view| View::Here(Arc::new(view)));
        let by_group: BTreeMap<u32, View> =
            metadata.chain(shards.into_iter().flatten()).map(|view| (view.group(), view)).collect();
        Ok(by_group.into_values().collect())
    }

    async fn views_at(&self, borrowed: &Borrowed, node: u32, shards: BTreeSet<u32>) -> Result<Vec<View>, Lost> {
        if node != self.peers.node {
            return self.while_it_lives(node, borrowed.open(node, &shards)).await;
        }
        let views = self.views_here(&shards, OPEN_MAX).await.map_err(|error| lost_here(&error))?;
        Ok(views.into_iter().map(|view| View::Here(Arc::new(view))).collect())
    }

    /// Has a node apply what was committed in shards of which it has copies.
    async fn prepare_at(&self, borrowed: &Borrowed, node: u32, shards: BTreeSet<u32>) -> Result<(), Lost> {
        if node != self.peers.node {
            return self.while_it_lives(node, borrowed.prepare(node, &shards)).await;
        }
        self.apply_committed(&shards, PREPARE_MAX).await.map(drop).map_err(|error| lost_here(&error))
    }

    async fn while_it_lives<T>(&self, node: u32, asked: impl Future<Output = Result<T, Lost>>) -> Result<T, Lost> {
        tokio::select! {
            biased;
            answer = asked => answer,
            () = self.lists.around.gone(node, self.clock.as_ref()) => {
                Err(Lost::Elsewhere(format!("node {node} has not answered for a while")))
            }
        }
    }

    /// Who the nodes are, with all that the metadata has up to an entry: of shards that are elsewhere nothing else says who
    /// may lead them.
    async fn roll(&self, index: u64) -> Result<Roll, PointError> {
        self.metadata.has_viewed(index).await.map_err(|_| PointError::Unread)?;
        let members = self.metadata.members();
        let of_groups = self.raft.groups().flat_map(|(_, group)| group.members());
        let of_groups = of_groups.filter_map(|node| u32::try_from(node.0).ok());
        let of_rows = members.present().map(|row| row.node);
        let leaders = of_groups.chain(self.peers.members()).chain(of_rows).collect();
        Ok(Roll { leaders, rows: members.nodes.clone() })
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

fn lost_here(error: &ViewError) -> Lost {
    Lost::Elsewhere(format!("the node that was asked: {error}"))
}

#[cfg(test)]
mod tests {
    use weft_rows::member::MemberState;

    use super::*;
    use crate::node::{Options, Place, World};

    #[tokio::test]
    async fn nodes_that_came_or_went_while_messages_were_held_back_make_it_no_point() {
        let options = Options { shards: 2, ..Options::new(Place::Memory) };
        let node = Node::open(options, World::real()).await.expect("it opens");
        let inner = node.inner();
        let borrowed = inner.borrowing("token");
        let roll = inner.roll(0).await.expect("it leads");
        let views = inner.views(&borrowed, &roll).await.expect("they are the same");
        assert_eq!(views.iter().map(View::group).collect::<Vec<_>>(), [0, 1, 2], "the metadata and the shards");
        // Who is new was not asked to hold anything back.
        let before = Roll { leaders: BTreeSet::new(), ..roll.clone() };
        assert!(matches!(inner.views(&borrowed, &before).await, Err(PointError::Changed)));
        // Who came and went is known by its row alone.
        let (mut before, gone) = (roll, 7);
        let row = MemberRow {
            node: gone,
            address: "h:1".to_owned(),
            state: MemberState::Joining,
            incarnation: String::new(),
        };
        before.rows.insert(gone, row);
        assert!(matches!(inner.views(&borrowed, &before).await, Err(PointError::Changed)));
        node.shutdown().await;
    }
}
