//! `weft.toml`: whose data lies beside it.
//!
//! ```text
//! magic = "weft data directory"     always the same; read before anything else
//! format = 1                        the format level of the cluster: what may stand in the directory
//! cluster = "…"                     UUID
//! node = 1
//! created_by = "0.1.0"              version that founded the directory
//! state = "fjall"                   backend of the applied state
//! joined = "…"                      UUID; its node founded nothing, but joined as this incarnation; absent otherwise
//! ```
//!
//! Keys that a later version of the same format adds are ignored. A format that the caller does not know is not looked into
//! further.

use std::{ops::RangeInclusive, path::Path};

use toml::{Table, Value};
use uuid::Uuid;

use super::Error;

const MAGIC: &str = "weft data directory";

/// Which backend keeps the applied state. The names are pinned: they stand on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Fjall,
    Sled,
}

/// Whose data a directory holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The format level that its cluster has, or is about to have.
    pub format: u32,
    pub cluster: Uuid,
    pub node: u32,
    pub shards: u16,
    pub created_by: String,
    pub backend: Backend,
    /// Its node joined a cluster that was there, as this incarnation of it: what its log lacks comes from others.
    pub joined: Option<Uuid>,
}

impl Backend {
    const ALL: [Self; 2] = [Self::Fjall, Self::Sled];

    pub fn name(self) -> &'static str {
        match self {
            Self::Fjall => "fjall",
            Self::Sled => "sled",
        }
    }

    /// The backend with this name, as on disk and in configuration.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|backend| backend.name() == name)
    }
}

impl Identity {
    pub(super) fn encode(&self) -> String {
        let Self { format, cluster, node, shards, created_by, backend, joined } = self;
        let joined = joined.map(|incarnation| format!("joined = \"{incarnation}\"\n")).unwrap_or_default();
        let (cluster, created_by) = (Value::from(cluster.to_string()), Value::from(created_by.as_str()));
        format!(
            "# Written by weft-server: whose data lies beside this file. Do not edit.\n\
             magic = \"{MAGIC}\"\nformat = {format}\ncluster = {cluster}\nnode = {node}\nshards = {shards}\n\
             created_by = {created_by}\nstate = \"{}\"\n{joined}",
            backend.name()
        )
    }

    pub(super) fn decode(bytes: &[u8], path: &Path, known: &RangeInclusive<u32>) -> Result<Self, Error> {
        let damaged = |why: &str| Error::Damaged { path: path.to_owned(), why: why.to_owned() };
        let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
        let table: Table = text.parse().map_err(|_| damaged("it is not TOML"))?;
        if table.get("magic").and_then(Value::as_str) != Some(MAGIC) {
            return Err(damaged("it is not the identity of a data directory"));
        }
        let format = number(&table, "format");
        let format = format.ok_or_else(|| damaged("it has no format"))?;
        if format == 0 {
            return Err(damaged("no version ever had its format"));
        }
        if format > *known.end() {
            return Err(Error::Newer { path: path.to_owned(), found: format, known: *known.end() });
        }
        if format < *known.start() {
            return Err(Error::Older { path: path.to_owned(), found: format, known: *known.start() });
        }
        let cluster = string(&table, "cluster").and_then(|cluster| Uuid::try_parse(cluster).ok());
        let shards = number(&table, "shards").and_then(|count| u16::try_from(count).ok()).filter(|count| *count > 0);
        let joined = string(&table, "joined").map(Uuid::try_parse).transpose();
        let joined = joined.map_err(|_| damaged("what it says of joining is no UUID"))?;
        let state = string(&table, "state").ok_or_else(|| damaged("it names no state backend"))?;
        Ok(Self {
            format,
            cluster: cluster.ok_or_else(|| damaged("it names no cluster"))?,
            node: number(&table, "node").ok_or_else(|| damaged("it names no node"))?,
            shards: shards.ok_or_else(|| damaged("it has no number of shards"))?,
            created_by: string(&table, "created_by").unwrap_or("unknown").to_owned(),
            backend: Backend::named(state).ok_or_else(|| damaged("its state backend is unknown"))?,
            joined,
        })
    }
}

fn string<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(Value::as_str)
}

fn number(table: &Table, key: &str) -> Option<u32> {
    table.get(key).and_then(Value::as_integer).and_then(|number| u32::try_from(number).ok())
}
