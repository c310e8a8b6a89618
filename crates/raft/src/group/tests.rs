//! One group on a simulated disk: order, restarts, crashes, purging, failures.

use std::time::Duration;

use futures::future::join_all;
use weft_env::Lane;
use weft_env::disk::SimDisk;

use super::*;
use crate::testing::{GROUP, Recorder, World, config, open, reply};

fn batch(text: impl std::fmt::Display) -> Bytes {
    Bytes::from(text.to_string())
}

#[tokio::test(start_paused = true)]
async fn proposals_are_applied_in_the_order_of_the_calls() {
    let world = World::start(1).await;
    world.lead().await;
    let before = world.group.last_log_index();

    let proposed: Vec<_> = (0..500).map(|n| world.group.propose(batch(n))).collect();
    let replies = join_all(proposed.into_iter().rev()).await;

    let expected: Vec<_> = (0..500).map(batch).collect();
    assert_eq!(world.machine.batches(), expected);
    let expected: Vec<_> = (1..=500).rev().map(|n| Ok(reply(before + n))).collect();
    assert_eq!(replies, expected);
    assert_eq!(*world.group.applied().borrow(), before + 500);
}

#[tokio::test(start_paused = true)]
async fn a_proposal_whose_future_is_dropped_is_made_all_the_same() {
    let world = World::start(1).await;
    world.lead().await;
    drop(world.group.propose(batch("dropped")));
    world.propose("awaited").await;
    assert_eq!(world.machine.batches(), [batch("dropped"), batch("awaited")]);
}

#[test]
fn the_vote_of_an_earlier_run_is_nobodys_leadership() {
    let node = NodeId(1);
    let known = |voted_for, state| {
        let vote = types::Vote::new_committed(3, voted_for);
        let membership = Arc::new(types::StoredMembership::default());
        let metrics = RaftServerMetrics::<Types> {
            id: node,
            vote,
            state,
            current_leader: None,
            membership_config: Arc::clone(&membership),
            committed_membership_config: membership,
        };
        leadership_of(&metrics, node)
    };
    let nobody = Leadership { term: 3, leader: None, mine: false };
    assert_eq!(known(node, ServerState::Follower), nobody, "just started again");
    assert_eq!(known(node, ServerState::Candidate), nobody);
    assert_eq!(known(node, ServerState::Leader), Leadership { leader: Some(node), mine: true, ..nobody });
    assert_eq!(known(NodeId(2), ServerState::Follower), Leadership { leader: Some(NodeId(2)), ..nobody });
}

#[tokio::test(start_paused = true)]
async fn a_restart_applies_only_what_is_new() {
    let world = World::start(1).await;
    world.lead().await;
    world.propose("one").await;
    let (applied, term) = (*world.group.applied().borrow(), world.group.leadership().borrow().term);
    world.machine.forget_first_offered();

    let world = world.restart().await;
    world.lead().await;

    assert_eq!(world.machine.first_offered(), applied + 1);
    assert!(world.group.leadership().borrow().term > term, "a term belongs to one run");
    world.propose("two").await;
    assert_eq!(world.machine.batches(), [batch("one"), batch("two")]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_replays_what_the_machine_lost() {
    let world = World::start(1).await;
    world.lead().await;
    world.propose("one").await;
    let mark = world.machine.checkpoint();
    world.group.checkpointed(mark).await.expect("a checkpoint of what is applied");
    world.propose("two").await;
    world.propose("three").await;
    world.machine.lose();
    assert_eq!(world.machine.batches(), [batch("one")]);

    let world = world.restart().await;
    world.lead().await;
    assert_eq!(world.machine.batches(), [batch("one"), batch("two"), batch("three")]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_keeps_what_was_acknowledged() {
    for seed in 0..20 {
        let mut world = World::start(seed).await;
        let mut acknowledged = Vec::new();
        for round in 0..3 {
            world.lead().await;
            for n in 0..=seed {
                let text = format!("{round}.{n}");
                world.propose(&text).await;
                acknowledged.push(batch(text));
            }
            world = world.crash().await;
        }
        world.lead().await;
        assert_eq!(world.machine.batches(), acknowledged, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_purges_the_log_up_to_it() {
    let world = World::start(1).await;
    world.lead().await;
    for n in 0..10 {
        world.propose(&n.to_string()).await;
    }
    let mark = world.machine.checkpoint();
    let upto = world.group.last_log_index();
    world.group.checkpointed(mark).await.expect("a checkpoint of what is applied");
    world.propose("after").await;

    let state = world.wal.group(GROUP).state();
    assert_eq!(state.purged.map(|(index, _)| index), Some(upto));
    assert_eq!(state.first, Some(upto + 1));

    let world = world.crash().await;
    world.lead().await;
    assert_eq!(world.machine.batches().len(), 11);
    assert_eq!(world.machine.batches()[10], batch("after"));
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_log_is_purged_entirely_goes_on_after_a_restart() {
    let world = World::start(1).await;
    world.lead().await;
    world.propose("one").await;
    let mark = world.machine.checkpoint();
    let upto = world.group.last_log_index();
    world.group.checkpointed(mark.clone()).await.expect("a checkpoint of what is applied");
    world.group.checkpointed(mark).await.expect("an old checkpoint is nothing new");
    world.group.read_index().await.expect("the group has done what was asked before");
    tokio::task::yield_now().await;

    let world = world.restart().await;
    world.lead().await;
    assert!(world.group.last_log_index() > upto);
    world.propose("two").await;
    assert_eq!(world.machine.batches(), [batch("one"), batch("two")]);
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_ahead_of_the_state_is_refused() {
    let ahead = World::start(1).await;
    ahead.lead().await;
    ahead.propose("one").await;
    let mark = ahead.machine.checkpoint();

    let world = World::start(1).await;
    world.lead().await;
    let applied = *world.group.applied().borrow();
    let refused = world.group.checkpointed(mark).await;
    assert_eq!(refused, Err(CheckpointError::Ahead { index: applied + 1, applied }));
    let refused = world.group.checkpointed(Bytes::from_static(b"\x01nonsense")).await;
    assert!(matches!(refused, Err(CheckpointError::Mark(_))));
}

#[tokio::test(start_paused = true)]
async fn a_machine_ahead_of_its_log_does_not_start() {
    let world = World::start(1).await;
    world.lead().await;
    world.propose("one").await;
    let applied = *world.group.applied().borrow();

    let disk = SimDisk::new(2);
    let wal = open(&disk, Lane::inline());
    let refused = World::over(disk, wal, world.machine.clone()).await.err();
    let Some(StartError::MachineAhead { applied: found, last: 0 }) = refused else { panic!("{refused:?}") };
    assert_eq!(found, applied);
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_fails_proposals_and_acknowledges_nothing() {
    let world = World::start(1).await;
    world.lead().await;
    world.propose("safe").await;
    world.disk.fail_sync(0);

    let first = world.group.propose(batch("lost"));
    let second = world.group.propose(batch("lost too"));
    assert!(matches!(first.await, Err(ProposeError::Fatal(_))));
    assert!(matches!(second.await, Err(ProposeError::Fatal(_))));
    assert!(matches!(world.group.propose(batch("later")).await, Err(ProposeError::Fatal(_))));
    assert!(world.group.fault().is_some());
    let mut leadership = world.group.leadership();
    leadership.wait_for(|known| !known.mine).await.expect("a failed group says that it no longer leads");
    assert_eq!(world.group.read_index().await, Err(ReadError::Stopped));
    assert_eq!(world.machine.batches(), [batch("safe")]);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_fails_stops_its_group() {
    let world = World::start(1).await;
    world.lead().await;
    world.machine.fail();
    let Err(ProposeError::Fatal(reason)) = world.group.propose(batch("one")).await else { panic!("not fatal") };
    assert!(reason.contains("the test said so"), "{reason}");
    assert!(world.group.fault().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_leaves_the_outcome_of_what_is_in_flight_unknown() {
    let disk = SimDisk::new(1);
    let lane = Lane::thread("log", 64).expect("a thread");
    let wal = open(&disk, lane.clone());
    let world = World::over(disk, wal.clone(), Recorder::new(wal.group(GROUP))).await.expect("it starts");
    world.lead().await;
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    lane.run(move || {
        // Ends when the test lets go of the other end.
        let _ = blocked.recv();
    });

    let proposed = world.group.propose(batch("in flight"));
    world.group.shutdown().await;
    assert_eq!(proposed.await, Err(ProposeError::Unknown));
    assert_eq!(world.group.propose(batch("too late")).await, Err(ProposeError::Unknown));
    assert_eq!(world.group.fault(), None);
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn a_proposal_is_answered_only_when_the_log_has_it_on_disk() {
    let disk = SimDisk::new(1);
    let lane = Lane::thread("log", 64).expect("a thread");
    let wal = open(&disk, lane.clone());
    let world = World::over(disk, wal.clone(), Recorder::new(wal.group(GROUP))).await.expect("it starts");
    world.lead().await;
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    lane.run(move || {
        // Ends when the test lets go of the other end.
        let _ = blocked.recv();
    });

    let mut proposed = std::pin::pin!(world.group.propose(batch("held back")));
    // With time paused this ends when nothing else can run.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(proposed.as_mut().now_or_never().is_none());
    assert!(world.machine.batches().is_empty());
    drop(release);
    proposed.await.expect("the log goes on");
}

#[tokio::test(start_paused = true)]
async fn too_many_waiting_proposals_are_refused_and_the_others_are_not_harmed() {
    let world = World::start(1).await;
    world.lead().await;
    // Nothing else runs on this thread until the first await.
    let proposed: Vec<_> = (0..PROPOSALS_WAITING_MAX + 10).map(|n| world.group.propose(batch(n))).collect();
    let refused = join_all(proposed).await.into_iter().filter(|answer| *answer == Err(ProposeError::Full)).count();
    assert_eq!(refused, 10);
    assert_eq!(world.machine.batches().len() as u64, PROPOSALS_WAITING_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_for_what_was_acknowledged_before_it() {
    let world = World::start(1).await;
    world.lead().await;
    world.propose("one").await;
    let acknowledged = *world.group.applied().borrow();
    let index = world.group.read_index().await.expect("the leader may read");
    assert!(index >= acknowledged);
}

#[tokio::test(start_paused = true)]
async fn a_group_without_handles_stops() {
    let world = World::start(1).await;
    world.lead().await;
    let mut leadership = world.group.leadership();
    drop(world.group);
    while leadership.changed().await.is_ok() {}
    assert!(!leadership.borrow().mine);
}

#[test]
fn timing_that_makes_no_sense_is_refused() {
    let timing = Timing { heartbeat_ms: 1000, election_min_ms: 500, election_max_ms: 600 };
    assert!(matches!(settings(&timing), Err(StartError::Timing(_))));
    assert!(settings(&config().timing).is_ok());
}
