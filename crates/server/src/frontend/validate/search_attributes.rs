//! Search attributes that a start brings along: known to the namespace, of the right type, few and small enough.
//!
//! What commands set is checked by the engine, whose refusals are recorded in history.

use serde_json::Value;
use weft_engine::{Namespace, limits::Limits};
use weft_protocol::{
    api::{
        common::{Payload, SearchAttributes},
        enums::IndexedValueType,
    },
    error::Error,
    payload,
    prost::Message,
};
use weft_visibility::System;

/// Checks all of them; those that are null are no longer there afterwards.
pub(crate) fn taken(
    given: Option<SearchAttributes>,
    namespace: &Namespace,
    limits: &Limits,
) -> Result<Option<SearchAttributes>, Error> {
    let Some(mut given) = given else { return Ok(None) };
    // In the order of their names, so that the same mistake is always named first.
    let mut fields: Vec<_> = given.indexed_fields.iter().collect();
    fields.sort_by_key(|(name, _)| *name);
    let count = fields.len();
    if count > limits.search_attributes_count {
        let limit = limits.search_attributes_count;
        return Err(Error::invalid_argument(format!("number of search attributes {count} exceeds limit {limit}")));
    }
    for (name, value) in fields {
        check(name, value, namespace, limits)?;
    }
    given.indexed_fields.retain(|_, value| !payload::is_null(value));
    let (size, limit) = (given.encoded_len(), limits.search_attributes_bytes);
    if size > limit {
        return Err(Error::invalid_argument(format!(
            "total size of search attributes {size} exceeds size limit {limit}"
        )));
    }
    Ok(Some(given))
}

fn check(name: &str, value: &Payload, namespace: &Namespace, limits: &Limits) -> Result<(), Error> {
    if System::ALL.into_iter().any(|system| system.name() == name) {
        return Err(Error::invalid_argument(format!("{name} attribute can't be set in SearchAttributes")));
    }
    let kind = namespace.search_attributes.get(name).and_then(|kind| IndexedValueType::try_from(*kind).ok());
    let Some(kind) = kind else {
        let namespace = &namespace.name;
        let message = format!("Namespace {namespace} has no mapping defined for search attribute {name}");
        return Err(Error::invalid_argument(message));
    };
    let (size, limit) = (value.data.len(), limits.search_attribute_value_bytes);
    if size > limit {
        let message = format!("search attribute {name} value size {size} exceeds size limit {limit}");
        return Err(Error::invalid_argument(message));
    }
    if payload::is_null(value) {
        return Ok(());
    }
    let json: Result<Value, _> = serde_json::from_slice(&value.data);
    match json {
        Ok(json) if fits(kind, &json) => Ok(()),
        Ok(json) => Err(wrong_type(name, kind, &spelled(&json))),
        Err(_) => Err(wrong_type(name, kind, &String::from_utf8_lossy(&value.data))),
    }
}

fn wrong_type(name: &str, kind: IndexedValueType, value: &str) -> Error {
    let kind = type_name(kind);
    Error::invalid_argument(format!("invalid value for search attribute {name} of type {kind}: {value}"))
}

/// A list of values of the type stands for any of them.
fn fits(kind: IndexedValueType, json: &Value) -> bool {
    match json {
        Value::Array(items) => items.iter().all(|item| fits_one(kind, item)),
        single => fits_one(kind, single),
    }
}

fn fits_one(kind: IndexedValueType, json: &Value) -> bool {
    match kind {
        IndexedValueType::Unspecified => true,
        IndexedValueType::Text | IndexedValueType::Keyword | IndexedValueType::KeywordList => json.is_string(),
        IndexedValueType::Int => json.is_i64(),
        IndexedValueType::Double => json.is_number(),
        IndexedValueType::Bool => json.is_boolean(),
        IndexedValueType::Datetime => json.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
    }
}

/// The type of a search attribute as people and payloads write it.
pub(crate) fn type_name(kind: IndexedValueType) -> &'static str {
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

/// A value as Temporal's messages print it: `map[key:value]`, `[a b]`.
fn spelled(json: &Value) -> String {
    match json {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => json.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(spelled).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(key, value)| format!("{key}:{}", spelled(value))).collect();
            fields.sort();
            format!("map[{}]", fields.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;

    fn check(name: &str, value: Payload, expected: Result<bool, &str>) {
        let kinds = [
            ("Word", IndexedValueType::Keyword),
            ("Words", IndexedValueType::KeywordList),
            ("Number", IndexedValueType::Int),
            ("Real", IndexedValueType::Double),
            ("Flag", IndexedValueType::Bool),
            ("When", IndexedValueType::Datetime),
        ];
        let namespace = Namespace {
            id: "id".into(),
            name: "default".into(),
            retention: Duration::ZERO,
            search_attributes: Arc::new(kinds.into_iter().map(|(name, kind)| (name.to_owned(), kind.into())).collect()),
        };
        let given = SearchAttributes { indexed_fields: [(name.to_owned(), value)].into() };
        let found = taken(Some(given), &namespace, &Limits::default());
        let found = found.map(|it| it.is_some_and(|it| it.indexed_fields.contains_key(name)));
        assert_eq!(found.map_err(|it| it.message), expected.map_err(str::to_owned), "{name}");
    }

    #[test]
    fn a_value_of_the_right_type_is_kept() {
        for (name, json) in [
            ("Word", "\"a\""),
            ("Word", "[\"a\"]"),
            ("Words", "[\"a\",\"b\"]"),
            ("Number", "-7"),
            ("Real", "7"),
            ("Real", "7.5"),
            ("Flag", "true"),
            ("When", "\"2026-01-01T00:00:00.5+02:00\""),
        ] {
            check(name, payload::json_plain(json), Ok(true));
        }
    }

    #[test]
    fn a_null_is_taken_away() {
        check("Word", payload::null(), Ok(false));
        check("Words", payload::json_plain("[]"), Ok(false));
    }

    #[test]
    fn what_is_unknown_or_of_another_type_is_refused() {
        let word = "invalid value for search attribute Word of type Keyword: ";
        check("Word", payload::json_plain("{\"not\":\"a keyword\"}"), Err(&format!("{word}map[not:a keyword]")));
        check("Word", payload::json_plain("[1]"), Err(&format!("{word}[1]")));
        check("Word", payload::json_plain("no json"), Err(&format!("{word}no json")));
        check("Number", payload::json_plain("7.5"), Err("invalid value for search attribute Number of type Int: 7.5"));
        check(
            "When",
            payload::json_string("soon"),
            Err("invalid value for search attribute When of type Datetime: soon"),
        );
        check(
            "Other",
            payload::json_plain("1"),
            Err("Namespace default has no mapping defined for search attribute Other"),
        );
        check("WorkflowType", payload::json_plain("1"), Err("WorkflowType attribute can't be set in SearchAttributes"));
        let long = payload::json_string(&"x".repeat(2047));
        check("Word", long, Err("search attribute Word value size 2049 exceeds size limit 2048"));
    }
}
