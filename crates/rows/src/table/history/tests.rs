//! Batches keep their bytes, and no change of a chain goes unseen.

use std::vec::Vec;

use proptest::prelude::*;
use weft_engine::state::Branch;

use super::*;
use crate::testing::{generate, golden, sample};

/// A branch of so many batches.
fn branch() -> impl Strategy<Value = Vec<Vec<HistoryEvent>>> {
    proptest::collection::vec(proptest::collection::vec(generate::event(), 1..4), 1..5).prop_map(|batches| {
        let mut first = 1;
        let numbered = batches.into_iter().map(|events| {
            let events = generate::number(first, events);
            first += events.len() as i64;
            events
        });
        numbered.collect()
    })
}

fn store(branch: &[Vec<HistoryEvent>]) -> (Vec<Vec<u8>>, Hash) {
    let mut head = Hash::default();
    let batches = branch.iter().map(|events| {
        let (batch, after) = encode(&head, EventId(events[0].event_id), events);
        head = after;
        batch
    });
    (batches.collect(), head)
}

fn read(batches: &[Vec<u8>]) -> Result<Vec<HistoryBatch>, Corrupt> {
    batches.iter().map(|batch| decode_batch(batch)).collect()
}

/// The rows of a branch that is stored as these batches.
fn rows(branch: &[Vec<HistoryEvent>], batches: &[Vec<u8>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let firsts = branch.iter().map(|events| EventId(events[0].event_id));
    let keys = firsts.map(|first| key(&sample::key(), &sample::run(), first));
    keys.zip(batches.iter().cloned()).collect()
}

/// Holds the rows of a branch against its head and the number of its events.
fn audited(branch: &Branch, rows: &[(Vec<u8>, Vec<u8>)], head: &Hash, events: usize) -> Result<(), Broken> {
    let next = EventId(events as i64 + 1);
    let mut audit = Audit::new(None);
    for stretch in stretches(&sample::key(), branch, next) {
        let mut own = rows.iter().filter(|(key, _)| (&stretch.from..&stretch.to).contains(&key));
        own.try_for_each(|(key, value)| audit.row(&stretch, key, value))?;
    }
    audit.end(head, next)
}

fn root() -> Branch {
    Branch::root(sample::run())
}

#[test]
fn rows_keep_their_bytes() {
    golden::check("history batch key", &key(&sample::key(), &sample::run(), EventId(1)));
    let (batch, head) = encode(&[9; 32], EventId(1), &[sample::start_event()]);
    golden::check("history batch value", &batch);
    golden::check("history head", &head);
}

#[test]
fn events_that_do_not_follow_each_other_are_corrupt() {
    let event = |event_id| HistoryEvent { event_id, ..HistoryEvent::default() };
    for events in [&[event(1), event(3)][..], &[event(2)], &[]] {
        assert!(decode_batch(&encode(&[0; 32], EventId(1), events).0).is_err());
    }
    assert!(decode_batch(&encode(&[0; 32], EventId(1), &[event(1), event(2)]).0).is_ok());
}

proptest! {
    #[test]
    fn ranges_are_where_the_events_stand(branch in branch()) {
        for (events, batch) in branch.iter().zip(store(&branch).0) {
            let (first, ranges) = event_ranges(&batch).unwrap();
            prop_assert_eq!(first, EventId(events[0].event_id));
            let read: Vec<_> = ranges.into_iter().map(|range| HistoryEvent::decode(&batch[range]).unwrap()).collect();
            prop_assert_eq!(&read, events);
        }
    }

    #[test]
    fn ranges_of_any_bytes_are_found_or_refused(mut bytes: Vec<u8>) {
        let _ = event_ranges(&bytes);
        bytes.splice(0..0, [value::FORMAT]);
        if let Ok((_, ranges)) = event_ranges(&bytes) {
            prop_assert!(ranges.iter().all(|range| range.end <= bytes.len()));
        }
    }

    #[test]
    fn batches_come_back_and_their_chain_holds(branch in branch()) {
        let (batches, head) = store(&branch);
        let read = read(&batches).unwrap();
        prop_assert_eq!(read.iter().map(|batch| batch.events.clone()).collect::<Vec<_>>(), branch.clone());
        prop_assert_eq!(audited(&root(), &rows(&branch, &batches), &head, branch.concat().len()), Ok(()));
    }

    #[test]
    fn a_copy_has_the_bytes_that_it_was_made_of(branch in branch()) {
        let (batches, head) = store(&branch);
        let (mut ops, mut copied, mut first) = (Ops::default(), Hash::default(), EventId(1));
        for batch in &batches {
            let (_, ranges) = event_ranges(batch).unwrap();
            let events: Vec<_> = ranges.into_iter().map(|range| Bytes::copy_from_slice(&batch[range])).collect();
            copied = copy(&mut ops, &sample::key(), &sample::run(), (copied, first), &events);
            first = EventId(first.0 + events.len() as i64);
        }
        prop_assert_eq!(copied, head);
        let written: Vec<_> = ops.iter().map(|op| op.value.map(<[u8]>::to_vec)).collect();
        prop_assert_eq!(written, batches.into_iter().map(Some).collect::<Vec<_>>());
    }

    #[test]
    fn a_changed_byte_never_goes_unseen(branch in branch(), at: prop::sample::Index, to: u8) {
        let (mut batches, head) = store(&branch);
        let which = at.index(batches.len());
        let byte = at.index(batches[which].len());
        prop_assume!(batches[which][byte] != to);
        batches[which][byte] = to;
        prop_assert!(audited(&root(), &rows(&branch, &batches), &head, branch.concat().len()).is_err());
    }

    #[test]
    fn a_dropped_batch_never_goes_unseen(branch in branch(), at: prop::sample::Index) {
        let (batches, head) = store(&branch);
        let mut rows = rows(&branch, &batches);
        rows.remove(at.index(rows.len()));
        prop_assert!(audited(&root(), &rows, &head, branch.concat().len()).is_err());
    }

    #[test]
    fn a_branch_goes_on_from_where_another_was_divided(base in branch(), at: prop::sample::Index, more in branch()) {
        let (batches, _) = store(&base);
        let events = base.concat();
        let kept = 1 + at.index(events.len());
        let end = EventId(kept as i64 + 1);
        // What they share, as if it had ended there.
        let mut shared = Vec::new();
        for batch in read(&batches).unwrap() {
            if batch.first < end {
                shared.push(decode_part(&batches[shared.len()], end).unwrap());
            }
        }
        let last = &batches[shared.len() - 1];
        let head = head_before(last, end).unwrap();
        let divided = root().divide(end, "divided".into());
        let mut rows = rows(&base, &batches);
        prop_assert_eq!(audited(&divided, &rows, &head, kept), Ok(()));
        prop_assert_eq!(shared.iter().flat_map(|batch| batch.events.clone()).collect::<Vec<_>>(), &events[..kept]);
        // It goes on by itself, and whatever is changed in the shared part is seen from its end.
        let own = generate::number(end.0, more.concat());
        let (batch, new_head) = encode(&head, end, &own);
        rows.push((key(&sample::key(), &"divided".into(), end), batch.clone()));
        prop_assert_eq!(audited(&divided, &rows, &new_head, kept + own.len()), Ok(()));
        prop_assert!(head_before(&batch, end).is_err());
        prop_assert!(head_before(last, EventId(i64::MIN)).is_err());
    }

    #[test]
    fn a_changed_byte_before_the_division_never_goes_unseen(events in branch(), at: prop::sample::Index, byte: prop::sample::Index, to: u8) {
        let events = generate::number(1, events.concat());
        let (batch, _) = encode(&Hash::default(), EventId(1), &events);
        let kept = 1 + at.index(events.len());
        let head = head_before(&batch, EventId(kept as i64 + 1)).unwrap();
        let (_, ranges) = event_ranges(&batch).unwrap();
        let byte = ranges[0].start + byte.index(ranges[kept - 1].end - ranges[0].start);
        let mut changed = batch.clone();
        prop_assume!(batch[byte] != to);
        changed[byte] = to;
        prop_assert_ne!(head_before(&changed, EventId(kept as i64 + 1)), Ok(head));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, tail: Vec<u8>, end: i64) {
        let _ = (decode_batch(&bytes), decode_part(&bytes, EventId(end)), head_before(&bytes, EventId(end)));
        let mut batch = Vec::from([value::FORMAT]);
        batch.extend_from_slice(&[0; HEADER_BYTES - 1]);
        batch.extend_from_slice(&tail);
        let _ = (decode_batch(&batch), decode_part(&batch, EventId(end)), head_before(&batch, EventId(end)));
    }

    #[test]
    fn a_page_has_the_batches_it_needs(
        workflow in generate::key(),
        branch in generate::run(),
        other in generate::run(),
        first in 1..i64::MAX,
        from in 1..i64::MAX,
        to in 1..i64::MAX,
    ) {
        let batch = key(&workflow, &branch, EventId(first));
        let (start, end) = between(&workflow, &branch, EventId(from), EventId(to));
        prop_assert!(start <= end);
        prop_assert_eq!((start..end).contains(&batch), from <= first && first < to);
        let (start, end) = before(&workflow, &branch, EventId(to));
        prop_assert_eq!((start..end).contains(&batch), first < to);
        let (start, end) = range(&workflow, &branch);
        prop_assert!((start.clone()..end.clone()).contains(&batch));
        prop_assert_eq!(start.clone(), branch_prefix(&workflow, &branch));
        prop_assert_eq!((start..end).contains(&key(&workflow, &other, EventId(first))), other == branch);
    }
}
