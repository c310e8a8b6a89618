//! The commands of a turn against the events that history has of them.
//!
//! Invariant: each event is matched by the command in its place, or the run says where they part. What is compared is
//! what tells one step from another (kind, id, type, name), not its arguments: those may change between versions.

use alloc::vec::Vec;

use weft_protocol::api::{
    command::command::Attributes as Command,
    history::{HistoryEvent, history_event::Attributes as Event},
};

use crate::{
    command::Issued,
    divergence::{Divergence, Parting},
    event, markers,
    state::{Family, State},
    update,
};

impl State {
    /// Compares what was issued with what history has, and learns under which events history has it.
    pub(crate) fn settle(&mut self, issued: Vec<Issued>, closing: &[HistoryEvent]) -> Result<(), Divergence> {
        let mut issued = issued.into_iter().peekable();
        for event in closing {
            while issued.peek().is_some_and(|command| is_unrecorded_reminder(command, event)) {
                issued.next();
            }
            let matches = issued.peek().is_some_and(|command| is_same(&command.attributes, event));
            if !matches && markers::may_be_forgotten(event) {
                continue;
            }
            let Some(command) = issued.next() else { return Err(missing(event)) };
            if !matches {
                return Err(different(event, &command));
            }
            if let (Some(id), Some(family)) = (command.begins, family(event)) {
                self.bind(id, family, event.event_id);
            }
        }
        match issued.find(|command| !markers::is_reminder(&command.attributes)) {
            Some(command) => Err(added(self.moment.event_id, &command)),
            None => Ok(()),
        }
    }
}

fn is_unrecorded_reminder(command: &Issued, event: &HistoryEvent) -> bool {
    markers::is_reminder(&command.attributes) && !is_same(&command.attributes, event)
}

fn is_same(command: &Command, event: &HistoryEvent) -> bool {
    let Some(event) = &event.attributes else { return false };
    match (command, event) {
        (Command::ScheduleActivityTaskCommandAttributes(c), Event::ActivityTaskScheduledEventAttributes(e)) => {
            c.activity_id == e.activity_id && c.activity_type == e.activity_type
        }
        (
            Command::RequestCancelActivityTaskCommandAttributes(c),
            Event::ActivityTaskCancelRequestedEventAttributes(e),
        ) => c.scheduled_event_id == e.scheduled_event_id,
        (Command::StartTimerCommandAttributes(c), Event::TimerStartedEventAttributes(e)) => c.timer_id == e.timer_id,
        (Command::CancelTimerCommandAttributes(c), Event::TimerCanceledEventAttributes(e)) => c.timer_id == e.timer_id,
        (
            Command::StartChildWorkflowExecutionCommandAttributes(c),
            Event::StartChildWorkflowExecutionInitiatedEventAttributes(e),
        ) => c.workflow_id == e.workflow_id && c.workflow_type == e.workflow_type,
        (
            Command::SignalExternalWorkflowExecutionCommandAttributes(c),
            Event::SignalExternalWorkflowExecutionInitiatedEventAttributes(e),
        ) => {
            let id =
                |it: &Option<weft_protocol::api::common::WorkflowExecution>| it.clone().unwrap_or_default().workflow_id;
            c.signal_name == e.signal_name && id(&c.execution) == id(&e.workflow_execution)
        }
        (
            Command::RequestCancelExternalWorkflowExecutionCommandAttributes(c),
            Event::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(e),
        ) => Some(&c.workflow_id) == e.workflow_execution.as_ref().map(|it| &it.workflow_id),
        (Command::RecordMarkerCommandAttributes(c), Event::MarkerRecordedEventAttributes(e)) => markers::is_same(c, e),
        (Command::ProtocolMessageCommandAttributes(c), Event::WorkflowExecutionUpdateAcceptedEventAttributes(e)) => {
            c.message_id == update::acceptance_id(&e.protocol_instance_id)
        }
        (Command::ProtocolMessageCommandAttributes(c), Event::WorkflowExecutionUpdateCompletedEventAttributes(e)) => {
            e.meta.as_ref().is_some_and(|meta| c.message_id == update::response_id(&meta.update_id))
        }
        (
            Command::UpsertWorkflowSearchAttributesCommandAttributes(_),
            Event::UpsertWorkflowSearchAttributesEventAttributes(_),
        )
        | (
            Command::ModifyWorkflowPropertiesCommandAttributes(_),
            Event::WorkflowPropertiesModifiedEventAttributes(_),
        )
        | (
            Command::CompleteWorkflowExecutionCommandAttributes(_),
            Event::WorkflowExecutionCompletedEventAttributes(_),
        )
        | (Command::FailWorkflowExecutionCommandAttributes(_), Event::WorkflowExecutionFailedEventAttributes(_))
        | (Command::CancelWorkflowExecutionCommandAttributes(_), Event::WorkflowExecutionCanceledEventAttributes(_))
        | (
            Command::ContinueAsNewWorkflowExecutionCommandAttributes(_),
            Event::WorkflowExecutionContinuedAsNewEventAttributes(_),
        ) => true,
        _ => false,
    }
}

/// How later events speak of what this event began.
fn family(event: &HistoryEvent) -> Option<Family> {
    match &event.attributes {
        Some(Event::TimerStartedEventAttributes(_)) => Some(Family::Timer),
        Some(Event::ActivityTaskScheduledEventAttributes(_)) => Some(Family::Activity),
        Some(Event::StartChildWorkflowExecutionInitiatedEventAttributes(_)) => Some(Family::Child),
        Some(Event::SignalExternalWorkflowExecutionInitiatedEventAttributes(_)) => Some(Family::Signal),
        Some(Event::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_)) => Some(Family::Cancel),
        _ => None,
    }
}

fn missing(event: &HistoryEvent) -> Divergence {
    let parting = Parting::Missing { event_id: event.event_id, event: event::describe(event) };
    Divergence { parting }
}

fn different(event: &HistoryEvent, command: &Issued) -> Divergence {
    let parting = Parting::Different {
        event_id: event.event_id,
        event: event::describe(event),
        command: command.describe(),
        at: command.at,
    };
    Divergence { parting }
}

fn added(event_id: i64, command: &Issued) -> Divergence {
    Divergence { parting: Parting::Added { event_id, command: command.describe(), at: command.at } }
}
