//! All replicas have applied the same and have the same rows once nothing is under way.

use bytes::Bytes;
use weft_rows::table;
use weft_store::state::{KeyRange, Order, StateView};

use super::machine::Machine;

type Rows = Vec<(Bytes, Bytes)>;

fn rows(machine: &Machine, table: u8) -> Rows {
    let rows = machine.store.scan(table, &KeyRange::all(), Order::Ascending, usize::MAX);
    rows.expect("the store of a simulated node can be read")
}

/// What differs between the first node and another one, in words; none if nothing does.
pub(crate) fn differing(machines: &[Machine]) -> Option<String> {
    let (first, others) = machines.split_first()?;
    let applied = first.applied();
    if let Some(other) = others.iter().find(|other| other.applied() != applied) {
        return Some(format!("node 1 has applied {applied:?} and node {} {:?}", other.node, other.applied()));
    }
    // What is stored of how far a log is applied is from the last checkpoint, which each node makes for itself.
    for (id, name) in table::TABLES.iter().filter(|(id, _)| *id != table::APPLIED) {
        let ours = rows(first, *id);
        for other in others {
            let theirs = rows(other, *id);
            if ours == theirs {
                continue;
            }
            let (rows, others) = (ours.len(), theirs.len());
            let place = ours.iter().zip(&theirs).position(|(one, other)| one != other);
            return Some(format!(
                "{name} has {rows} rows at node 1 and {others} at node {}, and they differ from row {} on",
                other.node,
                place.unwrap_or(rows.min(others))
            ));
        }
    }
    None
}
