//! The metadata group, which every node follows and which owns no slots: namespaces, what is set for task queues, and the
//! nodes of the cluster.
//!
//! Invariants: a change is checked against all that is applied and proposed under an epoch like any batch (rule 3), by the
//! group's leader; the view of each node is read anew when something was applied, and never goes back; one change is under
//! way at a time. A miss in the view asks the group's leader before it is "not found" ([`Metadata::confirmed`]).

mod members;
mod queue_configs;

use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock, RwLockReadGuard},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{Mutex, watch};
use weft_engine::NamespaceId;
use weft_env::Clock;
use weft_raft::{Group, Leadership, NodeId, ReadError};
use weft_rows::{
    Ops, batch,
    namespace::{self, NamespaceRow},
    table,
};
use weft_store::state::{KeyRange, Order, StateStore};

use crate::{
    dispatch::Directory,
    pipeline::{Epoch, Lost, commit, confirm},
    replica::Replica,
};

pub use members::{Members, MembersChange};

/// How long the view may take to get what the group's leader says is committed.
const VIEWED_MAX: Duration = Duration::from_secs(5);

/// Everything the metadata group needs from outside.
pub struct MetadataConfig {
    pub node: u64,
    pub group: Group,
    pub replica: Arc<Replica>,
    pub store: Arc<dyn StateStore>,
    pub clock: Arc<dyn Clock>,
    /// Search attributes that every namespace has: name to `IndexedValueType`.
    pub predefined: BTreeMap<String, i32>,
}

/// The metadata of the cluster as this node knows it.
pub struct Metadata {
    config: MetadataConfig,
    view: RwLock<Namespaces>,
    queues: RwLock<queue_configs::QueueConfigs>,
    members: RwLock<Arc<Members>>,
    /// The index of the last entry that the view has.
    viewed: watch::Sender<u64>,
    /// Held from reading the rows until the view has them, so that it never goes back.
    reading: parking_lot::Mutex<()>,
    leader: Mutex<Option<Open>>,
}

/// All namespaces, by id and by name.
#[derive(Clone, Debug, Default)]
pub struct Namespaces {
    by_id: BTreeMap<NamespaceId, Entry>,
    by_name: BTreeMap<String, NamespaceId>,
}

#[derive(Clone, Debug)]
struct Entry {
    row: Arc<NamespaceRow>,
    facts: Arc<weft_engine::Namespace>,
}

struct Open {
    epoch: Epoch,
    sequence: u64,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// The check refused it; nothing was written.
    #[error("{0}")]
    Refused(E),
    #[error("the metadata group has no leader here: try again")]
    Unavailable,
}

impl Namespaces {
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Arc<NamespaceRow>> {
        self.by_id(self.by_name.get(name)?)
    }

    #[must_use]
    pub fn by_id(&self, id: &NamespaceId) -> Option<&Arc<NamespaceRow>> {
        Some(&self.by_id.get(id)?.row)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<NamespaceRow>> {
        self.by_name.values().filter_map(|id| self.by_id(id))
    }

    fn put(&mut self, row: NamespaceRow, predefined: &BTreeMap<String, i32>) {
        if let Some(old) = self.by_id.get(&row.id) {
            self.by_name.remove(&old.row.name);
        }
        self.by_name.insert(row.name.clone(), row.id.clone());
        let custom = row.search_attributes.iter().map(|(name, kind)| (name.clone(), *kind));
        let search_attributes = predefined.clone().into_iter().chain(custom).collect();
        let facts = Arc::new(weft_engine::Namespace {
            id: row.id.clone(),
            name: row.name.as_str().into(),
            retention: row.retention,
            search_attributes: Arc::new(search_attributes),
        });
        self.by_id.insert(row.id.clone(), Entry { row: Arc::new(row), facts });
    }
}

impl Metadata {
    /// Nothing is known yet: first whoever applies is to be told of [`Metadata::applied`], then what was applied before
    /// is to be read by [`Metadata::look`].
    #[must_use]
    pub fn new(config: MetadataConfig) -> Self {
        Self {
            config,
            view: RwLock::default(),
            queues: RwLock::default(),
            members: RwLock::default(),
            viewed: watch::Sender::new(0),
            reading: parking_lot::Mutex::default(),
            leader: Mutex::new(None),
        }
    }

    /// Reads what was applied so far. Blocking.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn look(&self) -> Result<(), String> {
        let _in_turn = self.reading.lock();
        self.read(self.config.replica.applied().index)
    }

    /// The entries up to `index` were applied to the store. Blocking.
    pub fn applied(&self, index: u64) {
        let _in_turn = self.reading.lock();
        if let Err(error) = self.read(index) {
            tracing::error!(index, error, "reading the namespaces failed");
        }
    }

    /// Reads all rows: there are few, and they seldom change.
    fn read(&self, index: u64) -> Result<(), String> {
        let store = self.config.store.as_ref();
        let (rows, queues) = (read_all(store)?, queue_configs::read_all(store)?);
        let members = Arc::new(Members::read(store)?);
        let mut namespaces = Namespaces::default();
        rows.into_iter().for_each(|row| namespaces.put(row, &self.config.predefined));
        *self.view.write().unwrap_or_else(std::sync::PoisonError::into_inner) = namespaces;
        *self.queues.write().unwrap_or_else(std::sync::PoisonError::into_inner) = queues;
        *self.members.write().unwrap_or_else(std::sync::PoisonError::into_inner) = members;
        self.viewed.send_replace(index);
        Ok(())
    }

    /// News of the view: the index of the last entry that it has.
    #[must_use]
    pub fn viewed(&self) -> watch::Receiver<u64> {
        self.viewed.subscribe()
    }

    /// Who leads the group, as far as this node knows, and news of it.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.config.group.leadership()
    }

    /// What is known here without asking anyone.
    pub fn view(&self) -> RwLockReadGuard<'_, Namespaces> {
        self.view.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What the engine needs to know of a namespace, by name.
    #[must_use]
    pub fn facts(&self, name: &str) -> Option<Arc<weft_engine::Namespace>> {
        let view = self.view();
        let id = view.by_name.get(name)?;
        Some(Arc::clone(&view.by_id.get(id)?.facts))
    }

    /// Confirms that the view holds all that was committed before the call.
    ///
    /// # Errors
    /// `Unavailable` when the group's leader does not answer.
    pub async fn confirmed(&self) -> Result<(), ChangeError<core::convert::Infallible>> {
        let index = self.config.group.read_index().await.map_err(|_| ChangeError::Unavailable)?;
        self.has_viewed(index).await
    }

    /// Waits until the view has the entry at `index`.
    ///
    /// # Errors
    /// `Unavailable` if it has not in five seconds.
    pub async fn has_viewed(&self, index: u64) -> Result<(), ChangeError<core::convert::Infallible>> {
        let mut viewed = self.viewed();
        let clock = &self.config.clock;
        // The entry may be on its way to a node that is cut off, or the rows may be unreadable.
        tokio::select! {
            viewed = viewed.wait_for(|viewed| *viewed >= index) => viewed.map(drop).map_err(|_| ChangeError::Unavailable),
            () = clock.sleep_until(clock.monotonic() + VIEWED_MAX) => Err(ChangeError::Unavailable),
        }
    }

    /// Makes a change that `decide` checks against all namespaces: the rows it gives are put.
    ///
    /// # Errors
    /// `Refused` with what `decide` said, or `Unavailable`; then the outcome is unknown.
    pub async fn change<T, E>(
        &self,
        decide: impl FnOnce(&Namespaces) -> Result<(Vec<NamespaceRow>, T), E>,
    ) -> Result<T, ChangeError<E>> {
        let mut leader = self.leader.lock().await;
        self.lead(&mut leader).await?;
        let (rows, answer) = decide(&self.view()).map_err(ChangeError::Refused)?;
        let mut ops = Ops::default();
        for row in &rows {
            ops.put(table::NAMESPACE, &namespace::key(&row.id), &namespace::encode(row));
        }
        self.commit_ops(&mut leader, &ops).await?;
        Ok(answer)
    }

    /// Lets another node lead, between two changes.
    pub async fn hand_over(&self, to: NodeId) {
        let _between_changes = self.leader.lock().await;
        if let Err(error) = self.config.group.transfer_leader(to).await {
            tracing::debug!(%to, %error, "leadership of the metadata was not handed over");
        }
    }

    /// Opens an epoch if there is none, or only one of a term that is over.
    async fn lead<E>(&self, leader: &mut Option<Open>) -> Result<(), ChangeError<E>> {
        let known = *self.config.group.leadership().borrow();
        leader.take_if(|open| !known.mine || open.epoch.term != known.term);
        let led = match leader {
            // What is refused, or found to be so already, is an answer too (rule 1).
            Some(open) => confirm(self.config.group.clone(), open.epoch.term).await,
            None => self.open().await.map(|open| *leader = Some(open)),
        };
        led.map_err(|_| ChangeError::Unavailable)
    }

    /// Proposes the next batch of the open epoch; the epoch ends if the outcome is unknown.
    async fn commit_ops<E>(&self, leader: &mut Option<Open>, ops: &Ops) -> Result<(), ChangeError<E>> {
        // Put back when it is done: whoever comes after one that was dropped on the way opens the next epoch behind it.
        let Some(mut open) = leader.take() else { return Err(ChangeError::Unavailable) };
        open.sequence += 1;
        let header = self.header(open.epoch, open.sequence, batch::BatchKind::Normal);
        let committed = commit(&self.config.group, Bytes::from(batch::encode(&header, ops, &[]))).await;
        committed.map_err(|_| ChangeError::Unavailable)?;
        *leader = Some(open);
        Ok(())
    }

    /// Opens the next epoch. What was applied before it is in the view.
    async fn open(&self) -> Result<Open, Lost> {
        let leadership = *self.config.group.leadership().borrow();
        if !leadership.mine {
            return Err(Lost::Unconfirmed(ReadError::NotLeader { leader: leadership.leader }));
        }
        confirm(self.config.group.clone(), leadership.term).await?;
        let epoch =
            Epoch { leader: self.config.node, term: leadership.term, epoch: self.config.replica.applied().epoch + 1 };
        let header = self.header(epoch, 0, batch::BatchKind::Open);
        commit(&self.config.group, Bytes::from(batch::encode(&header, &Ops::default(), &[]))).await?;
        Ok(Open { epoch, sequence: 0 })
    }

    fn header(&self, epoch: Epoch, sequence: u64, kind: batch::BatchKind) -> batch::BatchHeader {
        let Epoch { leader, term, epoch } = epoch;
        batch::BatchHeader { leader, term, epoch, sequence, stamp: 0, kind }
    }
}

fn read_all(store: &dyn StateStore) -> Result<Vec<NamespaceRow>, String> {
    let (from, end) = namespace::range();
    let rows = store.scan(table::NAMESPACE, &KeyRange::between(from, end), Order::Ascending, usize::MAX);
    let rows = rows.map_err(|error| error.to_string())?;
    rows.into_iter().map(|(_, bytes)| namespace::decode(&bytes).map_err(|error| error.to_string())).collect()
}

impl Directory for Metadata {
    fn namespace(&self, id: &NamespaceId) -> Option<Arc<weft_engine::Namespace>> {
        Some(Arc::clone(&self.view().by_id.get(id)?.facts))
    }
}
