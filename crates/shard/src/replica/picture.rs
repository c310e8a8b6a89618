//! A group's rows as a picture for another node, and the other way round.
//!
//! Invariants (rule 9): a picture is a consistent view, and its first row says where the group stands. Pieces are kept
//! beside the rows until all are there. Then the group is noted as installing, durably, with all pieces, before a row
//! of it is touched; the note is changed once the last row and the group's position are durable. A crash in
//! between is made good when the replica is opened again, before anybody reads: from the pieces, which are still there.
//!
//! A replica that has just been started may stand behind some of its own rows, which it had applied before a crash and applies
//! again (rule 4). A picture of it has these rows too, and whoever gets it applies the same entries over them: they were
//! committed, and rows are put whole. Nobody reads a shard's rows of such a replica before it has come so far.
//!
//! It deliberately looks into no row: a picture is bytes.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use weft_env::Lane;
use weft_raft::{MachineError, Picture, PictureOf};
use weft_rows::{
    applied::{self, AppliedRow},
    picture::{self, Keys, Note, Owns, Piece},
    table,
};
use weft_store::state::{KeyRange, Order, StateStore, StateView, WriteBatch};

/// A piece is sent when it has this much; one more row may be as large as rows are.
const PIECE_BYTES: usize = 256 << 10;

/// Rows read, or deleted, at a time.
const ROWS_AT_A_TIME: usize = 8;
const DELETES_AT_A_TIME: usize = 1024;

/// What is being sent: the store as it was when the group stood at `row`.
pub(super) struct View {
    pub(super) group: u32,
    pub(super) owns: Owns,
    pub(super) row: AppliedRow,
    pub(super) view: Arc<dyn StateView>,
    pub(super) lane: Lane,
}

impl Picture for View {
    fn mark(&self) -> Bytes {
        Bytes::from(self.row.mark.clone())
    }

    fn piece(&self, cursor: Bytes) -> BoxFuture<'_, Result<PictureOf, MachineError>> {
        let (group, owns, row, view) = (self.group, self.owns, self.row.clone(), Arc::clone(&self.view));
        let work = move || piece(group, &row, owns, view.as_ref(), &cursor);
        async move { self.lane.call(work).await.map_err(MachineError::new)? }.boxed()
    }
}

/// The piece at a cursor. Blocking.
pub(super) fn piece(
    group: u32,
    row: &AppliedRow,
    owns: Owns,
    view: &dyn StateView,
    cursor: &[u8],
) -> Result<PictureOf, MachineError> {
    let mut piece = Piece::default();
    if cursor.is_empty() {
        piece.put(table::APPLIED, &applied::key(group), &row.encode());
    }
    fill(piece, owns, view, cursor)
}

/// Goes on behind the row that the cursor names: its table and its key.
fn fill(mut piece: Piece, owns: Owns, view: &dyn StateView, cursor: &[u8]) -> Result<PictureOf, MachineError> {
    let (from, mut after) = cursor.split_first().map_or((0, None), |(table, key)| (*table, Some(key.to_vec())));
    for (table, range) in owns.tables().into_iter().filter(|(table, _)| *table >= from) {
        let mut rest = key_range(range);
        if let Some(key) = after.take_if(|_| table == from) {
            rest = rest.after(&key);
        }
        loop {
            let rows = view.scan(table, &rest, Order::Ascending, ROWS_AT_A_TIME).map_err(MachineError::new)?;
            let Some((last, _)) = rows.last().cloned() else { break };
            for (key, value) in &rows {
                piece.put(table, key, value);
                if piece.size() >= PIECE_BYTES {
                    let next = [&[table], key.as_ref()].concat();
                    return Ok(PictureOf { bytes: piece.finish().into(), next: Some(next.into()) });
                }
            }
            rest = rest.after(&last);
        }
    }
    Ok(PictureOf { bytes: piece.finish().into(), next: None })
}

fn key_range(range: Option<Keys>) -> KeyRange {
    range.map_or_else(KeyRange::all, |(first, beyond)| KeyRange::between(first, beyond))
}

/// Keeps a piece. Blocking.
pub(super) fn stage(store: &dyn StateStore, group: u32, number: u64, piece: Bytes) -> Result<(), MachineError> {
    // What does not decode is refused before it is waited for.
    picture::rows(&piece).map_err(MachineError::new)?;
    let mut write = WriteBatch::new();
    write.put(table::PICTURE, picture::piece_key(group, number), piece);
    store.apply(write).map_err(MachineError::new)
}

/// A replica's part of the store while its rows are replaced. Every step blocks.
pub(super) struct Installation {
    pub(super) group: u32,
    pub(super) owns: Owns,
    pub(super) store: Arc<dyn StateStore>,
    pub(super) pieces: u64,
    pub(super) mark: Vec<u8>,
}

impl Installation {
    /// The installation that a crash has interrupted.
    pub(super) fn interrupted(
        store: &Arc<dyn StateStore>,
        group: u32,
        owns: Owns,
    ) -> Result<Option<Self>, MachineError> {
        Ok(match note(store.as_ref(), group)? {
            Some(Note::Installing { pieces, mark }) => {
                Some(Self { group, owns, store: Arc::clone(store), pieces, mark })
            }
            Some(Note::Installed { .. } | Note::Removing) | None => None,
        })
    }

    /// That a piece is there: what would fail later is found before anything is touched.
    pub(super) fn check(&self, number: u64) -> Result<(), MachineError> {
        self.piece(number).map(drop)
    }

    /// Notes durably that the rows are about to be replaced; the pieces, each of which is there, are durable with that.
    pub(super) fn begin(&self) -> Result<(), MachineError> {
        self.row()?;
        self.note(&Note::Installing { pieces: self.pieces, mark: self.mark.clone() })
    }

    /// Of the rows that are there.
    pub(super) fn clearing(&self) -> Clearing {
        Clearing::of(self.owns.tables())
    }

    /// Puts the rows of one piece.
    pub(super) fn put(&self, number: u64) -> Result<(), MachineError> {
        let piece = self.piece(number)?;
        let mut write = WriteBatch::new();
        for (table, key, value) in picture::rows(&piece).map_err(MachineError::new)? {
            if table != table::APPLIED {
                write.put(table, piece.slice_ref(key), piece.slice_ref(value));
            }
        }
        self.store.apply(write).map_err(MachineError::new)
    }

    /// Makes the rows durable, then where the group stands, and then says that it is done; gives where it stands.
    pub(super) fn end(&self) -> Result<AppliedRow, MachineError> {
        let row = self.row()?;
        self.store.persist().map_err(MachineError::new)?;
        let mut write = WriteBatch::new();
        write.put(table::APPLIED, applied::key(self.group), row.encode());
        self.store.apply(write).map_err(MachineError::new)?;
        self.store.persist().map_err(MachineError::new)?;
        self.note(&Note::Installed { mark: self.mark.clone() })?;
        Ok(row)
    }

    /// All of it at once, but for the pieces, which stay.
    pub(super) fn run(&self) -> Result<AppliedRow, MachineError> {
        self.clearing().all(self.store.as_ref())?;
        (0..self.pieces).try_for_each(|number| self.put(number))?;
        self.end()
    }

    fn row(&self) -> Result<AppliedRow, MachineError> {
        let piece = self.piece(0)?;
        let rows = picture::rows(&piece).map_err(MachineError::new)?;
        let Some((table::APPLIED, _, value)) = rows.first().copied() else {
            return Err(MachineError::new("a picture of a group does not say where the group stands"));
        };
        let row = AppliedRow::decode(value).map_err(MachineError::new)?;
        if row.mark == self.mark {
            Ok(row)
        } else {
            Err(MachineError::new("a picture of a group ends where it does not say"))
        }
    }

    fn piece(&self, number: u64) -> Result<Bytes, MachineError> {
        let key = picture::piece_key(self.group, number);
        let piece = self.store.get(table::PICTURE, &key).map_err(MachineError::new)?;
        piece.ok_or_else(|| MachineError::new(format!("piece {number} of a group's picture is not there")))
    }

    fn note(&self, note: &Note) -> Result<(), MachineError> {
        let mut write = WriteBatch::new();
        write.put(table::PICTURE, picture::note_key(self.group), note.encode());
        self.store.apply(write).map_err(MachineError::new)?;
        self.store.persist().map_err(MachineError::new)
    }
}

/// Rows that are being removed, some at a time, so that what others write passes in between.
pub(super) struct Clearing {
    rest: Vec<(u8, KeyRange)>,
    at_a_time: usize,
}

/// Removes some, and gives what is left, if anything was. Blocking.
pub(super) type Step = Box<dyn FnOnce() -> Result<Option<Clearing>, MachineError> + Send>;

impl Clearing {
    pub(super) fn of(tables: Vec<(u8, Option<Keys>)>) -> Self {
        let rest = tables.into_iter().rev().map(|(table, range)| (table, key_range(range))).collect();
        Self { rest, at_a_time: DELETES_AT_A_TIME }
    }

    /// All pieces of a group, those of transfers that came to nothing too.
    pub(super) fn pieces(group: u32) -> Self {
        // A few at a time: each is read with its value.
        Self { rest: vec![(table::PICTURE, key_range(Some(picture::pieces(group))))], at_a_time: ROWS_AT_A_TIME }
    }

    /// Removes what is left, some at a time: each step is run by `run`, which lets others have their turn in between.
    pub(super) async fn by_steps<F>(
        mut self,
        store: &Arc<dyn StateStore>,
        run: impl Fn(Step) -> F,
    ) -> Result<(), MachineError>
    where
        F: Future<Output = Result<Option<Self>, MachineError>>,
    {
        loop {
            let store = Arc::clone(store);
            let step = move || Ok(self.some(store.as_ref())?.then_some(self));
            match run(Box::new(step)).await? {
                Some(rest) => self = rest,
                None => return Ok(()),
            }
        }
    }

    /// Removes what is left. Blocking.
    pub(super) fn all(mut self, store: &dyn StateStore) -> Result<(), MachineError> {
        while self.some(store)? {}
        Ok(())
    }

    /// Removes some; false if none were left. Blocking.
    pub(super) fn some(&mut self, store: &dyn StateStore) -> Result<bool, MachineError> {
        while let Some((table, rest)) = self.rest.last_mut() {
            let rows = store.scan(*table, rest, Order::Ascending, self.at_a_time).map_err(MachineError::new)?;
            let Some((last, _)) = rows.last().cloned() else {
                self.rest.pop();
                continue;
            };
            let mut write = WriteBatch::new();
            rows.into_iter().for_each(|(key, _)| write.delete(*table, key));
            store.apply(write).map_err(MachineError::new)?;
            *rest = std::mem::replace(rest, KeyRange::all()).after(&last);
            return Ok(true);
        }
        Ok(false)
    }
}

/// What the group's note says. Blocking.
pub(super) fn note(store: &dyn StateStore, group: u32) -> Result<Option<Note>, MachineError> {
    let bytes = store.get(table::PICTURE, &picture::note_key(group)).map_err(MachineError::new)?;
    bytes.map(|bytes| Note::decode(&bytes)).transpose().map_err(MachineError::new)
}

#[cfg(test)]
mod tests;
