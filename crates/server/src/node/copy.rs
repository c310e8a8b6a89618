//! Copying a history from one workflow id to another, piece by piece.
//!
//! Invariants: the bytes of events are copied, never encoded anew, but for the first event, which names the new id; the
//! chain of hashes is the copy's own. Only the pieces under way are in memory, and the state that the events give.

use std::sync::Arc;

use bytes::Bytes;
use weft_engine::{
    Answer, Copy, Copying, EventId, ForkOrigin, ForkWorkflow, Namespace, Request, RequestId, RunId, WorkflowKey,
    fork_point,
    state::{Branch, Hash},
};
use weft_protocol::{api::history::HistoryEvent, encode_canonical, prost::Message};
use weft_rows::{Ops, history};
use weft_shard::{Failure, StagedBranch};

use super::Node;

/// A piece is staged when it has so many bytes of events.
const PIECE_BYTES: usize = 512 << 10;
/// Events that are read at once; large ones must not fill the memory.
const READ_EVENTS: usize = 128;
/// How far back the end of a copy is looked for at first.
const WINDOW_EVENTS: i64 = 64;

/// A history that is to be copied.
pub(crate) struct Source {
    pub(crate) key: WorkflowKey,
    pub(crate) run: RunId,
    pub(crate) branch: Branch,
    pub(crate) next_event_id: EventId,
}

/// What is to be made of it.
pub(crate) struct Target {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) key: WorkflowKey,
    pub(crate) run: RunId,
    pub(crate) request: RequestId,
}

impl Source {
    /// The last event at or before `at` up to which this can be copied.
    pub(crate) async fn point(&self, node: &Node, at: EventId) -> Result<EventId, Failure> {
        let mut back = WINDOW_EVENTS;
        loop {
            let from = EventId(at.0.saturating_sub(back).max(1));
            let to = EventId(at.0 + 2).min(self.next_event_id);
            let window = self.read(node, from, to).await?;
            let window: Vec<_> = window.iter().map(decoded).collect::<Result<_, _>>()?;
            if let Some(point) = fork_point(&window, at) {
                return Ok(point);
            }
            if from == EventId::FIRST {
                return Err(Failure::Storage("a history that does not begin with a start".into()));
            }
            back = back.saturating_mul(4);
        }
    }

    /// Copies everything up to `point` and makes the run that goes on from there.
    pub(crate) async fn fork(&self, node: &Node, target: Target, point: EventId) -> Result<Answer, Failure> {
        let Target { namespace, key, run, request } = target;
        let origin = ForkOrigin { workflow: self.key.workflow.clone(), run: self.run.clone(), event_id: point };
        let last = self.read(node, point, point.next()).await?;
        let event_type = last.first().map(decoded).transpose()?.map(|event| event.event_type()).unwrap_or_default();
        let first = self.read(node, EventId::FIRST, EventId(2)).await?;
        let first = first.first().map(decoded).transpose()?.ok_or_else(no_start)?;
        let copy = Copy {
            namespace: namespace.name.as_ref(),
            workflow: &key.workflow,
            run: &run,
            request: &request,
            origin: &origin,
            event_type,
        };
        let (copying, first) = Copying::begin(&copy, first).ok_or_else(no_start)?;
        let staged = node.shard(&key).stage(key.clone(), run.clone());
        let mut pieces = Pieces {
            key: &key,
            run: &run,
            staged,
            copying,
            head: Hash::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            next: EventId::FIRST,
        };
        pieces.wait(encode_canonical(&first).into());
        self.copy_rest(node, &mut pieces, point).await?;
        let (staged, execution) = pieces.finish().await?;
        let fork = ForkWorkflow { request, origin, copy: Box::new(execution) };
        staged.take(namespace, Request::Fork(Box::new(fork))).await
    }

    async fn copy_rest(&self, node: &Node, pieces: &mut Pieces<'_>, point: EventId) -> Result<(), Failure> {
        let mut from = EventId(2);
        while from <= point {
            let to = EventId(from.0 + READ_EVENTS as i64).min(point.next());
            let events = self.read(node, from, to).await?;
            for bytes in events {
                pieces.add(&decoded(&bytes)?, bytes).await?;
            }
            from = to;
        }
        Ok(())
    }

    async fn read(&self, node: &Node, from: EventId, to: EventId) -> Result<Vec<Bytes>, Failure> {
        node.shard(&self.key).history().read(&self.key, &self.branch, from, to, usize::MAX).await
    }
}

/// A copy under way.
struct Pieces<'a> {
    key: &'a WorkflowKey,
    run: &'a RunId,
    staged: StagedBranch,
    copying: Copying,
    head: Hash,
    /// Events that are not staged yet, and the number of the first of them.
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    next: EventId,
}

impl Pieces<'_> {
    async fn add(&mut self, event: &HistoryEvent, bytes: Bytes) -> Result<(), Failure> {
        self.copying.push(event);
        self.wait(bytes);
        if self.waiting_bytes >= PIECE_BYTES {
            self.stage().await?;
        }
        Ok(())
    }

    fn wait(&mut self, bytes: Bytes) {
        self.waiting_bytes += bytes.len();
        self.waiting.push(bytes);
    }

    async fn stage(&mut self) -> Result<(), Failure> {
        let events = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let mut ops = Ops::default();
        self.head = history::copy(&mut ops, self.key, self.run, (self.head, self.next), &events);
        self.next = EventId(self.next.0 + events.len() as i64);
        self.staged.put(ops).await
    }

    async fn finish(mut self) -> Result<(StagedBranch, weft_engine::Execution), Failure> {
        if !self.waiting.is_empty() {
            self.stage().await?;
        }
        let mut execution = self.copying.finish();
        execution.core.head = self.head;
        Ok((self.staged, execution))
    }
}

fn decoded(bytes: &Bytes) -> Result<HistoryEvent, Failure> {
    HistoryEvent::decode(bytes.clone()).map_err(|error| Failure::Storage(error.to_string().into()))
}

fn no_start() -> Failure {
    Failure::Storage("a history that does not begin with a start".into())
}
