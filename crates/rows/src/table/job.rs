//! Job: a batch job in two rows, so that what was asked for, which may be large, is written once.
//!
//! ```text
//! key    slot | namespace id | job text | 01            value  01 | Order
//! key    slot | namespace id | job text | 02            value  01 | Row
//! ```
//!
//! A job stands under the slot of its id as a workflow id of that name would, and beside it.

use alloc::{string::String, sync::Arc, vec::Vec};

use prost::Message;
use weft_engine::{
    Timestamp, WorkflowKey,
    state::{Aim, Job, JobEnd, JobOrder, JobOutcome},
};
use weft_protocol::api::{common::WorkflowExecution, workflowservice::StartBatchOperationRequest};

use super::JOB;
use crate::{
    Corrupt, Ops, SlotRange,
    key::{Reader, Scope},
    value,
};

const ORDER: u8 = 1;
const STATE: u8 = 2;

const COMPLETED: u32 = 1;
const STOPPED: u32 = 2;
const FAILED: u32 = 3;

/// Which of a job's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Order,
    State,
}

#[derive(Clone, PartialEq, Message)]
struct Order {
    /// Temporal's request, with its reason, query, executions and operation; the rest stands elsewhere.
    #[prost(bytes = "vec", tag = "1")]
    request: Vec<u8>,
    #[prost(string, tag = "2")]
    identity: String,
    #[prost(uint64, optional, tag = "3")]
    pace: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(string, tag = "1")]
    run: String,
    #[prost(sfixed64, tag = "2")]
    started_at: i64,
    #[prost(uint64, optional, tag = "3")]
    total: Option<u64>,
    #[prost(uint64, tag = "4")]
    completed: u64,
    #[prost(uint64, tag = "5")]
    failed: u64,
    #[prost(string, optional, tag = "6")]
    after: Option<String>,
    #[prost(message, optional, tag = "7")]
    end: Option<End>,
    #[prost(message, repeated, tag = "8")]
    page: Vec<Run>,
}

#[derive(Clone, PartialEq, Message)]
struct Run {
    #[prost(string, tag = "1")]
    workflow: String,
    #[prost(string, tag = "2")]
    run: String,
}

#[derive(Clone, PartialEq, Message)]
struct End {
    #[prost(uint32, tag = "1")]
    outcome: u32,
    #[prost(sfixed64, tag = "2")]
    at: i64,
    #[prost(sfixed64, tag = "3")]
    remove_at: i64,
    /// Of one that was stopped or cannot go on.
    #[prost(string, tag = "4")]
    why: String,
    /// Of one that was stopped.
    #[prost(string, tag = "5")]
    identity: String,
}

/// What the keys of a job's rows begin with.
#[must_use]
pub fn prefix(job: &WorkflowKey) -> Vec<u8> {
    Scope::of(job).workflow()
}

pub(crate) fn scoped_key(scope: &Scope, part: Part) -> Vec<u8> {
    let mut key = scope.workflow();
    key.push(match part {
        Part::Order => ORDER,
        Part::State => STATE,
    });
    key
}

pub(crate) fn put_order(ops: &mut Ops, scope: &Scope, order: &JobOrder) {
    ops.put(JOB, &scoped_key(scope, Part::Order), &encode_order(order));
}

pub(crate) fn put(ops: &mut Ops, scope: &Scope, job: &Job) {
    ops.put(JOB, &scoped_key(scope, Part::State), &encode(job));
}

pub(crate) fn remove(ops: &mut Ops, scope: &Scope) {
    for part in [Part::Order, Part::State] {
        ops.delete(JOB, &scoped_key(scope, part));
    }
}

/// # Errors
/// When nobody wrote such a key.
pub fn decode_key(key: &[u8]) -> Result<(WorkflowKey, Part), Corrupt> {
    let mut reader = Reader::new(JOB, key);
    let (slot, namespace, job) = (reader.slot()?, reader.namespace()?, reader.workflow_id()?);
    let job = reader.placed(slot, namespace, job)?;
    let part = match reader.array()? {
        [ORDER] => Part::Order,
        [STATE] => Part::State,
        [_] => return Err(reader.corrupt("no such part of a job")),
    };
    reader.end()?;
    Ok((job, part))
}

/// All jobs of these slots: from the first key up to but without the second.
#[must_use]
pub fn range(slots: SlotRange) -> (Vec<u8>, Vec<u8>) {
    slots.bounds()
}

/// What a job was asked to do: also what one node tells another of it.
#[must_use]
pub fn encode_order(order: &JobOrder) -> Vec<u8> {
    let JobOrder { reason, identity, aim, operation, pace } = order;
    let (visibility_query, executions) = match aim {
        Aim::Query(query) => (query.clone(), Vec::new()),
        Aim::Executions(executions) => (String::new(), executions.clone()),
    };
    #[expect(deprecated, reason = "the list of executions that every client knows")]
    let request = StartBatchOperationRequest {
        reason: reason.clone(),
        visibility_query,
        executions,
        operation: Some(operation.clone()),
        ..StartBatchOperationRequest::default()
    };
    value::encode(&Order {
        request: weft_protocol::encode_canonical(&request),
        identity: identity.as_str().into(),
        pace: *pace,
    })
}

/// # Errors
/// When nobody wrote such an order.
pub fn decode_order(bytes: &[u8]) -> Result<JobOrder, Corrupt> {
    let Order { request, identity, pace } = value::decode(JOB, bytes)?;
    let request: StartBatchOperationRequest = value::message(JOB, &request)?;
    #[expect(deprecated, reason = "the list of executions that every client knows")]
    let StartBatchOperationRequest { reason, visibility_query, executions, operation, .. } = request;
    Ok(JobOrder {
        reason,
        identity: identity.into(),
        aim: if executions.is_empty() { Aim::Query(visibility_query) } else { Aim::Executions(executions) },
        operation: operation.ok_or_else(|| Corrupt::row(JOB, "a job without an operation"))?,
        pace,
    })
}

fn encode(job: &Job) -> Vec<u8> {
    let Job { run, order: _, started_at, total, completed, failed, page, after, ended } = job;
    value::encode(&Row {
        run: run.as_str().into(),
        started_at: started_at.0,
        total: *total,
        completed: *completed,
        failed: *failed,
        after: after.as_ref().map(|run| run.as_str().into()),
        end: ended.as_ref().map(encode_end),
        page: page.iter().map(|it| Run { workflow: it.workflow_id.clone(), run: it.run_id.clone() }).collect(),
    })
}

fn encode_end(end: &JobEnd) -> End {
    let JobEnd { outcome, at, remove_at } = end;
    let (outcome, why, identity) = match outcome {
        JobOutcome::Completed => (COMPLETED, String::new(), String::new()),
        JobOutcome::Stopped { reason, identity } => (STOPPED, reason.clone(), identity.as_str().into()),
        JobOutcome::Failed { why } => (FAILED, why.clone(), String::new()),
    };
    End { outcome, at: at.0, remove_at: remove_at.0, why, identity }
}

fn decode(bytes: &[u8], order: JobOrder) -> Result<Job, Corrupt> {
    let Row { run, started_at, total, completed, failed, after, end, page } = value::decode(JOB, bytes)?;
    Ok(Job {
        run: run.into(),
        order: Arc::new(order),
        started_at: Timestamp(started_at),
        total,
        completed,
        failed,
        page: page
            .into_iter()
            .map(|Run { workflow, run }| WorkflowExecution { workflow_id: workflow, run_id: run })
            .collect(),
        after: after.map(Into::into),
        ended: end.map(decode_end).transpose()?,
    })
}

fn decode_end(end: End) -> Result<JobEnd, Corrupt> {
    let End { outcome, at, remove_at, why, identity } = end;
    let outcome = match outcome {
        COMPLETED => JobOutcome::Completed,
        STOPPED => JobOutcome::Stopped { reason: why, identity: identity.into() },
        FAILED => JobOutcome::Failed { why },
        other => return Err(value::unknown(JOB, "end of a job", other)),
    };
    Ok(JobEnd { outcome, at: Timestamp(at), remove_at: Timestamp(remove_at) })
}

/// A job from the values of its rows; `None` if there are none.
///
/// # Errors
/// When nobody wrote such rows.
pub fn assemble<B: AsRef<[u8]>>(rows: &[(B, B)]) -> Result<Option<Job>, Corrupt> {
    let (mut order, mut state) = (None, None);
    for (key, value) in rows {
        match decode_key(key.as_ref())?.1 {
            Part::Order => order = Some(value.as_ref()),
            Part::State => state = Some(value.as_ref()),
        }
    }
    match (order, state) {
        (Some(order), Some(state)) => Ok(Some(decode(state, decode_order(order)?)?)),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(Corrupt::missing(JOB, "the other row of a job")),
    }
}

/// Reads the value of either row.
#[cfg(feature = "testing")]
pub(crate) fn probe(bytes: &[u8]) -> Result<(), Corrupt> {
    let order = JobOrder {
        reason: String::new(),
        identity: "".into(),
        aim: Aim::Query(String::new()),
        operation: weft_protocol::api::workflowservice::start_batch_operation_request::Operation::DeletionOperation(
            Default::default(),
        ),
        pace: None,
    };
    decode_order(bytes).map(drop).or_else(|_| decode(bytes, order).map(drop))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{generate, golden, jobs, sample};

    fn rows(key: &WorkflowKey, job: &Job) -> [(Vec<u8>, Vec<u8>); 2] {
        let scope = Scope::of(key);
        [(scoped_key(&scope, Part::Order), encode_order(&job.order)), (scoped_key(&scope, Part::State), encode(job))]
    }

    #[test]
    fn rows_keep_their_bytes() {
        let job = jobs::running();
        let [order, state] = rows(&sample::key(), &job);
        golden::check("job order key", &order.0);
        golden::check("job order value", &order.1);
        golden::check("job state key", &state.0);
        golden::check("job state value, running", &state.1);
        for (name, outcome) in jobs::outcomes() {
            let end = JobEnd { outcome, at: Timestamp(7), remove_at: Timestamp(9) };
            golden::check(&std::format!("job state value, {name}"), &encode(&Job { ended: Some(end), ..job.clone() }));
        }
    }

    #[test]
    fn a_job_lacks_neither_row() {
        let [order, state] = rows(&sample::key(), &jobs::running());
        assert_eq!(assemble::<Vec<u8>>(&[]), Ok(None));
        assert!(assemble(&[order]).is_err() && assemble(&[state]).is_err());
    }

    proptest! {
        #[test]
        fn jobs_come_back(key in generate::key(), job in jobs::any_job()) {
            let rows = rows(&key, &job);
            for (row, part) in rows.iter().zip([Part::Order, Part::State]) {
                prop_assert_eq!(decode_key(&row.0), Ok((key.clone(), part)));
                prop_assert!(row.0.starts_with(&prefix(&key)));
                let (from, end) = range(SlotRange::ALL);
                prop_assert!((from..end).contains(&row.0));
            }
            prop_assert_eq!(assemble(&rows), Ok(Some(job)));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (decode_key(&bytes), decode_order(&bytes), decode(&bytes, (*jobs::running().order).clone()));
        }
    }
}
