//! The workflow ids that are in memory.
//!
//! Invariants (rule 11): a workflow leaves memory only when its last batch is applied and it holds nothing volatile;
//! memory is bounded by (estimated) bytes, closed ones first, then least recently used.

use std::collections::{BTreeMap, HashMap};

use weft_engine::{
    Execution, Workflow, WorkflowKey,
    state::{Aim, Job, schedule::Schedule},
};
use weft_protocol::prost::Message;

use crate::pipeline::GateNo;

/// What a run costs beyond its parts, roughly.
const RUN_BYTES: usize = 4096;
const ACTIVITY_BYTES: usize = 1024;
const TIMER_BYTES: usize = 160;
const ELSEWHERE_BYTES: usize = 256;
const REQUEST_ID_BYTES: usize = 96;
const UPDATE_BYTES: usize = 128;
const SCHEDULE_BYTES: usize = 2048;

pub(crate) struct Cache {
    map: HashMap<WorkflowKey, Cached>,
    /// In the order in which they go.
    order: BTreeMap<Turn, WorkflowKey>,
    clock: u64,
    bytes: usize,
    bytes_max: usize,
}

/// Whether a run is open, and the last use.
type Turn = (bool, u64);

pub(crate) struct Cached {
    pub(crate) workflow: Workflow,
    /// The gate under which its last change becomes certain.
    pub(crate) gate: GateNo,
    bytes: usize,
    turn: Turn,
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { map: HashMap::new(), order: BTreeMap::new(), clock: 0, bytes: 0, bytes_max }
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn get(&self, key: &WorkflowKey) -> Option<&Cached> {
        self.map.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &WorkflowKey) -> Option<&mut Cached> {
        self.map.get_mut(key)
    }

    pub(crate) fn insert(&mut self, workflow: Workflow) {
        let key = workflow.key.clone();
        self.map.insert(key.clone(), Cached { workflow, gate: 0, bytes: 0, turn: (false, 0) });
        self.used(&key);
    }

    pub(crate) fn remove(&mut self, key: &WorkflowKey) {
        if let Some(cached) = self.map.remove(key) {
            self.order.remove(&cached.turn);
            self.bytes -= cached.bytes;
        }
    }

    /// Notes a use, and what it weighs now.
    pub(crate) fn used(&mut self, key: &WorkflowKey) {
        let Some(cached) = self.map.get_mut(key) else { return };
        self.clock += 1;
        self.order.remove(&cached.turn);
        cached.turn = (cached.workflow.runs.values().any(Execution::is_open), self.clock);
        self.order.insert(cached.turn, key.clone());
        let job = cached.workflow.job.get(&()).and_then(Option::as_ref).map_or(0, weigh_job);
        let schedule = cached.workflow.schedule.get().map_or(0, weigh_schedule);
        let beside = job + schedule + RUN_BYTES / 4;
        let bytes = cached.workflow.runs.values().map(weigh).sum::<usize>() + beside;
        self.bytes = self.bytes - cached.bytes + bytes;
        cached.bytes = bytes;
    }

    /// Lets go, in order, until the bound holds or nothing more may go. `opened` is the last gate that
    /// has opened.
    pub(crate) fn shrink(&mut self, opened: GateNo) -> usize {
        let mut gone = 0;
        let mut kept = Vec::new();
        // Bounded work a call: what may not go now is passed over, a few at a time.
        while self.bytes > self.bytes_max && kept.len() < 64 {
            let Some((turn, key)) = self.order.pop_first() else { break };
            match self.map.get(&key) {
                Some(cached) if cached.may_go(opened) => {
                    self.bytes -= cached.bytes;
                    self.map.remove(&key);
                    gone += 1;
                }
                Some(_) => kept.push((turn, key)),
                None => {}
            }
        }
        self.order.extend(kept);
        gone
    }
}

impl Cached {
    fn may_go(&self, opened: GateNo) -> bool {
        self.gate <= opened && self.workflow.runs.values().all(|run| run.volatile.is_idle())
    }

    /// Closed runs need not stay once their end is applied.
    pub(crate) fn drop_closed(&mut self, opened: GateNo) {
        if self.gate <= opened && self.workflow.runs.len() > 1 {
            self.workflow.runs.retain(|_, run| run.is_open() || !run.volatile.is_idle());
        }
    }
}

fn weigh_job(job: &Job) -> usize {
    let aim = match &job.order.aim {
        Aim::Query(query) => query.len(),
        Aim::Executions(executions) => executions.len() * ELSEWHERE_BYTES,
    };
    RUN_BYTES + aim
}

fn weigh_schedule(schedule: &Schedule) -> usize {
    let Schedule { plan, progress } = schedule;
    SCHEDULE_BYTES
        + plan.action.as_ref().map_or(0, Message::encoded_len)
        + plan.spec.encoded_len()
        + (progress.buffer.len() + progress.actions.len()) * ELSEWHERE_BYTES
        + progress.last_result.as_ref().map_or(0, |result| result.encoded_len())
}

fn weigh(run: &Execution) -> usize {
    RUN_BYTES
        + run.core.start.attributes.encoded_len()
        + run.activities.len() * ACTIVITY_BYTES
        + run.timers.len() * TIMER_BYTES
        + (run.children.len() + run.external.len()) * ELSEWHERE_BYTES
        + run.signal_requests.len() * REQUEST_ID_BYTES
        + run.updates.len() * UPDATE_BYTES
        + run.volatile.admitted.values().map(|update| UPDATE_BYTES + update.request.encoded_len()).sum::<usize>()
        + run.buffered.values().map(Message::encoded_len).sum::<usize>()
}
