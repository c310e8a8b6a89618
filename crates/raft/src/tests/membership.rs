//! Nodes come and go.

use std::collections::BTreeSet;

use crate::testing::cluster::Cluster;
use crate::{MembershipError, NodeId};

const NEW: NodeId = NodeId(4);

fn others(cluster: &Cluster, leader: NodeId) -> Vec<NodeId> {
    cluster.ids().into_iter().filter(|id| *id != leader).collect()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_added_gets_the_log_and_then_a_vote_that_counts() {
    let mut cluster = Cluster::start(1, 3).await;
    cluster.commit_many(200).await;
    let leader = cluster.leader().await;
    cluster.add_empty(NEW).await;
    cluster.group(leader).add_learner(NEW).await.expect("it is added");
    assert!(!cluster.group(leader).voters().contains(&NEW) && cluster.group(leader).members().contains(&NEW));
    cluster.group(leader).promote(NEW).await.expect("it catches up");
    cluster.member(NEW).node.ready().await.expect("it knows the leader");
    cluster.settle().await;
    cluster.check();

    // Of four voters three are needed, and the new one is one of them.
    let lost = others(&cluster, leader)[0];
    cluster.crash(lost).await;
    cluster.commit("with the new one").await;
    cluster.group(cluster.leader().await).remove(lost).await.expect("it is removed");
    assert_eq!(cluster.group(cluster.leader().await).members().len(), 3);
    let lost = others(&cluster, cluster.leader().await).into_iter().find(|id| *id != NEW).expect("there are three");
    cluster.crash(lost).await;
    cluster.commit("by two of three").await;
    cluster.settle().await;
    cluster.check();
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_removes_itself_hands_over() {
    let mut cluster = Cluster::start(2, 3).await;
    cluster.commit("before").await;
    let leader = cluster.leader().await;
    cluster.group(leader).remove(leader).await.expect("it is removed");
    let rest: BTreeSet<NodeId> = others(&cluster, leader).into_iter().collect();
    let mut leadership = cluster.group(leader).leadership();
    leadership.wait_for(|known| !known.mine).await.expect("it leads no more");
    cluster.crash(leader).await;
    cluster.commit("after").await;
    let new = cluster.leader().await;
    assert_eq!(cluster.group(new).voters(), rest);
    cluster.settle().await;
    cluster.check();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_removed_and_wiped_comes_back_under_its_old_name() {
    let mut cluster = Cluster::start(3, 3).await;
    cluster.commit_many(50).await;
    let leader = cluster.leader().await;
    let lost = others(&cluster, leader)[0];
    cluster.crash(lost).await;
    cluster.group(leader).remove(lost).await.expect("it is removed");
    cluster.commit("without it").await;
    cluster.add_empty(lost).await;
    let leader = cluster.leader().await;
    cluster.group(leader).add_learner(lost).await.expect("it is added");
    cluster.group(leader).promote(lost).await.expect("it catches up");
    cluster.commit("with it").await;
    cluster.settle().await;
    cluster.check();
    assert_eq!(cluster.group(leader).voters(), (1..=3).map(NodeId).collect());
}

fn set(ids: impl IntoIterator<Item = u64>) -> BTreeSet<NodeId> {
    ids.into_iter().map(NodeId).collect()
}

#[tokio::test(start_paused = true)]
async fn one_of_two_voters_that_removes_itself_leaves_one_that_leads() {
    let mut cluster = Cluster::start(6, 2).await;
    cluster.commit("before").await;
    let leader = cluster.leader().await;
    let rest = others(&cluster, leader)[0];
    cluster.group(leader).remove(leader).await.expect("it is removed");
    let mut leadership = cluster.group(leader).leadership();
    leadership.wait_for(|known| !known.mine).await.expect("it leads no more");
    cluster.crash(leader).await;
    cluster.commit("after").await;
    assert_eq!(cluster.leader().await, rest);
    assert_eq!(cluster.group(rest).voters(), BTreeSet::from([rest]));
    cluster.settle().await;
    cluster.check();
}

#[tokio::test(start_paused = true)]
async fn one_node_becomes_three_at_once_and_a_vote_goes_from_one_to_another() {
    let mut cluster = Cluster::start(7, 1).await;
    cluster.commit_many(100).await;
    for id in 2..=4 {
        cluster.add_empty(NodeId(id)).await;
        cluster.group(NodeId(1)).add_learner(NodeId(id)).await.expect("it is added");
    }
    let alone = set([1]);
    cluster.group(NodeId(1)).set_voters(&alone, set(1..=3)).await.expect("they catch up");
    cluster.commit("with three").await;
    let leader = cluster.leader().await;
    assert_eq!(cluster.group(leader).voter_sets(), [set(1..=3)]);
    let stale = cluster.group(leader).set_voters(&alone, set([1, 4])).await;
    assert_eq!(stale, Err(MembershipError::Changed(set(1..=3))));
    let giver = others(&cluster, leader).into_iter().find(|id| *id != NEW).expect("there are three voters");
    let to: BTreeSet<NodeId> = set(1..=4).into_iter().filter(|id| *id != giver).collect();
    cluster.group(leader).set_voters(&set(1..=3), to.clone()).await.expect("it catches up");
    assert_eq!(cluster.group(leader).set_voters(&set(1..=3), to.clone()).await, Ok(()), "it is done");
    cluster.commit("with another one").await;
    assert_eq!(cluster.group(leader).voter_sets(), [to]);
    assert_eq!(cluster.group(leader).members(), set(1..=4), "whoever lost its vote still gets the log");
    cluster.settle().await;
    cluster.check();
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_refused() {
    let cluster = Cluster::start(4, 3).await;
    let leader = cluster.leader().await;
    let group = cluster.group(leader);
    assert_eq!(group.promote(NEW).await, Err(MembershipError::NoLearner(NEW)));
    assert_eq!(group.remove(NEW).await, Ok(()), "what is not there is removed");
    assert_eq!(group.promote(leader).await, Ok(()), "what votes already may vote");
    let follower = cluster.group(others(&cluster, leader)[0]);
    let refused = Err(MembershipError::NotLeader { leader: Some(leader) });
    assert_eq!(follower.add_learner(NEW).await, refused);
    assert_eq!(follower.remove(leader).await, refused);
    assert_eq!(follower.promote(NEW).await, refused);

    let alone = Cluster::start(5, 1).await;
    let leader = alone.leader().await;
    assert_eq!(alone.group(leader).remove(leader).await, Err(MembershipError::NoVoterLeft));
}
