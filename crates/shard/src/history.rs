//! Reading a run's history: from memory where it is recent, else from the store.
//!
//! Invariant: the caller asks only for events below a `next_event_id` that was answered to it, so all of them are
//! applied; what is missing then is corruption, not a race. A shard that this node gives up meanwhile is not read.

use std::sync::Arc;

use bytes::Bytes;
use weft_engine::{
    EventId, WorkflowKey,
    state::{Branch, BranchId, Hash, Part},
};
use weft_protocol::{api::history::HistoryEvent, prost::Message};
use weft_rows::{
    self as rows, Corrupt,
    history::{Audit, Broken, Stretch},
    table,
};
use weft_store::state::{KeyRange, Order};

use crate::{call::Failure, loader::LoadError, loader::Reader, shared::Shared};

/// Events, each the bytes of a `HistoryEvent` as they were stored.
pub type Events = Vec<Bytes>;

/// Batches that are read in one go when a history is verified: others want to read too.
const VERIFIED_AT_ONCE: usize = 64;

/// Reads histories of one shard's workflows.
#[derive(Clone)]
pub struct HistoryReader {
    /// None where there is no copy of it.
    pub(crate) shared: Option<Arc<Shared>>,
}

impl HistoryReader {
    /// Events `from..to`, at most `limit` of them, oldest first.
    ///
    /// # Errors
    /// `Storage` when the rows cannot be read.
    pub async fn read(
        &self,
        key: &WorkflowKey,
        branch: &Branch,
        from: EventId,
        to: EventId,
        limit: usize,
    ) -> Result<Events, Failure> {
        let to = EventId(to.0.min(from.0.saturating_add(i64::try_from(limit).unwrap_or(i64::MAX))));
        if from >= to {
            return Ok(Vec::new());
        }
        let shared = self.shared()?;
        let mut events = Vec::new();
        for Part { branch, from, to } in branch.parts(from, to) {
            if let Some(recent) = shared.events.range(&branch, from, to) {
                events.extend(recent);
                continue;
            }
            let (reader, key) = (shared.reader.clone(), key.clone());
            events.extend(call(shared, move || reader.events(&key, &branch, from, to)).await?);
        }
        Ok(events)
    }

    fn shared(&self) -> Result<&Shared, Failure> {
        self.shared.as_deref().ok_or(Failure::NotLeader)
    }

    /// Checks the chain of a branch over its stored bytes, which must end with `end` before event `next`. `kept` is a
    /// head that was kept elsewhere. Says how far the chain holds, and where it breaks if it does.
    ///
    /// # Errors
    /// `Storage` when the rows cannot be read.
    pub async fn verify(
        &self,
        key: &WorkflowKey,
        branch: &Branch,
        (end, next): (Hash, EventId),
        kept: Option<Hash>,
    ) -> Result<(Audit, Option<Broken>), Failure> {
        let mut audit = Audit::new(kept);
        // What is appended meanwhile is left out.
        for stretch in rows::history::stretches(key, branch, next) {
            if let Some(broken) = self.audit(&mut audit, &stretch).await? {
                return Ok((audit, Some(broken)));
            }
        }
        let broken = audit.end(&end, next).err();
        Ok((audit, broken))
    }

    async fn audit(&self, audit: &mut Audit, stretch: &Stretch) -> Result<Option<Broken>, Failure> {
        let mut from = stretch.from.clone();
        loop {
            let shared = self.shared()?;
            let (reader, range) = (shared.reader.clone(), KeyRange::between(from, stretch.to.clone()));
            let scan = move || Ok(reader.store.scan(table::HISTORY, &range, Order::Ascending, VERIFIED_AT_ONCE)?);
            let rows = call(shared, scan).await?;
            for (row, batch) in &rows {
                if let Err(broken) = audit.row(stretch, row, batch) {
                    return Ok(Some(broken));
                }
            }
            match rows.last() {
                Some((last, _)) if rows.len() == VERIFIED_AT_ONCE => from = crate::loader::successor(last),
                Some(_) | None => return Ok(None),
            }
        }
    }

    /// One event, as a message.
    ///
    /// # Errors
    /// `Storage` when it cannot be read or is not there.
    pub async fn event(&self, key: &WorkflowKey, branch: &Branch, id: EventId) -> Result<HistoryEvent, Failure> {
        let events = self.read(key, branch, id, id.next(), 1).await?;
        let event = events.first().and_then(|bytes| HistoryEvent::decode(&**bytes).ok());
        event.ok_or_else(|| Failure::Storage(format!("event {id} of {}", key.workflow).into()))
    }
}

async fn call<T: Send + 'static>(
    shared: &Shared,
    read: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, Failure> {
    let read = match shared.pool.call(read).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => Err(Failure::Storage(error.to_string().into())),
        Err(panic) => Err(Failure::Storage(panic.to_string().into())),
    };
    shared.whole(read)
}

impl Reader {
    /// Events `from..to` that stand under a branch's own id, all of them.
    pub(crate) fn events(
        &self,
        key: &WorkflowKey,
        branch: &BranchId,
        from: EventId,
        to: EventId,
    ) -> Result<Events, LoadError> {
        let prefix = rows::history::branch_prefix(key, branch);
        // The batch that holds `from` may begin before it.
        let upto = KeyRange::between(prefix.clone(), rows::history::key(key, branch, from.next()));
        let start = self.store.scan(table::HISTORY, &upto, Order::Descending, 1)?;
        let first = start.into_iter().next().map_or(prefix, |(key, _)| key.to_vec());
        let range = KeyRange::between(first, rows::history::key(key, branch, to));
        let mut events = Vec::with_capacity(usize::try_from(to.0 - from.0).unwrap_or(0));
        for (_, bytes) in self.store.scan(table::HISTORY, &range, Order::Ascending, usize::MAX)? {
            let (first, ranges) = rows::history::event_ranges(&bytes)?;
            let numbered = (first.0..).zip(ranges).filter(|(id, _)| (from.0..to.0).contains(id));
            events.extend(numbered.map(|(_, range)| bytes.slice(range)));
        }
        if events.len() as i64 != to.0 - from.0 {
            return Err(Corrupt::missing(table::HISTORY, "events of a branch").into());
        }
        Ok(events)
    }
}
