//! Which batch jobs this node works on, each in a task of its own.
//!
//! Invariant: a job that its shard told of is worked on until it is not running any more or the node stops; one that is
//! told of while its task is about to end is looked at once more. Two nodes that work on the same job do no harm: see
//! [`crate::jobs`].

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use weft_engine::WorkflowKey;

use super::{Node, NodeInner};

/// The jobs of a node. The node is set once it is put together.
#[derive(Default)]
pub struct Jobs {
    node: OnceLock<Weak<NodeInner>>,
    under_way: Mutex<BTreeMap<WorkflowKey, Turn>>,
}

struct Turn {
    /// It was told of again since its task looked.
    is_told: bool,
    stop: Arc<AtomicBool>,
}

impl Jobs {
    pub(super) fn attach(&self, node: &Arc<NodeInner>) {
        // A node is put together once.
        let _ = self.node.set(Arc::downgrade(node));
    }

    /// A client has stopped a job: what was not begun of it is not begun.
    pub(crate) fn stop(&self, job: &WorkflowKey) {
        if let Some(turn) = self.under_way.lock().get(job) {
            turn.stop.store(true, Ordering::Relaxed);
        }
    }

    /// The task of a job has nothing to do; says whether it should look once more.
    fn looks_again(&self, job: &WorkflowKey) -> Option<Arc<AtomicBool>> {
        let mut under_way = self.under_way.lock();
        let turn = under_way.get_mut(job)?;
        if std::mem::take(&mut turn.is_told) {
            turn.stop = Arc::default();
            return Some(Arc::clone(&turn.stop));
        }
        under_way.remove(job);
        None
    }
}

impl weft_shard::Jobs for Jobs {
    fn work_on(&self, job: &WorkflowKey) {
        let Some(node) = self.node.get().and_then(Weak::upgrade) else { return };
        let mut under_way = self.under_way.lock();
        if let Some(turn) = under_way.get_mut(job) {
            turn.is_told = true;
            return;
        }
        let stop = Arc::new(AtomicBool::new(false));
        under_way.insert(job.clone(), Turn { is_told: false, stop: Arc::clone(&stop) });
        tokio::spawn(work(Arc::downgrade(&node), job.clone(), stop));
    }
}

async fn work(node: Weak<NodeInner>, job: WorkflowKey, mut stop: Arc<AtomicBool>) {
    loop {
        let held = || node.upgrade().map(Node);
        crate::jobs::work(held, &job, &stop).await;
        let Some(node) = node.upgrade() else { return };
        match node.jobs.looks_again(&job) {
            Some(again) if !*node.stopping.borrow() => stop = again,
            Some(_) | None => return,
        }
    }
}
