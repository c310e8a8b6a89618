//! A query over things that are held in memory instead of rows of the index.
//!
//! Invariant: a test of a value that is not there is false, `IS NULL` and `!=` excepted: what is not there is another
//! value than any that can be named.

use std::cmp::Ordering;

use super::ast::{Comparison, Condition, Query, Test, Tree};
use crate::plan::sql::Literal;
use crate::schema::Field;

impl Query {
    /// Whether the query finds a thing, by the values of its fields; `Null` for what it has not.
    pub fn matches(&self, value: &impl Fn(&Field) -> Literal) -> bool {
        holds(&self.filter, value)
    }
}

/// The parser has limited how deep the tree is.
fn holds(condition: &Condition, value: &impl Fn(&Field) -> Literal) -> bool {
    match condition {
        Tree::All(parts) => parts.iter().all(|part| holds(part, value)),
        Tree::Any(parts) => parts.iter().any(|part| holds(part, value)),
        Tree::Not(inner) => !holds(inner, value),
        Tree::Test(field, test) => passes(&value(field), test),
    }
}

fn passes(value: &Literal, test: &Test<Literal>) -> bool {
    match test {
        Test::Compare(Comparison::NotEqual, other) => compared(value, other) != Some(Ordering::Equal),
        Test::Compare(comparison, other) => {
            compared(value, other).is_some_and(|ordering| satisfies(ordering, *comparison))
        }
        Test::In(others) => others.iter().any(|other| compared(value, other) == Some(Ordering::Equal)),
        Test::Between(low, high) => {
            compared(value, low).is_some_and(Ordering::is_ge) && compared(value, high).is_some_and(Ordering::is_le)
        }
        Test::StartsWith(prefix) => match (value, prefix) {
            (Literal::Text(value), Literal::Text(prefix)) => value.starts_with(prefix),
            _ => false,
        },
        Test::IsNull => *value == Literal::Null,
    }
}

fn satisfies(ordering: Ordering, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
    }
}

/// Values of different kinds have no order: a checked query has the kind of its field.
fn compared(one: &Literal, other: &Literal) -> Option<Ordering> {
    match (one, other) {
        (Literal::Int(one), Literal::Int(other)) => Some(one.cmp(other)),
        (Literal::Text(one), Literal::Text(other)) => Some(one.cmp(other)),
        (Literal::Real(one), Literal::Real(other)) => one.partial_cmp(other),
        (Literal::Bytes(one), Literal::Bytes(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{attribute::Type, filter::parse, schema::Schema};

    fn finds(query: &str) -> bool {
        let schema = Schema::only([
            ("Name".to_owned(), Type::Keyword),
            ("Missing".to_owned(), Type::Keyword),
            ("Start".to_owned(), Type::Datetime),
        ]);
        let query = parse(query, &schema).expect("a query that makes sense");
        query.matches(&|field| match field.name() {
            "Name" => Literal::text("worker-1"),
            "Start" => Literal::Int(1_000_000_000),
            _ => Literal::Null,
        })
    }

    #[test]
    fn each_test_holds_for_what_it_says() {
        for query in [
            "",
            "Name = 'worker-1'",
            "Name != 'other' AND Missing != 'other'",
            "Name STARTS_WITH 'work' AND Name NOT STARTS_WITH 'x'",
            "Name IN ('a', 'worker-1') AND Name NOT IN ('a')",
            "Name = 'x' OR (Missing IS NULL AND Name IS NOT NULL)",
            "Start BETWEEN '1970-01-01T00:00:01Z' AND '1970-01-01T00:00:02Z'",
            "Start >= '1970-01-01T00:00:01Z' AND Start < '1970-01-01T00:00:01.5Z'",
        ] {
            assert!(finds(query), "{query}");
        }
        for query in [
            "Name = 'worker'",
            "Missing = ''",
            "Missing STARTS_WITH 'a'",
            "Missing IN ('a')",
            "Name < 'worker-1' OR Name > 'worker-1'",
            "Start NOT BETWEEN '1970-01-01T00:00:01Z' AND '1970-01-01T00:00:02Z'",
            "NOT Name = 'worker-1'",
        ] {
            assert!(!finds(query), "{query}");
        }
    }

    #[test]
    fn a_schema_of_its_own_knows_no_field_of_executions() {
        let schema = Schema::only([("TaskQueue".to_owned(), Type::Keyword)]);
        let error = parse("WorkflowId = 'a'", &schema).expect_err("there is none");
        assert_eq!(error.message, "unknown search attribute `WorkflowId` at position 1");
        let error = parse("TaskQueu = 'a'", &schema).expect_err("there is none");
        assert_eq!(error.message, "unknown search attribute `TaskQueu` at position 1; did you mean `TaskQueue`?");
    }
}
