//! Task by queue: what waits for a worker, so that matching can pull it when it has room.
//!
//! ```text
//! key    slot | namespace id | line u8 | queue text | scheduled at signed | workflow text | run id
//!             | scheduled event signed | attempt u32
//! value  01
//! ```
//!
//! A queue has a line for each kind of task and each urgency: 1 workflow tasks and 2 activity tasks of the usual urgency,
//! 0x10 and 0x20 plus the urgency for the others. Within a slot the tasks of a line stand together, oldest first.

use alloc::vec::Vec;

use weft_engine::{NamespaceId, TaskQueueName, TaskRow, TaskRowKind, Timestamp, Urgency, WorkflowKey};

use super::TASK;
use crate::{
    Corrupt, Slot, SlotRange,
    key::{Reader, Scope, put_id, put_signed, put_text},
    value,
};

/// One task queue of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Queue {
    pub namespace: NamespaceId,
    pub kind: TaskRowKind,
    /// The normal queue's name.
    pub name: TaskQueueName,
}

/// All tasks of these slots: from the first key up to but without the second.
#[must_use]
pub fn range(slots: SlotRange) -> (Vec<u8>, Vec<u8>) {
    slots.bounds()
}

/// What the keys of a line of tasks begin with, within any slot.
#[must_use]
pub fn line_prefix(queue: &Queue, urgency: Urgency) -> Vec<u8> {
    let mut prefix = Vec::new();
    put_id(&mut prefix, queue.namespace.as_str());
    prefix.push(line_number(queue.kind, urgency));
    put_text(&mut prefix, queue.name.as_str());
    prefix
}

/// Where a task stands in its slot: what its key is after the slot. In one line, whatever the slot, this is the order in
/// which tasks are due.
#[must_use]
pub fn place(key: &WorkflowKey, row: &TaskRow) -> Vec<u8> {
    let mut place = self::key(&Scope::of(key), row);
    place.drain(..SLOT_BYTES);
    place
}

const SLOT_BYTES: usize = 2;

/// The key, or the beginning of keys, of a place in a slot.
#[must_use]
pub fn in_slot(slot: Slot, place: &[u8]) -> Vec<u8> {
    let mut key = slot.prefix();
    key.extend_from_slice(place);
    key
}

/// The first key prefix after all tasks of a slot.
#[must_use]
pub fn after_slot(slot: Slot) -> Vec<u8> {
    slot.after()
}

/// The place that a key names.
#[must_use]
pub fn place_of(key: &[u8]) -> &[u8] {
    key.get(SLOT_BYTES..).unwrap_or_default()
}

/// The slot that a key names.
///
/// # Errors
/// When the key is too short to name one.
pub fn slot_of_key(key: &[u8]) -> Result<Slot, Corrupt> {
    Reader::new(TASK, key).slot()
}

fn line_number(kind: TaskRowKind, urgency: Urgency) -> u8 {
    match (kind, urgency) {
        (TaskRowKind::Workflow, Urgency::DEFAULT) => 1,
        (TaskRowKind::Activity, Urgency::DEFAULT) => 2,
        (TaskRowKind::Workflow, urgency) => 0x10 + urgency.level(),
        (TaskRowKind::Activity, urgency) => 0x20 + urgency.level(),
    }
}

fn line(number: u8) -> Option<(TaskRowKind, Urgency)> {
    [TaskRowKind::Workflow, TaskRowKind::Activity]
        .into_iter()
        .flat_map(|kind| Urgency::ALL.into_iter().map(move |urgency| (kind, urgency)))
        .find(|(kind, urgency)| line_number(*kind, *urgency) == number)
}

pub(crate) fn key(scope: &Scope, row: &TaskRow) -> Vec<u8> {
    let TaskRow { kind, queue, urgency, scheduled_at, run, scheduled_event_id, attempt } = row;
    let mut key = Vec::with_capacity(160);
    key.extend_from_slice(scope.slot_bytes());
    key.extend_from_slice(scope.namespace_bytes());
    key.push(line_number(*kind, *urgency));
    put_text(&mut key, queue.as_str());
    put_signed(&mut key, scheduled_at.0);
    key.extend_from_slice(scope.workflow_bytes());
    put_id(&mut key, run.as_str());
    put_signed(&mut key, scheduled_event_id.0);
    key.extend_from_slice(&attempt.to_be_bytes());
    key
}

/// # Errors
/// When nobody wrote such a row.
pub fn decode(key: &[u8], value: &[u8]) -> Result<(WorkflowKey, TaskRow), Corrupt> {
    value::check_mark(TASK, value)?;
    let mut reader = Reader::new(TASK, key);
    let (slot, namespace) = (reader.slot()?, reader.namespace()?);
    let [number] = reader.array()?;
    let (kind, urgency) = line(number).ok_or_else(|| value::unknown(TASK, "kind of task", u32::from(number)))?;
    let queue = reader.text()?.into();
    let scheduled_at = Timestamp(reader.signed()?);
    let workflow = reader.workflow_id()?;
    let workflow = reader.placed(slot, namespace, workflow)?;
    let row = TaskRow {
        kind,
        queue,
        urgency,
        scheduled_at,
        run: reader.run()?,
        scheduled_event_id: reader.event()?,
        attempt: reader.array().map(u32::from_be_bytes)?,
    };
    reader.end()?;
    Ok((workflow, row))
}

#[cfg(test)]
mod tests {
    use std::format;

    use proptest::prelude::*;
    use weft_engine::TaskRow;

    use super::*;
    use crate::{
        testing::{generate, golden, sample},
        value::MARK,
    };

    #[test]
    fn rows_keep_their_bytes() {
        let scope = Scope::of(&sample::key());
        golden::check("task by queue key, activity", &key(&scope, &sample::task()));
        let workflow = TaskRow { kind: TaskRowKind::Workflow, ..sample::task() };
        golden::check("task by queue key, workflow", &key(&scope, &workflow));
        for (kind, name) in [(TaskRowKind::Workflow, "workflow"), (TaskRowKind::Activity, "activity")] {
            for urgency in Urgency::ALL.into_iter().filter(|urgency| *urgency != Urgency::DEFAULT) {
                let row = TaskRow { kind, urgency, ..sample::task() };
                golden::check(&format!("task by queue key, {name} {}", urgency.level()), &key(&scope, &row));
            }
        }
    }

    proptest! {
        #[test]
        fn rows_come_back(workflow in generate::key(), row in generate::task()) {
            let key = key(&Scope::of(&workflow), &row);
            prop_assert_eq!(decode(&key, &MARK), Ok((workflow, row)));
        }

        #[test]
        fn tasks_stand_by_line_and_then_by_age(
            workflow in generate::key(), other in generate::key(), one in generate::task(), two in generate::task()
        ) {
            let (one_key, two_key) = (key(&Scope::of(&workflow), &one), key(&Scope::of(&workflow), &two));
            let line = |key: &WorkflowKey, row: &TaskRow| {
                (Queue { namespace: key.namespace.clone(), kind: row.kind, name: row.queue.clone() }, row.urgency)
            };
            let (queue, urgency) = line(&workflow, &one);
            let prefix = line_prefix(&queue, urgency);
            prop_assert!(place(&workflow, &one).starts_with(&prefix));
            prop_assert_eq!(&one_key[SLOT_BYTES..], place(&workflow, &one));
            prop_assert_eq!(place(&workflow, &two).starts_with(&prefix), line(&workflow, &two) == line(&workflow, &one));
            prop_assert_eq!(place(&other, &one).starts_with(&prefix), other.namespace == workflow.namespace);
            if line(&workflow, &two) == line(&workflow, &one) && one.scheduled_at < two.scheduled_at {
                prop_assert!(one_key < two_key);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (decode(&bytes, &MARK), decode(&[], &bytes));
        }
    }
}
