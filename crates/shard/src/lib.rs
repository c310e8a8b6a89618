//! One shard at run time: requests → engine → batches → Raft → effects.
//!
//! Invariants: rules 1 to 5, 10 to 13 and 17 of the architecture; each module names the ones it keeps. What is absent:
//! decisions about workflows (the engine's), pollers (matching's, behind [`Dispatch`]), lists (visibility's, behind
//! [`Feed`]), and everything of openraft (behind `weft-raft`).

mod actor;
mod cache;
mod call;
mod config;
mod crowded;
mod deliver;
mod dispatch;
mod events;
mod handle;
mod history;
mod leader;
mod limits;
mod listing;
mod loader;
mod metadata;
mod outbox;
mod parcel;
mod pipeline;
mod postmark;
mod quarantine;
mod replica;
mod reset;
mod shared;
mod skips;
mod staging;
mod stamp;
mod stats;
mod updates;
mod waiting;
mod wake;
mod watch;

pub use call::{Failure, View};
pub use config::Config;
pub use dispatch::{Delivered, Directory, Dispatch, Feed, Jobs, Offered, Post, Reservation, ShardId, TaskRef};
pub use handle::{Attached, Shard};
pub use history::{Events, HistoryReader};
pub use limits::Limits;
pub use listing::{Unread, listing};
pub use metadata::{ChangeError, Members, MembersChange, Metadata, MetadataConfig, Namespaces};
pub use postmark::{Leads, Postmark};
pub use quarantine::{Quarantine, Quarantined};
pub use replica::{GivenUp, GroupView, Replica, group_views, stored_row};
pub use reset::ResetPlace;
pub use shared::Room;
pub use staging::StagedBranch;
pub use stamp::NodeTime;
pub use stats::Stats;
pub use updates::Following;
pub use waiting::{From as TasksFrom, Line as WaitingLine, Waiting};
pub use watch::{Watch, Watchers};
