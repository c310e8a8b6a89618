//! Rows go from one store to another, whole, and a crash at any step leaves the old ones or the new.

use std::pin::pin;

use weft_env::{Ids as _, SeededIds};
use weft_raft::Machine;
use weft_rows::{Slot, SlotRange};
use weft_store::state::{MemoryStore, Row, Table};

use super::super::{Replica, stored_row};
use super::*;
use crate::dispatch::Feed;

const GROUP: u32 = 2;
const OTHER: u32 = 1;

fn owns() -> Owns {
    Owns::Slots(SlotRange { first: Slot(100), last: Slot(200) })
}

/// Counts the replacements that it is told of.
#[derive(Default)]
struct Heard(parking_lot::Mutex<Vec<(u32, u64)>>);

impl Feed for Heard {
    fn feed(&self, _group: u32, _index: u64, _changes: Vec<Vec<u8>>) {}

    fn replaced(&self, group: u32, index: u64) {
        self.0.lock().push((group, index));
    }
}

fn store(seed: u64) -> Arc<MemoryStore> {
    let tables: Vec<_> = table::TABLES.iter().map(|&(id, name)| Table { id, name }).collect();
    Arc::new(MemoryStore::with_crashes(&tables, seed).expect("an empty store"))
}

fn key(slot: u16, rest: u64) -> Vec<u8> {
    [&slot.to_be_bytes()[..], &rest.to_be_bytes()].concat()
}

/// Writes this many rows of the group, and some that are not the group's.
fn fill_with(store: &MemoryStore, seed: u64, rows: u64, size: usize) {
    let chance = SeededIds::new(seed);
    let mut write = WriteBatch::new();
    for _ in 0..rows {
        let slot = 100 + u16::try_from(chance.below(101)).expect("small");
        let table = [table::EXECUTION, table::HISTORY, table::TASK, table::JOB][chance.below(4) as usize];
        write.put(table, key(slot, chance.next_u64()), vec![u8::try_from(seed).expect("small"); size]);
    }
    for slot in [99, 201] {
        write.put(table::EXECUTION, key(slot, seed), "another group's");
    }
    write.put(table::NAMESPACE, "a namespace", "the metadata's");
    store.apply(write).expect("a write");
}

fn stand(store: &MemoryStore, group: u32, index: u64) -> AppliedRow {
    let row =
        AppliedRow { index, mark: index.to_be_bytes().to_vec(), epoch: 3, sequence: index, ..AppliedRow::default() };
    let mut write = WriteBatch::new();
    write.put(table::APPLIED, applied::key(group), row.encode());
    store.apply(write).expect("a write");
    row
}

fn rows_in(store: &MemoryStore, owns: Owns) -> Vec<(u8, Vec<Row>)> {
    let all =
        |(table, range)| (table, store.scan(table, &key_range(range), Order::Ascending, usize::MAX).expect("readable"));
    owns.tables().into_iter().map(all).collect()
}

fn everything_else(store: &MemoryStore) -> Vec<Row> {
    let below = KeyRange::between(Vec::new(), key(100, 0));
    let above = KeyRange::from(201_u16.to_be_bytes().to_vec());
    let mut rows = Vec::new();
    for (table, range) in [(table::EXECUTION, below), (table::EXECUTION, above), (table::NAMESPACE, KeyRange::all())] {
        rows.extend(store.scan(table, &range, Order::Ascending, usize::MAX).expect("readable"));
    }
    rows.push((
        Bytes::from_static(b"other"),
        store.get(table::APPLIED, &applied::key(OTHER)).expect("readable").expect("there"),
    ));
    rows
}

fn opened(store: &Arc<MemoryStore>, heard: &Arc<Heard>) -> Arc<Replica> {
    let feed: Arc<dyn Feed> = Arc::<Heard>::clone(heard);
    Replica::open(GROUP, owns(), Arc::<MemoryStore>::clone(store), Lane::inline(), feed).expect("it opens")
}

async fn pieces_of(replica: &Replica) -> (Bytes, Vec<Bytes>) {
    let picture = replica.picture().await.expect("a picture");
    let (mut pieces, mut cursor) = (Vec::new(), Bytes::new());
    loop {
        let PictureOf { bytes, next } = picture.piece(cursor.clone()).await.expect("a piece");
        let again = picture.piece(cursor).await.expect("a piece");
        assert_eq!(again.bytes, bytes, "the same cursor gives the same piece");
        pieces.push(bytes);
        let Some(next) = next else { return (picture.mark(), pieces) };
        cursor = next;
    }
}

/// A store that has what was to be sent, and its pieces.
async fn source() -> (Arc<MemoryStore>, AppliedRow, Bytes, Vec<Bytes>) {
    let source = store(1);
    fill_with(&source, 1, 700, 1500);
    let row = stand(&source, GROUP, 90);
    let replica = opened(&source, &Arc::default());
    let (mark, pieces) = pieces_of(&replica).await;
    assert!(pieces.len() > 2 && pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 4096), "{}", pieces.len());
    (source, row, mark, pieces)
}

/// A store that has something older of the group, all durable.
fn target(seed: u64) -> Arc<MemoryStore> {
    let target = store(seed);
    fill_with(&target, 2, 3000, 10);
    stand(&target, GROUP, 20);
    stand(&target, OTHER, 7);
    target.persist().expect("durable");
    target
}

#[tokio::test]
async fn the_rows_of_a_group_take_the_place_of_those_that_were_there_and_no_others_do() {
    let (source, row, mark, pieces) = source().await;
    let target = target(1);
    let others = everything_else(&target);
    let heard = Arc::new(Heard::default());
    let replica = opened(&target, &heard);
    for (number, piece) in (0..).zip(&pieces) {
        replica.stage(number, piece.clone()).await.expect("it is kept");
    }
    assert_eq!(replica.applied().index, 20, "pieces change nothing yet");
    replica.install(pieces.len() as u64, mark.clone()).await.expect("it is installed");

    assert_eq!(rows_in(&target, owns()), rows_in(&source, owns()));
    assert_eq!(everything_else(&target), others);
    assert_eq!(replica.applied(), row);
    assert_eq!(*heard.0.lock(), [(GROUP, 90)]);
    let left = target.scan(table::PICTURE, &KeyRange::all(), Order::Ascending, 10).expect("readable");
    assert_eq!(left.len(), 1, "of the picture only the note is left");

    // And it is durable.
    let target = Arc::new(target.crash());
    let again = opened(&target, &heard);
    assert_eq!(again.applied(), row);
    assert_eq!(rows_in(&target, owns()), rows_in(&source, owns()));
    assert_eq!(again.recover().await.expect("readable").installed, Some(mark));
}

/// The steps of an installation, one after the other.
fn step(installation: &Installation, number: u64) -> Result<(), MachineError> {
    match number {
        0 => installation.begin(),
        1 => installation.clearing().all(installation.store.as_ref()),
        put if put < 2 + installation.pieces => installation.put(put - 2),
        _ => installation.end().map(drop),
    }
}

#[tokio::test]
async fn a_crash_at_any_step_leaves_the_old_rows_or_becomes_the_new_ones() {
    let (source, row, mark, pieces) = source().await;
    let steps = pieces.len() as u64 + 3;
    for seed in 0..3 {
        for done in 0..=steps {
            let target = target(seed);
            let (old, others) = (rows_in(&target, owns()), everything_else(&target));
            for (number, piece) in (0..).zip(&pieces) {
                stage(target.as_ref(), GROUP, number, piece.clone()).expect("it is kept");
            }
            let whole: Arc<dyn StateStore> = Arc::<MemoryStore>::clone(&target);
            let pieces = pieces.len() as u64;
            let installation = Installation { group: GROUP, owns: owns(), store: whole, pieces, mark: mark.to_vec() };
            (0..done).try_for_each(|number| step(&installation, number)).expect("the steps");

            let target = Arc::new(target.crash());
            let replica = opened(&target, &Arc::default());
            let expected = if done == 0 { (20, old) } else { (row.index, rows_in(&source, owns())) };
            assert_eq!(replica.applied().index, expected.0, "seed {seed}, {done} steps");
            assert!(rows_in(&target, owns()) == expected.1, "seed {seed}, {done} steps: other rows");
            assert_eq!(everything_else(&target), others, "seed {seed}, {done} steps");
            let stored = stored_row(target.as_ref(), GROUP).expect("readable");
            assert_eq!(stored.index, expected.0);
        }
    }
}

#[tokio::test]
async fn other_groups_write_in_between_while_a_picture_is_installed() {
    let (_, row, mark, pieces) = source().await;
    let target = target(1);
    fill_with(&target, 5, 3000, 1);
    let (lane, hand) = Lane::held();
    let store: Arc<dyn StateStore> = Arc::<MemoryStore>::clone(&target);
    let replica = Replica::open(GROUP, owns(), store, lane, Arc::new(Heard::default())).expect("it opens");
    for (number, piece) in (0..).zip(&pieces) {
        stage(target.as_ref(), GROUP, number, piece.clone()).expect("it is kept");
    }
    let pieces = pieces.len() as u64;
    let mut installed = pin!(replica.install(pieces, mark));
    let mut steps = 0;
    while installed.as_mut().now_or_never().is_none() {
        assert!(hand.release(), "it waits for its next step");
        steps += 1;
    }
    assert_eq!(replica.applied(), row);
    // To look at each piece and to put it; to note; to remove the rows, a thousand at a time.
    assert!(steps > 2 * pieces + 1 + 3, "{steps} steps for {pieces} pieces");
}

#[tokio::test]
async fn what_is_no_whole_picture_is_refused_and_changes_nothing() {
    let (_, _, mark, pieces) = source().await;
    let target = target(1);
    let old = rows_in(&target, owns());
    let replica = opened(&target, &Arc::default());
    assert!(replica.stage(0, Bytes::from_static(b"\x01\x05nonsense")).await.is_err());
    replica.stage(0, pieces[0].clone()).await.expect("it is kept");
    assert!(replica.install(2, mark).await.is_err(), "a piece is missing");
    assert!(rows_in(&target, owns()) == old);
    assert!(rows_in(&target.crash(), owns()) == old);
}

#[tokio::test]
async fn a_group_without_rows_is_a_picture_too() {
    let source = store(1);
    let row = stand(&source, GROUP, 5);
    let (mark, pieces) = pieces_of(&opened(&source, &Arc::default())).await;
    assert_eq!(pieces.len(), 1);
    let target = target(1);
    let replica = opened(&target, &Arc::default());
    replica.stage(0, pieces[0].clone()).await.expect("it is kept");
    replica.install(1, mark).await.expect("it is installed");
    assert_eq!(replica.applied(), row);
    assert!(rows_in(&target, owns()).iter().all(|(_, rows)| rows.is_empty()));
}

#[tokio::test]
async fn a_picture_that_ends_elsewhere_than_it_says_is_refused_before_a_row_is_touched() {
    let (_, _, _, pieces) = source().await;
    let target = target(1);
    let old = rows_in(&target, owns());
    let replica = opened(&target, &Arc::default());
    for (number, piece) in (0..).zip(&pieces) {
        replica.stage(number, piece.clone()).await.expect("it is kept");
    }
    let wrong = Bytes::from(91_u64.to_be_bytes().to_vec());
    assert!(replica.install(pieces.len() as u64, wrong).await.is_err());
    assert!(rows_in(&target, owns()) == old);
    assert!(note(target.as_ref(), GROUP).expect("readable").is_none(), "else the node would not start again");
}

#[tokio::test]
async fn pieces_of_a_transfer_that_came_to_nothing_are_removed() {
    let (_, _, mark, pieces) = source().await;
    let target = target(1);
    let left = || target.scan(table::PICTURE, &KeyRange::all(), Order::Ascending, 100).expect("readable").len();
    let replica = opened(&target, &Arc::default());
    // A longer one, of which these are the last pieces.
    for number in 0..20 {
        replica.stage(number, pieces[0].clone()).await.expect("it is kept");
    }
    for (number, piece) in (0..).zip(&pieces) {
        replica.stage(number, piece.clone()).await.expect("it is kept");
    }
    replica.install(pieces.len() as u64, mark).await.expect("it is installed");
    assert_eq!(left(), 1, "the note");
    replica.stage(0, pieces[0].clone()).await.expect("it is kept");
    drop(replica);
    drop(opened(&target, &Arc::default()));
    assert_eq!(left(), 1, "whoever was sending begins anew");
}

#[tokio::test]
async fn a_checkpoint_that_was_begun_before_an_installation_claims_no_less_than_that_ended_with() {
    let (_, row, mark, pieces) = source().await;
    let target = target(1);
    let replica = opened(&target, &Arc::default());
    let before = replica.applied();
    for (number, piece) in (0..).zip(&pieces) {
        replica.stage(number, piece.clone()).await.expect("it is kept");
    }
    replica.install(pieces.len() as u64, mark).await.expect("it is installed");
    replica.store_checkpoint(before).await.expect("it is let be");
    assert_eq!(stored_row(target.as_ref(), GROUP).expect("readable"), row);
}
