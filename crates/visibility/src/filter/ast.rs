//! The tree of a query, twice: as it was written (`V` is a word with its place) and checked (`V` is a literal).

use std::collections::BTreeSet;

use crate::plan::sql::Literal;
use crate::schema::Field;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// What is asked of one field. Negated forms are a `Not` around these.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test<V> {
    Compare(Comparison, V),
    In(Vec<V>),
    Between(V, V),
    StartsWith(V),
    IsNull,
}

impl<V> Test<V> {
    /// As the error messages call it.
    pub(crate) fn operator(&self) -> &'static str {
        match self {
            Self::Compare(comparison, _) => comparison.sign(),
            Self::In(_) => "IN",
            Self::Between(..) => "BETWEEN",
            Self::StartsWith(_) => "STARTS_WITH",
            Self::IsNull => "IS NULL",
        }
    }
}

/// A condition over fields of type `F` and values of type `V`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree<F, V> {
    All(Vec<Tree<F, V>>),
    Any(Vec<Tree<F, V>>),
    Not(Box<Tree<F, V>>),
    Test(F, Test<V>),
}

/// A checked condition. A Text literal for a Text field is the whole text; its words are found when it is rendered.
pub(crate) type Condition = Tree<Field, Literal>;

/// Which way a list goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// An order other than the usual one. Executions without the field come last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderBy {
    pub field: Field,
    pub direction: Direction,
}

/// A checked query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub(crate) filter: Condition,
    pub(crate) order_by: Option<OrderBy>,
    pub(crate) group_by: Option<Field>,
    /// Only what is of these groups; none stands for all that the index has.
    pub(crate) within: Option<BTreeSet<u32>>,
    /// As it was written, for whoever asks another node the same.
    pub(crate) text: String,
    pub(crate) of_schedules: bool,
}

impl Query {
    /// Everything, in the usual order.
    pub fn all() -> Self {
        Self {
            filter: Condition::All(Vec::new()),
            order_by: None,
            group_by: None,
            within: None,
            text: String::new(),
            of_schedules: false,
        }
    }

    /// The same, of these groups alone.
    #[must_use]
    pub fn within(self, groups: BTreeSet<u32>) -> Self {
        Self { within: Some(groups), ..self }
    }

    pub fn order_by(&self) -> Option<&OrderBy> {
        self.order_by.as_ref()
    }

    /// Only counts can be grouped: whoever lists refuses a query that has this.
    pub fn group_by(&self) -> Option<&Field> {
        self.group_by.as_ref()
    }
}
