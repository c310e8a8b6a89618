//! Which ranges of which indexes a page is merged from.
//!
//! The usual order is open executions first, then by close time, then by start time, the latest first, then by run id.
//! A *branch* is a statement that gives the first rows of one range in that order; the reader merges the branches. Most
//! filters have ranges that are already in order, so a page costs what it shows, however large the index is. Filters that
//! find few rows (an id, a narrow range of start times) are looked up and sorted.

use super::constraints::{Constraints, Range, Wanted, conjuncts, constraints};
use super::predicate::{field_number, render, sortable};
use super::sql::{Literal, Sql, within};
use super::{OPEN, space};
use crate::filter::{Condition, Direction, Query, Test};
use crate::limits::{BRANCHES_MAX, SORTED_ROWS_MAX};
use crate::schema::{Field, System};

/// A place in the usual order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) closed: i64,
    pub(crate) start: i64,
    /// As the index stores it.
    pub(crate) run: Literal,
}

/// Statements that each give (closed, start, run, row) in the usual order. Two may give the same row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PagePlan {
    pub(crate) branches: Vec<Sql>,
}

/// A statement that counts, up to [`SORTED_ROWS_MAX`], the rows that would have to be sorted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe(pub(crate) Sql);

const ORDER: &str = " ORDER BY closed DESC, start DESC, run DESC";

enum Path {
    /// Few rows, found by this index and sorted.
    Sorted(&'static str),
    Roots(Vec<Literal>),
    Attribute(Wanted),
    Types(Vec<Literal>),
    Statuses,
}

/// What to ask first: whether few rows are in the range. None if the answer would not matter.
pub(crate) fn probe(query: &Query, namespace: i64) -> Option<Probe> {
    let found = constraints(&query.filter);
    let [only] = spaces(&found, namespace)[..] else { return None };
    if !matches!(path(&found, false), Path::Types(_) | Path::Statuses) {
        return None;
    }
    let index = narrow_index(&found)?;
    let mut sql = Sql::of(&format!("SELECT count(*) FROM (SELECT 1 FROM runs r INDEXED BY {index}"));
    sql.with(" WHERE r.space = ?", Literal::Int(only));
    for conjunct in conjuncts(&query.filter) {
        if narrows(conjunct, index) {
            sql.push(" AND ");
            render(conjunct, &mut sql);
        }
    }
    sql.with(" LIMIT ?)", Literal::Int(as_limit(SORTED_ROWS_MAX)));
    Some(Probe(sql))
}

/// The first `limit` matches after `after` in the usual order. `few` is the answer to [`probe`].
pub(crate) fn page(query: &Query, namespace: i64, after: Option<&Key>, limit: usize, few: bool) -> PagePlan {
    let found = constraints(&query.filter);
    let pager = Pager { query, found: &found, after, limit };
    let mut branches = Vec::new();
    for space in spaces(&found, namespace) {
        match path(&found, few) {
            Path::Sorted(index) => branches.push(pager.sorted(space, index, None)),
            Path::Roots(ids) => {
                branches.push(pager.sorted(space, "by_workflow", Some(("r.workflow_id", &ids))));
                branches.push(pager.sorted(space, "by_root", Some(("r.root_workflow", &ids))));
            }
            Path::Attribute(wanted) => {
                branches.extend(wanted.values.iter().map(|value| pager.attribute(space, &wanted, value)));
            }
            Path::Types(types) => {
                for kind in &types {
                    pager.statuses(space, Some(kind), &mut branches);
                }
            }
            Path::Statuses => pager.statuses(space, None, &mut branches),
        }
    }
    PagePlan { branches }
}

/// One statement that gives (sort value, closed, start, run, row) in the order that was asked for. It looks at every
/// match: whoever asks for another order than the usual one pays for it.
pub(crate) fn ordered_page(
    query: &Query,
    namespace: i64,
    field: &Field,
    direction: Direction,
    after: Option<&(Literal, Key)>,
    limit: usize,
) -> Sql {
    let found = constraints(&query.filter);
    let sort = sortable(field);
    let mut sql = Sql::of("SELECT ");
    sql.append(sort.clone());
    sql.push(" AS sort, r.closed AS closed, r.start AS start, r.run AS run, r.row");
    matching(query, &found, namespace, &mut sql);
    if let Some((value, key)) = after {
        sql.push(" AND (");
        if *value == Literal::Null {
            sql.append(sort);
            sql.push(" IS NULL");
        } else {
            sql.append(sort.clone());
            sql.with(if direction == Direction::Ascending { " > ? OR " } else { " < ? OR " }, value.clone());
            sql.append(sort.clone());
            sql.push(" IS NULL OR ");
            sql.append(sort);
            sql.with(" = ?", value.clone());
        }
        sql.push(" AND ");
        later("r.closed, r.start, r.run", [key.closed.into(), key.start.into(), key.run.clone()], &mut sql);
        sql.push(")");
    }
    sql.push(if direction == Direction::Ascending { " ORDER BY sort ASC" } else { " ORDER BY sort DESC" });
    sql.with(" NULLS LAST, closed DESC, start DESC, run DESC LIMIT ?", Literal::Int(as_limit(limit)));
    sql
}

/// FROM and WHERE of statements that look at every match.
pub(super) fn matching(query: &Query, found: &Constraints, namespace: i64, sql: &mut Sql) {
    let spaces = spaces(found, namespace).into_iter().map(Literal::Int);
    sql.push(" FROM ");
    if let Some(wanted) = &found.attribute {
        // CROSS JOIN keeps SQLite from going over all runs first.
        sql.push("(SELECT DISTINCT o.row FROM attribute_order o WHERE o.space IN ");
        sql.list(spaces.clone());
        sql.push(" AND o.field = ");
        sql.append(field_number(&wanted.name, wanted.kind));
        sql.push(" AND o.value IN ");
        sql.list(wanted.values.iter().cloned());
        sql.push(") f CROSS JOIN runs r ON r.row = f.row");
    } else {
        sql.push("runs r");
    }
    sql.push(" WHERE r.space IN ");
    sql.list(spaces);
    sql.push(" AND (");
    render(&query.filter, sql);
    sql.push(")");
    within(query.within.as_ref(), "r", sql);
}

pub(super) fn spaces(found: &Constraints, namespace: i64) -> Vec<i64> {
    let wanted = [(found.shown, false), (found.hidden, true)];
    wanted.into_iter().filter(|(wanted, _)| *wanted).map(|(_, hidden)| space(namespace, hidden)).collect()
}

fn path(found: &Constraints, few: bool) -> Path {
    if found.runs {
        return Path::Sorted("by_run");
    }
    if found.workflow_ids {
        return Path::Sorted("by_workflow");
    }
    if found.parents {
        return Path::Sorted("by_parent");
    }
    if let Some(roots) = &found.roots {
        return Path::Roots(roots.clone());
    }
    if let Some(wanted) = found.attribute.as_ref().filter(|wanted| wanted.values.len() <= BRANCHES_MAX) {
        return Path::Attribute(wanted.clone());
    }
    if let Some(index) = narrow_index(found).filter(|_| few) {
        return Path::Sorted(index);
    }
    match &found.types {
        Some(types) if types.len() * found.statuses.len() <= BRANCHES_MAX => Path::Types(types.clone()),
        Some(_) | None => Path::Statuses,
    }
}

/// The index whose range may hold few rows.
fn narrow_index(found: &Constraints) -> Option<&'static str> {
    if found.workflow_prefix {
        Some("by_workflow")
    } else if found.start == Range::ALL {
        None
    } else {
        Some("by_start")
    }
}

fn narrows(conjunct: &Condition, index: &str) -> bool {
    match conjunct {
        Condition::Test(Field::System(System::WorkflowId), Test::StartsWith(_) | Test::Between(..)) => {
            index == "by_workflow"
        }
        Condition::Test(Field::System(System::StartTime), _) => index == "by_start",
        Condition::Test(..) | Condition::All(_) | Condition::Any(_) | Condition::Not(_) => false,
    }
}

struct Pager<'a> {
    query: &'a Query,
    found: &'a Constraints,
    after: Option<&'a Key>,
    limit: usize,
}

impl Pager<'_> {
    fn sorted(&self, space: i64, index: &str, by: Option<(&str, &[Literal])>) -> Sql {
        let mut sql = select(index);
        sql.with(" WHERE r.space = ?", Literal::Int(space));
        if let Some((column, values)) = by {
            sql.push(&format!(" AND {column} IN "));
            sql.list(values.iter().cloned());
        }
        self.after_key("r", &mut sql);
        self.finish(None, sql)
    }

    /// One branch per status: each is in order by itself. Open executions all come before closed ones.
    fn statuses(&self, space: i64, kind: Option<&Literal>, branches: &mut Vec<Sql>) {
        for status in &self.found.statuses {
            let after_open = self.after.is_none_or(|key| key.closed == OPEN);
            if status.is_open() && !after_open {
                continue;
            }
            let mut sql = select(if kind.is_some() { "by_type" } else { "by_status" });
            sql.with(" WHERE r.space = ?", Literal::Int(space));
            if let Some(kind) = kind {
                sql.with(" AND r.type = ?", kind.clone());
            }
            sql.with(" AND r.status = ?", Literal::Int(status.number()));
            if status.is_open() {
                sql.with(" AND r.closed = ?", Literal::Int(OPEN));
                if let Some(key) = self.after {
                    sql.push(" AND ");
                    later("r.start, r.run", [key.start.into(), key.run.clone()], &mut sql);
                }
            } else {
                self.closed_range("r", &mut sql);
                if !after_open {
                    self.after_key("r", &mut sql);
                }
            }
            branches.push(self.finish(None, sql));
        }
    }

    fn attribute(&self, space: i64, wanted: &Wanted, value: &Literal) -> Sql {
        let mut sql = Sql::of("SELECT o.closed AS closed, o.start AS start, o.run AS run, o.row");
        sql.push(" FROM attribute_order o CROSS JOIN runs r ON r.row = o.row");
        sql.with(" WHERE o.space = ?", Literal::Int(space));
        sql.push(" AND o.field = ");
        sql.append(field_number(&wanted.name, wanted.kind));
        sql.with(" AND o.value = ?", value.clone());
        self.closed_range("o", &mut sql);
        self.after_key("o", &mut sql);
        self.finish(Some(wanted.conjunct), sql)
    }

    /// Nothing closes before it starts, so a bound on the start is one on the close.
    fn closed_range(&self, table: &str, sql: &mut Sql) {
        let low = self.found.closed.low.max(self.found.start.low);
        if low > i64::MIN {
            sql.with(&format!(" AND {table}.closed >= ?"), Literal::Int(low));
        }
        if self.found.closed.high < i64::MAX {
            sql.with(&format!(" AND {table}.closed <= ?"), Literal::Int(self.found.closed.high));
        }
    }

    fn after_key(&self, table: &str, sql: &mut Sql) {
        if let Some(key) = self.after {
            sql.push(" AND ");
            let columns = format!("{table}.closed, {table}.start, {table}.run");
            later(&columns, [key.closed.into(), key.start.into(), key.run.clone()], sql);
        }
    }

    /// The conjuncts that the branch itself does not answer, the order and the limit.
    fn finish(&self, answered: Option<usize>, mut sql: Sql) -> Sql {
        for (i, conjunct) in conjuncts(&self.query.filter).into_iter().enumerate() {
            if Some(i) != answered {
                sql.push(" AND (");
                render(conjunct, &mut sql);
                sql.push(")");
            }
        }
        within(self.query.within.as_ref(), "r", &mut sql);
        sql.push(ORDER);
        sql.with(" LIMIT ?", Literal::Int(as_limit(self.limit)));
        sql
    }
}

fn select(index: &str) -> Sql {
    let columns = "r.closed AS closed, r.start AS start, r.run AS run, r.row";
    Sql::of(&format!("SELECT {columns} FROM runs r INDEXED BY {index}"))
}

/// Everything after a place is smaller: the usual order descends in all its columns.
fn later<const N: usize>(columns: &str, place: [Literal; N], sql: &mut Sql) {
    sql.push(&format!("({columns}) < "));
    sql.list(place);
}

fn as_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl From<i64> for Literal {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
