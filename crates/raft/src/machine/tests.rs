//! The adapter alone: what holds apply back, and what is refused.

use std::pin::pin;

use futures::stream;
use tokio::time::timeout;
use weft_env::Lane;
use weft_env::disk::SimDisk;
use weft_store::wal::LogEntry;

use super::*;
use crate::testing::{GROUP, Recorder, open};
use crate::types::Batch;

fn entry(raft_index: u64) -> Entry {
    let payload = EntryPayload::Normal(Batch(Bytes::from(vec![0; 100])));
    Entry { log_id: types::log_id(1, raft_index), payload }
}

fn entries(count: u64) -> impl Stream<Item = io::Result<EntryResponder<Types>>> + Unpin {
    stream::iter((0..count).map(|at| Ok((entry(at), None))))
}

fn append(log: &GroupLog, count: u64) {
    let entries = (0..count).map(|at| LogEntry { index: types::index(at), bytes: codec::entry(&entry(at)) });
    log.append(entries.collect(), Box::new(|_| ()));
}

#[tokio::test]
async fn apply_waits_until_the_entry_is_on_this_nodes_disk() {
    let lane = Lane::thread("log", 64).expect("a thread");
    let wal = open(&SimDisk::new(1), lane.clone());
    let (log, (release, blocked)) = (wal.group(GROUP), std::sync::mpsc::channel::<()>());
    lane.run(move || {
        // Ends when the test lets go of the other end.
        let _ = blocked.recv();
    });
    append(&log, 2);
    let machine = Recorder::new(log.clone());
    let mut adapter = Adapter::new(Arc::new(machine.clone()), log, None, None);

    {
        let mut apply = pin!(adapter.apply(entries(2)));
        assert!(apply.as_mut().now_or_never().is_none());
        assert_eq!(machine.entries(), []);
        drop(release);
        apply.await.expect("the entries are applied");
    }
    assert_eq!(machine.entries().len(), 2);
    assert_eq!(*adapter.shared().applied.borrow(), 2);
}

#[tokio::test]
async fn one_call_applies_what_is_ready_but_not_more_than_its_bound() {
    let wal = open(&SimDisk::new(1), Lane::inline());
    let log = wal.group(GROUP);
    let count = APPLY_ENTRIES_MAX as u64 + 1;
    append(&log, count);
    let machine = Recorder::new(log.clone());
    let mut adapter = Adapter::new(Arc::new(machine.clone()), log, None, None);
    adapter.apply(entries(count)).await.expect("the entries are applied");
    assert_eq!(machine.calls(), [APPLY_ENTRIES_MAX, 1]);
}

const MAY_WAIT: Duration = Duration::from_millis(50);
const MOMENT: Duration = Duration::from_millis(1);

/// An adapter of a group that runs, with so many entries in its log, whose machine lets entries wait.
fn patient(count: u64) -> (Recorder, Adapter) {
    let wal = open(&SimDisk::new(1), Lane::inline());
    let log = wal.group(GROUP);
    append(&log, count);
    let machine = Recorder::new(log.clone()).that_may_wait(MAY_WAIT);
    let adapter = Adapter::new(Arc::new(machine.clone()), log, None, None);
    adapter.shared.started.store(true, Ordering::Release);
    (machine, adapter)
}

fn one(at: u64) -> impl Stream<Item = io::Result<EntryResponder<Types>>> + Unpin {
    stream::iter([Ok((entry(at), None))])
}

/// Waits until so many entries are applied; virtual time.
async fn applied(adapter: &Adapter, index: u64) {
    let mut applied = adapter.shared.applied.subscribe();
    applied.wait_for(|applied| *applied >= index).await.expect("the adapter is there");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_is_applied_together_a_little_later() {
    let (machine, mut adapter) = patient(4);
    for at in 0..3 {
        adapter.apply(one(at)).await.expect("they are taken");
    }
    assert_eq!((machine.calls(), *adapter.shared.applied.borrow()), (vec![], 0));
    assert!(timeout(MAY_WAIT - MOMENT, applied(&adapter, 3)).await.is_err(), "more may come");
    timeout(2 * MOMENT, applied(&adapter, 3)).await.expect("it is time");
    assert_eq!(machine.calls(), [3]);
    adapter.apply(one(3)).await.expect("it is taken");
    applied(&adapter, 4).await;
    assert_eq!(machine.calls(), [3, 1]);
}

#[tokio::test(start_paused = true)]
async fn what_a_reader_waits_for_is_applied_at_once_whether_it_comes_before_or_after() {
    let (machine, mut adapter) = patient(3);
    adapter.apply(one(0)).await.expect("it is taken");
    adapter.shared.hasten(2);
    timeout(MOMENT, applied(&adapter, 1)).await.expect("it is hastened");
    adapter.apply(one(1)).await.expect("it is taken");
    assert_eq!(machine.calls(), [1, 1]);
    adapter.apply(one(2)).await.expect("it is taken");
    assert_eq!(machine.calls().len(), 2, "nobody waits for the third one");
}

#[tokio::test]
async fn before_a_group_has_started_nothing_waits() {
    let (machine, mut adapter) = patient(1);
    adapter.shared.started.store(false, Ordering::Release);
    adapter.apply(one(0)).await.expect("it is applied");
    assert_eq!(machine.calls(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_many_keeps_its_bound_and_leaves_little_waiting() {
    let count = APPLY_ENTRIES_MAX as u64;
    let (machine, mut adapter) = patient(count + 2);
    adapter.apply(one(0)).await.expect("it is taken");
    let many = stream::iter((1..=count).map(|at| Ok((entry(at), None))));
    adapter.apply(many).await.expect("they are applied");
    assert_eq!(machine.calls(), [1, APPLY_ENTRIES_MAX]);
}

#[tokio::test(start_paused = true)]
async fn a_picture_has_what_waited() {
    let (machine, mut adapter) = patient(2);
    adapter.apply(entries(2)).await.expect("they are taken");
    let picture = adapter.get_current_snapshot().await.expect("it answers").expect("there is one");
    assert_eq!((picture.meta.last_log_id, machine.entries().len()), (Some(types::log_id(1, 1)), 2));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_applied_later_is_a_fault_that_whoever_waits_hears_of() {
    let (machine, mut adapter) = patient(2);
    adapter.apply(one(0)).await.expect("it is taken");
    machine.fail();
    let (mut news, shared) = (adapter.shared.applied.subscribe(), adapter.shared());
    news.wait_for(|_| shared.fault.get().is_some()).await.expect("the adapter is there");
    assert_eq!(*shared.applied.borrow(), 0);
    assert!(adapter.apply(one(1)).await.is_err(), "nothing comes after it");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_applied_to_a_machine_whose_group_has_ended() {
    let (machine, mut adapter) = patient(1);
    adapter.apply(one(0)).await.expect("it is taken");
    drop(adapter);
    tokio::time::advance(2 * MAY_WAIT).await;
    tokio::task::yield_now().await;
    assert_eq!(machine.entries(), []);
}

#[tokio::test]
async fn a_snapshot_is_the_published_checkpoint_and_nothing_else() {
    let wal = open(&SimDisk::new(1), Lane::inline());
    let log = wal.group(GROUP);
    append(&log, 3);
    let mut adapter = Adapter::new(Arc::new(Recorder::new(log.clone())), log, None, None);
    adapter.apply(entries(3)).await.expect("the entries are applied");
    assert!(adapter.try_create_snapshot_builder(false).await.is_none());
    assert!(adapter.get_current_snapshot().await.expect("it answers").is_none());

    let mark = Mark { applied: types::log_id(1, 1), membership: StoredMembership::default() };
    *adapter.shared.checkpoint.lock() = Some(mark.clone());
    let mut builder = adapter.try_create_snapshot_builder(false).await.expect("there is a checkpoint");
    let built = builder.build_snapshot().await.expect("it is a claim only");
    assert_eq!(built.meta.last_log_id, Some(mark.applied));
    let current = adapter.get_current_snapshot().await.expect("it answers").expect("there is one");
    assert_eq!(current.meta, built.meta);
}

#[tokio::test]
async fn a_snapshot_that_nobody_sent_is_refused() {
    let wal = open(&SimDisk::new(1), Lane::inline());
    let log = wal.group(GROUP);
    let mut adapter = Adapter::new(Arc::new(Recorder::new(log.clone())), log, None, None);
    let refused = adapter.install_snapshot(&Meta::default(), Data::Claim).await.expect_err("it is refused");
    assert!(refused.to_string().contains("nobody sent"), "{refused}");
    assert!(adapter.shared.fault.get().is_some());
}
