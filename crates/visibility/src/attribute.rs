//! Search attributes: their types, and what of an encoded `SearchAttributes` message is indexed under which name.
//!
//! Who accepts a search attribute stamps its type into the payload's metadata (`type`), as Temporal's server does; a
//! payload without it is indexed by what its JSON looks like. What cannot be read is left out of the index and still
//! shown: a list must not fail because of one odd payload.

use prost::Message;
use serde_json::Value;
use weft_protocol::api::common::{Payload, SearchAttributes};

use crate::filter::moment;
use crate::limits::TOKENS_MAX;
use crate::plan::sql::Literal;

/// The type of a search attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    Text,
    Keyword,
    Int,
    Double,
    Bool,
    Datetime,
    KeywordList,
}

impl Type {
    pub const ALL: [Self; 7] =
        [Self::Text, Self::Keyword, Self::Int, Self::Double, Self::Bool, Self::Datetime, Self::KeywordList];

    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Keyword => "Keyword",
            Self::Int => "Int",
            Self::Double => "Double",
            Self::Bool => "Bool",
            Self::Datetime => "Datetime",
            Self::KeywordList => "KeywordList",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) fn class(self) -> Class {
        match self {
            Self::Keyword | Self::KeywordList => Class::Keyword,
            Self::Text => Class::Text,
            Self::Int | Self::Double => Class::Number,
            Self::Bool => Class::Bool,
            Self::Datetime => Class::Datetime,
        }
    }
}

/// Values that may be compared with each other. Each name has a number per class, so a name that was registered again
/// with another type never compares a text with a time. The numbers are in the index file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    Keyword = 1,
    Text = 2,
    Number = 3,
    Bool = 4,
    Datetime = 5,
}

/// One indexed value of one search attribute; lists and texts have several.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) class: Class,
    pub(crate) value: Literal,
}

/// What is indexed of an encoded `SearchAttributes`, in the order of the names, without repeats.
pub(crate) fn entries(encoded: &[u8]) -> Vec<Entry> {
    if encoded.is_empty() {
        return Vec::new();
    }
    let Ok(attributes) = SearchAttributes::decode(encoded) else {
        return Vec::new();
    };
    let mut fields: Vec<_> = attributes.indexed_fields.into_iter().collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    let mut entries: Vec<Entry> = Vec::with_capacity(fields.len());
    for (name, payload) in fields {
        let Some((kind, json)) = read(&payload) else { continue };
        let before = entries.len();
        for value in values(kind, &json) {
            if !entries[before..].iter().any(|entry| entry.value == value) {
                entries.push(Entry { name: name.clone(), class: kind.class(), value });
            }
        }
    }
    entries
}

/// The words of a text as both the index and the queries see them: runs of letters and digits, in lower case.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .take(TOKENS_MAX)
        .collect()
}

fn read(payload: &Payload) -> Option<(Type, Value)> {
    let json: Value = serde_json::from_slice(&payload.data).ok()?;
    let stamped =
        payload.metadata.get("type").and_then(|name| std::str::from_utf8(name).ok()).and_then(Type::from_name);
    let kind = stamped.or_else(|| guess(&json))?;
    Some((kind, json))
}

fn guess(json: &Value) -> Option<Type> {
    match json {
        Value::Bool(_) => Some(Type::Bool),
        Value::Number(number) => Some(if number.is_i64() { Type::Int } else { Type::Double }),
        Value::String(_) => Some(Type::Keyword),
        Value::Array(_) => Some(Type::KeywordList),
        Value::Null | Value::Object(_) => None,
    }
}

fn values(kind: Type, json: &Value) -> Vec<Literal> {
    match json {
        // SDKs send a list of one for a single value, and a single value for a list of one.
        Value::Array(items) => items.iter().flat_map(|item| scalar(kind, item)).collect(),
        single => scalar(kind, single),
    }
}

fn scalar(kind: Type, json: &Value) -> Vec<Literal> {
    let single = match (kind, json) {
        (Type::Text, Value::String(text)) => return words(text),
        (Type::Keyword | Type::KeywordList, Value::String(text)) => Some(Literal::Text(text.clone())),
        (Type::Int | Type::Double, Value::Number(number)) => {
            number.as_i64().map(Literal::Int).or_else(|| number.as_f64().map(Literal::Real))
        }
        (Type::Bool, Value::Bool(flag)) => Some(Literal::Int(i64::from(*flag))),
        (Type::Datetime, Value::String(text)) => moment::time(text).map(Literal::Int),
        (Type::Datetime, Value::Number(number)) => number.as_i64().map(Literal::Int),
        _ => None,
    };
    single.into_iter().collect()
}

/// A text without a word is still there: no filter asks for the empty word, but for IS NULL it counts.
fn words(text: &str) -> Vec<Literal> {
    let mut words = tokens(text);
    if words.is_empty() {
        words.push(String::new());
    }
    words.into_iter().map(Literal::Text).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn encoded(fields: &[(&str, &str, &str)]) -> Vec<u8> {
        let payload = |kind: &str, json: &str| Payload {
            metadata: HashMap::from([("type".to_owned(), kind.as_bytes().to_vec())]),
            data: json.as_bytes().to_vec(),
            ..Payload::default()
        };
        let indexed_fields =
            fields.iter().map(|(name, kind, json)| ((*name).to_owned(), payload(kind, json))).collect();
        SearchAttributes { indexed_fields }.encode_to_vec()
    }

    fn check(kind: &str, json: &str, expected: &[Literal]) {
        let found: Vec<Literal> =
            entries(&encoded(&[("A", kind, json)])).into_iter().map(|entry| entry.value).collect();
        assert_eq!(found, expected, "{kind} {json}");
    }

    #[test]
    fn each_type_is_indexed_by_its_values() {
        check("Keyword", r#""a b""#, &[Literal::text("a b")]);
        check("Keyword", r#"["a"]"#, &[Literal::text("a")]);
        check("KeywordList", r#"["b","a","b"]"#, &[Literal::text("b"), Literal::text("a")]);
        check(
            "Text",
            r#""The quick, quick FOX!""#,
            &[Literal::text("the"), Literal::text("quick"), Literal::text("fox")],
        );
        check("Text", r#""!""#, &[Literal::text("")]);
        check("Int", "7", &[Literal::Int(7)]);
        check("Double", "7.5", &[Literal::Real(7.5)]);
        check("Bool", "true", &[Literal::Int(1)]);
        check("Datetime", r#""1970-01-01T00:00:01Z""#, &[Literal::Int(1_000_000_000)]);
    }

    #[test]
    fn a_payload_without_a_type_goes_by_its_json() {
        check("", r#""x""#, &[Literal::text("x")]);
        check("", "1", &[Literal::Int(1)]);
        check("", r#"["x","y"]"#, &[Literal::text("x"), Literal::text("y")]);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        check("Int", r#""seven""#, &[]);
        check("Keyword", "null", &[]);
        check("Keyword", "not json", &[]);
        check("Datetime", r#""tomorrow""#, &[]);
        assert_eq!(entries(b"\xff\xff\xff"), vec![]);
    }

    #[test]
    fn entries_come_in_the_order_of_the_names() {
        let names: Vec<String> = entries(&encoded(&[("C", "Int", "1"), ("A", "Int", "2"), ("B", "Int", "3")]))
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        assert_eq!(names, ["A", "B", "C"]);
    }
}
