//! Proposals that come late.

use bytes::Bytes;

use crate::testing::cluster::Cluster;
use crate::{NodeId, ProposeError};

const fn batch(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test(start_paused = true)]
async fn what_was_held_while_leadership_went_and_came_back_is_late_and_in_order() {
    let cluster = Cluster::start(1, 3).await;
    let leader = cluster.leader().await;
    let other = cluster.ids().into_iter().find(|id| *id != leader).expect("there are others");
    let group = cluster.group(leader);
    group.hold_proposals();
    let late = group.propose(batch("late"));
    drop(group.propose(batch("nobody waits for it")));
    group.transfer_leader(other).await.expect("it takes over");
    cluster.group(other).propose(batch("between")).await.expect("the other one commits");
    cluster.group(other).transfer_leader(leader).await.expect("it leads again");
    let last = group.propose(batch("last"));
    assert_eq!(group.held_proposals(), Some(3));
    group.let_proposals_in();
    assert_eq!(group.held_proposals(), None);
    late.await.expect("it is committed in the later term");
    last.await.expect("it is committed");
    cluster.settle().await;
    let expected = ["between", "late", "nobody waits for it", "last"].map(batch);
    cluster.ids().into_iter().for_each(|id| assert_eq!(cluster.member(id).machine.batches(), expected, "node {id}"));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_elsewhere_than_at_the_leader_is_refused_and_gone_when_the_group_stops() {
    let cluster = Cluster::start(2, 3).await;
    let leader = cluster.leader().await;
    let other = cluster.ids().into_iter().find(|id| *id != leader).expect("there are others");
    let group = cluster.group(other);
    group.hold_proposals();
    let late = group.propose(batch("refused"));
    group.let_proposals_in();
    let leader: Option<NodeId> = Some(leader);
    assert_eq!(late.await, Err(ProposeError::NotLeader { leader }));
    group.hold_proposals();
    let late = group.propose(batch("lost"));
    group.shutdown().await;
    assert_eq!(late.await, Err(ProposeError::Unknown));
}
