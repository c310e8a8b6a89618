//! What a program issued, and where in its source.

use alloc::{format, string::String};
use core::{fmt, panic::Location};

use weft_protocol::api::{
    command::{Command, command::Attributes},
    common::Payloads,
    enums::CommandType,
    sdk::UserMetadata,
};

use crate::{markers, operation::OperationId};

/// The line of the workflow's source that issued a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    pub file: &'static str,
    pub line: u32,
    pub column: u32,
}

impl From<&'static Location<'static>> for Source {
    fn from(at: &'static Location<'static>) -> Self {
        Self { file: at.file(), line: at.line(), column: at.column() }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A command of this turn.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) attributes: Attributes,
    pub(crate) metadata: Option<UserMetadata>,
    /// The operation that it begins: its event's id is how history will speak of it.
    pub(crate) begins: Option<OperationId>,
    /// `None` where it follows from the end of the workflow or of a handler, which no single line issued.
    pub(crate) at: Option<Source>,
}

impl Issued {
    /// The command as it leaves, and what stays here until its event is read back: without what only the server needs.
    pub(crate) fn send(mut self) -> (Command, Self) {
        let payloads = payloads_of(&mut self.attributes).and_then(Option::take);
        let attributes = match &self.attributes {
            Attributes::RecordMarkerCommandAttributes(it) => markers::name_only(it),
            other => other.clone(),
        };
        let kept = Self { attributes, metadata: None, begins: self.begins, at: self.at };
        if let Some(slot) = payloads_of(&mut self.attributes) {
            *slot = payloads;
        }
        let command = Command {
            command_type: kind(&self.attributes).into(),
            user_metadata: self.metadata,
            attributes: Some(self.attributes),
            ..Command::default()
        };
        (command, kept)
    }

    /// The command in a few words.
    pub(crate) fn describe(&self) -> String {
        let kind = format!("{:?}", kind(&self.attributes));
        let detail = match &self.attributes {
            Attributes::ScheduleActivityTaskCommandAttributes(it) => {
                let name = it.activity_type.as_ref().map_or("", |kind| &kind.name);
                format!("activity {}, type `{name}`", it.activity_id)
            }
            Attributes::StartTimerCommandAttributes(it) => {
                let span = it.start_to_fire_timeout.unwrap_or_default();
                let milliseconds = span.seconds * 1000 + i64::from(span.nanos / 1_000_000);
                format!("timer {}, {milliseconds} ms", it.timer_id)
            }
            Attributes::CancelTimerCommandAttributes(it) => format!("timer {}", it.timer_id),
            Attributes::RequestCancelActivityTaskCommandAttributes(it) => {
                format!("activity scheduled by event {}", it.scheduled_event_id)
            }
            Attributes::StartChildWorkflowExecutionCommandAttributes(it) => {
                let name = it.workflow_type.as_ref().map_or("", |kind| &kind.name);
                format!("child `{}`, type `{name}`", it.workflow_id)
            }
            Attributes::SignalExternalWorkflowExecutionCommandAttributes(it) => {
                let target = it.execution.as_ref().map_or("", |execution| &execution.workflow_id);
                format!("signal `{}` to `{target}`", it.signal_name)
            }
            Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(it) => {
                format!("workflow `{}`", it.workflow_id)
            }
            Attributes::RecordMarkerCommandAttributes(it) => markers::describe(&it.marker_name, &it.details),
            Attributes::ProtocolMessageCommandAttributes(it) => format!("message `{}`", it.message_id),
            _ => return kind,
        };
        format!("{kind} ({detail})")
    }
}

/// Where a command carries values of the program's.
fn payloads_of(attributes: &mut Attributes) -> Option<&mut Option<Payloads>> {
    match attributes {
        Attributes::ScheduleActivityTaskCommandAttributes(it) => Some(&mut it.input),
        Attributes::StartChildWorkflowExecutionCommandAttributes(it) => Some(&mut it.input),
        Attributes::SignalExternalWorkflowExecutionCommandAttributes(it) => Some(&mut it.input),
        Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(it) => Some(&mut it.input),
        Attributes::CompleteWorkflowExecutionCommandAttributes(it) => Some(&mut it.result),
        Attributes::CancelWorkflowExecutionCommandAttributes(it) => Some(&mut it.details),
        _ => None,
    }
}

fn kind(attributes: &Attributes) -> CommandType {
    match attributes {
        Attributes::ScheduleActivityTaskCommandAttributes(_) => CommandType::ScheduleActivityTask,
        Attributes::StartTimerCommandAttributes(_) => CommandType::StartTimer,
        Attributes::CompleteWorkflowExecutionCommandAttributes(_) => CommandType::CompleteWorkflowExecution,
        Attributes::FailWorkflowExecutionCommandAttributes(_) => CommandType::FailWorkflowExecution,
        Attributes::RequestCancelActivityTaskCommandAttributes(_) => CommandType::RequestCancelActivityTask,
        Attributes::CancelTimerCommandAttributes(_) => CommandType::CancelTimer,
        Attributes::CancelWorkflowExecutionCommandAttributes(_) => CommandType::CancelWorkflowExecution,
        Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(_) => {
            CommandType::RequestCancelExternalWorkflowExecution
        }
        Attributes::RecordMarkerCommandAttributes(_) => CommandType::RecordMarker,
        Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(_) => CommandType::ContinueAsNewWorkflowExecution,
        Attributes::StartChildWorkflowExecutionCommandAttributes(_) => CommandType::StartChildWorkflowExecution,
        Attributes::SignalExternalWorkflowExecutionCommandAttributes(_) => CommandType::SignalExternalWorkflowExecution,
        Attributes::UpsertWorkflowSearchAttributesCommandAttributes(_) => CommandType::UpsertWorkflowSearchAttributes,
        Attributes::ProtocolMessageCommandAttributes(_) => CommandType::ProtocolMessage,
        Attributes::ModifyWorkflowPropertiesCommandAttributes(_) => CommandType::ModifyWorkflowProperties,
        Attributes::ScheduleNexusOperationCommandAttributes(_) => CommandType::ScheduleNexusOperation,
        Attributes::RequestCancelNexusOperationCommandAttributes(_) => CommandType::RequestCancelNexusOperation,
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::{api::command::ScheduleActivityTaskCommandAttributes, payload};

    use super::*;

    #[test]
    fn what_is_sent_has_the_values_and_what_is_kept_has_the_names() {
        let schedule = ScheduleActivityTaskCommandAttributes {
            activity_id: String::from("1"),
            input: Some(payload::list(payload::json_string("long"))),
            ..ScheduleActivityTaskCommandAttributes::default()
        };
        let attributes = Attributes::ScheduleActivityTaskCommandAttributes(schedule.clone());
        let issued = Issued { attributes: attributes.clone(), metadata: None, begins: None, at: None };
        let (command, kept) = issued.send();
        assert_eq!(command.attributes, Some(attributes));
        let bare = ScheduleActivityTaskCommandAttributes { input: None, ..schedule };
        assert_eq!(kept.attributes, Attributes::ScheduleActivityTaskCommandAttributes(bare));
    }
}
