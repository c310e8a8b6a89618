//! Visibility: which executions exist, listed, counted and filtered, in an index that follows the applied transitions.
//!
//! From the inside out: a [`Record`] is what a list shows about one run; [`filter`] turns the text of a query into a
//! checked [`Query`] and `plan` turns that into SQL, both without IO; [`Index`] keeps the records of every group of this
//! node in one SQLite file; [`Visibility`] gathers what the groups feed and commits it in large transactions.
//!
//! Invariants: everything here is derived from the replicated state and may be thrown away and built again; the position
//! up to which a group was indexed is written in the same transaction as its rows, so the two never disagree.
//! No other crate names SQLite. Deliberately not here: who may list what, page size policy, gRPC.

pub mod attribute;
pub mod filter;
mod index;
pub mod limits;
mod plan;
mod record;
mod schema;
mod service;

pub use filter::{Asked, Query, parse, parse_for_schedules};
pub use index::{Batch, Count, CountPart, Error, Group, Index, Page, PageRequest, Part, Reader};
pub use plan::sql::Literal;
pub use plan::{Step, Walk};
pub use record::{Change, DecodeError, Record, RunRef, Status};
pub use schema::{Field, PREDEFINED, Schema, System};
pub use service::{Indexed, Rebuild, Visibility, Whole};
