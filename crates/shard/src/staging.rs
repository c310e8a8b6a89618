//! Histories that are being copied in: they belong to no run yet, and are garbage unless one takes them.
//!
//! Invariants: a staged branch has a garbage row from its first piece on, in the batch of that piece, so whatever becomes
//! of the copying, nothing is left behind. The sweeper spares it while this leader takes pieces of it, until everything
//! decided about it is applied. A new leader spares nothing: a copying that it did not see begin cannot go on.

use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::{mpsc, oneshot};
use weft_engine::{Answer, Namespace, Request, WorkflowKey, state::BranchId};
use weft_rows::{Ops, garbage};

use crate::{
    actor::Mail,
    call::{Ask, Call, Failure},
    handle::STOPPED,
};

/// Branches that the sweeper must not touch.
#[derive(Default)]
pub(crate) struct Staging {
    active: BTreeSet<BranchId>,
    /// Those that were active at any time since the sweep that is under way began to read.
    spared: BTreeSet<BranchId>,
    /// One has ended that no sweep has seen since.
    ended: bool,
}

impl Staging {
    pub(crate) fn begin(&mut self, branch: BranchId) {
        self.spared.insert(branch.clone());
        self.active.insert(branch);
    }

    pub(crate) fn is_active(&self, branch: &BranchId) -> bool {
        self.active.contains(branch)
    }

    /// Everything that was decided about it is applied.
    pub(crate) fn end(&mut self, branch: &BranchId) {
        self.ended |= self.active.remove(branch);
    }

    /// Whether garbage must be read once more, because a branch was spared that is spared no longer.
    pub(crate) fn wants_sweep(&mut self) -> bool {
        std::mem::take(&mut self.ended)
    }

    /// A sweep begins to read: what it is to leave out.
    pub(crate) fn sweep_begins(&mut self) -> BTreeSet<BranchId> {
        self.spared.clone_from(&self.active);
        self.active.clone()
    }

    /// What a sweep read as garbage is garbage indeed.
    pub(crate) fn may_sweep(&self, branch: &BranchId) -> bool {
        !self.spared.contains(branch)
    }
}

/// A branch that is being copied in. Dropped before a run has taken it, it goes away.
pub struct StagedBranch {
    mail: mpsc::Sender<Mail>,
    key: WorkflowKey,
    branch: BranchId,
    begun: bool,
    taken: bool,
}

impl StagedBranch {
    pub(crate) fn new(mail: mpsc::Sender<Mail>, key: WorkflowKey, branch: BranchId) -> Self {
        Self { mail, key, branch, begun: false, taken: false }
    }

    /// Adds a piece of the history and waits until it is applied.
    ///
    /// # Errors
    /// See [`Failure`]. `Unavailable`: the copying must begin anew.
    pub async fn put(&mut self, mut ops: Ops) -> Result<(), Failure> {
        let begins = !std::mem::replace(&mut self.begun, true);
        if begins {
            garbage::put(&mut ops, &self.key, &self.branch);
        }
        let (reply, done) = oneshot::channel();
        let ask = Ask::Stage { branch: self.branch.clone(), begins, ops, reply };
        self.send(ask).await?;
        done.await.unwrap_or(Err(STOPPED))
    }

    /// Asks the engine for the run that takes the branch; it is there with all of its history at once, or not at all.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn take(mut self, namespace: Arc<Namespace>, request: Request) -> Result<Answer, Failure> {
        let (reply, answer) = oneshot::channel();
        self.taken = true;
        self.send(Ask::TakeBranch { namespace, branch: self.branch.clone(), request, reply }).await?;
        answer.await.unwrap_or(Err(STOPPED))
    }

    async fn send(&self, ask: Ask) -> Result<(), Failure> {
        let call = Mail::Call(Box::new(Call { key: self.key.clone(), ask }));
        self.mail.send(call).await.map_err(|_| STOPPED)
    }
}

impl Drop for StagedBranch {
    fn drop(&mut self) {
        if self.begun && !self.taken {
            let call = Call { key: self.key.clone(), ask: Ask::DropBranch(self.branch.clone()) };
            // In a full mailbox there is no room: then the branch stays until the shard has another leader.
            let _ = self.mail.try_send(Mail::Call(Box::new(call)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_leaves_out_what_is_staged_at_any_time_while_it_reads() {
        let mut staging = Staging::default();
        staging.begin("before".into());
        assert_eq!(staging.sweep_begins(), BTreeSet::from([BranchId::from("before")]));
        staging.begin("meanwhile".into());
        staging.end(&"before".into());
        staging.end(&"meanwhile".into());
        let may_sweep = |staging: &Staging| ["before", "meanwhile", "other"].map(|it| staging.may_sweep(&it.into()));
        assert_eq!(may_sweep(&staging), [false, false, true]);
        assert!(staging.wants_sweep() && !staging.wants_sweep());
        assert!(!staging.is_active(&"before".into()) && staging.sweep_begins().is_empty());
        assert_eq!(may_sweep(&staging), [true; 3]);
    }
}
