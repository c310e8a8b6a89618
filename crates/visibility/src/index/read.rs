//! Reading: pages merged from the branches of a plan, and counts. Each answer is one consistent state of the index.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Transaction, params, params_from_iter};

use super::Error;
use super::cursor::Cursor;
use crate::filter::{OrderBy, Query};
use crate::limits::{PAGE_SIZE_MAX, SORTED_ROWS_MAX};
use crate::plan::sql::{Literal, Sql, packed, unpacked};
use crate::plan::{self, Key, OPEN, Walk};
use crate::record::{Record, RunRef, Status};
use crate::schema::{Field, System};

/// Which part of a list.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// At most this many records, and at most [`PAGE_SIZE_MAX`].
    pub size: usize,
    /// [`Page::next`] of the page before; none for the first.
    pub token: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub records: Vec<Record>,
    /// Where the list goes on; none if there was no more when this page was read.
    pub next: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    pub total: u64,
    /// With GROUP BY, the largest first.
    pub groups: Vec<Group>,
}

/// Executions that share a value; [`Literal::Null`] are those without any. Statuses are texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub value: Literal,
    pub count: u64,
}

/// A reading end. Clones take turns on one connection.
#[derive(Clone)]
pub struct Reader {
    connection: Arc<Mutex<Connection>>,
}

impl Reader {
    pub(super) fn new(connection: Arc<Mutex<Connection>>) -> Self {
        Self { connection }
    }

    /// One page of the executions of a namespace (by its id) that match. A run that closes while someone pages moves to
    /// another place in the order and may be seen again; runs that stay where they are come exactly once.
    pub fn list(&self, namespace: &str, query: &Query, page: &PageRequest) -> Result<Page, Error> {
        if query.group_by().is_some() {
            return Err(Error::GroupedList);
        }
        let size = page.size.clamp(1, PAGE_SIZE_MAX);
        let after = page.token.as_deref().map(|token| cursor(token, query.order_by())).transpose()?;
        let mut connection = self.connection.lock();
        let state = connection.transaction()?;
        let Some(number) = namespace_number(&state, namespace)? else {
            return Ok(Page { records: Vec::new(), next: None });
        };
        let mut found = match query.order_by() {
            Some(order) => ordered(&state, query, number, order, after.as_ref(), size + 1)?,
            None => merged(&state, query, number, after.as_ref().map(|cursor| &cursor.key), size + 1)?,
        };
        let more = found.len() > size;
        found.truncate(size);
        let next = found.last().filter(|_| more).map(|last| last.cursor.encode());
        let rows: Vec<i64> = found.into_iter().map(|found| found.row).collect();
        Ok(Page { records: records(&state, namespace, &rows)?, next })
    }

    /// The first matches after a run id, in the order of run ids; the order of the query does not matter.
    pub fn walk(
        &self,
        namespace: &str,
        query: &Query,
        after: Option<&str>,
        limit: usize,
        how: Walk,
    ) -> Result<Vec<Record>, Error> {
        let mut connection = self.connection.lock();
        let state = connection.transaction()?;
        let Some(number) = namespace_number(&state, namespace)? else { return Ok(Vec::new()) };
        let sql = plan::walk(query, number, after.map(packed), limit.min(PAGE_SIZE_MAX), how);
        let mut statement = state.prepare_cached(&sql.text)?;
        let found = rows(&mut statement, &sql, |row| row.get(1))?.collect::<Result<Vec<i64>, _>>()?;
        records(&state, namespace, &found)
    }

    /// How many executions of a namespace match, by group if the query has GROUP BY.
    pub fn count(&self, namespace: &str, query: &Query) -> Result<Count, Error> {
        let mut connection = self.connection.lock();
        let state = connection.transaction()?;
        let Some(number) = namespace_number(&state, namespace)? else {
            return Ok(Count { total: 0, groups: Vec::new() });
        };
        let plan = plan::count(query, number).0;
        let mut statement = state.prepare_cached(&plan.text)?;
        let rows = statement.query_map(params_from_iter(&plan.values), |row| {
            let count = row.get::<_, Option<i64>>(1)?.unwrap_or(0).max(0).cast_unsigned();
            Ok(Group { value: shown(query.group_by(), literal(row.get_ref(0)?)), count })
        })?;
        let groups = rows.collect::<Result<Vec<_>, _>>()?;
        let total = groups.iter().map(|group| group.count).sum();
        Ok(Count { total, groups: if query.group_by().is_some() { groups } else { Vec::new() } })
    }

    /// How far a group is indexed in the state that a list would see now.
    pub fn indexed(&self, group: u32) -> Result<u64, Error> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare_cached("SELECT at FROM indexed WHERE grp = ?")?;
        let at: Option<i64> = statement.query_row(params![group], |row| row.get(0)).optional()?;
        Ok(at.unwrap_or(0).cast_unsigned())
    }
}

struct Found {
    cursor: Cursor,
    row: i64,
}

fn cursor(token: &[u8], order: Option<&OrderBy>) -> Result<Cursor, Error> {
    let cursor = Cursor::decode(token)?;
    if cursor.sort.is_some() == order.is_some() {
        Ok(cursor)
    } else {
        Err(Error::Token("it belongs to a list in another order"))
    }
}

fn namespace_number(state: &Transaction<'_>, id: &str) -> Result<Option<i64>, Error> {
    let mut statement = state.prepare_cached("SELECT number FROM namespaces WHERE id = ?")?;
    Ok(statement.query_row(params![id], |row| row.get(0)).optional()?)
}

fn merged(
    state: &Transaction<'_>,
    query: &Query,
    namespace: i64,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<Found>, Error> {
    let few = match plan::probe(query, namespace) {
        Some(probe) => {
            let mut statement = state.prepare_cached(&probe.0.text)?;
            let count: i64 = statement.query_row(params_from_iter(&probe.0.values), |row| row.get(0))?;
            usize::try_from(count).is_ok_and(|count| count < SORTED_ROWS_MAX)
        }
        None => false,
    };
    // By row, so that what two branches give counts once.
    let mut found = BTreeMap::new();
    for branch in plan::page(query, namespace, after, limit, few).branches {
        let mut statement = state.prepare_cached(&branch.text)?;
        for key in rows(&mut statement, &branch, |row| Ok((row.get(3)?, key(row, 0)?)))? {
            let (row, key): (i64, Key) = key?;
            found.insert(row, key);
        }
    }
    let mut found: Vec<(i64, Key)> = found.into_iter().collect();
    found.sort_by(|(_, a), (_, b)| usual_order(a, b));
    found.truncate(limit);
    Ok(found.into_iter().map(|(row, key)| Found { cursor: Cursor { sort: None, key }, row }).collect())
}

fn ordered(
    state: &Transaction<'_>,
    query: &Query,
    namespace: i64,
    order: &OrderBy,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Vec<Found>, Error> {
    let after = after.map(|cursor| (cursor.sort.clone().unwrap_or(Literal::Null), cursor.key.clone()));
    let sql = plan::ordered_page(query, namespace, &order.field, order.direction, after.as_ref(), limit);
    let mut statement = state.prepare_cached(&sql.text)?;
    let found = rows(&mut statement, &sql, |row| {
        let cursor = Cursor { sort: Some(literal(row.get_ref(0)?)), key: key(row, 1)? };
        Ok(Found { cursor, row: row.get(4)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn rows<'s, T: 's>(
    statement: &'s mut CachedStatement<'_>,
    sql: &Sql,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T> + 's,
) -> Result<impl Iterator<Item = rusqlite::Result<T>> + 's, Error> {
    Ok(statement.query_map(params_from_iter(&sql.values), read)?)
}

/// Open ones first, then the latest close, the latest start, the greatest run id. Texts are less than bytes, as in SQLite.
fn usual_order(a: &Key, b: &Key) -> Ordering {
    let run = |key: &Key| match &key.run {
        Literal::Bytes(bytes) => (1, bytes.clone()),
        Literal::Text(text) => (0, text.clone().into_bytes()),
        Literal::Null | Literal::Int(_) | Literal::Real(_) => (0, Vec::new()),
    };
    (b.closed, b.start).cmp(&(a.closed, a.start)).then_with(|| run(b).cmp(&run(a)))
}

fn key(row: &Row<'_>, from: usize) -> rusqlite::Result<Key> {
    Ok(Key { closed: row.get(from)?, start: row.get(from + 1)?, run: literal(row.get_ref(from + 2)?) })
}

fn literal(value: ValueRef<'_>) -> Literal {
    match value {
        ValueRef::Null => Literal::Null,
        ValueRef::Integer(value) => Literal::Int(value),
        ValueRef::Real(value) => Literal::Real(value),
        ValueRef::Text(text) => Literal::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Literal::Bytes(bytes.to_vec()),
    }
}

/// The value of a group as people know it.
fn shown(field: Option<&Field>, value: Literal) -> Literal {
    match (field, value) {
        (Some(Field::System(System::ExecutionStatus)), Literal::Int(number)) => {
            Status::from_number(number).map_or(Literal::Int(number), |status| Literal::text(status.name()))
        }
        (_, value) => value,
    }
}

fn records(state: &Transaction<'_>, namespace: &str, rows: &[i64]) -> Result<Vec<Record>, Error> {
    let sql = "SELECT run, status, start, closed, execution, history_length, history_size, transitions, workflow_id, \
               type, task_queue, parent_workflow, parent_run, root_workflow, root_run, attributes, memo \
               FROM runs WHERE row = ?";
    let mut statement = state.prepare_cached(sql)?;
    rows.iter().map(|row| Ok(statement.query_row(params![row], |row| record(namespace, row))?)).collect()
}

fn record(namespace: &str, row: &Row<'_>) -> rusqlite::Result<Record> {
    let number: i64 = row.get(1)?;
    let status = Status::from_number(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(1, number))?;
    let closed: i64 = row.get(3)?;
    Ok(Record {
        namespace: namespace.to_owned(),
        workflow_id: row.get(8)?,
        run_id: run_id(row.get_ref(0)?),
        workflow_type: row.get(9)?,
        status,
        task_queue: row.get(10)?,
        start_time: row.get(2)?,
        execution_time: row.get(4)?,
        close_time: (closed != OPEN).then_some(closed),
        history_length: row.get(5)?,
        history_size_bytes: row.get(6)?,
        state_transition_count: row.get(7)?,
        parent: run_ref(row.get(11)?, row.get_ref(12)?),
        root: run_ref(row.get(13)?, row.get_ref(14)?),
        search_attributes: row.get(15)?,
        memo: row.get(16)?,
    })
}

fn run_ref(workflow_id: Option<String>, run: ValueRef<'_>) -> Option<RunRef> {
    workflow_id.map(|workflow_id| RunRef { workflow_id, run_id: run_id(run) })
}

fn run_id(value: ValueRef<'_>) -> String {
    match literal(value) {
        Literal::Bytes(bytes) => unpacked(&bytes),
        Literal::Text(text) => text,
        Literal::Null | Literal::Int(_) | Literal::Real(_) => String::new(),
    }
}
