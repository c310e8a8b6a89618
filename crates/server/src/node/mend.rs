//! Building a group's part of the visibility index again from the store: when a node opens and the index lacks what the
//! log will not replay, and while it runs when the index could not take a change.
//!
//! Invariant: until it has succeeded lists are refused, and the log is not purged beyond the hole; so a crash before that
//! loses nothing.

use std::{convert::Infallible, sync::Arc, time::Duration};

use parking_lot::Mutex;
use weft_raft::MachineError;
use weft_rows::{SlotRange, ranges};
use weft_shard::{Unread, listing, stored_row};
use weft_store::state::{StateStore, StateView};
use weft_visibility::{Record, Visibility};

use super::{NodeInner, lists, open::METADATA_GROUP};

/// Between tries: whatever made one fail (a full disk) takes its time.
const RETRY: Duration = Duration::from_secs(5);

/// Builds again what the index lacks of the last checkpoint: the log is replayed from there on, and nothing before it is
/// fed again.
pub(super) async fn before_replay(
    visibility: &Visibility,
    store: &Arc<dyn StateStore>,
    shards: u16,
) -> Result<(), Error> {
    for group in groups(shards) {
        group_before_replay(visibility, store, group).await?;
    }
    Ok(())
}

/// The same of one group.
pub(super) async fn group_before_replay(
    visibility: &Visibility,
    store: &Arc<dyn StateStore>,
    (group, slots): (u32, SlotRange),
) -> Result<(), Error> {
    let applied = stored_row(store.as_ref(), group)?.index;
    if visibility.indexed(group) >= applied {
        return Ok(());
    }
    tracing::warn!(group, applied, "the visibility index lacks what will not be replayed: building it again");
    let records = records(Arc::<dyn StateStore>::clone(store), slots);
    let rebuilt = visibility.rebuild_group(group, move || Ok((applied, records))).await;
    rebuilt.map_err(|error| Error::Index(error.to_string()))
}

/// Nothing of a group is listed here any more.
pub(super) async fn forget(visibility: &Visibility, group: u32) -> Result<(), Error> {
    let nothing = || Ok::<_, Infallible>((0, std::iter::empty()));
    visibility.rebuild_group(group, nothing).await.map_err(|error| Error::Index(error.to_string()))
}

/// Why the index is not built again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Store(#[from] MachineError),
    #[error("{0}")]
    Index(String),
}

/// Mends the index of a running node.
#[derive(Default)]
pub(super) struct Mender {
    /// Not before.
    next: Mutex<Duration>,
}

impl Mender {
    /// Builds torn groups again, if there are any and it is time to try.
    pub(super) async fn run_if_due(&self, node: &NodeInner) {
        let visibility = &node.lists.visibility;
        let torn = visibility.torn();
        if torn.is_empty() || node.clock.monotonic() < *self.next.lock() {
            return;
        }
        for group in torn {
            let Some(replica) = node.copies.replica(group) else { continue };
            let slots = groups(node.options.shards).find(|(known, _)| *known == group).map(|(_, slots)| slots);
            let whole = move || {
                let (applied, view) = replica.moment()?;
                let runs = slots.map(|slots| records(view, slots)).into_iter().flatten();
                Ok::<_, Unread>((applied, runs))
            };
            match visibility.rebuild_group(group, whole).await {
                Ok(()) => tracing::info!(group, "the visibility index was built again"),
                Err(error) => {
                    tracing::error!(group, %error, "the visibility index cannot be built again yet: lists are refused");
                    *self.next.lock() = node.clock.monotonic() + RETRY;
                }
            }
        }
    }
}

/// The groups that own slots.
fn groups(shards: u16) -> impl Iterator<Item = (u32, SlotRange)> {
    (METADATA_GROUP + 1..).zip(ranges(shards))
}

fn records(store: Arc<dyn StateView>, slots: SlotRange) -> impl Iterator<Item = Result<Record, Unread>> + Send {
    listing(store, slots).map(|listed| listed.map(|(key, info)| lists::record(key.namespace.as_str().to_owned(), info)))
}

#[cfg(test)]
mod tests;
