//! Commands that record something: markers, search attributes, memo.

use alloc::{collections::BTreeMap, format, string::String};

use weft_protocol::api::{
    command::{
        ModifyWorkflowPropertiesCommandAttributes, RecordMarkerCommandAttributes,
        UpsertWorkflowSearchAttributesCommandAttributes,
    },
    common::Payload,
    enums::WorkflowTaskFailedCause as Cause,
};

use super::{BadCommand, Decisions, Extra};
use crate::{change::Run, event, fold, payload};

pub(super) fn record(
    run: &mut Run<'_>,
    command: RecordMarkerCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    let cause = Cause::BadRecordMarkerAttributes;
    let limits = &run.at.settings.limits;
    if command.marker_name.is_empty() {
        return Err(BadCommand::new(cause, "MarkerName is not set on RecordMarkerCommand."));
    }
    if command.marker_name.len() > limits.id_bytes {
        let (name, length, limit) = (&command.marker_name, command.marker_name.len(), limits.id_bytes);
        let what = "MarkerName on RecordMarkerCommand exceeds length limit";
        return Err(BadCommand::new(cause, format!("{what}. MarkerName={name} Length={length} Limit={limit}")));
    }
    let size: usize = command.details.values().map(prost::Message::encoded_len).sum();
    if size > limits.blob_bytes_error {
        return Err(BadCommand::fatal(cause, "RecordMarkerCommandAttributes.Details exceeds size limit."));
    }
    super::check_size(run, cause, "RecordMarkerCommandAttributes.Failure", command.failure.as_ref())?;
    run.append(extra.on(event::marker::recorded(decisions.completed, command)));
    Ok(())
}

pub(super) fn upsert(
    run: &mut Run<'_>,
    command: UpsertWorkflowSearchAttributesCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    let cause = Cause::BadSearchAttributes;
    let Some(given) = &command.search_attributes else {
        let reason = "SearchAttributes is not set on UpsertWorkflowSearchAttributesCommand.";
        return Err(BadCommand::new(cause, reason));
    };
    if given.indexed_fields.is_empty() {
        let reason = "IndexedFields is not set on UpsertWorkflowSearchAttributesCommand.";
        return Err(BadCommand::new(cause, reason));
    }
    payload::check_search_attributes(&given.indexed_fields, run.at).map_err(|reason| BadCommand::new(cause, reason))?;
    let mut after = BTreeMap::clone(&run.core.search_attributes);
    fold::merge(&mut after, Some(&given.indexed_fields));
    payload::check_search_attribute_sizes(&after, run.at)?;
    let typed = command.search_attributes.map(|given| payload::search_attributes(given, run.at.namespace));
    run.append(extra.on(event::marker::search_attributes(decisions.completed, typed)));
    Ok(())
}

pub(super) fn modify(
    run: &mut Run<'_>,
    command: ModifyWorkflowPropertiesCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    let cause = Cause::BadModifyWorkflowPropertiesAttributes;
    let Some(given) = &command.upserted_memo else {
        let reason = "UpsertedMemo is not set on ModifyWorkflowPropertiesCommand.";
        return Err(BadCommand::new(cause, reason));
    };
    if given.fields.is_empty() {
        let reason = "UpsertedMemo.Fields is not set on ModifyWorkflowPropertiesCommand.";
        return Err(BadCommand::new(cause, reason));
    }
    let mut after = BTreeMap::clone(&run.core.memo);
    fold::merge(&mut after, Some(&given.fields));
    let limit = run.at.settings.limits.memo_bytes;
    if size(&after) > limit {
        return Err(BadCommand::fatal(cause, "ModifyWorkflowPropertiesCommandAttributes exceeds size limit."));
    }
    run.append(extra.on(event::marker::properties(decisions.completed, command)));
    Ok(())
}

fn size(fields: &BTreeMap<String, Payload>) -> usize {
    fields.iter().map(|(name, value)| name.len() + value.data.len()).sum()
}
