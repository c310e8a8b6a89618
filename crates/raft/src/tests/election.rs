//! Who leads, how soon, and who does not.

use std::time::Duration;

use weft_env::{Clock, TokioClock, UnixNanos};

use crate::testing::cluster::Cluster;
use crate::{NodeId, TransferError};

#[tokio::test(start_paused = true)]
async fn founders_elect_one_leader_and_know_it() {
    for seed in 0..10 {
        let clock = TokioClock::starting_at(UnixNanos(0));
        let begun = clock.monotonic();
        let cluster = Cluster::start(seed, 3).await;
        for id in cluster.ids() {
            cluster.member(id).node.ready().await.expect("every node is ready");
        }
        assert!(clock.monotonic() - begun < Duration::from_secs(2), "seed {seed}");
        let leader = cluster.leader().await;
        for id in cluster.ids() {
            let known = *cluster.group(id).leadership().borrow();
            assert_eq!((known.leader, known.mine), (Some(leader), id == leader), "seed {seed}, node {id}");
            assert_eq!(cluster.group(id).voters(), (1..=3).map(NodeId).collect());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_crashes_is_replaced_within_a_second_mostly() {
    let mut took = Vec::new();
    for seed in 0..15 {
        let clock = TokioClock::starting_at(UnixNanos(0));
        let mut cluster = Cluster::start(seed, 3).await;
        cluster.commit("before").await;
        let leader = cluster.leader().await;
        let begun = clock.monotonic();
        cluster.crash(leader).await;
        cluster.commit("after").await;
        took.push(clock.monotonic() - begun);
        cluster.settle().await;
        cluster.check();
    }
    took.sort_unstable();
    let (median, worst) = (took[took.len() / 2], took[took.len() - 1]);
    assert!(median < Duration::from_secs(1) && worst < Duration::from_secs(3), "median {median:?}, worst {worst:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_says_so_and_follows_when_it_is_back() {
    let mut cluster = Cluster::start(3, 3).await;
    let old = cluster.leader().await;
    cluster.isolate(old);
    let mut leadership = cluster.group(old).leadership();
    let lost = leadership.wait_for(|known| !known.mine);
    let lost = tokio::time::timeout(Duration::from_secs(5), lost).await;
    assert_eq!(lost.expect("it notices").expect("it runs").leader, None);

    cluster.commit("without it").await;
    let new = cluster.leader().await;
    assert_ne!(new, old);
    cluster.net.heal();
    cluster.settle().await;
    assert_eq!(cluster.leader().await, new, "whoever comes back disturbs nobody");
    let known = *cluster.group(old).leadership().borrow();
    assert_eq!((known.leader, known.mine), (Some(new), false));
    cluster.check();
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_was_cut_off_does_not_raise_the_term() {
    let mut cluster = Cluster::start(4, 3).await;
    cluster.commit("before").await;
    let leader = cluster.leader().await;
    let term = cluster.group(leader).leadership().borrow().term;
    let follower = cluster.ids().into_iter().find(|id| *id != leader).expect("there are three");
    cluster.isolate(follower);
    tokio::time::sleep(Duration::from_secs(30)).await;
    cluster.net.heal();
    cluster.commit("after").await;
    cluster.settle().await;
    assert_eq!(cluster.leader().await, leader);
    assert_eq!(cluster.group(follower).leadership().borrow().term, term);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_again_never_resumes_leadership() {
    for seed in 0..5 {
        let mut cluster = Cluster::start(seed, 3).await;
        cluster.commit("before").await;
        let leader = cluster.leader().await;
        let term = cluster.group(leader).leadership().borrow().term;
        cluster.crash(leader).await;
        cluster.restart(leader).await;
        assert!(!cluster.group(leader).leadership().borrow().mine);
        cluster.commit("after").await;
        let new = cluster.leader().await;
        assert!(cluster.group(new).leadership().borrow().term > term, "seed {seed}: a term belongs to one run");
    }
}

#[tokio::test(start_paused = true)]
async fn leadership_goes_where_it_is_sent() {
    let mut cluster = Cluster::start(6, 3).await;
    cluster.commit("before").await;
    for _ in 0..6 {
        let leader = cluster.leader().await;
        let to = cluster.ids().into_iter().find(|id| *id != leader).expect("there are three");
        assert_eq!(cluster.group(leader).transfer_leader(to).await, Ok(()));
        assert_eq!(cluster.leader().await, to);
        cluster.commit("in between").await;
    }
    cluster.settle().await;
    cluster.check();
}

#[tokio::test(start_paused = true)]
async fn leadership_is_not_sent_by_followers_nor_to_strangers_nor_to_the_dead() {
    let mut cluster = Cluster::start(7, 3).await;
    cluster.commit("before").await;
    let leader = cluster.leader().await;
    let follower = cluster.ids().into_iter().find(|id| *id != leader).expect("there are three");
    let refused = cluster.group(follower).transfer_leader(follower).await;
    assert_eq!(refused, Err(TransferError::NotLeader { leader: Some(leader) }));
    let refused = cluster.group(leader).transfer_leader(NodeId(9)).await;
    assert_eq!(refused, Err(TransferError::NoVoter(NodeId(9))));
    assert_eq!(cluster.group(leader).transfer_leader(leader).await, Ok(()));

    cluster.crash(follower).await;
    let failed = cluster.group(leader).transfer_leader(follower).await;
    assert!(matches!(failed, Err(TransferError::TimedOut(_) | TransferError::NotLeader { .. })), "{failed:?}");
    cluster.commit("after").await;
    cluster.settle().await;
    cluster.check();
}
