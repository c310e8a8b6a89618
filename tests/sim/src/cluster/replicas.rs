//! All replicas of a group have applied the same and have the same rows once nothing is under way, and each node has those
//! that it is to have.

use std::sync::Arc;

use bytes::Bytes;
use weft_raft::GroupId;
use weft_rows::{Level, picture::Owns, table};
use weft_shard::Members;
use weft_store::state::{KeyRange, Order, StateView};

use super::{machine::Machine, placement, tally::owners};

/// What is looked at of a node.
struct Seen<'a> {
    node: u32,
    /// What it knows of the nodes, if it is open.
    members: Option<Arc<Members>>,
    /// How far it has applied each of its groups.
    applied: Vec<(GroupId, u64)>,
    store: &'a dyn StateView,
}

/// What is not as it must be, in words; none if nothing is.
pub(crate) fn differing<'a>(machines: impl Iterator<Item = &'a Machine>, founders: u32) -> Option<String> {
    let machines: Vec<_> = machines.collect();
    let seen: Vec<_> = machines.iter().map(|machine| Seen::of(machine)).collect();
    match equal(&seen, machines.first()?.shards()) {
        Ok(members) if members.level >= Level::PLACED => placement::unsettled(&members, &machines, founders),
        Ok(_) => None,
        Err(differing) => Some(differing),
    }
}

impl<'a> Seen<'a> {
    fn of(machine: &'a Machine) -> Self {
        let members = machine.members().map(|(_, members)| members);
        Self { node: machine.node, members, applied: machine.applied(), store: &machine.store }
    }

    fn applied(&self, group: GroupId) -> Option<u64> {
        self.applied.iter().find(|(id, _)| *id == group).map(|(_, index)| *index)
    }

    fn rows(&self, table: u8, range: &KeyRange) -> Vec<(Bytes, Bytes)> {
        let rows = self.store.scan(table, range, Order::Ascending, usize::MAX);
        rows.expect("the store of a simulated node can be read")
    }
}

/// What all of them know of the nodes.
///
/// # Errors
/// What they do not know, or have, alike.
fn equal(seen: &[Seen<'_>], shards: u16) -> Result<Arc<Members>, String> {
    let Some(first) = seen.first() else { return Err("there is no node".to_owned()) };
    let Some(members) = &first.members else { return Err(format!("node {} is not open", first.node)) };
    if let Some(other) = seen.iter().find(|it| it.members.as_ref() != Some(members)) {
        return Err(format!("nodes {} and {} do not know the same of the nodes", first.node, other.node));
    }
    for (group, owns) in owners(shards) {
        let row = members.copies.get(&group.0).filter(|_| members.level >= Level::PLACED);
        let having = seen.iter().filter(|it| row.is_none_or(|row| row.nodes.contains_key(&it.node)));
        of_group(group, owns, &having.collect::<Vec<_>>())?;
    }
    Ok(Arc::clone(members))
}

/// What differs between the first of those that have a group and another one. How far a log is applied is stored with the
/// last checkpoint, which each node makes for itself, and what is left of a picture is of whoever took it: neither is
/// looked at.
fn of_group(group: GroupId, owns: Owns, having: &[&Seen<'_>]) -> Result<(), String> {
    let Some((first, others)) = having.split_first() else { return Ok(()) };
    let applied = first.applied(group);
    if let Some(other) = others.iter().find(|other| other.applied(group) != applied) {
        let other_has = other.applied(group);
        return Err(format!(
            "node {} has applied {applied:?} of {group:?} and node {} {other_has:?}",
            first.node, other.node
        ));
    }
    for (id, keys) in owns.tables() {
        let range = keys.map_or_else(KeyRange::all, |(first, beyond)| KeyRange::between(first, beyond));
        let ours = first.rows(id, &range);
        for other in others {
            let theirs = other.rows(id, &range);
            if ours == theirs {
                continue;
            }
            let (rows, others) = (ours.len(), theirs.len());
            let place = ours.iter().zip(&theirs).position(|(one, other)| one != other);
            return Err(format!(
                "of group {} {} has {rows} rows at node {} and {others} at node {}, and they differ from row {} on",
                group.0,
                table::name(id),
                first.node,
                other.node,
                place.unwrap_or(rows.min(others))
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use weft_rows::member::{CopiesRow, CopyState};
    use weft_store::state::{MemoryStore, StateStore, Table, WriteBatch};

    use super::*;

    const SHARDS: u16 = 1;

    fn store(rows: &[(u8, &'static str)]) -> MemoryStore {
        let tables: Vec<Table> = table::TABLES.iter().map(|(id, name)| Table { id: *id, name }).collect();
        let store = MemoryStore::new(&tables).expect("every table has a number of its own");
        let mut write = WriteBatch::new();
        rows.iter().for_each(|(table, value)| write.put(*table, vec![0, 0, 7], *value));
        store.apply(write).expect("it can be written");
        store
    }

    /// A node that has applied everything.
    fn seen<'a>(node: u32, store: &'a MemoryStore, members: &Arc<Members>) -> Seen<'a> {
        Seen { node, members: Some(Arc::clone(members)), applied: vec![(GroupId(0), 9), (GroupId(1), 20)], store }
    }

    fn wrong(seen: &[Seen<'_>]) -> String {
        equal(seen, SHARDS).expect_err("something differs")
    }

    #[test]
    fn replicas_that_have_the_same_are_equal_whatever_their_nodes_keep_for_themselves() {
        let rows = [(table::EXECUTION, "run"), (table::NAMESPACE, "name")];
        let one = store(&rows);
        let other = store(&[&rows[..], &[(table::APPLIED, "checkpoint"), (table::PICTURE, "note")]].concat());
        let members = Arc::new(Members::default());
        let known = equal(&[seen(1, &one, &members), seen(2, &other, &members)], SHARDS);
        assert_eq!(known, Ok(members));
    }

    #[test]
    fn rows_that_differ_are_found_in_shards_and_in_the_metadata() {
        let members = Arc::new(Members::default());
        let rows = store(&[(table::EXECUTION, "run"), (table::NAMESPACE, "name")]);
        let differ = |other: &MemoryStore| wrong(&[seen(1, &rows, &members), seen(2, other, &members)]);
        let found = differ(&store(&[(table::EXECUTION, "another"), (table::NAMESPACE, "name")]));
        assert!(found.contains("of group 1") && found.contains("they differ from row 0 on"), "{found}");
        let found = differ(&store(&[(table::EXECUTION, "run")]));
        assert!(found.contains("of group 0") && found.contains("has 1 rows at node 1 and 0 at node 2"), "{found}");
    }

    #[test]
    fn a_replica_that_is_behind_and_a_node_that_knows_less_are_found() {
        let (rows, members) = (store(&[]), Arc::new(Members::default()));
        let behind = Seen { applied: vec![(GroupId(0), 9), (GroupId(1), 19)], ..seen(2, &rows, &members) };
        let found = wrong(&[seen(1, &rows, &members), behind]);
        assert!(found.contains("node 1 has applied Some(20) of GroupId(1) and node 2 Some(19)"), "{found}");
        let without = Seen { applied: vec![(GroupId(0), 9)], ..seen(2, &rows, &members) };
        assert!(wrong(&[seen(1, &rows, &members), without]).contains("node 2 None"));
        let raised = Arc::new(Members { level: Level::PLACED, ..Members::default() });
        assert!(wrong(&[seen(1, &rows, &members), seen(2, &rows, &raised)]).contains("do not know the same"));
        let closed = Seen { members: None, ..seen(2, &rows, &members) };
        assert!(wrong(&[seen(1, &rows, &members), closed]).contains("do not know the same"));
        let closed = Seen { members: None, ..seen(1, &rows, &members) };
        assert!(wrong(&[closed]).contains("node 1 is not open"));
    }

    #[test]
    fn a_group_is_looked_at_where_it_has_a_copy() {
        let nodes = BTreeMap::from([(1, CopyState::Held), (2, CopyState::Held)]);
        let copies = BTreeMap::from([(1, CopiesRow { group: 1, nodes })]);
        let members = Arc::new(Members { level: Level::PLACED, copies, ..Members::default() });
        let (rows, none) = (store(&[(table::EXECUTION, "run")]), store(&[]));
        let without = || Seen { applied: vec![(GroupId(0), 9)], ..seen(3, &none, &members) };
        assert!(equal(&[seen(1, &rows, &members), seen(2, &rows, &members), without()], SHARDS).is_ok());
        let lost = seen(2, &none, &members);
        assert!(wrong(&[seen(1, &rows, &members), lost, without()]).contains("of group 1"));
    }
}
