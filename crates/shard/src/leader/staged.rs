//! Pieces of histories that are copied in, and the runs that take them.
//!
//! Invariant: a run takes a branch only from the leader that saw all of its pieces, so none of them is missing.

use std::sync::Arc;

use weft_engine::{Answer, Namespace, Request, WorkflowKey, state::BranchId};
use weft_rows::Ops;

use super::Leader;
use crate::{
    call::{Ask, Failure, Reply},
    parcel::{LOST, Parcel},
};

impl Leader {
    pub(super) fn stage(&mut self, branch: BranchId, begins: bool, ops: Ops, reply: Reply<()>) {
        if begins {
            self.staging.begin(branch);
        } else if !self.staging.is_active(&branch) {
            // A caller that has gone needs no answer.
            return drop(reply.send(Err(Failure::Unavailable(LOST))));
        }
        self.building.ops.merge(ops);
        self.building.parcels.push(Parcel::Staged(reply));
    }

    pub(super) fn take_branch(
        &mut self,
        key: &WorkflowKey,
        namespace: &Arc<Namespace>,
        branch: BranchId,
        request: Request,
        reply: Reply<Answer>,
    ) {
        let answer = if self.staging.is_active(&branch) {
            self.run(key, namespace, request)
        } else {
            Err(Failure::Unavailable(LOST))
        };
        self.building.parcels.push(Parcel::Answer(reply, answer));
        self.drop_branch(branch);
    }

    /// Fails a call. A branch that is let go of is let go of even so, and a message that was answered in vain goes again.
    pub(super) fn refuse(&mut self, ask: Ask, failure: Failure) {
        match ask {
            Ask::DropBranch(branch) => self.drop_branch(branch),
            Ask::Record(record) => self.unrecorded(&record.lane, &record.id),
            ask => ask.fail(failure),
        }
    }

    /// No more pieces come. The sweeper spares the branch until all that was decided before this is applied; if no run
    /// has taken it then, it goes away.
    pub(super) fn drop_branch(&mut self, branch: BranchId) {
        if self.staging.is_active(&branch) {
            self.building.parcels.push(Parcel::Unstaged(branch));
        }
    }

    pub(super) fn unstaged(&mut self, branch: &BranchId) {
        self.staging.end(branch);
        if !self.sweeping && self.staging.wants_sweep() {
            self.sweep();
        }
    }
}
