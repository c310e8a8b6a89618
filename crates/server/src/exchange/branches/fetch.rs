//! Fetching for one branch, as long as it has polls.
//!
//! Invariant: at most one fetch is under way for a branch. It is open from when its root says that nothing waits there until
//! the root says otherwise, does not answer, or gives more than there are polls for.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::sync::{oneshot, watch};
use tonic::{Code, Status};
use weft_engine::NamespaceId;
use weft_matching::{Polled, QueueKey};
use weft_protocol::internal::{FetchRequest, FetchResponse, Lent, LentQuery, lent::Item};
use weft_raft::Leadership;

use super::{Branch, Branches, Loan};
use crate::{
    exchange::{calls::PAUSE, wire},
    node::{
        NodeInner,
        leader::Leader,
        tasks::{ElsewhereQuery, QueryTask, Work},
    },
};

/// How long a fetch waits at a root where nothing waits …
const STANDING: Duration = Duration::from_secs(20);
/// … and at one that has tasks in its shards, before it says whether it still has: at first, and at most.
const SHORT: Duration = Duration::from_millis(20);
const SHORT_MAX: Duration = Duration::from_secs(3);
/// A fetch stands for so long for polls that may come again.
const QUIET: Duration = Duration::from_secs(2);
/// How long a branch is kept that nobody polls.
const IDLE: Duration = Duration::from_secs(30);
/// Between two looks for an owner where there is none.
const LOOK: Duration = Duration::from_millis(500);

/// What comes next for a branch.
enum Next {
    /// A fetch that waits for so long, unless the branch is open: then it stands.
    Fetch(Duration),
    Over,
}

impl Next {
    const AT_ONCE: Self = Self::Fetch(Duration::ZERO);
}

/// Who fetches for one branch.
struct Fetcher<'a> {
    node: &'a Arc<NodeInner>,
    branches: &'a Branches,
    queue: &'a QueueKey,
    branch: &'a Branch,
}

/// Fetches for a branch until it is over. Ends with the node.
pub(super) async fn fetch(node: Weak<NodeInner>, queue: QueueKey, branch: Arc<Branch>) {
    let mut wait = Duration::ZERO;
    while let Some(node) = node.upgrade() {
        let Some(branches) = node.branches() else { break };
        let fetcher = Fetcher { node: &node, branches, queue: &queue, branch: &branch };
        let mut stopping = node.stopping.clone();
        let next = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => Next::Over,
            next = fetcher.step(wait) => next,
        };
        match next {
            Next::Fetch(next) => wait = next,
            Next::Over => break,
        }
    }
    branch.end();
}

impl Fetcher<'_> {
    async fn step(&self, wait: Duration) -> Next {
        let Self { node, branches, queue, branch } = self;
        let idle = branches.polls.idle_for(queue);
        if idle.is_some_and(|idle| idle >= QUIET) {
            branch.set_open(false);
        }
        if idle.is_some() && !branch.is_open() {
            tokio::select! {
                () = branch.polled.notified() => return Next::AT_ONCE,
                () = node.pause(IDLE) => {}
            }
            return if branches.retire(queue, branch) { Next::Over } else { Next::AT_ONCE };
        }
        let mut leadership = node.owner_of(&NamespaceId::from(&*queue.namespace), &queue.name);
        let owner = Leader::of(&leadership.borrow_and_update());
        match owner {
            Leader::Here => {
                branches.end(queue, branch);
                Next::Over
            }
            Leader::Node(root) => self.fetch_from(root, wait, &mut leadership).await,
            Leader::Nobody => {
                branch.set_open(false);
                tokio::select! {
                    () = moved(&mut leadership) => {}
                    () = node.pause(LOOK) => {}
                }
                Next::AT_ONCE
            }
        }
    }

    async fn fetch_from(&self, root: u32, wait: Duration, leadership: &mut watch::Receiver<Leadership>) -> Next {
        let Self { node, branches, queue, branch } = self;
        let wait = if branch.is_open() { STANDING } else { wait };
        let max = branches.polls.waiting(queue).max(1);
        let answer = tokio::select! {
            biased;
            answer = node.fetch_from(root, self.request(max, wait), wait) => answer,
            () = moved(leadership) => Err(Status::unavailable("the queue has another owner")),
            () = self.quiet() => return self.leave(root).await,
        };
        match answer {
            Ok(answer) => self.fetched(root, wait, answer),
            Err(status) if status.code() == Code::Unimplemented => {
                branches.send_to_root(queue, branch);
                Next::Over
            }
            Err(status) => {
                tracing::debug!(node = root, %status, queue = &*queue.name, "nothing could be fetched");
                branch.set_open(false);
                node.pause(PAUSE).await;
                Next::AT_ONCE
            }
        }
    }

    fn request(&self, max: usize, wait: Duration) -> FetchRequest {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let idle = self.branches.polls.idle_for(self.queue).unwrap_or_default();
        FetchRequest {
            queue: Some(wire::queue(self.queue)),
            max: u32::try_from(max).unwrap_or(u32::MAX),
            wait_ms: millis(wait),
            idle_ms: millis(idle),
            node: self.node.peers.node,
        }
    }

    /// Waits until nobody has polled for a while.
    async fn quiet(&self) {
        while self.branches.polls.idle_for(self.queue).is_none_or(|idle| idle < QUIET) {
            self.node.pause(QUIET).await;
        }
    }

    /// Tells the root how long nobody has polled here: of a worker's own queue it is to know when the worker was last there.
    async fn leave(&self, root: u32) -> Next {
        self.branch.set_open(false);
        // A root that does not hear it takes the worker for gone a little sooner.
        let _ = self.node.fetch_from(root, self.request(0, Duration::ZERO), Duration::ZERO).await;
        Next::AT_ONCE
    }

    fn fetched(&self, root: u32, waited: Duration, answer: FetchResponse) -> Next {
        let Self { branches, queue, branch, .. } = self;
        let is_empty = answer.items.is_empty();
        branches.polls.note_root(queue, wire::backlog(&answer));
        let mut all_wanted = true;
        for lent in answer.items {
            all_wanted &= hand(self.node, queue, root, lent).unwrap_or_else(|status| {
                // Its loan runs out.
                tracing::warn!(node = root, %status, "what another node gave was not understood");
                false
            });
        }
        if answer.limited {
            branches.send_to_root(queue, branch);
            return Next::Over;
        }
        branch.set_open(!answer.more && all_wanted);
        if is_empty && answer.more { Next::Fetch((waited * 2).clamp(SHORT, SHORT_MAX)) } else { Next::AT_ONCE }
    }
}

/// Waits for news of who owns a queue.
async fn moved(leadership: &mut watch::Receiver<Leadership>) {
    if leadership.changed().await.is_err() {
        // The group has ended here, and says nothing any more.
        std::future::pending::<()>().await;
    }
}

/// Hands what was fetched to a poll; false if none waits for it.
fn hand(node: &Arc<NodeInner>, queue: &QueueKey, root: u32, lent: Lent) -> Result<bool, Status> {
    let loan = || Loan::new(node, root, lent.loan);
    match lent.item.ok_or_else(|| wire::nonsense("a loan of nothing"))? {
        Item::Task(task) => {
            let mut offer = wire::parcel(task)?.offer();
            offer.task.loan = Some(Arc::new(loan()));
            Ok(give(node, queue, Polled::Task(offer)).is_none())
        }
        Item::Query(query) => Ok(hand_query(node, queue, query, loan())),
    }
}

/// Gives back what no poll waits for.
fn give(node: &NodeInner, queue: &QueueKey, fetched: Polled<Work>) -> Option<Polled<Work>> {
    match node.branches() {
        Some(branches) => branches.polls.hand_fetched(queue, fetched),
        None => Some(fetched),
    }
}

fn hand_query(node: &Arc<NodeInner>, queue: &QueueKey, query: LentQuery, loan: Loan) -> bool {
    let LentQuery { query_id: id, node: asked_at } = query;
    if asked_at == node.peers.node {
        // Nobody may wait for it any more; then it is done with as well.
        let Some(asked) = node.queries.take(id) else {
            loan.done();
            return true;
        };
        return match give(node, queue, Polled::Query(QueryTask::Here(Box::new(asked)))) {
            None => {
                loan.done();
                true
            }
            // Whoever asked it asks again, when it hears that the root has dropped it.
            Some(Polled::Query(QueryTask::Here(asked))) => {
                node.queries.keep_away(*asked);
                false
            }
            Some(_) => false,
        };
    }
    let (taken, heard) = oneshot::channel();
    let query = QueryTask::Elsewhere(ElsewhereQuery { id, node: asked_at, taken });
    let given = give(node, queue, Polled::Query(query)).is_none();
    tokio::spawn(async move {
        if heard.await.is_ok() {
            loan.done();
        }
    });
    given
}
