//! Workers and what they say of themselves: heartbeats, lists, and those that shut down.
//!
//! Invariant: nothing of this is durable; a server that starts learns of its workers by their next heartbeats.

use std::{ops::Bound, sync::Arc};

use tonic::{Response, Status};
use weft_engine::Namespace;
use weft_matching::{QueueKey, QueueKind};
use weft_protocol::{
    api::{
        enums::TaskQueueType,
        worker::{WorkerHeartbeat, WorkerInfo},
        workflowservice::*,
    },
    error::{Error, text},
};
use weft_rows::token::Page;
use weft_visibility::{Query, parse};

use super::{context, wire};
use crate::node::Node;

pub(crate) async fn record(
    node: &Node,
    body: RecordWorkerHeartbeatRequest,
) -> Result<Response<RecordWorkerHeartbeatResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    node.workers().record(namespace.id.as_str(), body.worker_heartbeat);
    Ok(Response::new(RecordWorkerHeartbeatResponse {}))
}

#[expect(deprecated, reason = "released tools read the whole of each worker here")]
pub(crate) async fn list(node: &Node, body: ListWorkersRequest) -> Result<Response<ListWorkersResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let found = found(node, &namespace, &body.query, body.include_system_workers)?;
    let (page, next_page_token) = page(found, &body.next_page_token, body.page_size)?;
    Ok(Response::new(ListWorkersResponse {
        workers: page.iter().map(|worker| wire::worker::listed(worker)).collect(),
        workers_info: page.iter().map(|worker| info(worker)).collect(),
        next_page_token,
    }))
}

pub(crate) async fn count(node: &Node, body: CountWorkersRequest) -> Result<Response<CountWorkersResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let found = found(node, &namespace, &body.query, body.include_system_workers)?;
    Ok(Response::new(CountWorkersResponse { count: i64::try_from(found.len()).unwrap_or(i64::MAX) }))
}

pub(crate) async fn describe(
    node: &Node,
    body: DescribeWorkerRequest,
) -> Result<Response<DescribeWorkerResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let key = &body.worker_instance_key;
    let Some(worker) = node.workers().find(namespace.id.as_str(), key) else {
        return Err(Error::not_found(format!("Worker {key} not found")).into());
    };
    Ok(Response::new(DescribeWorkerResponse { worker_info: Some(info(&worker)) }))
}

/// A worker goes: its polls end, what waits for it alone goes to the normal queues at once, and it says its last.
pub(crate) async fn shutdown(
    node: &Node,
    body: ShutdownWorkerRequest,
) -> Result<Response<ShutdownWorkerResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    context::within(node, &body.sticky_task_queue, text::TASK_QUEUE_TOO_LONG)?;
    context::within(node, &body.task_queue, text::TASK_QUEUE_TOO_LONG)?;
    context::within(node, &body.identity, text::IDENTITY_TOO_LONG)?;
    let id = namespace.id.as_str();
    let worker = if body.task_queue.is_empty() { "" } else { body.worker_instance_key.as_str() };
    let mut queues = if worker.is_empty() { Vec::new() } else { queues_of(id, &body) };
    if !body.sticky_task_queue.is_empty() {
        queues.push(QueueKey::sticky(id, body.sticky_task_queue.as_str()));
    }
    if !queues.is_empty() {
        node.worker_gone(id, worker, &queues).await;
    }
    // Now no branch says any more that the worker was there just now.
    if !body.sticky_task_queue.is_empty() {
        node.matching().unload_sticky(&QueueKey::sticky(id, body.sticky_task_queue));
    }
    node.workers().record(id, body.worker_heartbeat.into_iter().collect());
    Ok(Response::new(ShutdownWorkerResponse {}))
}

/// The queues at which a worker polls.
fn queues_of(namespace: &str, body: &ShutdownWorkerRequest) -> Vec<QueueKey> {
    let all = body.task_queue_types.is_empty();
    let kinds = [(TaskQueueType::Workflow, QueueKind::Workflow), (TaskQueueType::Activity, QueueKind::Activity)];
    let named = kinds.into_iter().filter(|(kind, _)| all || body.task_queue_types.contains(&i32::from(*kind)));
    named.map(|(_, kind)| QueueKey::normal(namespace, body.task_queue.as_str(), kind)).collect()
}

/// The workers that a query finds, by their instance keys.
fn found(
    node: &Node,
    namespace: &Namespace,
    query: &str,
    with_system: bool,
) -> Result<Vec<Arc<WorkerHeartbeat>>, Status> {
    let query = checked(query)?;
    let mut workers = node.workers().list(namespace.id.as_str());
    workers.retain(|worker| {
        (with_system || !wire::worker::is_system(worker))
            && query.matches(&|field| wire::worker::value(worker, field.name()))
    });
    Ok(workers)
}

fn checked(query: &str) -> Result<Query, Status> {
    let refuse = |why: String| Status::from(Error::invalid_argument(format!("invalid query: {why}")));
    let query = parse(query, &wire::worker::schema()).map_err(|error| refuse(error.to_string()))?;
    if query.group_by().is_some() || query.order_by().is_some() {
        return Err(refuse("lists of workers are neither grouped nor ordered".to_owned()));
    }
    Ok(query)
}

/// The most workers of a page, and as many as there are of one without a size: some 2 MB of heartbeats.
const PAGE_MAX: usize = 1_000;

/// A page of workers that stand by their keys, and the token of the next one.
fn page(
    workers: Vec<Arc<WorkerHeartbeat>>,
    token: &[u8],
    size: i32,
) -> Result<(Vec<Arc<WorkerHeartbeat>>, Vec<u8>), Status> {
    let after = match token {
        [] => Bound::Unbounded,
        token => match Page::decode(token) {
            Ok(Page::List(key)) => Bound::Excluded(key),
            Ok(Page::History(_)) | Err(_) => return Err(Error::invalid_argument(text::PAGE_TOKEN_INVALID).into()),
        },
    };
    let mut rest = workers.into_iter().filter(|worker| match &after {
        Bound::Excluded(last) => worker.worker_instance_key.as_bytes() > last.as_slice(),
        Bound::Included(_) | Bound::Unbounded => true,
    });
    let size = usize::try_from(size).ok().filter(|size| *size > 0).map_or(PAGE_MAX, |size| size.min(PAGE_MAX));
    let page: Vec<_> = rest.by_ref().take(size).collect();
    let next = match (page.last(), rest.next()) {
        (Some(last), Some(_)) => Page::List(last.worker_instance_key.clone().into_bytes()).encode(),
        (Some(_) | None, None) | (None, Some(_)) => Vec::new(),
    };
    Ok((page, next))
}

fn info(worker: &WorkerHeartbeat) -> WorkerInfo {
    WorkerInfo { worker_heartbeat: Some(worker.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(key: &str) -> Arc<WorkerHeartbeat> {
        Arc::new(WorkerHeartbeat { worker_instance_key: key.to_owned(), ..WorkerHeartbeat::default() })
    }

    #[test]
    fn pages_follow_each_other_without_gaps() {
        let all = || ["a", "b", "c"].map(worker).to_vec();
        let keys = |page: &[Arc<WorkerHeartbeat>]| {
            page.iter().map(|worker| worker.worker_instance_key.clone()).collect::<Vec<_>>()
        };
        let (first, token) = page(all(), &[], 2).expect("a page");
        assert_eq!(keys(&first), ["a", "b"]);
        let (second, end) = page(all(), &token, 2).expect("a page");
        assert_eq!((keys(&second), end.len()), (vec!["c".to_owned()], 0));
        let (whole, end) = page(all(), &[], 0).expect("a page");
        assert_eq!((whole.len(), end.len()), (3, 0));
        let many: Vec<_> = (0..=PAGE_MAX).map(|number| worker(&format!("{number:05}"))).collect();
        let (bounded, token) = page(many.clone(), &[], 0).expect("a page");
        assert_eq!(bounded.len(), PAGE_MAX);
        let (rest, end) = page(many, &token, i32::MAX).expect("a page");
        assert_eq!((keys(&rest), end.len()), (vec![format!("{PAGE_MAX:05}")], 0));
        assert_eq!(page(all(), b"nonsense", 2).expect_err("no token").message(), "Invalid NextPageToken.");
    }

    #[test]
    fn only_filters_that_make_sense_are_taken() {
        assert!(checked("TaskQueue = 'q' AND Status = 'Running' AND StartTime > '2026-01-01T00:00:00Z'").is_ok());
        for query in ["WorkflowId = 'w'", "TaskQueue = 'q' ORDER BY TaskQueue", "GROUP BY TaskQueue", "TaskQueue ="] {
            let refused = checked(query).expect_err(query);
            assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        }
    }
}
