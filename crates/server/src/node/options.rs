//! What a node is started with.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use uuid::Uuid;
use weft_engine::Settings;
use weft_rows::{Level, Supported};
use weft_store::{
    datadir::{Backend, Founding},
    wal,
};

use crate::cluster::ClusterOptions;

/// Where a node keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Directory(PathBuf),
    /// Lost at exit.
    Memory,
}

/// A namespace that is registered at the first start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceSeed {
    pub name: String,
    pub retention: Duration,
    /// Custom search attributes: name to `IndexedValueType`.
    pub search_attributes: BTreeMap<String, i32>,
}

/// All of it, with defaults for one node.
#[derive(Clone, Debug)]
pub struct Options {
    pub place: Place,
    /// What keeps the applied state of a data directory.
    pub backend: Backend,
    /// This node's id within its cluster.
    pub node: u32,
    /// The format levels that this node works at: those of this build.
    pub levels: Supported,
    /// The other nodes; none by default.
    pub cluster: ClusterOptions,
    /// Fixed when the data directory is made.
    pub shards: u16,
    pub settings: Settings,
    pub shard_limits: weft_shard::Limits,
    pub wal: wal::Options,
    pub matching: weft_matching::Options,
    /// Memory for the store's block cache.
    pub store_cache_bytes: u64,
    /// Threads that read the store.
    pub readers: usize,
    /// A checkpoint is made when so many bytes were logged since the last one …
    pub checkpoint_bytes: u64,
    /// … or when something was logged and so much time has passed.
    pub checkpoint_interval: Duration,
    /// What the logs of all groups together keep for replicas that are behind, which else get pictures; `None` is what a node
    /// with so many groups can spare.
    pub kept_log_bytes: Option<u64>,
    /// How often lists are indexed when nobody asks; who lists does not wait for it. The longer it is, the more changes of
    /// one run are written as one: a workflow that is over within it is written once.
    pub index_interval: Duration,
    pub namespaces: Vec<NamespaceSeed>,
    /// How long a query waits for a worker when its caller gave no deadline.
    pub query_timeout: Duration,
    /// The longest poll for a task.
    pub poll_timeout: Duration,
    /// The longest wait for a history to grow.
    pub history_wait: Duration,
    /// Events of a page of history, at most.
    pub history_page: usize,
    /// Rows of a page of a list, at most.
    pub list_page: usize,
    /// Between tries to give a task back whose poller has gone.
    pub give_back_retry: Duration,
    pub jobs: JobOptions,
    /// How long messages between workflows may wait for a backup; then there is none.
    pub hold_max: Duration,
    /// How long a backup may be read: until its end old rows are kept that nobody else needs.
    pub backup_max: Duration,
}

/// How batch jobs are worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOptions {
    /// Jobs of one namespace that run at the same time.
    pub running_max: u64,
    /// Operations a second of one job; a job may ask for less.
    pub operations_per_second: u64,
    /// Operations of one job that are under way at the same time.
    pub concurrency: usize,
}

impl Default for JobOptions {
    /// As Temporal's server has it.
    fn default() -> Self {
        Self { running_max: 1, operations_per_second: 50, concurrency: 5 }
    }
}

impl Options {
    /// What a fresh data directory is made with.
    pub(crate) fn founding(&self, cluster: Uuid, level: Level, joins: Option<Uuid>) -> Founding {
        let (node, shards, backend, format) = (self.node, self.shards, self.backend, level.number());
        Founding { cluster, node, shards, backend, format, joins }
    }

    /// The defaults for one node with its data in `place`.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self {
            place,
            backend: Backend::Fjall,
            node: 1,
            levels: Supported::HERE,
            cluster: ClusterOptions::default(),
            shards: 16,
            settings: Settings::default(),
            shard_limits: weft_shard::Limits::default(),
            wal: wal::Options::default(),
            matching: weft_matching::Options::default(),
            store_cache_bytes: 16 << 20,
            readers: 2,
            checkpoint_bytes: 32 << 20,
            checkpoint_interval: Duration::from_secs(30),
            kept_log_bytes: None,
            index_interval: Duration::from_millis(500),
            namespaces: vec![NamespaceSeed {
                name: "default".to_owned(),
                retention: Duration::from_secs(24 * 3600),
                search_attributes: BTreeMap::new(),
            }],
            query_timeout: Duration::from_secs(10),
            poll_timeout: Duration::from_secs(60),
            history_wait: Duration::from_secs(20),
            history_page: 256,
            list_page: 1000,
            give_back_retry: Duration::from_millis(100),
            jobs: JobOptions::default(),
            hold_max: Duration::from_secs(10),
            backup_max: Duration::from_secs(6 * 3600),
        }
    }
}
