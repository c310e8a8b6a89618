//! Commands: what a worker decided. One function each, by family.
//!
//! Invariant: a command that cannot take effect says why as a [`BadCommand`] and the whole answer is undone; so a command
//! may change the state as it goes.

mod activity;
pub(crate) mod child;
mod closing;
mod external;
mod marker;
mod place;
mod timer;
mod unsupported;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};

use prost::Message;
use weft_protocol::api::{
    command::{Command, command::Attributes},
    enums::{CommandType, WorkflowTaskFailedCause},
};

use crate::{
    answer::StartedActivityTask,
    change::Run,
    close::Closing,
    ids::{EventId, NamespaceId},
    refusal::Refusal,
    request::{CompleteWorkflowTask, Poller},
    time::Timestamp,
    update::message::{self, Inbox},
};

/// Why an answer does not take effect.
#[derive(Debug)]
pub(crate) struct BadCommand {
    pub(crate) cause: WorkflowTaskFailedCause,
    /// As the worker and the history are told: the cause, then the reason.
    pub(crate) message: String,
    /// The run cannot go on either.
    pub(crate) fatal: bool,
}

/// What the commands of one answer came to so far.
pub(crate) struct Decisions {
    /// The event to which every event of a command refers.
    pub(crate) completed: EventId,
    /// How many commands and messages there were.
    pub(crate) count: usize,
    /// The answering worker, as the taker of activities that start eagerly.
    pub(crate) worker: Poller,
    /// The namespaces that the answer may name.
    pub(crate) namespaces: BTreeMap<String, NamespaceId>,
    /// The workflow ids of the children that start with this answer.
    pub(crate) children: BTreeSet<String>,
    /// The workflow must run again at once.
    pub(crate) wants_task: bool,
    pub(crate) eager_activities: Vec<StartedActivityTask>,
    pub(crate) closing: Option<(Closing, Extra)>,
    /// The last event that waited in the buffer when the answer came.
    pub(crate) waited: Option<u32>,
    /// When the first of a chain of heartbeating tasks was scheduled.
    pub(crate) original_scheduled_at: Option<Timestamp>,
    /// What the workflow says to updates and was not listened to yet.
    pub(crate) inbox: Inbox,
}

impl Decisions {
    pub(crate) fn new(completed: EventId, body: &CompleteWorkflowTask) -> Self {
        Self {
            completed,
            count: body.commands.len() + body.messages.len(),
            worker: Poller {
                identity: body.identity.clone(),
                request: body.eager_request.clone(),
                version: body.version.clone(),
                deployment: body.deployment.clone(),
            },
            namespaces: body.namespaces.clone(),
            children: BTreeSet::new(),
            wants_task: false,
            eager_activities: Vec::new(),
            closing: None,
            waited: None,
            original_scheduled_at: None,
            inbox: Inbox::default(),
        }
    }
}

impl Decisions {
    /// The run ends after all other commands.
    fn close(&mut self, how: Closing, extra: Extra) {
        self.closing = Some((how, extra));
    }
}

impl BadCommand {
    pub(crate) fn new(cause: WorkflowTaskFailedCause, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        let name = cause_name(cause);
        let message = if reason.is_empty() { name } else { format!("{name}: {reason}") };
        Self { cause, message, fatal: false }
    }

    /// The run cannot go on either.
    pub(crate) fn fatal(cause: WorkflowTaskFailedCause, reason: impl Into<String>) -> Self {
        Self { fatal: true, ..Self::new(cause, reason) }
    }

    /// The run is not there: the caller has looked, so this is never seen.
    pub(crate) fn nothing() -> Self {
        Self::new(WorkflowTaskFailedCause::Unspecified, "no such run")
    }
}

/// A cause as messages name it: `BadStartTimerAttributes`.
pub(crate) fn cause_name(cause: WorkflowTaskFailedCause) -> String {
    in_camel_case(cause.as_str_name(), "WORKFLOW_TASK_FAILED_CAUSE_")
}

fn in_camel_case(name: &str, prefix: &str) -> String {
    let words = name.strip_prefix(prefix).unwrap_or(name).split('_');
    words
        .flat_map(|word| {
            word.chars().enumerate().map(|(at, letter)| if at == 0 { letter } else { letter.to_ascii_lowercase() })
        })
        .collect()
}

/// A command as messages name it: `StartTimer`, or its number if that is not known.
fn kind_name(command: &Command) -> String {
    match CommandType::try_from(command.command_type) {
        Ok(kind) => in_camel_case(kind.as_str_name(), "COMMAND_TYPE_"),
        Err(_) => format!("{}", command.command_type),
    }
}

/// An answer that cannot be understood is refused as a whole: unknown commands, and commands after the end.
pub(crate) fn check_order(commands: &[Command]) -> Result<(), Refusal> {
    for (at, command) in commands.iter().enumerate() {
        if command.command_type() == CommandType::Unspecified {
            return Err(Refusal::InvalidArgument(format!("unknown command type: {}", kind_name(command)).into()));
        }
        if closing::is_closing(command) && at + 1 < commands.len() {
            let all: Vec<String> = commands.iter().map(kind_name).collect();
            let (all, last) = (all.join(", "), kind_name(command));
            let why = format!("invalid command sequence: [{all}], command {last} must be the last command.");
            return Err(Refusal::InvalidArgument(why.into()));
        }
    }
    Ok(())
}

/// Carries out one command.
pub(crate) fn carry_out(run: &mut Run<'_>, mut command: Command, decisions: &mut Decisions) -> Result<(), BadCommand> {
    let Some(attributes) = command.attributes.take().filter(|it| kind_of(it) == command.command_type()) else {
        return Err(without_attributes(&command));
    };
    let metadata = command.user_metadata;
    let groups = command.event_group_markers;
    let extra = Extra { metadata, groups };
    match attributes {
        Attributes::ScheduleActivityTaskCommandAttributes(it) => activity::schedule(run, it, extra, decisions),
        Attributes::RequestCancelActivityTaskCommandAttributes(it) => activity::cancel(run, &it, extra, decisions),
        Attributes::StartTimerCommandAttributes(it) => timer::start(run, it, extra, decisions),
        Attributes::CancelTimerCommandAttributes(it) => timer::cancel(run, &it, extra, decisions),
        Attributes::RecordMarkerCommandAttributes(it) => marker::record(run, it, extra, decisions),
        Attributes::UpsertWorkflowSearchAttributesCommandAttributes(it) => marker::upsert(run, it, extra, decisions),
        Attributes::ModifyWorkflowPropertiesCommandAttributes(it) => marker::modify(run, it, extra, decisions),
        Attributes::CompleteWorkflowExecutionCommandAttributes(it) => closing::complete(run, it, extra, decisions),
        Attributes::FailWorkflowExecutionCommandAttributes(it) => closing::fail(run, it, extra, decisions),
        Attributes::CancelWorkflowExecutionCommandAttributes(it) => closing::cancel(run, it, extra, decisions),
        Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(it) => {
            closing::continue_as_new(run, it, extra, decisions)
        }
        Attributes::ProtocolMessageCommandAttributes(it) => message::receive_named(run, &it, decisions),
        Attributes::StartChildWorkflowExecutionCommandAttributes(it) => child::start(run, it, extra, decisions),
        Attributes::SignalExternalWorkflowExecutionCommandAttributes(it) => external::signal(run, it, extra, decisions),
        Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(it) => {
            external::cancel(run, it, extra, decisions)
        }
        Attributes::ScheduleNexusOperationCommandAttributes(_)
        | Attributes::RequestCancelNexusOperationCommandAttributes(_) => Err(unsupported::refuse(&attributes)),
    }
}

/// The type of command whose attributes these are.
fn kind_of(attributes: &Attributes) -> CommandType {
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

/// The command says what to do but not how.
fn without_attributes(command: &Command) -> BadCommand {
    use WorkflowTaskFailedCause as Cause;
    let cause = match command.command_type() {
        CommandType::Unspecified => Cause::Unspecified,
        CommandType::ScheduleActivityTask => Cause::BadScheduleActivityAttributes,
        CommandType::RequestCancelActivityTask => Cause::BadRequestCancelActivityAttributes,
        CommandType::StartTimer => Cause::BadStartTimerAttributes,
        CommandType::CancelTimer => Cause::BadCancelTimerAttributes,
        CommandType::RecordMarker => Cause::BadRecordMarkerAttributes,
        CommandType::UpsertWorkflowSearchAttributes => Cause::BadSearchAttributes,
        CommandType::ModifyWorkflowProperties => Cause::BadModifyWorkflowPropertiesAttributes,
        CommandType::CompleteWorkflowExecution => Cause::BadCompleteWorkflowExecutionAttributes,
        CommandType::FailWorkflowExecution => Cause::BadFailWorkflowExecutionAttributes,
        CommandType::CancelWorkflowExecution => Cause::BadCancelWorkflowExecutionAttributes,
        CommandType::ContinueAsNewWorkflowExecution => Cause::BadContinueAsNewAttributes,
        CommandType::StartChildWorkflowExecution => Cause::BadStartChildExecutionAttributes,
        CommandType::SignalExternalWorkflowExecution => Cause::BadSignalWorkflowExecutionAttributes,
        CommandType::RequestCancelExternalWorkflowExecution => {
            Cause::BadRequestCancelExternalWorkflowExecutionAttributes
        }
        CommandType::ProtocolMessage => Cause::BadUpdateWorkflowExecutionMessage,
        CommandType::ScheduleNexusOperation => Cause::BadScheduleNexusOperationAttributes,
        CommandType::RequestCancelNexusOperation => Cause::BadRequestCancelNexusOperationAttributes,
    };
    let kind = kind_name(command);
    BadCommand::new(cause, format!("{kind}CommandAttributes is not set on {kind}Command."))
}

/// What stands on a command beside its attributes and goes to its event.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) metadata: Option<weft_protocol::api::sdk::UserMetadata>,
    pub(crate) groups: Vec<weft_protocol::api::sdk::EventGroupMarker>,
}

impl Extra {
    /// Puts it on the event.
    pub(crate) fn on(
        self,
        event: weft_protocol::api::history::HistoryEvent,
    ) -> weft_protocol::api::history::HistoryEvent {
        weft_protocol::api::history::HistoryEvent {
            user_metadata: self.metadata,
            event_group_markers: self.groups,
            ..event
        }
    }
}

/// A payload that is too large ends the run: the worker would send it again.
pub(crate) fn check_size(
    run: &Run<'_>,
    cause: WorkflowTaskFailedCause,
    what: &str,
    message: Option<&impl Message>,
) -> Result<(), BadCommand> {
    let size = message.map_or(0, Message::encoded_len);
    if size > run.at.settings.limits.blob_bytes_error {
        return Err(BadCommand::fatal(cause, format!("{what} exceeds size limit.")));
    }
    Ok(())
}
