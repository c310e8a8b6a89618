//! Canonical bytes: the same for equal messages, ordered as said, and still the message that they were made from.

use std::collections::HashMap;

use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::api::common::{Header, Memo, Payload, Payloads, SearchAttributes};
use crate::api::failure::failure::FailureInfo;
use crate::api::failure::{ApplicationFailureInfo, Failure};
use crate::api::history::history_event::Attributes;
use crate::api::history::{HistoryEvent, WorkflowExecutionStartedEventAttributes};
use crate::api::taskqueue::{TaskQueueTypeInfo, TaskQueueVersionInfo};

/// A payload as its metadata in some order, and its data.
type Parts = (Vec<(String, Vec<u8>)>, Vec<u8>);

fn payload((metadata, data): &Parts) -> Payload {
    Payload { metadata: metadata.iter().cloned().collect(), data: data.clone(), ..Default::default() }
}

fn fields(parts: &[(String, Parts)]) -> HashMap<String, Payload> {
    parts.iter().map(|(key, parts)| (key.clone(), payload(parts))).collect()
}

/// An event that has maps of maps, in fields of its own and under a failure's causes.
fn started(parts: &[(String, Parts)]) -> HistoryEvent {
    let payloads = Payloads { payloads: parts.iter().map(|(_, parts)| payload(parts)).collect() };
    let failure = Failure {
        message: "outer".to_owned(),
        cause: Some(Box::new(Failure {
            failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                details: Some(payloads.clone()),
                ..Default::default()
            })),
            ..Default::default()
        })),
        ..Default::default()
    };
    HistoryEvent {
        event_id: 1,
        attributes: Some(Attributes::WorkflowExecutionStartedEventAttributes(
            WorkflowExecutionStartedEventAttributes {
                input: Some(payloads),
                header: Some(Header { fields: fields(parts) }),
                memo: Some(Memo { fields: fields(parts) }),
                search_attributes: Some(SearchAttributes { indexed_fields: fields(parts) }),
                continued_failure: Some(failure),
                ..Default::default()
            },
        )),
        ..Default::default()
    }
}

fn parts() -> impl Strategy<Value = Vec<(String, Parts)>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    let metadata = prop::collection::hash_map("[a-z\u{e4}]{0,3}", bytes(), 0..5);
    let parts = (metadata.prop_map(|map| map.into_iter().collect()), bytes());
    prop::collection::hash_map("[a-c]{0,3}", parts, 0..6).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn equal_messages_have_equal_bytes_whatever_their_insertion_order(parts in parts()) {
        let event = started(&parts);
        let mut reversed = parts;
        reversed.reverse();
        reversed.iter_mut().for_each(|(_, (metadata, _))| metadata.reverse());
        // The lists of payloads are lists, so they are taken from the first.
        let mut same = started(&reversed);
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(attributes)) = &mut same.attributes else {
            unreachable!("built as a started event")
        };
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(first)) = &event.attributes else {
            unreachable!("built as a started event")
        };
        attributes.input = first.input.clone();
        attributes.continued_failure = first.continued_failure.clone();

        let bytes = encode_canonical(&event);
        prop_assert_eq!(&same, &event);
        prop_assert_eq!(encode_canonical(&same), &bytes[..]);
        prop_assert_eq!(encode_canonical(&event.clone()), &bytes[..]);
        prop_assert_eq!(HistoryEvent::decode(&bytes[..]).expect("decodes"), event);
    }

    #[test]
    fn bytes_that_are_no_protobuf_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let schema = schema_of("temporal.api.history.v1", "HistoryEvent").expect("events contain maps");
        let _ = sort_message(&mut bytes, schema);
    }
}

#[test]
fn map_entries_stand_in_the_order_of_their_keys() {
    let metadata = ["b", "", "ab", "a"].map(|key| (key.to_owned(), key.as_bytes().to_vec()));
    let payload = Payload { metadata: metadata.into(), ..Default::default() };
    let golden = b"\x0a\x00\x0a\x06\x0a\x01a\x12\x01a\x0a\x08\x0a\x02ab\x12\x02ab\x0a\x06\x0a\x01b\x12\x01b";
    assert_eq!(encode_canonical(&payload), golden);
}

#[test]
fn number_keys_are_ordered_by_value() {
    let info = TaskQueueVersionInfo {
        types_info: [300, 1, 2, 0].map(|key| (key, TaskQueueTypeInfo::default())).into(),
        ..Default::default()
    };
    assert_eq!(encode_canonical(&info), b"\x0a\x00\x0a\x02\x08\x01\x0a\x02\x08\x02\x0a\x03\x08\xac\x02");
}

#[test]
fn appending_keeps_what_was_there() {
    let payload = Payload { data: b"x".to_vec(), ..Default::default() };
    let mut buffer = b"before".to_vec();
    encode_canonical_into(&payload, &mut buffer);
    assert_eq!(buffer, b"before\x12\x01x");
}

#[test]
fn the_table_is_sorted_so_that_it_can_be_searched() {
    assert!(NAMES.is_sorted());
    assert!(schema_of("temporal.api.common.v1", "Payload").is_some());
    assert!(schema_of("temporal.api.common.v1", "WorkflowExecution").is_none());
}
