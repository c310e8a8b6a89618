//! Parts of lists and counts as nodes say them to each other.
//!
//! Invariant: what one node writes another reads as it was; a part that cannot be one is an error, and another node is asked.

use std::collections::BTreeSet;

use weft_protocol::internal::{
    CountedGroup, CountedPart, NamedAttribute, PlacedRow, RowsPart, Selection, counted_group::Value,
};
use weft_visibility::{Asked, CountPart, Error, Group, Literal, Part, Query, Record};

use super::{type_of, wire_type};

pub(super) fn selection(namespace: &str, query: &Query, shards: &BTreeSet<u32>) -> Selection {
    let Asked { text, attributes, of_schedules } = query.asked();
    let attributes = attributes.into_iter().map(|(name, kind)| NamedAttribute { name, r#type: wire_type(kind).into() });
    Selection {
        namespace_id: namespace.to_owned(),
        shards: shards.iter().copied().collect(),
        query: text,
        attributes: attributes.collect(),
        of_schedules,
    }
}

pub(super) fn asked(selection: Selection) -> Asked {
    let Selection { query: text, attributes, of_schedules, .. } = selection;
    let named = |NamedAttribute { name, r#type }| Some((name, type_of(r#type)?));
    Asked { text, attributes: attributes.into_iter().filter_map(named).collect(), of_schedules }
}

pub(super) fn size(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

pub(super) fn read_size(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

pub(super) fn rows(part: &Part) -> RowsPart {
    let row = |(place, record): (Vec<u8>, &Record)| PlacedRow { record: record.encode().into(), place: place.into() };
    RowsPart { rows: part.rows().map(row).collect(), more: part.more() }
}

pub(super) fn page_part(RowsPart { rows, more }: RowsPart, query: &Query) -> Result<Part, Error> {
    let read = |row: PlacedRow| Ok((row.place.to_vec(), record(&row)?));
    Part::of_page(query, rows.into_iter().map(read).collect::<Result<_, Error>>()?, more)
}

pub(super) fn walk_part(RowsPart { rows, more }: RowsPart) -> Result<Part, Error> {
    Part::of_walk(rows.iter().map(record).collect::<Result<_, Error>>()?, more)
}

fn record(row: &PlacedRow) -> Result<Record, Error> {
    Record::decode(&row.record).map_err(|_| Error::Part("a record that cannot be read"))
}

pub(super) fn counted(part: CountPart) -> CountedPart {
    let value = |value| match value {
        Literal::Null => None,
        Literal::Int(int) => Some(Value::Int(int)),
        Literal::Real(real) => Some(Value::Real(real)),
        Literal::Text(text) => Some(Value::Text(text)),
        Literal::Bytes(bytes) => Some(Value::Bytes(bytes.into())),
    };
    let group = |group: Group| CountedGroup { value: value(group.value), count: group.count };
    CountedPart { groups: part.groups.into_iter().map(group).collect() }
}

pub(super) fn count_part(part: CountedPart) -> CountPart {
    let value = |value| match value {
        None => Literal::Null,
        Some(Value::Int(int)) => Literal::Int(int),
        Some(Value::Real(real)) => Literal::Real(real),
        Some(Value::Text(text)) => Literal::Text(text),
        Some(Value::Bytes(bytes)) => Literal::Bytes(bytes.to_vec()),
    };
    let group = |group: CountedGroup| Group { value: value(group.value), count: group.count };
    CountPart { groups: part.groups.into_iter().map(group).collect() }
}

#[cfg(test)]
mod tests;
