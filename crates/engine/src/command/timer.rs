//! Commands about timers.

use weft_protocol::api::{
    command::{CancelTimerCommandAttributes, StartTimerCommandAttributes},
    enums::WorkflowTaskFailedCause as Cause,
};

use super::{BadCommand, Decisions, Extra};
use crate::change::Run;

pub(super) fn start(
    _run: &mut Run<'_>,
    _command: StartTimerCommandAttributes,
    _extra: Extra,
    _decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    Err(BadCommand::new(Cause::BadStartTimerAttributes, "timers are not supported by this server"))
}

pub(super) fn cancel(
    _run: &mut Run<'_>,
    _command: &CancelTimerCommandAttributes,
    _extra: Extra,
    _decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    Err(BadCommand::new(Cause::BadCancelTimerAttributes, "timers are not supported by this server"))
}
