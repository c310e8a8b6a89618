//! A piece of SQL with the values of its `?`s, in the order in which they stand.

use std::collections::BTreeSet;

/// A value as the index compares it. Flags are 0 and 1, times are nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Literal {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) values: Vec<Literal>,
}

impl Sql {
    pub(crate) fn of(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    /// Text without values.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A `?` and its value.
    pub(crate) fn value(&mut self, value: Literal) {
        self.text.push('?');
        self.values.push(value);
    }

    /// Text with one `?` in it for `value`.
    pub(crate) fn with(&mut self, text: &str, value: Literal) {
        self.text.push_str(text);
        self.values.push(value);
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.text.push_str(&other.text);
        self.values.extend(other.values);
    }

    /// `(?, ?, ?)`; nothing is in an empty list.
    pub(crate) fn list(&mut self, values: impl IntoIterator<Item = Literal>) {
        self.text.push('(');
        for (i, value) in values.into_iter().enumerate() {
            if i > 0 {
                self.text.push_str(", ");
            }
            self.value(value);
        }
        self.text.push(')');
    }
}

/// Leaves out what is of other groups. To stand behind another condition.
pub(crate) fn within(groups: Option<&BTreeSet<u32>>, table: &str, sql: &mut Sql) {
    if let Some(groups) = groups {
        sql.push(&format!(" AND {table}.grp IN "));
        sql.list(groups.iter().map(|group| Literal::Int(i64::from(*group))));
    }
}

/// The first text after all that start with `prefix`; none if there is no such text.
pub(crate) fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// Run ids are UUIDs in all but odd cases: as 16 bytes they make the indexes half as large. Only the canonical form is
/// packed, so that what comes out is what went in.
pub(crate) fn packed(run_id: &str) -> Literal {
    match uuid_bytes(run_id) {
        Some(bytes) => Literal::Bytes(bytes.to_vec()),
        None => Literal::text(run_id),
    }
}

/// Undoes [`packed`].
pub(crate) fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    text
}

/// The text of a packed run id in SQL, for the rare queries that compare more than equality.
pub(crate) fn unpacked_sql(column: &str) -> String {
    let part = |from: usize, length: usize| format!("substr(lower(hex({column})), {from}, {length})");
    let parts = [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)].join(" || '-' || ");
    format!("(CASE typeof({column}) WHEN 'blob' THEN {parts} ELSE {column} END)")
}

fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    let mut nibbles = 0;
    for (i, &c) in text.iter().enumerate() {
        if matches!(i, 8 | 13 | 18 | 23) {
            if c != b'-' {
                return None;
            }
            continue;
        }
        let nibble = match c {
            b'0'..=b'9' => c - b'0',
            b'a'..=b'f' => c - b'a' + 10,
            _ => return None,
        };
        bytes[nibbles / 2] = (bytes[nibbles / 2] << 4) | nibble;
        nibbles += 1;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_uuids_are_packed_and_come_back() {
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let Literal::Bytes(bytes) = packed(id) else { panic!("not packed") };
        assert_eq!(unpacked(&bytes), id);
        for odd in ["", "r1", "0F8FAD5B-D9CB-469F-A165-70867728950E", "0f8fad5bd9cb469fa16570867728950e"] {
            assert_eq!(packed(odd), Literal::text(odd));
        }
    }

    #[test]
    fn prefixes_end_before_the_next_text() {
        assert_eq!(after_prefix("ab"), Some("ac".to_owned()));
        assert_eq!(after_prefix("a\u{d7ff}"), Some("a\u{e000}".to_owned()));
        assert_eq!(after_prefix("a\u{10ffff}"), Some("b".to_owned()));
        assert_eq!(after_prefix(""), None);
    }
}
