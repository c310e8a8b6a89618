//! Views of groups for a backup, wherever their copies are: here, or lent by the nodes that have them.
//!
//! `lent` keeps what this node lends to others; `borrowed` is the other side of it: it has views taken elsewhere, reads
//! them, keeps them alive, and gives them back.
//!
//! Invariant: a view has all that was committed in its group when it was first asked for. Whoever is told of one can read all of it,
//! or is told that it cannot: rows of another moment are never given in their place.

mod borrowed;
mod lent;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tonic::Status;
use weft_protocol::internal::*;
use weft_raft::{GroupId, MachineError, PictureOf, ReadError};
use weft_shard::{GroupView, group_views};

use super::NodeInner;

pub(crate) use borrowed::Borrowed;
pub(crate) use lent::Lent;

/// How long what was lent stays if nobody asks for it.
const LEASE: Duration = Duration::from_secs(60);
/// Between two questions to a group without a leader.
const RETRY: Duration = Duration::from_millis(50);
/// How long a copy may take to apply what was committed: before anything is held, and then. Others may have one, too.
pub(super) const PREPARE_MAX: Duration = Duration::from_secs(30);
pub(super) const OPEN_MAX: Duration = Duration::from_secs(4);

/// Why there is no view of a copy here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ViewError {
    #[error("it has no copy of shard {0}")]
    NotHere(u32),
    #[error("a group has no leader now: {0}")]
    NoLeader(#[from] ReadError),
    #[error("it has not applied all that was committed within {} s", .0.as_secs())]
    Behind(Duration),
    #[error("it lends rows to {0} backups already: try again when one has ended")]
    Room(usize),
    #[error(transparent)]
    Machine(#[from] MachineError),
}

/// The rows of a group as of the moment of a backup.
pub(crate) enum View {
    Here(Arc<GroupView>),
    Lent { by: u32, group: u32, index: u64 },
}

impl View {
    pub(crate) fn group(&self) -> u32 {
        match self {
            Self::Here(view) => view.group(),
            Self::Lent { group, .. } => *group,
        }
    }

    /// The last entry that it includes.
    pub(crate) fn index(&self) -> u64 {
        match self {
            Self::Here(view) => view.index(),
            Self::Lent { index, .. } => *index,
        }
    }
}

impl NodeInner {
    /// Views of groups of which copies run here, with all that was committed in them when the call came.
    pub(super) async fn views_here(
        &self,
        groups: &BTreeSet<u32>,
        within: Duration,
    ) -> Result<Vec<GroupView>, ViewError> {
        let committed = self.apply_committed(groups, within).await?;
        let replica = |group: &u32| self.copies.replica(*group).ok_or(ViewError::NotHere(*group));
        let views = group_views(&groups.iter().map(replica).collect::<Result<Vec<_>, _>>()?).await?;
        // A copy that went and came back meanwhile is not the one that had it.
        match views.iter().find(|view| committed.get(&view.group()).is_none_or(|index| view.index() < *index)) {
            Some(other) => Err(ViewError::NotHere(other.group())),
            None => Ok(views),
        }
    }

    /// Waits until copies here have applied what was committed in their groups when the call came, which it answers. A leader
    /// that has gone has a successor soon.
    pub(super) async fn apply_committed(
        &self,
        groups: &BTreeSet<u32>,
        within: Duration,
    ) -> Result<BTreeMap<u32, u64>, ViewError> {
        let until = self.clock.monotonic() + within;
        loop {
            let failed = tokio::select! {
                applied = self.apply_once(groups) => match applied {
                    Err(ViewError::NoLeader(error @ ReadError::NotLeader { .. })) => error,
                    outcome => return outcome,
                },
                () = self.clock.sleep_until(until) => return Err(ViewError::Behind(within)),
            };
            if self.clock.monotonic() >= until {
                return Err(failed.into());
            }
            self.clock.sleep_until(self.clock.monotonic() + RETRY).await;
        }
    }

    async fn apply_once(&self, groups: &BTreeSet<u32>) -> Result<BTreeMap<u32, u64>, ViewError> {
        let applied = groups.iter().map(|group| async move {
            let here = self.raft.group(GroupId(*group)).ok_or(ViewError::NotHere(*group))?;
            let index = here.read_index().await?;
            here.wait_applied(index).await?;
            Ok::<_, ViewError>((*group, index))
        });
        Ok(futures::future::try_join_all(applied).await?.into_iter().collect())
    }

    /// The piece of a view here at a cursor.
    async fn read_view(&self, view: Arc<GroupView>, cursor: Bytes) -> Result<PictureOf, MachineError> {
        self.pool.call(move || view.piece(&cursor)).await.map_err(MachineError::new)?
    }
}

/// What another node asks of this one.
impl NodeInner {
    pub(crate) async fn answer_prepare(&self, request: PrepareViewsRequest) -> Result<PrepareViewsResponse, Status> {
        let groups = request.groups.into_iter().collect();
        self.apply_committed(&groups, PREPARE_MAX).await.map_err(|error| told(&error))?;
        Ok(PrepareViewsResponse {})
    }

    pub(crate) async fn answer_open(&self, request: OpenViewsRequest) -> Result<OpenViewsResponse, Status> {
        let OpenViewsRequest { token, groups } = request;
        let views = self.views_here(&groups.into_iter().collect(), OPEN_MAX).await.map_err(|error| told(&error))?;
        let lent = self.lent.lend(&token, views, &self.clock, &self.stopping).map_err(|error| told(&error))?;
        let views = lent.iter().map(|view| OpenedView { group: view.group(), index: view.index() }).collect();
        Ok(OpenViewsResponse { views })
    }

    pub(crate) async fn answer_read(&self, request: ReadViewRequest) -> Result<ReadViewResponse, Status> {
        let ReadViewRequest { token, group, cursor } = request;
        let view = self.lent.view(&token, group, self.clock.monotonic()).ok_or_else(nothing_lent)?;
        let read = self.read_view(view, cursor).await.map_err(|error| Status::unavailable(error.to_string()))?;
        let PictureOf { bytes: piece, next } = read;
        Ok(ReadViewResponse { crc32: crc32fast::hash(&piece), piece, next: next.unwrap_or_default() })
    }

    pub(crate) fn answer_keep(&self, request: &KeepViewsRequest) -> Result<KeepViewsResponse, Status> {
        let is_there = self.lent.keep(&request.token, self.clock.monotonic());
        is_there.then_some(KeepViewsResponse {}).ok_or_else(nothing_lent)
    }

    pub(crate) fn answer_close(&self, request: &CloseViewsRequest) -> CloseViewsResponse {
        self.lent.end(&request.token);
        CloseViewsResponse {}
    }
}

/// Another node with a copy may do better.
fn told(error: &ViewError) -> Status {
    Status::unavailable(error.to_string())
}

fn nothing_lent() -> Status {
    Status::not_found("nothing is lent by this name")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use weft_rows::member::{MemberRow, MemberState};
    use weft_shard::MembersChange;

    use super::*;
    use crate::node::{Node, Options, Place, World, open::METADATA_GROUP};

    #[tokio::test]
    async fn a_view_that_is_lent_stays_when_it_is_asked_for_again() {
        let options = Options { shards: 1, ..Options::new(Place::Memory) };
        let node = Node::open(options, World::real()).await.expect("it opens");
        let inner = node.inner();
        let open = async |groups: &[u32]| {
            let request = OpenViewsRequest { token: "token".to_owned(), groups: groups.to_vec() };
            inner.answer_open(request).await.expect("it has them").views
        };
        let read = async || {
            let request = ReadViewRequest { token: "token".to_owned(), group: METADATA_GROUP, cursor: Bytes::new() };
            inner.answer_read(request).await.expect("it is lent").piece
        };
        let (opened, piece) = (open(&[METADATA_GROUP]).await, read().await);
        let row =
            MemberRow { node: 7, address: "h:1".to_owned(), state: MemberState::Joining, incarnation: String::new() };
        let decide = |_: &_| Ok::<_, Infallible>((vec![MembersChange::Put(row)], ()));
        node.metadata().change_members(decide).await.expect("it leads");
        let again = open(&[METADATA_GROUP, 1]).await;
        assert_eq!((again.len(), &again[0]), (2, &opened[0]), "what is asked for besides is of now");
        assert_eq!(read().await, piece);
        node.shutdown().await;
    }
}
