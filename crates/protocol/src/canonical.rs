//! One message, one sequence of bytes: prost's encoding with the entries of every map sorted by key, at any depth.
//!
//! The generated maps are `HashMap`s, so plain prost writes equal messages as different bytes. Stored events, hashes
//! over them and replicated rows need bytes that depend on the message alone.
//!
//! Sorting entries changes no length, so the bytes are put in order where they stand, after prost wrote them: a table
//! made from Temporal's descriptors says which fields are maps or lead to one, everything else is stepped over, and a
//! map of fewer than two entries costs nothing. What is packed in an `Any` or in `bytes` is left as it is.

use prost::{Message, Name};

include!(concat!(env!("OUT_DIR"), "/canonical_schema.rs"));

/// A field in whose bytes a map can be found.
struct Field {
    number: u32,
    holds: Holds,
}

enum Holds {
    /// A message; the number is its place in `SCHEMAS`.
    Message(u16),
    /// A map, and the place in `SCHEMAS` of its values where they can contain maps themselves.
    Map { value: Option<u16> },
}

/// The canonical bytes of a message of the public API.
///
/// A message that the table does not know does not compile:
///
/// ```compile_fail
/// use weft_protocol::api::temporal::cloud::region::v1::Region;
/// weft_protocol::encode_canonical(&Region::default());
/// ```
pub fn encode_canonical<M: Message + Name>(message: &M) -> Vec<u8> {
    let mut bytes = message.encode_to_vec();
    sort_maps::<M>(&mut bytes);
    bytes
}

/// Appends the canonical bytes to a buffer, without a length.
pub fn encode_canonical_into<M: Message + Name>(message: &M, buffer: &mut Vec<u8>) {
    let start = buffer.len();
    message.encode(buffer).expect("a Vec grows as needed");
    sort_maps::<M>(&mut buffer[start..]);
}

fn sort_maps<M: Name>(bytes: &mut [u8]) {
    if let Some(schema) = const { schema_of(M::PACKAGE, M::NAME) } {
        sort_message(bytes, schema).expect("prost writes well-formed fields");
    }
}

/// Finds a message in the sorted table while compiling.
const fn schema_of(package: &str, name: &str) -> Option<u16> {
    let (mut low, mut high) = (0, NAMES.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        match compare(NAMES[middle].0.as_bytes(), package.as_bytes(), name.as_bytes()) {
            0 => return NAMES[middle].1,
            1.. => high = middle,
            _ => low = middle + 1,
        }
    }
    panic!("the canonical encoding knows messages of Temporal's public API only");
}

/// Compares a full name with `package.name`: negative, zero or positive.
const fn compare(full: &[u8], package: &[u8], name: &[u8]) -> i16 {
    let length = package.len() + 1 + name.len();
    let mut at = 0;
    while at < full.len() && at < length {
        let other = if at < package.len() {
            package[at]
        } else if at == package.len() {
            b'.'
        } else {
            name[at - package.len() - 1]
        };
        if full[at] != other {
            return full[at] as i16 - other as i16;
        }
        at += 1;
    }
    if full.len() == length {
        0
    } else if full.len() < length {
        -1
    } else {
        1
    }
}

/// One length-delimited or scalar field as it stands in the bytes.
struct Span {
    number: u32,
    start: usize,
    end: usize,
    /// Where the content of a length-delimited field begins.
    content: Option<usize>,
}

/// Puts the maps of one message in order. `None` says that the bytes are no protobuf.
fn sort_message(bytes: &mut [u8], schema: u16) -> Option<()> {
    let fields = SCHEMAS[usize::from(schema)];
    let mut at = 0;
    while at < bytes.len() {
        let span = read_span(bytes, at)?;
        at = span.end;
        let (Some(content), Some(field)) = (span.content, fields.iter().find(|field| field.number == span.number))
        else {
            continue;
        };
        match field.holds {
            Holds::Message(schema) => sort_message(&mut bytes[content..span.end], schema)?,
            Holds::Map { value } => at = sort_map(bytes, &span, value)?,
        }
    }
    Some(())
}

/// Sorts the map whose first entry is given; prost writes the entries of one map one after the other. Answers where
/// the map ends.
fn sort_map(bytes: &mut [u8], first: &Span, value: Option<u16>) -> Option<usize> {
    let mut end = first.start;
    let mut count = 0;
    while end < bytes.len() {
        let span = read_span(bytes, end)?;
        if span.number != first.number {
            break;
        }
        if let Some(schema) = value {
            sort_value(&mut bytes[span.content?..span.end], schema)?;
        }
        end = span.end;
        count += 1;
    }
    if count > 1 {
        sort_entries(&mut bytes[first.start..end], count)?;
    }
    Some(end)
}

/// Puts the maps inside the value (field 2) of one map entry in order.
fn sort_value(entry: &mut [u8], schema: u16) -> Option<()> {
    let mut at = 0;
    while at < entry.len() {
        let span = read_span(entry, at)?;
        at = span.end;
        if let (2, Some(content)) = (span.number, span.content) {
            sort_message(&mut entry[content..span.end], schema)?;
        }
    }
    Some(())
}

fn sort_entries(map: &mut [u8], count: usize) -> Option<()> {
    let mut entries = Vec::with_capacity(count);
    let mut at = 0;
    while at < map.len() {
        let end = read_span(map, at)?.end;
        entries.push((key(&map[at..end])?, at, end));
        at = end;
    }
    if !entries.is_sorted() {
        entries.sort_unstable();
        let sorted: Vec<u8> = entries.iter().flat_map(|&(_, from, to)| &map[from..to]).copied().collect();
        map.copy_from_slice(&sorted);
    }
    Some(())
}

/// The key (field 1) of a map entry that stands with its tag and length. Numbers sort before each other by value,
/// strings by bytes; prost leaves a default key out.
fn key(entry: &[u8]) -> Option<(u64, &[u8])> {
    let mut at = read_span(entry, 0)?.content?;
    while at < entry.len() {
        let span = read_span(entry, at)?;
        if span.number == 1 {
            return match span.content {
                Some(content) => Some((0, &entry[content..span.end])),
                None => Some((read_varint(entry, at).and_then(|(_, value)| read_varint(entry, value))?.0, &[])),
            };
        }
        at = span.end;
    }
    Some((0, &[]))
}

fn read_span(bytes: &[u8], start: usize) -> Option<Span> {
    let (tag, at) = read_varint(bytes, start)?;
    let number = u32::try_from(tag >> 3).ok()?;
    let (content, end) = match tag & 7 {
        0 => (None, read_varint(bytes, at)?.1),
        1 => (None, at.checked_add(8)?),
        2 => {
            let (length, content) = read_varint(bytes, at)?;
            (Some(content), content.checked_add(usize::try_from(length).ok()?)?)
        }
        5 => (None, at.checked_add(4)?),
        _ => return None,
    };
    (end <= bytes.len()).then_some(Span { number, start, end, content })
}

/// The number at a place and the place after it.
fn read_varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

#[cfg(test)]
mod tests;
