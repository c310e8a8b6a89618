//! Task by queue: what waits for a worker, so that matching can pull it when it has room.
//!
//! ```text
//! key    slot | namespace id | kind u8 | queue text | scheduled at signed | workflow text | run id
//!             | scheduled event signed | attempt u32
//! value  01
//! ```
//!
//! Kinds: 1 workflow, 2 activity. Within a slot the tasks of a queue stand together, oldest first.

use alloc::vec::Vec;

use weft_engine::{NamespaceId, TaskQueueName, TaskRow, TaskRowKind, Timestamp, WorkflowKey};

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

/// What the keys of a queue's tasks begin with, within a slot.
#[must_use]
pub fn queue_prefix(slot: Slot, queue: &Queue) -> Vec<u8> {
    let mut prefix = slot.prefix();
    put_queue(&mut prefix, queue);
    prefix
}

/// Is this the key of a task of this queue?
#[must_use]
pub fn is_of(key: &[u8], queue: &Queue) -> bool {
    let mut part = Vec::new();
    put_queue(&mut part, queue);
    key.get(2..).is_some_and(|after_slot| after_slot.starts_with(&part))
}

fn put_queue(key: &mut Vec<u8>, queue: &Queue) {
    put_id(key, queue.namespace.as_str());
    key.push(kind_number(queue.kind));
    put_text(key, queue.name.as_str());
}

fn kind_number(kind: TaskRowKind) -> u8 {
    match kind {
        TaskRowKind::Workflow => 1,
        TaskRowKind::Activity => 2,
    }
}

pub(crate) fn key(scope: &Scope, row: &TaskRow) -> Vec<u8> {
    let TaskRow { kind, queue, scheduled_at, run, scheduled_event_id, attempt } = row;
    let mut key = Vec::with_capacity(160);
    key.extend_from_slice(scope.slot_bytes());
    key.extend_from_slice(scope.namespace_bytes());
    key.push(kind_number(*kind));
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
    let kind = match reader.array()? {
        [1] => TaskRowKind::Workflow,
        [2] => TaskRowKind::Activity,
        [other] => return Err(value::unknown(TASK, "kind of task", u32::from(other))),
    };
    let queue = reader.text()?.into();
    let scheduled_at = Timestamp(reader.signed()?);
    let workflow = reader.workflow_id()?;
    let workflow = reader.placed(slot, namespace, workflow)?;
    let row = TaskRow {
        kind,
        queue,
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
    use proptest::prelude::*;
    use weft_engine::TaskRow;

    use super::*;
    use crate::{
        slot_of,
        testing::{generate, golden, sample},
        value::MARK,
    };

    #[test]
    fn rows_keep_their_bytes() {
        let scope = Scope::of(&sample::key());
        golden::check("task by queue key, activity", &key(&scope, &sample::task()));
        let workflow = TaskRow { kind: TaskRowKind::Workflow, ..sample::task() };
        golden::check("task by queue key, workflow", &key(&scope, &workflow));
    }

    proptest! {
        #[test]
        fn rows_come_back(workflow in generate::key(), row in generate::task()) {
            let key = key(&Scope::of(&workflow), &row);
            prop_assert_eq!(decode(&key, &MARK), Ok((workflow, row)));
        }

        #[test]
        fn tasks_stand_by_queue_and_then_by_age(
            workflow in generate::key(), other in generate::key(), one in generate::task(), two in generate::task()
        ) {
            let (one_key, two_key) = (key(&Scope::of(&workflow), &one), key(&Scope::of(&workflow), &two));
            let queue = |key: &WorkflowKey, row: &TaskRow| {
                Queue { namespace: key.namespace.clone(), kind: row.kind, name: row.queue.clone() }
            };
            let of_one = queue(&workflow, &one);
            prop_assert!(is_of(&one_key, &of_one));
            prop_assert!(one_key.starts_with(&queue_prefix(slot_of(&workflow), &of_one)));
            prop_assert_eq!(is_of(&two_key, &of_one), queue(&workflow, &two) == of_one);
            prop_assert_eq!(is_of(&one_key, &queue(&other, &one)), other.namespace == workflow.namespace);
            if queue(&workflow, &two) == of_one && one.scheduled_at < two.scheduled_at {
                prop_assert!(one_key < two_key);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, row in generate::task()) {
            let queue = Queue { namespace: "n".into(), kind: row.kind, name: row.queue };
            let _ = (decode(&bytes, &MARK), decode(&[], &bytes), is_of(&bytes, &queue));
        }
    }
}
