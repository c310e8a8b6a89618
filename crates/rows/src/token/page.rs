//! Tokens of pages: where a caller goes on reading.

use alloc::{string::String, vec::Vec};

use prost::Message;
use weft_engine::{EventId, RunId, WorkflowKey, state::Branch};
use weft_protocol::{api::history::HistoryEvent, encode_canonical};

use super::{Invalid, decode, encode};
use crate::table::ancestor;

const HISTORY: u8 = 4;
const LIST: u8 = 5;

/// Where to go on.
#[derive(Clone, Debug, PartialEq)]
pub enum Page {
    History(HistoryPage),
    /// The visibility index's own cursor.
    List(Vec<u8>),
}

/// Where to go on in a history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryPage {
    pub key: WorkflowKey,
    pub run: RunId,
    pub branch: Branch,
    /// The first event of the next page; of the page before, when reading backwards.
    pub next: EventId,
    /// The end of what the first page promised: the first event that is not part of it.
    pub end: EventId,
    /// Beyond `end`, wait for new events while the run is open.
    pub wait: bool,
    /// Only the event that closes the run is wanted.
    pub close_only: bool,
    /// Read from the newest to the oldest.
    pub backwards: bool,
    /// Shown after the last event though it is not stored: Scheduled and Started of a transient workflow task.
    pub suffix: Vec<HistoryEvent>,
}

#[derive(Clone, PartialEq, Message)]
struct HistoryRow {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    workflow: String,
    #[prost(string, tag = "3")]
    run: String,
    /// Empty if it is named like the run.
    #[prost(string, tag = "4")]
    branch: String,
    #[prost(int64, tag = "5")]
    next: i64,
    #[prost(int64, tag = "6")]
    end: i64,
    #[prost(bool, tag = "7")]
    wait: bool,
    #[prost(bool, tag = "8")]
    close_only: bool,
    #[prost(bool, tag = "9")]
    backwards: bool,
    #[prost(bytes = "vec", repeated, tag = "10")]
    suffix: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "11")]
    ancestors: Vec<ancestor::Row>,
}

#[derive(Clone, PartialEq, Message)]
struct ListRow {
    #[prost(bytes = "vec", tag = "1")]
    cursor: Vec<u8>,
}

impl Page {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::History(page) => encode(HISTORY, &history_row(page)),
            Self::List(cursor) => encode(LIST, &ListRow { cursor: cursor.clone() }),
        }
    }

    /// # Errors
    /// When these bytes are no page token.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        match bytes.get(1) {
            Some(&HISTORY) => decode(bytes).and_then(|(_, row)| read_history(row)).map(Self::History),
            Some(&LIST) => decode(bytes).map(|(_, ListRow { cursor })| Self::List(cursor)),
            Some(_) | None => Err(Invalid),
        }
    }
}

fn history_row(page: &HistoryPage) -> HistoryRow {
    let HistoryPage { key, run, branch, next, end, wait, close_only, backwards, suffix } = page;
    HistoryRow {
        namespace: key.namespace.as_str().into(),
        workflow: key.workflow.as_str().into(),
        run: run.as_str().into(),
        branch: if branch.id == *run { String::new() } else { branch.id.as_str().into() },
        ancestors: ancestor::rows(&branch.ancestors),
        next: next.0,
        end: end.0,
        wait: *wait,
        close_only: *close_only,
        backwards: *backwards,
        suffix: suffix.iter().map(encode_canonical).collect(),
    }
}

fn read_history(row: HistoryRow) -> Result<HistoryPage, Invalid> {
    let HistoryRow { namespace, workflow, run, branch, next, end, wait, close_only, backwards, suffix, ancestors } =
        row;
    let run = RunId::from(run);
    let suffix = suffix.iter().map(|event| HistoryEvent::decode(event.as_slice()).map_err(|_| Invalid));
    Ok(HistoryPage {
        key: WorkflowKey { namespace: namespace.into(), workflow: workflow.into() },
        branch: Branch {
            id: if branch.is_empty() { run.clone() } else { branch.into() },
            ancestors: ancestor::read(ancestors),
        },
        run,
        next: EventId(next),
        end: EventId(end),
        wait,
        close_only,
        backwards,
        suffix: suffix.collect::<Result<_, _>>()?,
    })
}
