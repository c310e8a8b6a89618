//! At most one leader in each term of each group.

use std::collections::BTreeMap;

use weft_raft::GroupId;

use crate::cluster::{machine::Machine, record::Record};

/// Who was seen to lead.
#[derive(Default)]
pub(crate) struct Terms(BTreeMap<(GroupId, u64), u32>);

impl Terms {
    /// Looks at what each node knows of itself.
    pub(crate) fn look(&mut self, machines: &[Machine], record: &Record) {
        for machine in machines {
            for (group, known) in machine.leaderships().into_iter().filter(|(_, known)| known.mine) {
                match self.see(machine.node, group, known.term) {
                    Ok(false) => {}
                    Ok(true) => {
                        record.note(&format!("node {} leads {group:?} in term {}", machine.node, known.term));
                        record.cover(|counts| counts.leaders += 1);
                    }
                    Err(wrong) => record.violate(wrong),
                }
            }
        }
    }

    /// A node leads a group. Says whether that was not known.
    ///
    /// # Errors
    /// Who leads it in the same term.
    fn see(&mut self, node: u32, group: GroupId, term: u64) -> Result<bool, String> {
        let is_new = !self.0.contains_key(&(group, term));
        let before = *self.0.entry((group, term)).or_insert(node);
        if before != node {
            return Err(format!("nodes {before} and {node} lead {group:?} in term {term}"));
        }
        Ok(is_new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: GroupId = GroupId(1);

    #[test]
    fn the_next_term_may_be_another_node_s_and_the_same_one_may_not() {
        let mut terms = Terms::default();
        assert_eq!(terms.see(1, SHARD, 4), Ok(true));
        assert_eq!(terms.see(1, SHARD, 4), Ok(false), "it is seen again");
        assert_eq!(terms.see(2, SHARD, 5), Ok(true));
        assert_eq!(terms.see(2, GroupId(2), 4), Ok(true), "it is another group's");
        let wrong = terms.see(2, SHARD, 4).expect_err("another one leads in it");
        assert_eq!(wrong, "nodes 1 and 2 lead GroupId(1) in term 4");
        assert!(terms.see(1, SHARD, 4).is_ok(), "whoever was first still leads");
    }
}
