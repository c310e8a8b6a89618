//! The orders of lists, as SQLite has them: pages of several nodes are merged by them.
//!
//! Invariant: both are total over the runs of a namespace, whatever index they are in, because each ends with the run id.
//! So one place says of every node where a list goes on.

use std::cmp::Ordering;

use super::cursor::Cursor;
use crate::filter::{Direction, Query};
use crate::plan::Key;
use crate::plan::sql::Literal;

/// In which order rows come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order<'a> {
    /// The one that a query asks for.
    List(&'a Query),
    /// By run ids.
    Walk,
}

impl Order<'_> {
    pub(super) fn compare(self, a: &Cursor, b: &Cursor) -> Ordering {
        match self {
            Self::Walk => values(&a.key.run, &b.key.run),
            Self::List(query) => {
                let direction = query.order_by().map(|order| order.direction);
                sorted(direction, a.sort.as_ref(), b.sort.as_ref()).then_with(|| usual_order(&a.key, &b.key))
            }
        }
    }
}

/// By the value that was asked for; what has none comes last either way.
fn sorted(direction: Option<Direction>, a: Option<&Literal>, b: Option<&Literal>) -> Ordering {
    let (Some(direction), Some(a), Some(b)) = (direction, a, b) else { return Ordering::Equal };
    match (*a == Literal::Null, *b == Literal::Null, direction) {
        (false, false, Direction::Ascending) => values(a, b),
        (false, false, Direction::Descending) => values(b, a),
        (a_missing, b_missing, _) => a_missing.cmp(&b_missing),
    }
}

/// Open ones first, then the latest close, the latest start, the greatest run id.
pub(super) fn usual_order(a: &Key, b: &Key) -> Ordering {
    (b.closed, b.start).cmp(&(a.closed, a.start)).then_with(|| values(&b.run, &a.run))
}

/// Nothing, then numbers, texts and bytes.
pub(super) fn values(a: &Literal, b: &Literal) -> Ordering {
    match (a, b) {
        (Literal::Int(a), Literal::Int(b)) => a.cmp(b),
        (Literal::Real(a), Literal::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Literal::Int(a), Literal::Real(b)) => mixed(*a, *b),
        (Literal::Real(a), Literal::Int(b)) => mixed(*b, *a).reverse(),
        (Literal::Text(a), Literal::Text(b)) => a.cmp(b),
        (Literal::Bytes(a), Literal::Bytes(b)) => a.cmp(b),
        (
            Literal::Null | Literal::Int(_) | Literal::Real(_) | Literal::Text(_) | Literal::Bytes(_),
            Literal::Null | Literal::Int(_) | Literal::Real(_) | Literal::Text(_) | Literal::Bytes(_),
        ) => kind(a).cmp(&kind(b)),
    }
}

fn kind(literal: &Literal) -> u8 {
    match literal {
        Literal::Null => 0,
        Literal::Int(_) | Literal::Real(_) => 1,
        Literal::Text(_) => 2,
        Literal::Bytes(_) => 3,
    }
}

/// Where the two are the same as floats, the float is whole.
fn mixed(int: i64, real: f64) -> Ordering {
    let near = (int as f64).partial_cmp(&real).unwrap_or(Ordering::Equal);
    near.then_with(|| i128::from(int).cmp(&(real as i128)))
}
