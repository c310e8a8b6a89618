//! The members of the cluster at run time: this node follows what the metadata says of them, and drives their changes on
//! while it leads the metadata.
//!
//! Invariants: what is wanted is a row of the metadata before anything is done for it, and what is done next follows from
//! the rows and from who votes where (`plan`), so a driver that dies loses nothing. A step is made by the leader of the
//! group that it is about, and by nobody else.

pub(crate) mod copies;
mod drive;
mod failing;
pub(crate) mod level;
pub(crate) mod plan;
mod steps;
pub(crate) mod wish;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
    time::Duration,
};

use tonic::Status;
use weft_protocol::internal as wire;
use weft_raft::GroupId;
use weft_rows::{
    Level, Supported,
    member::{MemberRow, MemberState, MoveRow},
};
use weft_shard::{ChangeError, Members, MembersChange, Metadata};
use weft_store::wal::Wal;

use super::{NodeInner, hold::Hold, leader::Leader, open::METADATA_GROUP};
use crate::cluster::{Address, Peers};

pub(crate) use drive::drive;

use wish::{Newcomer, Wish};

/// What this node knows of the others goes by these rows from now on, if there are any.
pub(crate) fn acquaint(peers: &Peers, members: &Members) {
    if members.nodes.is_empty() {
        return;
    }
    let at = |row: &MemberRow| Address { address: row.address.clone(), directory: row.incarnation.clone() };
    let present: BTreeMap<u32, Address> = members.present().map(|row| (row.node, at(row))).collect();
    let removed: BTreeSet<u32> = members.nodes.keys().copied().filter(|node| !present.contains_key(node)).collect();
    peers.set(present, removed);
}

/// Follows the metadata. Ends with it.
pub(crate) async fn follow(peers: Peers, metadata: Weak<Metadata>) {
    let Some(mut viewed) = metadata.upgrade().map(|metadata| metadata.viewed()) else { return };
    let mut last = Arc::<Members>::default();
    loop {
        let Some(members) = metadata.upgrade().map(|metadata| metadata.members()) else { return };
        if members != last {
            acquaint(&peers, &members);
            last = members;
        }
        if viewed.changed().await.is_err() {
            return;
        }
    }
}

impl NodeInner {
    /// Lets a node in, or hears that it has started again, if this node leads the metadata; else whoever does is asked.
    pub(crate) async fn join(&self, mut request: wire::JoinRequest) -> Result<wire::JoinResponse, Status> {
        if let Some(mut leader) = self.elsewhere(request.forwarded)? {
            request.forwarded = true;
            return leader.join(request).await.map(tonic::Response::into_inner);
        }
        let wire::JoinRequest { node, address, is_new, only_asks, incarnation, oldest_level, newest_level, .. } =
            request;
        if node == 0 || node == u32::MAX || !crate::cluster::is_address(&address) {
            return Err(Status::invalid_argument(format!(
                "node {node} at {address:?}: nodes count from 1 to {}, and are at HOST:PORT",
                u32::MAX - 1
            )));
        }
        let supported = Supported::from_numbers(oldest_level, newest_level);
        let newcomer = Newcomer { node, address, is_new, incarnation, supported };
        let decide = |members: &Members| {
            if members.nodes.is_empty() {
                return Err(Status::unavailable("this cluster is starting"));
            }
            let changes = newcomer.decide(members).map_err(Status::failed_precondition)?;
            Ok((if only_asks { Vec::new() } else { changes }, ()))
        };
        self.metadata.change_members(decide).await.map_err(refused)?;
        let known = self.metadata.members();
        let members = known.nodes.values().map(|row| wire::Member {
            node: row.node,
            address: row.address.clone(),
            state: wire_state(row.state).into(),
            incarnation: row.incarnation.clone(),
        });
        let (shards, level) = (u32::from(self.options.shards), known.level.number());
        Ok(wire::JoinResponse { shards, members: members.collect(), level })
    }

    /// Notes what an operator wants, if this node leads the metadata; else whoever does is asked.
    pub(crate) async fn change_cluster(&self, mut request: wire::ChangeClusterRequest) -> Result<String, Status> {
        if let Some(mut leader) = self.elsewhere(request.forwarded)? {
            request.forwarded = true;
            return leader.change_cluster(request).await.map(|answer| answer.into_inner().said);
        }
        use wire::change_cluster_request::Wish as Wire;
        let wish = match request.wish {
            Some(Wire::Remove(node)) => Wish::Remove(node),
            Some(Wire::Drain(node)) => Wish::Drain(node),
            Some(Wire::Undrain(node)) => Wish::Undrain(node),
            Some(Wire::Move(wire::Move { group, from, to })) => Wish::Move(MoveRow { group, from, to }),
            Some(Wire::CancelMove(group)) => Wish::CancelMove(group),
            None => return Err(Status::invalid_argument("nothing is wanted")),
        };
        let answers = self.answers(&self.metadata.members()).await;
        let decide = |members: &Members| {
            let picture = self.picture(members.clone(), BTreeSet::new(), &answers);
            wish.decide(&picture).map_err(Status::failed_precondition)
        };
        self.metadata.change_members(decide).await.map_err(refused)
    }

    /// Has a member removed, whichever node this is. Answers with what an operator is told.
    ///
    /// # Errors
    /// `FailedPrecondition` when it cannot be removed, `Unavailable` when nobody decides it now.
    pub(crate) async fn remove_member(&self, node: u32) -> Result<String, Status> {
        let wish = Some(wire::change_cluster_request::Wish::Remove(node));
        self.change_cluster(wire::ChangeClusterRequest { wish, ..wire::ChangeClusterRequest::default() }).await
    }

    /// Has a vote moved, whichever node this is. Answers with what an operator is told.
    ///
    /// # Errors
    /// As [`Self::remove_member`] has them.
    pub(crate) async fn move_shard(&self, group: u32, from: u32, to: u32) -> Result<String, Status> {
        let wish = Some(wire::change_cluster_request::Wish::Move(wire::Move { group, from, to }));
        self.change_cluster(wire::ChangeClusterRequest { wish, ..wire::ChangeClusterRequest::default() }).await
    }

    /// The way to whoever leads the metadata, if that is not this node.
    fn elsewhere(
        &self,
        forwarded: bool,
    ) -> Result<Option<wire::members_service_client::MembersServiceClient<crate::cluster::Link>>, Status> {
        if self.peers.is_alone() {
            return Err(Status::failed_precondition(
                "this is a node of its own: give it --cluster-name NAME and --member N=HOST:PORT (itself), and start it \
                 again, to make a cluster of it",
            ));
        }
        let nobody = || Status::unavailable("the metadata have no leader here now: try again");
        match Leader::of(&self.metadata.leadership().borrow()) {
            Leader::Here => Ok(None),
            Leader::Node(node) if !forwarded => self.peers.members_service(node).map(Some).ok_or_else(nobody),
            Leader::Node(_) | Leader::Nobody => Err(nobody()),
        }
    }

    /// The members, as written by the first node that leads the metadata of a cluster that has none yet. Until then
    /// it waits for the others, so that they begin at the newest level that all support.
    async fn write_founders(self: &Arc<Self>, until: Duration) {
        let founders = &self.options.cluster.members;
        let level = match self.is_founding {
            true => self.first_level(&founders.keys().copied().collect()).await,
            false => Ok(Level::FIRST),
        };
        let level = match level {
            Ok(level) => level,
            Err(why) if self.clock.monotonic() < until => {
                tracing::debug!(why, "the founders are not written yet");
                return;
            }
            Err(why) => {
                tracing::warn!(why, "this cluster begins at the first format level: raise it when all nodes run");
                Level::FIRST
            }
        };
        let founder = |(node, address): (&u32, &String)| {
            let directory = self.peers.directory_of_founder(*node).map(|directory| directory.to_string());
            let (address, incarnation) = (address.clone(), directory.unwrap_or_default());
            MembersChange::Put(MemberRow { node: *node, address, state: MemberState::Member, incarnation })
        };
        let decide = |members: &Members| {
            let is_first = members.nodes.is_empty();
            let raised = Some(level).filter(|level| *level > members.level).map(MembersChange::Level);
            let rows = founders.iter().map(founder).chain(raised).filter(|_| is_first).collect();
            Ok::<_, std::convert::Infallible>((rows, ()))
        };
        if let Err(error) = self.metadata.change_members(decide).await {
            tracing::debug!(%error, "the members were not written");
        }
    }
}

/// The cluster is founded with these data, by a build that notes that; so nothing of it is older than its members' rows.
/// What was a node's of its own, or comes from before there were such rows, has a level already; so have the data that a
/// backup was restored to, whose log begins behind what that had. Asked at the start: a checkpoint shortens the log of new
/// data, too.
pub(crate) fn is_founding(hold: &Hold, peers: &Peers, wal: &Wal) -> bool {
    let notes = hold.directory().is_none() || peers.directory_of_founder(peers.node).is_some();
    notes && wal.group(GroupId(METADATA_GROUP)).state().purged.is_none()
}

fn refused(error: ChangeError<Status>) -> Status {
    match error {
        ChangeError::Refused(status) => status,
        ChangeError::Unavailable => Status::unavailable("the metadata have no leader here now: try again"),
    }
}

fn wire_state(state: MemberState) -> wire::MemberState {
    match state {
        MemberState::Joining => wire::MemberState::Joining,
        MemberState::Member => wire::MemberState::Member,
        MemberState::Drained => wire::MemberState::Drained,
        MemberState::Removing => wire::MemberState::Removing,
        MemberState::Removed => wire::MemberState::Removed,
    }
}

/// What a node that joins is told of the others.
pub(crate) fn told(answer: &wire::JoinResponse) -> Members {
    let row = |member: &wire::Member| {
        let state = match member.state() {
            wire::MemberState::Unspecified | wire::MemberState::Member => MemberState::Member,
            wire::MemberState::Joining => MemberState::Joining,
            wire::MemberState::Drained => MemberState::Drained,
            wire::MemberState::Removing => MemberState::Removing,
            wire::MemberState::Removed => MemberState::Removed,
        };
        let (address, incarnation) = (member.address.clone(), member.incarnation.clone());
        (member.node, MemberRow { node: member.node, address, state, incarnation })
    };
    let level = Level::new(answer.level).unwrap_or_default();
    Members { nodes: answer.members.iter().map(row).collect(), moves: BTreeMap::new(), level, copies: BTreeMap::new() }
}
