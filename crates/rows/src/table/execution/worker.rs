//! What an execution's row says of workers: of the last one, of what went wrong last, and where each build began.

use alloc::string::String;

use prost::Message;
use weft_engine::{
    EventId, RunId, Timestamp,
    state::{ResetPoint, TaskProblem, WorkerFacts, WorkerVersion},
};

use super::EXECUTION;
use crate::{Corrupt, value};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Row {
    #[prost(string, optional, tag = "1")]
    identity: Option<String>,
    /// Absent if the worker named no build.
    #[prost(string, optional, tag = "2")]
    build_id: Option<String>,
    #[prost(string, tag = "3")]
    sdk_name: String,
    #[prost(string, tag = "4")]
    sdk_version: String,
    #[prost(bool, tag = "5")]
    use_versioning: bool,
    #[prost(string, tag = "6")]
    deployment: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ProblemRow {
    /// 1 failed, 2 timed out.
    #[prost(uint32, tag = "1")]
    kind: u32,
    /// Temporal's number of the cause or of the timeout.
    #[prost(int32, tag = "2")]
    cause: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ResetPointRow {
    #[prost(string, tag = "1")]
    binary_checksum: String,
    #[prost(string, tag = "2")]
    build_id: String,
    /// Absent if it is the row's own.
    #[prost(string, optional, tag = "3")]
    run: Option<String>,
    #[prost(int64, tag = "4")]
    completed: i64,
    #[prost(sfixed64, tag = "5")]
    created_at: i64,
    #[prost(sfixed64, optional, tag = "6")]
    expires_at: Option<i64>,
    #[prost(bool, tag = "7")]
    resettable: bool,
}

pub(super) fn row(worker: &WorkerFacts) -> Option<Row> {
    let WorkerFacts { identity, version, deployment, sdk_name, sdk_version } = worker;
    (*worker != WorkerFacts::default()).then(|| Row {
        identity: identity.as_ref().map(|identity| identity.as_str().into()),
        build_id: version.as_ref().map(|version| version.build_id.clone()),
        sdk_name: sdk_name.clone(),
        sdk_version: sdk_version.clone(),
        use_versioning: version.as_ref().is_some_and(|version| version.use_versioning),
        deployment: deployment.clone(),
    })
}

pub(super) fn read(row: Option<Row>) -> WorkerFacts {
    let Row { identity, build_id, sdk_name, sdk_version, use_versioning, deployment } = row.unwrap_or_default();
    let version = build_id.map(|build_id| WorkerVersion { build_id, use_versioning });
    WorkerFacts { identity: identity.map(Into::into), version, deployment, sdk_name, sdk_version }
}

pub(super) fn problem_row(problem: TaskProblem) -> ProblemRow {
    match problem {
        TaskProblem::Failed(cause) => ProblemRow { kind: 1, cause },
        TaskProblem::TimedOut(cause) => ProblemRow { kind: 2, cause },
    }
}

pub(super) fn read_problem(row: ProblemRow) -> Result<TaskProblem, Corrupt> {
    match row.kind {
        1 => Ok(TaskProblem::Failed(row.cause)),
        2 => Ok(TaskProblem::TimedOut(row.cause)),
        other => Err(value::unknown(EXECUTION, "kind of problem", other)),
    }
}

pub(super) fn reset_point_row(point: &ResetPoint, own: &RunId) -> ResetPointRow {
    let ResetPoint { binary_checksum, build_id, run, completed, created_at, expires_at, resettable } = point;
    ResetPointRow {
        binary_checksum: binary_checksum.clone(),
        build_id: build_id.clone(),
        run: (run != own).then(|| run.as_str().into()),
        completed: completed.0,
        created_at: created_at.0,
        expires_at: value::time(*expires_at),
        resettable: *resettable,
    }
}

pub(super) fn read_reset_point(row: ResetPointRow, own: &RunId) -> ResetPoint {
    let ResetPointRow { binary_checksum, build_id, run, completed, created_at, expires_at, resettable } = row;
    ResetPoint {
        binary_checksum,
        build_id,
        run: run.map_or_else(|| own.clone(), Into::into),
        completed: EventId(completed),
        created_at: Timestamp(created_at),
        expires_at: value::read_time(expires_at),
        resettable,
    }
}
