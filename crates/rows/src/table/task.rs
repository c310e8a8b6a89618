//! Task by queue: what waits for a worker, so that matching can pull it when it has room.
//!
//! ```text
//! key    slot | namespace id | line u8 | queue text | scheduled at signed | workflow text | run id
//!             | scheduled event signed | attempt u32
//! value  01
//!
//! key    slot | namespace id | line u8 | queue text | lane u16 | scheduled at signed | ...     of a fairness key
//! value  01 | Row
//! ```
//!
//! A queue has a line for each kind of task and each urgency: 1 workflow tasks and 2 activity tasks of the usual urgency,
//! 0x10 and 0x20 plus the urgency for the others. Within a slot the tasks of a line stand together, oldest first.
//!
//! Tasks with a fairness key have lines of their own, 0x30 and 0x40 plus the urgency, which are divided into lanes by a
//! hash of the key, so that one key's tasks can be read past another's, however many these are.

use alloc::{string::String, vec::Vec};

use prost::Message;
use weft_engine::{Fairness, NamespaceId, TaskQueueName, TaskRow, TaskRowKind, Timestamp, Urgency, WorkflowKey};

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

/// Which of a queue's lanes a task stands in: that of no fairness key, or one that its key is hashed into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(u16);

/// Lanes of a queue, that of no key included. Keys that share a lane share its place in memory, not its turns.
pub const LANES: u16 = 1024;

impl Lane {
    /// The lane of tasks without a fairness key.
    pub const NONE: Self = Self(0);

    /// The lane of a fairness key: pinned for ever, because it is part of keys.
    #[must_use]
    pub fn of(fairness: Option<&Fairness>) -> Self {
        let Some(Fairness { key, .. }) = fairness else { return Self::NONE };
        let hash = key
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        // Below LANES, which fits.
        Self(1 + ((hash ^ (hash >> 32)) % u64::from(LANES - 1)) as u16)
    }

    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }

    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        (number < LANES).then_some(Self(number))
    }
}

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(string, tag = "1")]
    fairness_key: String,
    /// In thousandths.
    #[prost(uint32, tag = "2")]
    fairness_weight: u32,
}

/// All tasks of these slots: from the first key up to but without the second.
#[must_use]
pub fn range(slots: SlotRange) -> (Vec<u8>, Vec<u8>) {
    slots.bounds()
}

/// What the keys of a line of tasks begin with, within any slot and lane.
#[must_use]
pub fn line_prefix(queue: &Queue, urgency: Urgency, lane: Lane) -> Vec<u8> {
    let mut prefix = Vec::new();
    put_id(&mut prefix, queue.namespace.as_str());
    prefix.push(line_number(queue.kind, urgency, lane));
    put_text(&mut prefix, queue.name.as_str());
    put_lane(&mut prefix, lane);
    prefix
}

/// What the keys of all lanes of fairness keys of a line begin with, within any slot.
#[must_use]
pub fn fair_prefix(queue: &Queue, urgency: Urgency) -> Vec<u8> {
    let mut prefix = line_prefix(queue, urgency, Lane(1));
    prefix.truncate(prefix.len() - LANE_BYTES);
    prefix
}

/// The lane that a key names, of those that begin with a [`fair_prefix`] after their slot.
#[must_use]
pub fn lane_of_key(key: &[u8], fair_prefix: &[u8]) -> Option<Lane> {
    let rest = key.get(SLOT_BYTES + fair_prefix.len()..)?;
    Lane::from_number(u16::from_be_bytes(*rest.first_chunk()?)).filter(|lane| *lane != Lane::NONE)
}

/// Where a task stands in its slot: what its key is after the slot. In one line and lane, whatever the slot, this is the
/// order in which tasks are due.
#[must_use]
pub fn place(key: &WorkflowKey, row: &TaskRow) -> Vec<u8> {
    place_in(key, row, Lane::of(row.fairness.as_ref()))
}

/// The same, of a task of which only its lane is known.
#[must_use]
pub fn place_in(key: &WorkflowKey, row: &TaskRow, lane: Lane) -> Vec<u8> {
    let mut place = key_in(&Scope::of(key), row, lane);
    place.drain(..SLOT_BYTES);
    place
}

const LANE_BYTES: usize = 2;
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

fn line_number(kind: TaskRowKind, urgency: Urgency, lane: Lane) -> u8 {
    if lane != Lane::NONE {
        return match kind {
            TaskRowKind::Workflow => 0x30 + urgency.level(),
            TaskRowKind::Activity => 0x40 + urgency.level(),
        };
    }
    match (kind, urgency) {
        (TaskRowKind::Workflow, Urgency::DEFAULT) => 1,
        (TaskRowKind::Activity, Urgency::DEFAULT) => 2,
        (TaskRowKind::Workflow, urgency) => 0x10 + urgency.level(),
        (TaskRowKind::Activity, urgency) => 0x20 + urgency.level(),
    }
}

/// What a line holds, and whether it has lanes.
fn line(number: u8) -> Option<(TaskRowKind, Urgency, bool)> {
    [TaskRowKind::Workflow, TaskRowKind::Activity]
        .into_iter()
        .flat_map(|kind| Urgency::ALL.into_iter().map(move |urgency| (kind, urgency)))
        .flat_map(|(kind, urgency)| [(kind, urgency, false), (kind, urgency, true)])
        .find(|(kind, urgency, lanes)| line_number(*kind, *urgency, Lane(u16::from(*lanes))) == number)
}

fn put_lane(key: &mut Vec<u8>, lane: Lane) {
    if lane != Lane::NONE {
        key.extend_from_slice(&lane.0.to_be_bytes());
    }
}

pub(crate) fn key(scope: &Scope, row: &TaskRow) -> Vec<u8> {
    key_in(scope, row, Lane::of(row.fairness.as_ref()))
}

pub(crate) fn key_in(scope: &Scope, row: &TaskRow, lane: Lane) -> Vec<u8> {
    let TaskRow { kind, queue, urgency, fairness: _, scheduled_at, run, scheduled_event_id, attempt } = row;
    let mut key = Vec::with_capacity(160);
    key.extend_from_slice(scope.slot_bytes());
    key.extend_from_slice(scope.namespace_bytes());
    key.push(line_number(*kind, *urgency, lane));
    put_text(&mut key, queue.as_str());
    put_lane(&mut key, lane);
    put_signed(&mut key, scheduled_at.0);
    key.extend_from_slice(scope.workflow_bytes());
    put_id(&mut key, run.as_str());
    put_signed(&mut key, scheduled_event_id.0);
    key.extend_from_slice(&attempt.to_be_bytes());
    key
}

pub(crate) fn encode_value(row: &TaskRow) -> Vec<u8> {
    match &row.fairness {
        Some(Fairness { key, weight }) => {
            value::encode(&Row { fairness_key: String::from(&**key), fairness_weight: *weight })
        }
        None => Vec::from(value::MARK),
    }
}

/// # Errors
/// When nobody wrote such a value.
pub(crate) fn decode_value(bytes: &[u8]) -> Result<Option<Fairness>, Corrupt> {
    if value::body(TASK, bytes)?.is_empty() {
        return Ok(None);
    }
    let Row { fairness_key, fairness_weight } = value::decode(TASK, bytes)?;
    Ok(Some(Fairness { key: fairness_key.into(), weight: fairness_weight }))
}

/// # Errors
/// When nobody wrote such a row.
pub fn decode(key: &[u8], value: &[u8]) -> Result<(WorkflowKey, TaskRow), Corrupt> {
    let fairness = decode_value(value)?;
    let (workflow, row, lane) = decode_key(key)?;
    if lane != Lane::of(fairness.as_ref()) {
        return Err(Corrupt::row(TASK, "a lane that is not that of the fairness key"));
    }
    Ok((workflow, TaskRow { fairness, ..row }))
}

/// What a key says of a task: all but its fairness key, of which it knows the lane.
pub(crate) fn decode_key(key: &[u8]) -> Result<(WorkflowKey, TaskRow, Lane), Corrupt> {
    let mut reader = Reader::new(TASK, key);
    let (slot, namespace) = (reader.slot()?, reader.namespace()?);
    let [number] = reader.array()?;
    let (kind, urgency, lanes) = line(number).ok_or_else(|| value::unknown(TASK, "kind of task", u32::from(number)))?;
    let queue = reader.text()?.into();
    let lane = if lanes { read_lane(&mut reader)? } else { Lane::NONE };
    let scheduled_at = Timestamp(reader.signed()?);
    let workflow = reader.workflow_id()?;
    let workflow = reader.placed(slot, namespace, workflow)?;
    let row = TaskRow {
        kind,
        queue,
        urgency,
        fairness: None,
        scheduled_at,
        run: reader.run()?,
        scheduled_event_id: reader.event()?,
        attempt: reader.array().map(u32::from_be_bytes)?,
    };
    reader.end()?;
    Ok((workflow, row, lane))
}

fn read_lane(reader: &mut Reader<'_>) -> Result<Lane, Corrupt> {
    let lane = Lane::from_number(u16::from_be_bytes(reader.array()?)).filter(|lane| *lane != Lane::NONE);
    lane.ok_or_else(|| reader.corrupt("no such lane"))
}

#[cfg(test)]
mod tests {
    use std::format;

    use proptest::prelude::*;
    use weft_engine::TaskRow;

    use super::*;
    use crate::testing::{generate, golden, sample};

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
            let fairness = Some(Fairness { key: "tenant".into(), weight: 2500 });
            let row = TaskRow { kind, fairness, ..sample::task() };
            golden::check(&format!("task by queue key, {name} of a fairness key"), &key(&scope, &row));
            golden::check("task by queue value of a fairness key", &encode_value(&row));
        }
    }

    #[test]
    fn lanes_are_pinned_for_ever() {
        let lane = |key: &str| Lane::of(Some(&Fairness { key: key.into(), weight: 1 })).number();
        assert_eq!([lane(""), lane("a"), lane("tenant"), lane("tenant-17")], [550, 212, 542, 83]);
        assert_eq!((Lane::of(None), Lane::from_number(LANES)), (Lane::NONE, None));
    }

    proptest! {
        #[test]
        fn rows_come_back(workflow in generate::key(), row in generate::task()) {
            let key = key(&Scope::of(&workflow), &row);
            prop_assert_eq!(decode(&key, &encode_value(&row)), Ok((workflow, row)));
        }

        #[test]
        fn tasks_stand_by_line_and_then_by_age(
            workflow in generate::key(), other in generate::key(), one in generate::task(), two in generate::task()
        ) {
            let (one_key, two_key) = (key(&Scope::of(&workflow), &one), key(&Scope::of(&workflow), &two));
            let line = |key: &WorkflowKey, row: &TaskRow| {
                let queue = Queue { namespace: key.namespace.clone(), kind: row.kind, name: row.queue.clone() };
                (queue, row.urgency, Lane::of(row.fairness.as_ref()))
            };
            let (queue, urgency, lane) = line(&workflow, &one);
            let prefix = line_prefix(&queue, urgency, lane);
            if lane != Lane::NONE {
                prop_assert_eq!(lane_of_key(&one_key, &fair_prefix(&queue, urgency)), Some(lane));
            }
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
            let _ = (decode(&bytes, &value::MARK), decode(&[], &bytes), decode_value(&bytes));
        }
    }
}
