//! Canonical protobuf JSON: what other SDKs' replayers, the CLI and the web UI read and write.
//!
//! Enum values are full names (`EVENT_TYPE_TIMER_FIRED`), 64-bit numbers strings, times RFC 3339, bytes base64; on the
//! way in the older forms that protobuf's JSON allows are taken too, and fields of newer versions are skipped. The
//! messages are taken through their bytes and the embedded descriptors, so nothing depends on derives. Payloads are
//! not unfolded to the values in them.

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor};
use serde_json::Value;

use crate::services::FILE_DESCRIPTOR_SET;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the embedded descriptor set is complete, as tested")
});

/// Why a message has no JSON, or a JSON no message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} is not a message of the public API")]
    UnknownMessage(String),
    /// Among them a time that JSON cannot say (outside the years 1 to 9999), and an unknown message in an `Any`.
    #[error("cannot be written or read as protobuf JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("does not match its own description: {0}")]
    Decode(#[from] prost::DecodeError),
}

/// The descriptors of the public API, for whoever needs to look at messages by name.
pub fn descriptors() -> &'static DescriptorPool {
    &POOL
}

/// The JSON of a message.
pub fn to_json<M: Message + Name>(message: &M) -> Result<Value, Error> {
    let dynamic = DynamicMessage::decode(descriptor::<M>()?, message.encode_to_vec().as_slice())?;
    Ok(serde_json::to_value(&dynamic)?)
}

/// The message of a JSON value.
pub fn from_json<M: Message + Name + Default>(json: &Value) -> Result<M, Error> {
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let dynamic = DynamicMessage::deserialize_with_options(descriptor::<M>()?, json, &options)?;
    Ok(M::decode(dynamic.encode_to_vec().as_slice())?)
}

fn descriptor<M: Name>() -> Result<MessageDescriptor, Error> {
    let name = M::full_name();
    POOL.get_message_by_name(&name).ok_or(Error::UnknownMessage(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::common::Payload;
    use crate::api::enums::EventType;
    use crate::api::history::history_event::Attributes;
    use crate::api::history::{History, HistoryEvent, TimerStartedEventAttributes};
    use crate::api::{Duration, Timestamp};
    use crate::payload;

    fn history() -> History {
        let attributes = TimerStartedEventAttributes {
            timer_id: "1".to_owned(),
            start_to_fire_timeout: Some(Duration { seconds: 1, nanos: 500_000_000 }),
            workflow_task_completed_event_id: 4,
        };
        let event = HistoryEvent {
            event_id: 5,
            event_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 1_000_000 }),
            event_type: EventType::TimerStarted.into(),
            attributes: Some(Attributes::TimerStartedEventAttributes(attributes)),
            ..Default::default()
        };
        History { events: vec![event] }
    }

    #[test]
    fn a_history_is_the_json_that_replayers_read() {
        let json = to_json(&history()).expect("has a JSON");
        let expected = json!({ "events": [{
            "eventId": "5",
            "eventTime": "2023-11-14T22:13:20.001Z",
            "eventType": "EVENT_TYPE_TIMER_STARTED",
            "timerStartedEventAttributes": {
                "timerId": "1",
                "startToFireTimeout": "1.500s",
                "workflowTaskCompletedEventId": "4",
            },
        }]});
        assert_eq!(json, expected);
        assert_eq!(from_json::<History>(&json).expect("has a message"), history());
    }

    #[test]
    fn payloads_are_base64() {
        let json = to_json(&payload::json_string("x")).expect("has a JSON");
        assert_eq!(json, json!({ "metadata": { "encoding": "anNvbi9wbGFpbg==" }, "data": "Ingi" }));
        assert_eq!(from_json::<Payload>(&json).expect("has a message"), payload::json_string("x"));
    }

    #[test]
    fn numbers_of_enums_and_fields_of_tomorrow_are_taken() {
        let json = json!({ "events": [{ "event_id": 5, "eventType": 17, "fieldOfTomorrow": {} }] });
        let event = HistoryEvent { event_id: 5, event_type: EventType::TimerStarted.into(), ..Default::default() };
        assert_eq!(from_json::<History>(&json).expect("has a message"), History { events: vec![event] });
    }

    #[test]
    fn a_time_that_json_cannot_say_is_an_error() {
        let event = HistoryEvent { event_time: Some(Timestamp { seconds: i64::MAX, nanos: 0 }), ..Default::default() };
        assert!(matches!(to_json(&event), Err(Error::Json(_))));
    }

    #[test]
    fn every_file_of_the_descriptor_set_can_be_linked() {
        assert!(descriptors().files().len() > 50);
        assert!(descriptors().get_service_by_name("temporal.api.workflowservice.v1.WorkflowService").is_some());
        assert!(descriptors().get_message_by_name("temporal.api.update.v1.Request").is_some());
        assert!(descriptors().get_message_by_name("temporal.api.errordetails.v1.NotFoundFailure").is_some());
    }
}
