//! History is deleted when nobody needs it any more, and not before, whichever of the runs that share it goes first.

use std::collections::BTreeMap;

use weft_engine::{
    Appended, EventId, RowChange, RunId, Transition,
    state::{Branch, Core},
};
use weft_protocol::api::history::{HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event::Attributes};
use weft_store::state::{MemoryStore, StateStore, Table, WriteBatch};

use super::*;

/// A store in which runs come and go.
struct Rows {
    store: Arc<MemoryStore>,
    key: WorkflowKey,
}

impl Rows {
    fn new() -> Self {
        let tables: Vec<_> = table::TABLES.iter().map(|&(id, name)| Table { id, name }).collect();
        let store = MemoryStore::new(&tables).expect("an empty store");
        Self { store: Arc::new(store), key: WorkflowKey { namespace: "ns".into(), workflow: "w".into() } }
    }

    fn reader(&self) -> Reader {
        Reader { store: self.store.clone() }
    }

    fn write(&self, ops: &Ops) {
        let mut batch = WriteBatch::new();
        for op in ops.iter() {
            match op.value {
                Some(value) => batch.put(op.table, Bytes::copy_from_slice(op.key), Bytes::copy_from_slice(value)),
                None => batch.delete(op.table, Bytes::copy_from_slice(op.key)),
            }
        }
        self.store.apply(batch).expect("a write");
    }

    fn commit(&self, rows: Vec<RowChange>, events: Vec<Appended>) {
        let transition = Transition { rows, events, ..Transition::default() };
        self.write(&weft_rows::encode(&self.key, &transition, &BTreeMap::new()).ops);
    }

    /// Adds a run with two batches of its own, on this branch.
    fn add(&self, branch: &Branch) {
        let run = branch.id.clone();
        let first = branch.own_from();
        let start = HistoryEvent {
            event_id: 1,
            attributes: Some(Attributes::WorkflowExecutionStartedEventAttributes(
                WorkflowExecutionStartedEventAttributes::default(),
            )),
            ..HistoryEvent::default()
        };
        let execution = weft_engine::rebuild(run.clone(), "".into(), [&start]).expect("a start");
        let core = Core { branch: branch.clone(), ..execution.core };
        let mut rows = vec![RowChange::PutExecution(Box::new(core))];
        rows.extend(references(branch).map(|(branch, by)| RowChange::PutReference { branch, by }));
        let events = [first, first.next()].map(|id| Appended {
            run: run.clone(),
            branch: run.clone(),
            first_event_id: id,
            events: vec![HistoryEvent { event_id: id.0, ..start.clone() }],
        });
        self.commit(rows, events.into());
    }

    fn remove(&self, branch: &Branch) {
        let mut rows: Vec<_> =
            references(branch).map(|(branch, by)| RowChange::RemoveReference { branch, by }).collect();
        let (run, branch) = (branch.id.clone(), branch.clone());
        rows.push(RowChange::RemoveExecution { run, branch, last_event_id: EventId(2) });
        self.commit(rows, Vec::new());
    }

    /// Deletes what may go, one row at a time, and says how many batches are left of each of these branches.
    fn sweep(&self, branches: [&Branch; 3]) -> [usize; 3] {
        while let Some((_, ops)) = self.reader().sweep(SlotRange::ALL, 1, &BTreeSet::new()).expect("readable") {
            self.write(&ops);
        }
        branches.map(|branch| self.batches(&branch.id))
    }

    fn batches(&self, branch: &RunId) -> usize {
        let range = KeyRange::prefix(rows::history::branch_prefix(&self.key, branch));
        self.store.scan(table::HISTORY, &range, Order::Ascending, 100).expect("readable").len()
    }

    fn is_empty(&self) -> bool {
        table::TABLES.iter().all(|(table, _)| {
            let all = KeyRange::prefix(Vec::new());
            self.store.scan(*table, &all, Order::Ascending, 1).expect("readable").is_empty()
        })
    }
}

fn references(branch: &Branch) -> impl Iterator<Item = (RunId, RunId)> {
    branch.ancestors.iter().map(|ancestor| (ancestor.branch.clone(), branch.id.clone()))
}

/// `b` begins with a part of `a`, `c` with a part of both.
fn family() -> [Branch; 3] {
    let a = Branch::root("a".into());
    let b = a.divide(EventId(2), "b".into());
    let c = b.divide(EventId(3), "c".into());
    [a, b, c]
}

#[test]
fn shared_history_goes_with_the_last_run_that_has_it() {
    for (order, left) in [
        ([0, 1, 2], [[2, 2, 2], [2, 2, 2], [0, 0, 0]]),
        ([2, 1, 0], [[2, 2, 0], [2, 0, 0], [0, 0, 0]]),
        ([1, 0, 2], [[2, 2, 2], [2, 2, 2], [0, 0, 0]]),
        ([0, 2, 1], [[2, 2, 2], [2, 2, 0], [0, 0, 0]]),
    ] {
        let rows = Rows::new();
        let branches = family();
        branches.iter().for_each(|branch| rows.add(branch));
        let [a, b, c] = &branches;
        for (gone, left) in order.into_iter().zip(left) {
            rows.remove(&branches[gone]);
            assert_eq!(rows.sweep([a, b, c]), left, "{order:?}");
        }
        assert!(rows.is_empty(), "{order:?}");
    }
}

#[test]
fn runs_that_go_together_leave_nothing() {
    let rows = Rows::new();
    let branches = family();
    branches.iter().for_each(|branch| rows.add(branch));
    branches.iter().for_each(|branch| rows.remove(branch));
    let [a, b, c] = &branches;
    assert_eq!(rows.sweep([a, b, c]), [0, 0, 0]);
    assert!(rows.is_empty());
}

/// A copy of two events that no run has taken yet.
fn stage(rows: &Rows, branch: &Branch) {
    let mut ops = Ops::default();
    rows::garbage::put(&mut ops, &rows.key, &branch.id);
    let events = [Bytes::from_static(b"1"), Bytes::from_static(b"2")];
    for (id, event) in (1..).zip(events) {
        rows::history::copy(&mut ops, &rows.key, &branch.id, ([0; 32], EventId(id)), &[event]);
    }
    rows.write(&ops);
}

#[test]
fn a_staged_history_is_spared_and_goes_when_nobody_takes_it() {
    let rows = Rows::new();
    let [a, b, c] = family();
    stage(&rows, &a);
    rows.add(&Branch::root(b.id.clone()));
    rows.remove(&Branch::root(b.id.clone()));
    let spared = BTreeSet::from([a.id.clone()]);
    while let Some((branch, ops)) = rows.reader().sweep(SlotRange::ALL, 1, &spared).expect("readable") {
        assert_eq!(branch, b.id, "what comes after the spared one is swept");
        rows.write(&ops);
    }
    assert_eq!([&a, &b].map(|branch| rows.batches(&branch.id)), [2, 0]);
    assert_eq!(rows.sweep([&a, &b, &c]), [0, 0, 0]);
    assert!(rows.is_empty());
}

#[test]
fn a_staged_history_that_a_run_takes_stays() {
    let rows = Rows::new();
    let [a, b, c] = family();
    stage(&rows, &a);
    rows.commit(vec![RowChange::KeepBranch(a.id.clone())], Vec::new());
    assert_eq!(rows.sweep([&a, &b, &c]), [2, 0, 0]);
}

#[test]
fn a_run_on_a_divided_branch_is_read_from_all_its_parts() {
    let rows = Rows::new();
    let [a, b, c] = family();
    [&a, &b, &c].into_iter().for_each(|branch| rows.add(branch));
    let run = rows.reader().execution(&rows.key, &c.id).expect("readable").expect("it is there");
    assert_eq!(run.core.branch, c);
    let events = c.parts(EventId(1), EventId(5)).into_iter().flat_map(|part| {
        let read = rows.reader().events(&rows.key, &part.branch, part.from, part.to).expect("readable");
        read.into_iter().map(move |_| part.branch.to_string()).collect::<Vec<_>>()
    });
    assert_eq!(events.collect::<Vec<_>>(), ["a", "b", "c", "c"]);
}
