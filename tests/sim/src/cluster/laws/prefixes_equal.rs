//! Replicas that have applied as much of a group's log have the same rows: whoever they are, however they came to them, and
//! before a crash as after it.
//!
//! Looked at all the time. A replica that got a picture, or was started again, is held against the others from where its
//! rows are whole again; what a node applied and wrote a moment later is looked at when nothing comes any more for a
//! millisecond, so that not each entry is looked at, and whatever went wrong at one is seen at the next that is.

use std::collections::BTreeMap;

use weft_raft::GroupId;

use crate::cluster::{machine::Machine, record::Record};

/// What somebody has who has applied a group's log up to an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix {
    pub(crate) node: u32,
    pub(crate) group: GroupId,
    pub(crate) index: u64,
    /// Of all rows of the group, as `cluster/tally.rs` has it.
    pub(crate) sum: u64,
}

/// Who was the first to be seen at an entry, and with what.
#[derive(Default)]
pub(crate) struct Prefixes(BTreeMap<(GroupId, u64), Prefix>);

impl Prefixes {
    /// Looks at what each node has applied.
    pub(crate) fn look(&mut self, machines: &[Machine], record: &Record) {
        for prefix in machines.iter().flat_map(Machine::prefixes) {
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
        let first = *self.0.entry((seen.group, seen.index)).or_insert(seen);
        if first.sum == seen.sum {
            return Ok(first.node != seen.node);
        }
        let Prefix { node, group, index, .. } = seen;
        let whom = if first.node == node { "itself before".to_owned() } else { format!("node {}", first.node) };
        Err(format!("node {node} and {whom} have not applied the same up to entry {index} of {group:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: GroupId = GroupId(1);

    #[test]
    fn whoever_is_at_the_same_entry_of_the_same_group_has_the_same() {
        let at = |node, index, sum| Prefix { node, group: SHARD, index, sum };
        let mut prefixes = Prefixes::default();
        assert_eq!(prefixes.see(at(1, 5, 70)), Ok(false));
        assert_eq!(prefixes.see(at(2, 5, 70)), Ok(true));
        assert_eq!(prefixes.see(at(2, 6, 71)), Ok(false), "nobody else was there");
        assert_eq!(prefixes.see(Prefix { group: GroupId(2), ..at(3, 5, 72) }), Ok(false), "it is of another group");
        assert_eq!(prefixes.see(at(1, 5, 70)), Ok(false), "it was started again");
        let wrong = prefixes.see(at(3, 6, 70)).expect_err("it has what others had before");
        assert!(wrong.contains("node 3 and node 2 have not applied the same up to entry 6"), "{wrong}");
        let wrong = prefixes.see(at(1, 5, 71)).expect_err("it was started again, and has something else");
        assert!(wrong.contains("node 1 and itself before"), "{wrong}");
    }
}
