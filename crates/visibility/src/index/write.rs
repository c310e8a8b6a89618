//! Writing a batch: one transaction, prepared statements, and nothing written that does not change.

use std::collections::BTreeMap;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql, Transaction, params};

use super::batch::{Batch, Gathered};
use super::{Error, Numbers};
use crate::attribute::{Class, Entry, entries};
use crate::plan::sql::{Literal, packed};
use crate::plan::{OPEN, space};
use crate::record::{Change, Record, RunRef};
use crate::schema::DIVISION;

impl ToSql for Literal {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

pub(super) fn apply(
    connection: &mut Connection,
    numbers: &mut Numbers,
    indexed: &mut BTreeMap<u32, u64>,
    batch: &Batch,
) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    let mut writer = Writer { transaction: &transaction, numbers, tallies: BTreeMap::new() };
    for gathered in batch.changes() {
        let known = indexed.get(&gathered.group).copied();
        if gathered.index.is_none_or(|index| known.is_none_or(|known| index > known)) {
            writer.change(gathered)?;
        }
    }
    writer.tally()?;
    for (&group, &index) in batch.positions() {
        if indexed.get(&group).is_none_or(|known| index > *known) {
            let sql = "INSERT INTO indexed (grp, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at";
            transaction.prepare_cached(sql)?.execute(params![group, index.cast_signed()])?;
        }
    }
    transaction.commit()?;
    for (&group, &index) in batch.positions() {
        let known = indexed.entry(group).or_insert(index);
        *known = index.max(*known);
    }
    Ok(())
}

/// All of a group, in one transaction. It looks at every row: groups are forgotten or rebuilt seldom.
pub(super) fn remove_group(connection: &mut Connection, group: u32) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    let of_group = "(SELECT row FROM runs WHERE grp = ?)";
    transaction.execute(&format!("DELETE FROM attributes WHERE row IN {of_group}"), params![group])?;
    transaction.execute(&format!("DELETE FROM attribute_order WHERE row IN {of_group}"), params![group])?;
    transaction.execute("DELETE FROM runs WHERE grp = ?", params![group])?;
    transaction.execute("DELETE FROM indexed WHERE grp = ?", params![group])?;
    transaction.execute("DELETE FROM tallies WHERE grp = ?", params![group])?;
    transaction.commit()?;
    Ok(())
}

struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    numbers: &'a mut Numbers,
    /// What this transaction adds to the counts, by space, type, status and group.
    tallies: BTreeMap<(i64, String, i64, u32), i64>,
}

/// What the index holds of a run that changes.
struct Known {
    row: i64,
    group: u32,
    place: Place,
    workflow_id: String,
    kind: String,
    status: i64,
    parent: Option<(String, Value)>,
    root: Option<(String, Value)>,
    attributes: Vec<u8>,
}

/// Where a run stands in lists.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    space: i64,
    closed: i64,
    start: i64,
}

impl Writer<'_> {
    fn change(&mut self, gathered: &Gathered) -> Result<(), Error> {
        match &gathered.change {
            Change::Upsert(record) => self.upsert(gathered.group, record),
            Change::Remove { namespace, run_id } => {
                let namespace = self.namespace(namespace)?;
                match self.known(namespace, &packed(run_id))? {
                    Some(known) => self.remove(&known, &packed(run_id)),
                    None => Ok(()),
                }
            }
        }
    }

    fn upsert(&mut self, group: u32, record: &Record) -> Result<(), Error> {
        let namespace = self.namespace(&record.namespace)?;
        let run = packed(&record.run_id);
        match self.known(namespace, &run)? {
            None => self.insert(group, namespace, record, &run),
            Some(known) if same_identity(&known, record) => {
                let has = entries(&record.search_attributes);
                let place = place(namespace, record, &has);
                if place.space != known.place.space {
                    self.remove(&known, &run)?;
                    return self.insert(group, namespace, record, &run);
                }
                self.update(group, &known, record, &place)?;
                self.move_attributes(&known, record, &place, &run, &has)
            }
            Some(known) => {
                self.remove(&known, &run)?;
                self.insert(group, namespace, record, &run)
            }
        }
    }

    fn known(&mut self, namespace: i64, run: &Literal) -> Result<Option<Known>, Error> {
        let sql = "SELECT row, space, closed, start, workflow_id, type, status, parent_workflow, parent_run, \
                   root_workflow, root_run, attributes, grp FROM runs WHERE run = ? AND space BETWEEN ? AND ?";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let found = statement.query_row(params![run, space(namespace, false), space(namespace, true)], |row| {
            let pair = |workflow: Option<String>, run: Value| workflow.map(|workflow| (workflow, run));
            Ok(Known {
                row: row.get(0)?,
                place: Place { space: row.get(1)?, closed: row.get(2)?, start: row.get(3)? },
                workflow_id: row.get(4)?,
                kind: row.get(5)?,
                status: row.get(6)?,
                parent: pair(row.get(7)?, row.get(8)?),
                root: pair(row.get(9)?, row.get(10)?),
                attributes: row.get(11)?,
                group: row.get(12)?,
            })
        });
        Ok(found.optional()?)
    }

    fn insert(&mut self, group: u32, namespace: i64, record: &Record, run: &Literal) -> Result<(), Error> {
        let has = entries(&record.search_attributes);
        let place = place(namespace, record, &has);
        let sql = "INSERT INTO runs (space, run, status, start, closed, execution, history_length, history_size, \
                   transitions, grp, workflow_id, type, task_queue, parent_workflow, parent_run, root_workflow, \
                   root_run, attributes, memo) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        self.transaction.prepare_cached(sql)?.execute(params![
            place.space,
            run,
            record.status.number(),
            place.start,
            place.closed,
            record.execution_time,
            record.history_length,
            record.history_size_bytes,
            record.state_transition_count,
            group,
            record.workflow_id,
            record.workflow_type,
            record.task_queue,
            record.parent.as_ref().map(|run| &run.workflow_id),
            record.parent.as_ref().map(|run| packed(&run.run_id)),
            record.root.as_ref().map(|run| &run.workflow_id),
            record.root.as_ref().map(|run| packed(&run.run_id)),
            record.search_attributes,
            record.memo,
        ])?;
        let row = self.transaction.last_insert_rowid();
        self.add_attributes(row, &place, run, &has)?;
        self.count(&place, group, &record.workflow_type, record.status.number(), 1);
        Ok(())
    }

    /// SQLite touches every index of a column that is set, changed or not, so only what changes is set. Both statements
    /// take the same values: the first asks for the status and close time that the second sets.
    fn update(&mut self, group: u32, known: &Known, record: &Record, place: &Place) -> Result<(), Error> {
        let status = record.status.number();
        let stays = (status, place.closed) == (known.status, known.place.closed);
        let sql = if stays {
            "UPDATE runs SET execution = ?3, history_length = ?4, history_size = ?5, transitions = ?6, grp = ?7, \
             task_queue = ?8, attributes = ?9, memo = ?10 WHERE row = ?11 AND ?1 = status AND ?2 = closed"
        } else {
            "UPDATE runs SET status = ?1, closed = ?2, execution = ?3, history_length = ?4, history_size = ?5, \
             transitions = ?6, grp = ?7, task_queue = ?8, attributes = ?9, memo = ?10 WHERE row = ?11"
        };
        self.transaction.prepare_cached(sql)?.execute(params![
            status,
            place.closed,
            record.execution_time,
            record.history_length,
            record.history_size_bytes,
            record.state_transition_count,
            group,
            record.task_queue,
            record.search_attributes,
            record.memo,
            known.row,
        ])?;
        if !stays || group != known.group {
            self.count(place, known.group, &record.workflow_type, known.status, -1);
            self.count(place, group, &record.workflow_type, status, 1);
        }
        Ok(())
    }

    fn remove(&mut self, known: &Known, run: &Literal) -> Result<(), Error> {
        self.remove_attributes(known, run)?;
        self.transaction.prepare_cached("DELETE FROM runs WHERE row = ?")?.execute(params![known.row])?;
        self.count(&known.place, known.group, &known.kind, known.status, -1);
        Ok(())
    }

    fn move_attributes(
        &mut self,
        known: &Known,
        record: &Record,
        place: &Place,
        run: &Literal,
        has: &[Entry],
    ) -> Result<(), Error> {
        if known.attributes != record.search_attributes {
            self.remove_attributes(known, run)?;
            return self.add_attributes(known.row, place, run, has);
        }
        if *place == known.place {
            return Ok(());
        }
        for entry in has {
            let field = self.field(&entry.name, entry.class)?;
            self.remove_ordered(field, entry, known, run)?;
            self.add_ordered(known.row, field, entry, place, run)?;
        }
        Ok(())
    }

    fn add_attributes(&mut self, row: i64, place: &Place, run: &Literal, has: &[Entry]) -> Result<(), Error> {
        for entry in has {
            let field = self.field(&entry.name, entry.class)?;
            let sql = "INSERT OR IGNORE INTO attributes (row, field, value) VALUES (?, ?, ?)";
            self.transaction.prepare_cached(sql)?.execute(params![row, field, entry.value])?;
            self.add_ordered(row, field, entry, place, run)?;
        }
        Ok(())
    }

    fn remove_attributes(&mut self, known: &Known, run: &Literal) -> Result<(), Error> {
        for entry in entries(&known.attributes) {
            let field = self.field(&entry.name, entry.class)?;
            let sql = "DELETE FROM attributes WHERE row = ? AND field = ? AND value = ?";
            self.transaction.prepare_cached(sql)?.execute(params![known.row, field, entry.value])?;
            self.remove_ordered(field, &entry, known, run)?;
        }
        Ok(())
    }

    fn add_ordered(&self, row: i64, field: i64, entry: &Entry, place: &Place, run: &Literal) -> Result<(), Error> {
        let sql = "INSERT OR IGNORE INTO attribute_order (space, field, value, closed, start, run, row) \
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        let values = params![place.space, field, entry.value, place.closed, place.start, run, row];
        self.transaction.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn remove_ordered(&self, field: i64, entry: &Entry, known: &Known, run: &Literal) -> Result<(), Error> {
        let sql = "DELETE FROM attribute_order WHERE space = ? AND field = ? AND value = ? AND closed = ? \
                   AND start = ? AND run = ? AND row = ?";
        let place = &known.place;
        let values = params![place.space, field, entry.value, place.closed, place.start, run, known.row];
        self.transaction.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn count(&mut self, place: &Place, group: u32, kind: &str, status: i64, by: i64) {
        *self.tallies.entry((place.space, kind.to_owned(), status, group)).or_default() += by;
    }

    fn tally(&mut self) -> Result<(), Error> {
        for ((space, kind, status, group), by) in std::mem::take(&mut self.tallies) {
            if by == 0 {
                continue;
            }
            let sql = "INSERT INTO tallies (space, type, status, grp, count) VALUES (?, ?, ?, ?, ?) \
                       ON CONFLICT DO UPDATE SET count = count + excluded.count";
            self.transaction.prepare_cached(sql)?.execute(params![space, kind, status, group, by])?;
            let sql = "DELETE FROM tallies WHERE space = ? AND type = ? AND status = ? AND grp = ? AND count <= 0";
            self.transaction.prepare_cached(sql)?.execute(params![space, kind, status, group])?;
        }
        Ok(())
    }

    fn namespace(&mut self, id: &str) -> Result<i64, Error> {
        if let Some(&number) = self.numbers.namespaces.get(id) {
            return Ok(number);
        }
        let sql = "INSERT INTO namespaces (id) VALUES (?) ON CONFLICT DO UPDATE SET id = id RETURNING number";
        let number = self.transaction.prepare_cached(sql)?.query_row(params![id], |row| row.get(0))?;
        self.numbers.namespaces.insert(id.to_owned(), number);
        Ok(number)
    }

    fn field(&mut self, name: &str, class: Class) -> Result<i64, Error> {
        let key = (name.to_owned(), class);
        if let Some(&number) = self.numbers.fields.get(&key) {
            return Ok(number);
        }
        let sql = "INSERT INTO fields (name, class) VALUES (?, ?) \
                   ON CONFLICT DO UPDATE SET name = name RETURNING number";
        let number = self.transaction.prepare_cached(sql)?.query_row(params![name, class as i64], |row| row.get(0))?;
        self.numbers.fields.insert(key, number);
        Ok(number)
    }
}

/// Lists go by the status: an open run has no close time, and nothing closes before it starts.
fn place(namespace: i64, record: &Record, has: &[Entry]) -> Place {
    let closed = if record.status.is_open() {
        OPEN
    } else {
        record.close_time.unwrap_or(record.start_time).max(record.start_time).min(OPEN - 1)
    };
    let hidden = has.iter().any(|entry| entry.name == DIVISION);
    Place { space: space(namespace, hidden), closed, start: record.start_time }
}

/// What never changes of a run, and what is therefore not updated.
fn same_identity(known: &Known, record: &Record) -> bool {
    let same = |known: &Option<(String, Value)>, run: &Option<RunRef>| match (known, run) {
        (None, None) => true,
        (Some((workflow_id, run_id)), Some(run)) => {
            *workflow_id == run.workflow_id && *run_id == value(packed(&run.run_id))
        }
        (None, Some(_)) | (Some(_), None) => false,
    };
    known.workflow_id == record.workflow_id
        && known.kind == record.workflow_type
        && known.place.start == record.start_time
        && same(&known.parent, &record.parent)
        && same(&known.root, &record.root)
}

fn value(literal: Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Int(value) => Value::Integer(value),
        Literal::Real(value) => Value::Real(value),
        Literal::Text(text) => Value::Text(text),
        Literal::Bytes(bytes) => Value::Blob(bytes),
    }
}
