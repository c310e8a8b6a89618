//! Search attributes: which may be set, what their values look like, and how Temporal's messages spell a value that
//! does not fit. Starts and commands are checked by the same rules.
//!
//! Invariant: what passes here has a value of the type that its namespace says, so the index can read all of it.
//! Deliberately not here: who registers names, and what is indexed of a value.

mod spelling;
#[cfg(test)]
mod tests;

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use prost::Message;
use serde_json::Value;
use weft_protocol::api::{
    common::{Payload, SearchAttributes},
    enums::IndexedValueType,
};

use crate::{fold::is_null, limits::Limits, moment::Namespace};

/// What every execution has by itself and nobody sets.
pub const SYSTEM: [&str; 16] = [
    "CloseTime",
    "ExecutionDuration",
    "ExecutionStatus",
    "ExecutionTime",
    "HistoryLength",
    "HistorySizeBytes",
    "ParentRunId",
    "ParentWorkflowId",
    "RootRunId",
    "RootWorkflowId",
    "RunId",
    "StartTime",
    "StateTransitionCount",
    "TaskQueue",
    "WorkflowId",
    "WorkflowType",
];

/// Few enough, each known to the namespace, each of the right type. A null is of every type.
///
/// # Errors
/// What is wrong, in Temporal's words; of several mistakes always the one with the first name.
pub fn check<'f>(
    fields: impl IntoIterator<Item = (&'f String, &'f Payload)>,
    namespace: &Namespace,
    limits: &Limits,
) -> Result<(), String> {
    let fields = in_order(fields);
    let (count, limit) = (fields.len(), limits.search_attributes_count);
    if count > limit {
        return Err(format!("number of search attributes {count} exceeds limit {limit}"));
    }
    fields.into_iter().try_for_each(|(name, value)| check_one(name, value, namespace))
}

/// Each small enough, and all of them together as they are encoded.
///
/// # Errors
/// What is too large, in Temporal's words.
pub fn check_sizes<'f>(
    fields: impl IntoIterator<Item = (&'f String, &'f Payload)>,
    limits: &Limits,
) -> Result<(), String> {
    let mut total = 0;
    for (name, value) in in_order(fields) {
        let (size, limit) = (value.data.len(), limits.search_attribute_value_bytes);
        if size > limit {
            return Err(format!("search attribute {name} value size {size} exceeds size limit {limit}"));
        }
        total += field(field(name.len()) + field(value.encoded_len()));
    }
    let limit = limits.search_attributes_bytes;
    if total > limit {
        return Err(format!("total size of search attributes {total} exceeds size limit {limit}"));
    }
    Ok(())
}

/// As events have them: each value says its type.
#[must_use]
pub fn typed(mut given: SearchAttributes, namespace: &Namespace) -> SearchAttributes {
    for (name, value) in &mut given.indexed_fields {
        if let Some(kind) = kind_of(name, namespace) {
            value.metadata.insert("type".to_owned(), type_name(kind).as_bytes().to_vec());
        }
    }
    given
}

/// A type as the metadata of a value, and messages, name it.
#[must_use]
pub fn type_name(kind: IndexedValueType) -> &'static str {
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

/// What so many bytes take as a field of a message.
fn field(bytes: usize) -> usize {
    1 + prost::length_delimiter_len(bytes) + bytes
}

/// They come in a hash map; a message must not depend on its order.
fn in_order<'f>(fields: impl IntoIterator<Item = (&'f String, &'f Payload)>) -> Vec<(&'f String, &'f Payload)> {
    let mut fields: Vec<_> = fields.into_iter().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    fields
}

fn check_one(name: &str, value: &Payload, namespace: &Namespace) -> Result<(), String> {
    if SYSTEM.contains(&name) {
        return Err(format!("{name} attribute can't be set in SearchAttributes"));
    }
    let Some(kind) = kind_of(name, namespace) else {
        return Err(format!("Namespace {} has no mapping defined for search attribute {name}", namespace.name));
    };
    if is_null(value) {
        return Ok(());
    }
    let spelled = match serde_json::from_slice(&value.data) {
        Ok(json) if fits(kind, &json) => return Ok(()),
        Ok(json) => spelling::of(&json),
        Err(_) => String::from_utf8_lossy(&value.data).into_owned(),
    };
    Err(format!("invalid value for search attribute {name} of type {}: {spelled}", type_name(kind)))
}

fn kind_of(name: &str, namespace: &Namespace) -> Option<IndexedValueType> {
    namespace.search_attributes.get(name).and_then(|kind| IndexedValueType::try_from(*kind).ok())
}

/// A list of keywords is a list; of every other type, a list of one stands for its element.
fn fits(kind: IndexedValueType, json: &Value) -> bool {
    match (kind, json) {
        (IndexedValueType::KeywordList, Value::Array(items)) => items.iter().all(Value::is_string),
        (IndexedValueType::KeywordList, _) => false,
        (_, Value::Array(items)) => matches!(items.as_slice(), [only] if fits_one(kind, only)),
        (_, single) => fits_one(kind, single),
    }
}

fn fits_one(kind: IndexedValueType, json: &Value) -> bool {
    match kind {
        IndexedValueType::Unspecified => true,
        IndexedValueType::Text | IndexedValueType::Keyword | IndexedValueType::KeywordList => json.is_string(),
        IndexedValueType::Int => json.is_i64(),
        IndexedValueType::Double => json.is_number(),
        IndexedValueType::Bool => json.is_boolean(),
        IndexedValueType::Datetime => json.as_str().is_some_and(is_time),
    }
}

/// RFC 3339 to the letter: `2026-01-31T12:00:00.5+02:00`. The parser behind it would take more.
fn is_time(text: &str) -> bool {
    let is_shaped = text.len() > 19
        && text.bytes().zip("dddd-dd-ddTdd:dd:dd".bytes()).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            mark => byte == mark,
        });
    // No minute has 61 seconds.
    is_shaped && &text[17..19] < "60" && is_zone(after_fraction(&text[19..])) && text.parse::<jiff::Timestamp>().is_ok()
}

fn after_fraction(text: &str) -> &str {
    match text.strip_prefix('.') {
        Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => text,
    }
}

fn is_zone(text: &str) -> bool {
    match text.as_bytes() {
        [b'Z'] => true,
        [b'+' | b'-', hours @ .., b':', m, n] => hours.len() == 2 && hours.iter().chain([m, n]).all(u8::is_ascii_digit),
        _ => false,
    }
}
