//! Outbox: messages for other workflow ids, under their sender, in the order in which they go.
//!
//! ```text
//! key    slot | namespace id | workflow text | run id | event signed | step u8
//! value  01 | Row
//! ```
//!
//! A message stands here from the transition that wants it until it is settled, whatever becomes of its sender's run.

mod action;

use alloc::{boxed::Box, string::String, vec::Vec};

use weft_engine::{
    ChildClosed, ChildEnd, EventId, Message, MessageBody, MessageId, RunId, StartChild, Step, WorkflowKey,
};

use super::OUTBOX;
use crate::{
    Corrupt, SlotRange,
    key::{Reader, Scope, put_signed},
    value,
};

const ASK: u8 = 1;
const FOLLOW: u8 = 2;
const END: u8 = 3;

const TERMINATE: u32 = 1;
const REQUEST_CANCEL: u32 = 2;

/// Exactly one of the fields 3 to 13 and 15 is there.
#[derive(Clone, PartialEq, prost::Message)]
struct Row {
    #[prost(string, tag = "1")]
    target_namespace: String,
    #[prost(string, tag = "2")]
    target_workflow: String,
    #[prost(message, optional, tag = "3")]
    start_child: Option<StartChildRow>,
    #[prost(bytes = "vec", optional, tag = "4")]
    signal: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    cancel: Option<Vec<u8>>,
    #[prost(string, optional, tag = "6")]
    first_task: Option<String>,
    #[prost(message, optional, tag = "7")]
    acknowledge: Option<EmptyRow>,
    #[prost(message, optional, tag = "8")]
    recall: Option<EmptyRow>,
    #[prost(message, optional, tag = "9")]
    parent_closed: Option<ParentClosedRow>,
    #[prost(message, optional, tag = "10")]
    child_closed: Option<ChildClosedRow>,
    #[prost(message, optional, tag = "11")]
    start_action: Option<action::StartRow>,
    #[prost(message, optional, tag = "12")]
    end_action: Option<action::EndRow>,
    #[prost(message, optional, tag = "13")]
    action_ended: Option<action::EndedRow>,
    /// The run that the target knows as the sender, if it is another one.
    #[prost(string, optional, tag = "14")]
    known_as: Option<String>,
    #[prost(string, optional, tag = "15")]
    find_child: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EmptyRow {}

#[derive(Clone, PartialEq, prost::Message)]
struct StartChildRow {
    #[prost(bytes = "vec", tag = "1")]
    attributes: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "2")]
    user_metadata: Option<Vec<u8>>,
    #[prost(string, tag = "3")]
    parent_namespace: String,
    #[prost(bytes = "vec", tag = "4")]
    root: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "5")]
    priority: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ParentClosedRow {
    #[prost(string, tag = "1")]
    first_run: String,
    #[prost(uint32, tag = "2")]
    end: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ChildClosedRow {
    #[prost(string, tag = "1")]
    parent_run: String,
    #[prost(int64, tag = "2")]
    initiated_event_id: i64,
    #[prost(string, tag = "3")]
    first_run: String,
    #[prost(bytes = "vec", tag = "4")]
    event: Vec<u8>,
}

#[must_use]
pub fn key(sender: &WorkflowKey, id: &MessageId) -> Vec<u8> {
    scoped_key(&Scope::of(sender), id)
}

pub(crate) fn scoped_key(scope: &Scope, id: &MessageId) -> Vec<u8> {
    let MessageId { run, event_id, step } = id;
    let mut key = scope.run(run);
    put_signed(&mut key, event_id.0);
    key.push(match step {
        Step::Ask => ASK,
        Step::Follow => FOLLOW,
        Step::End => END,
    });
    key
}

/// # Errors
/// When nobody wrote such a row.
pub fn decode(key: &[u8], value: &[u8]) -> Result<(WorkflowKey, MessageId, Message), Corrupt> {
    let (sender, id) = decode_key(key)?;
    Ok((sender, id, decode_message(value)?))
}

pub(crate) fn decode_key(key: &[u8]) -> Result<(WorkflowKey, MessageId), Corrupt> {
    let mut reader = Reader::new(OUTBOX, key);
    let (slot, namespace, workflow) = (reader.slot()?, reader.namespace()?, reader.workflow_id()?);
    let sender = reader.placed(slot, namespace, workflow)?;
    let (run, event_id) = (reader.run()?, reader.event()?);
    let step = match reader.array()? {
        [ASK] => Step::Ask,
        [FOLLOW] => Step::Follow,
        [END] => Step::End,
        [other] => return Err(value::unknown(OUTBOX, "step", other.into())),
    };
    reader.end()?;
    Ok((sender, MessageId { run, event_id, step }))
}

/// All messages of these slots: from the first key up to but without the second.
#[must_use]
pub fn range(slots: SlotRange) -> (Vec<u8>, Vec<u8>) {
    slots.bounds()
}

/// Where the messages of a run begin.
#[must_use]
pub fn run_prefix(sender: &WorkflowKey, run: &RunId) -> Vec<u8> {
    Scope::of(sender).run(run)
}

/// The value of a message's row: also what one node brings to another.
#[must_use]
pub fn encode(message: &Message) -> Vec<u8> {
    let Message { target, body, known_as } = message;
    let mut row = Row {
        target_namespace: target.namespace.as_str().into(),
        target_workflow: target.workflow.as_str().into(),
        known_as: known_as.as_ref().map(|run| run.as_str().into()),
        ..Row::default()
    };
    match body {
        MessageBody::StartChild(start) => row.start_child = Some(start_row(start)),
        MessageBody::Signal(it) => row.signal = value::foreign(Some(&**it)),
        MessageBody::Cancel(it) => row.cancel = value::foreign(Some(&**it)),
        MessageBody::FirstTask { run } => row.first_task = Some(run.as_str().into()),
        MessageBody::Acknowledge => row.acknowledge = Some(EmptyRow {}),
        MessageBody::Recall => row.recall = Some(EmptyRow {}),
        MessageBody::ParentClosed { first_run, end } => {
            let end = end_number(*end);
            row.parent_closed = Some(ParentClosedRow { first_run: first_run.as_str().into(), end });
        }
        MessageBody::ChildClosed(closed) => row.child_closed = Some(closed_row(closed)),
        MessageBody::FindChild { first_run } => row.find_child = Some(first_run.as_str().into()),
        MessageBody::StartAction(start) => row.start_action = Some(action::start_row(start)),
        MessageBody::EndAction(end) => row.end_action = Some(action::end_row(end)),
        MessageBody::ActionEnded(ended) => row.action_ended = Some(action::ended_row(ended)),
    }
    value::encode(&row)
}

fn start_row(start: &StartChild) -> StartChildRow {
    let StartChild { attributes, user_metadata, parent_namespace, root, priority } = start;
    StartChildRow {
        attributes: weft_protocol::encode_canonical(attributes),
        user_metadata: value::foreign(user_metadata.as_ref()),
        parent_namespace: String::from(&**parent_namespace),
        root: weft_protocol::encode_canonical(root),
        priority: value::foreign(priority.as_ref()),
    }
}

fn closed_row(closed: &ChildClosed) -> ChildClosedRow {
    let ChildClosed { parent_run, initiated_event_id, first_run, event } = closed;
    ChildClosedRow {
        parent_run: parent_run.as_str().into(),
        initiated_event_id: initiated_event_id.0,
        first_run: first_run.as_str().into(),
        event: weft_protocol::encode_canonical(event),
    }
}

/// # Errors
/// When nobody wrote such a value.
pub fn decode_message(bytes: &[u8]) -> Result<Message, Corrupt> {
    let row: Row = value::decode(OUTBOX, bytes)?;
    let target =
        WorkflowKey { namespace: row.target_namespace.as_str().into(), workflow: row.target_workflow.as_str().into() };
    let known_as = row.known_as.as_deref().map(RunId::from);
    let mut bodies = bodies(row)?;
    match (bodies.pop(), bodies.pop()) {
        (Some(body), None) => Ok(Message { target, body, known_as }),
        (Some(_), Some(_)) | (None, _) => Err(Corrupt::row(OUTBOX, "not exactly one message")),
    }
}

/// Every message that the row says; there should be one.
fn bodies(row: Row) -> Result<Vec<MessageBody>, Corrupt> {
    let mut bodies = Vec::new();
    if let Some(start) = row.start_child {
        bodies.push(MessageBody::StartChild(Box::new(read_start(start)?)));
    }
    if let Some(bytes) = row.signal {
        bodies.push(MessageBody::Signal(Box::new(value::message(OUTBOX, &bytes)?)));
    }
    if let Some(bytes) = row.cancel {
        bodies.push(MessageBody::Cancel(Box::new(value::message(OUTBOX, &bytes)?)));
    }
    bodies.extend(row.find_child.map(|first_run| MessageBody::FindChild { first_run: first_run.into() }));
    bodies.extend(row.first_task.map(|run| MessageBody::FirstTask { run: run.into() }));
    bodies.extend(row.acknowledge.map(|EmptyRow {}| MessageBody::Acknowledge));
    bodies.extend(row.recall.map(|EmptyRow {}| MessageBody::Recall));
    if let Some(ParentClosedRow { first_run, end }) = row.parent_closed {
        bodies.push(MessageBody::ParentClosed { first_run: first_run.into(), end: read_end(end)? });
    }
    if let Some(ChildClosedRow { parent_run, initiated_event_id, first_run, event }) = row.child_closed {
        bodies.push(MessageBody::ChildClosed(Box::new(ChildClosed {
            parent_run: parent_run.into(),
            initiated_event_id: EventId(initiated_event_id),
            first_run: first_run.into(),
            event: value::message(OUTBOX, &event)?,
        })));
    }
    if let Some(start) = row.start_action {
        bodies.push(MessageBody::StartAction(Box::new(action::read_start(start)?)));
    }
    if let Some(end) = row.end_action {
        bodies.push(MessageBody::EndAction(Box::new(action::read_end_action(end)?)));
    }
    if let Some(ended) = row.action_ended {
        bodies.push(MessageBody::ActionEnded(Box::new(action::read_ended(ended)?)));
    }
    Ok(bodies)
}

fn end_number(end: ChildEnd) -> u32 {
    match end {
        ChildEnd::Terminate => TERMINATE,
        ChildEnd::RequestCancel => REQUEST_CANCEL,
    }
}

fn read_end(end: u32) -> Result<ChildEnd, Corrupt> {
    match end {
        TERMINATE => Ok(ChildEnd::Terminate),
        REQUEST_CANCEL => Ok(ChildEnd::RequestCancel),
        other => Err(value::unknown(OUTBOX, "end", other)),
    }
}

fn read_start(row: StartChildRow) -> Result<StartChild, Corrupt> {
    let StartChildRow { attributes, user_metadata, parent_namespace, root, priority } = row;
    Ok(StartChild {
        attributes: value::message(OUTBOX, &attributes)?,
        user_metadata: value::read_foreign(OUTBOX, user_metadata)?,
        parent_namespace: parent_namespace.into(),
        root: value::message(OUTBOX, &root)?,
        priority: value::read_foreign(OUTBOX, priority)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{family, generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        let id = |step| MessageId::new(&sample::run(), EventId(5), step);
        golden::check("outbox key", &key(&sample::key(), &id(Step::Ask)));
        golden::check("outbox key, follow", &key(&sample::key(), &id(Step::Follow)));
        golden::check("outbox key, end", &key(&sample::key(), &id(Step::End)));
        for (name, body) in family::bodies() {
            let message = Message::new(family::target(), body);
            golden::check(&std::format!("outbox value, {name}"), &encode(&message));
            assert_eq!(
                decode(&key(&sample::key(), &id(Step::Ask)), &encode(&message)),
                Ok((sample::key(), id(Step::Ask), message))
            );
        }
    }

    #[test]
    fn a_message_of_a_run_that_was_reset_keeps_its_bytes() {
        let message = Message { known_as: Some(sample::run()), ..Message::new(family::target(), MessageBody::Recall) };
        golden::check("outbox value, after a reset", &encode(&message));
    }

    #[test]
    fn a_row_with_two_messages_is_corrupt() {
        let row = Row { recall: Some(EmptyRow {}), first_task: Some("run".into()), ..Row::default() };
        assert!(decode_message(&value::encode(&row)).is_err());
        assert!(decode_message(&value::encode(&Row::default())).is_err());
    }

    proptest! {
        #[test]
        fn rows_come_back(
            sender in generate::key(), run in generate::run(), event_id in generate::event_id(),
            step in prop_oneof![Just(Step::Ask), Just(Step::Follow), Just(Step::End)],
            message in family::any_message()
        ) {
            let id = MessageId { run, event_id, step };
            let key = key(&sender, &id);
            prop_assert!(key.starts_with(&run_prefix(&sender, &id.run)));
            prop_assert_eq!(decode(&key, &encode(&message)), Ok((sender, id, message)));
        }

        #[test]
        fn keys_sort_as_messages_go(run in generate::run(), one in generate::event_id(), other in generate::event_id()) {
            let id = |event_id, step| MessageId { run: run.clone(), event_id, step };
            for (left, right) in [
                (id(one, Step::Ask), id(other, Step::Ask)),
                (id(one, Step::Ask), id(one, Step::Follow)),
                (id(one, Step::End), id(one, Step::Follow)),
            ] {
                let keys = key(&sample::key(), &left).cmp(&key(&sample::key(), &right));
                prop_assert_eq!(keys, left.cmp(&right));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(key: Vec<u8>, value: Vec<u8>) {
            let _ = (decode(&key, &value), decode_message(&value));
        }
    }
}
