//! openraft's own suite for storage, over the write-ahead log on a simulated disk.
//!
//! The suite wants a state machine that applies entries that no log has and installs snapshots; the one of this crate
//! rightly does neither, so the suite gets a small faithful one from here.

use futures::{FutureExt, StreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::TypeConfigExt;
use openraft::{RaftSnapshotBuilder, Snapshot, SnapshotMeta, StorageError};
use weft_env::Lane;
use weft_env::disk::SimDisk;

use super::*;
use crate::runtime;
use crate::testing::{GROUP, open};
use crate::types::{EntryPayload, Leader, NodeId, Reply, StoredMembership};

type Meta = SnapshotMeta<Leader, NodeId, ()>;
type State = (Option<LogId>, StoredMembership);

/// A state machine that is nothing but how far it has come.
#[derive(Clone, Default)]
struct Position {
    state: State,
    snapshot: Option<State>,
}

impl Position {
    fn meta((last, membership): State) -> Meta {
        SnapshotMeta { last_log_id: last, last_membership: membership }
    }
}

impl RaftStateMachine<Types> for Position {
    type SnapshotData = State;
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> io::Result<State> {
        Ok(self.state.clone())
    }

    async fn apply<Strm>(&mut self, entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        use futures::TryStreamExt;
        entries
            .try_for_each(|(entry, responder)| {
                self.state.0 = Some(entry.log_id);
                if let EntryPayload::Membership(membership) = entry.payload {
                    self.state.1 = StoredMembership::new(Some(entry.log_id), membership);
                }
                if let Some(responder) = responder {
                    responder.send(Reply(bytes::Bytes::new()));
                }
                std::future::ready(Ok(()))
            })
            .await
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.snapshot = Some(self.state.clone());
        self.clone()
    }

    async fn install_snapshot(&mut self, _meta: &Meta, state: State) -> io::Result<()> {
        self.state = state.clone();
        self.snapshot = Some(state);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot<Leader, NodeId, (), State>>> {
        Ok(self.snapshot.clone().map(|state| Snapshot { meta: Self::meta(state.clone()), snapshot: state }))
    }
}

impl RaftSnapshotBuilder<Types> for Position {
    type SnapshotData = State;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot<Leader, NodeId, (), State>> {
        Ok(Snapshot { meta: Self::meta(self.state.clone()), snapshot: self.state.clone() })
    }
}

struct Builder;

impl StoreBuilder<Types, LogStore, Position> for Builder {
    async fn build(&self) -> Result<((), LogStore, Position), StorageError<Types>> {
        let wal = open(&SimDisk::new(1), Lane::inline());
        Ok(((), LogStore::new(wal.group(GROUP)), Position::default()))
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_passes_openrafts_own_suite() {
    runtime::seeded(1, Suite::test_all(Builder)).await.expect("the suite passes");
}

#[tokio::test]
async fn votes_and_entries_are_reported_only_when_they_are_on_disk() {
    let lane = Lane::thread("log", 64).expect("a thread");
    let wal = open(&SimDisk::new(1), lane.clone());
    let mut store = LogStore::new(wal.group(GROUP));
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    lane.run(move || {
        // Ends when the test lets go of the other end.
        let _ = blocked.recv();
    });

    let entry = Entry { log_id: types::log_id(1, 0), payload: EntryPayload::Blank };
    let (flushed, mut reported) = <Types as TypeConfigExt>::oneshot();
    store.append([entry.clone()], IOFlushed::signal(flushed)).await.expect("the log takes it");
    assert_eq!(store.try_get_log_entries(..).await.expect("it can be read at once"), [entry]);
    assert!((&mut reported).now_or_never().is_none());

    let (mut store, vote) = (store.clone(), Vote::new(2, NodeId(1)));
    let mut saved = std::pin::pin!(store.save_vote(&vote));
    assert!(saved.as_mut().now_or_never().is_none());

    drop(release);
    saved.await.expect("the vote is on disk");
    reported.await.expect("it is reported").expect("the entry is on disk");
}

#[tokio::test]
async fn votes_and_entries_fail_with_the_disk() {
    let disk = SimDisk::new(1);
    let wal = open(&disk, Lane::inline());
    let mut store = LogStore::new(wal.group(GROUP));
    disk.fail_sync(0);
    let entry = Entry { log_id: types::log_id(1, 0), payload: EntryPayload::Blank };
    let (flushed, reported) = <Types as TypeConfigExt>::oneshot();
    store.append([entry], IOFlushed::signal(flushed)).await.expect("the log takes it");
    assert!(reported.await.expect("it is reported").is_err());
    assert!(store.save_vote(&Vote::new(2, NodeId(1))).await.is_err());
    assert!(store.truncate_after(None).await.is_err());
}

#[tokio::test]
async fn entries_that_are_to_be_applied_are_not_passed_over_if_the_log_lost_them() {
    let wal = open(&SimDisk::new(1), Lane::inline());
    let mut store = LogStore::new(wal.group(GROUP));
    let entries = [0, 1, 2].map(|at| Entry { log_id: types::log_id(1, at), payload: EntryPayload::Blank });
    let (flushed, reported) = <Types as TypeConfigExt>::oneshot();
    store.append(entries.clone(), IOFlushed::signal(flushed)).await.expect("the log takes them");
    reported.await.expect("it is reported").expect("they are on disk");
    let read = |store: &LogStore, range: Range<u64>| {
        let mut store = store.clone();
        async move {
            store.entries_stream(range).await.collect::<Vec<_>>().await.into_iter().collect::<io::Result<Vec<_>>>()
        }
    };

    assert_eq!(read(&store, 0..3).await.expect("all are there"), entries);
    assert!(read(&store, 3..4).await.is_err(), "there is no fourth");
    store.purge(types::log_id(1, 2)).await.expect("the log is purged");
    assert!(read(&store, 1..3).await.is_err(), "they are gone");
}
