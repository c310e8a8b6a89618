//! The query language of lists and counts: text in, checked [`Query`] out, and errors that point at the word.
//!
//! Three steps, each in its file: `lexer` cuts the text into words, `parser` builds the tree, `check` resolves the names
//! and gives every value the type of its field. All three are total: no text makes them panic or overflow the stack
//! (nesting, conditions, values and length are limited).
//!
//! A test of a field that an execution does not have is neither true nor false, as in SQL: `Colour != 'red'` does not
//! find an execution without a `Colour`. Lists of keywords and texts are sets, and a test of an empty set is false.

mod asked;
mod ast;
mod check;
mod evaluate;
mod lexer;
mod literal;
pub(crate) mod moment;
mod parser;
#[cfg(test)]
mod tests;

pub use asked::Asked;
pub(crate) use ast::{Comparison, Condition, Test};
pub use ast::{Direction, OrderBy, Query};

use crate::{
    attribute::Type,
    plan::sql::Literal,
    schema::{DIVISION, Field, Schema},
};

/// The namespace division of schedules.
const SCHEDULES: &str = "TemporalScheduler";

/// What is wrong with a query, with the place. Every one of them is the caller's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The first character of the word that is wrong, counted from 1.
    pub position: usize,
    /// Says the position too.
    pub message: String,
}

impl Error {
    fn at(position: usize, problem: impl std::fmt::Display) -> Self {
        Self { position, message: format!("{problem} at position {position}") }
    }

    /// Adds what may have been meant.
    fn hint(mut self, hint: impl std::fmt::Display) -> Self {
        self.message = format!("{}; {hint}", self.message);
        self
    }
}

/// Reads a query about schedules, which are listed in a namespace division of their own.
pub fn parse_for_schedules(text: &str, schema: Schema) -> Result<Query, Error> {
    let query = parse(text, &schema.of_schedules())?;
    let division = Field::Attribute { name: DIVISION.to_owned(), kind: Type::Keyword };
    let test = Condition::Test(division, Test::Compare(Comparison::Equal, Literal::text(SCHEDULES)));
    Ok(Query { filter: Condition::All(vec![test, query.filter]), of_schedules: true, ..query })
}

/// Reads a query. An empty one asks for everything.
pub fn parse(text: &str, schema: &Schema) -> Result<Query, Error> {
    let words = lexer::words(text)?;
    let raw = parser::parse(words)?;
    Ok(Query { text: text.to_owned(), ..check::check(raw, schema)? })
}
