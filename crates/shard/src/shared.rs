//! What all parts of a shard see.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use weft_engine::{Calendar, Settings};
use weft_env::{Clock, Ids, Pool};
use weft_raft::Group;
use weft_rows::SlotRange;

use crate::{
    call::Failure,
    dispatch::{Directory, Dispatch, Jobs, Post, ShardId},
    events::EventCache,
    limits::Limits,
    loader::Reader,
    quarantine::Quarantine,
    replica::Replica,
    skips::Skips,
    stamp::NodeTime,
    stats::Stats,
    watch::Watchers,
};

/// Says whether the disk has room for more work.
pub type Room = Arc<dyn Fn() -> bool + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) id: ShardId,
    pub(crate) node: u64,
    pub(crate) slots: SlotRange,
    pub(crate) limits: Limits,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    /// With a clock that skips time.
    pub(crate) skips: Option<Skips>,
    pub(crate) time: Arc<NodeTime>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) calendar: Arc<dyn Calendar + Send + Sync>,
    pub(crate) pool: Pool,
    pub(crate) reader: Reader,
    pub(crate) replica: Arc<Replica>,
    pub(crate) group: Group,
    pub(crate) dispatch: Arc<dyn Dispatch>,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) post: Arc<dyn Post>,
    pub(crate) jobs: Arc<dyn Jobs>,
    pub(crate) room: Room,
    pub(crate) events: EventCache,
    pub(crate) watchers: Watchers,
    pub(crate) quarantine: Quarantine,
    pub(crate) stats: Stats,
    pub(crate) next_query: AtomicU64,
    /// This node gives the shard up: what is read of it from now on may be missing.
    pub(crate) given_up: AtomicBool,
}

impl Shared {
    /// What was read of the rows, if they were all there until then.
    pub(crate) fn whole<T>(&self, read: Result<T, Failure>) -> Result<T, Failure> {
        if self.given_up.load(Ordering::Acquire) { Err(Failure::NotLeader) } else { read }
    }
}
