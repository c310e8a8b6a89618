//! Every bound and every default of the engine, with Temporal's server defaults as values.
//!
//! Source: the defaults of Temporal server 1.32 (`common/dynamicconfig`); each can be set in the server's configuration.
//! What this file does not do: bounds of queues, batches and connections, which belong to the shells.

use core::time::Duration;

/// Places to go back to that a run keeps.
pub const RESET_POINTS_MAX: usize = 20;

/// Events that a reset looks at, of the runs that followed the one that is reset.
pub const RESET_EVENTS_MAX: u64 = 200_000;

/// Bytes of those of them that a reset holds in memory. What the new run writes of them is one transaction.
pub const RESET_BYTES_MAX: usize = 64 << 20;

/// Bytes of the key by which tasks of a queue share it fairly.
pub const FAIRNESS_KEY_BYTES_MAX: usize = 64;

/// Bytes of a search attribute that names the builds of workers.
pub const WORKER_ATTRIBUTE_BYTES_MAX: usize = 2 << 10;

/// What one request may do and what a run may grow to. Sizes are bytes, counts are per run.
#[derive(Clone, Debug, PartialEq)]
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
    /// Of a run's rows, but for its history.
    pub mutable_state_bytes_error: usize,
    /// Events that one request may write to a run.
    pub transaction_bytes: u64,
    pub suggest_continue_as_new_events: i64,
    pub suggest_continue_as_new_bytes: u64,
    pub signals: u32,
    pub pending_activities: usize,
    pub pending_timers: usize,
    pub pending_children: usize,
    pub pending_external_signals: usize,
    pub pending_external_cancels: usize,
    pub buffered_events: usize,
    pub buffered_bytes: usize,
    /// Request ids of starts that used the run instead of starting one.
    pub attached_requests: usize,
    /// Queries attached to one workflow task.
    pub attached_queries: usize,
    /// Updates that were admitted and are not completed.
    pub updates_in_flight: usize,
    /// Requests of updates that were admitted and are not accepted.
    pub updates_in_flight_bytes: usize,
    /// Updates that a run may have, in all.
    pub updates: usize,
    /// From this many updates on a run is told to continue as new.
    pub suggest_continue_as_new_updates: usize,
    /// A speculative task that showed the worker more events than this is written even if nothing came of it: those
    /// events would be sent again and again.
    pub speculative_events: i64,
    /// A recorded failure is cut to this many bytes when it is kept for the next attempt.
    pub last_failure_bytes: usize,
    pub user_metadata_summary_bytes: usize,
    pub user_metadata_details_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            id_bytes: 1000,
            blob_bytes_error: 2 << 20,
            blob_bytes_warn: 512 << 10,
            memo_bytes: 2 << 20,
            search_attributes_count: 100,
            search_attribute_value_bytes: 2 << 10,
            search_attributes_bytes: 40 << 10,
            history_events_error: 51_200,
            history_events_warn: 10_240,
            history_bytes_error: 50 << 20,
            history_bytes_warn: 10 << 20,
            mutable_state_bytes_error: 8 << 20,
            transaction_bytes: 4 << 20,
            suggest_continue_as_new_events: 4096,
            suggest_continue_as_new_bytes: 4 << 20,
            signals: 10_000,
            pending_activities: 2000,
            pending_timers: 2000,
            pending_children: 2000,
            pending_external_signals: 2000,
            pending_external_cancels: 2000,
            buffered_events: 100,
            buffered_bytes: 2 << 20,
            attached_requests: 2000,
            attached_queries: 16,
            updates_in_flight: 10,
            updates_in_flight_bytes: 20 << 20,
            updates: 2000,
            suggest_continue_as_new_updates: 1800,
            speculative_events: 10,
            last_failure_bytes: 4 << 10,
            user_metadata_summary_bytes: 400,
            user_metadata_details_bytes: 20_000,
        }
    }
}

/// Defaults and switches of workflow semantics.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub limits: Limits,
    pub workflow_task_timeout: Duration,
    pub workflow_task_timeout_max: Duration,
    /// From this attempt on, a workflow task's timeout grows: it is the retry's backoff.
    pub workflow_task_backoff_from_attempt: u32,
    pub workflow_task_backoff_initial: Duration,
    pub workflow_task_backoff_max: Duration,
    /// A speculative workflow task that no worker takes from the normal queue within this is written.
    pub speculative_schedule_to_start: Duration,
    /// How long a workflow task may heartbeat (for local activities) without progress.
    pub workflow_task_heartbeat_max: Duration,
    /// From this many consecutive failures on, `TemporalReportedProblems` is set.
    pub reported_problems_after: u32,
    pub default_retry_initial: Duration,
    pub default_retry_coefficient: f64,
    /// The default longest interval is this many times the initial one.
    pub default_retry_max_factor: u32,
    /// A run shorter than this that continues as new waits for the rest of it.
    pub continue_as_new_min_interval: Duration,
    /// Longer timeouts are cut to this.
    pub timeout_max: Duration,
    pub eager_activities: bool,
    pub eager_workflow_start: bool,
    /// Commands may reach into other namespaces.
    pub cross_namespace_commands: bool,
    /// Removal after retention is spread over this much, so that runs that closed together do not go together.
    pub retention_jitter: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            workflow_task_timeout: Duration::from_secs(10),
            workflow_task_timeout_max: Duration::from_secs(120),
            workflow_task_backoff_from_attempt: 4,
            workflow_task_backoff_initial: Duration::from_secs(5),
            workflow_task_backoff_max: Duration::from_secs(600),
            speculative_schedule_to_start: Duration::from_secs(5),
            workflow_task_heartbeat_max: Duration::from_secs(1800),
            reported_problems_after: 5,
            default_retry_initial: Duration::from_secs(1),
            default_retry_coefficient: 2.0,
            default_retry_max_factor: 100,
            continue_as_new_min_interval: Duration::from_secs(1),
            timeout_max: Duration::from_secs(100 * 365 * 24 * 3600),
            eager_activities: true,
            eager_workflow_start: true,
            cross_namespace_commands: false,
            retention_jitter: Duration::from_secs(30 * 60),
        }
    }
}
