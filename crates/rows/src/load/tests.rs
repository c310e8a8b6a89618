//! Rule 10: rows replayed onto an empty table assemble to the state that they came from.

mod engine;
mod reset;

use std::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};

use proptest::prelude::*;
use weft_engine::{Appended, EventId, RowChange, Transition};
use weft_protocol::api::history::HistoryEvent;

use super::*;
use crate::{
    Corrupt, encode,
    testing::{generate, sample, store::Store},
};

/// The transition that makes this run out of nothing.
fn creation(execution: &Execution, start: HistoryEvent, more: Vec<HistoryEvent>) -> Transition {
    let run = &execution.core.run;
    let branch = execution.core.branch.clone();
    let appended = |events: Vec<HistoryEvent>| Appended {
        run: run.clone(),
        branch: branch.id.clone(),
        first_event_id: EventId(events[0].event_id),
        events,
    };
    let mut rows = Vec::from([RowChange::PutExecution(Box::new(execution.core.clone()))]);
    rows.extend(
        execution
            .activities
            .values()
            .map(|activity| RowChange::PutActivity { run: run.clone(), activity: Arc::new(activity.clone()) }),
    );
    rows.extend(execution.timers.iter().map(|(id, timer)| RowChange::PutTimer {
        run: run.clone(),
        id: id.clone(),
        timer: Arc::new(timer.clone()),
    }));
    rows.extend(execution.children.iter().map(|(id, child)| RowChange::PutChild {
        run: run.clone(),
        initiated_event_id: *id,
        child: Arc::new(child.clone()),
    }));
    rows.extend(execution.external.iter().map(|(id, external)| RowChange::PutExternal {
        run: run.clone(),
        initiated_event_id: *id,
        external: Arc::new(external.clone()),
    }));
    rows.extend(execution.buffered.iter().map(|(order, event)| RowChange::PutBuffered {
        run: run.clone(),
        order: *order,
        event: Arc::new(event.clone()),
    }));
    rows.extend(
        execution
            .signal_requests
            .keys()
            .map(|request| RowChange::PutSignalRequest { run: run.clone(), request: request.clone() }),
    );
    rows.extend(execution.updates.iter().map(|(id, update)| RowChange::PutUpdate {
        run: run.clone(),
        id: id.clone(),
        update: Arc::new(update.clone()),
    }));
    Transition { events: Vec::from([appended(Vec::from([start])), appended(more)]), rows, ..Transition::default() }
}

/// The transition that takes all of it away again.
fn removal(execution: &Execution) -> Transition {
    let run = &execution.core.run;
    let last_event_id = execution.core.next_event_id;
    let branch = execution.core.branch.clone();
    let mut rows = Vec::from([RowChange::RemoveExecution { run: run.clone(), branch, last_event_id }]);
    rows.extend(
        execution
            .activities
            .keys()
            .map(|scheduled| RowChange::RemoveActivity { run: run.clone(), scheduled_event_id: *scheduled }),
    );
    rows.extend(execution.timers.keys().map(|id| RowChange::RemoveTimer { run: run.clone(), id: id.clone() }));
    rows.extend(
        execution.children.keys().map(|id| RowChange::RemoveChild { run: run.clone(), initiated_event_id: *id }),
    );
    rows.extend(
        execution.external.keys().map(|id| RowChange::RemoveExternal { run: run.clone(), initiated_event_id: *id }),
    );
    rows.extend(execution.buffered.keys().map(|order| RowChange::RemoveBuffered { run: run.clone(), order: *order }));
    rows.extend(
        execution
            .signal_requests
            .keys()
            .map(|request| RowChange::RemoveSignalRequest { run: run.clone(), request: request.clone() }),
    );
    rows.extend(execution.updates.keys().map(|id| RowChange::RemoveUpdate { run: run.clone(), id: id.clone() }));
    Transition { rows, ..Transition::default() }
}

proptest! {
    #[test]
    fn rows_assemble_to_the_state_they_came_from(
        key in generate::key(),
        (start, execution) in generate::execution(),
        more in generate::events(2),
        other in generate::execution(),
    ) {
        let mut store = Store::default();
        let run = execution.core.run.clone();
        prop_assume!(run != other.1.core.run);
        // Another run of the same workflow id, whose rows must not be taken for this one's.
        store.apply(encode(&key, &creation(&other.1, other.0, more.clone()), &BTreeMap::new()).ops.iter());
        let encoded = encode(&key, &creation(&execution, start, more), &BTreeMap::new());
        store.apply(encoded.ops.iter());
        let [(_, head)] = encoded.heads[..] else { panic!("one run has grown") };
        let loaded = store.load(&key, &run).unwrap().unwrap();
        prop_assert_eq!(loaded.core.head, head);
        prop_assert_eq!(loaded, with_head(execution, head));
        // Replay over rows that are too new converges (rule 4).
        let before = store.clone();
        store.apply(encoded.ops.iter());
        prop_assert_eq!(store, before);
    }

    #[test]
    fn a_removed_run_leaves_its_history_to_the_sweeper(
        key in generate::key(),
        (start, execution) in generate::execution(),
        more in generate::events(2),
    ) {
        let mut store = Store::default();
        let heads = BTreeMap::new();
        store.apply(encode(&key, &creation(&execution, start, more), &heads).ops.iter());
        store.apply(encode(&key, &removal(&execution), &heads).ops.iter());
        let branch = history::branch_prefix(&key, &execution.core.branch.id);
        let garbage = Vec::from([((table::GARBAGE, crate::garbage::key(&key, &execution.core.branch.id)), Vec::from(value::MARK))]);
        prop_assert_eq!(store.under(table::HISTORY, &branch).len(), 2);
        store.0.retain(|(table, _), _| *table != table::HISTORY);
        prop_assert_eq!(store.0.into_iter().collect::<Vec<_>>(), garbage);
    }

    #[test]
    fn any_rows_are_read_or_refused(rows: [Vec<u8>; 4]) {
        let [core, first_batch, key, value] = rows.map(Bytes::from);
        let some = Vec::from([(key, value)]);
        let (activities, timers, children, external) = (some.clone(), some.clone(), some.clone(), some.clone());
        let parts =
            Parts { core, first_batch, activities, timers, children, external, updates: some, ..Parts::default() };
        let _ = assemble(&sample::key(), &sample::run(), &parts);
    }
}

fn with_head(mut execution: Execution, head: [u8; 32]) -> Execution {
    execution.core.head = head;
    execution
}

#[test]
fn a_row_of_another_run_is_corrupt() {
    let scope = Scope::of(&sample::key());
    let activity = sample::activity();
    let (batch, head) = history::encode(&[0; 32], EventId::FIRST, &[sample::start_event()]);
    let parts = |run: &RunId| Parts {
        core: execution::encode(&sample::core(), &head).into(),
        first_batch: batch.clone().into(),
        activities: Vec::from([(
            activity::key(&scope, run, activity.scheduled_event_id).into(),
            activity::encode(&activity).into(),
        )]),
        ..Parts::default()
    };
    assert!(assemble(&sample::key(), &sample::run(), &parts(&sample::run())).is_ok());
    let error = assemble(&sample::key(), &sample::run(), &parts(&"another".into()));
    assert_eq!(error.as_ref().map_err(Corrupt::place), Err("pending_activity"));
}
