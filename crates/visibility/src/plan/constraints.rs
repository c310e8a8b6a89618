//! What the conjuncts of a filter say that an index can answer. Everything here only narrows what is looked at: a
//! conjunct that is not understood is simply not used.

use super::predicate::set_values;
use super::sql::Literal;
use crate::attribute::Type;
use crate::filter::{Comparison, Condition, Test};
use crate::record::Status;
use crate::schema::{Field, System};

/// An inclusive range of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) low: i64,
    pub(super) high: i64,
}

impl Range {
    pub(super) const ALL: Self = Self { low: i64::MIN, high: i64::MAX };

    fn narrow(&mut self, test: &Test<Literal>) {
        let at_least = |range: &mut Self, low: i64| range.low = range.low.max(low);
        let at_most = |range: &mut Self, high: i64| range.high = range.high.min(high);
        match test {
            Test::Compare(Comparison::Equal, Literal::Int(at)) => {
                at_least(self, *at);
                at_most(self, *at);
            }
            Test::Compare(Comparison::Less | Comparison::LessOrEqual, Literal::Int(at)) => at_most(self, *at),
            Test::Compare(Comparison::Greater | Comparison::GreaterOrEqual, Literal::Int(at)) => at_least(self, *at),
            Test::Between(Literal::Int(low), Literal::Int(high)) => {
                at_least(self, *low);
                at_most(self, *high);
            }
            Test::Compare(..) | Test::Between(..) | Test::In(_) | Test::StartsWith(_) | Test::IsNull => {}
        }
    }
}

/// A conjunct that wants one of a few values of a search attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) kind: Type,
    pub(super) values: Vec<Literal>,
    /// Which conjunct it is: going by its values answers it.
    pub(super) conjunct: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constraints {
    pub(super) runs: bool,
    pub(super) workflow_ids: bool,
    pub(super) workflow_prefix: bool,
    pub(super) parents: bool,
    pub(super) roots: Option<Vec<Literal>>,
    pub(super) types: Option<Vec<Literal>>,
    pub(super) statuses: Vec<Status>,
    pub(super) start: Range,
    pub(super) closed: Range,
    pub(super) attribute: Option<Wanted>,
    /// Whether to look among the shown executions, and among those of a namespace division.
    pub(super) shown: bool,
    pub(super) hidden: bool,
}

/// The conditions that all have to hold.
pub(super) fn conjuncts(filter: &Condition) -> Vec<&Condition> {
    match filter {
        Condition::All(parts) => parts.iter().flat_map(conjuncts).collect(),
        Condition::Any(_) | Condition::Not(_) | Condition::Test(..) => vec![filter],
    }
}

pub(super) fn constraints(filter: &Condition) -> Constraints {
    let mut found = Constraints {
        runs: false,
        workflow_ids: false,
        workflow_prefix: false,
        parents: false,
        roots: None,
        types: None,
        statuses: Status::ALL.to_vec(),
        start: Range::ALL,
        closed: Range::ALL,
        attribute: None,
        shown: true,
        hidden: mentions_division(filter),
    };
    for (i, conjunct) in conjuncts(filter).into_iter().enumerate() {
        match conjunct {
            Condition::Test(Field::System(system), test) => found.system(*system, test),
            Condition::Test(field @ Field::Attribute { name, kind }, test) => {
                found.attribute(i, name, *kind, test);
                found.shown &= !field.is_division() || *test == Test::IsNull;
                found.hidden &= !field.is_division() || *test != Test::IsNull;
            }
            Condition::Not(inner) => found.not(inner),
            Condition::All(_) | Condition::Any(_) => {}
        }
    }
    found
}

impl Constraints {
    fn system(&mut self, system: System, test: &Test<Literal>) {
        let equal = equal_to(test);
        match system {
            System::RunId => self.runs |= equal.is_some(),
            System::WorkflowId => {
                self.workflow_ids |= equal.is_some();
                self.workflow_prefix |= matches!(test, Test::StartsWith(_) | Test::Between(..));
            }
            System::ParentWorkflowId => self.parents |= equal.is_some(),
            System::RootWorkflowId if equal.is_some() => self.roots = equal,
            System::WorkflowType if self.types.is_none() => self.types = equal,
            System::ExecutionStatus => self.status(test),
            System::StartTime => self.start.narrow(test),
            System::CloseTime => {
                self.closed.narrow(test);
                let open = *test == Test::IsNull;
                self.statuses.retain(|status| status.is_open() == open);
            }
            System::WorkflowType
            | System::RootWorkflowId
            | System::ParentRunId
            | System::RootRunId
            | System::ExecutionTime
            | System::TaskQueue
            | System::HistoryLength
            | System::ExecutionDuration
            | System::StateTransitionCount
            | System::HistorySizeBytes => {}
        }
    }

    fn status(&mut self, test: &Test<Literal>) {
        let Some(wanted) = equal_to(test) else {
            if let Test::Compare(Comparison::NotEqual, Literal::Int(number)) = test {
                self.statuses.retain(|status| status.number() != *number);
            }
            return;
        };
        self.statuses.retain(|status| wanted.contains(&Literal::Int(status.number())));
    }

    fn attribute(&mut self, conjunct: usize, name: &str, kind: Type, test: &Test<Literal>) {
        if self.attribute.is_none() && equal_to(test).is_some() {
            let values = set_values(kind, test);
            self.attribute = Some(Wanted { name: name.to_owned(), kind, values, conjunct });
        }
    }

    fn not(&mut self, inner: &Condition) {
        let Condition::Test(field, test) = inner else { return };
        match field {
            Field::System(System::ExecutionStatus) => {
                if let Some(unwanted) = equal_to(test) {
                    self.statuses.retain(|status| !unwanted.contains(&Literal::Int(status.number())));
                }
            }
            Field::System(System::CloseTime) => self.statuses.retain(|status| !status.is_open()),
            Field::System(_) => {}
            // The division is set.
            Field::Attribute { .. } => self.shown &= !(field.is_division() && *test == Test::IsNull),
        }
    }
}

/// The values of which a field has to have one.
fn equal_to(test: &Test<Literal>) -> Option<Vec<Literal>> {
    match test {
        Test::Compare(Comparison::Equal, literal) => Some(vec![literal.clone()]),
        Test::In(literals) => Some(literals.clone()),
        Test::Compare(..) | Test::Between(..) | Test::StartsWith(_) | Test::IsNull => None,
    }
}

fn mentions_division(filter: &Condition) -> bool {
    match filter {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(mentions_division),
        Condition::Not(inner) => mentions_division(inner),
        Condition::Test(field, _) => field.is_division(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter;
    use crate::schema::Schema;

    fn found(text: &str) -> Constraints {
        let schema = Schema::with_custom([("Colour".to_owned(), Type::Keyword)]);
        constraints(&filter::parse(text, &schema).expect(text).filter)
    }

    #[test]
    fn statuses_are_narrowed_by_everything_that_speaks_of_them() {
        let check = |text: &str, expected: &[Status]| assert_eq!(found(text).statuses, expected, "{text}");
        check("ExecutionStatus = 'Failed'", &[Status::Failed]);
        check("ExecutionStatus IN ('Failed', 2) AND ExecutionStatus != 'Failed'", &[Status::Completed]);
        check("CloseTime IS NULL", &[Status::Running, Status::Paused]);
        check("CloseTime IS NULL AND NOT ExecutionStatus = 'Paused'", &[Status::Running]);
        check("CloseTime > 5 AND ExecutionStatus NOT IN (2, 3, 4, 5, 6)", &[Status::TimedOut]);
        check("ExecutionStatus = 'Failed' OR WorkflowType = 'a'", &Status::ALL);
    }

    #[test]
    fn divisions_are_looked_at_only_when_named() {
        let check = |text: &str, expected: (bool, bool)| {
            let found = found(text);
            assert_eq!((found.shown, found.hidden), expected, "{text}");
        };
        check("", (true, false));
        check("TemporalNamespaceDivision = 'x'", (false, true));
        check("TemporalNamespaceDivision IS NOT NULL", (false, true));
        check("TemporalNamespaceDivision IS NULL", (true, false));
        check("TemporalNamespaceDivision IS NULL OR TemporalNamespaceDivision IS NOT NULL", (true, true));
    }

    #[test]
    fn times_and_values_of_nested_conjunctions_are_found() {
        let found = found("(StartTime >= 5 AND (StartTime < 9 AND Colour IN ('r', 'g'))) AND WorkflowType = 'T'");
        assert_eq!(found.start, Range { low: 5, high: 9 });
        assert_eq!(found.types, Some(vec![Literal::text("T")]));
        let wanted = found.attribute.expect("a wanted attribute");
        assert_eq!((wanted.name.as_str(), wanted.conjunct), ("Colour", 2));
    }
}
