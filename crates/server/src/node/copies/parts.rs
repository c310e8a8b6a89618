//! What copies of shards are made of on this node, and what they leave behind.
//!
//! Invariant: a copy that starts later is put together as those are that the node begins with.

use std::sync::Arc;

use bytes::Bytes;
use weft_engine::{Settings, cron::WallCalendar};
use weft_env::{Clock, Ids, Lane, Pool};
use weft_raft::{self as raft, Group, GroupId, MachineError};
use weft_rows::{SlotRange, picture::Owns, ranges};
use weft_shard::{Config, GivenUp, Limits, Metadata, NodeTime, Replica, Room, Shard, ShardId};
use weft_store::{state::StateStore, wal::Wal};
use weft_visibility::Visibility;

use super::super::{Jobs, dispatch::ToPollers, feed::Feeds, mend, open::METADATA_GROUP, post::ToShards};
use super::CopyError;

/// What is below the shards.
pub(crate) struct Ground {
    pub(crate) wal: Wal,
    pub(crate) store: Arc<dyn StateStore>,
    /// Of the store's writes.
    pub(crate) apply: Lane,
    pub(crate) readers: Pool,
    pub(crate) raft: raft::Node,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) visibility: Visibility,
}

/// All of it.
pub(crate) struct Parts {
    pub(crate) ground: Ground,
    pub(crate) node: u64,
    pub(crate) limits: Limits,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) dispatch: Arc<ToPollers>,
    pub(crate) post: Arc<ToShards>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) calendar: Arc<WallCalendar>,
    /// The highest stamp of all shards here.
    pub(crate) time: Arc<NodeTime>,
}

/// Whose rows each group's are.
pub(crate) fn owners(shards: u16) -> impl Iterator<Item = (u32, Owns)> {
    let owners = std::iter::once(Owns::Metadata).chain(ranges(shards).into_iter().map(Owns::Slots));
    (METADATA_GROUP..).zip(owners)
}

impl Ground {
    pub(super) fn given_up(&self, group: u32, slots: SlotRange) -> GivenUp {
        GivenUp { group, owns: Owns::Slots(slots), store: Arc::clone(&self.store), lane: self.apply.clone() }
    }

    /// Does what blocks on the store.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, MachineError> + Send + 'static,
    ) -> Result<T, MachineError> {
        self.readers.call(work).await.map_err(MachineError::new)?
    }

    /// Whether the store has anything of a shard that does not run here.
    pub(super) async fn is_there(&self, group: u32, slots: SlotRange) -> Result<bool, MachineError> {
        let given_up = self.given_up(group, slots);
        self.blocking(move || given_up.is_there()).await
    }

    /// Up to where the log of a shard was had before it was given up the last time.
    pub(super) async fn floor(&self, group: u32, slots: SlotRange) -> Result<Option<Bytes>, MachineError> {
        let given_up = self.given_up(group, slots);
        self.blocking(move || given_up.floor()).await
    }

    pub(super) fn has_log(&self, group: u32) -> bool {
        has_log(&self.wal, group)
    }

    /// Ends what was begun when the shard was given up the last time.
    pub(super) async fn clear_rest(&self, group: u32, slots: SlotRange) -> Result<(), CopyError> {
        let given_up = self.given_up(group, slots);
        let (is_begun, given_up) = self.blocking(move || Ok((given_up.is_begun()?, given_up))).await?;
        if is_begun { clear_away(&self.wal, &self.visibility, &given_up).await } else { Ok(()) }
    }

    /// A replica of what the store has of a shard, whose lists are as far as that.
    pub(super) async fn replica(&self, group: u32, slots: SlotRange) -> Result<Arc<Replica>, CopyError> {
        let (store, lane, feeds) = (Arc::clone(&self.store), self.apply.clone(), Arc::<Feeds>::clone(&self.feeds));
        let replica = self.blocking(move || Replica::open(group, Owns::Slots(slots), store, lane, feeds)).await?;
        let mended = mend::group_before_replay(&self.visibility, &self.store, (group, slots)).await;
        mended.map_err(|error| CopyError::Lists(error.to_string()))?;
        self.feeds.begin(group);
        Ok(replica)
    }
}

impl Parts {
    /// Starts the shard over a group that runs.
    pub(super) fn shard(&self, id: ShardId, slots: SlotRange, replica: &Arc<Replica>, group: Group) -> Shard {
        let wal = self.ground.wal.clone();
        let room: Room = Arc::new(move || wal.room());
        let config = Config {
            id,
            node: self.node,
            slots,
            limits: self.limits.clone(),
            settings: self.settings.clone(),
            clock: Arc::clone(&self.clock),
            time: Arc::clone(&self.time),
            ids: Arc::clone(&self.ids),
            calendar: Arc::<WallCalendar>::clone(&self.calendar),
            pool: self.ground.readers.clone(),
            store: Arc::clone(&self.ground.store),
            replica: Arc::clone(replica),
            group,
            dispatch: Arc::<ToPollers>::clone(&self.dispatch),
            directory: Arc::<Metadata>::clone(&self.metadata),
            post: Arc::<ToShards>::clone(&self.post),
            jobs: Arc::<Jobs>::clone(&self.jobs),
            room,
        };
        Shard::start(config).0
    }
}

/// The log has entries of a group, or had.
pub(crate) fn has_log(wal: &Wal, group: u32) -> bool {
    let state = wal.group(GroupId(group)).state();
    state.last.is_some() || state.purged.is_some()
}

/// Removes all that is left of a shard that was given up. Done again it ends what was begun.
pub(crate) async fn clear_away(wal: &Wal, visibility: &Visibility, given_up: &GivenUp) -> Result<(), CopyError> {
    raft::Node::forget(wal, GroupId(given_up.group)).await?;
    given_up.clear().await?;
    mend::forget(visibility, given_up.group).await.map_err(|error| CopyError::Lists(error.to_string()))?;
    visibility.persist().await.map_err(|error| CopyError::Lists(error.to_string()))?;
    given_up.end().await?;
    Ok(())
}
