//! The shards as this node has them: with a copy that runs here, or elsewhere. Copies come and go while the node runs.
//!
//! Invariants: copies change one at a time. One that is given up ends first: it takes no more calls, votes no more, and
//! nothing is applied to it any more; then its log, its rows and its lists go, behind a mark that a crash respects
//! ([`weft_shard::GivenUp`]). What of it a caller still holds says that it does not lead. Who leads a shard that is elsewhere is what
//! others say of it: a hint, as all that is known of leaders.

mod parts;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{MutexGuard, watch};
use weft_engine::WorkflowKey;
use weft_raft::{Group, GroupId, Leadership, MachineError, NodeId, StartError};
use weft_rows::{SlotRange, ranges, slot_of};
use weft_shard::{Replica, Shard, ShardId};

use super::{NodeInner, open::METADATA_GROUP};

pub(crate) use parts::{Ground, Parts, clear_away, has_log, owners};

/// Why a copy did not come, or did not go.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    #[error("there is no shard {0}")]
    NoShard(u32),
    #[error(transparent)]
    Machine(#[from] MachineError),
    #[error("its group does not start: {0}")]
    Start(#[from] StartError),
    #[error("its lists: {0}")]
    Lists(String),
}

/// All shards.
pub(crate) struct Copies {
    /// In the order of their slots, and so of their numbers from 1.
    places: Vec<Place>,
    metadata: Arc<Replica>,
    parts: Parts,
    /// Held while one comes or goes.
    changing: tokio::sync::Mutex<()>,
}

struct Place {
    elsewhere: Shard,
    here: RwLock<Option<Copy>>,
    /// It was being given up, and that has not come to its end.
    left: AtomicBool,
    /// What others said of it.
    told: watch::Sender<Leadership>,
    voters: Mutex<BTreeSet<NodeId>>,
}

#[derive(Clone)]
struct Copy {
    shard: Shard,
    replica: Arc<Replica>,
}

/// What is known of who leads a group and votes in it.
pub(crate) struct Known {
    pub(crate) leadership: watch::Receiver<Leadership>,
    pub(crate) voters: BTreeSet<NodeId>,
}

impl Copies {
    /// Starts the shards whose replicas run already.
    pub(super) fn start(parts: Parts, shards: u16, metadata: Arc<Replica>, replicas: &[(u32, Arc<Replica>)]) -> Self {
        let replicas: BTreeMap<u32, &Arc<Replica>> =
            replicas.iter().map(|(group, replica)| (*group, replica)).collect();
        let place = |(number, slots): (u32, SlotRange)| {
            let id = ShardId(number);
            let group = parts.ground.raft.group(GroupId(number));
            let here = replicas.get(&number).zip(group).map(|(replica, group)| Copy {
                shard: parts.shard(id, slots, replica, group),
                replica: Arc::clone(replica),
            });
            let elsewhere = Shard::elsewhere(id, slots);
            let (told, voters, left) = (watch::Sender::default(), Mutex::default(), AtomicBool::new(false));
            Place { elsewhere, here: RwLock::new(here), left, told, voters }
        };
        let places = (METADATA_GROUP + 1..).zip(ranges(shards)).map(place).collect();
        Self { places, metadata, parts, changing: tokio::sync::Mutex::default() }
    }

    /// The shard that a workflow id belongs to.
    pub(crate) fn of_key(&self, key: &WorkflowKey) -> Shard {
        let slot = slot_of(key);
        let place = self.places.partition_point(|place| place.elsewhere.slots().last < slot);
        // Shards cover all slots in order, so the first whose last slot is not before this one owns it.
        self.places[place.min(self.places.len() - 1)].shard()
    }

    pub(crate) fn shard(&self, id: ShardId) -> Option<Shard> {
        self.place(id).map(Place::shard)
    }

    /// All shards, also those that are elsewhere.
    pub(crate) fn all(&self) -> Vec<Shard> {
        self.places.iter().map(Place::shard).collect()
    }

    pub(crate) fn here(&self) -> Vec<Shard> {
        self.places.iter().filter_map(|place| place.here.read().as_ref().map(|copy| copy.shard.clone())).collect()
    }

    pub(crate) fn is_here(&self, id: ShardId) -> bool {
        self.place(id).is_some_and(|place| place.here.read().is_some())
    }

    /// The shards of which something is left here that does not run.
    pub(crate) fn left(&self) -> Vec<u32> {
        let left = self.places.iter().filter(|place| place.here.read().is_none() && place.left.load(Ordering::Relaxed));
        left.map(|place| place.elsewhere.id().0).collect()
    }

    /// The replicas of this node and their groups, that of the metadata first.
    pub(crate) fn replicas(&self) -> Vec<(u32, Arc<Replica>)> {
        let copies = self.places.iter().filter_map(|place| {
            let replica = place.here.read().as_ref().map(|copy| Arc::clone(&copy.replica))?;
            Some((place.elsewhere.id().0, replica))
        });
        std::iter::once((METADATA_GROUP, Arc::clone(&self.metadata))).chain(copies).collect()
    }

    pub(crate) fn replica(&self, group: u32) -> Option<Arc<Replica>> {
        if group == METADATA_GROUP {
            return Some(Arc::clone(&self.metadata));
        }
        self.place(ShardId(group))?.here.read().as_ref().map(|copy| Arc::clone(&copy.replica))
    }

    /// Who leads a shard, and news of it. It may end when the copy here does.
    pub(crate) fn leadership(&self, shard: &Shard) -> watch::Receiver<Leadership> {
        self.source(shard.id().0).map_or_else(|| watch::channel(Leadership::default()).1, |source| source.leadership())
    }

    /// Who leads a group now.
    pub(crate) fn led(&self, group: u32) -> Leadership {
        self.source(group).map_or_else(Leadership::default, |source| *source.leadership().borrow())
    }

    /// What is known of a group: from its replica here, or from what others said.
    pub(crate) fn known(&self, group: u32) -> Option<Known> {
        self.source(group).map(|source| Known { leadership: source.leadership(), voters: source.voters() })
    }

    /// A replica that nobody has filled yet knows nothing, and one that was left behind knows who led long ago: whoever looks
    /// for the leader would ask nobody, or one that leads no more.
    fn source(&self, group: u32) -> Option<Source<'_>> {
        let here = self.parts.ground.raft.group(GroupId(group));
        match (here, self.place(ShardId(group))) {
            (Some(here), Some(place)) if !here.is_filled() || place.is_left_behind(&here, self.parts.node) => {
                Some(Source::Told(place))
            }
            (Some(here), _) => Some(Source::Here(here)),
            (None, place) => place.map(Source::Told),
        }
    }

    /// Another node says that it leads a shard.
    pub(crate) fn told(&self, id: ShardId, now: Leadership, voters: BTreeSet<NodeId>) {
        let Some(place) = self.place(id) else { return };
        let is_news = place.told.send_if_modified(|known| {
            let is_later = known.term < now.term || (known.term == now.term && known.leader.is_none());
            if is_later {
                *known = now;
            }
            is_later
        });
        if is_news || place.told.borrow().leader == now.leader {
            *place.voters.lock() = voters;
        }
    }

    /// Starts a copy that has what this node has of the shard: nothing, as a rule, until a leader fills it. Gives it if it
    /// was not here.
    pub(super) async fn add(&self, id: ShardId) -> Result<Option<Shard>, CopyError> {
        let _turn = self.changing.lock().await;
        let place = self.place(id).ok_or(CopyError::NoShard(id.0))?;
        if place.here.read().is_some() {
            return Ok(None);
        }
        let (ground, slots) = (&self.parts.ground, place.elsewhere.slots());
        ground.clear_rest(id.0, slots).await?;
        place.left.store(false, Ordering::Relaxed);
        let replica = ground.replica(id.0, slots).await?;
        let group = ground.raft.add(GroupId(id.0), Arc::<Replica>::clone(&replica)).await?;
        let shard = self.parts.shard(id, slots, &replica, group);
        *place.here.write() = Some(Copy { shard: shard.clone(), replica });
        tracing::info!(shard = id.0, "a copy of the shard runs here now");
        Ok(Some(shard))
    }

    /// While it is held nothing else comes or goes.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Ends the copy of a shard, and removes all that this node has of it.
    pub(super) async fn give_up(&self, id: ShardId, _turn: &MutexGuard<'_, ()>) -> Result<(), CopyError> {
        let place = self.place(id).ok_or(CopyError::NoShard(id.0))?;
        let (ground, slots) = (&self.parts.ground, place.elsewhere.slots());
        place.left.store(true, Ordering::Relaxed);
        let copy = place.here.write().take();
        match &copy {
            Some(copy) => copy.shard.give_up(),
            None if !ground.is_there(id.0, slots).await? && !ground.has_log(id.0) => {
                place.left.store(false, Ordering::Relaxed);
                return Ok(());
            }
            None => {}
        }
        let known = ground.floor(id.0, slots).await;
        let floor = match known {
            Ok(known) => ground.raft.remove(GroupId(id.0), known).await,
            Err(error) => Err(error),
        };
        if let Some(copy) = copy {
            // What it had applied so far is behind it; what comes late is refused.
            copy.replica.close();
        }
        let floor = floor?;
        let given_up = ground.given_up(id.0, slots);
        given_up.begin(floor).await?;
        clear_away(&ground.wal, &ground.visibility, &given_up).await?;
        place.left.store(false, Ordering::Relaxed);
        tracing::info!(shard = id.0, "this node has no copy of the shard any more");
        Ok(())
    }

    fn place(&self, id: ShardId) -> Option<&Place> {
        self.places.get(usize::try_from(id.0.checked_sub(METADATA_GROUP + 1)?).ok()?)
    }
}

/// Who is believed of a group.
enum Source<'c> {
    Here(Group),
    Told(&'c Place),
}

impl Source<'_> {
    fn leadership(&self) -> watch::Receiver<Leadership> {
        match self {
            Self::Here(here) => here.leadership(),
            Self::Told(place) => place.told.subscribe(),
        }
    }

    fn voters(&self) -> BTreeSet<NodeId> {
        match self {
            Self::Here(here) => here.voters(),
            Self::Told(place) => place.voters.lock().clone(),
        }
    }
}

/// Whether a replica knows less of who leads than what others have told: it has no leader, or one of an earlier term.
fn knows_less(here: &Leadership, told: &Leadership) -> bool {
    told.leader.is_some() && (here.leader.is_none() || here.term < told.term)
}

impl Place {
    /// The replica here does not get the log any more, or not yet: others have a leader in whose group this node does not
    /// vote, and the replica has not. One that votes knows best that a leader is lost.
    fn is_left_behind(&self, here: &Group, own: u64) -> bool {
        let less = knows_less(&here.leadership().borrow(), &self.told.borrow());
        less && !self.voters.lock().contains(&NodeId(own))
    }

    fn shard(&self) -> Shard {
        self.here.read().as_ref().map_or_else(|| self.elsewhere.clone(), |copy| copy.shard.clone())
    }
}

impl NodeInner {
    /// Every group that anything is known of, and that.
    pub(crate) fn known_groups(&self) -> impl Iterator<Item = (u32, Known)> {
        (METADATA_GROUP..=u32::from(self.options.shards)).filter_map(|group| Some((group, self.copies.known(group)?)))
    }

    /// Starts a copy of a shard.
    pub(crate) async fn start_copy(self: &Arc<Self>, id: ShardId) -> Result<(), CopyError> {
        if let Some(shard) = self.copies.add(id).await? {
            crate::exchange::follow_shard(self, &shard);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use weft_engine::{Target, WorkflowId};
    use weft_shard::Failure;

    use super::*;
    use crate::node::{Node, Options, Place, World};

    #[tokio::test]
    async fn a_copy_that_goes_takes_no_more_calls_and_one_that_comes_back_waits_for_a_leader() {
        let options = Options { shards: 2, ..Options::new(Place::Memory) };
        let node = Node::open(options, World::real()).await.expect("it opens");
        let inner = node.inner();
        let namespace = node.metadata().facts("default").expect("it is registered").id.clone();
        let key = |n: u32| WorkflowKey { namespace: namespace.clone(), workflow: WorkflowId::from(format!("w-{n}")) };
        let of_first =
            (0..).map(key).find(|key| inner.copies.of_key(key).id() == ShardId(1)).expect("half of them are");
        let held = node.shard(&of_first);
        assert!(inner.copies.is_here(ShardId(1)) && held.is_ready());

        inner.copies.give_up(ShardId(1), &inner.copies.turn().await).await.expect("it goes");
        assert!(!inner.copies.is_here(ShardId(1)) && inner.copies.left().is_empty());
        let elsewhere = node.shard(&of_first).look(of_first.clone(), Target::default()).await;
        assert!(matches!(elsewhere, Err(Failure::NotLeader)), "it is asked for elsewhere");
        let late = held.look(of_first.clone(), Target::default()).await;
        assert!(matches!(late, Err(Failure::NotLeader | Failure::Unavailable(_))), "so is whoever had it before");
        assert_eq!(node.wal().group(GroupId(1)).state().last, None);
        inner.copies.give_up(ShardId(1), &inner.copies.turn().await).await.expect("it has gone");

        inner.start_copy(ShardId(1)).await.expect("it comes");
        assert!(
            inner.copies.is_here(ShardId(1))
                && inner.raft.group(GroupId(1)).is_some_and(|group| group.members().is_empty())
        );
        assert!(!node.shard(&of_first).is_ready(), "it is empty, and nobody has elected it");
        node.checkpoint().await;
        node.shutdown().await;
    }

    #[test]
    fn a_replica_without_a_leader_or_with_an_earlier_one_knows_less_than_others() {
        let of = |term, leader: Option<u64>| Leadership { term, leader: leader.map(NodeId), mine: false };
        assert!(knows_less(&of(9, None), &of(9, Some(4))) && knows_less(&of(12, None), &of(9, Some(4))));
        assert!(knows_less(&of(3, Some(2)), &of(9, Some(4))));
        assert!(!knows_less(&of(9, Some(4)), &of(9, Some(4))) && !knows_less(&of(9, Some(4)), &of(3, Some(2))));
        assert!(!knows_less(&of(2, None), &of(0, None)), "nobody has told anything");
    }

    #[tokio::test]
    async fn of_a_copy_that_was_left_behind_others_say_who_leads() {
        let options = Options { shards: 2, ..Options::new(Place::Memory) };
        let node = Node::open(options, World::real()).await.expect("it opens");
        let copies = &node.inner().copies;
        let own = NodeId(u64::from(node.inner().peers.node));
        let leader = || copies.known(2).and_then(|known| known.leadership.borrow().leader);
        assert_eq!(leader(), Some(own));
        let later = Leadership { term: 1000, leader: Some(NodeId(9)), mine: false };
        copies.told(ShardId(2), later, [own, NodeId(9)].into());
        assert_eq!(leader(), Some(own), "it votes, and knows best whom it lost");
        copies.told(ShardId(2), later, [NodeId(8), NodeId(9)].into());
        assert_eq!(leader(), Some(NodeId(9)));
        assert_eq!(copies.known(2).map(|known| known.voters), Some([NodeId(8), NodeId(9)].into()));
        node.shutdown().await;
    }

    #[tokio::test]
    async fn who_leads_a_shard_that_is_elsewhere_is_what_was_said_of_the_latest_term() {
        let options = Options { shards: 2, ..Options::new(Place::Memory) };
        let node = Node::open(options, World::real()).await.expect("it opens");
        let copies = &node.inner().copies;
        copies.give_up(ShardId(2), &copies.turn().await).await.expect("it goes");
        let said = |term, leader| Leadership { term, leader: Some(NodeId(leader)), mine: false };
        let leader = || copies.known(2).and_then(|known| known.leadership.borrow().leader);
        assert_eq!(leader(), None);
        copies.told(ShardId(2), said(4, 2), [NodeId(2), NodeId(3)].into());
        copies.told(ShardId(2), said(3, 3), [NodeId(3)].into());
        assert_eq!(leader(), Some(NodeId(2)));
        assert_eq!(copies.known(2).map(|known| known.voters), Some([NodeId(2), NodeId(3)].into()));
        copies.told(ShardId(2), said(5, 3), [NodeId(3)].into());
        assert_eq!(leader(), Some(NodeId(3)));
        // Whoever is to have it filled has to find its leader.
        node.inner().start_copy(ShardId(2)).await.expect("it comes");
        assert_eq!(leader(), Some(NodeId(3)));
        assert_eq!(copies.leadership(&copies.shard(ShardId(2)).expect("it is one")).borrow().leader, Some(NodeId(3)));
        node.shutdown().await;
    }
}
