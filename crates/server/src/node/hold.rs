//! Who has the files of a node open, and the wait until nobody has.
//!
//! Invariant: the data directory is locked as long as anything can read or write in it: the node, its applied state, or a
//! view of that. The last of them to go lets go of it, and whoever stops the node hears of that.

use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::watch;
use weft_env::Clock;
use weft_rows::Level;
use weft_store::{
    datadir::{self, DataDir},
    state::{KeyRange, Order, Row, StateStore, StateView, StoreError, StoreStats, WriteBatch},
};

use super::{NodeInner, Notes};

/// How long a node that has stopped waits for what still has its files open. Calls end with their connections, and what a
/// node does by itself ends within seconds, so nothing but a handle that somebody keeps takes longer.
const LET_GO_MAX: Duration = Duration::from_secs(5);

/// What all that has the files open shares.
pub(crate) struct Hold {
    directory: OnceLock<DataDir>,
    /// In its place, of a simulated node.
    notes: OnceLock<Arc<Notes>>,
    holders: Holders,
    /// Gone after the directory: fields are dropped in their order.
    _held: watch::Sender<()>,
}

/// For people: what still lives.
#[derive(Default)]
struct Holders {
    node: OnceLock<Weak<NodeInner>>,
    store: OnceLock<Weak<HeldStore>>,
}

/// How whoever stops a node finds out that its files are closed.
pub(crate) struct Released {
    hold: Weak<Hold>,
    held: watch::Receiver<()>,
    clock: Arc<dyn Clock>,
}

impl Hold {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> (Arc<Self>, Released) {
        let (sender, held) = watch::channel(());
        let hold = Arc::new(Self {
            directory: OnceLock::new(),
            notes: OnceLock::new(),
            holders: Holders::default(),
            _held: sender,
        });
        let released = Released { hold: Arc::downgrade(&hold), held, clock };
        (hold, released)
    }

    /// Keeps the directory locked. Only a node with a directory has files.
    pub(super) fn keep(&self, directory: DataDir) {
        // A node has one.
        let _ = self.directory.set(directory);
    }

    pub(super) fn directory(&self) -> Option<&DataDir> {
        self.directory.get()
    }

    pub(super) fn keep_notes(&self, notes: Arc<Notes>) {
        // A node has one.
        let _ = self.notes.set(notes);
    }

    /// The format level of the data, as they say it themselves.
    pub(super) fn level(&self) -> Level {
        let of_directory = self.directory.get().and_then(|directory| Level::new(directory.format()));
        of_directory.or_else(|| self.notes.get()?.level()).unwrap_or_default()
    }

    /// The data are closed, durably, to builds that do not know this level.
    pub(super) fn raise(&self, level: Level) -> Result<(), datadir::Error> {
        if let Some(notes) = self.notes.get() {
            notes.raise(level);
        }
        self.directory.get().map_or(Ok(()), |directory| directory.raise(level.number()))
    }

    /// The same store, which holds the directory.
    pub(super) fn over(self: &Arc<Self>, store: Arc<dyn StateStore>) -> Arc<dyn StateStore> {
        if self.directory.get().is_none() {
            return store;
        }
        let held = Arc::new(HeldStore { store, hold: Arc::clone(self) });
        // A node has one.
        let _ = self.holders.store.set(Arc::downgrade(&held));
        held
    }

    /// The node is put together, and is among those that hold.
    pub(super) fn attach(&self, node: &Arc<NodeInner>) {
        // A node is put together once.
        let _ = self.holders.node.set(Arc::downgrade(node));
    }

    fn says(&self) -> Option<(usize, usize)> {
        self.directory.get()?;
        let nodes = self.holders.node.get().map_or(0, Weak::strong_count);
        let stores = self.holders.store.get().map_or(0, Weak::strong_count);
        Some((nodes, stores))
    }
}

impl Released {
    /// Waits until all files are closed and the directory can be opened again, but not for ever: who does not let go is
    /// named in the log.
    pub(crate) async fn wait(mut self) {
        // Nobody opens again what is in memory only.
        if self.hold.upgrade().is_none_or(|hold| hold.directory().is_none()) {
            return;
        }
        tokio::select! {
            // Nothing is ever sent: the only news is that the sender is gone.
            _ = self.held.changed() => {}
            () = self.clock.sleep_until(self.clock.monotonic() + LET_GO_MAX) => {
                if let Some((node, state)) = self.hold.upgrade().and_then(|hold| hold.says()) {
                    tracing::warn!(
                        handles_of_node = node,
                        handles_of_applied_state = state,
                        "the node has stopped, and its data directory stays locked until these handles are dropped"
                    );
                }
            }
        }
    }
}

/// A store whose directory is locked as long as it lives.
struct HeldStore {
    /// Closed first: fields are dropped in their order.
    store: Arc<dyn StateStore>,
    hold: Arc<Hold>,
}

struct HeldView {
    view: Box<dyn StateView>,
    _hold: Arc<Hold>,
}

impl StateView for HeldStore {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.store.get(table, key)
    }

    fn scan(&self, table: u8, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.store.scan(table, range, order, limit)
    }
}

impl StateStore for HeldStore {
    fn apply(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.store.apply(batch)
    }

    fn persist(&self) -> Result<(), StoreError> {
        self.store.persist()
    }

    fn view(&self) -> Result<Box<dyn StateView>, StoreError> {
        let view = self.store.view()?;
        Ok(Box::new(HeldView { view, _hold: Arc::clone(&self.hold) }))
    }

    fn prepare(&self) -> Result<(), StoreError> {
        self.store.prepare()
    }

    fn close(&self) -> Result<(), StoreError> {
        self.store.close()
    }

    fn stats(&self) -> StoreStats {
        self.store.stats()
    }
}

impl StateView for HeldView {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.view.get(table, key)
    }

    fn scan(&self, table: u8, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.view.scan(table, range, order, limit)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use uuid::Uuid;
    use weft_env::{UnixNanos, VirtualClock};
    use weft_store::{
        datadir::{Backend, Error, Founding},
        state,
    };

    use super::*;

    fn open(path: &Path) -> Result<DataDir, Error> {
        let (cluster, backend) = (Uuid::nil(), Backend::Fjall);
        DataDir::open(path, &Founding { cluster, node: 1, shards: 1, backend, format: 1, joins: None }, &(1..=1))
    }

    fn is_locked(path: &Path) -> bool {
        matches!(open(path), Err(Error::Locked { .. }))
    }

    fn held(path: &Path) -> (Arc<VirtualClock>, Arc<Hold>, Released) {
        let clock = Arc::new(VirtualClock::starting_at(UnixNanos(0)));
        let (hold, released) = Hold::new(Arc::<VirtualClock>::clone(&clock));
        hold.keep(open(path).expect("it is new"));
        (clock, hold, released)
    }

    #[tokio::test]
    async fn the_last_that_can_read_a_directory_lets_go_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, hold, released) = held(folder.path());
        let store = hold.over(state::in_memory(&[]).expect("there are no tables"));
        let view = store.view().expect("it can be read");
        drop((hold, store));
        assert!(is_locked(folder.path()), "a view is left");
        tokio::join!(released.wait(), async { drop(view) });
        assert!(!is_locked(folder.path()));
    }

    #[tokio::test]
    async fn whoever_keeps_a_handle_is_not_waited_for_without_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, hold, released) = held(folder.path());
        tokio::join!(released.wait(), async { clock.advance(LET_GO_MAX) });
        assert!(is_locked(folder.path()));
        drop(hold);
        assert!(!is_locked(folder.path()));
    }

    #[tokio::test]
    async fn what_is_in_memory_only_is_not_waited_for() {
        let (_hold, released) = Hold::new(Arc::new(VirtualClock::starting_at(UnixNanos(0))));
        released.wait().await;
    }
}
