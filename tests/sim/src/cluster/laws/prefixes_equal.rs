//! Replicas that have applied as much of a group's log have the same rows: whoever they are, however they came to them, and
//! before a crash as after it.
//!
//! Looked at all the time. A replica that was started again, or got a picture from one that was, may have some rows of later
//! entries, which are applied again (rule 4): it is held against the others from where it has applied what anybody had in
//! a log then. A node says a moment after it wrote how far it is: it is looked at when nothing was written for a millisecond,
//! so not after each entry, and what went wrong at one is seen at the next that is.

use std::collections::{BTreeMap, BTreeSet};

use weft_raft::GroupId;
use weft_rows::table;

use crate::cluster::{machine::Machine, record::Record, tally::Sums};

/// What somebody has who has applied a group's log up to an entry.
#[derive(Clone, Debug)]
pub(crate) struct Prefix {
    pub(crate) node: u32,
    pub(crate) group: GroupId,
    pub(crate) index: u64,
    /// Of all rows of the group.
    pub(crate) sums: Sums,
}

#[derive(Default)]
pub(crate) struct Prefixes {
    /// Who was the first to be seen at an entry, and with what.
    first: BTreeMap<(GroupId, u64), Prefix>,
    /// The last entry that anybody's log has had.
    newest: BTreeMap<GroupId, u64>,
}

impl Prefixes {
    /// Looks at what each node has applied.
    pub(crate) fn look(&mut self, machines: &[Machine], record: &Record) {
        for (group, end) in machines.iter().flat_map(Machine::log_ends) {
            let newest = self.newest.entry(group).or_default();
            *newest = end.max(*newest);
        }
        for prefix in machines.iter().flat_map(|machine| machine.prefixes(&self.newest)).collect::<Vec<_>>() {
            match self.see(prefix) {
                Ok(is_compared) => record.cover(|counts| counts.prefixes += u64::from(is_compared)),
                Err(wrong) => record.violate(wrong),
            }
        }
    }

    /// Says whether another node was seen there before.
    ///
    /// # Errors
    /// Who had other rows there.
    fn see(&mut self, seen: Prefix) -> Result<bool, String> {
        let Prefix { node, group, index, sums } = seen.clone();
        let first = self.first.entry((group, index)).or_insert(seen);
        if first.sums == sums {
            return Ok(first.node != node);
        }
        let whom = if first.node == node { "itself before".to_owned() } else { format!("node {}", first.node) };
        let tables = first.sums.keys().chain(sums.keys()).filter(|table| first.sums.get(table) != sums.get(table));
        let tables: BTreeSet<_> = tables.map(|table| table::name(*table)).collect();
        Err(format!("node {node} and {whom} have not applied the same up to entry {index} of {group:?}: {tables:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: GroupId = GroupId(1);

    #[test]
    fn whoever_is_at_the_same_entry_of_the_same_group_has_the_same() {
        let sums = |sum| Sums::from([(table::EXECUTION, sum), (table::TIMER, 1)]);
        let at = |node, index, sum| Prefix { node, group: SHARD, index, sums: sums(sum) };
        let mut prefixes = Prefixes::default();
        assert_eq!(prefixes.see(at(1, 5, 70)), Ok(false));
        assert_eq!(prefixes.see(at(2, 5, 70)), Ok(true));
        assert_eq!(prefixes.see(at(2, 6, 71)), Ok(false), "nobody else was there");
        assert_eq!(prefixes.see(Prefix { group: GroupId(2), ..at(3, 5, 72) }), Ok(false), "it is of another group");
        assert_eq!(prefixes.see(at(1, 5, 70)), Ok(false), "it was started again");
        let wrong = prefixes.see(at(3, 6, 70)).expect_err("it has what others had before");
        let told = "node 3 and node 2 have not applied the same up to entry 6 of GroupId(1): {\"execution\"}";
        assert_eq!(wrong, told);
        let wrong = prefixes.see(at(1, 5, 71)).expect_err("it was started again, and has something else");
        assert!(wrong.contains("node 1 and itself before"), "{wrong}");
    }
}
