//! What workers were handed, and what they and the callers of updates were told.
//!
//! Invariant: an attempt is written down when a worker has it, and an answer when it is acknowledged, before anybody acts
//! on either.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use weft_protocol::api::update::outcome::Value;

use crate::laws::{Attempt, Handed};

/// What is known of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Worked {
    /// Workflow tasks whose completion was acknowledged, by the events that started them.
    pub(crate) tasks: BTreeSet<i64>,
    /// What was acknowledged as the result of an activity, by its id.
    pub(crate) results: BTreeMap<String, Vec<u8>>,
    /// What callers were told of the outcome of updates, by their ids.
    pub(crate) updates: BTreeMap<String, Value>,
}

#[derive(Default)]
struct Pages {
    handed: Handed,
    runs: BTreeMap<String, Worked>,
    /// What was acknowledged to accounts.
    orders: BTreeMap<String, BTreeSet<String>>,
    complaints: Vec<String>,
}

/// Shared by all workers and callers.
#[derive(Default)]
pub(crate) struct Book(Mutex<Pages>);

impl Book {
    /// A worker has an attempt, which nobody may have had before.
    pub(crate) fn handed(&self, attempt: &Attempt, to: &str) {
        let mut pages = self.0.lock();
        if let Err(twice) = pages.handed.to(attempt, to) {
            pages.complaints.push(twice);
        }
    }

    /// The completion of a workflow task was acknowledged.
    pub(crate) fn completed(&self, run: &str, started: i64) {
        self.0.lock().runs.entry(run.to_owned()).or_default().tasks.insert(started);
    }

    /// The completion of an activity was acknowledged.
    pub(crate) fn resulted(&self, run: &str, activity: &str, result: Vec<u8>) {
        let mut pages = self.0.lock();
        let results = &mut pages.runs.entry(run.to_owned()).or_default().results;
        if results.insert(activity.to_owned(), result).is_some() {
            pages.complaints.push(format!("two results of {activity} of {run} were acknowledged"));
        }
    }

    /// A caller was told what became of an update.
    pub(crate) fn updated(&self, run: &str, id: &str, told: Value) {
        self.0.lock().runs.entry(run.to_owned()).or_default().updates.insert(id.to_owned(), told);
    }

    /// An account was told to pay, and that was acknowledged.
    pub(crate) fn ordered(&self, account: &str, order: &str) {
        self.0.lock().orders.entry(account.to_owned()).or_default().insert(order.to_owned());
    }

    pub(crate) fn orders_of(&self, account: &str) -> BTreeSet<String> {
        self.0.lock().orders.get(account).cloned().unwrap_or_default()
    }

    /// Somebody had an answer that nobody should have had.
    pub(crate) fn complain(&self, complaint: String) {
        self.0.lock().complaints.push(complaint);
    }

    pub(crate) fn of(&self, run: &str) -> Worked {
        self.0.lock().runs.get(run).cloned().unwrap_or_default()
    }

    pub(crate) fn complaints(&self) -> Vec<String> {
        self.0.lock().complaints.clone()
    }

    /// How many attempts workers had, and how many of them were not the first of their task.
    pub(crate) fn attempts(&self) -> (usize, usize) {
        self.0.lock().handed.count()
    }
}
