//! What workers were handed, and what they were told of their answers.
//!
//! Invariant: an attempt is written down when a worker has it, and an answer when it is acknowledged, before anybody acts
//! on either.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;

use super::laws::{Attempt, Handed, differs};

/// What workers know of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Worked {
    /// Hashes of the events that workers have been shown.
    pub(crate) seen: Vec<u64>,
    /// Workflow tasks whose completion was acknowledged, by the events that started them.
    pub(crate) tasks: BTreeSet<i64>,
    /// What was acknowledged as the result of an activity, by its id.
    pub(crate) results: BTreeMap<String, Vec<u8>>,
    /// What callers were told of the outcome of updates, by their ids.
    pub(crate) updates: BTreeMap<String, Vec<u8>>,
    /// Updates of which they were told that the workflow did not take them.
    pub(crate) rejected: BTreeSet<String>,
}

#[derive(Default)]
struct Inner {
    handed: Handed,
    runs: BTreeMap<String, Worked>,
    /// What was acknowledged to accounts.
    orders: BTreeMap<String, BTreeSet<String>>,
}

/// Shared by all workers.
#[derive(Default)]
pub(crate) struct Book(Mutex<Inner>);

impl Book {
    /// A worker has an attempt.
    ///
    /// # Errors
    /// Who had it before.
    pub(crate) fn handed(&self, attempt: &Attempt, to: &str) -> Result<(), String> {
        self.0.lock().handed.to(attempt, to)
    }

    /// A worker is shown the beginning of a history.
    ///
    /// # Errors
    /// The place of an event that was another one before.
    pub(crate) fn shown(&self, run: &str, hashes: &[u64]) -> Result<(), usize> {
        let mut inner = self.0.lock();
        let seen = &mut inner.runs.entry(run.to_owned()).or_default().seen;
        match differs(seen, hashes) {
            Some(place) => Err(place),
            None => {
                seen.extend(hashes.iter().skip(seen.len()).copied().collect::<Vec<_>>());
                Ok(())
            }
        }
    }

    /// The completion of a workflow task was acknowledged.
    pub(crate) fn completed(&self, run: &str, started: i64) {
        self.0.lock().runs.entry(run.to_owned()).or_default().tasks.insert(started);
    }

    /// The completion of an activity was acknowledged.
    ///
    /// # Errors
    /// When another result was acknowledged before.
    pub(crate) fn resulted(&self, run: &str, activity: &str, result: &[u8]) -> Result<(), String> {
        let mut inner = self.0.lock();
        let results = &mut inner.runs.entry(run.to_owned()).or_default().results;
        match results.insert(activity.to_owned(), result.to_owned()) {
            Some(before) if before != result => Err(format!("two results of {activity} of {run} were acknowledged")),
            Some(_) | None => Ok(()),
        }
    }

    /// A caller was told what became of an update.
    ///
    /// # Errors
    /// When another one was told something else.
    pub(crate) fn updated(&self, run: &str, id: &str, told: &[u8], is_rejected: bool) -> Result<(), String> {
        let mut inner = self.0.lock();
        let worked = inner.runs.entry(run.to_owned()).or_default();
        if is_rejected {
            worked.rejected.insert(id.to_owned());
            return Ok(());
        }
        match worked.updates.insert(id.to_owned(), told.to_owned()) {
            Some(before) if before != told => Err(format!("two outcomes of update {id} of {run} were told")),
            Some(_) | None => Ok(()),
        }
    }

    /// An account was told to pay, and that was acknowledged.
    pub(crate) fn ordered(&self, account: &str, order: &str) {
        self.0.lock().orders.entry(account.to_owned()).or_default().insert(order.to_owned());
    }

    pub(crate) fn orders_of(&self, account: &str) -> BTreeSet<String> {
        self.0.lock().orders.get(account).cloned().unwrap_or_default()
    }

    pub(crate) fn of(&self, run: &str) -> Worked {
        self.0.lock().runs.get(run).cloned().unwrap_or_default()
    }
}
