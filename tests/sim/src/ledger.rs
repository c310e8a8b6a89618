//! What was asked of the node and what it said, kept outside of it over all its lives.
//!
//! Invariant: a call is in here before the node hears of it, and its answer is before anybody acts on it.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use parking_lot::Mutex;
use weft_engine::{Request, RunId, WorkflowKey};
use weft_shard::ResetPlace;

use crate::coverage::Coverage;

/// Names one call: what is asked, in words. A repetition has the same name.
pub(crate) type CallName = String;

/// What is known of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) about: About,
    pub(crate) state: State,
    pub(crate) asked: u32,
}

/// What the call leaves in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Start {
        workflow: String,
    },
    Signal {
        run: RunId,
        name: String,
    },
    Cancel {
        run: RunId,
    },
    /// A run that goes on from a place in the history of another; none if there was none to be found.
    Reset {
        workflow: String,
        base: RunId,
        place: Option<ResetPlace>,
    },
    Delete {
        run: RunId,
    },
    /// A new workflow id with a copy of the base's history, at most up to this event.
    Fork {
        workflow: String,
        base: RunId,
        event: i64,
    },
    /// A batch job, which is in no history.
    Job,
    /// An update of this id; one that the workflow rejects leaves nothing.
    Update {
        run: RunId,
        id: String,
        rejected: bool,
    },
    Pause {
        run: RunId,
        request: String,
    },
    /// A pause of one activity, which is in no history; none if there was none to be found.
    PauseActivity {
        run: RunId,
        id: Option<String>,
        request: String,
    },
    /// The end of a pause that was asked for by that name; without a request id if it shows in no history.
    Unpause {
        run: RunId,
        request: String,
        ends: String,
    },
    /// A schedule, which is in no history.
    Schedule,
    /// The completion of the activity that this event scheduled, with this result.
    Activity {
        run: RunId,
        scheduled: i64,
        result: Vec<u8>,
    },
    /// The completion of the workflow task that this event scheduled.
    Task {
        run: RunId,
        scheduled: i64,
        attempt: u32,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Asked, and to be asked again.
    Open,
    /// Done, with the run that was answered if there was one.
    Acknowledged(Option<RunId>),
    /// Refused the first time it was asked: it left nothing.
    Refused,
    /// Refused after an answer was not heard: it may have left something.
    Uncertain,
}

impl State {
    pub(crate) fn is_settled(&self) -> bool {
        *self != Self::Open
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        matches!(self, Self::Acknowledged(_))
    }
}

/// Shared by everybody outside of the node.
pub(crate) struct Ledger {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    calls: BTreeMap<CallName, Call>,
    /// For each run, the hashes of the events that somebody has been shown.
    seen: BTreeMap<RunId, Vec<u64>>,
    /// What callers were told, each thing for ever.
    told: BTreeMap<String, Vec<u8>>,
    /// Answers of workers that were not acknowledged yet.
    pending: BTreeMap<CallName, (WorkflowKey, Request)>,
    violations: Vec<String>,
    coverage: Coverage,
    digest: DefaultHasher,
    lines: Option<Vec<String>>,
}

impl Inner {
    fn is_deleted(&self, run: &RunId) -> bool {
        self.calls.values().any(|call| matches!(&call.about, About::Delete { run: gone } if gone == run))
    }
}

impl Ledger {
    pub(crate) fn new(is_traced: bool) -> Self {
        let lines = is_traced.then(Vec::new);
        Self { inner: Mutex::new(Inner { lines, ..Inner::default() }) }
    }

    /// A line of the trace; all of them make the digest.
    pub(crate) fn note(&self, line: &str) {
        let mut inner = self.inner.lock();
        line.hash(&mut inner.digest);
        if let Some(lines) = &mut inner.lines {
            lines.push(line.to_owned());
        }
    }

    pub(crate) fn violate(&self, what: String) {
        self.note(&format!("VIOLATION {what}"));
        self.inner.lock().violations.push(what);
    }

    pub(crate) fn first_violation(&self) -> Option<String> {
        self.inner.lock().violations.first().cloned()
    }

    pub(crate) fn digest(&self) -> u64 {
        self.inner.lock().digest.finish()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.inner.lock().lines.clone().unwrap_or_default()
    }

    pub(crate) fn cover(&self, count: impl FnOnce(&mut Coverage)) {
        count(&mut self.inner.lock().coverage);
    }

    pub(crate) fn coverage(&self) -> Coverage {
        self.inner.lock().coverage
    }

    /// The call is about to be made.
    pub(crate) fn asking(&self, name: &str, about: &About) {
        let mut inner = self.inner.lock();
        let new = || Call { about: about.clone(), state: State::Open, asked: 0 };
        let call = inner.calls.entry(name.to_owned()).or_insert_with(new);
        call.asked += 1;
        let is_repeat = call.asked > 1;
        inner.coverage.repeats += u64::from(is_repeat);
    }

    /// The call was answered.
    pub(crate) fn acknowledged(&self, name: &str, run: Option<RunId>) {
        let mut inner = self.inner.lock();
        inner.coverage.acknowledged += 1;
        inner.pending.remove(name);
        if let Some(call) = inner.calls.get_mut(name) {
            call.state = State::Acknowledged(run);
        }
    }

    /// The call was refused.
    pub(crate) fn refused(&self, name: &str) {
        let mut inner = self.inner.lock();
        inner.pending.remove(name);
        if let Some(call) = inner.calls.get_mut(name) {
            call.state = if call.asked == 1 { State::Refused } else { State::Uncertain };
        }
    }

    pub(crate) fn state(&self, name: &str) -> Option<State> {
        self.inner.lock().calls.get(name).map(|call| call.state.clone())
    }

    /// What the call is about, if it was ever made.
    pub(crate) fn about(&self, name: &str) -> Option<About> {
        self.inner.lock().calls.get(name).map(|call| call.about.clone())
    }

    /// All calls, as they stand.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.inner.lock().calls.values().cloned().collect()
    }

    /// How many calls nobody knows the outcome of.
    pub(crate) fn open_calls(&self) -> u64 {
        self.inner.lock().calls.values().filter(|call| call.state == State::Open).count() as u64
    }

    /// The runs that starts and resets of this workflow id were answered with, but those that somebody asked to delete.
    pub(crate) fn runs_of(&self, workflow: &str) -> Vec<RunId> {
        let inner = self.inner.lock();
        let runs = inner.calls.values().filter_map(|call| match (&call.about, &call.state) {
            (
                About::Start { workflow: id } | About::Reset { workflow: id, .. } | About::Fork { workflow: id, .. },
                State::Acknowledged(Some(run)),
            ) if id == workflow => Some(run.clone()),
            _ => None,
        });
        runs.filter(|run| !inner.is_deleted(run)).collect()
    }

    /// Whether somebody asked to delete the run.
    pub(crate) fn is_deleted(&self, run: &RunId) -> bool {
        self.inner.lock().is_deleted(run)
    }

    /// A worker's answer, to be given until it is settled, by whichever incarnation of the node hears it.
    pub(crate) fn owe(&self, name: &str, key: &WorkflowKey, request: &Request) {
        self.inner.lock().pending.insert(name.to_owned(), (key.clone(), request.clone()));
    }

    pub(crate) fn owed(&self) -> Vec<(CallName, WorkflowKey, Request, About)> {
        let inner = self.inner.lock();
        let owed = inner.pending.iter().filter_map(|(name, (key, request))| {
            let about = inner.calls.get(name)?.about.clone();
            Some((name.clone(), key.clone(), request.clone(), about))
        });
        owed.collect()
    }

    /// Somebody is told something; says whether it is what everybody was told before.
    pub(crate) fn tell(&self, about: &str, what: &[u8]) -> bool {
        let mut inner = self.inner.lock();
        inner.told.entry(about.to_owned()).or_insert_with(|| what.to_owned()) == what
    }

    /// What was told of this, if anything.
    pub(crate) fn told(&self, about: &str) -> Option<Vec<u8>> {
        self.inner.lock().told.get(about).cloned()
    }

    /// How much of a run somebody has been shown.
    pub(crate) fn seen(&self, run: &RunId) -> usize {
        self.inner.lock().seen.get(run).map_or(0, Vec::len)
    }

    /// Of two runs, what was shown of these places is the same; what was not shown of either counts as such.
    pub(crate) fn shows_same(&self, one: &RunId, other: &RunId, places: std::ops::Range<usize>) -> bool {
        let inner = self.inner.lock();
        let (Some(one), Some(other)) = (inner.seen.get(one), inner.seen.get(other)) else { return true };
        let end = places.end.min(one.len()).min(other.len());
        places.start >= end || one[places.start..end] == other[places.start..end]
    }

    /// Somebody is shown these events (by their hashes), the first of them at place `from`.
    ///
    /// # Errors
    /// The place that was something else before.
    pub(crate) fn show(&self, run: &RunId, from: usize, events: &[u64]) -> Result<(), usize> {
        let mut inner = self.inner.lock();
        let seen = inner.seen.entry(run.clone()).or_default();
        for (place, event) in (from..).zip(events) {
            match seen.get(place) {
                Some(known) if known == event => {}
                Some(_) => return Err(place),
                None if place == seen.len() => seen.push(*event),
                // A gap: a worker was shown the tail of what nobody saw the beginning of.
                None => return Ok(()),
            }
        }
        Ok(())
    }
}
