//! What a list or count answers with, and how it is put together from parts of several nodes.
//!
//! Invariants: a page has what comes first in its order of all parts together, and its token, the place of its last row,
//! is as good for every other node; a part that ended early hides nothing, because nothing behind its end is shown.
//! A count of groups is exact: its parts have all groups. Pure: who is asked is decided elsewhere.

use super::Error;
use super::cursor::Cursor;
use super::order::{Order, values};
use crate::filter::Query;
use crate::limits::{GROUPS_MAX, PAGE_SIZE_MAX};
use crate::plan::Key;
use crate::plan::sql::{Literal, packed};
use crate::record::{Record, Status};
use crate::schema::{Field, System};

/// Which part of a list.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// At most this many records, and at most [`PAGE_SIZE_MAX`].
    pub size: usize,
    /// [`Page::next`] of the page before; none for the first.
    pub token: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub records: Vec<Record>,
    /// Where the list goes on; none if there was no more when this page was read.
    pub next: Option<Vec<u8>>,
}

/// A record, and its place in the list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) cursor: Cursor,
    pub(super) record: Record,
}

/// The first rows that some groups have of a page or walk.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    rows: Vec<Placed>,
    /// These groups have more.
    more: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    pub total: u64,
    /// With GROUP BY, the largest first.
    pub groups: Vec<Group>,
}

/// Executions that share a value; [`Literal::Null`] are those without any. Statuses are texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub value: Literal,
    pub count: u64,
}

/// What some groups have of a count: one number without GROUP BY, and else one for each value. Statuses are numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CountPart {
    pub groups: Vec<Group>,
}

impl PageRequest {
    /// Whether a list of this query can be asked so.
    ///
    /// # Errors
    /// `GroupedList`, or `Token` for one that is not of such a list.
    pub fn check(&self, query: &Query) -> Result<(), Error> {
        self.read(query).map(drop)
    }

    /// How many rows, and after which place.
    pub(super) fn read(&self, query: &Query) -> Result<(usize, Option<Cursor>), Error> {
        if query.group_by().is_some() {
            return Err(Error::GroupedList);
        }
        let after = self.token.as_deref().map(Cursor::decode).transpose()?;
        if after.as_ref().is_some_and(|cursor| cursor.sort.is_some() != query.order_by().is_some()) {
            return Err(Error::Token("it belongs to a list in another order"));
        }
        Ok((self.size.clamp(1, PAGE_SIZE_MAX), after))
    }
}

impl Part {
    /// Rows in their order.
    pub(super) fn of(order: Order<'_>, rows: Vec<Placed>, more: bool) -> Result<Self, Error> {
        if more && rows.is_empty() {
            return Err(Error::Part("it has no row and says that there are more"));
        }
        if !rows.is_sorted_by(|a, b| order.compare(&a.cursor, &b.cursor).is_lt()) {
            return Err(Error::Part("its rows are not in order"));
        }
        Ok(Self { rows, more })
    }

    /// A part of a page as another node sent it: each row with its place.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn of_page(query: &Query, rows: Vec<(Vec<u8>, Record)>, more: bool) -> Result<Self, Error> {
        let place = |(place, record): (Vec<u8>, Record)| Ok(Placed { cursor: Cursor::decode(&place)?, record });
        Self::of(Order::List(query), rows.into_iter().map(place).collect::<Result<_, Error>>()?, more)
    }

    /// A part of a walk as another node sent it.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn of_walk(records: Vec<Record>, more: bool) -> Result<Self, Error> {
        let place = |record: Record| {
            let key = Key { closed: 0, start: 0, run: packed(&record.run_id) };
            Placed { cursor: Cursor { sort: None, key }, record }
        };
        Self::of(Order::Walk, records.into_iter().map(place).collect(), more)
    }

    #[must_use]
    pub fn more(&self) -> bool {
        self.more
    }

    /// Its rows with their places, for another node.
    pub fn rows(&self) -> impl Iterator<Item = (Vec<u8>, &Record)> {
        self.rows.iter().map(|row| (row.cursor.encode(), &row.record))
    }
}

impl Page {
    /// A page of a list from its parts, which have all groups between them and no group twice.
    #[must_use]
    pub fn merged(query: &Query, parts: Vec<Part>, size: usize) -> Self {
        let (rows, more) = merge(Order::List(query), parts, size.clamp(1, PAGE_SIZE_MAX));
        let next = rows.last().filter(|_| more).map(|last| last.cursor.encode());
        Self { records: rows.into_iter().map(|row| row.record).collect(), next }
    }

    /// The first records of a walk from its parts. There are no more only where there are none.
    #[must_use]
    pub fn walked(parts: Vec<Part>, limit: usize) -> Vec<Record> {
        merge(Order::Walk, parts, limit.clamp(1, PAGE_SIZE_MAX)).0.into_iter().map(|row| row.record).collect()
    }
}

/// The first rows of all parts together, and whether there are more.
fn merge(order: Order<'_>, parts: Vec<Part>, size: usize) -> (Vec<Placed>, bool) {
    // What comes behind the last row of a part that has more may come behind what that part has not shown.
    let ends = parts.iter().filter(|part| part.more).filter_map(|part| part.rows.last());
    let end = ends.map(|row| row.cursor.clone()).min_by(|a, b| order.compare(a, b));
    let mut rows: Vec<Placed> = parts.into_iter().flat_map(|part| part.rows).collect();
    let count = rows.len();
    if let Some(end) = &end {
        rows.retain(|row| order.compare(&row.cursor, end).is_le());
    }
    rows.sort_by(|a, b| order.compare(&a.cursor, &b.cursor));
    rows.truncate(size);
    let more = end.is_some() || rows.len() < count;
    (rows, more)
}

impl Count {
    /// A count from its parts, which have all groups between them and no group twice.
    #[must_use]
    pub fn merged(query: &Query, parts: Vec<CountPart>) -> Self {
        let mut all: Vec<Group> = parts.into_iter().flat_map(|part| part.groups).collect();
        all.sort_by(|a, b| values(&a.value, &b.value));
        let mut groups: Vec<Group> = Vec::new();
        for group in all {
            match groups.last_mut().filter(|last| values(&last.value, &group.value).is_eq()) {
                Some(last) => last.count += group.count,
                None => groups.push(group),
            }
        }
        // Those of one size stay in the order of their values.
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups.truncate(GROUPS_MAX);
        let total = groups.iter().map(|group| group.count).sum();
        let Some(field) = query.group_by() else { return Self { total, groups: Vec::new() } };
        let shown = |group: Group| Group { value: shown(field, group.value), ..group };
        Self { total, groups: groups.into_iter().map(shown).collect() }
    }
}

/// The value of a group as people know it.
fn shown(field: &Field, value: Literal) -> Literal {
    match (field, value) {
        (Field::System(System::ExecutionStatus), Literal::Int(number)) => {
            Status::from_number(number).map_or(Literal::Int(number), |status| Literal::text(status.name()))
        }
        (_, value) => value,
    }
}
