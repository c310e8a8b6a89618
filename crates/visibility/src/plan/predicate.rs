//! A condition as SQL over `runs r`, with SQL's three values: true, false and, where there is nothing to compare, neither.

use super::OPEN;
use super::sql::{Literal, Sql, after_prefix, packed, unpacked_sql};
use crate::attribute::{Type, tokens};
use crate::filter::{Comparison, Condition, Test};
use crate::schema::{Field, System};

/// Appends the condition; it stands for itself next to AND.
pub(super) fn render(condition: &Condition, sql: &mut Sql) {
    match condition {
        Condition::All(parts) => joined(parts, " AND ", "1", sql),
        Condition::Any(parts) => joined(parts, " OR ", "0", sql),
        Condition::Not(inner) => {
            sql.push("NOT (");
            render(inner, sql);
            sql.push(")");
        }
        Condition::Test(field, test) => match field {
            Field::Attribute { name, kind: kind @ (Type::KeywordList | Type::Text) } => set(name, *kind, test, sql),
            Field::System(System::RunId | System::ParentRunId | System::RootRunId) => run_id(field, test, sql),
            Field::System(_) | Field::Attribute { .. } => scalar(&expression(field), test, sql),
        },
    }
}

/// The value of a field of one run; NULL if it has none.
pub(super) fn expression(field: &Field) -> Sql {
    match field {
        Field::System(system) => Sql::of(&column(*system)),
        Field::Attribute { name, kind } => {
            let mut sql = Sql::of("(SELECT a.value FROM attributes a WHERE a.row = r.row AND a.field = ");
            sql.append(field_number(name, *kind));
            sql.push(" LIMIT 1)");
            sql
        }
    }
}

/// Like [`expression`], as it sorts: run ids by their text.
pub(super) fn sortable(field: &Field) -> Sql {
    let value = expression(field);
    match field {
        Field::System(System::RunId | System::ParentRunId | System::RootRunId) => Sql::of(&unpacked_sql(&value.text)),
        Field::System(_) | Field::Attribute { .. } => value,
    }
}

/// The number under which values of a search attribute are indexed; NULL if there are none yet.
pub(super) fn field_number(name: &str, kind: Type) -> Sql {
    let mut sql = Sql::of("(SELECT number FROM fields WHERE ");
    sql.with("name = ? ", Literal::text(name));
    sql.with("AND class = ?)", Literal::Int(kind.class() as i64));
    sql
}

fn joined(parts: &[Condition], by: &str, empty: &str, sql: &mut Sql) {
    if parts.is_empty() {
        sql.push(empty);
    }
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            sql.push(by);
        }
        let compound = matches!(part, Condition::All(_) | Condition::Any(_));
        sql.push(if compound { "(" } else { "" });
        render(part, sql);
        sql.push(if compound { ")" } else { "" });
    }
}

fn column(system: System) -> String {
    match system {
        System::WorkflowId => "r.workflow_id".to_owned(),
        System::RunId => "r.run".to_owned(),
        System::WorkflowType => "r.type".to_owned(),
        System::StartTime => "r.start".to_owned(),
        System::ExecutionTime => "r.execution".to_owned(),
        System::CloseTime => format!("nullif(r.closed, {OPEN})"),
        System::ExecutionStatus => "r.status".to_owned(),
        System::TaskQueue => "r.task_queue".to_owned(),
        System::HistoryLength => "r.history_length".to_owned(),
        System::ExecutionDuration => format!("max(0, nullif(r.closed, {OPEN}) - r.execution)"),
        System::StateTransitionCount => "r.transitions".to_owned(),
        System::HistorySizeBytes => "r.history_size".to_owned(),
        System::ParentWorkflowId => "r.parent_workflow".to_owned(),
        System::ParentRunId => "r.parent_run".to_owned(),
        // A run that is its own root stores none.
        System::RootWorkflowId => "coalesce(r.root_workflow, r.workflow_id)".to_owned(),
        System::RootRunId => "coalesce(r.root_run, r.run)".to_owned(),
    }
}

fn scalar(value: &Sql, test: &Test<Literal>, sql: &mut Sql) {
    match test {
        Test::Compare(comparison, literal) => {
            sql.append(value.clone());
            sql.push(&format!(" {} ", comparison.sign()));
            sql.value(literal.clone());
        }
        Test::In(literals) => {
            sql.append(value.clone());
            sql.push(" IN ");
            sql.list(literals.iter().cloned());
        }
        Test::Between(low, high) => {
            sql.append(value.clone());
            sql.with(" BETWEEN ?", low.clone());
            sql.with(" AND ?", high.clone());
        }
        Test::StartsWith(literal) => starts_with(value, literal, sql),
        Test::IsNull => {
            sql.append(value.clone());
            sql.push(" IS NULL");
        }
    }
}

/// As a range, which an index can answer and which knows no wildcards.
fn starts_with(value: &Sql, prefix: &Literal, sql: &mut Sql) {
    let end = match prefix {
        Literal::Text(text) => after_prefix(text),
        Literal::Null | Literal::Int(_) | Literal::Real(_) | Literal::Bytes(_) => None,
    };
    sql.append(value.clone());
    sql.with(" >= ?", prefix.clone());
    if let Some(end) = end {
        sql.push(" AND ");
        sql.append(value.clone());
        sql.with(" < ?", Literal::Text(end));
    }
}

/// Equality compares the packed form, everything else the text.
fn run_id(field: &Field, test: &Test<Literal>, sql: &mut Sql) {
    let value = expression(field);
    let pack = |literal: &Literal| match literal {
        Literal::Text(text) => packed(text),
        Literal::Null | Literal::Int(_) | Literal::Real(_) | Literal::Bytes(_) => literal.clone(),
    };
    match test {
        Test::Compare(comparison @ (Comparison::Equal | Comparison::NotEqual), literal) => {
            scalar(&value, &Test::Compare(*comparison, pack(literal)), sql);
        }
        Test::In(literals) => scalar(&value, &Test::In(literals.iter().map(pack).collect()), sql),
        Test::IsNull => scalar(&value, test, sql),
        Test::Compare(..) | Test::Between(..) | Test::StartsWith(_) => {
            scalar(&Sql::of(&unpacked_sql(&value.text)), test, sql);
        }
    }
}

/// Lists of keywords and words of texts: whether any of the values is there.
fn set(name: &str, kind: Type, test: &Test<Literal>, sql: &mut Sql) {
    let negated = matches!(test, Test::Compare(Comparison::NotEqual, _) | Test::IsNull);
    sql.push(if negated { "NOT " } else { "" });
    sql.push("EXISTS (SELECT 1 FROM attributes a WHERE a.row = r.row AND a.field = ");
    sql.append(field_number(name, kind));
    let wanted = set_values(kind, test);
    if !wanted.is_empty() {
        sql.push(" AND a.value IN ");
        sql.list(wanted);
    }
    sql.push(")");
}

/// The values of which one has to be there; a text is found by any of its words.
pub(super) fn set_values(kind: Type, test: &Test<Literal>) -> Vec<Literal> {
    let given: &[Literal] = match test {
        Test::Compare(_, literal) | Test::StartsWith(literal) => std::slice::from_ref(literal),
        Test::In(literals) => literals,
        Test::Between(..) | Test::IsNull => &[],
    };
    let words = |literal: &Literal| match (kind, literal) {
        (Type::Text, Literal::Text(text)) => tokens(text).into_iter().map(Literal::Text).collect(),
        _ => vec![literal.clone()],
    };
    given.iter().flat_map(words).collect()
}
