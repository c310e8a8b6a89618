//! Going through all matches in the order of their run ids, which nothing that happens to a run changes: whoever acts on
//! what it finds misses none and meets none twice.

use super::constraints::constraints;
use super::page::{matching, spaces};
use super::predicate::render;
use super::sql::{Literal, Sql, within};
use crate::filter::Query;

/// How a walk finds what matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// Few match: they are found by whatever index tells most, and sorted.
    Few,
    /// Many match: all runs are gone through in order, each once in the whole walk.
    Many,
}

/// A step of a walk: the first matches after a run id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// None for the first.
    pub after: Option<String>,
    pub limit: usize,
    pub how: Walk,
}

/// A statement that gives (run, row) of the first matches after a run id.
pub(crate) fn walk(query: &Query, namespace: i64, after: Option<Literal>, limit: usize, walk: Walk) -> Sql {
    let found = constraints(&query.filter);
    let mut sql = Sql::of("SELECT r.run, r.row");
    match walk {
        Walk::Few => matching(query, &found, namespace, &mut sql),
        Walk::Many => {
            sql.push(" FROM runs r INDEXED BY by_run WHERE r.space IN ");
            sql.list(spaces(&found, namespace).into_iter().map(Literal::Int));
            sql.push(" AND (");
            render(&query.filter, &mut sql);
            sql.push(")");
            within(query.within.as_ref(), "r", &mut sql);
        }
    }
    // Texts are less than bytes, so the empty text is before every run id.
    sql.with(" AND r.run > ?", after.unwrap_or_else(|| Literal::text("")));
    sql.with(" ORDER BY r.run LIMIT ?", Literal::Int(i64::try_from(limit).unwrap_or(i64::MAX)));
    sql
}
