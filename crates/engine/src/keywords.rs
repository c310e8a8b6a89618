//! Values of search attributes that the server itself sets: keywords and lists of keywords, as JSON.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use weft_protocol::api::common::Payload;

/// One keyword.
pub(crate) fn one(value: &str) -> Payload {
    payload(quoted(value), "Keyword")
}

/// A list of keywords.
pub(crate) fn list<S: AsRef<str>>(values: &[S]) -> Payload {
    let values: Vec<String> = values.iter().map(|value| quoted(value.as_ref())).collect();
    payload(format!("[{}]", values.join(",")), "KeywordList")
}

fn payload(json: String, kind: &str) -> Payload {
    let metadata = [("encoding", "json/plain"), ("type", kind)];
    let metadata = metadata.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    Payload { metadata: metadata.collect(), data: json.into_bytes(), ..Payload::default() }
}

fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            control if control < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => json.push(other),
        }
    }
    json.push('"');
    json
}

/// The strings in a JSON string or list of strings. Whoever set them may have set anything: what is no string is left out.
pub(crate) fn read(value: &Payload) -> Vec<String> {
    let text = String::from_utf8_lossy(&value.data);
    let (mut found, mut letters) = (Vec::new(), text.chars());
    while letters.any(|letter| letter == '"') {
        let mut string = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '"' => break,
                '\\' => string.extend(unescaped(&mut letters)),
                other => string.push(other),
            }
        }
        found.push(string);
    }
    found
}

fn unescaped(letters: &mut impl Iterator<Item = char>) -> Option<char> {
    match letters.next()? {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'u' => {
            let digits: String = letters.take(4).collect();
            char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
        }
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let values = ["plain", "", "a\"b\\c", "line\nline\t\u{1}", "\u{e4}\u{1f600}"];
        assert_eq!(read(&list(&values)), values);
        assert_eq!(read(&one("a\"b")), ["a\"b"]);
        assert_eq!(list(&["a", "b"]).data, b"[\"a\",\"b\"]");
        assert_eq!(read(&list::<&str>(&[])), Vec::<String>::new());
    }

    #[test]
    fn what_others_wrote_is_read_or_left_out() {
        let check = |json: &str, expected: &[&str]| {
            assert_eq!(read(&Payload { data: json.as_bytes().to_vec(), ..Payload::default() }), expected);
        };
        check("[ \"\\u0061\" , \"b\\/c\" ]", &["a", "b/c"]);
        check("7", &[]);
        check("\"open", &["open"]);
        check("\"\\", &[""]);
        check("\"\\ud800\"", &[""]);
    }
}
