//! Lists and counts as anyone would write them who had no index: go through all records, test, sort.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::attribute::{Type, entries, tokens};
use crate::filter::{Comparison, Condition, Direction, Query, Test};
use crate::plan::sql::Literal;
use crate::record::{Record, Status};
use crate::schema::{Field, System};

#[derive(Default)]
pub(super) struct Model {
    records: BTreeMap<String, Record>,
}

impl Model {
    pub(super) fn upsert(&mut self, record: Record) {
        self.records.insert(record.run_id.clone(), record);
    }

    pub(super) fn remove(&mut self, run_id: &str) {
        self.records.remove(run_id);
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.records.values().cloned().collect()
    }

    pub(super) fn list(&self, query: &Query) -> Vec<String> {
        let mut found = self.found(query);
        found.sort_by(|a, b| {
            let usual = usual(a, b);
            let Some(order) = query.order_by() else { return usual };
            match (single(a, &order.field), single(b, &order.field)) {
                (None, None) => usual,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(a), Some(b)) if order.direction == Direction::Ascending => compare(&a, &b).then(usual),
                (Some(a), Some(b)) => compare(&b, &a).then(usual),
            }
        });
        found.into_iter().map(|record| record.run_id.clone()).collect()
    }

    pub(super) fn count(&self, query: &Query) -> (u64, Vec<(Literal, u64)>) {
        let found = self.found(query);
        let mut groups: Vec<(Literal, u64)> = Vec::new();
        if let Some(field) = query.group_by() {
            for record in &found {
                let value = match field {
                    Field::System(System::ExecutionStatus) => Literal::text(record.status.name()),
                    _ => single(record, field).unwrap_or(Literal::Null),
                };
                match groups.iter_mut().find(|(known, _)| *known == value) {
                    Some((_, count)) => *count += 1,
                    None => groups.push((value, 1)),
                }
            }
        }
        (found.len() as u64, groups)
    }

    fn found(&self, query: &Query) -> Vec<&Record> {
        let every = mentions_division(&query.filter);
        let matches = |record: &&Record| {
            let hidden =
                entries(&record.search_attributes).iter().any(|entry| entry.name == "TemporalNamespaceDivision");
            (every || !hidden) && holds(&query.filter, record) == Some(true)
        };
        self.records.values().filter(matches).collect()
    }
}

fn mentions_division(condition: &Condition) -> bool {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(mentions_division),
        Condition::Not(inner) => mentions_division(inner),
        Condition::Test(field, _) => field.name() == "TemporalNamespaceDivision",
    }
}

fn usual(a: &Record, b: &Record) -> Ordering {
    let place = |record: &Record| {
        let packed = record.run_id.len() == 36;
        (record.close_time.unwrap_or(i64::MAX), record.start_time, packed, record.run_id.clone())
    };
    place(b).cmp(&place(a))
}

fn holds(condition: &Condition, record: &Record) -> Option<bool> {
    match condition {
        Condition::All(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| holds(part, record)).collect();
            if parts.contains(&Some(false)) { Some(false) } else { (!parts.contains(&None)).then_some(true) }
        }
        Condition::Any(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| holds(part, record)).collect();
            if parts.contains(&Some(true)) { Some(true) } else { (!parts.contains(&None)).then_some(false) }
        }
        Condition::Not(inner) => holds(inner, record).map(|held| !held),
        Condition::Test(field, test) if matches!(field.kind(), Type::KeywordList | Type::Text) => {
            Some(set_holds(&values(record, field), field.kind(), test))
        }
        Condition::Test(field, Test::IsNull) => Some(single(record, field).is_none()),
        Condition::Test(field, test) => single(record, field).map(|value| scalar_holds(&value, test)),
    }
}

fn set_holds(have: &[Literal], kind: Type, test: &Test<Literal>) -> bool {
    let any = |wanted: &Literal| match (kind, wanted) {
        (Type::Text, Literal::Text(text)) => tokens(text).into_iter().any(|word| have.contains(&Literal::Text(word))),
        _ => have.contains(wanted),
    };
    match test {
        Test::Compare(Comparison::Equal, wanted) => any(wanted),
        Test::Compare(Comparison::NotEqual, wanted) => !any(wanted),
        Test::In(wanted) => wanted.iter().any(any),
        Test::IsNull => have.is_empty(),
        other => panic!("sets have no {other:?}"),
    }
}

fn scalar_holds(value: &Literal, test: &Test<Literal>) -> bool {
    match test {
        Test::Compare(comparison, wanted) => {
            let order = compare(value, wanted);
            match comparison {
                Comparison::Equal => order.is_eq(),
                Comparison::NotEqual => order.is_ne(),
                Comparison::Less => order.is_lt(),
                Comparison::LessOrEqual => order.is_le(),
                Comparison::Greater => order.is_gt(),
                Comparison::GreaterOrEqual => order.is_ge(),
            }
        }
        Test::In(wanted) => wanted.iter().any(|wanted| compare(value, wanted).is_eq()),
        Test::Between(low, high) => compare(value, low).is_ge() && compare(value, high).is_le(),
        Test::StartsWith(Literal::Text(prefix)) => {
            matches!(value, Literal::Text(text) if text.starts_with(prefix.as_str()))
        }
        other => panic!("unexpected {other:?}"),
    }
}

fn compare(a: &Literal, b: &Literal) -> Ordering {
    let number = |literal: &Literal| match literal {
        Literal::Int(value) => Some(*value as f64),
        Literal::Real(value) => Some(*value),
        _ => None,
    };
    match (a, b) {
        (Literal::Text(a), Literal::Text(b)) => a.cmp(b),
        _ => number(a).partial_cmp(&number(b)).expect("numbers"),
    }
}

fn single(record: &Record, field: &Field) -> Option<Literal> {
    values(record, field).into_iter().next()
}

fn values(record: &Record, field: &Field) -> Vec<Literal> {
    let text = |text: &String| Some(Literal::Text(text.clone()));
    let system = match field {
        Field::Attribute { name, .. } => {
            let entries = entries(&record.search_attributes).into_iter();
            return entries.filter(|entry| entry.name == *name).map(|entry| entry.value).collect();
        }
        Field::System(system) => system,
    };
    let value = match system {
        System::WorkflowId => text(&record.workflow_id),
        System::RunId => text(&record.run_id),
        System::WorkflowType => text(&record.workflow_type),
        System::StartTime => Some(Literal::Int(record.start_time)),
        System::ExecutionTime => Some(Literal::Int(record.execution_time)),
        System::CloseTime => record.close_time.map(Literal::Int),
        System::ExecutionStatus => Some(Literal::Int(Status::number(record.status))),
        System::TaskQueue => text(&record.task_queue),
        System::HistoryLength => Some(Literal::Int(record.history_length)),
        System::ExecutionDuration => record.execution_duration().map(Literal::Int),
        System::StateTransitionCount => Some(Literal::Int(record.state_transition_count)),
        System::HistorySizeBytes => Some(Literal::Int(record.history_size_bytes)),
        System::ParentWorkflowId => record.parent.as_ref().and_then(|run| text(&run.workflow_id)),
        System::ParentRunId => record.parent.as_ref().and_then(|run| text(&run.run_id)),
        System::RootWorkflowId => text(record.root.as_ref().map_or(&record.workflow_id, |run| &run.workflow_id)),
        System::RootRunId => text(record.root.as_ref().map_or(&record.run_id, |run| &run.run_id)),
    };
    value.into_iter().collect()
}
