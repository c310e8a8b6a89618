//! The configuration file, key by key, with its defaults.
//!
//! Invariant: every default here is the default of the part it configures; a test holds the reference in `docs/`
//! against this file.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use weft_engine::{Settings, limits::Limits as EngineLimits};

use super::{Error, Flags, span::Span};
use crate::access;
use crate::node::{JobOptions, Options, Place};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    pub server: Server,
    pub tls: Tls,
    pub operations: Operations,
    pub cluster: Cluster,
    pub log: Log,
    pub telemetry: Telemetry,
    pub storage: Storage,
    pub workflow: Workflow,
    pub polls: Polls,
    pub batch: Batch,
    pub limits: Limits,
    /// Registered at the first start.
    pub namespaces: Vec<Namespace>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    pub in_memory: bool,
    pub listen: String,
    pub metrics_listen: String,
    pub insecure_bind: bool,
    /// A file of API keys, one a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<PathBuf>,
    /// How often files of certificates, keys and API keys are looked at.
    pub reload_interval: Span,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_file: Option<PathBuf>,
}

/// TLS of the public port: files of PEM.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Who vouches for clients; they must show a certificate then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
}

/// Who gets in by the operations port: files of PEM, and of keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Operations {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Who vouches for callers; they must show a certificate then, those who ask for health too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
    /// A file of API keys, one a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// The same on all nodes, and another one for every other cluster.
    pub name: String,
    /// This node's number, from 1; 0 takes it from the end of the host name, where it counts from 0.
    pub node: u32,
    pub listen: String,
    /// Internal ports of nodes of a cluster to join.
    pub join: Vec<String>,
    /// Where the others reach this node when it joins; `listen` if it is empty.
    pub advertise: String,
    /// Where the nodes that found a cluster listen for each other, by number; empty for a node of its own.
    pub members: BTreeMap<String, String>,
    pub tls: NodeTls,
}

/// TLS between the nodes: files of PEM.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeTls {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Who vouches for the nodes of this cluster, and for nobody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The name in the certificates of all nodes, where they are not called by the names in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// A `tracing` filter: `info`, or `info,weft_shard=debug`.
    pub level: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Where traces are exported by OTLP over gRPC; empty is nowhere.
    pub otlp_endpoint: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// `fjall`, or `sled` where it is built in.
    pub backend: String,
    /// Fixed when the data directory is made.
    pub shards: u16,
    pub log_segment_mib: u64,
    pub log_cache_mib: usize,
    /// New work is refused while the file system has less than this left.
    pub disk_reserve_mib: u64,
    pub cache_mib: u64,
    pub execution_cache_mib: usize,
    pub event_cache_mib: usize,
    pub readers: usize,
    pub checkpoint_mib: u64,
    pub checkpoint_interval: Span,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workflow {
    pub task_timeout: Span,
    pub task_timeout_max: Span,
    pub task_backoff_initial: Span,
    pub task_backoff_max: Span,
    pub task_heartbeat_max: Span,
    pub continue_as_new_min_interval: Span,
    pub suggest_continue_as_new_events: i64,
    pub suggest_continue_as_new_bytes: u64,
    pub eager_activities: bool,
    pub eager_start: bool,
    pub cross_namespace_commands: bool,
    pub retention_jitter: Span,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Polls {
    pub task_poll: Span,
    pub history_wait: Span,
    pub query_timeout: Span,
    pub waiting_max: usize,
    pub sticky_poller_gone: Span,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Batch {
    pub running_max: u64,
    pub operations_per_second: u64,
    pub concurrency: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub id_bytes: usize,
    pub blob_bytes_error: usize,
    pub blob_bytes_warn: usize,
    pub memo_bytes: usize,
    pub search_attributes_count: usize,
    pub search_attribute_value_bytes: usize,
    pub search_attributes_bytes: usize,
    pub history_events_error: i64,
    pub history_events_warn: i64,
    pub history_bytes_error: u64,
    pub history_bytes_warn: u64,
    pub mutable_state_bytes_error: usize,
    pub transaction_bytes: u64,
    pub signals: u32,
    pub pending_activities: usize,
    pub pending_timers: usize,
    pub pending_children: usize,
    pub pending_external_signals: usize,
    pub pending_external_cancels: usize,
    pub buffered_events: usize,
    pub buffered_bytes: usize,
    pub attached_queries: usize,
    pub updates_in_flight: usize,
    pub updates_in_flight_bytes: usize,
    pub updates: usize,
    pub history_page: usize,
    pub list_page: usize,
    /// Calls that may wait for one shard.
    pub requests_waiting: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    pub name: String,
    #[serde(default = "day")]
    pub retention: Span,
    /// Custom search attributes: name to `Text`, `Keyword`, `Int`, `Double`, `Bool`, `Datetime` or `KeywordList`.
    #[serde(default)]
    pub search_attributes: BTreeMap<String, String>,
}

fn day() -> Span {
    Span(std::time::Duration::from_secs(24 * 3600))
}

impl File {
    /// The file that the flags name, with variables and flags put over it.
    ///
    /// # Errors
    /// When the file cannot be read or has a key that is not known.
    pub fn effective(flags: &Flags) -> Result<Self, Error> {
        let mut file = match &flags.config {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| Error::Read { path: path.clone(), error })?;
                toml::from_str(&text).map_err(|error| Error::Parse { path: path.clone(), error: Box::new(error) })?
            }
            None => Self::default(),
        };
        flags.over(&mut file);
        Ok(file)
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            data_dir: None,
            in_memory: false,
            listen: "127.0.0.1:7233".to_owned(),
            metrics_listen: "127.0.0.1:7280".to_owned(),
            insecure_bind: false,
            api_keys: None,
            reload_interval: Span(access::RELOAD_INTERVAL),
            ready_file: None,
        }
    }
}

impl Default for Cluster {
    fn default() -> Self {
        let node = Options::new(Place::Memory);
        Self {
            name: node.cluster.name,
            node: node.node,
            listen: node.cluster.listen.to_string(),
            members: BTreeMap::new(),
            join: Vec::new(),
            advertise: String::new(),
            tls: NodeTls::default(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl Default for Storage {
    fn default() -> Self {
        let node = Options::new(Place::Memory);
        Self {
            backend: "fjall".to_owned(),
            shards: node.shards,
            log_segment_mib: node.wal.segment_bytes >> 20,
            log_cache_mib: node.wal.cache_bytes >> 20,
            disk_reserve_mib: node.wal.reserve_bytes >> 20,
            cache_mib: node.store_cache_bytes >> 20,
            execution_cache_mib: (node.shard_limits.cache_bytes * usize::from(node.shards)) >> 20,
            event_cache_mib: (node.shard_limits.event_cache_bytes * usize::from(node.shards)) >> 20,
            readers: node.readers,
            checkpoint_mib: node.checkpoint_bytes >> 20,
            checkpoint_interval: Span(node.checkpoint_interval),
        }
    }
}

impl Default for Workflow {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            task_timeout: Span(settings.workflow_task_timeout),
            task_timeout_max: Span(settings.workflow_task_timeout_max),
            task_backoff_initial: Span(settings.workflow_task_backoff_initial),
            task_backoff_max: Span(settings.workflow_task_backoff_max),
            task_heartbeat_max: Span(settings.workflow_task_heartbeat_max),
            continue_as_new_min_interval: Span(settings.continue_as_new_min_interval),
            suggest_continue_as_new_events: settings.limits.suggest_continue_as_new_events,
            suggest_continue_as_new_bytes: settings.limits.suggest_continue_as_new_bytes,
            eager_activities: settings.eager_activities,
            eager_start: settings.eager_workflow_start,
            cross_namespace_commands: settings.cross_namespace_commands,
            retention_jitter: Span(settings.retention_jitter),
        }
    }
}

impl Default for Polls {
    fn default() -> Self {
        let node = Options::new(Place::Memory);
        Self {
            task_poll: Span(node.poll_timeout),
            history_wait: Span(node.history_wait),
            query_timeout: Span(node.query_timeout),
            waiting_max: node.matching.polls_max,
            sticky_poller_gone: Span(node.matching.sticky_poller_gone),
        }
    }
}

impl Default for Batch {
    fn default() -> Self {
        let JobOptions { running_max, operations_per_second, concurrency } = JobOptions::default();
        Self { running_max, operations_per_second, concurrency }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let (engine, node) = (EngineLimits::default(), Options::new(Place::Memory));
        Self {
            id_bytes: engine.id_bytes,
            blob_bytes_error: engine.blob_bytes_error,
            blob_bytes_warn: engine.blob_bytes_warn,
            memo_bytes: engine.memo_bytes,
            search_attributes_count: engine.search_attributes_count,
            search_attribute_value_bytes: engine.search_attribute_value_bytes,
            search_attributes_bytes: engine.search_attributes_bytes,
            history_events_error: engine.history_events_error,
            history_events_warn: engine.history_events_warn,
            history_bytes_error: engine.history_bytes_error,
            history_bytes_warn: engine.history_bytes_warn,
            mutable_state_bytes_error: engine.mutable_state_bytes_error,
            transaction_bytes: engine.transaction_bytes,
            signals: engine.signals,
            pending_activities: engine.pending_activities,
            pending_timers: engine.pending_timers,
            pending_children: engine.pending_children,
            pending_external_signals: engine.pending_external_signals,
            pending_external_cancels: engine.pending_external_cancels,
            buffered_events: engine.buffered_events,
            buffered_bytes: engine.buffered_bytes,
            attached_queries: engine.attached_queries,
            updates_in_flight: engine.updates_in_flight,
            updates_in_flight_bytes: engine.updates_in_flight_bytes,
            updates: engine.updates,
            history_page: node.history_page,
            list_page: node.list_page,
            requests_waiting: node.shard_limits.mailbox,
        }
    }
}
