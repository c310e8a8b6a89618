//! What must hold of memos and search attributes, whoever sets them, and how they stand in events.

use alloc::{borrow::ToOwned, format, string::String};

use weft_protocol::api::{
    common::{Memo, Payload, SearchAttributes},
    enums::IndexedValueType,
};

use crate::{
    fold::is_null,
    moment::{Moment, Namespace},
};

/// Search attributes that are known to the namespace, of the right type, few enough and small enough.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn check_search_attributes<'f>(
    fields: impl IntoIterator<Item = (&'f String, &'f Payload)>,
    at: &Moment<'_>,
) -> Result<(), String> {
    let limits = &at.settings.limits;
    let mut count = 0;
    for (name, value) in fields {
        count += 1;
        let Some(kind) = kind_of(name, at.namespace) else {
            return Err(format!("Namespace {} has no mapping defined for search attribute {name}", at.namespace.name));
        };
        if value.data.len() > limits.search_attribute_value_bytes {
            let (size, limit) = (value.data.len(), limits.search_attribute_value_bytes);
            return Err(format!("search attribute {name} value size {size} exceeds size limit {limit}"));
        }
        if !is_null(value) && !looks_like(kind, &value.data) {
            let (kind, text) = (type_name(kind), String::from_utf8_lossy(&value.data));
            return Err(format!("invalid value for search attribute {name} of type {kind}: {text}"));
        }
    }
    if count > limits.search_attributes_count {
        return Err(format!("number of search attributes {count} exceeds limit {}", limits.search_attributes_count));
    }
    Ok(())
}

fn kind_of(name: &str, namespace: &Namespace) -> Option<IndexedValueType> {
    namespace.search_attributes.get(name).and_then(|kind| IndexedValueType::try_from(*kind).ok())
}

/// Is this JSON of the right shape? The index reads it in full; here it is enough that nothing else is taken for it.
fn looks_like(kind: IndexedValueType, json: &[u8]) -> bool {
    let json = json.trim_ascii();
    // A list of one stands for its element.
    let inner = json.strip_prefix(b"[").map_or(json, <[u8]>::trim_ascii);
    let is_text = inner.starts_with(b"\"");
    let digits = inner.strip_prefix(b"-").unwrap_or(inner);
    match kind {
        IndexedValueType::Unspecified => true,
        IndexedValueType::Text
        | IndexedValueType::Keyword
        | IndexedValueType::Datetime
        | IndexedValueType::KeywordList => is_text,
        IndexedValueType::Int | IndexedValueType::Double => digits.first().is_some_and(u8::is_ascii_digit),
        IndexedValueType::Bool => inner.starts_with(b"true") || inner.starts_with(b"false"),
    }
}

/// A type as the metadata of a value names it.
fn type_name(kind: IndexedValueType) -> &'static str {
    match kind {
        IndexedValueType::Unspecified => "Unspecified",
        IndexedValueType::Text => "Text",
        IndexedValueType::Keyword => "Keyword",
        IndexedValueType::Int => "Int",
        IndexedValueType::Double => "Double",
        IndexedValueType::Bool => "Bool",
        IndexedValueType::Datetime => "Datetime",
        IndexedValueType::KeywordList => "KeywordList",
    }
}

/// Search attributes as events have them: each value says its type.
pub(crate) fn search_attributes(mut given: SearchAttributes, namespace: &Namespace) -> SearchAttributes {
    for (name, value) in &mut given.indexed_fields {
        if let Some(kind) = kind_of(name, namespace) {
            value.metadata.insert("type".to_owned(), type_name(kind).as_bytes().to_vec());
        }
    }
    given
}

/// A memo as the start of a run has it: what is null is not there.
pub(crate) fn memo(mut given: Memo) -> Memo {
    given.fields.retain(|_, value| !is_null(value));
    given
}
