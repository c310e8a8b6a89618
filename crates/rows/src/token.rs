//! Tokens: what workers and clients hold between two calls. They name executions and branches, never shard, node or
//! term, so that they survive failover, split and upgrade (rule 19); they fence on attempt and started time.
//!
//! ```text
//! 01 | kind u8 | Row
//! ```
//!
//! Kinds: 1 workflow task, 2 activity task, 3 query, 4 page of a history, 5 page of a list. Invariant: decoding is
//! total. A token is not signed: whoever has one may make another, and what it says is checked like any request.

mod page;

use alloc::{string::String, vec::Vec};
use core::fmt;

pub use page::{HistoryPage, Page};
use prost::Message;
use weft_engine::{ActivityToken, EventId, RunId, Timestamp, WorkflowKey, WorkflowTaskToken, state::QueryId};

const VERSION: u8 = 1;

const WORKFLOW: u8 = 1;
const ACTIVITY: u8 = 2;
const QUERY: u8 = 3;

/// Bytes that are no token of the kind that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the token is not valid")
    }
}

impl core::error::Error for Invalid {}

/// What a worker gets with a task and gives back with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    Workflow(WorkflowKey, WorkflowTaskToken),
    Activity(WorkflowKey, ActivityToken),
    Query(WorkflowKey, QueryToken),
}

/// A query that was dispatched by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryToken {
    pub run: RunId,
    pub query: QueryId,
}

/// One message for the three kinds; what a kind does not have is zero.
#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    workflow: String,
    #[prost(string, tag = "3")]
    run: String,
    #[prost(int64, tag = "4")]
    scheduled_event_id: i64,
    #[prost(int64, tag = "5")]
    started_event_id: i64,
    #[prost(sfixed64, tag = "6")]
    started_at: i64,
    #[prost(uint32, tag = "7")]
    attempt: u32,
    #[prost(uint64, tag = "8")]
    query: u64,
}

impl Task {
    /// The workflow whose task it is.
    #[must_use]
    pub fn key(&self) -> &WorkflowKey {
        match self {
            Self::Workflow(key, _) | Self::Activity(key, _) | Self::Query(key, _) => key,
        }
    }

    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (kind, key, row) = match self {
            Self::Workflow(key, token) => (WORKFLOW, key, workflow_row(token)),
            Self::Activity(key, token) => (ACTIVITY, key, activity_row(token)),
            Self::Query(key, QueryToken { run, query }) => {
                (QUERY, key, Row { run: run.as_str().into(), query: query.0, ..Row::default() })
            }
        };
        let row = Row { namespace: key.namespace.as_str().into(), workflow: key.workflow.as_str().into(), ..row };
        encode(kind, &row)
    }

    /// # Errors
    /// When these bytes are no task token.
    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        let (kind, row): (u8, Row) = decode(bytes)?;
        let key = WorkflowKey { namespace: row.namespace.into(), workflow: row.workflow.into() };
        let run = RunId::from(row.run);
        let (scheduled_event_id, started_event_id) = (EventId(row.scheduled_event_id), EventId(row.started_event_id));
        let (started_at, attempt) = (Timestamp(row.started_at), row.attempt);
        match kind {
            WORKFLOW => {
                let token = WorkflowTaskToken { run, scheduled_event_id, started_event_id, started_at, attempt };
                Ok(Self::Workflow(key, token))
            }
            ACTIVITY => Ok(Self::Activity(key, ActivityToken { run, scheduled_event_id, attempt, started_at })),
            QUERY => Ok(Self::Query(key, QueryToken { run, query: QueryId(row.query) })),
            _ => Err(Invalid),
        }
    }
}

fn workflow_row(token: &WorkflowTaskToken) -> Row {
    let WorkflowTaskToken { run, scheduled_event_id, started_event_id, started_at, attempt } = token;
    Row {
        run: run.as_str().into(),
        scheduled_event_id: scheduled_event_id.0,
        started_event_id: started_event_id.0,
        started_at: started_at.0,
        attempt: *attempt,
        ..Row::default()
    }
}

fn activity_row(token: &ActivityToken) -> Row {
    let ActivityToken { run, scheduled_event_id, attempt, started_at } = token;
    Row {
        run: run.as_str().into(),
        scheduled_event_id: scheduled_event_id.0,
        started_at: started_at.0,
        attempt: *attempt,
        ..Row::default()
    }
}

fn encode<M: Message>(kind: u8, row: &M) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + row.encoded_len());
    bytes.extend_from_slice(&[VERSION, kind]);
    row.encode_raw(&mut bytes);
    bytes
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<(u8, M), Invalid> {
    match bytes {
        [VERSION, kind, row @ ..] => Ok((*kind, M::decode(row).map_err(|_| Invalid)?)),
        [..] => Err(Invalid),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weft_engine::state::Branch;

    use super::*;
    use crate::testing::{generate, golden, sample};

    fn workflow_task() -> impl Strategy<Value = WorkflowTaskToken> {
        (generate::run(), generate::event_id(), generate::event_id(), generate::time(), any::<u32>()).prop_map(
            |(run, scheduled_event_id, started_event_id, started_at, attempt)| WorkflowTaskToken {
                run,
                scheduled_event_id,
                started_event_id,
                started_at,
                attempt,
            },
        )
    }

    fn task() -> impl Strategy<Value = Task> {
        (generate::key(), workflow_task(), any::<u64>(), 0..3).prop_map(|(key, token, query, kind)| match kind {
            0 => Task::Workflow(key, token),
            1 => {
                let WorkflowTaskToken { run, scheduled_event_id, started_at, attempt, .. } = token;
                Task::Activity(key, ActivityToken { run, scheduled_event_id, attempt, started_at })
            }
            _ => Task::Query(key, QueryToken { run: token.run, query: QueryId(query) }),
        })
    }

    fn page() -> impl Strategy<Value = Page> {
        let suffix = proptest::collection::vec(generate::event(), 0..2);
        let ids = generate::run().prop_flat_map(|run| (generate::key(), Just(run.clone()), generate::branch(run)));
        let history = (ids, generate::event_id(), generate::event_id(), any::<(bool, bool, bool)>(), suffix).prop_map(
            |((key, run, branch), next, end, (wait, close_only, backwards), suffix)| {
                Page::History(HistoryPage { key, run, branch, next, end, wait, close_only, backwards, suffix })
            },
        );
        prop_oneof![history, any::<Vec<u8>>().prop_map(Page::List)]
    }

    #[test]
    fn tokens_keep_their_bytes() {
        let (key, run, started_at) = (sample::key(), sample::run(), Timestamp(11));
        let (scheduled_event_id, started_event_id) = (EventId(5), EventId(6));
        let token =
            WorkflowTaskToken { run: run.clone(), scheduled_event_id, started_event_id, started_at, attempt: 3 };
        golden::check("token of a workflow task", &Task::Workflow(key.clone(), token).encode());
        let token = ActivityToken { run: run.clone(), scheduled_event_id, attempt: 3, started_at };
        golden::check("token of an activity task", &Task::Activity(key.clone(), token).encode());
        let token = QueryToken { run: run.clone(), query: QueryId(258) };
        golden::check("token of a query", &Task::Query(key.clone(), token).encode());
        let page = HistoryPage {
            key,
            run,
            branch: Branch::root("other".into()),
            next: EventId(5),
            end: EventId(9),
            wait: true,
            close_only: true,
            backwards: true,
            suffix: Vec::from([sample::start_event()]),
        };
        let divided = Branch { ancestors: sample::ancestors(), ..page.branch.clone() };
        let divided = HistoryPage { branch: divided, ..page.clone() };
        golden::check("token of a page of a history", &Page::History(page).encode());
        golden::check("token of a page of a divided history", &Page::History(divided).encode());
        golden::check("token of a page of a list", &Page::List(Vec::from([1, 2, 3])).encode());
    }

    proptest! {
        #[test]
        fn tokens_come_back(task in task(), page in page()) {
            prop_assert_eq!(Page::decode(&task.encode()), Err(Invalid));
            prop_assert_eq!(Task::decode(&page.encode()), Err(Invalid));
            prop_assert_eq!(Task::decode(&task.encode()), Ok(task));
            prop_assert_eq!(Page::decode(&page.encode()), Ok(page));
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut bytes: Vec<u8>, kind in 0..7u8) {
            let _ = (Task::decode(&bytes), Page::decode(&bytes));
            bytes.splice(0..0, [VERSION, kind]);
            let _ = (Task::decode(&bytes), Page::decode(&bytes));
        }
    }
}
