//! A store that is a map, to replay writes on.

use std::{collections::BTreeMap, vec::Vec};

use prost::bytes::Bytes;
use weft_engine::{Execution, RunId, WorkflowKey};

use crate::{Corrupt, Op, history, load, table};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Store(pub(crate) BTreeMap<(u8, Vec<u8>), Vec<u8>>);

impl Store {
    pub(crate) fn apply<'o>(&mut self, ops: impl IntoIterator<Item = Op<'o>>) {
        for Op { table, key, value } in ops {
            match value {
                Some(value) => self.0.insert((table, key.to_vec()), value.to_vec()),
                None => self.0.remove(&(table, key.to_vec())),
            };
        }
    }

    pub(crate) fn get(&self, table: u8, key: &[u8]) -> Option<&Vec<u8>> {
        self.0.get(&(table, key.to_vec()))
    }

    pub(crate) fn under(&self, table: u8, prefix: &[u8]) -> Vec<(Bytes, Bytes)> {
        let rows = self
            .0
            .range((table, prefix.to_vec())..)
            .take_while(|((id, key), _)| *id == table && key.starts_with(prefix));
        rows.map(|((_, key), value)| (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value))).collect()
    }

    /// The rows from a key up to but without another.
    pub(crate) fn between(&self, table: u8, from: &[u8], to: &[u8]) -> Vec<(Bytes, Bytes)> {
        let rows = self.0.range((table, from.to_vec())..(table, to.to_vec()));
        rows.map(|((_, key), value)| (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value))).collect()
    }

    /// A run as whoever leads next has it in memory.
    pub(crate) fn load(&self, key: &WorkflowKey, run: &RunId) -> Option<Result<Execution, Corrupt>> {
        let core = self.get(table::EXECUTION, &load::execution_key(key, run))?;
        let trunk = load::decode_branch(run, core).map(|branch| branch.trunk().clone()).unwrap_or(run.clone());
        let batches = self.under(table::HISTORY, &history::branch_prefix(key, &trunk));
        let parts = load::Parts {
            core: Bytes::copy_from_slice(core),
            first_batch: batches.first().map(|(_, batch)| batch.clone()).unwrap_or_default(),
            activities: self.under(table::ACTIVITY, &load::activity_prefix(key, run)),
            timers: self.under(table::TIMER, &load::timer_prefix(key, run)),
            children: self.under(table::CHILD, &load::child_prefix(key, run)),
            external: self.under(table::EXTERNAL, &load::external_prefix(key, run)),
            buffered: self.under(table::BUFFERED, &load::buffered_prefix(key, run)),
            updates: self.under(table::UPDATE, &load::update_prefix(key, run)),
            requests: self.under(table::REQUEST_ID, &load::request_prefix(key, run)),
        };
        Some(load::assemble(key, run, &parts))
    }
}
