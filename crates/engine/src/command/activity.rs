//! Commands about activities.

use weft_protocol::api::{
    command::{RequestCancelActivityTaskCommandAttributes, ScheduleActivityTaskCommandAttributes},
    enums::WorkflowTaskFailedCause as Cause,
};

use super::{BadCommand, Decisions, Extra};
use crate::change::Run;

pub(super) fn schedule(
    _run: &mut Run<'_>,
    _command: ScheduleActivityTaskCommandAttributes,
    _extra: Extra,
    _decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    Err(BadCommand::new(Cause::BadScheduleActivityAttributes, "activities are not supported by this server"))
}

pub(super) fn cancel(
    _run: &mut Run<'_>,
    _command: &RequestCancelActivityTaskCommandAttributes,
    _extra: Extra,
    _decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    Err(BadCommand::new(Cause::BadRequestCancelActivityAttributes, "activities are not supported by this server"))
}
