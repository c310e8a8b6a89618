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
            for (group, known) in machine.leaderships() {
                if !known.mine {
                    continue;
                }
                let leader = *self.0.entry((group, known.term)).or_insert_with(|| {
                    record.note(&format!("node {} leads {group:?} in term {}", machine.node, known.term));
                    record.cover(|counts| counts.leaders += 1);
                    machine.node
                });
                if leader != machine.node {
                    let term = known.term;
                    record.violate(format!("nodes {leader} and {} lead {group:?} in term {term}", machine.node));
                }
            }
        }
    }
}
