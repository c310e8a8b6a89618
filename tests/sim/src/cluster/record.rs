//! What clients asked and were told, kept outside of the cluster.
//!
//! Invariant: a call is in here before a node hears of it, and its answer is before anybody acts on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use parking_lot::Mutex;

use super::{coverage::Coverage, history, laws};

/// What is known of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    pub(crate) workflow: String,
    /// Hashes of the events that somebody has been shown.
    pub(crate) seen: Vec<u64>,
    /// Signals that were acknowledged.
    pub(crate) signals: BTreeSet<String>,
    /// Signals that were refused the first time they were asked for: they left nothing.
    pub(crate) refused: BTreeSet<String>,
    pub(crate) is_terminated: bool,
    /// Milliseconds after its start, if it has a deadline.
    pub(crate) deadline_ms: Option<u64>,
}

/// What may have been started of a workflow id.
#[derive(Clone, Debug, Default)]
struct Starts {
    /// As many runs, at most.
    runs: u64,
    /// How often each start was asked for, beside the last time, by its request id.
    repeats: BTreeMap<String, u64>,
}

impl Starts {
    fn ask(&mut self, request: &str) {
        self.repeats.entry(request.to_owned()).and_modify(|repeats| *repeats += 1).or_insert(0);
    }

    /// The current run remembers who started it, as Temporal's does, and none that was before it: what others asked for, and
    /// was not answered, may have been on its way all the time and start one more.
    fn acknowledge(&mut self, request: &str) {
        for (other, repeats) in &mut self.repeats {
            if other != request {
                self.runs += std::mem::take(repeats);
            }
        }
    }
}

#[derive(Default)]
struct Inner {
    runs: BTreeMap<String, Run>,
    /// By workflow ids.
    starts: BTreeMap<String, Starts>,
    /// Runs that somebody has begun to delete: whoever still reads one may be told that it is not there.
    deleted: BTreeSet<String>,
    violations: Vec<String>,
    coverage: Coverage,
    digest: DefaultHasher,
    lines: Option<Vec<String>>,
    now: u64,
}

/// Shared by everybody outside of the nodes.
pub(crate) struct Record(Mutex<Inner>);

impl Record {
    pub(crate) fn new(is_traced: bool) -> Self {
        Self(Mutex::new(Inner { lines: is_traced.then(Vec::new), ..Inner::default() }))
    }

    pub(crate) fn is_now(&self, now: u64) {
        self.0.lock().now = now;
    }

    /// A line of the trace; all of them make the digest.
    pub(crate) fn note(&self, line: &str) {
        let mut inner = self.0.lock();
        let line = format!("{:>6} {line}", inner.now);
        line.hash(&mut inner.digest);
        if let Some(lines) = &mut inner.lines {
            lines.push(line);
        }
    }

    pub(crate) fn violate(&self, what: String) {
        self.note(&format!("VIOLATION {what}"));
        self.0.lock().violations.push(what);
    }

    pub(crate) fn first_violation(&self) -> Option<String> {
        self.0.lock().violations.first().cloned()
    }

    pub(crate) fn digest(&self) -> u64 {
        self.0.lock().digest.finish()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().lines.clone().unwrap_or_default()
    }

    pub(crate) fn cover(&self, count: impl FnOnce(&mut Coverage)) {
        count(&mut self.0.lock().coverage);
    }

    pub(crate) fn coverage(&self) -> Coverage {
        self.0.lock().coverage
    }

    /// A run is about to be deleted.
    pub(crate) fn deleting(&self, run: &str) {
        self.0.lock().deleted.insert(run.to_owned());
    }

    pub(crate) fn is_deleted(&self, run: &str) -> bool {
        self.0.lock().deleted.contains(run)
    }

    /// A start is about to be asked for.
    pub(crate) fn starting(&self, workflow: &str) {
        self.0.lock().starts.entry(workflow.to_owned()).or_default().runs += 1;
    }

    /// A start is asked for, or asked for again, under this request id.
    pub(crate) fn asking_to_start(&self, workflow: &str, request: &str) {
        self.0.lock().starts.entry(workflow.to_owned()).or_default().ask(request);
    }

    /// A start was refused the first time it was asked for.
    pub(crate) fn not_started(&self, workflow: &str) {
        self.0.lock().starts.entry(workflow.to_owned()).or_default().runs -= 1;
    }

    /// A start was acknowledged with this run. Says whether nobody else was.
    pub(crate) fn started(&self, workflow: &str, request: &str, run: &str, deadline_ms: Option<u64>) -> bool {
        let known = Run { workflow: workflow.to_owned(), deadline_ms, ..Run::default() };
        let mut inner = self.0.lock();
        inner.starts.entry(workflow.to_owned()).or_default().acknowledge(request);
        inner.runs.insert(run.to_owned(), known).is_none()
    }

    /// What may have been started of a workflow id: as many runs, at most.
    pub(crate) fn starts_of(&self, workflow: &str) -> u64 {
        self.0.lock().starts.get(workflow).map_or(0, |starts| starts.runs)
    }

    pub(crate) fn run(&self, run: &str) -> Option<Run> {
        self.0.lock().runs.get(run).cloned()
    }

    /// How many workflows have a run that a start was acknowledged with.
    pub(crate) fn workflows(&self) -> u64 {
        let inner = self.0.lock();
        inner.runs.values().map(|run| run.workflow.as_str()).collect::<BTreeSet<_>>().len() as u64
    }

    /// All runs that starts were acknowledged with.
    pub(crate) fn runs(&self) -> Vec<String> {
        self.0.lock().runs.keys().cloned().collect()
    }

    pub(crate) fn change(&self, run: &str, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.0.lock().runs.get_mut(run) {
            change(run);
        }
    }

    /// Somebody is shown a run's whole history; `before` is what was known of it when they asked.
    pub(crate) fn shown(&self, run: &str, before: &Run, shown: &history::Shown) {
        if let Err(wrong) = laws::judge(before, shown) {
            return self.violate(format!("{} {run}: {wrong}", before.workflow));
        }
        self.cover(|counts| counts.reads += 1);
        // Others may have been shown more meanwhile, or less: who is shown it next is shown all of it.
        let differing = {
            let mut inner = self.0.lock();
            let Some(known) = inner.runs.get_mut(run) else { return };
            let differing = laws::differs(&known.seen, &shown.hashes);
            if known.seen.len() < shown.hashes.len() {
                known.seen.clone_from(&shown.hashes);
            }
            differing
        };
        if let Some(place) = differing {
            self.violate(format!("{} {run}: event {place} was another one before", before.workflow));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_again_is_one_run_until_another_one_is_current() {
        let record = Record::new(false);
        record.starting("w");
        record.asking_to_start("w", "first");
        record.asking_to_start("w", "first");
        assert!(record.started("w", "first", "run 1", None));
        assert_eq!(record.starts_of("w"), 1, "the current run knows the request");
        record.starting("w");
        record.asking_to_start("w", "second");
        assert!(record.started("w", "second", "run 2", None));
        assert_eq!(record.starts_of("w"), 3, "what was not answered may come now");
    }
}
