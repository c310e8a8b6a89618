//! The adapter alone: what holds apply back, and what is refused.

use std::pin::pin;

use futures::stream;
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
