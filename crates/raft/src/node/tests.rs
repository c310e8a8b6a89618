//! Many groups on one log: how soon they are ready, what they cost when idle.

use std::time::Duration;

use bytes::Bytes;
use weft_env::disk::SimDisk;
use weft_env::{Clock, Lane, TokioClock, UnixNanos};

use super::*;
use crate::testing::{Recorder, open};

const GROUPS: u32 = 17;

async fn start(wal: &Wal, machines: &[Recorder]) -> Node {
    let config = NodeConfig::alone(NodeId(1), 7);
    let machines = (0..).map(GroupId).zip(machines).map(|(id, machine)| {
        let machine: Arc<dyn Machine> = Arc::new(machine.over(wal.group(id)));
        (id, machine)
    });
    Node::start(&config, wal, machines).await.expect("the groups start")
}

fn machines(wal: &Wal) -> Vec<Recorder> {
    (0..GROUPS).map(|id| Recorder::new(wal.group(GroupId(id)))).collect()
}

#[tokio::test(start_paused = true)]
async fn all_groups_are_ready_without_waiting_for_a_timeout() {
    let clock = TokioClock::starting_at(UnixNanos(0));
    let disk = SimDisk::new(1);
    let wal = open(&disk, Lane::inline());
    let machines = machines(&wal);

    for _restart in 0..2 {
        let begun = clock.monotonic();
        let node = start(&wal, &machines).await;
        node.ready().await.expect("every group has a leader");
        assert_eq!(clock.monotonic() - begun, Duration::ZERO);
        assert_eq!(node.groups().count(), GROUPS as usize);
        assert!(node.groups().all(|(_, group)| group.leadership().borrow().mine));
        node.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn idle_groups_write_nothing() {
    let disk = SimDisk::new(1);
    let wal = open(&disk, Lane::inline());
    let node = start(&wal, &machines(&wal)).await;
    node.ready().await.expect("every group has a leader");
    let before = wal.stats();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(wal.stats(), before);
    let group = node.group(GroupId(5)).expect("it was started");
    group.propose(Bytes::from_static(b"awake")).await.expect("a group never sleeps");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_cannot_start_keeps_the_node_from_starting() {
    let disk = SimDisk::new(1);
    let wal = open(&disk, Lane::inline());
    let recorders = machines(&wal);
    let node = start(&wal, &recorders).await;
    node.ready().await.expect("every group has a leader");
    node.shutdown().await;

    let other = open(&SimDisk::new(2), Lane::inline());
    let config = NodeConfig::alone(NodeId(1), 7);
    let machine: Arc<dyn Machine> = Arc::new(recorders[0].over(other.group(GroupId(0))));
    let refused = Node::start(&config, &other, [(GroupId(0), machine)]).await.err();
    assert!(matches!(refused, Some(StartError::MachineAhead { .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_started_twice_at_once_runs_once() {
    let disk = SimDisk::new(1);
    let wal = open(&disk, Lane::inline());
    let node = start(&wal, &machines(&wal)[..1]).await;
    let id = GroupId(1);
    let add = || node.add(id, Arc::new(Recorder::new(wal.group(id))));
    let (one, two) = tokio::join!(add(), add());
    let (one, two) = (one.expect("it starts"), two.expect("it runs"));
    assert!(one.is(&two) && node.group(id).is_some_and(|known| known.is(&one)), "two would write one log");
    node.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn groups_do_not_mix() {
    let disk = SimDisk::new(1);
    let wal = open(&disk, Lane::inline());
    let recorders = machines(&wal);
    let node = start(&wal, &recorders).await;
    node.ready().await.expect("every group has a leader");
    let batch = |id: GroupId| Bytes::from(id.0.to_string());
    join_all(node.groups().map(|(id, group)| group.propose(batch(id)))).await;
    for (id, recorder) in (0..).map(GroupId).zip(&recorders) {
        assert_eq!(recorder.batches(), [batch(id)]);
    }
}
