//! Reading: pages merged from the branches of a plan, and counts, whole or of some groups. Each answer is one consistent
//! state of the index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Transaction, params, params_from_iter};

use super::Error;
use super::cursor::Cursor;
use super::order::{Order, usual_order};
use super::part::{Count, CountPart, Group, Page, PageRequest, Part, Placed};
use crate::filter::{OrderBy, Query};
use crate::limits::{GROUPS_MAX, PAGE_SIZE_MAX, PART_BYTES_MAX, PART_GROUPS_MAX, SORTED_ROWS_MAX};
use crate::plan::sql::{Literal, Sql, packed, unpacked};
use crate::plan::{self, Key, OPEN, Step};
use crate::record::{Record, RunRef, Status};

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
        let (rows, more) = self.rows(namespace, query, page, usize::MAX)?;
        let next = rows.last().filter(|_| more).map(|last| last.cursor.encode());
        Ok(Page { records: rows.into_iter().map(|row| row.record).collect(), next })
    }

    /// The same rows, to be merged with those of other nodes. It ends early where its records are large.
    pub fn part(&self, namespace: &str, query: &Query, page: &PageRequest) -> Result<Part, Error> {
        let (rows, more) = self.rows(namespace, query, page, PART_BYTES_MAX)?;
        Part::of(Order::List(query), rows, more)
    }

    fn rows(
        &self,
        namespace: &str,
        query: &Query,
        page: &PageRequest,
        bytes_max: usize,
    ) -> Result<(Vec<Placed>, bool), Error> {
        let (size, after) = page.read(query)?;
        let mut connection = self.connection.lock();
        let state = connection.transaction()?;
        let Some(number) = namespace_number(&state, namespace, query)? else { return Ok((Vec::new(), false)) };
        let found = match query.order_by() {
            Some(order) => ordered(&state, query, number, order, after.as_ref(), size + 1)?,
            None => merged(&state, query, number, after.as_ref().map(|cursor| &cursor.key), size + 1)?,
        };
        records(&state, namespace, found, size, bytes_max)
    }

    /// The first matches after a run id, in the order of run ids; the order of the query does not matter.
    pub fn walk(&self, namespace: &str, query: &Query, step: &Step) -> Result<Vec<Record>, Error> {
        let (rows, _) = self.walked(namespace, query, step, usize::MAX)?;
        Ok(rows.into_iter().map(|row| row.record).collect())
    }

    /// The same, to be merged with those of other nodes. It ends early where its records are large.
    pub fn walk_part(&self, namespace: &str, query: &Query, step: &Step) -> Result<Part, Error> {
        let (rows, more) = self.walked(namespace, query, step, PART_BYTES_MAX)?;
        Part::of(Order::Walk, rows, more)
    }

    /// One that is full may have more behind it: to know that, a walk of many would look for the next match, however far.
    fn walked(
        &self,
        namespace: &str,
        query: &Query,
        step: &Step,
        bytes_max: usize,
    ) -> Result<(Vec<Placed>, bool), Error> {
        let mut connection = self.connection.lock();
        let state = connection.transaction()?;
        let Some(number) = namespace_number(&state, namespace, query)? else { return Ok((Vec::new(), false)) };
        let size = step.limit.clamp(1, PAGE_SIZE_MAX);
        let sql = plan::walk(query, number, step.after.as_deref().map(packed), size, step.how);
        let mut statement = state.prepare_cached(&sql.text)?;
        let found = rows(&mut statement, &sql, |row| {
            // Only the run id counts.
            let key = Key { closed: 0, start: 0, run: literal(row.get_ref(0)?) };
            Ok(Found { cursor: Cursor { sort: None, key }, row: row.get(1)? })
        })?;
        let found: Vec<Found> = found.collect::<Result<_, _>>()?;
        let is_full = found.len() == size;
        let (rows, more) = records(&state, namespace, found, size, bytes_max)?;
        Ok((rows, more || is_full))
    }

    /// How many executions of a namespace match, by group if the query has GROUP BY.
    pub fn count(&self, namespace: &str, query: &Query) -> Result<Count, Error> {
        Ok(Count::merged(query, vec![self.counted(namespace, query, GROUPS_MAX)?]))
    }

    /// The same, to be added to those of other nodes: with all groups, however small, for they may be large together.
    pub fn count_part(&self, namespace: &str, query: &Query) -> Result<CountPart, Error> {
        let part = self.counted(namespace, query, PART_GROUPS_MAX + 1)?;
        if part.groups.len() > PART_GROUPS_MAX { Err(Error::TooManyGroups) } else { Ok(part) }
    }

    fn counted(&self, namespace: &str, query: &Query, limit: usize) -> Result<CountPart, Error> {
        let mut connection = self.connection.lock();
        let state = connection.transaction()?;
        let Some(number) = namespace_number(&state, namespace, query)? else { return Ok(CountPart::default()) };
        let plan = plan::count(query, number, limit).0;
        let mut statement = state.prepare_cached(&plan.text)?;
        let rows = statement.query_map(params_from_iter(&plan.values), |row| {
            let count = row.get::<_, Option<i64>>(1)?.unwrap_or(0).max(0).cast_unsigned();
            Ok(Group { value: literal(row.get_ref(0)?), count })
        })?;
        Ok(CountPart { groups: rows.collect::<Result<_, _>>()? })
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

/// The number of a namespace; none if nothing can match there.
fn namespace_number(state: &Transaction<'_>, namespace: &str, query: &Query) -> Result<Option<i64>, Error> {
    if query.within.as_ref().is_some_and(BTreeSet::is_empty) {
        return Ok(None);
    }
    let mut statement = state.prepare_cached("SELECT number FROM namespaces WHERE id = ?")?;
    Ok(statement.query_row(params![namespace], |row| row.get(0)).optional()?)
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

/// The first of those that were found, with what a list shows of them, and whether there are more.
fn records(
    state: &Transaction<'_>,
    namespace: &str,
    found: Vec<Found>,
    size: usize,
    bytes_max: usize,
) -> Result<(Vec<Placed>, bool), Error> {
    let sql = "SELECT run, status, start, closed, execution, history_length, history_size, transitions, workflow_id, \
               type, task_queue, parent_workflow, parent_run, root_workflow, root_run, attributes, memo \
               FROM runs WHERE row = ?";
    let mut statement = state.prepare_cached(sql)?;
    let (count, mut bytes) = (found.len(), 0);
    let mut rows: Vec<Placed> = Vec::with_capacity(count.min(size));
    for Found { cursor, row } in found {
        if rows.len() == size || bytes >= bytes_max {
            break;
        }
        let record = statement.query_row(params![row], |row| record(namespace, row))?;
        bytes = bytes.saturating_add(record.memo.len() + record.search_attributes.len());
        rows.push(Placed { cursor, record });
    }
    let more = rows.len() < count;
    Ok((rows, more))
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
