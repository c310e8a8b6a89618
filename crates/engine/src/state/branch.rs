//! The history tree: a run appends to a branch of its own, and a branch may begin as a part of others.
//!
//! Invariants: a branch that has ancestors owns the events from the last one's `end` on and no event before it; `end`s
//! rise from the root to the leaf. Nothing is copied when a branch divides, whether at the end of a stored batch or in the
//! middle of one, so whoever reads an ancestor takes no event at or beyond its `end`.

use alloc::vec::Vec;

use super::BranchId;
use crate::ids::EventId;

/// The way from the root of the history tree to the end of one branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    pub id: BranchId,
    /// From the root on; empty unless a reset made the branch.
    pub ancestors: Vec<Ancestor>,
}

/// A part of another branch that this one begins with: its events before `end`, from the `end` of the ancestor before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    pub branch: BranchId,
    pub end: EventId,
}

/// Events `from..to`, all of which stand under the same branch id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub branch: BranchId,
    pub from: EventId,
    pub to: EventId,
}

impl Branch {
    /// A branch that begins with event 1.
    #[must_use]
    pub fn root(id: BranchId) -> Self {
        Self { id, ancestors: Vec::new() }
    }

    /// The branch under whose id event 1 stands.
    #[must_use]
    pub fn trunk(&self) -> &BranchId {
        self.ancestors.first().map_or(&self.id, |first| &first.branch)
    }

    /// The branch under whose id this event stands: it is named like the run that wrote it.
    #[must_use]
    pub fn author(&self, event: EventId) -> &BranchId {
        let ancestor = self.ancestors.iter().find(|ancestor| event < ancestor.end);
        ancestor.map_or(&self.id, |ancestor| &ancestor.branch)
    }

    /// The first event that is this branch's own.
    #[must_use]
    pub fn own_from(&self) -> EventId {
        self.ancestors.last().map_or(EventId::FIRST, |last| last.end)
    }

    /// A new branch that shares the events before `end` with this one.
    #[must_use]
    pub fn divide(&self, end: EventId, id: BranchId) -> Self {
        let whole = self.ancestors.iter().take_while(|ancestor| ancestor.end < end);
        let mut ancestors: Vec<Ancestor> = whole.cloned().collect();
        let last = self.ancestors.get(ancestors.len()).map_or(&self.id, |ancestor| &ancestor.branch);
        ancestors.push(Ancestor { branch: last.clone(), end });
        Self { id, ancestors }
    }

    /// Where the events `from..to` stand, in order.
    #[must_use]
    pub fn parts(&self, from: EventId, to: EventId) -> Vec<Part> {
        let mut begin = from;
        let mut parts = Vec::new();
        let own = (&self.id, to);
        let all = self.ancestors.iter().map(|ancestor| (&ancestor.branch, ancestor.end.min(to))).chain([own]);
        for (branch, end) in all {
            if begin < end {
                parts.push(Part { branch: branch.clone(), from: begin, to: end });
                begin = end;
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(id: &str, ancestors: &[(&str, i64)]) -> Branch {
        let ancestors =
            ancestors.iter().map(|(branch, end)| Ancestor { branch: (*branch).into(), end: EventId(*end) }).collect();
        Branch { id: id.into(), ancestors }
    }

    fn parts(branch: &Branch, from: i64, to: i64) -> Vec<(alloc::string::String, i64, i64)> {
        let parts = branch.parts(EventId(from), EventId(to));
        parts.into_iter().map(|part| (part.branch.as_str().into(), part.from.0, part.to.0)).collect()
    }

    #[test]
    fn a_divided_branch_begins_where_it_was_divided() {
        let root = Branch::root("a".into());
        let b = root.divide(EventId(10), "b".into());
        assert_eq!(b, branch("b", &[("a", 10)]));
        assert_eq!(b.divide(EventId(15), "c".into()), branch("c", &[("a", 10), ("b", 15)]));
        assert_eq!(b.divide(EventId(7), "c".into()), branch("c", &[("a", 7)]));
        // Where it was divided before: nothing of `b` is shared.
        assert_eq!(b.divide(EventId(10), "c".into()), branch("c", &[("a", 10)]));
        assert_eq!((root.own_from(), b.own_from()), (EventId(1), EventId(10)));
        assert_eq!((root.trunk().as_str(), b.trunk().as_str()), ("a", "a"));
    }

    #[test]
    fn every_event_stands_in_one_part() {
        let c = branch("c", &[("a", 10), ("b", 15)]);
        let expected = [("a", 3, 10), ("b", 10, 15), ("c", 15, 20)];
        assert_eq!(parts(&c, 3, 20), expected.map(|(branch, from, to)| (branch.into(), from, to)));
        assert_eq!(parts(&c, 12, 13), [("b".into(), 12, 13)]);
        assert_eq!(parts(&c, 10, 15), [("b".into(), 10, 15)]);
        assert_eq!(parts(&c, 15, 16), [("c".into(), 15, 16)]);
        assert_eq!(parts(&c, 9, 11), [("a".into(), 9, 10), ("b".into(), 10, 11)]);
        assert_eq!(parts(&c, 5, 5), []);
        assert_eq!([9, 10, 15].map(|event| c.author(EventId(event)).as_str()), ["a", "b", "c"]);
    }
}
