//! What a shard is started with.

use std::sync::Arc;

use weft_engine::{Calendar, Settings};
use weft_env::{Clock, Ids, Pool};
use weft_raft::Group;
use weft_rows::SlotRange;
use weft_store::state::StateStore;

use crate::{
    dispatch::{Directory, Dispatch, Jobs, Post, ShardId},
    limits::Limits,
    replica::Replica,
    shared::Room,
    stamp::NodeTime,
};

/// Everything a shard needs from outside.
pub struct Config {
    pub id: ShardId,
    /// This node's id, as batches name it.
    pub node: u64,
    pub slots: SlotRange,
    pub limits: Limits,
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    /// Of all shards of the node.
    pub time: Arc<NodeTime>,
    pub ids: Arc<dyn Ids>,
    pub calendar: Arc<dyn Calendar + Send + Sync>,
    /// Reads that may miss run here (rule 5).
    pub pool: Pool,
    pub store: Arc<dyn StateStore>,
    pub replica: Arc<Replica>,
    pub group: Group,
    pub dispatch: Arc<dyn Dispatch>,
    pub directory: Arc<dyn Directory>,
    pub post: Arc<dyn Post>,
    pub jobs: Arc<dyn Jobs>,
    pub room: Room,
}
