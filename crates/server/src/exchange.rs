//! Tasks and queries between the nodes that lead shards and those that own task queues.
//!
//! A queue's owner is whoever leads the shard that a workflow id of its name would belong to (docs/adr/0011). The leader of
//! a shard brings its tasks to their owners; an owner asks the leader for more when it has room, and to start a task for
//! the poller that gets it.
//!
//! Invariant: what is lost on the way is not lost: a pending task is a row of its shard. Whoever could not bring a task
//! says so until its owner has heard of it, and an owner that is new asks.

mod branches;
mod calls;
mod inbox;
mod lent;
mod outgoing;
mod owned;
mod place;
mod pull;
mod returned;
mod wire;
mod workers;

pub(crate) use branches::{Branches, Loan};
pub(crate) use calls::StartedElsewhere;
pub(crate) use lent::Lent;
pub(crate) use outgoing::{Outgoing, Outlets};
pub(crate) use owned::{Owned, follow, follow_shard};
pub(crate) use place::Place;
pub(crate) use returned::Returned;
pub(crate) use wire::Parcel;
