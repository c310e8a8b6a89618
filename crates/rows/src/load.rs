//! What to read to have a workflow in memory again, and how its state is put together from that.
//!
//! Invariant (rule 10): an execution's durable state is exactly what its rows say. Event 1 is read from the first batch
//! of its branch and folded by the engine itself.

use alloc::{sync::Arc, vec::Vec};

use prost::bytes::Bytes;
use weft_engine::{
    Execution, RequestId, RunId, WorkflowKey, rebuild,
    state::{Branch, CurrentRun, Start, Volatile},
};

use crate::{
    Corrupt, SlotRange,
    key::{Reader, Scope},
    table::{self, activity, buffered, child, current, execution, external, history, request_id, timer, update},
    value,
};

/// The rows of one run: keys and values where there are several.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The value under [`execution_key`].
    pub core: Bytes,
    /// The value of the first row of the branch's [`trunk`](Branch::trunk), under [`history::branch_prefix`].
    pub first_batch: Bytes,
    /// All rows under [`activity_prefix`].
    pub activities: Vec<(Bytes, Bytes)>,
    /// All rows under [`timer_prefix`].
    pub timers: Vec<(Bytes, Bytes)>,
    /// All rows under [`child_prefix`].
    pub children: Vec<(Bytes, Bytes)>,
    /// All rows under [`external_prefix`].
    pub external: Vec<(Bytes, Bytes)>,
    /// All rows under [`buffered_prefix`].
    pub buffered: Vec<(Bytes, Bytes)>,
    /// All rows under [`request_prefix`].
    pub requests: Vec<(Bytes, Bytes)>,
    /// All rows under [`update_prefix`].
    pub updates: Vec<(Bytes, Bytes)>,
}

#[must_use]
pub fn current_key(key: &WorkflowKey) -> Vec<u8> {
    current::key(&Scope::of(key))
}

/// # Errors
/// When nobody wrote such a row.
pub fn decode_current(bytes: &[u8]) -> Result<CurrentRun, Corrupt> {
    current::decode(bytes)
}

#[must_use]
pub fn execution_key(key: &WorkflowKey, run: &RunId) -> Vec<u8> {
    execution::key(&Scope::of(key), run)
}

/// Where the history of the run whose row under [`execution_key`] this is stands.
///
/// # Errors
/// When nobody wrote such a row.
pub fn decode_branch(run: &RunId, core: &[u8]) -> Result<Branch, Corrupt> {
    execution::branch(run, core)
}

/// All executions of these slots: from the first key up to but without the second.
#[must_use]
pub fn execution_range(slots: SlotRange) -> (Vec<u8>, Vec<u8>) {
    slots.bounds()
}

/// Which run's row this key is.
///
/// # Errors
/// When nobody wrote such a key.
pub fn decode_execution_key(key: &[u8]) -> Result<(WorkflowKey, RunId), Corrupt> {
    let mut reader = Reader::new(table::EXECUTION, key);
    let (slot, namespace, workflow) = (reader.slot()?, reader.namespace()?, reader.workflow_id()?);
    let key = reader.placed(slot, namespace, workflow)?;
    let run = reader.run()?;
    reader.end()?;
    Ok((key, run))
}

/// What the keys of a run's activities begin with.
#[must_use]
pub fn activity_prefix(key: &WorkflowKey, run: &RunId) -> Vec<u8> {
    Scope::of(key).run(run)
}

/// What the keys of a run's timers begin with.
#[must_use]
pub fn timer_prefix(key: &WorkflowKey, run: &RunId) -> Vec<u8> {
    Scope::of(key).run(run)
}

/// What the keys of a run's children begin with.
#[must_use]
pub fn child_prefix(key: &WorkflowKey, run: &RunId) -> Vec<u8> {
    Scope::of(key).run(run)
}

/// What the keys of a run's requests to other executions begin with.
#[must_use]
pub fn external_prefix(key: &WorkflowKey, run: &RunId) -> Vec<u8> {
    Scope::of(key).run(run)
}

/// What the keys of a run's buffered events begin with.
#[must_use]
pub fn buffered_prefix(key: &WorkflowKey, run: &RunId) -> Vec<u8> {
    Scope::of(key).run(run)
}

/// What the keys of a run's recorded signal requests begin with.
#[must_use]
pub fn request_prefix(key: &WorkflowKey, run: &RunId) -> Vec<u8> {
    Scope::of(key).run(run)
}

/// What the keys of a run's accepted updates begin with.
#[must_use]
pub fn update_prefix(key: &WorkflowKey, run: &RunId) -> Vec<u8> {
    Scope::of(key).run(run)
}

/// Puts a run together from its rows.
///
/// # Errors
/// When a row cannot be read or belongs to something else.
pub fn assemble(key: &WorkflowKey, run: &RunId, parts: &Parts) -> Result<Execution, Corrupt> {
    let prefix = Scope::of(key).run(run);
    let core = execution::Decoded::of(&parts.core)?;
    let start = start(run, core.started_by(), &parts.first_batch)?;
    let activities = parts.activities.iter().map(|(key, value)| {
        let scheduled = activity::decode_key(&prefix, key)?;
        Ok((scheduled, activity::decode(scheduled, value)?))
    });
    let timers = parts.timers.iter().map(|(key, value)| Ok((timer::decode_key(&prefix, key)?, timer::decode(value)?)));
    let children =
        parts.children.iter().map(|(key, value)| Ok((child::decode_key(&prefix, key)?, child::decode(value)?)));
    let external =
        parts.external.iter().map(|(key, value)| Ok((external::decode_key(&prefix, key)?, external::decode(value)?)));
    let buffered =
        parts.buffered.iter().map(|(key, value)| Ok((buffered::decode_key(&prefix, key)?, buffered::decode(value)?)));
    let requests = parts.requests.iter().map(|(key, mark)| {
        value::check_mark(table::REQUEST_ID, mark)?;
        Ok((request_id::decode_key(&prefix, key)?, ()))
    });
    let updates =
        parts.updates.iter().map(|(key, value)| Ok((update::decode_key(&prefix, key)?, update::decode(value)?)));
    Ok(Execution {
        core: core.with_start(run.clone(), start)?,
        activities: activities.collect::<Result<_, Corrupt>>()?,
        timers: timers.collect::<Result<_, Corrupt>>()?,
        children: children.collect::<Result<_, Corrupt>>()?,
        external: external.collect::<Result<_, Corrupt>>()?,
        buffered: buffered.collect::<Result<_, Corrupt>>()?,
        signal_requests: requests.collect::<Result<_, Corrupt>>()?,
        updates: updates.collect::<Result<_, Corrupt>>()?,
        volatile: Volatile::default(),
    })
}

/// What the run was started with, from the batch that begins its history.
fn start(run: &RunId, started_by: &str, first_batch: &[u8]) -> Result<Arc<Start>, Corrupt> {
    let batch = history::decode_batch(first_batch)?;
    let execution = rebuild(run.clone(), RequestId::from(started_by), batch.events.first());
    let execution =
        execution.ok_or_else(|| Corrupt::row(table::HISTORY, "a history that does not begin with a start"))?;
    Ok(execution.core.start)
}

#[cfg(test)]
mod tests;
