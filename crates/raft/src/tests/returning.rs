//! Replicas that are given up while their node runs, and come back.

use std::collections::BTreeSet;
use std::time::Duration;

use weft_env::{Clock, TokioClock, UnixNanos};

use crate::NodeId;
use crate::testing::cluster::Cluster;

/// Many times as long as an election takes.
const LONG: Duration = Duration::from_secs(30);

const NEW: NodeId = NodeId(4);

/// A fourth node has taken the vote of one of three; another of the three has missed that, and is cut off with it. Gives
/// the leader, who has missed it, and whose vote was taken.
async fn replaced(cluster: &mut Cluster) -> (NodeId, NodeId, NodeId) {
    cluster.commit_many(20).await;
    let leader = cluster.leader().await;
    let others: Vec<NodeId> = cluster.ids().into_iter().filter(|id| *id != leader).collect();
    let [late, given_up] = others[..] else { panic!("there are three") };
    cluster.settle().await;
    cluster.add_empty(NEW).await;
    for other in [leader, given_up, NEW] {
        cluster.net.part(late, other);
    }
    let group = cluster.group(leader);
    group.add_learner(NEW).await.expect("it is added");
    let from: BTreeSet<NodeId> = [leader, late, given_up].into();
    group.set_voters(&from, [leader, late, NEW].into()).await.expect("two of three live");
    group.remove(given_up).await.expect("it votes no more");
    cluster.commit("without it").await;
    (leader, late, given_up)
}

/// The same, and the one that was given up is back, and gets the log again as all others do.
async fn added_again(cluster: &mut Cluster) -> (NodeId, NodeId, NodeId) {
    let (leader, late, given_up) = replaced(cluster).await;
    cluster.net.heal();
    cluster.give_up_and_return(given_up).await;
    cluster.group(leader).add_learner(given_up).await.expect("it is added again");
    (leader, late, given_up)
}

/// Whether the one that is late and the one that was given up and came back elect one of themselves when they are left
/// alone.
async fn they_elect(cluster: &mut Cluster, late: NodeId, given_up: NodeId) -> bool {
    let rest: Vec<NodeId> = cluster.ids().into_iter().filter(|id| ![late, given_up].contains(id)).collect();
    cluster.net.heal();
    for one in rest {
        cluster.crash(one).await;
    }
    let elected = async {
        while cluster.leader_now().is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONG, elected).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_comes_back_empty_elects_nobody_who_lacks_what_it_once_acknowledged() {
    let mut cluster = Cluster::start(11, 3).await;
    let (_, late, given_up) = replaced(&mut cluster).await;
    cluster.give_up_and_return(given_up).await;
    assert!(!they_elect(&mut cluster, late, given_up).await, "what the others committed would be lost");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_given_up_again_before_it_has_anything_remembers_as_much() {
    let mut cluster = Cluster::start(11, 3).await;
    let (_, late, given_up) = replaced(&mut cluster).await;
    for _ in 0..2 {
        cluster.give_up_and_return(given_up).await;
    }
    assert!(!they_elect(&mut cluster, late, given_up).await, "what the others committed would be lost");
}

#[tokio::test(start_paused = true)]
async fn without_its_floor_it_would() {
    let mut cluster = Cluster::start(11, 3).await;
    let (_, late, given_up) = replaced(&mut cluster).await;
    cluster.give_up(given_up, false).await;
    assert!(they_elect(&mut cluster, late, given_up).await);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_comes_back_catches_up_votes_and_counts() {
    let mut cluster = Cluster::start(12, 3).await;
    let (leader, late, given_up) = added_again(&mut cluster).await;
    let group = cluster.group(leader);
    let from: BTreeSet<NodeId> = [leader, late, NEW].into();
    group.set_voters(&from, [leader, given_up, NEW].into()).await.expect("it catches up");
    cluster.commit("with it again").await;
    cluster.crash(leader).await;
    cluster.commit("by it and the new one").await;
    cluster.settle().await;
    cluster.check();
}

#[tokio::test(start_paused = true)]
async fn one_whose_log_has_come_so_far_again_stands_at_once_where_it_votes_alone() {
    let mut cluster = Cluster::start(14, 3).await;
    let (leader, late, given_up) = added_again(&mut cluster).await;
    let group = cluster.group(leader);
    let from: BTreeSet<NodeId> = [leader, late, NEW].into();
    group.set_voters(&from, [leader, given_up].into()).await.expect("it catches up");
    group.transfer_leader(given_up).await.expect("it leads");
    cluster.commit("by the one that came back").await;
    let group = cluster.group(given_up);
    group.set_voters(&[leader, given_up].into(), [given_up].into()).await.expect("it votes alone");
    cluster.commit("alone").await;
    let others: Vec<NodeId> = cluster.ids().into_iter().filter(|id| *id != given_up).collect();
    for id in others.into_iter().chain([given_up]) {
        cluster.crash(id).await;
    }
    let clock = TokioClock::starting_at(UnixNanos(0));
    cluster.restart(given_up).await;
    let mut leadership = cluster.group(given_up).leadership();
    leadership.wait_for(|now| now.mine).await.expect("it runs");
    assert_eq!(clock.monotonic(), Duration::ZERO, "nobody else is asked");
}

#[tokio::test(start_paused = true)]
async fn a_single_voter_that_gave_its_group_up_does_not_lead_what_it_reads_again() {
    let mut cluster = Cluster::start(13, 1).await;
    cluster.commit_many(5).await;
    let first = NodeId(1);
    cluster.add_empty(NodeId(2)).await;
    let group = cluster.group(first);
    group.add_learner(NodeId(2)).await.expect("it is added");
    group.set_voters(&[first].into(), [first, NodeId(2)].into()).await.expect("it catches up");
    group.transfer_leader(NodeId(2)).await.expect("it leads");
    let group = cluster.group(NodeId(2));
    group.set_voters(&[first, NodeId(2)].into(), [NodeId(2)].into()).await.expect("it votes alone");
    group.remove(first).await.expect("it goes");
    cluster.commit_many(5).await;
    cluster.give_up_and_return(first).await;
    group.add_learner(first).await.expect("it is added again");
    cluster.commit("by the new one").await;
    cluster.settle().await;
    assert_eq!(cluster.leader_now(), Some(NodeId(2)));
    cluster.check();
}
