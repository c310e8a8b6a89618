//! Copies of shards at run time: what each node says that it has, and how this node comes to have what the metadata say.
//!
//! Invariants: a copy starts when the row of its shard says so, in whatever view; it is given up only when whoever drives
//! asks for it, and a view that was confirmed after that says so: a row changes no more, in this node's part of it, before
//! the copy is gone. Before the node knows the metadata nothing starts that it does not have.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::future::join_all;
use tonic::{Request, Status};
use weft_protocol::internal::{CopiesRequest, Copy, Nodes as WireNodes};
use weft_raft::{Group, NodeId};
use weft_rows::Level;
use weft_shard::{Members, ShardId};

use super::{
    super::NodeInner,
    plan::{GroupPicture, Nodes},
};

/// How long a node may take to say what it has.
const ANSWER_MAX: Duration = Duration::from_millis(500);
/// Before a copy that did not start is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What each node says that it has.
pub(crate) type Answers = BTreeMap<u32, Vec<Copy>>;

/// Starts the copies that this node is to have. Ends with the node.
pub(crate) async fn follow(node: Weak<NodeInner>) {
    let Some(mut viewed) = node.upgrade().map(|inner| inner.metadata.viewed()) else { return };
    loop {
        let Some(inner) = node.upgrade() else { return };
        if *inner.stopping.borrow() {
            return;
        }
        viewed.mark_unchanged();
        let mut failed = false;
        for id in inner.missing(&inner.metadata.members()) {
            if let Err(error) = inner.start_copy(id).await {
                tracing::error!(shard = id.0, %error, "a copy of the shard did not start: it is tried again");
                failed = true;
            }
        }
        let clock = Arc::clone(&inner.clock);
        drop(inner);
        tokio::select! {
            changed = viewed.changed() => if changed.is_err() { return },
            () = clock.sleep_until(clock.monotonic() + RETRY), if failed => {}
        }
    }
}

impl NodeInner {
    /// The shards of which this node is to have a copy that is not here.
    pub(in crate::node) fn missing(&self, members: &Members) -> Vec<ShardId> {
        let own = self.peers.node;
        // The rows that a node has before it knows the metadata say nothing of it.
        if !members.nodes.contains_key(&own) {
            return Vec::new();
        }
        let is_wanted = |group: u32| match members.copies.get(&group) {
            Some(row) => row.wants(own),
            None => members.level < Level::PLACED,
        };
        let groups = (1..=u32::from(self.options.shards)).filter(|group| is_wanted(*group)).map(ShardId);
        groups.filter(|id| !self.copies.is_here(*id)).collect()
    }

    /// What this node has.
    pub(crate) fn copies_here(&self) -> Vec<Copy> {
        let runs: BTreeMap<u32, Group> = self.raft.groups().map(|(id, group)| (id.0, group)).collect();
        let rest = self.copies.left().into_iter().filter(|group| !runs.contains_key(group));
        let rest = rest.map(|group| Copy { group, ..Copy::default() }).collect::<Vec<_>>();
        runs.iter().map(|(id, group)| copy(*id, group)).chain(rest).collect()
    }

    /// Removes what this node has of a shard, if that is what the metadata say now.
    pub(crate) async fn give_up_copy(self: &Arc<Self>, group: u32) -> Result<(), Status> {
        let node = Arc::clone(self);
        // It goes on when whoever asked loses patience. What it stands on is looked at when its turn has come.
        let given_up = tokio::spawn(async move {
            let turn = node.copies.turn().await;
            node.check_has_no_place(group).await?;
            let given_up = node.copies.give_up(ShardId(group), &turn).await;
            given_up.map_err(|error| Status::unavailable(error.to_string()))
        });
        given_up.await.map_err(|panic| Status::internal(panic.to_string()))?
    }

    /// The metadata, as of now, give this node no place for a copy.
    async fn check_has_no_place(&self, group: u32) -> Result<(), Status> {
        let confirmed = self.metadata.confirmed().await;
        confirmed.map_err(|_| Status::unavailable("the metadata have no leader here now: try again"))?;
        let (members, own) = (self.metadata.members(), self.peers.node);
        let has_place = members.copies.get(&group).is_none_or(|row| row.wants(own));
        if has_place || members.level < Level::PLACED {
            return Err(Status::failed_precondition(format!("node {own} is to have a copy of shard {group}")));
        }
        Ok(())
    }

    /// What all nodes have. Before level 3 everybody has everything, and nobody is asked.
    pub(super) async fn answers(&self, members: &Members) -> Answers {
        let own = (self.peers.node, self.copies_here());
        if members.level < Level::PLACED {
            return Answers::from([own]);
        }
        let others = members.present().map(|row| row.node).filter(|node| *node != self.peers.node);
        let asked = join_all(others.map(|node| async move { Some((node, self.copies_at(node).await?)) })).await;
        asked.into_iter().flatten().chain([own]).collect()
    }

    async fn copies_at(&self, node: u32) -> Option<Vec<Copy>> {
        let mut peer = self.peers.members_service(node)?;
        let mut request = Request::new(CopiesRequest {});
        request.set_timeout(ANSWER_MAX);
        Some(peer.copies(request).await.ok()?.into_inner().copies)
    }
}

fn copy(id: u32, group: &Group) -> Copy {
    let known = *group.leadership().borrow();
    Copy {
        group: id,
        runs: true,
        term: known.term,
        leader: known.leader.and_then(number).unwrap_or(0),
        leads: known.mine,
        voters: group.voter_sets().iter().map(|set| WireNodes { nodes: numbers(set) }).collect(),
        members: numbers(&group.members()),
    }
}

/// The groups, each as its leader says, or else as whoever has heard of the latest term.
pub(super) fn gathered(answers: &Answers) -> Vec<GroupPicture> {
    let mut best: BTreeMap<u32, &Copy> = BTreeMap::new();
    for copy in answers.values().flatten().filter(|copy| copy.runs) {
        let known = best.entry(copy.group).or_insert(copy);
        let key = |copy: &Copy| (copy.leads, copy.term, copy.leader != 0);
        if key(copy) > key(known) {
            *known = copy;
        }
    }
    // Whoever gets the log no more may have heard of terms that nobody else ever hears of.
    let of_members = |copy: &Copy| {
        let members = copy.members.clone();
        answers.iter().filter(move |(node, _)| members.contains(node)).flat_map(|(_, copies)| copies)
    };
    let is_later = |one: &Copy, other: &Copy| one.runs && one.group == other.group && one.term > other.term;
    let is_latest = |copy: &Copy| !of_members(copy).any(|other| is_later(other, copy));
    best.into_values().map(|copy| picture(copy, copy.leads && is_latest(copy))).collect()
}

fn picture(copy: &Copy, leads: bool) -> GroupPicture {
    let set = |set: &WireNodes| set.nodes.iter().copied().collect::<Nodes>();
    GroupPicture {
        group: copy.group,
        leader: (copy.leader != 0).then_some(copy.leader),
        voters: copy.voters.iter().map(set).collect(),
        members: copy.members.iter().copied().collect(),
        leads,
    }
}

fn number(node: NodeId) -> Option<u32> {
    u32::try_from(node.0).ok()
}

fn numbers(nodes: &std::collections::BTreeSet<NodeId>) -> Vec<u32> {
    nodes.iter().copied().filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(group: u32, term: u64, leader: u32, leads: bool) -> Copy {
        Copy { group, runs: true, term, leader, leads, ..Copy::default() }
    }

    fn leaders(answers: &Answers) -> Vec<(u32, Option<u32>)> {
        gathered(answers).into_iter().map(|picture| (picture.group, picture.leader)).collect()
    }

    #[test]
    fn a_group_is_as_its_leader_says_and_else_as_whoever_heard_of_the_latest_term() {
        let one = vec![copy(0, 4, 1, true), copy(1, 2, 1, false), copy(2, 3, 0, false)];
        let two = vec![copy(0, 4, 1, false), copy(1, 3, 2, true), copy(2, 3, 2, false), copy(3, 1, 2, false)];
        let answers = Answers::from([(1, one), (2, two)]);
        assert_eq!(leaders(&answers), [(0, Some(1)), (1, Some(2)), (2, Some(2)), (3, Some(2))]);
    }

    #[test]
    fn of_two_that_say_they_lead_the_later_one_does() {
        let answers = Answers::from([(1, vec![copy(1, 7, 1, true)]), (2, vec![copy(1, 6, 2, true)])]);
        assert_eq!(leaders(&answers), [(1, Some(1))]);
    }

    #[test]
    fn only_the_leader_of_the_latest_term_speaks_for_its_group() {
        let leads = |answers: &[Copy]| {
            let answers = (1..).zip(answers).map(|(node, copy)| (node, vec![copy.clone()])).collect();
            gathered(&answers).iter().map(|picture| picture.leads).collect::<Vec<_>>()
        };
        assert_eq!(leads(&[copy(1, 4, 1, true), copy(1, 4, 1, false)]), [true]);
        assert_eq!(leads(&[copy(1, 4, 3, false), copy(1, 4, 3, false)]), [false], "node 3 has not answered");
        let of = |members: &[u32]| Copy { members: members.to_vec(), ..copy(1, 4, 1, true) };
        assert_eq!(leads(&[of(&[1, 2]), copy(1, 5, 0, false)]), [false], "another is being elected");
        assert_eq!(leads(&[of(&[1, 3]), copy(1, 5, 0, false)]), [true], "whoever gets the log no more elects nobody");
    }

    #[test]
    fn what_is_left_of_a_copy_says_nothing_of_its_group() {
        let left = Copy { group: 1, ..Copy::default() };
        assert!(gathered(&Answers::from([(1, vec![left])])).is_empty());
    }
}
