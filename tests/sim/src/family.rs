//! The oracle of what goes between workflows: children and signals to others.
//!
//! Invariants it checks, over all runs that are stored: no message did its work twice, at any time; once nothing is under
//! way, what a sender was told of is in its target's history exactly once and what it was told had failed is not, every
//! child run is one that its parent knows of or that was ended before it ran, and no message and no receipt is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use weft_engine::{EventId, RunId, WorkflowKey, state::Branch};
use weft_protocol::api::history::{HistoryEvent, history_event::Attributes as Event};
use weft_rows::{load, table};
use weft_store::state::{KeyRange, Order};

use crate::{audit, fan, scene::Scene};

/// What an event of some run asked of another workflow id: the run, and the event's number.
type Asked = (String, i64);

/// Every run's history, by the run.
type Histories = BTreeMap<String, History>;

struct History {
    branch: Branch,
    /// Up to here it is a copy of another workflow's, and so is what is asked for there.
    copied: i64,
    events: Vec<Arc<HistoryEvent>>,
}

impl History {
    /// Who asked for what this event of the run asks for: an earlier run, if the event is shared.
    fn asked(&self, event: i64) -> Asked {
        (self.branch.author(EventId(event)).to_string(), event)
    }
}

/// Runs that go on from each other: what was done to one of them is taken along to the next, and was done once.
type Line = String;

#[derive(Default)]
struct Told {
    signaled: BTreeSet<Asked>,
    failed: BTreeSet<Asked>,
    children: BTreeMap<Asked, String>,
    /// How often it was done where it was asked for, by the run that shows it.
    shown: BTreeMap<(Asked, Line), BTreeMap<String, u64>>,
    /// Runs of children, with what asked for them.
    runs: BTreeMap<String, Asked>,
}

/// Looks at all runs there are.
pub(crate) async fn everything(scene: &Scene, is_over: bool) {
    let histories = read(scene).await;
    let told = Told::of(&histories);
    for (asked, count) in told.done() {
        if count > 1 {
            scene.ledger.violate(format!("what {asked:?} asked for was done {count} times"));
        }
    }
    if is_over {
        quiet(scene, &told, &histories);
        scene.ledger.cover(|counts| {
            counts.children += told.children.len() as u64;
            let of_children = |(from, _): &&Asked| told.runs.contains_key(from);
            counts.grandchildren += told.runs.values().filter(of_children).count() as u64;
            let fans = |history: &History| fan::count(history.events.iter().map(|event| &**event));
            counts.timer_fans += histories.values().map(fans).sum::<u64>();
            counts.told += told.signaled.len() as u64;
            let parts = |history: &&History| !history.branch.ancestors.is_empty();
            counts.resets += histories.values().filter(parts).count() as u64;
            let is_gone = |history: &&History| {
                history.branch.ancestors.iter().any(|part| !histories.contains_key(part.branch.as_str()))
            };
            counts.shared_deletes += histories.values().filter(is_gone).count() as u64;
        });
    }
}

/// Nothing is under way any more.
fn quiet(scene: &Scene, told: &Told, histories: &Histories) {
    let counts = told.done();
    let done = |asked: &Asked| counts.get(asked).copied().unwrap_or(0);
    for asked in &told.signaled {
        if done(asked) != 1 {
            scene.ledger.violate(format!("{asked:?} was told that its signal arrived; it did {} times", done(asked)));
        }
    }
    for asked in &told.failed {
        if done(asked) != 0 {
            scene.ledger.violate(format!("{asked:?} was told that its signal failed; it arrived"));
        }
    }
    for (asked, run) in &told.children {
        if done(asked) != 1 || told.runs.get(run) != Some(asked) {
            scene.ledger.violate(format!("{asked:?} was told that {run} started; it did {} times", done(asked)));
        }
    }
    for (run, asked) in &told.runs {
        // Whoever was told of it may have been deleted.
        let is_known = told.children.get(asked) == Some(run) || !histories.contains_key(&asked.0);
        if !is_known && !never_ran(run, histories) {
            scene.ledger.violate(format!("child run {run} ran, and {asked:?} was never told of it"));
        }
    }
    for rows in [table::OUTBOX, table::RECEIPT] {
        match scene.node.store().scan(rows, &KeyRange::all(), Order::Ascending, 1) {
            Ok(left) if left.is_empty() => {}
            Ok(_) => scene.ledger.violate(format!("rows are left in the {}", table::name(rows))),
            Err(error) => scene.ledger.violate(format!("rows cannot be read: {error}")),
        }
    }
}

fn never_ran(run: &str, histories: &Histories) -> bool {
    histories.get(run).is_some_and(|history| {
        !history
            .events
            .iter()
            .any(|event| matches!(event.attributes, Some(Event::WorkflowTaskStartedEventAttributes(_))))
    })
}

impl Told {
    fn of(histories: &Histories) -> Self {
        let mut told = Self::default();
        for (run, history) in histories {
            // Events that wait have no number yet.
            let own = |event: &&Arc<HistoryEvent>| event.event_id > history.copied || event.event_id <= 0;
            for event in history.events.iter().filter(own) {
                told.add(histories, run, event);
            }
        }
        told
    }

    /// How often each was done, in all lines of runs together.
    fn done(&self) -> BTreeMap<Asked, u64> {
        let mut done = BTreeMap::new();
        for ((asked, _), runs) in &self.shown {
            *done.entry(asked.clone()).or_default() += runs.values().max().copied().unwrap_or(0);
        }
        done
    }

    fn show(&mut self, histories: &Histories, run: &str, asked: Asked) {
        let line = histories.get(run).map_or_else(|| run.to_owned(), |history| history.branch.trunk().to_string());
        *self.shown.entry((asked, line)).or_default().entry(run.to_owned()).or_default() += 1;
    }

    fn add(&mut self, histories: &Histories, run: &str, event: &HistoryEvent) {
        let asked_by = |run: &str, initiated: i64| {
            histories.get(run).map_or_else(|| (run.to_owned(), initiated), |history| history.asked(initiated))
        };
        let asked = |initiated: i64| asked_by(run, initiated);
        match &event.attributes {
            Some(Event::ExternalWorkflowExecutionSignaledEventAttributes(it)) => {
                self.signaled.insert(asked(it.initiated_event_id));
            }
            Some(Event::SignalExternalWorkflowExecutionFailedEventAttributes(it)) => {
                self.failed.insert(asked(it.initiated_event_id));
            }
            Some(Event::ChildWorkflowExecutionStartedEventAttributes(it)) => {
                let child = it.workflow_execution.as_ref().map(|it| it.run_id.clone()).unwrap_or_default();
                self.children.insert(asked(it.initiated_event_id), child);
            }
            Some(Event::WorkflowExecutionSignaledEventAttributes(it)) => {
                // The request id of a message names the event that asked for it, and stays when a reset takes it along.
                if let [from, number, _] = it.request_id.split(':').collect::<Vec<_>>()[..]
                    && let Ok(number) = number.parse()
                {
                    self.show(histories, run, asked_by(from, number));
                }
            }
            Some(Event::WorkflowExecutionStartedEventAttributes(it)) => {
                if let Some(parent) = &it.parent_workflow_execution {
                    let asked = asked_by(&parent.run_id, it.parent_initiated_event_id);
                    self.show(histories, run, asked.clone());
                    self.runs.insert(run.to_owned(), asked);
                }
            }
            _ => {}
        }
    }
}

async fn read(scene: &Scene) -> Histories {
    let mut histories = Histories::new();
    for (key, run) in runs(scene) {
        let Some(Ok(view)) = scene.look(&key, &run).await else { continue };
        audit::chained(scene, &key, &view).await;
        let core = &view.execution.core;
        let copied = core.forked_from.as_ref().map_or(0, |origin| origin.event_id.0);
        let Some(mut events) = scene.events(&key, &run, &core.branch, core.next_event_id).await else { continue };
        // What waits for a worker's answer has happened.
        events.extend(view.execution.buffered.values().cloned().map(Arc::new));
        histories.insert(run.to_string(), History { branch: core.branch.clone(), copied, events });
    }
    histories
}

/// Every run that is stored.
pub(crate) fn runs(scene: &Scene) -> Vec<(WorkflowKey, RunId)> {
    let rows = match scene.node.store().scan(table::EXECUTION, &KeyRange::all(), Order::Ascending, usize::MAX) {
        Ok(rows) => rows,
        Err(error) => {
            scene.ledger.violate(format!("the executions cannot be read: {error}"));
            return Vec::new();
        }
    };
    let decoded = rows.iter().map(|(key, _)| load::decode_execution_key(key));
    match decoded.collect::<Result<Vec<_>, _>>() {
        Ok(runs) => runs,
        Err(corrupt) => {
            scene.ledger.violate(format!("an execution's key: {corrupt}"));
            Vec::new()
        }
    }
}

/// Until all is closed and nothing is under way between workflows.
pub(crate) async fn quiesced(scene: &Scene) {
    loop {
        let mut is_open = false;
        for (key, run) in runs(scene) {
            is_open |= scene.look(&key, &run).await.is_none_or(|view| view.is_ok_and(|view| view.execution.is_open()));
        }
        let rows = |rows| scene.node.store().scan(rows, &KeyRange::all(), Order::Ascending, 1);
        let is_empty = |table| rows(table).is_ok_and(|left| left.is_empty());
        if !is_open && is_empty(table::OUTBOX) && is_empty(table::RECEIPT) {
            return;
        }
        scene.sleep_ms(150).await;
    }
}
