//! The parts of other branches that a branch begins with, as several rows have them.

use alloc::{string::String, vec::Vec};

use prost::Message;
use weft_engine::{EventId, state::Ancestor};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Row {
    #[prost(string, tag = "1")]
    branch: String,
    #[prost(int64, tag = "2")]
    end: i64,
}

pub(crate) fn rows(ancestors: &[Ancestor]) -> Vec<Row> {
    ancestors.iter().map(|Ancestor { branch, end }| Row { branch: branch.as_str().into(), end: end.0 }).collect()
}

pub(crate) fn read(rows: Vec<Row>) -> Vec<Ancestor> {
    rows.into_iter().map(|Row { branch, end }| Ancestor { branch: branch.into(), end: EventId(end) }).collect()
}
