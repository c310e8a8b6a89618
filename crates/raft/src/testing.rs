//! A machine that remembers what it was given, and a node's log on a simulated disk, for this crate's tests.
//!
//! The machine panics when an entry comes twice, out of order, or before this node's log has it on disk: every test
//! that uses it checks that.

pub(crate) mod cluster;
pub(crate) mod net;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use weft_env::Lane;
use weft_env::disk::SimDisk;
use weft_store::wal::{GroupId, GroupLog, Options, Wal};

use crate::node::KEPT_BYTES;
use crate::pulse::Pulses;
use crate::{
    Alone, Committed, Group, GroupConfig, Machine, MachineError, NodeId, Payload, Picture, PictureOf, Recovered,
    StartError, Timing,
};

pub(crate) const GROUP: GroupId = GroupId(3);

/// What a [`Recorder`] holds, and what it would hold after a power loss.
#[derive(Debug, Default)]
struct Held {
    entries: Vec<Committed>,
    checkpoint: usize,
    first: u64,
    calls: Vec<usize>,
    failing: bool,
    staged: Vec<Bytes>,
    installed: Option<Bytes>,
    floor: Option<Bytes>,
    installs: usize,
    pictures: usize,
    may_wait: Duration,
}

/// A machine whose state is the list of its entries. Clones are the same machine.
#[derive(Clone)]
pub(crate) struct Recorder {
    held: Arc<Mutex<Held>>,
    log: GroupLog,
}

impl Recorder {
    pub(crate) fn new(log: GroupLog) -> Self {
        Self { held: Arc::default(), log }
    }

    /// A state that was made elsewhere, and ends with this entry.
    pub(crate) fn restored(log: GroupLog, last: Committed) -> Self {
        let installed = Some(last.mark.clone());
        let held = Held { entries: vec![last], checkpoint: 1, installed, ..Held::default() };
        Self { held: Arc::new(Mutex::new(held)), log }
    }

    /// The same state after a restart, over the log as it was opened again.
    pub(crate) fn over(&self, log: GroupLog) -> Self {
        Self { held: Arc::clone(&self.held), log }
    }

    pub(crate) fn batches(&self) -> Vec<Bytes> {
        let held = self.held.lock();
        let batch = |entry: &Committed| match &entry.payload {
            Payload::Batch(batch) => Some(batch.clone()),
            Payload::Blank | Payload::Membership => None,
        };
        held.entries.iter().filter_map(batch).collect()
    }

    pub(crate) fn entries(&self) -> Vec<Committed> {
        self.held.lock().entries.clone()
    }

    pub(crate) fn fail(&self) {
        self.held.lock().failing = true;
    }

    /// Makes all that was applied so far durable.
    pub(crate) fn checkpoint(&self) -> Bytes {
        let mut held = self.held.lock();
        held.checkpoint = held.entries.len();
        held.entries.last().expect("something was applied").mark.clone()
    }

    /// Loses what no checkpoint made durable.
    pub(crate) fn lose(&self) {
        let mut held = self.held.lock();
        let durable = held.checkpoint;
        held.entries.truncate(durable);
    }

    /// What is left of the state after a power loss, apart from this one.
    pub(crate) fn durable(&self) -> Self {
        let held = self.held.lock();
        let entries = held.entries[..held.checkpoint].to_vec();
        let installed = held.installed.clone();
        let floor = held.floor.clone();
        let left = Held { entries, checkpoint: held.checkpoint, installed, floor, ..Held::default() };
        Self { held: Arc::new(Mutex::new(left)), log: self.log.clone() }
    }

    /// What is durable of the state, as if it had just been installed.
    pub(crate) fn as_installed(&self) -> Self {
        let machine = self.durable();
        {
            let mut held = machine.held.lock();
            held.installed = held.entries.last().map(|entry| entry.mark.clone());
        }
        machine
    }

    pub(crate) fn floor(&self) -> Option<Bytes> {
        self.held.lock().floor.clone()
    }

    /// A state that knows nothing but where it once was.
    pub(crate) fn forgotten(log: GroupLog, floor: Option<Bytes>) -> Self {
        Self { held: Arc::new(Mutex::new(Held { floor, ..Held::default() })), log }
    }

    /// The same machine, for groups that start from now on: what nobody waits for may wait so long.
    pub(crate) fn that_may_wait(self, may_wait: Duration) -> Self {
        self.held.lock().may_wait = may_wait;
        self
    }

    /// How many pictures were installed since the last start from what was durable.
    pub(crate) fn installs(&self) -> usize {
        self.held.lock().installs
    }

    /// How many pictures were taken of it.
    pub(crate) fn pictures(&self) -> usize {
        self.held.lock().pictures
    }

    /// How many entries each call had.
    pub(crate) fn calls(&self) -> Vec<usize> {
        self.held.lock().calls.clone()
    }

    /// The index of the first entry that was offered since the last [`Recorder::forget_first_offered`].
    pub(crate) fn first_offered(&self) -> u64 {
        self.held.lock().first
    }

    pub(crate) fn forget_first_offered(&self) {
        self.held.lock().first = 0;
    }

    fn take(&self, entries: Vec<Committed>) -> Result<Vec<Bytes>, MachineError> {
        let mut held = self.held.lock();
        if held.failing {
            return Err(MachineError::new("the test said so"));
        }
        held.calls.push(entries.len());
        let replies = entries.iter().map(|entry| reply(entry.index)).collect();
        for entry in entries {
            let next = held.entries.last().map_or(1, |last| last.index + 1);
            assert_eq!(entry.index, next, "entries come in order and once");
            assert!(entry.index <= self.log.durable(), "entry {} is not durable", entry.index);
            if held.first == 0 {
                held.first = entry.index;
            }
            held.entries.push(entry);
        }
        Ok(replies)
    }
}

/// What a [`Recorder`] answers to the entry at `index`.
pub(crate) fn reply(index: u64) -> Bytes {
    Bytes::from(format!("applied {index}"))
}

impl Machine for Recorder {
    fn recover(&self) -> BoxFuture<'_, Result<Recovered, MachineError>> {
        let held = self.held.lock();
        let mark = |entry: Option<&Committed>| entry.map(|entry| entry.mark.clone());
        let checkpoint = held.checkpoint.checked_sub(1).and_then(|last| held.entries.get(last));
        let recovered = Recovered {
            applied: mark(held.entries.last()),
            checkpoint: mark(checkpoint),
            installed: held.installed.clone(),
            floor: held.floor.clone(),
        };
        std::future::ready(Ok(recovered)).boxed()
    }

    fn apply(&self, entries: Vec<Committed>) -> BoxFuture<'_, Result<Vec<Bytes>, MachineError>> {
        std::future::ready(self.take(entries)).boxed()
    }

    fn may_wait(&self) -> Duration {
        self.held.lock().may_wait
    }

    fn picture(&self) -> BoxFuture<'_, Result<Arc<dyn Picture>, MachineError>> {
        self.held.lock().pictures += 1;
        let picture: Arc<dyn Picture> = Arc::new(Photo { entries: self.entries() });
        std::future::ready(Ok(picture)).boxed()
    }

    fn stage(&self, number: u64, piece: Bytes) -> BoxFuture<'_, Result<(), MachineError>> {
        let mut held = self.held.lock();
        held.staged.truncate(usize::try_from(number).expect("few"));
        assert_eq!(held.staged.len() as u64, number, "pieces come in order");
        held.staged.push(piece);
        std::future::ready(Ok(())).boxed()
    }

    fn install(&self, pieces: u64, mark: Bytes) -> BoxFuture<'_, Result<(), MachineError>> {
        let mut held = self.held.lock();
        assert_eq!(held.staged.len() as u64, pieces, "all pieces are there");
        held.entries = std::mem::take(&mut held.staged).into_iter().map(photo::read).collect();
        assert_eq!(held.entries.last().map(|entry| &entry.mark), Some(&mark), "the picture ends where it says");
        held.checkpoint = held.entries.len();
        held.installed = Some(mark);
        held.installs += 1;
        std::future::ready(Ok(())).boxed()
    }
}

/// A picture of a [`Recorder`]: a piece for each entry.
struct Photo {
    entries: Vec<Committed>,
}

impl Picture for Photo {
    fn mark(&self) -> Bytes {
        self.entries.last().expect("something was applied").mark.clone()
    }

    fn piece(&self, cursor: Bytes) -> BoxFuture<'_, Result<PictureOf, MachineError>> {
        let at = cursor.as_ref().try_into().map_or(0, u64::from_be_bytes);
        let entry = &self.entries[usize::try_from(at).expect("few")];
        let next = (at + 1 < self.entries.len() as u64).then(|| Bytes::copy_from_slice(&(at + 1).to_be_bytes()));
        std::future::ready(Ok(PictureOf { bytes: photo::write(entry), next })).boxed()
    }
}

/// An entry as bytes.
mod photo {
    use bytes::{Buf, BufMut, Bytes, BytesMut};

    use crate::{Committed, Payload};

    pub(super) fn write(entry: &Committed) -> Bytes {
        let mut out = BytesMut::new();
        out.put_u64(entry.index);
        out.put_u64(entry.term);
        out.put_u32(u32::try_from(entry.mark.len()).expect("short"));
        out.put_slice(&entry.mark);
        match &entry.payload {
            Payload::Blank => out.put_u8(0),
            Payload::Membership => out.put_u8(1),
            Payload::Batch(batch) => {
                out.put_u8(2);
                out.put_slice(batch);
            }
        }
        out.freeze()
    }

    pub(super) fn read(mut bytes: Bytes) -> Committed {
        let (index, term, size) = (bytes.get_u64(), bytes.get_u64(), bytes.get_u32());
        let mark = bytes.split_to(usize::try_from(size).expect("short"));
        let payload = match bytes.get_u8() {
            0 => Payload::Blank,
            1 => Payload::Membership,
            _ => Payload::Batch(bytes),
        };
        Committed { index, term, mark, payload }
    }
}

/// Opens the log with segments that are small enough to be simulated quickly.
pub(crate) fn open(disk: &SimDisk, lane: Lane) -> Wal {
    let options = Options { segment_bytes: 256 << 10, small_segment_bytes: 64 << 10, ..Options::default() };
    let opened = Wal::open(Arc::new(disk.clone()), Path::new("/log"), options, lane);
    opened.expect("the log opens").0
}

pub(crate) fn config() -> GroupConfig {
    let node = NodeId(1);
    let founders = BTreeSet::from([node]);
    let (timing, transport) = (Timing::default(), Arc::new(Alone));
    let pulses = Pulses::new(Arc::<Alone>::clone(&transport), timing);
    GroupConfig { group: GROUP, node, seed: 42, timing, transport, founders, kept_bytes: KEPT_BYTES, pulses }
}

/// One group of a node, its log and its machine.
pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) wal: Wal,
    pub(crate) machine: Recorder,
    pub(crate) group: Group,
}

impl World {
    pub(crate) async fn start(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        let wal = open(&disk, Lane::inline());
        let machine = Recorder::new(wal.group(GROUP));
        Self::over(disk, wal, machine).await.expect("a fresh group starts")
    }

    /// Starts on an empty log with a state that ends with this entry.
    pub(crate) async fn restored(seed: u64, last: Committed) -> Self {
        let disk = SimDisk::new(seed);
        let wal = open(&disk, Lane::inline());
        let machine = Recorder::restored(wal.group(GROUP), last);
        Self::over(disk, wal, machine).await.expect("a restored group starts")
    }

    pub(crate) async fn over(disk: SimDisk, wal: Wal, machine: Recorder) -> Result<Self, StartError> {
        let log = wal.group(GROUP);
        let machine = machine.over(log.clone());
        let group = Group::start(&config(), log, Arc::new(machine.clone())).await?;
        Ok(Self { disk, wal, machine, group })
    }

    /// Stops everything in order and starts it again.
    pub(crate) async fn restart(self) -> Self {
        self.group.shutdown().await;
        self.wal.close();
        let wal = open(&self.disk, Lane::inline());
        Self::over(self.disk, wal, self.machine).await.expect("the group starts again")
    }

    /// The power goes: the disk and the machine keep only what they made durable.
    pub(crate) async fn crash(self) -> Self {
        self.disk.crash();
        self.machine.lose();
        self.group.shutdown().await;
        let wal = open(&self.disk, Lane::inline());
        Self::over(self.disk, wal, self.machine).await.expect("the group starts again")
    }

    /// Waits until this node leads and has applied all that was committed before.
    pub(crate) async fn lead(&self) {
        let mut leadership = self.group.leadership();
        leadership.wait_for(|known| known.mine).await.expect("the only voter is elected");
        let index = self.group.read_index().await.expect("the leader may read");
        self.group.wait_applied(index).await.expect("the group runs");
    }

    pub(crate) async fn propose(&self, batch: &str) -> Bytes {
        let proposed = self.group.propose(Bytes::copy_from_slice(batch.as_bytes()));
        proposed.await.expect("the proposal is applied")
    }
}
