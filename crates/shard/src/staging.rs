//! Histories that are being copied in: they belong to no run yet, and are garbage unless one takes them.
//!
//! Invariants: a staged branch has a garbage row from its first piece on, in the batch of that piece, so whatever becomes
//! of the copying, nothing is left behind. The sweeper spares it while this leader takes pieces of it, until everything
//! decided about it is applied. A new leader spares nothing: a copying that it did not see begin cannot go on.

use std::{collections::BTreeSet, sync::Arc};

use tokio::{
    runtime::Handle,
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
};
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
        self.send(Ask::TakeBranch { namespace, branch: self.branch.clone(), request, reply }).await?;
        let answer = answer.await.unwrap_or(Err(STOPPED));
        // Where it failed, the leader may not have come to let go of the branch; to be told twice does it no harm.
        self.taken = answer.is_ok();
        answer
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
            if let Err(TrySendError::Full(call)) = self.mail.try_send(Mail::Call(Box::new(call)))
                && let Ok(runtime) = Handle::try_current()
            {
                // Whoever copied does not wait for room. A shard that stops meanwhile has forgotten the branch anyway.
                let mail = self.mail.clone();
                runtime.spawn(async move { drop(mail.send(call).await) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, time::Duration};

    use futures::poll;

    use super::*;

    /// A branch of which a piece was sent, and a mailbox that has no more room.
    async fn begun() -> (StagedBranch, mpsc::Receiver<Mail>) {
        let (mail, mut inbox) = mpsc::channel(1);
        let key = WorkflowKey { namespace: "n".into(), workflow: "w".into() };
        let mut staged = StagedBranch::new(mail, key, "b".into());
        assert!(poll!(pin!(staged.put(Ops::default()))).is_pending());
        assert!(matches!(next(&mut inbox).await, Ask::Stage { begins: true, .. }));
        assert!(poll!(pin!(staged.put(Ops::default()))).is_pending());
        (staged, inbox)
    }

    async fn next(inbox: &mut mpsc::Receiver<Mail>) -> Ask {
        match inbox.recv().await {
            Some(Mail::Call(call)) => call.ask,
            Some(Mail::ClearQuarantine(..) | Mail::HandOver(..)) | None => panic!("a call is expected"),
        }
    }

    #[tokio::test]
    async fn a_branch_that_is_let_go_of_while_the_mailbox_is_full_is_dropped_once_there_is_room() {
        let (staged, mut inbox) = begun().await;
        drop(staged);
        assert!(matches!(next(&mut inbox).await, Ask::Stage { begins: false, .. }));
        assert!(matches!(next(&mut inbox).await, Ask::DropBranch(branch) if branch == "b".into()));
    }

    #[tokio::test]
    async fn a_branch_whose_taking_is_cancelled_before_it_was_asked_for_is_dropped() {
        let (staged, mut inbox) = begun().await;
        let (id, name, retention) = ("n".into(), "n".into(), Duration::ZERO);
        let namespace = Arc::new(Namespace { id, name, retention, search_attributes: Arc::default() });
        {
            let taking = pin!(staged.take(namespace, Request::Wake("r".into())));
            assert!(poll!(taking).is_pending());
        }
        assert!(matches!(next(&mut inbox).await, Ask::Stage { begins: false, .. }));
        assert!(matches!(next(&mut inbox).await, Ask::DropBranch(_)));
    }

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
