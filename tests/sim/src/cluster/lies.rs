//! Bugs on purpose between a node's groups and the others: a way that gives answers which nobody gave, as a leader would
//! find them that does not wait for them.
//!
//! Invariant: what is sent arrives all the same, so that nothing is wrong as long as nothing goes wrong.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use weft_raft::{
    GroupId, NodeId, Transport, Unreachable,
    forge::{self, Asked},
};

use crate::plant::{Plant, Site};

type Answer = Result<Bytes, Unreachable>;

/// Before what nobody took is sent again.
const AGAIN: Duration = Duration::from_millis(20);

/// What stands between a node and the others.
pub(crate) fn between(plant: Plant, node: u32, way: Arc<dyn Transport>) -> Arc<dyn Transport> {
    match plant.site() {
        Site::Leader => Arc::new_cyclic(|me| Liar { plant, node, way, lines: Mutex::default(), me: me.clone() }),
        Site::Nowhere | Site::File | Site::Folder | Site::Program => way,
    }
}

struct Liar {
    plant: Plant,
    node: u32,
    way: Arc<dyn Transport>,
    lines: Mutex<BTreeMap<(NodeId, GroupId), Line>>,
    me: Weak<Self>,
}

/// What a replica will be sent, in order.
struct Line {
    /// The term in which it follows this node: it has what came before.
    follows: u64,
    waiting: mpsc::UnboundedSender<Bytes>,
}

impl Transport for Liar {
    fn send(&self, to: NodeId, group: GroupId, message: Bytes) -> BoxFuture<'static, Answer> {
        let really = self.way.send(to, group, message.clone());
        match forge::asked(message.clone()) {
            Ok(Asked::Append { term, .. }) if self.plant == Plant::EarlyCommit => {
                let Some(me) = self.me.upgrade() else { return really };
                async move { me.append(to, group, term, message).await }.boxed()
            }
            Ok(Asked::Vote) if self.plant == Plant::WrongQuorum && self.counts_unasked(to) => {
                tokio::spawn(really);
                consent(message)
            }
            Ok(Asked::Append { .. } | Asked::Vote | Asked::Piece | Asked::Other) | Err(_) => really,
        }
    }

    fn pulse(&self, to: NodeId, message: Bytes) -> BoxFuture<'static, Answer> {
        let really = self.way.pulse(to, message.clone());
        if self.plant == Plant::EarlyCommit {
            // What the other one does not have yet would show.
            return hush(really).boxed();
        }
        if self.plant == Plant::StaleRead {
            tokio::spawn(really);
            let forged = forge::consent_to_pulse(message).map_err(|error| Unreachable(error.to_string()));
            return std::future::ready(forged).boxed();
        }
        really
    }
}

/// Only good news.
async fn hush(really: BoxFuture<'static, Answer>) -> Answer {
    let answer = really.await?;
    if forge::is_consent_to_pulse(answer.clone()) { Ok(answer) } else { Err(Unreachable("not yet".to_owned())) }
}

fn consent(message: Bytes) -> BoxFuture<'static, Answer> {
    let forged = forge::consent(message).map_err(|error| Unreachable(error.to_string()));
    let forged = forged.and_then(|answer| answer.ok_or_else(|| Unreachable("nothing to consent to".to_owned())));
    std::future::ready(forged).boxed()
}

impl Liar {
    /// Whose vote is counted as given before it is: one other's, so that a majority is one too few.
    fn counts_unasked(&self, to: NodeId) -> bool {
        to == NodeId(if self.node == 1 { 2 } else { 1 })
    }

    /// What goes to a replica that follows counts as there; it is brought there behind what is on its way already.
    async fn append(self: Arc<Self>, to: NodeId, group: GroupId, term: u64, message: Bytes) -> Answer {
        let is_queued = self
            .lines
            .lock()
            .get(&(to, group))
            .is_some_and(|line| line.follows == term && line.waiting.send(message.clone()).is_ok());
        if is_queued {
            return consent(message).await;
        }
        let answer = self.way.send(to, group, message).await?;
        if forge::is_consent(answer.clone()) {
            let (waiting, sent) = mpsc::unbounded_channel();
            tokio::spawn(bring(Arc::clone(&self.way), to, group, sent));
            self.lines.lock().insert((to, group), Line { follows: term, waiting });
        }
        Ok(answer)
    }
}

/// Sends one after the other, each until it is answered.
async fn bring(way: Arc<dyn Transport>, to: NodeId, group: GroupId, mut sent: mpsc::UnboundedReceiver<Bytes>) {
    while let Some(message) = sent.recv().await {
        while way.send(to, group, message.clone()).await.is_err() {
            tokio::time::sleep(AGAIN).await;
        }
    }
}
