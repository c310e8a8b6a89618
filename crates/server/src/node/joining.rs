//! A node that joins a cluster that is there, before it has anything of it.
//!
//! Invariants: it founds its data only when it knows how many shards there are, and says that it joins only when it has
//! founded them, by a name that stands in them: so it may say it again, also after a crash, and is told from another node
//! of its number, or from what is left of it when its data are lost, neither of which is let in.

use std::time::Duration;

use uuid::Uuid;
use weft_env::Clock;
use weft_protocol::internal::JoinRequest;
use weft_shard::Members;
use weft_store::{datadir::DataDir, state::StateStore};

use super::{OpenError, Options, Place, World, members};
use crate::cluster::{JoinError, Peers, join};

/// How long the cluster may take to let a new node in, and a known one that has everything it needs without it.
const LET_IN_MAX: Duration = Duration::from_secs(60);
const HEARD_MAX: Duration = Duration::from_secs(2);

/// Whose data a node has.
pub(super) struct Known {
    /// None of what was not made for joining.
    pub(super) incarnation: Option<Uuid>,
    /// There is nothing of the cluster in them: they were made at this start, or at one that never got in.
    pub(super) is_new: bool,
}

/// Asks what the cluster is like, before a node that joins it has data.
pub(super) async fn ask(options: &mut Options, peers: &Peers, clock: &dyn Clock) -> Result<(), OpenError> {
    if !options.cluster.joins() {
        return Ok(());
    }
    let has_data = match &options.place {
        Place::Directory(path) => DataDir::exists(path)?,
        Place::Memory => false,
    };
    if has_data {
        return Ok(());
    }
    let request = JoinRequest { only_asks: true, is_new: true, ..request(options) };
    let answer = join::ask(peers, &options.cluster, clock, &request, LET_IN_MAX).await?;
    let shards = u16::try_from(answer.shards).ok().filter(|shards| *shards > 0);
    options.shards = shards.ok_or(JoinError::Shards(answer.shards))?;
    Ok(())
}

/// Learns who the others are: from what this node has applied, and, if it joins, from the cluster, which learns of it.
pub(super) async fn meet(
    options: &Options,
    peers: &Peers,
    world: &World,
    known: Known,
    store: &dyn StateStore,
) -> Result<(), OpenError> {
    members::acquaint(peers, &Members::read(store).map_err(OpenError::Metadata)?);
    if !options.cluster.joins() {
        return Ok(());
    }
    let Known { incarnation, is_new } = known;
    let patience = if is_new { LET_IN_MAX } else { HEARD_MAX };
    let incarnation = incarnation.map(|incarnation| incarnation.to_string()).unwrap_or_default();
    let request = JoinRequest { incarnation, ..request(options) };
    match join::ask(peers, &options.cluster, world.clock.as_ref(), &request, patience).await {
        Ok(answer) => members::acquaint(peers, &members::told(&answer)),
        Err(error @ JoinError::Unreachable { .. }) if !is_new => {
            tracing::warn!(%error, "starting with what is known of the other nodes");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn request(options: &Options) -> JoinRequest {
    JoinRequest { node: options.node, address: options.cluster.advertised(), ..JoinRequest::default() }
}
