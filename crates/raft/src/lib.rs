//! Many Raft groups over one write-ahead log. The only crate that names openraft, and none of openraft's types leaves
//! it; it knows no workflow: batches, replies and marks are bytes to it.
//!
//! A [`Node`] runs the groups of a node. A [`Group`] takes proposals and reads. A [`Machine`] is what a group's owner
//! implements: the replicated state. A [`Transport`] brings messages to the same groups of other nodes, which hand them
//! to [`Node::receive`] and [`Node::receive_pulse`]. Entries count from 1, so that 0 means "nothing".

pub mod balance;
mod candidacy;
mod codec;
mod floor;
#[cfg(feature = "testing")]
pub mod forge;
mod group;
mod groups;
mod heart;
#[cfg(feature = "testing")]
mod held;
mod late;
mod log;
mod machine;
mod membership;
mod network;
mod node;
#[cfg(feature = "testing")]
pub mod probe;
mod proposal;
mod pulse;
mod receive;
mod responder;
mod restore;
mod runtime;
mod snapshot;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod transport;
mod types;

pub use codec::CodecError;
pub use group::{CheckpointError, Group, GroupConfig, Leadership, StartError, Timing};
pub use machine::{Committed, Machine, MachineError, Payload, Recovered};
pub use membership::MembershipError;
pub use node::{KEPT_BYTES, Node, NodeConfig};
pub use proposal::{ProposeError, ReadError, TransferError};
pub use receive::ReceiveError;
pub use restore::restored_mark;
pub use snapshot::{Picture, PictureOf};
pub use transport::{Alone, Transport, Unreachable};
pub use types::NodeId;
pub use weft_store::wal::GroupId;
