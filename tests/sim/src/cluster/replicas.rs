//! All replicas of a group have applied the same and have the same rows once nothing is under way, and each node has those
//! that it is to have.

use bytes::Bytes;
use weft_raft::GroupId;
use weft_rows::{Level, picture::Owns, ranges, table};
use weft_store::state::{KeyRange, Order, StateView};

use super::{machine::Machine, placement};

/// What is not as it must be, in words; none if nothing is.
pub(crate) fn differing<'a>(machines: impl Iterator<Item = &'a Machine>, founders: u32) -> Option<String> {
    let machines: Vec<_> = machines.collect();
    let first = machines.first()?;
    let Some((_, members)) = first.members() else { return Some(format!("node {} is not open", first.node)) };
    if let Some(other) = machines.iter().find(|it| it.members().is_none_or(|(_, known)| known != members)) {
        return Some(format!("nodes {} and {} do not know the same of the nodes", first.node, other.node));
    }
    let is_placed = members.level >= Level::PLACED;
    let owners = std::iter::once(Owns::Metadata).chain(ranges(first.shards()).into_iter().map(Owns::Slots));
    let unequal = (0..).zip(owners).find_map(|(group, owns)| {
        let row = members.copies.get(&group).filter(|_| is_placed);
        let having = machines.iter().filter(|it| row.is_none_or(|row| row.nodes.contains_key(&it.node)));
        of_group(group, owns, &having.copied().collect::<Vec<_>>())
    });
    unequal.or_else(|| is_placed.then(|| placement::unsettled(&members, &machines, founders)).flatten())
}

/// What differs between the first of those that have a group and another one. How far a log is applied is stored with the
/// last checkpoint, which each node makes for itself, and what is left of a picture is of whoever took it: neither is
/// looked at.
fn of_group(group: u32, owns: Owns, machines: &[&Machine]) -> Option<String> {
    let (first, others) = machines.split_first()?;
    let applied = |machine: &Machine| machine.applied().into_iter().find(|(id, _)| *id == GroupId(group));
    if let Some(other) = others.iter().find(|other| applied(other) != applied(first)) {
        let (first_has, other_has) = (applied(first), applied(other));
        return Some(format!("node {} has applied {first_has:?} and node {} {other_has:?}", first.node, other.node));
    }
    for (id, keys) in owns.tables() {
        let range = keys.map_or_else(KeyRange::all, |(first, beyond)| KeyRange::between(first, beyond));
        let ours = rows(first, id, &range);
        for other in others {
            let theirs = rows(other, id, &range);
            if ours == theirs {
                continue;
            }
            let (rows, others) = (ours.len(), theirs.len());
            let place = ours.iter().zip(&theirs).position(|(one, other)| one != other);
            return Some(format!(
                "of group {group} {} has {rows} rows at node {} and {others} at node {}, and they differ from row {} on",
                table::TABLES.iter().find(|(table, _)| *table == id).map_or("", |(_, name)| name),
                first.node,
                other.node,
                place.unwrap_or(rows.min(others))
            ));
        }
    }
    None
}

fn rows(machine: &Machine, table: u8, range: &KeyRange) -> Vec<(Bytes, Bytes)> {
    let rows = machine.store.scan(table, range, Order::Ascending, usize::MAX);
    rows.expect("the store of a simulated node can be read")
}
