//! What a queue's owner asks of all shards: their tasks, their lanes, and how many tasks wait.

use std::time::Duration;

use tonic::Status;
use weft_matching::{Offer, Pull, QueueKey, Start};
use weft_rows::task::{self, Lane};
use weft_shard::{Failure, Shard, ShardId, Waiting};

use super::{
    calls::{Asked, PAUSE},
    wire::{Parcel, queue_of_row, queue_of_rows},
};
use crate::node::{
    NodeInner,
    leader::Leader,
    tasks::{HeldTask, TaskId, offer_of, place_of},
};

/// A shard that is asked until it answers, or matching asks again.
struct Asking<'a> {
    node: &'a NodeInner,
    shard: Shard,
    /// Monotonic.
    until: Duration,
}

impl Asking<'_> {
    /// Waits a little; false if it has taken too long.
    async fn again(&self) -> bool {
        let in_time = self.node.clock.monotonic() + PAUSE < self.until;
        if in_time {
            self.node.pause(PAUSE).await;
        }
        in_time
    }

    fn leader(&self) -> Leader {
        self.node.leader_of_shard(&self.shard)
    }
}

impl NodeInner {
    fn asking(&self, shard: u32) -> Option<Asking<'_>> {
        let shard = self.copies.shard(ShardId(shard))?;
        Some(Asking { node: self, shard, until: self.clock.monotonic() + self.options.matching.pull_retry })
    }

    /// The tasks that matching asks for, and one more, if there is one, to say where to go on. `None` if no answer came
    /// before matching asks again.
    pub(crate) async fn pulled(&self, pull: &Pull<TaskId>) -> Option<Vec<Offer<HeldTask>>> {
        let asking = self.asking(pull.shard)?;
        let (shard, max) = (&asking.shard, pull.max.saturating_add(1));
        let lane = Lane::from_number(pull.lane).unwrap_or_default();
        let queue = queue_of_rows(&pull.key);
        let from = match &pull.from {
            Start::Beginning => None,
            Start::At(position) => Some(place_of(position, &queue, lane)),
        };
        loop {
            match asking.leader() {
                Leader::Here => {
                    let tasks = shard.pull(queue, lane, from, max).await.ok()?;
                    return Some(tasks.into_iter().map(|(key, task)| offer_of(shard.id(), key, task)).collect());
                }
                Leader::Node(node) => {
                    let (shard, queue, lane, from) = (shard.id(), &pull.key, pull.lane, from.as_ref());
                    if let Ok(parcels) = self.pull_from(node, Asked { shard, queue, lane, from, max }).await {
                        return Some(parcels.into_iter().map(Parcel::offer).collect());
                    }
                }
                Leader::Nobody => {}
            }
            if !asking.again().await {
                return None;
            }
        }
    }

    /// The lanes of a queue that a shard has tasks in, that of no fairness key left out.
    pub(crate) async fn lanes(&self, key: &QueueKey, shard: u32) -> Option<Vec<u16>> {
        let asking = self.asking(shard)?;
        loop {
            match asking.leader() {
                Leader::Here => {
                    let lanes = asking.shard.lanes(queue_of_rows(key)).await.ok()?;
                    return Some(lanes.into_iter().map(Lane::number).collect());
                }
                Leader::Node(node) => {
                    if let Ok(lanes) = self.lanes_from(node, asking.shard.id(), key).await {
                        return Some(lanes);
                    }
                }
                Leader::Nobody => {}
            }
            if !asking.again().await {
                return None;
            }
        }
    }

    /// How many tasks of a queue wait for a worker, over all shards. Of a shard whose leader does not answer it is what
    /// this node's replica says, if it has a whole one.
    pub(crate) async fn waiting(&self, queue: &task::Queue) -> Result<Waiting, Failure> {
        let by_leader = self.by_leader();
        let asked = by_leader.into_iter().map(|(leader, shards)| async move {
            if let Leader::Node(node) = leader {
                let ids = shards.iter().map(|shard| shard.id().0).collect();
                match self.waiting_at(node, ids, &queue_of_row(queue)).await {
                    Ok(waiting) => return Ok(waiting),
                    Err(status) => tracing::debug!(node, %status, "a node did not say how many tasks wait"),
                }
            }
            // A copy that is being filled knows of some tasks only.
            if leader != Leader::Here && !shards.iter().all(|shard| self.holds(shard.id())) {
                return Err(Failure::NotLeader);
            }
            waiting_in(shards, queue).await
        });
        let mut waiting = Waiting::default();
        for found in futures::future::join_all(asked).await {
            waiting.merge(found?);
        }
        Ok(waiting)
    }

    /// How many tasks of a queue wait in these shards, which are led here.
    pub(super) async fn waiting_here(&self, shards: &[u32], queue: &task::Queue) -> Result<Waiting, Status> {
        let shards = shards.iter().map(|shard| self.led(*shard)).collect::<Result<Vec<_>, Status>>()?;
        waiting_in(shards, queue).await.map_err(|failure| Status::unavailable(failure.to_string()))
    }

    /// A shard that this node leads, and that takes calls.
    pub(super) fn led(&self, shard: u32) -> Result<Shard, Status> {
        let shard = self.copies.shard(ShardId(shard));
        let led = shard.filter(|shard| self.leader_of_shard(shard) == Leader::Here && shard.is_ready());
        led.ok_or_else(|| Status::unavailable("this node does not lead the shard now"))
    }

    fn by_leader(&self) -> Vec<(Leader, Vec<Shard>)> {
        let mut found: Vec<(Leader, Vec<Shard>)> = Vec::new();
        for shard in self.copies.all() {
            let leader = self.leader_of_shard(&shard);
            match found.iter_mut().find(|(of, _)| *of == leader) {
                Some((_, shards)) => shards.push(shard),
                None => found.push((leader, vec![shard])),
            }
        }
        found
    }
}

async fn waiting_in(shards: Vec<Shard>, queue: &task::Queue) -> Result<Waiting, Failure> {
    let mut waiting = Waiting::default();
    for found in futures::future::join_all(shards.iter().map(|shard| shard.waiting(queue.clone()))).await {
        waiting.merge(found?);
    }
    Ok(waiting)
}
