//! Reads any row as those who load it do: for fuzzing, and nothing else (feature `testing`).
//!
//! Invariant that it asserts: there is one way to write each key, so a key that was read gives the same bytes again.

use weft_engine::{EventId, RequestId, RunId, TimerId, UpdateId, WorkflowKey};

use crate::{
    Corrupt, applied, garbage, history,
    key::{Reader, Scope},
    load, namespace, picture,
    table::{
        self, activity, buffered, child, current, execution, external, job, member, outbox, queue_config, receipt,
        reference, request_id, schedule, task, timer, update, wake,
    },
    value,
};

/// Reads the key of a row of this table.
///
/// # Errors
/// When nobody wrote such a key, or there is no such table.
///
/// # Panics
/// When the key that was read is written in another way.
pub fn key(table: u8, key: &[u8]) -> Result<(), Corrupt> {
    let again = match table {
        table::EXECUTION => {
            let (workflow, run) = load::decode_execution_key(key)?;
            execution::key(&Scope::of(&workflow), &run)
        }
        table::CURRENT => {
            let mut reader = Reader::new(table, key);
            let workflow = workflow(&mut reader)?;
            reader.end()?;
            current::key(&Scope::of(&workflow))
        }
        table::WAKE => {
            let wake::Wake { at, key: workflow, run } = wake::decode_key(key)?;
            run.map_or_else(|| wake::schedule_key(&workflow, at), |run| wake::key(&workflow, &run, at))
        }
        table::TASK => {
            let (workflow, row, lane) = task::decode_key(key)?;
            task::key_in(&Scope::of(&workflow), &row, lane)
        }
        table::GARBAGE => {
            let (workflow, branch) = garbage::decode_key(key)?;
            garbage::key(&workflow, &branch)
        }
        table::REFERENCE => {
            let (workflow, branch, by) = reference::decode_key(key)?;
            reference::key(&workflow, &branch, &by)
        }
        table::OUTBOX => {
            let (sender, id) = outbox::decode_key(key)?;
            outbox::key(&sender, &id)
        }
        table::JOB => {
            let (workflow, part) = job::decode_key(key)?;
            job::scoped_key(&Scope::of(&workflow), part)
        }
        table::SCHEDULE => match schedule::decode_key(key)? {
            (schedule, schedule::Part::Plan) => schedule::plan_key(&schedule),
            (schedule, schedule::Part::Progress) => schedule::progress_key(&schedule),
        },
        table::ACTIVITY
        | table::TIMER
        | table::CHILD
        | table::EXTERNAL
        | table::BUFFERED
        | table::REQUEST_ID
        | table::UPDATE
        | table::HISTORY => of_run(table, key)?,
        table::QUEUE_CONFIG => queue_config::key(&queue_config::decode_key(key)?),
        table::MEMBER => member::key(member::decode_key(key)?),
        // Nobody reads these keys: they are made from what is asked for.
        table::APPLIED | table::NAMESPACE | table::RECEIPT | table::PICTURE => return Ok(()),
        _ => return Err(Corrupt::row(table, "no such table")),
    };
    assert_eq!(again, key, "{}: a key is written in two ways", table::name(table));
    Ok(())
}

/// A key under the prefix of its run, read as a loader of the run does.
fn of_run(table: u8, key: &[u8]) -> Result<alloc::vec::Vec<u8>, Corrupt> {
    let mut reader = Reader::new(table, key);
    let workflow = workflow(&mut reader)?;
    let run: RunId = reader.run()?;
    let scope = Scope::of(&workflow);
    let prefix = scope.run(&run);
    Ok(match table {
        table::ACTIVITY => {
            let scheduled: EventId = activity::decode_key(&prefix, key)?;
            activity::key(&scope, &run, scheduled)
        }
        table::TIMER => {
            let timer: TimerId = timer::decode_key(&prefix, key)?;
            timer::key(&scope, &run, &timer)
        }
        table::UPDATE => {
            let update: UpdateId = update::decode_key(&prefix, key)?;
            update::key(&scope, &run, &update)
        }
        table::CHILD => child::key(&scope, &run, child::decode_key(&prefix, key)?),
        table::EXTERNAL => external::key(&scope, &run, external::decode_key(&prefix, key)?),
        table::BUFFERED => buffered::key(&scope, &run, buffered::decode_key(&prefix, key)?),
        table::REQUEST_ID => {
            let request: RequestId = request_id::decode_key(&prefix, key)?;
            request_id::key(&scope, &run, &request)
        }
        _ => {
            let first = reader.event()?;
            reader.end()?;
            history::key(&workflow, &run, first)
        }
    })
}

fn workflow(reader: &mut Reader<'_>) -> Result<WorkflowKey, Corrupt> {
    let (slot, namespace, workflow) = (reader.slot()?, reader.namespace()?, reader.workflow_id()?);
    reader.placed(slot, namespace, workflow)
}

/// Reads the value of a row of this table.
///
/// # Errors
/// When nobody wrote such a value, or there is no such table.
pub fn value(table: u8, value: &[u8]) -> Result<(), Corrupt> {
    match table {
        table::EXECUTION => execution::Decoded::of(value).map(drop),
        table::CURRENT => current::decode(value).map(drop),
        table::ACTIVITY => activity::decode(EventId(5), value).map(drop),
        table::TIMER => timer::decode(value).map(drop),
        table::UPDATE => update::decode(value).map(drop),
        table::CHILD => child::decode(value).map(drop),
        table::EXTERNAL => external::decode(value).map(drop),
        table::OUTBOX => outbox::decode_message(value).map(drop),
        table::RECEIPT => receipt::decode(value).map(drop),
        table::JOB => job::probe(value),
        table::BUFFERED => buffered::decode(value).map(drop),
        table::TASK => task::decode_value(value).map(drop),
        table::REQUEST_ID | table::WAKE | table::REFERENCE => value::check_mark(table, value),
        table::GARBAGE => garbage::decode(value).map(drop),
        table::HISTORY => history::decode_batch(value).map(drop),
        table::APPLIED => applied::AppliedRow::decode(value).map(drop),
        table::PICTURE => picture::Note::decode(value)
            .map(drop)
            .or(picture::rows(value).map(drop))
            .or(picture::decode_floor(value).map(drop)),
        table::NAMESPACE => namespace::decode(value).map(drop),
        table::QUEUE_CONFIG => queue_config::decode_value(value).map(drop),
        table::MEMBER => member::decode_member(0, value)
            .map(drop)
            .or(member::decode_move(0, value).map(drop))
            .or(member::decode_level(value).map(drop))
            .or(member::decode_copies(0, value).map(drop)),
        table::SCHEDULE => schedule::decode_plan(value).map(drop).or(schedule::decode_progress(value).map(drop)),
        _ => Err(Corrupt::row(table, "no such table")),
    }
}
