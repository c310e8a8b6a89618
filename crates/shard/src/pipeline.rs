//! The leader's proposals, in order, and what waits for each.
//!
//! Invariants: a shard's proposals leave from one task, in order (rule 3). An answer leaves only when every batch that
//! its state includes is applied, and leadership was confirmed after its request arrived: by the commit of a batch that
//! was proposed after that, or by ReadIndex (rule 1). After any failed or void proposal nothing that waits is answered
//! but `UNAVAILABLE` (rule 2), and a void batch has no effects. A batch that the group refused has not failed, for it never
//! entered the log: it is proposed again with its sequence number, and so is what was proposed behind it, which is void
//! where it was written, because the sequence has a gap there.

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

impl Lost {
    /// The group refused a batch: nothing of it was written, nor ever will be.
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Unanswered(ProposeError::LeaseExpired | ProposeError::Full))
    }
}

/// What a pipeline asks of its group.
pub(crate) trait Proposer: Send + Sync {
    /// Proposes a batch, which has its place when this returns.
    fn commit(&self, batch: Bytes) -> BoxFuture<'static, Result<(), Lost>>;
    /// Confirms leadership of a term after the call.
    fn confirm(&self, term: u64) -> BoxFuture<'static, Result<(), Lost>>;
}

impl Proposer for Group {
    fn commit(&self, batch: Bytes) -> BoxFuture<'static, Result<(), Lost>> {
        commit(self, batch).boxed()
    }

    fn confirm(&self, term: u64) -> BoxFuture<'static, Result<(), Lost>> {
        confirm(self.clone(), term).boxed()
    }
}

/// Proposals under way and what waits for them. `P` is what waits.
pub(crate) struct Pipeline<P> {
    proposer: Box<dyn Proposer>,
    epoch: Epoch,
    sequence: u64,
    next_gate: GateNo,
    batches_in_flight: usize,
    gates: FuturesOrdered<BoxFuture<'static, (Gate, Result<(), Lost>)>>,
    parked: VecDeque<Parked<P>>,
    /// The first batch that is parked was refused, and everything that is parked will be proposed again.
    is_refused: bool,
}

/// What is under way.
#[derive(Clone, Copy)]
enum Gate {
    Batch,
    /// Leadership is confirmed for what only read.
    Read,
    /// Leadership is confirmed for all that is parked. Comes last, behind everything that was proposed.
    Again,
}

struct Parked<P> {
    /// None if nothing is to be written.
    batch: Option<Bytes>,
    parcels: Vec<P>,
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
    pub(crate) fn open(proposer: Box<dyn Proposer>, epoch: Epoch) -> Self {
        Self {
            proposer,
            epoch,
            sequence: 0,
            next_gate: 1,
            batches_in_flight: 0,
            gates: FuturesOrdered::new(),
            parked: VecDeque::new(),
            is_refused: false,
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

    /// What is proposed now would only be parked.
    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Nothing waits for a gate.
    pub(crate) fn is_idle(&self) -> bool {
        self.parked.is_empty()
    }

    /// Proposes what was decided, or, when nothing was written, confirms leadership for what only read.
    pub(crate) fn propose(&mut self, building: Building<P>, stamp: i64) {
        let Building { ops, visibility, parcels } = building;
        let writes = !ops.is_empty() || !visibility.is_empty();
        let batch = writes.then(|| {
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
            Bytes::from(batch::encode(&header, &ops, &visibility))
        });
        if !self.is_refused {
            self.gates.push_back(gate(&*self.proposer, batch.as_ref(), self.epoch.term));
        }
        self.parked.push_back(Parked { batch, parcels });
        self.next_gate += 1;
    }

    /// Waits for the next gate and gives what waited for it. Pending for ever while none is under way.
    ///
    /// A batch that the group refused is proposed again, with all behind it, once leadership is confirmed.
    ///
    /// Cancel safe: a gate that was not waited for to its end is waited for again.
    pub(crate) async fn next(&mut self) -> Result<Vec<P>, Lost> {
        while let Some((gate, ended)) = self.gates.next().await {
            match (gate, ended) {
                (Gate::Again, confirmed) => {
                    confirmed?;
                    self.propose_again();
                }
                (Gate::Batch, Err(lost)) if lost.is_refusal() => self.refused(&lost),
                // Where it was written, what came before it is missing.
                (Gate::Batch, Err(Lost::Void)) | (Gate::Read, Ok(())) if self.is_refused => {}
                (Gate::Batch, Ok(())) if self.is_refused => {
                    tracing::error!(epoch = self.epoch.epoch, "a batch was applied without the one before it");
                    return Err(Lost::Void);
                }
                (Gate::Batch | Gate::Read, ended) => return ended.map(|()| self.pass()),
            }
        }
        futures::future::pending().await
    }

    fn pass(&mut self) -> Vec<P> {
        let Some(Parked { batch, parcels }) = self.parked.pop_front() else { return Vec::new() };
        self.batches_in_flight -= usize::from(batch.is_some());
        parcels
    }

    fn refused(&mut self, why: &Lost) {
        if !self.is_refused {
            let Epoch { term, epoch, .. } = self.epoch;
            tracing::warn!(term, epoch, %why, "a batch was refused: it is proposed again once leadership is confirmed");
            self.is_refused = true;
            let confirmed = self.proposer.confirm(term);
            self.gates.push_back(confirmed.map(|confirmed| (Gate::Again, confirmed)).boxed());
        }
    }

    fn propose_again(&mut self) {
        let Epoch { term, epoch, .. } = self.epoch;
        tracing::debug!(term, epoch, parked = self.parked.len(), "batches are proposed again");
        self.is_refused = false;
        let again = self.parked.iter().map(|parked| gate(&*self.proposer, parked.batch.as_ref(), term));
        self.gates.extend(again);
    }

    /// Leadership is lost: what waits, none of which will be certain any more.
    pub(crate) fn fail(self) -> impl Iterator<Item = P> {
        self.parked.into_iter().flat_map(|parked| parked.parcels)
    }
}

fn gate(proposer: &dyn Proposer, batch: Option<&Bytes>, term: u64) -> BoxFuture<'static, (Gate, Result<(), Lost>)> {
    match batch {
        Some(batch) => proposer.commit(batch.clone()).map(|ended| (Gate::Batch, ended)).boxed(),
        None => proposer.confirm(term).map(|ended| (Gate::Read, ended)).boxed(),
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

#[cfg(test)]
mod tests;
