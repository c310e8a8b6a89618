//! Events of commands that record something and wait for nothing: markers, search attributes, memo.

use weft_protocol::api::{
    command::{ModifyWorkflowPropertiesCommandAttributes, RecordMarkerCommandAttributes},
    common::SearchAttributes,
    history::{
        HistoryEvent, MarkerRecordedEventAttributes, UpsertWorkflowSearchAttributesEventAttributes,
        WorkflowPropertiesModifiedEventAttributes,
    },
};

use crate::ids::EventId;

pub(crate) fn recorded(completed: EventId, command: RecordMarkerCommandAttributes) -> HistoryEvent {
    super::of(
        MarkerRecordedEventAttributes {
            marker_name: command.marker_name,
            details: command.details,
            workflow_task_completed_event_id: completed.0,
            header: command.header,
            failure: command.failure,
        }
        .into(),
    )
}

pub(crate) fn search_attributes(completed: EventId, search_attributes: Option<SearchAttributes>) -> HistoryEvent {
    super::of(
        UpsertWorkflowSearchAttributesEventAttributes {
            workflow_task_completed_event_id: completed.0,
            search_attributes,
        }
        .into(),
    )
}

pub(crate) fn properties(completed: EventId, command: ModifyWorkflowPropertiesCommandAttributes) -> HistoryEvent {
    super::of(
        WorkflowPropertiesModifiedEventAttributes {
            workflow_task_completed_event_id: completed.0,
            upserted_memo: command.upserted_memo,
        }
        .into(),
    )
}
