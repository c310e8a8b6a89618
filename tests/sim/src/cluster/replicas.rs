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

/// What differs between the first of some nodes and another one, in words; none if nothing does.
pub(crate) fn differing<'a>(mut machines: impl Iterator<Item = &'a Machine>) -> Option<String> {
    let first = machines.next()?;
    let others: Vec<_> = machines.collect();
    let applied = first.applied();
    if let Some(other) = others.iter().find(|other| other.applied() != applied) {
        return Some(format!(
            "node {} has applied {applied:?} and node {} {:?}",
            first.node,
            other.node,
            other.applied()
        ));
    }
    // How far a log is applied is stored with the last checkpoint, which each node makes for itself; what is left of a
    // picture is of whoever took it.
    let of_a_node = [table::APPLIED, table::PICTURE];
    for (id, name) in table::TABLES.iter().filter(|(id, _)| !of_a_node.contains(id)) {
        let ours = rows(first, *id);
        for other in &others {
            let theirs = rows(other, *id);
            if ours == theirs {
                continue;
            }
            let (rows, others) = (ours.len(), theirs.len());
            let place = ours.iter().zip(&theirs).position(|(one, other)| one != other);
            return Some(format!(
                "{name} has {rows} rows at node {} and {others} at node {}, and they differ from row {} on",
                first.node,
                other.node,
                place.unwrap_or(rows.min(others))
            ));
        }
    }
    None
}
