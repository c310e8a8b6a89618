//! Namespace: the metadata group's rows; the only table besides the applied rows that knows no slots.
//!
//! ```text
//! key    01 | namespace id           value  01 | Row
//! ```

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::time::Duration;

use prost::Message;
use weft_engine::{NamespaceId, Timestamp};

use super::NAMESPACE;
use crate::{
    Corrupt,
    key::put_id,
    value::{self, Span},
};

const BY_ID: u8 = 1;

/// A namespace as the cluster keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceRow {
    pub id: NamespaceId,
    pub name: String,
    pub description: String,
    pub owner_email: String,
    pub data: BTreeMap<String, String>,
    pub retention: Duration,
    pub state: NamespaceState,
    /// Search attributes that may be set: name to `IndexedValueType` as on the wire.
    pub search_attributes: BTreeMap<String, i32>,
    pub created_at: Timestamp,
}

/// What may be done with a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceState {
    Registered,
    Deprecated,
    Deleted,
}

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    description: String,
    #[prost(string, tag = "4")]
    owner_email: String,
    #[prost(btree_map = "string, string", tag = "5")]
    data: BTreeMap<String, String>,
    #[prost(message, optional, tag = "6")]
    retention: Option<Span>,
    #[prost(uint32, tag = "7")]
    state: u32,
    #[prost(btree_map = "string, int32", tag = "8")]
    search_attributes: BTreeMap<String, i32>,
    #[prost(sfixed64, tag = "9")]
    created_at: i64,
}

#[must_use]
pub fn key(id: &NamespaceId) -> Vec<u8> {
    let mut key = Vec::from([BY_ID]);
    put_id(&mut key, id.as_str());
    key
}

/// All namespaces: from the first key up to but without the second.
#[must_use]
pub fn range() -> (Vec<u8>, Vec<u8>) {
    (Vec::from([BY_ID]), Vec::from([BY_ID + 1]))
}

#[must_use]
pub fn encode(row: &NamespaceRow) -> Vec<u8> {
    let NamespaceRow { id, name, description, owner_email, data, retention, state, search_attributes, created_at } =
        row;
    value::encode(&Row {
        id: id.as_str().into(),
        name: name.clone(),
        description: description.clone(),
        owner_email: owner_email.clone(),
        data: data.clone(),
        retention: value::span(*retention),
        state: match state {
            NamespaceState::Registered => 1,
            NamespaceState::Deprecated => 2,
            NamespaceState::Deleted => 3,
        },
        search_attributes: search_attributes.clone(),
        created_at: created_at.0,
    })
}

/// # Errors
/// When nobody wrote such a row.
pub fn decode(bytes: &[u8]) -> Result<NamespaceRow, Corrupt> {
    let row: Row = value::decode(NAMESPACE, bytes)?;
    Ok(NamespaceRow {
        id: row.id.into(),
        name: row.name,
        description: row.description,
        owner_email: row.owner_email,
        data: row.data,
        retention: value::read_span(NAMESPACE, row.retention)?,
        state: match row.state {
            1 => NamespaceState::Registered,
            2 => NamespaceState::Deprecated,
            3 => NamespaceState::Deleted,
            other => return Err(value::unknown(NAMESPACE, "state", other)),
        },
        search_attributes: row.search_attributes,
        created_at: Timestamp(row.created_at),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        let row = sample::namespace();
        golden::check("namespace key", &key(&row.id));
        golden::check("namespace value", &encode(&row));
    }

    proptest! {
        #[test]
        fn rows_come_back(row in generate::namespace()) {
            let ((from, end), key) = (range(), key(&row.id));
            prop_assert!(from <= key && key < end);
            prop_assert_eq!(decode(&encode(&row)), Ok(row));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
