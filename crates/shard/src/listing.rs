//! All runs of a shard as lists show them, read from the store: for a visibility index that must be built again.
//!
//! Invariant: what is read is one moment of the store. While a node opens that is its last checkpoint, and the log's
//! replay brings the index up to date; later it is a view, and what is applied after it is fed to the index. A run that
//! cannot be read is logged and left out; it does not stop the node.

use std::{collections::VecDeque, sync::Arc};

use weft_engine::{RunId, WorkflowKey, info};
use weft_protocol::api::workflow::WorkflowExecutionInfo;
use weft_rows::{SlotRange, load, table};
use weft_store::state::{KeyRange, Order, StateView};

use crate::loader::Reader;

/// Keys read at a time.
const PAGE: usize = 256;

/// The runs of these slots, in the order of their keys. Reading blocks.
pub fn listing(
    store: Arc<dyn StateView>,
    slots: SlotRange,
) -> impl Iterator<Item = (WorkflowKey, WorkflowExecutionInfo)> + Send {
    let (from, end) = load::execution_range(slots);
    Listing { reader: Reader { store }, from, end, page: VecDeque::new(), done: false }
}

struct Listing {
    reader: Reader,
    from: Vec<u8>,
    end: Vec<u8>,
    page: VecDeque<(WorkflowKey, RunId)>,
    done: bool,
}

impl Listing {
    fn read_page(&mut self) {
        let range = KeyRange::between(self.from.clone(), self.end.clone());
        let rows = match self.reader.store.scan(table::EXECUTION, &range, Order::Ascending, PAGE) {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(%error, "reading the executions failed: lists lack the rest");
                Vec::new()
            }
        };
        self.done = rows.len() < PAGE;
        for (key, _) in rows {
            self.from = key.to_vec();
            self.from.push(0);
            match load::decode_execution_key(&key) {
                Ok(run) => self.page.push_back(run),
                Err(error) => tracing::error!(%error, "an execution's key cannot be read: lists lack it"),
            }
        }
    }
}

impl Iterator for Listing {
    type Item = (WorkflowKey, WorkflowExecutionInfo);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((key, run)) = self.page.pop_front() else {
                if self.done {
                    return None;
                }
                self.read_page();
                continue;
            };
            match self.reader.execution(&key, &run) {
                Ok(Some(execution)) => {
                    let info = info(&key, &execution);
                    return Some((key, info));
                }
                Ok(None) => {}
                Err(error) => tracing::error!(workflow = %key.workflow, %run, %error, "lists lack this run"),
            }
        }
    }
}
