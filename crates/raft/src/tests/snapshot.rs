//! Replicas that the log alone does not bring up to date.

use std::time::Duration;

use bytes::Bytes;

use crate::NodeId;
use crate::group::KEPT_FOR_FOLLOWERS;
use crate::testing::cluster::Cluster;
use crate::testing::net::Faults;

/// A cluster without one of its followers, whose log has gone on for longer than is kept for it.
async fn left_behind(seed: u64) -> (Cluster, NodeId) {
    let mut cluster = Cluster::start(seed, 3).await;
    cluster.commit("before").await;
    let leader = cluster.leader().await;
    let follower = cluster.ids().into_iter().find(|id| *id != leader).expect("there are three");
    cluster.crash(follower).await;
    cluster.commit_many(KEPT_FOR_FOLLOWERS + 500).await;
    cluster.settle().await;
    cluster.checkpoint().await;
    cluster.commit("after").await;
    purged(&cluster).await;
    (cluster, follower)
}

/// The leader purges when it finds out that its follower does not answer.
async fn purged(cluster: &Cluster) {
    let log = cluster.member(cluster.leader().await).log();
    let purged = async {
        while log.state().purged.is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), purged).await.expect("a dead follower holds back no log");
}

#[tokio::test(start_paused = true)]
async fn large_entries_are_kept_for_a_follower_up_to_a_share_of_bytes() {
    const KEPT: u64 = 64 << 10;
    const ENTRY: usize = 2 << 10;
    let mut cluster = Cluster::keeping(KEPT, 6, 3).await;
    let leader = cluster.leader().await;
    let follower = cluster.ids().into_iter().find(|id| *id != leader).expect("there are three");
    cluster.crash(follower).await;
    cluster.commit_large(500, ENTRY).await;
    cluster.settle().await;
    cluster.checkpoint().await;
    cluster.commit("after").await;
    purged(&cluster).await;
    for id in cluster.ids() {
        let log = cluster.member(id).log();
        let state = log.state();
        let (first, last) = (state.first.expect("an entry"), state.last.expect("an entry"));
        let kept: usize =
            log.read(first..last + 1).expect("they are there").iter().map(|entry| entry.bytes.len()).sum();
        assert!(kept <= KEPT as usize + ENTRY, "node {id} keeps {kept} bytes in {} entries", last + 1 - first);
        assert!(kept >= KEPT as usize - 2 * ENTRY, "node {id} keeps {kept} bytes, of which a follower could live");
    }
    cluster.restart(follower).await;
    cluster.settle().await;
    assert_eq!(cluster.member(follower).machine.installs(), 1);
    cluster.check();
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_missed_what_was_purged_gets_a_picture() {
    let (mut cluster, follower) = left_behind(1).await;
    cluster.restart(follower).await;
    cluster.settle().await;
    assert_eq!(cluster.member(follower).machine.installs(), 1);
    cluster.check();
    for n in 0..10 {
        cluster.commit(&format!("on top {n}")).await;
    }
    cluster.settle().await;
    cluster.check();

    // What was installed is its own: it replays from there.
    cluster.crash(follower).await;
    cluster.restart(follower).await;
    cluster.settle().await;
    cluster.check();
    assert_eq!(cluster.member(follower).machine.installs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_is_a_little_behind_gets_the_log() {
    let mut cluster = Cluster::start(2, 3).await;
    cluster.commit("before").await;
    let leader = cluster.leader().await;
    let follower = cluster.ids().into_iter().find(|id| *id != leader).expect("there are three");
    cluster.crash(follower).await;
    cluster.commit_many(500).await;
    cluster.settle().await;
    cluster.checkpoint().await;
    cluster.commit("after").await;
    cluster.restart(follower).await;
    cluster.settle().await;
    assert_eq!(cluster.member(follower).machine.installs(), 0);
    cluster.check();

    // When it has caught up, nothing is kept for it any more.
    cluster.checkpoint().await;
    cluster.commit("last").await;
    let leader = cluster.leader().await;
    let kept = cluster.member(leader).log().state();
    assert!(kept.last.expect("an entry") - kept.first.expect("an entry") < 10, "{kept:?}");
}

/// A picture keeps in memory what is written while it is held.
#[tokio::test(start_paused = true)]
async fn a_picture_is_not_held_for_a_follower_that_stays_silent() {
    let (mut cluster, follower) = left_behind(8).await;
    let leader = cluster.leader().await;
    for other in cluster.ids() {
        cluster.net.part(other, follower);
    }
    cluster.restart(follower).await;
    let machine = cluster.member(leader).machine.clone();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let before = machine.pictures();
    tokio::time::sleep(Duration::from_secs(120)).await;
    let taken = machine.pictures() - before;
    assert!((3..=12).contains(&taken), "{taken} pictures in two minutes");
    cluster.net.heal();
    cluster.settle().await;
    assert_eq!(cluster.member(follower).machine.installs(), 1);
    cluster.check();
}

#[tokio::test(start_paused = true)]
async fn a_picture_arrives_over_a_bad_network_and_through_crashes_of_its_receiver() {
    let (mut cluster, follower) = left_behind(3).await;
    cluster.net.set_faults(Faults { lost_percent: 2, doubled_percent: 10, delay_max_ms: 3 });
    cluster.restart(follower).await;
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        cluster.crash(follower).await;
        cluster.restart(follower).await;
    }
    cluster.net.set_faults(Faults::default());
    cluster.settle().await;
    cluster.check();
    assert_eq!(cluster.member(follower).machine.installs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_was_installed_when_the_log_did_not_know_of_it_is_begun_from() {
    let (mut cluster, follower) = left_behind(4).await;
    let machine = cluster.member(cluster.leader().await).machine.clone();
    // As the crash leaves it: the machine has the picture, the log what it had before.
    cluster.replace_state(follower, &machine);
    let installed = machine.durable().entries().last().map(|entry| entry.index);
    cluster.restart(follower).await;
    let purged = cluster.member(follower).log().state().purged.map(|(index, _)| index);
    assert_eq!(purged, installed);
    cluster.commit("on top").await;
    cluster.settle().await;
    cluster.check();
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_sends_a_picture_too() {
    let (mut cluster, follower) = left_behind(5).await;
    let old = cluster.leader().await;
    let other = cluster.ids().into_iter().find(|id| *id != old).expect("there are two");
    cluster.group(old).transfer_leader(other).await.expect("it takes over");
    cluster.restart(follower).await;
    cluster.settle().await;
    assert_eq!(cluster.member(follower).machine.installs(), 1);
    cluster.check();
    let proposed = cluster.group(other).propose(Bytes::from_static(b"by the new one")).await;
    assert!(proposed.is_ok(), "{proposed:?}");
}
