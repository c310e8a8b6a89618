//! The pieces that keys are made of.
//!
//! ```text
//! slot     u16
//! text     the bytes of a string, each 00 as 00 FF, closed by 00 01
//! id       01 and the 16 bytes of a UUID in its hyphenated lower-case form; any other string as 02 and a text
//! signed   i64 with its sign bit flipped
//! ```
//!
//! Numbers are big-endian, so keys sort as what they say; texts sort as their bytes. Every piece says where it ends,
//! so no two sequences of pieces give the same key. Everything of a workflow begins with `slot | namespace id |
//! workflow text`.

use alloc::{string::String, vec::Vec};

use weft_engine::{EventId, NamespaceId, RunId, WorkflowId, WorkflowKey};

use crate::{Corrupt, Slot, slot_of};

const ESCAPE: u8 = 0x00;
const ESCAPED: u8 = 0xff;
const END: u8 = 0x01;

const UUID: u8 = 0x01;
const OTHER: u8 = 0x02;

/// Where the four hyphens of a UUID stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const UUID_CHARS: usize = 36;

const SIGN: u64 = 1 << 63;

/// The workflow part of keys, made once for all rows of a transition.
pub(crate) struct Scope {
    bytes: Vec<u8>,
    /// Where the namespace ends and the workflow begins.
    workflow_at: usize,
}

const SLOT_BYTES: usize = 2;

impl Scope {
    pub(crate) fn of(key: &WorkflowKey) -> Self {
        let mut bytes = slot_of(key).prefix();
        put_id(&mut bytes, key.namespace.as_str());
        let workflow_at = bytes.len();
        put_text(&mut bytes, key.workflow.as_str());
        Self { bytes, workflow_at }
    }

    /// `slot | namespace | workflow`.
    pub(crate) fn workflow(&self) -> Vec<u8> {
        // Room for a run id and a number, so that most keys are made in one allocation.
        let mut key = Vec::with_capacity(self.bytes.len() + 40);
        key.extend_from_slice(&self.bytes);
        key
    }

    /// `slot | namespace | workflow | run`; branches are named like runs.
    pub(crate) fn run(&self, run: &RunId) -> Vec<u8> {
        let mut key = self.workflow();
        put_id(&mut key, run.as_str());
        key
    }

    pub(crate) fn slot_bytes(&self) -> &[u8] {
        &self.bytes[..SLOT_BYTES]
    }

    pub(crate) fn namespace_bytes(&self) -> &[u8] {
        &self.bytes[SLOT_BYTES..self.workflow_at]
    }

    pub(crate) fn workflow_bytes(&self) -> &[u8] {
        &self.bytes[self.workflow_at..]
    }
}

pub(crate) fn put_text(key: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        key.push(byte);
        if byte == ESCAPE {
            key.push(ESCAPED);
        }
    }
    key.extend_from_slice(&[ESCAPE, END]);
}

pub(crate) fn put_id(key: &mut Vec<u8>, id: &str) {
    match uuid_bytes(id) {
        Some(bytes) => {
            key.push(UUID);
            key.extend_from_slice(&bytes);
        }
        None => {
            key.push(OTHER);
            put_text(key, id);
        }
    }
}

pub(crate) fn put_signed(key: &mut Vec<u8>, number: i64) {
    key.extend_from_slice(&(number.cast_unsigned() ^ SIGN).to_be_bytes());
}

fn uuid_bytes(id: &str) -> Option<[u8; 16]> {
    if id.len() != UUID_CHARS {
        return None;
    }
    let (mut bytes, mut digits) = ([0; 16], 0);
    for (at, char) in id.bytes().enumerate() {
        if HYPHENS.contains(&at) {
            if char != b'-' {
                return None;
            }
            continue;
        }
        let digit = match char {
            b'0'..=b'9' => char - b'0',
            b'a'..=b'f' => char - b'a' + 10,
            _ => return None,
        };
        bytes[digits / 2] = bytes[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(bytes)
}

fn uuid_text(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(UUID_CHARS);
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            if HYPHENS.contains(&text.len()) {
                text.push('-');
            }
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}

/// Takes a key apart, piece by piece.
pub(crate) struct Reader<'k> {
    table: u8,
    rest: &'k [u8],
}

impl<'k> Reader<'k> {
    pub(crate) fn new(table: u8, key: &'k [u8]) -> Self {
        Self { table, rest: key }
    }

    /// What of a row's key comes after the prefix under which it was looked for.
    pub(crate) fn after(table: u8, prefix: &[u8], key: &'k [u8]) -> Result<Self, Corrupt> {
        let rest = key.strip_prefix(prefix).ok_or_else(|| Corrupt::row(table, "a key of another workflow or run"))?;
        Ok(Self { table, rest })
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.corrupt("a key is cut short"))?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Goes on behind these bytes, if they come next.
    pub(crate) fn takes(&mut self, bytes: &[u8]) -> bool {
        match self.rest.strip_prefix(bytes) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    pub(crate) fn slot(&mut self) -> Result<Slot, Corrupt> {
        self.array().map(|bytes| Slot(u16::from_be_bytes(bytes)))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Corrupt> {
        self.array().map(|bytes| (u64::from_be_bytes(bytes) ^ SIGN).cast_signed())
    }

    pub(crate) fn event(&mut self) -> Result<EventId, Corrupt> {
        self.signed().map(EventId)
    }

    pub(crate) fn text(&mut self) -> Result<String, Corrupt> {
        let mut bytes = Vec::new();
        loop {
            let [byte] = self.array()?;
            if byte != ESCAPE {
                bytes.push(byte);
                continue;
            }
            match self.array()? {
                [ESCAPED] => bytes.push(ESCAPE),
                [END] => return String::from_utf8(bytes).map_err(|_| self.corrupt("a text in a key is not UTF-8")),
                [_] => return Err(self.corrupt("a text in a key has a wrong escape")),
            }
        }
    }

    pub(crate) fn id(&mut self) -> Result<String, Corrupt> {
        match self.array()? {
            [UUID] => self.array().map(uuid_text),
            [OTHER] => {
                let id = self.text()?;
                match uuid_bytes(&id) {
                    // There is one way to write each key.
                    Some(_) => Err(self.corrupt("a UUID in a key is written as text")),
                    None => Ok(id),
                }
            }
            [_] => Err(self.corrupt("an id in a key is of an unknown form")),
        }
    }

    pub(crate) fn run(&mut self) -> Result<RunId, Corrupt> {
        self.id().map(RunId::from)
    }

    pub(crate) fn namespace(&mut self) -> Result<NamespaceId, Corrupt> {
        self.id().map(NamespaceId::from)
    }

    pub(crate) fn workflow_id(&mut self) -> Result<WorkflowId, Corrupt> {
        self.text().map(WorkflowId::from)
    }

    /// A workflow that was read under `slot` must be one of that slot.
    pub(crate) fn placed(
        &self,
        slot: Slot,
        namespace: NamespaceId,
        workflow: WorkflowId,
    ) -> Result<WorkflowKey, Corrupt> {
        let key = WorkflowKey { namespace, workflow };
        if slot_of(&key) == slot { Ok(key) } else { Err(self.corrupt("a key stands under a slot that is not its own")) }
    }

    pub(crate) fn end(self) -> Result<(), Corrupt> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.corrupt("a key has bytes that do not belong to it")) }
    }

    pub(crate) fn corrupt(&self, what: &str) -> Corrupt {
        Corrupt::row(self.table, what)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_bytes(text: &str) -> Vec<u8> {
        let mut key = Vec::new();
        put_text(&mut key, text);
        key
    }

    fn id_bytes(id: &str) -> Vec<u8> {
        let mut key = Vec::new();
        put_id(&mut key, id);
        key
    }

    /// Few different characters, so that texts are prefixes of each other and full of zeros.
    fn text() -> impl Strategy<Value = String> {
        "[\u{0}\u{1}a\u{ff}]{0,5}"
    }

    #[test]
    fn pieces_keep_their_bytes() {
        assert_eq!(text_bytes("a\0b"), [b'a', 0, 0xff, b'b', 0, 1]);
        assert_eq!(id_bytes("run"), [2, b'r', b'u', b'n', 0, 1]);
        let uuid = id_bytes("00010203-0405-0607-0809-0a0b0c0d0eff");
        assert_eq!(uuid, [1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(id_bytes("00010203-0405-0607-0809-0A0b0c0d0eff")[0], OTHER);
    }

    #[test]
    fn a_uuid_that_is_written_as_text_is_corrupt() {
        let mut key = Vec::from([OTHER]);
        put_text(&mut key, "00010203-0405-0607-0809-0a0b0c0d0eff");
        assert!(Reader::new(1, &key).id().is_err());
    }

    proptest! {
        #[test]
        fn texts_come_back_and_sort_as_their_bytes(one in text(), other in text(), tail in any::<Vec<u8>>()) {
            prop_assert_eq!(text_bytes(&one).cmp(&text_bytes(&other)), one.as_bytes().cmp(other.as_bytes()));
            let mut bytes = text_bytes(&one);
            bytes.extend_from_slice(&tail);
            let mut reader = Reader::new(1, &bytes);
            prop_assert_eq!(reader.text(), Ok(one));
            prop_assert_eq!(reader.rest, &tail);
        }

        #[test]
        fn ids_come_back(id in prop_oneof!["[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", text()]) {
            let bytes = id_bytes(&id);
            let mut reader = Reader::new(1, &bytes);
            prop_assert_eq!(reader.id(), Ok(id));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn signed_numbers_sort_by_value(one in any::<i64>(), other in any::<i64>()) {
            let bytes = |number| { let mut key = Vec::new(); put_signed(&mut key, number); key };
            prop_assert_eq!(bytes(one).cmp(&bytes(other)), one.cmp(&other));
            prop_assert_eq!(Reader::new(1, &bytes(one)).signed(), Ok(one));
        }
    }
}
