//! Namespaces that are deleted: their runs are removed in the background, a page at a time.
//!
//! Invariants: a namespace that was deleted is renamed in the same change, so its name is free at once and nobody starts
//! anything in it by its old name; the removal goes on after a restart, because the row of the namespace says that it is
//! deleted. The row itself stays: what still refers to the namespace finds that it is deleted, not that it never was.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::future;
use parking_lot::Mutex;
use weft_engine::{
    Identity, JobRequest, NamespaceId, Refusal, Request, RunId, Target, WorkflowId, WorkflowKey,
    job::JOB_TYPE,
    schedule::{ScheduleRequest, WORKFLOW_TYPE},
};
use weft_protocol::internal::RemoveRequest;
use weft_rows::namespace::NamespaceState;
use weft_shard::Failure;
use weft_visibility::{PageRequest, Record, Schema, parse};

use super::{NodeInner, leader::Leader};

/// Runs that are removed together.
const PAGE: usize = 100;
/// Also those of a namespace division.
const EVERYTHING: &str = "TemporalNamespaceDivision IS NULL OR TemporalNamespaceDivision IS NOT NULL";
/// Who ends an open run that is deleted.
pub(crate) const DELETER: &str = "weft-server";

/// Which deleted namespaces are empty, and whether one is being emptied.
#[derive(Default)]
pub(crate) struct Removal {
    empty: Mutex<BTreeSet<NamespaceId>>,
    busy: Arc<AtomicBool>,
}

impl Removal {
    /// Begins to empty a deleted namespace, if there is one and none is being emptied.
    pub(crate) fn start_if_due(&self, node: &Arc<NodeInner>) {
        let Some(id) = self.next(node) else { return };
        if self.busy.swap(true, Ordering::Relaxed) {
            return;
        }
        let (busy, node) = (Arc::clone(&self.busy), Arc::downgrade(node));
        tokio::spawn(async move {
            empty(&node, &id).await;
            busy.store(false, Ordering::Relaxed);
        });
    }

    /// Only where the metadata is led: one node is enough.
    fn next(&self, node: &NodeInner) -> Option<NamespaceId> {
        if !node.metadata.leadership().borrow().mine {
            return None;
        }
        let view = node.metadata.view();
        let mut deleted = view.iter().filter(|row| row.state == NamespaceState::Deleted);
        let empty = self.empty.lock();
        deleted.find(|row| !empty.contains(&row.id)).map(|row| row.id.clone())
    }
}

/// Removes everything in a namespace. What fails for now is tried again when the namespace is looked at next.
async fn empty(node: &Weak<NodeInner>, id: &NamespaceId) {
    loop {
        let Some(node) = node.upgrade() else { return };
        if *node.stopping.borrow() {
            return;
        }
        let query = parse(EVERYTHING, &Schema::default()).expect("a constant that a test parses");
        let page = node.lists.list(id.to_string(), query, PageRequest { size: PAGE, token: None }).await;
        let records = match page {
            Ok(page) => page.records,
            Err(error) => {
                tracing::warn!(namespace = %id, %error, "a deleted namespace cannot be listed now");
                return;
            }
        };
        if records.is_empty() {
            node.forget_queues(id).await;
            tracing::info!(namespace = %id, "a deleted namespace is empty");
            node.removal.empty.lock().insert(id.clone());
            return;
        }
        let removed = future::join_all(records.into_iter().map(|record| remove(&node, id, record))).await;
        if let Some(failure) = removed.into_iter().find_map(Result::err) {
            tracing::warn!(namespace = %id, %failure, "a run of a deleted namespace cannot be removed now");
            return;
        }
    }
}

/// Removes something where its shard is led.
async fn remove(node: &NodeInner, namespace: &NamespaceId, record: Record) -> Result<(), Failure> {
    let Record { workflow_id, run_id, workflow_type, .. } = record;
    let key = WorkflowKey { namespace: namespace.clone(), workflow: WorkflowId::from(workflow_id.as_str()) };
    let lost = Failure::Unavailable("the node that leads its shard did not answer");
    match node.leader_of(&key) {
        Leader::Here => remove_here(node, key, RunId::from(run_id), &workflow_type).await,
        Leader::Nobody => Err(lost),
        Leader::Node(peer) => {
            let Some(mut peer) = node.peers.cluster_service(peer) else { return Err(lost) };
            let request = RemoveRequest { namespace_id: namespace.to_string(), workflow_id, run_id, workflow_type };
            peer.remove(request).await.map(drop).map_err(|_| lost)
        }
    }
}

/// Removes what this record of a list is of.
pub(crate) async fn remove_here(
    node: &NodeInner,
    key: WorkflowKey,
    run: RunId,
    workflow_type: &str,
) -> Result<(), Failure> {
    if workflow_type == WORKFLOW_TYPE {
        match node.ask(key.clone(), Request::Schedule(Box::new(ScheduleRequest::Delete))).await {
            Ok(_) | Err(Failure::Refused(Refusal::ScheduleNotFound)) => {}
            Err(failure) => return Err(failure),
        }
    }
    let target = Target { run: Some(run), first_run: None };
    let is_job = workflow_type == JOB_TYPE;
    let request = Request::Delete(target, Identity::from(DELETER));
    match node.ask(key.clone(), request).await {
        // What has the type of a job may be a workflow that somebody called so.
        Err(Failure::Refused(Refusal::WorkflowNotFound)) if is_job => {}
        // Retention or a client was first.
        Ok(_) | Err(Failure::Refused(Refusal::WorkflowNotFound)) => return Ok(()),
        Err(failure) => return Err(failure),
    }
    match node.ask(key, Request::Job(JobRequest::Remove)).await {
        Ok(_) | Err(Failure::Refused(Refusal::WorkflowNotFound)) => Ok(()),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_for_everything_can_be_read() {
        assert!(parse(EVERYTHING, &Schema::default()).is_ok());
    }
}
