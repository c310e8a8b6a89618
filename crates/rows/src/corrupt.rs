//! What is said of bytes that do not decode, or of rows that do not fit together.
//!
//! There is one reaction to all of them (the shard tells the caller and goes on), so there is one type.

use alloc::string::{String, ToString};
use core::fmt;

use crate::table;

/// Bytes of a row, or of a log entry, that nobody wrote like this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt {
    place: &'static str,
    what: String,
}

impl Corrupt {
    /// A row that must be there is not.
    #[must_use]
    pub fn missing(table: u8, what: &str) -> Self {
        Self::row(table, alloc::format!("{what} missing"))
    }

    /// The name of the table, or `log entry`.
    #[must_use]
    pub fn place(&self) -> &'static str {
        self.place
    }

    pub(crate) fn row(table: u8, what: impl ToString) -> Self {
        Self::at(table::name(table), what)
    }

    pub(crate) fn at(place: &'static str, what: impl ToString) -> Self {
        Self { place, what: what.to_string() }
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "corrupt {}: {}", self.place, self.what)
    }
}

impl core::error::Error for Corrupt {}
