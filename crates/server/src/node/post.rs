//! The way from one workflow id to another: the target's shard, found by its slot.
//!
//! Invariant: a namespace that is not in this node's view is asked for at the metadata group before it is "not found".
//! The target's shard takes the requests of one workflow id in the order in which they come, so a message never overtakes
//! one that was brought before it.

use std::sync::{Arc, OnceLock, Weak};

use futures::{FutureExt, future::BoxFuture};
use weft_engine::{Delivery, FoundChild, MessageBody, Namespace, NamespaceId, Reply};
use weft_rows::namespace::NamespaceState;
use weft_shard::{Failure, Post};

use super::NodeInner;

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
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'static, Result<Reply, Failure>> {
        let node = self.node.get().and_then(Weak::upgrade);
        async move {
            match node {
                Some(node) => node.deliver(delivery).await,
                None => Err(Failure::Unavailable("the node is not put together")),
            }
        }
        .boxed()
    }
}

impl NodeInner {
    async fn deliver(&self, delivery: Delivery) -> Result<Reply, Failure> {
        let key = delivery.message.target.clone();
        let Some(namespace) = self.living(&key.namespace).await? else {
            return Ok(without_namespace(&delivery.message.body));
        };
        self.shard(&key).deliver(namespace, delivery).await
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
