//! The nodes of a cluster, as one of them sees the others: who they are, how they are reached, and what they say to each
//! other on the internal port.
//!
//! Invariant: a message names its cluster and its sender, and a node takes none of another cluster, nor of a stranger but
//! for what replicas say; so two clusters cannot mix, whatever addresses are given to them.

mod backup_desk;
mod expulsion;
mod inbox;
pub(crate) mod join;
mod link;
mod meeting;
mod members_desk;
mod network;
mod options;
mod peers;
mod serve;
mod visibility_desk;

pub(crate) use inbox::Inbox;
pub use join::JoinError;
pub(crate) use link::{Alone as LinkAlone, Failed, Link};
pub use meeting::MeetError;
pub(crate) use members_desk::MembersDesk;
pub(crate) use network::Reach;
pub use network::{Network, Pipe};
pub(crate) use options::is_address;
pub use options::{ClusterError, ClusterOptions};
pub(crate) use peers::{Address, Peers};
pub(crate) use serve::{Gate, listen, listen_within};

use uuid::Uuid;

use crate::node::Options;

/// What a node needs to be one of several: the ways to the others, and what is behind its own internal port.
pub(crate) struct Links {
    pub(crate) peers: Peers,
    pub(crate) inbox: Inbox,
}

impl Links {
    /// To be called within a tokio runtime.
    pub(crate) fn of(options: &Options, reach: &Reach) -> Result<Self, ClusterError> {
        options.cluster.check(options.node)?;
        let cluster = options.cluster.id().unwrap_or(Uuid::nil());
        Ok(Self { peers: Peers::new(options.node, cluster, &options.cluster, reach), inbox: Inbox::default() })
    }
}
