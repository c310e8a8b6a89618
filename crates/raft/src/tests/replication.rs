//! What is committed, and where.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;

use crate::testing::cluster::Cluster;
use crate::{NodeId, ProposeError, ReadError};

fn other(cluster: &Cluster, than: NodeId) -> NodeId {
    cluster.ids().into_iter().find(|id| *id != than).expect("there are others")
}

#[tokio::test(start_paused = true)]
async fn every_node_applies_what_the_leader_commits() {
    let mut cluster = Cluster::start(1, 3).await;
    for n in 0..100 {
        cluster.commit(&n.to_string()).await;
    }
    cluster.settle().await;
    for id in cluster.ids() {
        assert_eq!(cluster.member(id).machine.batches(), cluster.acknowledged, "node {id}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_of_three_commit_and_the_third_catches_up() {
    let mut cluster = Cluster::start(2, 3).await;
    cluster.commit("all").await;
    let follower = other(&cluster, cluster.leader().await);
    cluster.crash(follower).await;
    for n in 0..300 {
        cluster.commit(&n.to_string()).await;
    }
    cluster.restart(follower).await;
    cluster.settle().await;
    assert_eq!(cluster.member(follower).machine.batches(), cluster.acknowledged);
    cluster.check();
}

#[tokio::test(start_paused = true)]
async fn a_minority_commits_nothing_and_reads_nothing() {
    let mut cluster = Cluster::start(3, 3).await;
    cluster.commit("before").await;
    let leader = cluster.leader().await;
    cluster.isolate(leader);
    let term = cluster.group(leader).leadership().borrow().term;
    let mut proposed = std::pin::pin!(cluster.group(leader).propose(Bytes::from_static(b"nobody knows")));
    let read = cluster.group(leader).confirm(term).await;
    assert_eq!(read, Err(ReadError::NotLeader { leader: None }));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(proposed.as_mut().now_or_never().is_none(), "nobody can know yet");
    let later = cluster.group(leader).propose(Bytes::from_static(b"too late")).await;
    assert_eq!(later, Err(ProposeError::LeaseExpired));

    let new = cluster.leader().await;
    assert_ne!(new, leader);
    cluster.group(new).propose(Bytes::from_static(b"instead")).await.expect("a majority commits");
    cluster.net.heal();
    assert_eq!(proposed.await, Err(ProposeError::Unknown), "it is void, but its proposer must not know");
    cluster.settle().await;
    assert_eq!(cluster.member(leader).machine.batches(), ["before", "instead"].map(Bytes::from));
    cluster.check();
}

#[tokio::test(start_paused = true)]
async fn what_is_acknowledged_survives_the_loss_of_any_one_node() {
    for lost in (1..=3).map(NodeId) {
        let mut cluster = Cluster::start(40 + lost.0, 3).await;
        for n in 0..20 {
            cluster.commit(&n.to_string()).await;
        }
        cluster.crash(lost).await;
        cluster.commit("after").await;
        cluster.settle().await;
        cluster.check();
        for id in cluster.ids() {
            assert_eq!(cluster.member(id).machine.batches(), cluster.acknowledged, "node {id} without {lost}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_acknowledged_survives_the_loss_of_power_everywhere() {
    let mut cluster = Cluster::start(5, 3).await;
    for round in 0..4 {
        for n in 0..20 {
            cluster.commit(&format!("{round}.{n}")).await;
        }
        let all = cluster.ids();
        for id in &all {
            cluster.crash(*id).await;
        }
        for id in all {
            cluster.restart(id).await;
        }
        cluster.settle().await;
        cluster.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_follower_reads_what_was_acknowledged_before() {
    let mut cluster = Cluster::start(6, 3).await;
    let leader = cluster.leader().await;
    let follower = other(&cluster, leader);
    for n in 0..10 {
        cluster.commit(&n.to_string()).await;
        let index = cluster.group(follower).read_index().await.expect("the leader tells it");
        cluster.group(follower).wait_applied(index).await.expect("it runs");
        assert_eq!(cluster.member(follower).machine.batches(), cluster.acknowledged);
    }
    let term = cluster.group(leader).leadership().borrow().term;
    let confirmed = cluster.group(follower).confirm(term).await;
    assert_eq!(confirmed, Err(ReadError::NotLeader { leader: Some(leader) }), "a follower confirms nothing itself");
    let confirmed = cluster.group(leader).confirm(term - 1).await;
    assert_eq!(confirmed, Err(ReadError::NotLeader { leader: None }), "nor does a leader for an earlier term");

    cluster.isolate(follower);
    assert!(cluster.group(follower).read_index().await.is_err(), "whoever hears nothing knows nothing");
}
