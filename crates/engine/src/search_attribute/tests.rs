//! Which values fit which type, and the words for those that do not.

use alloc::{collections::BTreeMap, sync::Arc, vec};
use core::time::Duration;

use super::*;

fn namespace() -> Namespace {
    let kinds = [
        ("Word", IndexedValueType::Keyword),
        ("Words", IndexedValueType::KeywordList),
        ("Text", IndexedValueType::Text),
        ("Number", IndexedValueType::Int),
        ("Real", IndexedValueType::Double),
        ("Flag", IndexedValueType::Bool),
        ("When", IndexedValueType::Datetime),
    ];
    let kinds: BTreeMap<_, _> = kinds.into_iter().map(|(name, kind)| (name.to_owned(), kind.into())).collect();
    Namespace { id: "id".into(), name: "default".into(), retention: Duration::ZERO, search_attributes: Arc::new(kinds) }
}

fn json(text: &str) -> Payload {
    let metadata = [("encoding".to_owned(), b"json/plain".to_vec())].into();
    Payload { metadata, data: text.as_bytes().to_vec(), ..Payload::default() }
}

fn found(name: &str, text: &str) -> Result<(), String> {
    check([(&name.to_owned(), &json(text))], &namespace(), &Limits::default())
}

#[test]
fn a_value_of_the_right_type_passes() {
    for (name, text) in [
        ("Word", "\"a\""),
        ("Word", "\"\""),
        ("Word", " [\"a\"] "),
        ("Words", "[\"a\",\"b\"]"),
        ("Words", "[]"),
        ("Text", "\"two words\""),
        ("Number", "-7"),
        ("Number", "[7]"),
        ("Real", "7"),
        ("Real", "-7.5e3"),
        ("Flag", "true"),
        ("When", "\"2026-01-01T00:00:00Z\""),
        ("When", "\"2026-01-01T00:00:00.123456789+02:00\""),
        ("Word", "null"),
        ("Number", "[]"),
    ] {
        assert_eq!(found(name, text), Ok(()), "{name} {text}");
    }
}

#[test]
fn a_value_of_another_type_is_named_as_temporal_names_it() {
    for (name, kind, text, spelled) in [
        ("Number", "Int", "\"5\"", "5"),
        ("Number", "Int", "1.5", "1.5"),
        ("Number", "Int", "2.0", "2"),
        ("Number", "Int", "-0.0", "-0"),
        ("Number", "Int", "9223372036854775808", "9.223372036854776e+18"),
        ("Number", "Int", "[1, 2]", "[1 2]"),
        ("Number", "Int", "{\"b\":[12345678],\"a\":null}", "map[a:<nil> b:[1.2345678e+07]]"),
        ("Real", "Double", "[1.5,2]", "[1.5 2]"),
        ("Flag", "Bool", "1", "1"),
        ("Word", "Keyword", "0.00001", "1e-05"),
        ("Word", "Keyword", "0.0001", "0.0001"),
        ("Word", "Keyword", "100000", "100000"),
        ("Word", "Keyword", "1000000", "1e+06"),
        ("Word", "Keyword", "1e21", "1e+21"),
        ("Word", "Keyword", "[\"a\",\"b\"]", "[a b]"),
        ("Words", "KeywordList", "\"a\"", "a"),
        ("Words", "KeywordList", "[\"a\",5]", "[a 5]"),
        ("Text", "Text", "false", "false"),
        ("When", "Datetime", "5", "5"),
        ("When", "Datetime", "\"2026-01-01\"", "2026-01-01"),
        ("When", "Datetime", "\"2026-01-01 00:00:00Z\"", "2026-01-01 00:00:00Z"),
        ("When", "Datetime", "\"2026-01-01T00:00:00\"", "2026-01-01T00:00:00"),
        ("When", "Datetime", "\"2026-02-30T00:00:00Z\"", "2026-02-30T00:00:00Z"),
        ("When", "Datetime", "\"2026-01-01T00:00:60Z\"", "2026-01-01T00:00:60Z"),
        ("When", "Datetime", "\"2026-01-01T00:00:00+0200\"", "2026-01-01T00:00:00+0200"),
        ("When", "Datetime", "\"2026-01-01T00:00:0\u{e9}Z\"", "2026-01-01T00:00:0\u{e9}Z"),
        ("Word", "Keyword", "no json", "no json"),
    ] {
        let expected = format!("invalid value for search attribute {name} of type {kind}: {spelled}");
        assert_eq!(found(name, text), Err(expected), "{name} {text}");
    }
}

#[test]
fn names_of_the_system_and_unknown_names_are_refused() {
    for name in SYSTEM {
        assert_eq!(found(name, "1"), Err(format!("{name} attribute can't be set in SearchAttributes")));
    }
    let unknown = "Namespace default has no mapping defined for search attribute Other";
    assert_eq!(found("Other", "null"), Err(unknown.to_owned()));
}

#[test]
fn of_several_mistakes_the_first_name_is_told() {
    let names: Vec<String> = (0..50).map(|at| format!("Unknown{at:02}")).collect();
    let value = json("1");
    let fields: Vec<_> = names.iter().rev().map(|name| (name, &value)).collect();
    let message = check(fields, &namespace(), &Limits::default()).expect_err("none is known");
    assert!(message.ends_with("Unknown00"), "{message}");
}

#[test]
fn too_many_and_too_large_ones_are_refused() {
    let limits = Limits { search_attributes_count: 1, ..Limits::default() };
    let (name, other, value) = ("Word".to_owned(), "Text".to_owned(), json("\"a\""));
    let many = check([(&name, &value), (&other, &value)], &namespace(), &limits);
    assert_eq!(many, Err("number of search attributes 2 exceeds limit 1".to_owned()));

    let limits = Limits { search_attribute_value_bytes: 3, search_attributes_bytes: 78, ..Limits::default() };
    assert_eq!(check_sizes([(&name, &value), (&other, &value)], &limits), Ok(()));
    let large = json("\"ab\"");
    let message = "search attribute Word value size 4 exceeds size limit 3";
    assert_eq!(check_sizes([(&name, &large)], &limits), Err(message.to_owned()));
    let given =
        SearchAttributes { indexed_fields: [(name.clone(), value.clone()), (other.clone(), value.clone())].into() };
    assert_eq!(given.encoded_len(), limits.search_attributes_bytes);
    let third = "Words".to_owned();
    let all = vec![(&name, &value), (&other, &value), (&third, &value)];
    let message = "total size of search attributes 118 exceeds size limit 78";
    assert_eq!(check_sizes(all, &limits), Err(message.to_owned()));
}
