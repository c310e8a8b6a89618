//! Reads of waiting tasks, against a plain list of them.

use std::sync::Arc;

use weft_engine::{EventId, Fairness, RowChange, TaskRow, TaskRowKind, Timestamp, Transition, Urgency, WorkflowKey};
use weft_protocol::api::common::Priority;
use weft_rows::{SlotRange, slot_of, table, task};
use weft_store::state::{MemoryStore, StateStore, Table, WriteBatch};

use super::*;

fn urgency(key: i32) -> Urgency {
    Urgency::of(Some(&Priority { priority_key: key, ..Priority::default() }))
}

fn row(queue: &str, kind: TaskRowKind, priority: i32, at: i64) -> TaskRow {
    TaskRow {
        kind,
        queue: queue.into(),
        urgency: urgency(priority),
        fairness: None,
        scheduled_at: Timestamp(at),
        run: "run".into(),
        scheduled_event_id: EventId(2),
        attempt: 1,
    }
}

fn workflow(number: usize) -> WorkflowKey {
    WorkflowKey { namespace: "n".into(), workflow: format!("w{number}").into() }
}

/// A store with these tasks, each of a workflow of its own, so that they fall into many slots.
fn reader(rows: &[TaskRow]) -> Reader {
    let tables: Vec<_> = table::TABLES.iter().map(|(id, name)| Table { id: *id, name }).collect();
    let store = Arc::new(MemoryStore::new(&tables).expect("the tables are different"));
    let mut batch = WriteBatch::new();
    for (number, row) in rows.iter().enumerate() {
        let key = workflow(number);
        let transition = Transition { rows: vec![RowChange::PutTask(row.clone())], ..Transition::default() };
        for op in weft_rows::encode(&key, &transition, &BTreeMap::new()).ops.iter() {
            assert_eq!(op.key, task::in_slot(slot_of(&key), &task::place(&key, row)));
            batch.put(op.table, op.key.to_vec(), op.value.expect("it is put").to_vec());
        }
    }
    store.apply(batch).expect("memory takes everything");
    Reader { store }
}

fn queue(name: &str) -> task::Queue {
    task::Queue { namespace: "n".into(), kind: TaskRowKind::Workflow, name: name.into() }
}

fn scenery() -> Vec<TaskRow> {
    let mut rows: Vec<TaskRow> =
        (0..60).map(|n| row("q", TaskRowKind::Workflow, [0, 1, 5, 3, 2][n % 5], 1000 - n as i64)).collect();
    rows.extend((0..60).map(|n| row("q", TaskRowKind::Activity, 1, n)));
    rows.extend((0..60).map(|n| row("other", TaskRowKind::Workflow, 1, n)));
    rows
}

fn expected(rows: &[TaskRow]) -> Vec<(Urgency, i64)> {
    let own = rows.iter().filter(|row| row.queue.as_str() == "q" && row.kind == TaskRowKind::Workflow);
    let mut expected: Vec<_> = own.map(|row| (row.urgency, row.scheduled_at.0)).collect();
    expected.sort();
    expected
}

fn shown(tasks: &[(WorkflowKey, TaskRef)]) -> Vec<(Urgency, i64)> {
    tasks
        .iter()
        .map(|(_, task)| match task {
            TaskRef::Workflow(offer) => (offer.urgency, offer.scheduled_at.0),
            TaskRef::Activity(offer) => panic!("{offer:?} is of another queue"),
        })
        .collect()
}

#[test]
fn tasks_come_most_urgent_and_then_oldest_first_whatever_their_slots() {
    let rows = scenery();
    let reader = reader(&rows);
    for limit in [0, 1, 7, 59, 60, 1000] {
        let found = reader.tasks_of_queue(SlotRange::ALL, &queue("q"), Lane::NONE, None, limit).expect("rows are read");
        let expected = expected(&rows);
        assert_eq!(shown(&found), expected[..limit.min(60)]);
    }
}

#[test]
fn a_read_goes_on_where_another_ended() {
    let rows = scenery();
    let reader = reader(&rows);
    let all = reader.tasks_of_queue(SlotRange::ALL, &queue("q"), Lane::NONE, None, 1000).expect("rows are read");
    for (at, (key, task)) in all.iter().enumerate() {
        let TaskRef::Workflow(offer) = task else { panic!("{task:?} is of another queue") };
        let place =
            task::place(key, &row("q", TaskRowKind::Workflow, offer.urgency.level().into(), offer.scheduled_at.0));
        let from = From { urgency: offer.urgency, place };
        let rest =
            reader.tasks_of_queue(SlotRange::ALL, &queue("q"), Lane::NONE, Some(&from), 1000).expect("rows are read");
        assert_eq!(shown(&rest), shown(&all[at..]));
    }
}

#[test]
fn what_waits_is_counted_by_urgency() {
    let waiting = reader(&scenery()).waiting(SlotRange::ALL, &queue("q")).expect("rows are read");
    let counts: Vec<_> = waiting.lines.iter().map(|(urgency, line)| (urgency.level(), line.count)).collect();
    // Priorities 0 and 3 are the same.
    assert_eq!(counts, [(1, 12), (2, 12), (3, 24), (5, 12)]);
    assert_eq!((waiting.count(), waiting.oldest()), (60, Some(Timestamp(941))));
    let nothing = reader(&scenery()).waiting(SlotRange::ALL, &queue("nobody")).expect("rows are read");
    assert_eq!((nothing.count(), nothing.oldest()), (0, None));
}

/// A few tasks of each of some fairness keys, beside those without one.
fn tenants() -> Vec<TaskRow> {
    let mut rows = scenery();
    for n in 0..90 {
        let fairness = Some(Fairness { key: format!("tenant-{}", n % 9).into(), weight: 1000 });
        rows.push(TaskRow { fairness, ..row("q", TaskRowKind::Workflow, [1, 5][n % 2], 2000 - n as i64) });
    }
    rows
}

#[test]
fn each_fairness_key_has_a_lane_that_is_read_by_itself() {
    let reader = reader(&tenants());
    let lanes = reader.lanes(SlotRange::ALL, &queue("q")).expect("rows are read");
    let expected = (0..9).map(|n| Lane::of(Some(&Fairness { key: format!("tenant-{n}").into(), weight: 1 })));
    assert_eq!(lanes, expected.collect());
    let mut read = 0;
    for lane in lanes {
        let tasks = reader.tasks_of_queue(SlotRange::ALL, &queue("q"), lane, None, 1000).expect("rows are read");
        assert!(tasks.iter().all(|(_, task)| Lane::of(task.fairness()) == lane));
        assert!(shown(&tasks).is_sorted());
        read += tasks.len();
    }
    assert_eq!(read, 90);
    let others = reader.tasks_of_queue(SlotRange::ALL, &queue("q"), Lane::NONE, None, 1000).expect("rows are read");
    assert_eq!(others.len(), 60);
    let waiting = reader.waiting(SlotRange::ALL, &queue("q")).expect("rows are read");
    let counts: Vec<_> = waiting.lines.iter().map(|(urgency, line)| (urgency.level(), line.count)).collect();
    assert_eq!(counts, [(1, 12 + 45), (2, 12), (3, 24), (5, 12 + 45)]);
    assert_eq!(waiting.lines[&urgency(5)].oldest, Timestamp(943));
}
