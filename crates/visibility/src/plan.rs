//! From a checked query to the statements that answer it, without IO.
//!
//! `predicate` renders a whole condition as SQL over the runs; `constraints` reads off the conjuncts that an index can
//! answer; `page` chooses the ranges of indexes that a page is merged from; `count` does the same for counts. A plan
//! never decides what matches (the predicate always holds for every row it gives), only what is looked at.

mod constraints;
mod count;
mod page;
mod predicate;
pub(crate) mod sql;
mod walk;

pub(crate) use count::count;
pub(crate) use page::{Key, ordered_page, page, probe};
pub(crate) use walk::walk;
pub use walk::{Step, Walk};

/// The close time of an open execution in the index: after all others, so that open executions come first.
pub(crate) const OPEN: i64 = i64::MAX;

/// Executions of one namespace that are shown, and those that belong to a namespace division, live in two spaces.
pub(crate) fn space(namespace: i64, hidden: bool) -> i64 {
    namespace * 2 + i64::from(hidden)
}
