//! Options of a run that a client changes, and the mask that says which of them it means.

use weft_engine::{Identity, UpdateRunOptions};
use weft_protocol::{api::workflow::WorkflowExecutionOptions, error::Error, prost_wkt_types::FieldMask};

use super::mask;

/// What a mask may name.
const FIELDS: &[&str] = &["versioning_override", "priority", "time_skipping_config"];

/// What is wanted, if it can be.
///
/// # Errors
/// When options or mask are missing, the mask names what there is not, or a priority makes no sense.
pub(crate) fn check(
    options: Option<WorkflowExecutionOptions>,
    mask: Option<&FieldMask>,
    identity: Identity,
) -> Result<UpdateRunOptions, Error> {
    let mask = mask.ok_or_else(|| Error::invalid_argument("UpdateMask is required"))?;
    let options = options.ok_or_else(|| Error::invalid_argument("WorkflowExecutionOptions is required"))?;
    mask::check(&mask.paths, FIELDS, "temporal.api.workflow.v1.WorkflowExecutionOptions")?;
    weft_engine::check_priority(options.priority.as_ref()).map_err(Error::invalid_argument)?;
    if mask.paths.iter().any(|path| path.starts_with("time_skipping_config")) {
        return Err(Error::invalid_argument("this server cannot skip time"));
    }
    Ok(UpdateRunOptions { options, paths: mask::paths(mask), identity })
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::common::Priority;

    use super::*;

    fn check(options: Option<WorkflowExecutionOptions>, paths: Option<&[&str]>, expected: Result<&[&str], &str>) {
        let mask = paths.map(|paths| FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
        let found = super::check(options, mask.as_ref(), "me".into()).map(|it| it.paths).map_err(|error| error.message);
        assert_eq!(found, expected.map(|it| it.iter().map(ToString::to_string).collect()).map_err(str::to_owned));
    }

    #[test]
    fn options_and_the_mask_are_needed_and_make_sense() {
        let options = |key| WorkflowExecutionOptions {
            priority: Some(Priority { priority_key: key, ..Priority::default() }),
            ..WorkflowExecutionOptions::default()
        };
        check(Some(options(1)), Some(&["priority.priorityKey"]), Ok(&["priority.priority_key"]));
        check(Some(options(1)), Some(&[]), Ok(&[]));
        check(Some(options(1)), None, Err("UpdateMask is required"));
        check(None, Some(&[]), Err("WorkflowExecutionOptions is required"));
        check(Some(options(-1)), Some(&[]), Err("priority key can't be negative"));
        check(Some(options(1)), Some(&["time_skipping_config"]), Err("this server cannot skip time"));
    }
}
