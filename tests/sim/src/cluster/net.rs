//! The network between the simulated nodes: connections as queues of bytes with the moment at which each arrives.
//!
//! Invariants: what arrives, arrives in order and as it was sent, or the connection is gone, as with TCP; a cut holds bytes
//! back and loses none while the connection lives. Nothing here reads a clock: [`Net::advance`] says how late it is.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::mpsc,
};
use weft_env::SeededIds;
use weft_raft::Transport;
use weft_server::{Network, Pipe};

use super::{lies, pictures};
use crate::plant::Plant;

/// Bytes that may be under way in one direction of a connection.
const UNDER_WAY_MAX: usize = 1 << 20;
/// How many reads and writes of one poll may find something: whoever writes to itself must let others run.
const CHUNK_BYTES: usize = 64 << 10;

/// The number by which a node that knows nobody yet asks for somebody.
const ANY: u32 = 0;

type Shared<T> = Arc<Mutex<T>>;

/// One direction of one connection.
struct Wire {
    from: u32,
    to: u32,
    /// What is said here answers the one who made the connection.
    is_answers: bool,
    /// Of its own: what others send at the same time does not matter.
    dice: SeededIds,
    under_way: VecDeque<(u64, Vec<u8>)>,
    bytes_under_way: usize,
    arrived: VecDeque<u8>,
    /// When the news arrives that nothing more comes.
    end: Option<u64>,
    has_ended: bool,
    /// Nobody reads any more.
    is_deaf: bool,
    /// The connection is gone.
    is_broken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Wire {
    fn new(from: u32, to: u32, is_answers: bool, dice: SeededIds) -> Self {
        let (under_way, arrived) = (VecDeque::new(), VecDeque::new());
        let (has_ended, is_deaf, is_broken) = (false, false, false);
        let (end, reader, writer) = (None, None, None);
        Self {
            from,
            to,
            is_answers,
            dice,
            under_way,
            bytes_under_way: 0,
            arrived,
            end,
            has_ended,
            is_deaf,
            is_broken,
            reader,
            writer,
        }
    }

    fn advance(&mut self, now: u64) {
        while let Some((_, bytes)) = self.under_way.pop_front_if(|(due, _)| *due <= now) {
            self.bytes_under_way -= bytes.len();
            self.arrived.extend(bytes);
            self.wake();
        }
        if self.under_way.is_empty() && self.end.is_some_and(|end| end <= now) && !self.has_ended {
            self.has_ended = true;
            self.wake();
        }
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

/// One end of a connection.
struct End {
    incoming: Shared<Wire>,
    outgoing: Shared<Wire>,
    net: Net,
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.incoming.lock();
        if wire.is_broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let len = buffer.remaining().min(wire.arrived.len());
        if len == 0 && !wire.has_ended {
            wire.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let (front, back) = wire.arrived.as_slices();
        let from_front = len.min(front.len());
        buffer.put_slice(&front[..from_front]);
        buffer.put_slice(&back[..len - from_front]);
        wire.arrived.drain(..len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut wire = self.outgoing.lock();
        if wire.is_broken || wire.is_deaf || wire.end.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if wire.bytes_under_way >= UNDER_WAY_MAX {
            wire.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let bytes = &bytes[..bytes.len().min(CHUNK_BYTES)];
        let due = self.net.due(&wire);
        wire.bytes_under_way += bytes.len();
        wire.under_way.push_back((due, bytes.to_vec()));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}

impl End {
    /// Nothing more is sent.
    fn finish(&self) {
        let mut wire = self.outgoing.lock();
        if wire.end.is_none() {
            wire.end = Some(self.net.due(&wire));
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.finish();
        let mut wire = self.incoming.lock();
        wire.is_deaf = true;
        wire.wake();
    }
}

/// The network. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Net(Shared<Inner>);

struct Inner {
    now: u64,
    /// For the connections.
    dice: SeededIds,
    /// From whom nothing arrives at whom.
    cuts: BTreeSet<(u32, u32)>,
    /// Who gets no answers from whom: what opens one of these does not open the other.
    swallowed: BTreeSet<(u32, u32)>,
    delay_max_ms: u64,
    wires: Vec<Weak<Mutex<Wire>>>,
    listening: BTreeMap<u32, mpsc::UnboundedSender<Pipe>>,
    connections: u64,
    broken: u64,
    pictures: u64,
}

impl Net {
    pub(crate) fn new(dice: SeededIds) -> Self {
        let (wires, listening) = (Vec::new(), BTreeMap::new());
        let (cuts, swallowed) = (BTreeSet::new(), BTreeSet::new());
        let (connections, broken, pictures) = (0, 0, 0);
        let (now, delay_max_ms) = (0, 1);
        let inner = Inner { now, dice, cuts, swallowed, delay_max_ms, wires, listening, connections, broken, pictures };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// The network as a node has it.
    pub(crate) fn of(&self, node: u32, plant: Plant) -> Arc<dyn Network> {
        Arc::new(Plug { net: self.clone(), node, plant })
    }

    /// It is so late now: what is due arrives.
    pub(crate) fn advance(&self, now: u64) {
        let mut inner = self.0.lock();
        inner.now = now;
        inner.wires.retain(|wire| wire.strong_count() > 0);
        for wire in inner.wires.iter().filter_map(Weak::upgrade) {
            let mut wire = wire.lock();
            if !inner.is_held(&wire) {
                wire.advance(now);
            }
        }
    }

    /// From now on nothing from one node arrives at the other.
    pub(crate) fn cut(&self, from: u32, to: u32) {
        self.0.lock().cuts.insert((from, to));
    }

    /// From now on no answer of one node arrives at the other, until [`Net::break_between`]; what it asks does.
    pub(crate) fn swallow(&self, from: u32, to: u32) {
        self.0.lock().swallowed.insert((from, to));
    }

    /// All ways are open again; answers that are swallowed stay so.
    pub(crate) fn heal(&self) {
        let mut inner = self.0.lock();
        inner.cuts.clear();
        inner.delay_max_ms = 1;
    }

    /// Everything takes up to so long.
    pub(crate) fn slow_down(&self, delay_max_ms: u64) {
        self.0.lock().delay_max_ms = delay_max_ms.max(1);
    }

    /// All connections of a node break, and both ends hear of it.
    pub(crate) fn break_connections(&self, node: u32) {
        let mut inner = self.0.lock();
        let mut broken = 0;
        for wire in inner.wires.iter().filter_map(Weak::upgrade) {
            let mut wire = wire.lock();
            if (wire.from == node || wire.to == node) && !wire.is_broken {
                wire.is_broken = true;
                wire.wake();
                broken += 1;
            }
        }
        inner.broken += broken;
    }

    /// The connections between two nodes break, and both hear of it; the other one gets answers again. A way that is cut
    /// stays so.
    pub(crate) fn break_between(&self, one: u32, other: u32) {
        let mut inner = self.0.lock();
        for wire in inner.wires.iter().filter_map(Weak::upgrade) {
            let mut wire = wire.lock();
            if [(one, other), (other, one)].contains(&(wire.from, wire.to)) && !wire.is_broken {
                wire.is_broken = true;
                wire.wake();
            }
        }
        inner.swallowed.remove(&(one, other));
    }

    /// A node does not listen any more.
    pub(crate) fn unplug(&self, node: u32) {
        self.0.lock().listening.remove(&node);
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> u64 {
        self.0.lock().connections
    }

    /// How many directions of connections were broken.
    pub(crate) fn broken(&self) -> u64 {
        self.0.lock().broken
    }

    /// A replica has installed a picture.
    pub(crate) fn installed(&self) {
        self.0.lock().pictures += 1;
    }

    /// How many pictures were installed.
    pub(crate) fn pictures(&self) -> u64 {
        self.0.lock().pictures
    }

    /// When what is sent now arrives: not before what was sent earlier.
    fn due(&self, wire: &Wire) -> u64 {
        let inner = self.0.lock();
        let due = inner.now + 1 + wire.dice.below(inner.delay_max_ms);
        wire.under_way.back().map_or(due, |(last, _)| due.max(*last))
    }

    /// Both ends of a new connection; none while it cannot be made.
    fn connect(&self, from: u32, to: u32) -> Option<io::Result<Pipe>> {
        let mut inner = self.0.lock();
        let to = if to == ANY { inner.any(from)? } else { to };
        if inner.cuts.contains(&(from, to)) || inner.cuts.contains(&(to, from)) {
            return None;
        }
        let Some(listening) = inner.listening.get(&to) else {
            return Some(Err(io::ErrorKind::ConnectionRefused.into()));
        };
        let wire = |from, to, is_answers| Arc::new(Mutex::new(Wire::new(from, to, is_answers, inner.dice.fork())));
        let (there, back) = (wire(from, to, false), wire(to, from, true));
        let end = |incoming: &Arc<_>, outgoing: &Arc<_>| {
            Pipe::new(End { incoming: Arc::clone(incoming), outgoing: Arc::clone(outgoing), net: self.clone() })
        };
        let listening = listening.clone();
        inner.wires.extend([Arc::downgrade(&there), Arc::downgrade(&back)]);
        inner.connections += 1;
        // An end that is dropped asks the network when the other hears of it.
        drop(inner);
        let ours = end(&back, &there);
        let taken = listening.send(end(&there, &back));
        Some(taken.map(|()| ours).map_err(|_| io::ErrorKind::ConnectionRefused.into()))
    }
}

impl Inner {
    /// Nothing arrives on this wire now.
    fn is_held(&self, wire: &Wire) -> bool {
        let way = (wire.from, wire.to);
        self.cuts.contains(&way) || wire.is_answers && self.swallowed.contains(&way)
    }

    /// One that listens; none if nobody does.
    fn any(&self, from: u32) -> Option<u32> {
        let others: Vec<u32> = self.listening.keys().copied().filter(|node| *node != from).collect();
        let place = usize::try_from(self.dice.below(u64::try_from(others.len()).ok()?.max(1))).ok()?;
        others.get(place).copied()
    }
}

/// What a node is plugged into.
struct Plug {
    net: Net,
    node: u32,
    plant: Plant,
}

impl Network for Plug {
    fn connect(&self, node: u32) -> futures::future::BoxFuture<'static, io::Result<Pipe>> {
        match self.net.connect(self.node, node) {
            Some(connected) => Box::pin(std::future::ready(connected)),
            // Whoever connects gives up by itself.
            None => Box::pin(std::future::pending()),
        }
    }

    fn incoming(&self) -> futures::stream::BoxStream<'static, Pipe> {
        let (listening, incoming) = mpsc::unbounded_channel();
        self.net.0.lock().listening.insert(self.node, listening);
        Box::pin(futures::stream::unfold(incoming, |mut incoming| async move {
            let pipe = incoming.recv().await?;
            Some((pipe, incoming))
        }))
    }

    fn between(&self, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        pictures::counted(lies::between(self.plant, self.node, transport), self.net.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_swallowed_open_no_way_that_is_cut_and_no_healing_lets_them_through() {
        let net = Net::new(SeededIds::new(1));
        let is_held = |is_answers| net.0.lock().is_held(&Wire::new(1, 2, is_answers, SeededIds::new(2)));
        let held = || (is_held(false), is_held(true));
        net.cut(1, 2);
        net.swallow(1, 2);
        net.break_between(1, 2);
        assert_eq!(held(), (true, true), "it was cut before");
        net.swallow(1, 2);
        net.heal();
        assert_eq!(held(), (false, true), "answers are swallowed still");
        net.break_between(1, 2);
        assert_eq!(held(), (false, false));
    }
}
