//! Whether a node is up to date.

use weft_raft::ReadError;

use super::{Node, NodeInner};

impl Node {
    /// Waits until this node has applied all that was committed when the call came, as a majority confirms.
    ///
    /// # Errors
    /// When a group has no leader, or its leader no majority.
    pub(crate) async fn caught_up(&self) -> Result<(), ReadError> {
        self.inner().has_committed().await
    }
}

impl NodeInner {
    /// The same, for what is a part of the node.
    ///
    /// What is left of a copy that it is to have no more is no matter: nobody sends its log.
    pub(crate) async fn has_committed(&self) -> Result<(), ReadError> {
        let (members, own) = (self.metadata.members(), self.peers.node);
        let counts = |group: u32| members.copies.get(&group).is_none_or(|row| row.wanted().any(|node| node == own));
        let groups = self.raft.groups().filter(|(id, _)| counts(id.0)).map(|(_, group)| async move {
            let index = group.read_index().await?;
            group.wait_applied(index).await
        });
        futures::future::try_join_all(groups).await.map(drop)
    }
}
