//! A checked query as it was asked, so that another node reads just the same from it.
//!
//! Invariant: what [`Asked::query`] gives is what [`Query::asked`] was called on, but for the groups that it is within.
//! With the text go the types of the search attributes that it names, because what another node knows of them may be older.

use super::ast::{Condition, Query, Tree};
use super::{Error, parse, parse_for_schedules};
use crate::attribute::Type;
use crate::schema::{Field, Schema};

/// What was asked, and with which search attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub text: String,
    /// Those that the text names.
    pub attributes: Vec<(String, Type)>,
    /// It is about schedules, which are listed in a namespace division of their own.
    pub of_schedules: bool,
}

impl Asked {
    /// # Errors
    /// What makes no sense here: the other node is of another version.
    pub fn query(self) -> Result<Query, Error> {
        let schema = Schema::with_custom(self.attributes);
        if self.of_schedules { parse_for_schedules(&self.text, schema) } else { parse(&self.text, &schema) }
    }
}

impl Query {
    #[must_use]
    pub fn asked(&self) -> Asked {
        let mut attributes = Vec::new();
        named(&self.filter, &mut attributes);
        self.order_by.iter().for_each(|order| note(&order.field, &mut attributes));
        self.group_by.iter().for_each(|field| note(field, &mut attributes));
        attributes.sort();
        attributes.dedup();
        Asked { text: self.text.clone(), attributes, of_schedules: self.of_schedules }
    }
}

fn named(condition: &Condition, attributes: &mut Vec<(String, Type)>) {
    match condition {
        Tree::All(parts) | Tree::Any(parts) => parts.iter().for_each(|part| named(part, attributes)),
        Tree::Not(inner) => named(inner, attributes),
        Tree::Test(field, _) => note(field, attributes),
    }
}

fn note(field: &Field, attributes: &mut Vec<(String, Type)>) {
    match field {
        Field::System(_) => {}
        Field::Attribute { name, kind } => attributes.push((name.clone(), *kind)),
    }
}
