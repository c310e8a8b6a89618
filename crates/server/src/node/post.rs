//! The way from one workflow id to another: the target's shard, found by its slot.
//!
//! Invariant: a namespace that is not in this node's view is asked for at the metadata group before it is "not found".
//! The target's shard takes the requests of one workflow id in the order in which they come, so a message never overtakes
//! one that was brought before it.

use std::sync::{Arc, OnceLock, Weak};

use futures::{FutureExt, future::BoxFuture};
use weft_engine::{Delivery, FoundChild, MessageBody, Namespace, NamespaceId, Origin, Reply};
use weft_protocol::internal::DeliverRequest;
use weft_rows::{namespace::NamespaceState, outbox};
use weft_shard::{Failure, Post, Postmark};

use super::{NodeInner, leader::Leader, postmark};

/// The shards, as each of them sees the others. Set once the node is put together.
#[derive(Default)]
pub(crate) struct ToShards {
    node: OnceLock<Weak<NodeInner>>,
}

impl ToShards {
    pub(crate) fn attach(&self, node: &Arc<NodeInner>) {
        // A node is put together once.
        let _ = self.node.set(Arc::downgrade(node));
    }
}

impl Post for ToShards {
    fn deliver(&self, delivery: Delivery, postmark: Postmark) -> BoxFuture<'static, Result<Reply, Failure>> {
        let node = self.node.get().and_then(Weak::upgrade);
        async move {
            match node {
                Some(node) => node.deliver(delivery, postmark).await,
                None => Err(Failure::Unavailable("the node is not put together")),
            }
        }
        .boxed()
    }
}

impl NodeInner {
    /// Brings a message to the node that leads its target's shard.
    async fn deliver(&self, delivery: Delivery, postmark: Postmark) -> Result<Reply, Failure> {
        let _passage = self.crossings.pass(self.clock.as_ref()).await;
        match self.leader_of(&delivery.message.target) {
            Leader::Here => self.deliver_here(delivery, Some(postmark)).await,
            Leader::Node(node) => self.deliver_to(node, delivery, postmark).await,
            Leader::Nobody => Err(Failure::Unavailable("the target's shard has no leader now")),
        }
    }

    async fn deliver_to(&self, node: u32, delivery: Delivery, postmark: Postmark) -> Result<Reply, Failure> {
        let lost = Failure::Unavailable("the node that leads the target's shard did not answer");
        let Some(mut peer) = self.peers.cluster_service(node) else { return Err(lost) };
        let Origin { sender, run, event_id } = &delivery.origin;
        let request = DeliverRequest {
            sender_namespace_id: sender.namespace.as_str().to_owned(),
            sender_workflow_id: sender.workflow.as_str().to_owned(),
            sender_run_id: run.as_str().to_owned(),
            event_id: event_id.0,
            message: outbox::encode(&delivery.message).into(),
            postmark: Some(postmark::message(postmark)),
        };
        let Ok(answer) = peer.deliver(request).await else { return Err(lost) };
        postmark::answered(&answer.into_inner()).unwrap_or(Err(lost))
    }

    /// Brings a message to its target, whose shard this node leads.
    pub(crate) async fn deliver_here(&self, delivery: Delivery, postmark: Option<Postmark>) -> Result<Reply, Failure> {
        let key = delivery.message.target.clone();
        let Some(namespace) = self.living(&key.namespace).await? else {
            return Ok(without_namespace(&delivery.message.body));
        };
        self.shard(&key).deliver(namespace, delivery, postmark).await
    }

    /// A namespace that is there and not deleted.
    async fn living(&self, id: &NamespaceId) -> Result<Option<Arc<Namespace>>, Failure> {
        use weft_shard::Directory;
        if self.metadata.namespace(id).is_none() {
            let confirmed = self.metadata.confirmed().await;
            confirmed.map_err(|_| Failure::Unavailable("the metadata group has no leader here"))?;
        }
        let is_deleted = self.metadata.view().by_id(id).is_some_and(|row| matches!(row.state, NamespaceState::Deleted));
        Ok(self.metadata.namespace(id).filter(|_| !is_deleted))
    }
}

/// What is said where there is no namespace: who asks is told, and who tells has told.
fn without_namespace(body: &MessageBody) -> Reply {
    match body {
        MessageBody::FindChild { .. } => Reply::Found(FoundChild::Gone),
        MessageBody::StartChild(_) | MessageBody::Signal(_) | MessageBody::Cancel(_) | MessageBody::StartAction(_) => {
            Reply::NamespaceNotFound
        }
        MessageBody::FirstTask { .. }
        | MessageBody::Acknowledge
        | MessageBody::Recall
        | MessageBody::ParentClosed { .. }
        | MessageBody::ChildClosed(_)
        | MessageBody::EndAction(_)
        | MessageBody::ActionEnded(_) => Reply::Done,
    }
}
