//! Payloads: JSON is shown as JSON, everything else by its encoding and size.

use serde_json::Value;
use weft_client::api::common::{Payload, Payloads};
use weft_protocol::{json, payload};

use crate::output::{harmless, is_obeyed};

/// Longer values are cut in lines.
const SHORT_MAX: usize = 80;

/// The value that a payload holds, if it is JSON or null.
fn decoded(it: &Payload) -> Option<Value> {
    match payload::encoding(it) {
        Some(b"json/plain" | b"json/protobuf") => serde_json::from_slice(&it.data).ok(),
        Some(payload::BINARY_NULL) => Some(Value::Null),
        _ => None,
    }
}

/// For programs: the value itself, or the payload in canonical protobuf JSON.
pub(crate) fn value(it: &Payload) -> Value {
    decoded(it).or_else(|| json::to_json(it).ok()).unwrap_or(Value::Null)
}

/// For people: pretty JSON.
pub(crate) fn pretty(it: &Payload) -> String {
    decoded(it).map_or_else(|| opaque(it), |value| escaped(&format!("{value:#}")))
}

/// For a line: one line, cut.
pub(crate) fn short(it: &Payload) -> String {
    let text = decoded(it).map_or_else(|| opaque(it), |value| escaped(&value.to_string()));
    if text.chars().count() <= SHORT_MAX {
        return text;
    }
    text.chars().take(SHORT_MAX - 1).chain(['…']).collect()
}

/// For a line: all of a list, in brackets; empty for none.
pub(crate) fn list(payloads: Option<&Payloads>) -> String {
    let all = payloads.map(|it| it.payloads.as_slice()).unwrap_or_default();
    if all.is_empty() { String::new() } else { format!("[{}]", all.iter().map(short).collect::<Vec<_>>().join(", ")) }
}

/// The same JSON without what a terminal would obey: it can stand only in strings, where JSON has other words for it.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        // All of these have one code unit.
        if is_obeyed(c) && c != '\n' {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn opaque(it: &Payload) -> String {
    let encoding = payload::encoding(it).map_or("no encoding".into(), String::from_utf8_lossy);
    let encoding = harmless(&encoding);
    format!("<{encoding}, {} bytes>", it.data.len())
}

#[cfg(test)]
mod tests {
    use weft_protocol::payload::{ENCODING, json_plain, null};

    use super::*;

    fn of(encoding: &str, data: &[u8]) -> Payload {
        let metadata = [(ENCODING.to_owned(), encoding.as_bytes().to_vec())].into();
        Payload { metadata, data: data.to_vec(), ..Payload::default() }
    }

    #[test]
    fn json_is_shown_as_json() {
        assert_eq!(pretty(&json_plain("{\"a\":[1]}")), "{\n  \"a\": [\n    1\n  ]\n}");
        assert_eq!(short(&json_plain("{\"a\": [1]}")), "{\"a\":[1]}");
        assert_eq!(pretty(&null()), "null");
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped_as_json_does_it() {
        let turned = json_plain("{\"a\":\"x\u{202e}\u{9b}y\"}");
        assert_eq!(short(&turned), "{\"a\":\"x\\u202e\\u009by\"}");
        let read: Value = serde_json::from_str(&pretty(&turned)).expect("it is JSON still");
        assert_eq!(read, value(&turned));
        assert_eq!(short(&of("\u{1b}[2J", b"x")), "<\u{fffd}[2J, 1 bytes>");
    }

    #[test]
    fn other_payloads_are_shown_by_encoding_and_size() {
        assert_eq!(pretty(&of("binary/plain", b"xyz")), "<binary/plain, 3 bytes>");
        assert_eq!(short(&Payload { data: vec![1], ..Payload::default() }), "<no encoding, 1 bytes>");
        assert_eq!(pretty(&of("json/plain", b"{broken")), "<json/plain, 7 bytes>");
    }

    #[test]
    fn a_long_value_is_cut_in_a_line() {
        let text = short(&json_plain(format!("\"{}\"", "x".repeat(200))));
        assert_eq!((text.chars().count(), text.ends_with('…')), (SHORT_MAX, true));
    }

    #[test]
    fn programs_get_the_value_or_the_whole_payload() {
        assert_eq!(value(&json_plain("[1]")), serde_json::json!([1]));
        assert_eq!(value(&of("binary/plain", b"x"))["data"], "eA==");
    }
}
