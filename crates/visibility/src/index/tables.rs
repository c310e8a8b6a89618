//! The layout of the file, and how its connections are set up.
//!
//! ```text
//! runs             one row per run. closed is i64::MAX while the run is open; space is namespace number * 2, + 1 for
//!                  runs of a namespace division; run ids are 16 bytes if they are UUIDs; root_* is NULL for a root
//! attributes       (row, field, value)                            what one run has: tests of one run
//! attribute_order  (space, field, value, closed, start, run, row) who has a value, in the order of lists
//! tallies          (space, type, status, group) -> count          counts without looking at the runs
//! indexed          group -> log index
//! namespaces, fields                                              small numbers for long names
//! ```
//!
//! A workflow starts with an insert into `runs` and its indexes and closes with an update that moves it in two of them;
//! only runs with search attributes pay for those, and `by_parent` and `by_root` hold children only.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::Error;

/// Raised with every change of the layout; a file with another one is built again.
pub(super) const LAYOUT: i64 = 2;

/// The tallies had no group: they are counted again, and all else stays.
const UNGROUPED_TALLIES: i64 = 1;

/// Statements that are kept prepared. A few dozen write; the rest are lists and counts that are asked again and again.
const STATEMENTS: usize = 96;

const TABLES: &str = "
CREATE TABLE indexed (grp INTEGER PRIMARY KEY, at INTEGER NOT NULL);
CREATE TABLE namespaces (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE fields (number INTEGER PRIMARY KEY, name TEXT NOT NULL, class INTEGER NOT NULL, UNIQUE (name, class));
CREATE TABLE runs (
    row INTEGER PRIMARY KEY,
    space INTEGER NOT NULL,
    run NOT NULL,
    status INTEGER NOT NULL,
    start INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    history_length INTEGER NOT NULL,
    history_size INTEGER NOT NULL,
    transitions INTEGER NOT NULL,
    grp INTEGER NOT NULL,
    workflow_id TEXT NOT NULL,
    type TEXT NOT NULL,
    task_queue TEXT NOT NULL,
    parent_workflow TEXT,
    parent_run,
    root_workflow TEXT,
    root_run,
    attributes BLOB NOT NULL,
    memo BLOB NOT NULL
);
CREATE UNIQUE INDEX by_run ON runs (run, space);
CREATE INDEX by_workflow ON runs (space, workflow_id);
CREATE INDEX by_status ON runs (space, status, closed, start, run);
CREATE INDEX by_type ON runs (space, type, status, closed, start, run);
CREATE INDEX by_start ON runs (space, start);
CREATE INDEX by_parent ON runs (space, parent_workflow) WHERE parent_workflow IS NOT NULL;
CREATE INDEX by_root ON runs (space, root_workflow) WHERE root_workflow IS NOT NULL;
CREATE TABLE attributes (
    row INTEGER NOT NULL, field INTEGER NOT NULL, value NOT NULL,
    PRIMARY KEY (row, field, value)
) WITHOUT ROWID;
CREATE TABLE attribute_order (
    space INTEGER NOT NULL, field INTEGER NOT NULL, value NOT NULL,
    closed INTEGER NOT NULL, start INTEGER NOT NULL, run NOT NULL, row INTEGER NOT NULL,
    PRIMARY KEY (space, field, value, closed, start, run, row)
) WITHOUT ROWID;
";

const TALLIES: &str = "
CREATE TABLE tallies (
    space INTEGER NOT NULL, type TEXT NOT NULL, status INTEGER NOT NULL, grp INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (space, type, status, grp)
) WITHOUT ROWID;
";

const COUNT_AGAIN: &str = "
INSERT INTO tallies SELECT space, type, status, grp, count(*) FROM runs GROUP BY space, type, status, grp;
";

/// Sets up the writer's connection and makes the tables of a new file.
pub(super) fn prepare(connection: &Connection, on_disk: bool) -> Result<(), Error> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if on_disk {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // The write-ahead file is folded in every 64 MiB: pages that change often are then written once for many changes,
        // and a node's checkpoint mostly comes first.
        connection.pragma_update(None, "wal_autocheckpoint", 16_384)?;
        connection.pragma_update(None, "cache_size", -32_768)?;
    }
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    match connection.pragma_query_value(None, "user_version", |row| row.get(0))? {
        0_i64 => {
            connection.execute_batch(&format!("BEGIN; {TABLES} {TALLIES} PRAGMA user_version = {LAYOUT}; COMMIT;"))?;
            Ok(())
        }
        UNGROUPED_TALLIES => {
            let again = format!("DROP TABLE tallies; {TALLIES} {COUNT_AGAIN}");
            connection.execute_batch(&format!("BEGIN; {again} PRAGMA user_version = {LAYOUT}; COMMIT;"))?;
            Ok(())
        }
        LAYOUT => Ok(()),
        other => Err(Error::Layout(other)),
    }
}

pub(super) fn tune_reader(connection: &Connection) -> Result<(), Error> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

pub(super) fn indexed(connection: &Connection) -> Result<BTreeMap<u32, u64>, Error> {
    let mut statement = connection.prepare("SELECT grp, at FROM indexed")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Folds the write-ahead file into the index file and syncs both. False if a reader kept it from being folded whole, in
/// which case nothing is known about what was synced.
pub(super) fn checkpoint(connection: &Connection) -> Result<bool, Error> {
    // PASSIVE never waits for readers.
    let folded = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        let (busy, frames, folded): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(busy == 0 && frames == folded)
    })?;
    Ok(folded)
}
