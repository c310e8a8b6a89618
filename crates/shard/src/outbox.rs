//! Messages on their way to other workflow ids: which goes next, which waits, and until when.
//!
//! Invariants (rule 16): from one workflow id to another one message is under way at a time, in order; it stays at the
//! head until its row is gone, and is delivered again until it is answered. Once it is, it is not delivered again unless the
//! answer comes to nothing: "not found" leaves no receipt, so another delivery could find what its sender was told is not
//! there. What is held is bounded: while more is there than may be held, nothing new is taken (that would change the order),
//! and the rows are read again once there is room.
//!
//! What this file does not do: read rows, deliver, or decide what a reply means.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use weft_engine::{Message, MessageId, WorkflowKey};

use crate::limits::Limits;

/// The way from a sender to a target.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Lane {
    pub(crate) sender: WorkflowKey,
    pub(crate) target: WorkflowKey,
}

/// A message that is to be delivered now.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) lane: Lane,
    pub(crate) id: MessageId,
    pub(crate) message: Arc<Message>,
}

/// A message as its row has it.
pub(crate) type Posted = (WorkflowKey, MessageId, Message);

/// What was read of the outbox, and where to go on if there is more.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) messages: Vec<Posted>,
    pub(crate) next: Option<Vec<u8>>,
}

pub(crate) struct Outbox {
    lanes: BTreeMap<Lane, Queue>,
    ready: VecDeque<Lane>,
    waiting: BTreeSet<(Duration, Lane)>,
    under_way: usize,
    held: usize,
    reading: Reading,
    held_max: usize,
    under_way_max: usize,
    retry: Duration,
    retry_max: Duration,
}

struct Queue {
    messages: BTreeMap<MessageId, Arc<Message>>,
    state: State,
    /// Deliveries of the head so far.
    tries: u32,
}

enum State {
    Ready,
    UnderWay,
    /// What was said to the head is being recorded.
    Answered,
    Waiting(Duration),
}

/// How far the rows are known.
enum Reading {
    /// All of them are held.
    Done,
    /// Some are not: they are read from here on when there is room.
    Behind { from: Option<Vec<u8>>, missed: bool },
    /// A page is being read; what is settled meanwhile must not be taken from it.
    Page { settled: BTreeSet<(WorkflowKey, MessageId)>, missed: bool },
}

impl Outbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            lanes: BTreeMap::new(),
            ready: VecDeque::new(),
            waiting: BTreeSet::new(),
            under_way: 0,
            held: 0,
            reading: Reading::Done,
            held_max: limits.outbox_held,
            under_way_max: limits.outbox_under_way,
            retry: limits.outbox_retry,
            retry_max: limits.outbox_retry_max,
        }
    }

    /// A message was put in the outbox.
    pub(crate) fn post(&mut self, sender: WorkflowKey, id: MessageId, message: Arc<Message>) {
        match &mut self.reading {
            Reading::Done if self.held < self.held_max => self.hold(sender, id, message),
            Reading::Done => self.reading = Reading::Behind { from: None, missed: false },
            Reading::Behind { missed, .. } | Reading::Page { missed, .. } => *missed = true,
        }
    }

    fn hold(&mut self, sender: WorkflowKey, id: MessageId, message: Arc<Message>) {
        let lane = Lane { sender, target: message.target.clone() };
        let queue = self.lanes.entry(lane.clone()).or_insert_with(|| {
            self.ready.push_back(lane);
            Queue { messages: BTreeMap::new(), state: State::Ready, tries: 0 }
        });
        if queue.messages.insert(id, message).is_none() {
            self.held += 1;
        }
    }

    /// Every message has arrived, and all rows are known.
    pub(crate) fn is_empty(&self) -> bool {
        self.held == 0 && self.under_way == 0 && matches!(self.reading, Reading::Done)
    }

    /// The next message to be delivered, if more may be under way.
    pub(crate) fn next(&mut self) -> Option<Outgoing> {
        while self.under_way < self.under_way_max {
            let lane = self.ready.pop_front()?;
            let Some(queue) = self.lanes.get_mut(&lane) else { continue };
            let Some((id, message)) = queue.messages.first_key_value() else { continue };
            let outgoing = Outgoing { lane, id: id.clone(), message: Arc::clone(message) };
            queue.state = State::UnderWay;
            queue.tries += 1;
            self.under_way += 1;
            return Some(outgoing);
        }
        None
    }

    /// A delivery has ended, and it is not known what became of it: if its row is still there it is tried again after a while.
    pub(crate) fn returned(&mut self, lane: &Lane, id: &MessageId, now: Duration) {
        self.answered(lane, id);
        self.unrecorded(lane, id, now);
    }

    /// A delivery has ended with an answer, which is being recorded: the row goes with it.
    pub(crate) fn answered(&mut self, lane: &Lane, id: &MessageId) {
        self.under_way -= 1;
        let Some(queue) = self.lanes.get_mut(lane) else { return };
        if queue.messages.contains_key(id) {
            queue.state = State::Answered;
        } else {
            self.go_on(lane);
        }
    }

    /// The answer to a message came to nothing: if its row is still there it is delivered again after a while.
    pub(crate) fn unrecorded(&mut self, lane: &Lane, id: &MessageId, now: Duration) {
        let Some(queue) = self.lanes.get_mut(lane) else { return };
        if matches!(queue.state, State::Answered) && queue.messages.contains_key(id) {
            let doublings = queue.tries.saturating_sub(1).min(16);
            let at = now + self.retry.saturating_mul(1 << doublings).min(self.retry_max);
            queue.state = State::Waiting(at);
            self.waiting.insert((at, lane.clone()));
        }
    }

    /// The row of a message is gone.
    pub(crate) fn settled(&mut self, sender: &WorkflowKey, id: &MessageId) {
        if let Reading::Page { settled, .. } = &mut self.reading {
            settled.insert((sender.clone(), id.clone()));
        }
        let Some(lane) = self.lane_of(sender, id) else { return };
        let Some(queue) = self.lanes.get_mut(&lane) else { return };
        let was_head = queue.messages.first_key_value().is_some_and(|(head, _)| head == id);
        queue.messages.remove(id);
        self.held -= 1;
        if !was_head {
            return;
        }
        queue.tries = 0;
        match &queue.state {
            // It goes on when the delivery returns.
            State::UnderWay => {}
            State::Ready => self.drop_if_empty(&lane),
            State::Answered => self.go_on(&lane),
            State::Waiting(at) => {
                let at = *at;
                self.waiting.remove(&(at, lane.clone()));
                self.go_on(&lane);
            }
        }
    }

    fn lane_of(&self, sender: &WorkflowKey, id: &MessageId) -> Option<Lane> {
        let first = WorkflowKey { namespace: "".into(), workflow: "".into() };
        let from = Lane { sender: sender.clone(), target: first };
        let of_sender = self.lanes.range(from..).take_while(|(lane, _)| lane.sender == *sender);
        of_sender.filter(|(_, queue)| queue.messages.contains_key(id)).map(|(lane, _)| lane.clone()).next()
    }

    /// The lane's head is done with.
    fn go_on(&mut self, lane: &Lane) {
        let Some(queue) = self.lanes.get_mut(lane) else { return };
        queue.state = State::Ready;
        queue.tries = 0;
        self.ready.push_back(lane.clone());
        self.drop_if_empty(lane);
    }

    fn drop_if_empty(&mut self, lane: &Lane) {
        if self.lanes.get(lane).is_some_and(|queue| queue.messages.is_empty()) {
            self.lanes.remove(lane);
            self.ready.retain(|ready| ready != lane);
        }
    }

    /// Those that waited long enough are tried again.
    pub(crate) fn wake(&mut self, now: Duration) {
        while let Some((at, _)) = self.waiting.first()
            && *at <= now
            && let Some((_, lane)) = self.waiting.pop_first()
        {
            if let Some(queue) = self.lanes.get_mut(&lane) {
                queue.state = State::Ready;
                self.ready.push_back(lane);
            }
        }
    }

    /// When the first of those that wait is tried again (monotonic).
    pub(crate) fn next_wake(&self) -> Option<Duration> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// From where rows are to be read now, if they are: `None` inside is from the beginning.
    pub(crate) fn read(&mut self) -> Option<Option<Vec<u8>>> {
        let Reading::Behind { from, missed } = &mut self.reading else { return None };
        if self.held > self.held_max / 2 {
            return None;
        }
        let (from, missed) = (from.take(), *missed);
        self.reading = Reading::Page { settled: BTreeSet::new(), missed };
        Some(from)
    }

    /// Reading failed: it is tried again when something is settled.
    pub(crate) fn unread(&mut self) {
        self.reading = Reading::Behind { from: None, missed: true };
    }

    /// Takes what was read.
    pub(crate) fn take(&mut self, page: Page) {
        let Page { messages, next } = page;
        let reading = std::mem::replace(&mut self.reading, Reading::Done);
        let (settled, missed) = match reading {
            Reading::Page { settled, missed } => (settled, missed),
            Reading::Done | Reading::Behind { .. } => (BTreeSet::new(), false),
        };
        for (sender, id, message) in messages {
            if !settled.contains(&(sender.clone(), id.clone())) {
                self.hold(sender, id, Arc::new(message));
            }
        }
        // What was missed on the way may stand before: then all is read once more.
        self.reading = match (next, missed) {
            (Some(next), missed) => Reading::Behind { from: Some(next), missed },
            (None, true) => Reading::Behind { from: None, missed: false },
            (None, false) => Reading::Done,
        };
    }
}

#[cfg(test)]
mod tests;
