//! What the other nodes ask of this one about tasks.
//!
//! Invariant: a node answers for the shards that it leads and the queues that it owns at that moment, and says of all else
//! that it is to be asked elsewhere.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;
use tonic::{Request, Response, Status};
use weft_matching::{Dispatched, Fetch, QueueKey};
use weft_protocol::internal::{
    BranchRequest, BranchResponse, DispatchQueryRequest, DispatchQueryResponse, FetchRequest, FetchResponse,
    KnownQueue, LanesRequest, LanesResponse, OfferRequest, OfferResponse, PullRequest, PullResponse, QueuesRequest,
    QueuesResponse, StartRequest, StartResponse, TakeBackRequest, TakeBackResponse, TakeQueryRequest,
    TakeQueryResponse, WaitingRequest, WaitingResponse, WorkerGoneRequest, WorkerGoneResponse,
    dispatch_query_response::Outcome, matching_service_server::MatchingService,
};
use weft_rows::task::Lane;
use weft_shard::{Failure, Offered, TasksFrom};

use super::{
    Owned,
    returned::Returned,
    wire::{self, Parcel},
};
use crate::{
    cluster::Inbox,
    frontend::for_others,
    node::{
        Node, NodeInner,
        leader::Leader,
        tasks::{ElsewhereQuery, QueryTask},
    },
};

type Answer<T> = Result<Response<T>, Status>;

/// Tasks in one answer.
const PULLED_MAX: usize = 10_000;
/// However long a branch of another node says it waits.
const FETCH_MAX: Duration = Duration::from_secs(60);

#[tonic::async_trait]
impl MatchingService for Inbox {
    async fn offer(&self, request: Request<OfferRequest>) -> Answer<OfferResponse> {
        let node = self.node()?;
        let OfferRequest { tasks, more, shards_with_more, done, returned, kept } = request.into_inner();
        done.into_iter().for_each(|loan| node.loan_is_done(loan));
        returned.into_iter().for_each(|loan| node.loan_comes_back(loan));
        kept.into_iter().for_each(|loan| node.loan_lasts_longer(loan));
        let mut answer = OfferResponse::default();
        for (place, task) in (0..).zip(tasks) {
            match wire::parcel(task).map(|parcel| (parcel.queue(), parcel)) {
                Ok((queue, _)) if node.owner(&queue) != Leader::Here => answer.elsewhere.push(place),
                Ok((queue, parcel)) => {
                    if node.offer_here(&queue, parcel) == Offered::NoStickyPoller {
                        answer.unpolled.push(place);
                    }
                }
                // To bring it again would not mend it.
                Err(status) => tracing::warn!(%status, "a task of another node was not understood"),
            }
        }
        for (place, more) in (0..).zip(more) {
            match wire::queue_key(more.queue) {
                Ok(queue) if node.owner(&queue) != Leader::Here => answer.more_elsewhere.push(place),
                Ok(queue) => node.matching.shard_has_more(&queue, more.shard),
                Err(status) => tracing::warn!(%status, "a task queue of another node was not understood"),
            }
        }
        if !shards_with_more.is_empty() {
            node.matching.shards_have_more(|_| true, &shards_with_more);
        }
        Ok(Response::new(answer))
    }

    async fn pull(&self, request: Request<PullRequest>) -> Answer<PullResponse> {
        let node = self.node()?;
        let PullRequest { shard, queue, lane, from, max } = request.into_inner();
        let shard = node.led(shard)?;
        let lane = u16::try_from(lane).ok().and_then(Lane::from_number).ok_or_else(|| wire::nonsense("no lane"))?;
        let from = from.map(|place| {
            Ok::<_, Status>(TasksFrom { urgency: wire::urgency(place.urgency)?, place: place.place.to_vec() })
        });
        let queue = wire::queue_of_rows(&wire::queue_key(queue)?);
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(PULLED_MAX);
        let found = shard.pull(queue, lane, from.transpose()?, max).await.map_err(unavailable)?;
        let task = |(key, task)| wire::task(&Parcel { shard: shard.id(), key, task });
        Ok(Response::new(PullResponse { tasks: found.into_iter().map(task).collect() }))
    }

    async fn lanes(&self, request: Request<LanesRequest>) -> Answer<LanesResponse> {
        let node = self.node()?;
        let LanesRequest { shard, queue } = request.into_inner();
        let queue = wire::queue_of_rows(&wire::queue_key(queue)?);
        let lanes = node.led(shard)?.lanes(queue).await.map_err(unavailable)?;
        Ok(Response::new(LanesResponse { lanes: lanes.into_iter().map(|lane| u32::from(lane.number())).collect() }))
    }

    async fn start(&self, request: Request<StartRequest>) -> Answer<StartResponse> {
        let StartRequest { task, poller } = request.into_inner();
        let parcel = wire::parcel(task.ok_or_else(|| wire::nonsense("no task"))?)?;
        let poller = wire::poller_of(poller)?;
        let started = for_others::start(&Node::from(self.node()?), parcel, poller).await?;
        Ok(Response::new(started.map_or_else(StartResponse::default, |started| StartResponse {
            task_token: started.token.encode().into(),
            answer: started.answer,
        })))
    }

    async fn take_back(&self, request: Request<TakeBackRequest>) -> Answer<TakeBackResponse> {
        let returned = Returned::of(request.into_inner())?;
        self.node()?.take_back(&returned).await.map_err(unavailable)?;
        Ok(Response::new(TakeBackResponse {}))
    }

    async fn dispatch_query(&self, request: Request<DispatchQueryRequest>) -> Answer<DispatchQueryResponse> {
        let node = self.node()?;
        let DispatchQueryRequest { query_id, queue, wait_ms, node: asked_at } = request.into_inner();
        let queue = wire::queue_key(queue)?;
        if node.owner(&queue) != Leader::Here {
            return Err(Status::unavailable("this node does not own the task queue"));
        }
        let outcome = dispatch(&node, &queue, query_id, asked_at, Duration::from_millis(wait_ms)).await;
        Ok(Response::new(DispatchQueryResponse { outcome: outcome.into() }))
    }

    async fn take_query(&self, request: Request<TakeQueryRequest>) -> Answer<TakeQueryResponse> {
        let node = Node::from(self.node()?);
        let answer = for_others::take_query(&node, request.into_inner().query_id).await?;
        Ok(Response::new(TakeQueryResponse { answer: answer.unwrap_or_default() }))
    }

    async fn waiting(&self, request: Request<WaitingRequest>) -> Answer<WaitingResponse> {
        let node = self.node()?;
        let WaitingRequest { shards, queue } = request.into_inner();
        let queue = wire::queue_of_rows(&wire::queue_key(queue)?);
        Ok(Response::new(wire::waiting(&node.waiting_here(&shards, &queue).await?)))
    }

    async fn worker_gone(&self, request: Request<WorkerGoneRequest>) -> Answer<WorkerGoneResponse> {
        let WorkerGoneRequest { namespace_id, worker, queues } = request.into_inner();
        let queues = queues.into_iter().map(|queue| wire::queue_key(Some(queue))).collect::<Result<Vec<_>, _>>()?;
        self.node()?.worker_gone_here(&namespace_id, &worker, &queues);
        Ok(Response::new(WorkerGoneResponse {}))
    }

    async fn fetch(&self, request: Request<FetchRequest>) -> Answer<FetchResponse> {
        let node = self.node()?;
        let FetchRequest { queue, max, wait_ms, idle_ms, node: branch } = request.into_inner();
        let queue = wire::queue_key(queue)?;
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(PULLED_MAX);
        let elsewhere = || Status::unavailable("this node does not own the task queue");
        let mut owned = Owned::claim(&Node::from(Arc::clone(&node)), &queue).ok_or_else(elsewhere)?;
        let deadline = node.clock.monotonic() + Duration::from_millis(wait_ms).min(FETCH_MAX);
        let fetch = Fetch { max, idle: Duration::from_millis(idle_ms), deadline };
        let near = |shard| node.is_shard_led_by(branch, shard);
        let fetched = tokio::select! {
            biased;
            fetched = node.matching.fetch(&queue, fetch, near) => fetched,
            () = owned.lost() => return Err(elsewhere()),
        };
        let fetched = fetched.map_err(|error| Status::unavailable(error.to_string()))?;
        // That nothing waits here it cannot say any more.
        if fetched.items.is_empty() && (owned.is_lost() || *node.stopping.borrow()) {
            return Err(elsewhere());
        }
        Ok(Response::new(node.lend(&queue, fetched)))
    }

    async fn branch(&self, request: Request<BranchRequest>) -> Answer<BranchResponse> {
        let node = self.node()?;
        let queue = wire::queue_key(request.into_inner().queue)?;
        Ok(Response::new(wire::stats(&node.branch_stats(&queue))))
    }

    async fn queues(&self, request: Request<QueuesRequest>) -> Answer<QueuesResponse> {
        let node = self.node()?;
        let queues = node.queues_here(&request.into_inner().namespace_id);
        let known = |(queue, polled): (QueueKey, bool)| KnownQueue { queue: Some(wire::queue(&queue)), polled };
        Ok(Response::new(QueuesResponse { queues: queues.into_iter().map(known).collect() }))
    }
}

fn unavailable(failure: Failure) -> Status {
    Status::unavailable(failure.to_string())
}

/// Holds a query of another node until a worker has it.
async fn dispatch(node: &NodeInner, queue: &QueueKey, id: u64, asked_at: u32, wait: Duration) -> Outcome {
    let (taken, heard) = oneshot::channel();
    let query = QueryTask::Elsewhere(ElsewhereQuery { id, node: asked_at, taken });
    let deadline = node.clock.monotonic() + wait;
    match node.matching.dispatch_query(queue, query, deadline) {
        Dispatched::Matched | Dispatched::Queued => {}
        Dispatched::NoStickyPoller(_) => return Outcome::NoStickyPoller,
        Dispatched::TooMany(_) => return Outcome::TooMany,
    }
    let _held = Held { node, queue, id };
    heard.await.map_or(Outcome::Dropped, |()| Outcome::Taken)
}

/// A query that waits at a queue; taken back when its caller goes.
struct Held<'a> {
    node: &'a NodeInner,
    queue: &'a QueueKey,
    id: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.node.matching.cancel_query(self.queue, &self.id);
    }
}
