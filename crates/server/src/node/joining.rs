//! A node and its cluster before it has anything of it: one that joins a cluster that is there, and one that founds it.
//!
//! Invariants: it founds its data only when it knows how many shards there are, and says that it joins only when it has
//! founded them, by a name that stands in them: so it may say it again, also after a crash, and is told from another node
//! of its number, or from what is left of it when its data are lost, neither of which is let in. One that founds the cluster
//! votes only when all founders know it by the name of its data (see `cluster::meeting`).

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use tonic::Request;
use uuid::Uuid;
use weft_env::Clock;
use weft_protocol::internal::{JoinRequest, JoinResponse, PingRequest};
use weft_rows::Level;
use weft_shard::Members;
use weft_store::{
    datadir::{DataDir, Founders},
    state::StateStore,
};

use super::{OpenError, Options, Place, World, hold::Hold, members};
use crate::cluster::{JoinError, Links, Peers, join};

/// How long the cluster may take to let a new node in, and a known one that has everything it needs without it.
const LET_IN_MAX: Duration = Duration::from_secs(60);
const HEARD_MAX: Duration = Duration::from_secs(2);
/// Between two questions whether this node is wanted.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Whose data a node has.
pub(super) struct Known {
    /// None of what was not made for joining.
    pub(super) incarnation: Option<Uuid>,
    /// There is nothing of the cluster in them: they were made at this start, or at one that never got in.
    pub(super) is_new: bool,
}

/// Asks what the cluster is like, before a node that joins it has data. Answers with the format level of data that are made
/// now.
pub(super) async fn ask(options: &mut Options, peers: &Peers, world: &World) -> Result<Level, OpenError> {
    if !options.cluster.joins() {
        return Ok(Level::FIRST);
    }
    let has_data = match &options.place {
        Place::Directory(path) => DataDir::exists(path)?,
        Place::Memory => world.notes.as_ref().is_some_and(|notes| notes.level().is_some()),
    };
    if has_data {
        return Ok(Level::FIRST);
    }
    let request = JoinRequest { only_asks: true, is_new: true, ..request(options) };
    let answer = join::ask(peers, &options.cluster, world.clock.as_ref(), &request, LET_IN_MAX).await?;
    let shards = u16::try_from(answer.shards).ok().filter(|shards| *shards > 0);
    options.shards = shards.ok_or(JoinError::Shards(answer.shards))?;
    let Members { level, .. } = members::told(&answer);
    check_level(options, level)?;
    Ok(level)
}

/// Learns who the others are: from what this node has applied, and, if it joins, from the cluster, which learns of it.
pub(super) async fn meet(
    options: &Options,
    peers: &Peers,
    world: &World,
    (known, hold): (Known, &Hold),
    store: &dyn StateStore,
) -> Result<(), OpenError> {
    let stored = Members::read(store).map_err(OpenError::Metadata)?;
    check_level(options, stored.level)?;
    members::acquaint(peers, &stored);
    if !options.cluster.joins() {
        return Ok(());
    }
    let Known { incarnation, is_new } = known;
    let patience = if is_new { LET_IN_MAX } else { HEARD_MAX };
    let incarnation = incarnation.map(|incarnation| incarnation.to_string()).unwrap_or_default();
    let request = JoinRequest { incarnation, ..request(options) };
    match join::ask(peers, &options.cluster, world.clock.as_ref(), &request, patience).await {
        Ok(answer) => learn(options, peers, &answer, hold)?,
        Err(error @ JoinError::Unreachable { .. }) if !is_new => {
            tracing::warn!(%error, "starting with what is known of the other nodes");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Takes in what whoever leads the metadata says of the cluster.
fn learn(options: &Options, peers: &Peers, answer: &JoinResponse, hold: &Hold) -> Result<(), OpenError> {
    let told = members::told(answer);
    // Before any of it is written here: it may have been raised since these data were made.
    keep_level(options, told.level, hold)?;
    members::acquaint(peers, &told);
    Ok(())
}

/// Waits, before this node votes for the first time, until all that found the cluster with it know which data directory it
/// has. Answers with that.
pub(super) async fn meet_founders(
    options: &Options,
    links: &Links,
    world: &World,
    directory: Option<&DataDir>,
    has_log: bool,
) -> Result<Option<Uuid>, OpenError> {
    let (peers, meeting) = (&links.peers, links.inbox.meeting());
    let directory = directory.filter(|_| !options.cluster.is_alone());
    let founders = match directory {
        Some(directory) if directory.identity().joined.is_none() => match Founders::read(directory.path())? {
            None if !has_log => Some(Founders::begin(directory.path(), world.ids.uuid())?),
            known => known,
        },
        // What is in memory was nobody's before.
        Some(_) | None => None,
    };
    let joined = directory.and_then(|directory| directory.identity().joined);
    let own = joined.or(founders.as_ref().map(Founders::own));
    meeting.open(options.shards, founders);
    peers.set_directories(own, BTreeMap::new());
    let others = options.cluster.members.keys().copied().filter(|node| *node != options.node).collect();
    // One that joins asks whoever leads the metadata, and does not vote before that has let it in.
    if !options.cluster.joins() {
        meeting.hold(peers, &others, world.clock.as_ref()).await?;
    }
    peers.set_directories(own, meeting.directories(options.node, &others));
    Ok(own)
}

/// Hears from the others, while this node starts, if it is out: a replica that has no vote would wait for ever for a leader.
pub(super) async fn ask_whether_wanted(peers: &Peers, clock: &dyn Clock) -> Infallible {
    if peers.is_alone() {
        return std::future::pending().await;
    }
    loop {
        let asked = peers.others().filter_map(|node| peers.cluster_service(node)).map(|mut peer| async move {
            let mut request = Request::new(PingRequest {});
            request.set_timeout(HEARD_MAX);
            if let Err(status) = peer.ping(request).await {
                peers.expulsion.heed(&status);
            }
        });
        futures::future::join_all(asked).await;
        clock.sleep_until(clock.monotonic() + ASK_AGAIN).await;
    }
}

fn request(options: &Options) -> JoinRequest {
    let (node, address) = (options.node, options.cluster.advertised());
    let (oldest_level, newest_level) = (options.levels.oldest.number(), options.levels.newest.number());
    JoinRequest { node, address, oldest_level, newest_level, ..JoinRequest::default() }
}

/// The data directory knows the cluster's level, also where that was raised before this node came.
pub(super) fn keep_level(options: &Options, level: Level, hold: &Hold) -> Result<(), OpenError> {
    check_level(options, level)?;
    Ok(hold.raise(level)?)
}

/// Whoever does not know the cluster's level does not start.
pub(super) fn check_level(options: &Options, level: Level) -> Result<(), OpenError> {
    members::level::misfit(level, options.levels).map_or(Ok(()), |why| Err(OpenError::Level(why)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weft_env::RealClock;
    use weft_rows::Supported;
    use weft_store::datadir::{Backend, Founding};

    use super::*;
    use crate::cluster::{ClusterOptions, Reach};

    #[tokio::test]
    async fn the_data_of_a_node_that_joins_have_the_level_it_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let (cluster, joins) = (Uuid::from_u128(7), Some(Uuid::from_u128(9)));
        let founding = Founding { cluster, node: 4, shards: 2, backend: Backend::Fjall, format: 1, joins };
        let known = Supported::HERE.oldest.number()..=Supported::HERE.newest.number();
        let open = || DataDir::open(folder.path(), &founding, &known).expect("it opens");
        let (hold, _) = Hold::new(Arc::new(RealClock::new()));
        hold.keep(open());
        let options = Options::new(Place::Directory(folder.path().to_owned()));
        let peers = Peers::new(4, cluster, &ClusterOptions::default(), &Reach::Tcp);
        // The level was raised between its first question and its second.
        let newest = Supported::HERE.newest.number();
        let told = |level| JoinResponse { shards: 2, level, ..JoinResponse::default() };
        learn(&options, &peers, &told(newest), &hold).expect("it fits");
        let unfit = learn(&options, &peers, &told(newest + 1), &hold);
        assert!(matches!(unfit, Err(OpenError::Level(_))), "{unfit:?}");
        drop(hold);
        assert_eq!(open().identity().format, newest);
    }
}
