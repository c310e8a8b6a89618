//! Payloads that the server makes or looks into, and their sizes.
//!
//! A server reads users' data nowhere; what it reads are search attributes and nulls, and what it writes are small
//! texts such as the details of a termination. JSON itself is the caller's: bytes in, bytes out.

use prost::Message;

use crate::api::common::{Payload, Payloads};

/// The metadata key that names a payload's encoding.
pub const ENCODING: &str = "encoding";
/// The metadata key that names a search attribute's type.
pub const TYPE: &str = "type";

pub const JSON_PLAIN: &[u8] = b"json/plain";
/// What Temporal's SDKs write for protobuf messages as JSON.
pub const JSON_PROTOBUF: &[u8] = b"json/protobuf";
pub const BINARY_PLAIN: &[u8] = b"binary/plain";
pub const BINARY_NULL: &[u8] = b"binary/null";

/// A `json/plain` payload of an encoded JSON text.
pub fn json_plain(json: impl Into<Vec<u8>>) -> Payload {
    encoded(JSON_PLAIN, json.into())
}

/// A `json/plain` payload of a string.
pub fn json_string(text: &str) -> Payload {
    let mut json = Vec::with_capacity(text.len() + 2);
    json.push(b'"');
    for character in text.chars() {
        match character {
            '"' => json.extend(b"\\\""),
            '\\' => json.extend(b"\\\\"),
            '\0'..='\x1f' => json.extend(format!("\\u{:04x}", u32::from(character)).bytes()),
            _ => json.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    json.push(b'"');
    json_plain(json)
}

/// A `binary/plain` payload.
pub fn binary_plain(bytes: Vec<u8>) -> Payload {
    encoded(BINARY_PLAIN, bytes)
}

/// The `binary/null` payload.
pub fn null() -> Payload {
    encoded(BINARY_NULL, Vec::new())
}

fn encoded(encoding: &[u8], data: Vec<u8>) -> Payload {
    Payload { metadata: [(ENCODING.to_owned(), encoding.to_vec())].into(), data, ..Default::default() }
}

/// What the payload says of its encoding.
pub fn encoding(payload: &Payload) -> Option<&[u8]> {
    payload.metadata.get(ENCODING).map(Vec::as_slice)
}

/// The JSON text of a `json/plain` payload.
pub fn as_json(payload: &Payload) -> Option<&[u8]> {
    (encoding(payload) == Some(JSON_PLAIN)).then_some(payload.data.as_slice())
}

/// Whether a memo or search attribute of this value is deleted rather than set: `binary/null`, JSON's `null`, or
/// JSON's empty list. Empty bytes in another encoding are a value.
pub fn is_null(payload: &Payload) -> bool {
    match encoding(payload) {
        Some(BINARY_NULL) => true,
        Some(JSON_PLAIN) => matches!(payload.data.as_slice(), b"null" | b"[]"),
        _ => false,
    }
}

/// Wraps one payload as the list that most fields take.
pub fn list(payload: Payload) -> Payloads {
    Payloads { payloads: vec![payload] }
}

/// No values are no message, as the SDKs send it.
pub fn list_of(payloads: Vec<Payload>) -> Option<Payloads> {
    (!payloads.is_empty()).then_some(Payloads { payloads })
}

/// The bytes that count against size limits: those on the wire.
pub fn size(payloads: Option<&Payloads>) -> usize {
    payloads.map_or(0, Message::encoded_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_back_as_it_was_put_in() {
        assert_eq!(as_json(&json_plain("{\"a\":1}")), Some(&b"{\"a\":1}"[..]));
        assert_eq!(as_json(&null()), None);
    }

    #[test]
    fn a_string_is_escaped_as_json() {
        let text = "a \"quoted\" \\ line\n\u{1}\u{e4}\u{1f600}";
        let payload = json_string(text);
        let json = as_json(&payload).expect("made as JSON");
        assert_eq!(serde_json::from_slice::<String>(json).expect("valid JSON"), text);
    }

    #[test]
    fn a_null_is_known_and_empty_bytes_are_no_null() {
        for payload in [null(), json_plain("null"), json_plain("[]")] {
            assert!(is_null(&payload), "{payload:?}");
        }
        let unknown = Payload { data: b"null".to_vec(), ..Default::default() };
        for payload in [json_plain("0"), json_plain("\"\""), json_plain("[null]"), unknown, Payload::default()] {
            assert!(!is_null(&payload), "{payload:?}");
        }
    }

    #[test]
    fn the_size_is_that_on_the_wire() {
        assert_eq!(size(None), 0);
        let payloads = list(json_string("x"));
        assert_eq!(size(Some(&payloads)), payloads.encode_to_vec().len());
    }
}
