//! The leader's proposals, in order, and what waits for each.
//!
//! Invariants: a shard's proposals leave from one task, in order (rule 3). An answer leaves only when every batch that
//! its state includes is applied, and leadership was confirmed after its request arrived: by the commit of a batch that
//! was proposed after that, or by ReadIndex (rule 1). After any failed or void proposal nothing that waits is answered
//! but `UNAVAILABLE` (rule 2), and a void batch has no effects.

use std::{collections::VecDeque, future::Future};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesOrdered};
use weft_raft::{Group, ProposeError, ReadError};
use weft_rows::{Ops, batch};

use crate::replica::Outcome;

/// The order of gates: what was decided under gate `n` is certain once gate `n` has opened.
pub(crate) type GateNo = u64;

/// Leadership as this task holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) leader: u64,
    pub(crate) term: u64,
    pub(crate) epoch: u64,
}

/// Leadership is lost, or it is not known what became of a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Lost {
    #[error("a batch has no answer: {0}")]
    Unanswered(#[from] ProposeError),
    #[error("a batch came too late: a later epoch is open")]
    Void,
    #[error("leadership was not confirmed: {0}")]
    Unconfirmed(#[from] ReadError),
    #[error("the shard's rows were not read")]
    Unread,
}

/// Proposals under way and what waits for them. `P` is what waits.
pub(crate) struct Pipeline<P> {
    group: Group,
    epoch: Epoch,
    sequence: u64,
    next_gate: GateNo,
    batches_in_flight: usize,
    gates: FuturesOrdered<BoxFuture<'static, (bool, Result<(), Lost>)>>,
    parked: VecDeque<Vec<P>>,
}

/// What was decided since the last proposal.
pub(crate) struct Building<P> {
    pub(crate) ops: Ops,
    pub(crate) visibility: Vec<Vec<u8>>,
    pub(crate) parcels: Vec<P>,
}

impl<P> Default for Building<P> {
    fn default() -> Self {
        Self { ops: Ops::default(), visibility: Vec::new(), parcels: Vec::new() }
    }
}

impl<P> Building<P> {
    pub(crate) fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.visibility.is_empty() && self.parcels.is_empty()
    }
}

impl<P> Pipeline<P> {
    pub(crate) fn open(group: Group, epoch: Epoch) -> Self {
        Self {
            group,
            epoch,
            sequence: 0,
            next_gate: 1,
            batches_in_flight: 0,
            gates: FuturesOrdered::new(),
            parked: VecDeque::new(),
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The gate under which whatever is decided now will be certain.
    pub(crate) fn next_gate(&self) -> GateNo {
        self.next_gate
    }

    /// The last gate that has opened.
    pub(crate) fn opened(&self) -> GateNo {
        self.next_gate - 1 - self.parked.len() as u64
    }

    pub(crate) fn batches_in_flight(&self) -> usize {
        self.batches_in_flight
    }

    /// Nothing waits for a gate.
    pub(crate) fn is_idle(&self) -> bool {
        self.parked.is_empty()
    }

    /// Proposes what was decided, or, when nothing was written, confirms leadership for what only read.
    pub(crate) fn propose(&mut self, building: Building<P>, stamp: i64) {
        let Building { ops, visibility, parcels } = building;
        let gate = if ops.is_empty() && visibility.is_empty() {
            confirm(self.group.clone(), self.epoch.term).map(|result| (false, result)).boxed()
        } else {
            self.sequence += 1;
            self.batches_in_flight += 1;
            let header = batch::BatchHeader {
                leader: self.epoch.leader,
                term: self.epoch.term,
                epoch: self.epoch.epoch,
                sequence: self.sequence,
                stamp,
                kind: batch::BatchKind::Normal,
            };
            let bytes = Bytes::from(batch::encode(&header, &ops, &visibility));
            commit(&self.group, bytes).map(|result| (true, result)).boxed()
        };
        self.gates.push_back(gate);
        self.parked.push_back(parcels);
        self.next_gate += 1;
    }

    /// Waits for the next gate and gives what waited for it. Pending for ever while none is under way.
    ///
    /// Cancel safe: a gate that was not waited for to its end is waited for again.
    pub(crate) async fn next(&mut self) -> Result<Vec<P>, Lost> {
        let Some((was_batch, result)) = self.gates.next().await else { return futures::future::pending().await };
        result?;
        self.batches_in_flight -= usize::from(was_batch);
        Ok(self.parked.pop_front().unwrap_or_default())
    }

    /// Leadership is lost: what waits, none of which will be certain any more.
    pub(crate) fn fail(self) -> impl Iterator<Item = P> {
        self.parked.into_iter().flatten()
    }
}

/// Proposes one batch now; the future only waits.
pub(crate) fn commit(group: &Group, bytes: Bytes) -> impl Future<Output = Result<(), Lost>> + Send + use<> {
    let proposal = group.propose(bytes);
    async move {
        match proposal.await {
            Ok(reply) if Outcome::from_reply(&reply) == Outcome::Applied => Ok(()),
            Ok(_) => Err(Lost::Void),
            Err(error) => Err(error.into()),
        }
    }
}

/// Leadership of this term was confirmed after the call, and all that was committed before is applied.
pub(crate) async fn confirm(group: Group, term: u64) -> Result<(), Lost> {
    let index = group.confirm(term).await?;
    Ok(group.wait_applied(index).await?)
}
