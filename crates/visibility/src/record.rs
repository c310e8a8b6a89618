//! What a list shows about one run, and the change of it that a transition brings.
//!
//! A record travels with transitions, so its bytes are versioned and pinned: the first byte is the version, what follows
//! is a protobuf message of our own. The memo and the search attributes stay Temporal's encoded messages and are copied,
//! never encoded again. Deliberately not here: how SQLite lays it out (`index`).

#[cfg(test)]
mod tests;

use prost::Message;

const VERSION: u8 = 1;

/// How an execution stands; the numbers are those of Temporal's `WorkflowExecutionStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Running = 1,
    Completed = 2,
    Failed = 3,
    Canceled = 4,
    Terminated = 5,
    ContinuedAsNew = 6,
    TimedOut = 7,
    Paused = 8,
}

impl Status {
    pub const ALL: [Self; 8] = [
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Terminated,
        Self::ContinuedAsNew,
        Self::TimedOut,
        Self::Paused,
    ];

    pub fn number(self) -> i64 {
        self as i64
    }

    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.number() == number)
    }

    /// As queries and Temporal's JSON spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::Terminated => "Terminated",
            Self::ContinuedAsNew => "ContinuedAsNew",
            Self::TimedOut => "TimedOut",
            Self::Paused => "Paused",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(name))
    }

    /// An open execution has no close time and stands before all closed ones.
    pub fn is_open(self) -> bool {
        match self {
            Self::Running | Self::Paused => true,
            Self::Completed
            | Self::Failed
            | Self::Canceled
            | Self::Terminated
            | Self::ContinuedAsNew
            | Self::TimedOut => false,
        }
    }
}

/// One run by its two ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRef {
    pub workflow_id: String,
    pub run_id: String,
}

/// Everything a list shows about one run. Times are nanoseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The id of the namespace, not its name.
    pub namespace: String,
    pub workflow_id: String,
    pub run_id: String,
    pub workflow_type: String,
    pub status: Status,
    pub task_queue: String,
    pub start_time: i64,
    /// When the first workflow task was due: later than the start with a start delay, a cron or a retry backoff.
    pub execution_time: i64,
    /// Set if and only if the status is a closed one; the index goes by the status where they differ.
    pub close_time: Option<i64>,
    pub history_length: i64,
    pub history_size_bytes: i64,
    pub state_transition_count: i64,
    pub parent: Option<RunRef>,
    /// The root of the tree of children; none means that this run is the root.
    pub root: Option<RunRef>,
    /// An encoded `temporal.api.common.v1.Memo`, empty if there is none.
    pub memo: Vec<u8>,
    /// An encoded `temporal.api.common.v1.SearchAttributes`, each payload with its `type` in the metadata.
    pub search_attributes: Vec<u8>,
}

/// What a transition does to the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Upsert(Box<Record>),
    Remove { namespace: String, run_id: String },
}

/// Bytes that are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("visibility record of version {0}, this node knows version {VERSION}")]
    Version(u8),
    #[error("visibility record is damaged: {0}")]
    Damaged(String),
}

impl Record {
    /// How long the execution ran from its execution time on; none while it is open.
    pub fn execution_duration(&self) -> Option<i64> {
        self.close_time.map(|close| close.saturating_sub(self.execution_time).max(0))
    }

    pub fn encode(&self) -> Vec<u8> {
        let stored = Stored::from(self.clone());
        let mut bytes = Vec::with_capacity(1 + stored.encoded_len());
        bytes.push(VERSION);
        stored.encode_raw(&mut bytes);
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.split_first() {
            None => Err(DecodeError::Damaged("no bytes".to_owned())),
            Some((&VERSION, body)) => {
                let stored = Stored::decode(body).map_err(|error| DecodeError::Damaged(error.to_string()))?;
                stored.try_into()
            }
            Some((&version, _)) => Err(DecodeError::Version(version)),
        }
    }
}

/// The stored form. Field numbers are never used again for anything else.
#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    workflow_id: String,
    #[prost(string, tag = "3")]
    run_id: String,
    #[prost(string, tag = "4")]
    workflow_type: String,
    #[prost(int64, tag = "5")]
    status: i64,
    #[prost(string, tag = "6")]
    task_queue: String,
    #[prost(int64, tag = "7")]
    start_time: i64,
    #[prost(int64, tag = "8")]
    execution_time: i64,
    #[prost(int64, optional, tag = "9")]
    close_time: Option<i64>,
    #[prost(int64, tag = "10")]
    history_length: i64,
    #[prost(int64, tag = "11")]
    history_size_bytes: i64,
    #[prost(int64, tag = "12")]
    state_transition_count: i64,
    #[prost(message, optional, tag = "13")]
    parent: Option<StoredRun>,
    #[prost(message, optional, tag = "14")]
    root: Option<StoredRun>,
    #[prost(bytes = "vec", tag = "15")]
    memo: Vec<u8>,
    #[prost(bytes = "vec", tag = "16")]
    search_attributes: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredRun {
    #[prost(string, tag = "1")]
    workflow_id: String,
    #[prost(string, tag = "2")]
    run_id: String,
}

impl From<RunRef> for StoredRun {
    fn from(run: RunRef) -> Self {
        Self { workflow_id: run.workflow_id, run_id: run.run_id }
    }
}

impl From<StoredRun> for RunRef {
    fn from(run: StoredRun) -> Self {
        Self { workflow_id: run.workflow_id, run_id: run.run_id }
    }
}

impl From<Record> for Stored {
    fn from(record: Record) -> Self {
        Self {
            namespace: record.namespace,
            workflow_id: record.workflow_id,
            run_id: record.run_id,
            workflow_type: record.workflow_type,
            status: record.status.number(),
            task_queue: record.task_queue,
            start_time: record.start_time,
            execution_time: record.execution_time,
            close_time: record.close_time,
            history_length: record.history_length,
            history_size_bytes: record.history_size_bytes,
            state_transition_count: record.state_transition_count,
            parent: record.parent.map(Into::into),
            root: record.root.map(Into::into),
            memo: record.memo,
            search_attributes: record.search_attributes,
        }
    }
}

impl TryFrom<Stored> for Record {
    type Error = DecodeError;

    fn try_from(stored: Stored) -> Result<Self, DecodeError> {
        let status = Status::from_number(stored.status)
            .ok_or_else(|| DecodeError::Damaged(format!("status {}", stored.status)))?;
        Ok(Self {
            namespace: stored.namespace,
            workflow_id: stored.workflow_id,
            run_id: stored.run_id,
            workflow_type: stored.workflow_type,
            status,
            task_queue: stored.task_queue,
            start_time: stored.start_time,
            execution_time: stored.execution_time,
            close_time: stored.close_time,
            history_length: stored.history_length,
            history_size_bytes: stored.history_size_bytes,
            state_transition_count: stored.state_transition_count,
            parent: stored.parent.map(Into::into),
            root: stored.root.map(Into::into),
            memo: stored.memo,
            search_attributes: stored.search_attributes,
        })
    }
}
