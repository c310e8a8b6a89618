//! How a count is answered: from the tallies that the writer keeps per type, status and group, or by looking at the matches.

use super::constraints::constraints;
use super::page::matching;
use super::predicate::{expression, render};
use super::sql::{Literal, Sql, within};
use crate::filter::{Condition, Query};
use crate::schema::{Field, System};

/// One statement that gives (value, count): one row, whose value is NULL, or one for each group, the largest first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CountPlan(pub(crate) Sql);

/// At most `limit` of the groups.
pub(crate) fn count(query: &Query, namespace: i64, limit: usize) -> CountPlan {
    let tallied = tallied(query);
    let mut sql = Sql::of("SELECT ");
    match &query.group_by {
        Some(field) => sql.append(expression(field)),
        None => sql.push("NULL"),
    }
    if tallied {
        sql.push(", sum(r.count) AS n FROM tallies r");
        sql.with(" WHERE r.space = ? AND (", Literal::Int(super::space(namespace, false)));
        render(&query.filter, &mut sql);
        sql.push(")");
        within(query.within.as_ref(), "r", &mut sql);
    } else {
        sql.push(", count(*) AS n");
        matching(query, &constraints(&query.filter), namespace, &mut sql);
    }
    sql.push(if query.group_by.is_some() { " GROUP BY 1 ORDER BY n DESC, 1" } else { "" });
    sql.push(&format!(" LIMIT {limit}"));
    CountPlan(sql)
}

/// The tallies have a group, a type and a status and nothing else.
fn tallied(query: &Query) -> bool {
    query.group_by.iter().all(is_tallied) && speaks_only_of_tallied(&query.filter)
}

fn speaks_only_of_tallied(filter: &Condition) -> bool {
    match filter {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().all(speaks_only_of_tallied),
        Condition::Not(inner) => speaks_only_of_tallied(inner),
        Condition::Test(field, _) => is_tallied(field),
    }
}

fn is_tallied(field: &Field) -> bool {
    matches!(field, Field::System(System::ExecutionStatus | System::WorkflowType))
}
