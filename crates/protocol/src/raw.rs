//! Answers that carry a history, with the history as bytes: the same on the wire as Temporal's messages of these names.
//!
//! Invariant: event bytes are encoded once, by the leader, and copied ever after (rule 18). A server that gives a
//! history copies it into its answer and neither decodes nor encodes an event.

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use prost::{DecodeError, Message};

use crate::api::workflowservice;

/// `History.events`.
const EVENTS_TAG: u32 = 1;

mod generated {
    include!(concat!(env!("OUT_DIR"), "/raw/weft.raw.rs"));
}

pub use generated::*;

/// The bytes of a `History` of these events, each the bytes of a `HistoryEvent`.
#[must_use]
pub fn history(events: &[Bytes]) -> Bytes {
    let framed = |event: &Bytes| key_len(EVENTS_TAG) + encoded_len_varint(event.len() as u64) + event.len();
    let mut bytes = BytesMut::with_capacity(events.iter().map(framed).sum());
    for event in events {
        encode_key(EVENTS_TAG, WireType::LengthDelimited, &mut bytes);
        encode_varint(event.len() as u64, &mut bytes);
        bytes.put_slice(event);
    }
    bytes.freeze()
}

impl PollWorkflowTaskQueueResponse {
    /// Temporal's own message, for the answers that embed it. Decodes the history.
    ///
    /// # Errors
    /// When the history's bytes, which come from the disk, are not events.
    pub fn into_message(self) -> Result<workflowservice::PollWorkflowTaskQueueResponse, DecodeError> {
        workflowservice::PollWorkflowTaskQueueResponse::decode(&*self.encode_to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{
        common::WorkflowExecution,
        history::{History, HistoryEvent},
        query::WorkflowQuery,
        workflowservice as typed,
    };

    fn events() -> Vec<HistoryEvent> {
        (1..=200).map(|event_id| HistoryEvent { event_id, version: event_id, ..HistoryEvent::default() }).collect()
    }

    fn raw_history(events: &[HistoryEvent]) -> Bytes {
        history(&events.iter().map(|event| Bytes::from(event.encode_to_vec())).collect::<Vec<_>>())
    }

    #[test]
    fn a_raw_history_is_the_message_on_the_wire() {
        for events in [events(), Vec::new()] {
            assert_eq!(raw_history(&events), History { events }.encode_to_vec());
        }
    }

    #[test]
    fn a_raw_task_is_the_message_on_the_wire() {
        let typed_task = typed::PollWorkflowTaskQueueResponse {
            task_token: vec![1, 2, 3],
            workflow_execution: Some(WorkflowExecution { workflow_id: "w".into(), run_id: "r".into() }),
            attempt: 3,
            backlog_count_hint: 7,
            history: Some(History { events: events() }),
            next_page_token: vec![9],
            queries: [("q".to_owned(), WorkflowQuery::default())].into(),
            ..Default::default()
        };
        let raw_task = PollWorkflowTaskQueueResponse::decode(&*typed_task.encode_to_vec()).unwrap();
        assert_eq!(raw_task.history, Some(raw_history(&events())));
        assert_eq!(raw_task.encode_to_vec(), typed_task.encode_to_vec());
        assert_eq!(raw_task.clone().into_message().unwrap(), typed_task);

        let typed_answer =
            typed::RespondWorkflowTaskCompletedResponse { workflow_task: Some(typed_task), ..Default::default() };
        let raw_answer = RespondWorkflowTaskCompletedResponse { workflow_task: Some(raw_task), ..Default::default() };
        assert_eq!(raw_answer.encode_to_vec(), typed_answer.encode_to_vec());
    }

    #[test]
    fn a_history_that_is_none_is_an_error_and_no_panic() {
        let task = PollWorkflowTaskQueueResponse { history: Some(Bytes::from_static(&[255])), ..Default::default() };
        assert!(task.into_message().is_err());
    }

    #[test]
    fn an_empty_history_is_not_none() {
        let answer = GetWorkflowExecutionHistoryResponse { history: Some(history(&[])), ..Default::default() };
        let read = typed::GetWorkflowExecutionHistoryResponse::decode(&*answer.encode_to_vec()).unwrap();
        assert_eq!(read.history, Some(History::default()));
        assert_eq!(typed::GetWorkflowExecutionHistoryReverseResponse::default().history, None);
    }
}
