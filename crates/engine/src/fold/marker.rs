//! How memo and search attributes change.

use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};

use weft_protocol::api::{
    common::Payload,
    history::{UpsertWorkflowSearchAttributesEventAttributes, WorkflowPropertiesModifiedEventAttributes},
};

use crate::state::Execution;

pub(super) fn search_attributes(execution: &mut Execution, it: &UpsertWorkflowSearchAttributesEventAttributes) {
    let fields = it.search_attributes.as_ref().map(|it| &it.indexed_fields);
    merge(Arc::make_mut(&mut execution.core.search_attributes), fields);
}

pub(super) fn properties(execution: &mut Execution, it: &WorkflowPropertiesModifiedEventAttributes) {
    let fields = it.upserted_memo.as_ref().map(|it| &it.fields);
    merge(Arc::make_mut(&mut execution.core.memo), fields);
}

/// Puts every given field; a null payload or an empty list takes the field away.
pub(crate) fn merge<'f>(
    kept: &mut BTreeMap<String, Payload>,
    given: Option<impl IntoIterator<Item = (&'f String, &'f Payload)>>,
) {
    for (name, payload) in given.into_iter().flatten() {
        if is_null(payload) {
            kept.remove(name);
        } else {
            kept.insert(name.clone(), payload.clone());
        }
    }
}

pub(crate) fn is_null(payload: &Payload) -> bool {
    match payload.metadata.get("encoding").map(Vec::as_slice) {
        Some(b"binary/null") | None => payload.data.is_empty(),
        Some(b"json/plain") => matches!(payload.data.as_slice(), b"[]" | b"null"),
        Some(_) => false,
    }
}
