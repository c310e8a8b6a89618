//! What this node asks of the others about tasks.
//!
//! Invariant: a call ends by itself, soon; without an answer its outcome is unknown.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use tonic::{Response, Status};
use weft_engine::Poller;
use weft_matching::{QueueKey, QueueStats};
use weft_protocol::internal as wire_api;
use weft_rows::token::Task;
use weft_shard::{ShardId, TasksFrom, Waiting};

use super::{
    returned::Returned,
    wire::{self, Parcel},
};
use crate::node::NodeInner;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// To record that a task is started, and to read what its worker gets, may take longer.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

type Client = wire_api::matching_service_client::MatchingServiceClient<crate::cluster::Link>;

/// A task that another node has recorded as started, and what its worker gets.
pub(crate) struct StartedElsewhere {
    pub(crate) token: Task,
    pub(crate) answer: Bytes,
}

/// Tasks of a queue that are asked of a shard.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) shard: ShardId,
    pub(super) queue: &'a QueueKey,
    pub(super) lane: u16,
    pub(super) from: Option<&'a TasksFrom>,
    pub(super) max: usize,
}

impl NodeInner {
    pub(crate) async fn pause(&self, pause: Duration) {
        self.clock.sleep_until(self.clock.monotonic() + pause).await;
    }

    fn matching_at(&self, node: u32) -> Result<Client, Status> {
        self.peers.matching_service(node).ok_or_else(|| Status::unavailable(format!("node {node} is not a member")))
    }

    async fn answer<T>(
        &self,
        patience: Duration,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Status> {
        tokio::select! {
            answer = call => answer.map(Response::into_inner),
            () = self.pause(patience) => Err(Status::unavailable("the other node did not answer in time")),
        }
    }

    pub(super) async fn offer_to(
        &self,
        node: u32,
        request: wire_api::OfferRequest,
    ) -> Result<wire_api::OfferResponse, Status> {
        let mut client = self.matching_at(node)?;
        self.answer(PATIENCE, client.offer(request)).await
    }

    pub(super) async fn pull_from(&self, node: u32, asked: Asked<'_>) -> Result<Vec<Parcel>, Status> {
        let place = |from: &TasksFrom| wire_api::Place {
            urgency: u32::from(from.urgency.level()),
            place: from.place.clone().into(),
        };
        let request = wire_api::PullRequest {
            shard: asked.shard.0,
            queue: Some(wire::queue(asked.queue)),
            lane: u32::from(asked.lane),
            from: asked.from.map(place),
            max: u32::try_from(asked.max).unwrap_or(u32::MAX),
        };
        let mut client = self.matching_at(node)?;
        let answer = self.answer(PATIENCE, client.pull(request)).await?;
        answer.tasks.into_iter().map(wire::parcel).collect()
    }

    pub(super) async fn lanes_from(&self, node: u32, shard: ShardId, queue: &QueueKey) -> Result<Vec<u16>, Status> {
        let request = wire_api::LanesRequest { shard: shard.0, queue: Some(wire::queue(queue)) };
        let mut client = self.matching_at(node)?;
        let answer = self.answer(PATIENCE, client.lanes(request)).await?;
        answer.lanes.into_iter().map(|lane| u16::try_from(lane).map_err(|_| wire::nonsense("no lane"))).collect()
    }

    /// Asks another node to record a task as started. `None` if the task is gone.
    ///
    /// # Errors
    /// When its outcome is unknown: to be asked again with the same poller.
    pub(crate) async fn start_at(
        &self,
        node: u32,
        parcel: &Parcel,
        poller: &Poller,
    ) -> Result<Option<StartedElsewhere>, Status> {
        let request = wire_api::StartRequest { task: Some(wire::task(parcel)), poller: Some(wire::poller(poller)) };
        let mut client = self.matching_at(node)?;
        let answer = self.answer(START_PATIENCE, client.start(request)).await?;
        if answer.task_token.is_empty() {
            return Ok(None);
        }
        let token = Task::decode(&answer.task_token).map_err(|_| wire::nonsense("a token that is none"))?;
        Ok(Some(StartedElsewhere { token, answer: answer.answer }))
    }

    pub(super) async fn take_back_at(&self, node: u32, returned: &Returned) -> Result<(), Status> {
        let mut client = self.matching_at(node)?;
        self.answer(PATIENCE, client.take_back(returned.wire())).await.map(|_| ())
    }

    /// Waits until a worker of that node has the query, or nobody will.
    pub(crate) async fn dispatch_query_to(
        &self,
        node: u32,
        queue: &QueueKey,
        query: u64,
        wait: Duration,
    ) -> Result<wire_api::dispatch_query_response::Outcome, Status> {
        let request = wire_api::DispatchQueryRequest {
            query_id: query,
            queue: Some(wire::queue(queue)),
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            node: self.options.node,
        };
        let mut client = self.matching_at(node)?;
        Ok(client.dispatch_query(request).await?.into_inner().outcome())
    }

    /// What a worker gets for a query that was asked at another node. `None` if nobody waits for it any more.
    pub(crate) async fn take_query_from(&self, node: u32, query: u64) -> Result<Option<Bytes>, Status> {
        let mut client = self.matching_at(node)?;
        let request = wire_api::TakeQueryRequest { query_id: query };
        let answer = self.answer(START_PATIENCE, client.take_query(request)).await?.answer;
        Ok((!answer.is_empty()).then_some(answer))
    }

    pub(super) async fn waiting_at(&self, node: u32, shards: Vec<u32>, queue: &QueueKey) -> Result<Waiting, Status> {
        let request = wire_api::WaitingRequest { shards, queue: Some(wire::queue(queue)) };
        let mut client = self.matching_at(node)?;
        wire::waiting_of(self.answer(PATIENCE, client.waiting(request)).await?)
    }

    pub(super) async fn worker_gone_at(&self, node: u32, request: wire_api::WorkerGoneRequest) -> Result<(), Status> {
        let mut client = self.matching_at(node)?;
        self.answer(PATIENCE, client.worker_gone(request)).await.map(|_| ())
    }

    pub(super) async fn fetch_from(
        &self,
        node: u32,
        request: wire_api::FetchRequest,
        wait: Duration,
    ) -> Result<wire_api::FetchResponse, Status> {
        let mut client = self.matching_at(node)?;
        self.answer(wait + PATIENCE, client.fetch(request)).await
    }

    pub(super) async fn branch_at(&self, node: u32, queue: &QueueKey) -> Result<QueueStats, Status> {
        let request = wire_api::BranchRequest { queue: Some(wire::queue(queue)) };
        let mut client = self.matching_at(node)?;
        Ok(wire::stats_of(self.answer(PATIENCE, client.branch(request)).await?))
    }

    pub(super) async fn queues_at(&self, node: u32, namespace: &str) -> Result<wire_api::QueuesResponse, Status> {
        let request = wire_api::QueuesRequest { namespace_id: namespace.to_owned() };
        let mut client = self.matching_at(node)?;
        self.answer(PATIENCE, client.queues(request)).await
    }
}
