//! The oracle of what goes between workflows: children and signals to others.
//!
//! Invariants it checks, over all runs that are stored: no message did its work twice, at any time; once nothing is under
//! way, what a sender was told of is in its target's history exactly once and what it was told had failed is not, every
//! child run is one that its parent knows of or that was ended before it ran, and no message and no receipt is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use weft_engine::{RunId, WorkflowKey};
use weft_protocol::api::history::{HistoryEvent, history_event::Attributes as Event};
use weft_rows::{load, table};
use weft_store::state::{KeyRange, Order};

use crate::scene::Scene;

/// What an event of some run asked of another workflow id: the run, and the event's number.
type Asked = (String, i64);

/// Every run's history.
type Histories = BTreeMap<(String, String), Vec<Arc<HistoryEvent>>>;

#[derive(Default)]
struct Told {
    signaled: BTreeSet<Asked>,
    failed: BTreeSet<Asked>,
    children: BTreeMap<Asked, String>,
    /// How often it was done where it was asked for.
    done: BTreeMap<Asked, u64>,
    /// Runs of children, with what asked for them.
    runs: BTreeMap<String, Asked>,
}

/// Looks at all runs there are.
pub(crate) async fn everything(scene: &Scene, is_over: bool) {
    let histories = read(scene).await;
    let told = Told::of(&histories);
    for (asked, count) in &told.done {
        if *count > 1 {
            scene.ledger.violate(format!("what {asked:?} asked for was done {count} times"));
        }
    }
    if is_over {
        quiet(scene, &told, &histories);
        scene.ledger.cover(|counts| {
            counts.children += told.children.len() as u64;
            counts.told += told.signaled.len() as u64;
        });
    }
}

/// Nothing is under way any more.
fn quiet(scene: &Scene, told: &Told, histories: &Histories) {
    let done = |asked: &Asked| told.done.get(asked).copied().unwrap_or(0);
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
        let is_known = told.children.get(asked) == Some(run);
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
    let history = histories.iter().find(|((_, id), _)| id == run).map(|(_, events)| events);
    history.is_some_and(|events| {
        !events.iter().any(|event| matches!(event.attributes, Some(Event::WorkflowTaskStartedEventAttributes(_))))
    })
}

impl Told {
    fn of(histories: &Histories) -> Self {
        let mut told = Self::default();
        for ((_, run), events) in histories {
            for event in events {
                told.add(run, event);
            }
        }
        told
    }

    fn add(&mut self, run: &str, event: &HistoryEvent) {
        let asked = |initiated: i64| (run.to_owned(), initiated);
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
                // The request id of a message names the event that asked for it.
                if let (Some(from), Some((request, _))) =
                    (&it.external_workflow_execution, it.request_id.rsplit_once(':'))
                    && let Some((_, number)) = request.rsplit_once(':')
                {
                    let number = number.parse().unwrap_or_default();
                    *self.done.entry((from.run_id.clone(), number)).or_default() += 1;
                }
            }
            Some(Event::WorkflowExecutionStartedEventAttributes(it)) => {
                if let Some(parent) = &it.parent_workflow_execution {
                    let asked = (parent.run_id.clone(), it.parent_initiated_event_id);
                    *self.done.entry(asked.clone()).or_default() += 1;
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
        let core = &view.execution.core;
        let Some(mut events) = scene.events(&key, &run, &core.branch, core.next_event_id).await else { continue };
        // What waits for a worker's answer has happened.
        events.extend(view.execution.buffered.values().cloned().map(Arc::new));
        histories.insert((key.workflow.to_string(), run.to_string()), events);
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
