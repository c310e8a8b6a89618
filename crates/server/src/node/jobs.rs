//! Which batch jobs this node works on, each in a task of its own.
//!
//! Invariant: a job that its shard told of is worked on until it is not running any more or the node stops; one that is
//! told of, or is to be stopped, while its task is about to end is looked at once more. Two nodes that work on the same job do no harm: see
//! [`crate::jobs`].

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, Weak},
};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use weft_engine::{Identity, WorkflowKey};

use super::{Node, NodeInner};
use crate::jobs::{StopOrder, Stopped, Stops};

/// The jobs of a node. The node is set once it is put together.
#[derive(Default)]
pub struct Jobs {
    node: OnceLock<Weak<NodeInner>>,
    under_way: Mutex<BTreeMap<WorkflowKey, Turn>>,
}

struct Turn {
    /// It was told of again since its task looked.
    is_told: bool,
    stops: Arc<Stops>,
}

impl Jobs {
    pub(super) fn attach(&self, node: &Arc<NodeInner>) {
        // A node is put together once.
        let _ = self.node.set(Arc::downgrade(node));
    }

    /// A client wants a job stopped: what was not begun of it is not begun, and what was done is counted with the stop.
    /// Nothing comes of it if the node stops first.
    pub(crate) async fn stop(&self, job: &WorkflowKey, reason: String, identity: Identity) -> Option<Stopped> {
        let (reply, stopped) = oneshot::channel();
        self.turn(job, |turn| turn.stops.ask(StopOrder { reason, identity, reply }));
        stopped.await.ok()
    }

    /// Does something to the turn of a job, which begins with it if there was none.
    fn turn(&self, job: &WorkflowKey, act: impl FnOnce(&mut Turn)) {
        let Some(node) = self.node.get().and_then(Weak::upgrade) else { return };
        let mut under_way = self.under_way.lock();
        if let Some(turn) = under_way.get_mut(job) {
            act(turn);
            return;
        }
        let stops = Arc::<Stops>::default();
        let mut turn = Turn { is_told: false, stops: Arc::clone(&stops) };
        act(&mut turn);
        under_way.insert(job.clone(), turn);
        tokio::spawn(work(Arc::downgrade(&node), job.clone(), stops));
    }

    /// The task of a job has nothing to do; says whether it should look once more. A node that stops looks no more.
    fn looks_again(&self, job: &WorkflowKey, stopping: bool) -> bool {
        let mut under_way = self.under_way.lock();
        let Some(turn) = under_way.get_mut(job) else { return false };
        if (std::mem::take(&mut turn.is_told) || turn.stops.is_asked()) && !stopping {
            return true;
        }
        under_way.remove(job);
        false
    }
}

impl weft_shard::Jobs for Jobs {
    fn work_on(&self, job: &WorkflowKey) {
        self.turn(job, |turn| turn.is_told = true);
    }
}

async fn work(node: Weak<NodeInner>, job: WorkflowKey, stops: Arc<Stops>) {
    loop {
        let held = || node.upgrade().map(Node);
        crate::jobs::work(held, &job, &stops).await;
        let Some(node) = node.upgrade() else { return };
        if !node.jobs.looks_again(&job, *node.stopping.borrow()) {
            // What was asked meanwhile and comes to nothing is told so.
            return stops.give_up();
        }
    }
}
