//! Commands that this server does not carry out yet: each is refused with the cause that fits it.

use alloc::format;

use weft_protocol::api::{command::command::Attributes, enums::WorkflowTaskFailedCause as Cause};

use super::BadCommand;

pub(super) fn refuse(attributes: &Attributes) -> BadCommand {
    let (cause, what) = match attributes {
        Attributes::ScheduleNexusOperationCommandAttributes(_) => {
            (Cause::BadScheduleNexusOperationAttributes, "Nexus operations are")
        }
        Attributes::RequestCancelNexusOperationCommandAttributes(_) => {
            (Cause::BadRequestCancelNexusOperationAttributes, "Nexus operations are")
        }
        _ => (Cause::FeatureDisabled, "this command is"),
    };
    BadCommand::new(cause, format!("{what} not supported by this server"))
}
