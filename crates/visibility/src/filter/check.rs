//! Resolves the names of a query and gives each value the type of its field; says which operators a type has.

use super::ast::{Comparison, Condition, OrderBy, Query, Test, Tree};
use super::lexer::Word;
use super::parser::{Name, Raw, RawTree};
use super::{Error, literal};
use crate::attribute::Type;
use crate::plan::sql::Literal;
use crate::schema::{Field, Schema, System};

pub(super) fn check(raw: Raw, schema: &Schema) -> Result<Query, Error> {
    let filter = match raw.filter {
        Some(tree) => condition(tree, schema)?,
        None => Condition::All(Vec::new()),
    };
    let group_by = raw.group_by.map(|name| groupable(&name, schema)).transpose()?;
    let order_by = match raw.order_by {
        Some((name, direction)) => Some(OrderBy { field: sortable(&name, schema)?, direction }),
        None => None,
    };
    Ok(Query { filter, order_by, group_by, ..Query::all() })
}

/// The parser has limited how deep the tree is.
fn condition(tree: RawTree, schema: &Schema) -> Result<Condition, Error> {
    let each = |parts: Vec<_>| parts.into_iter().map(|part| condition(part, schema)).collect::<Result<Vec<_>, _>>();
    Ok(match tree {
        Tree::All(parts) => Condition::All(each(parts)?),
        Tree::Any(parts) => Condition::Any(each(parts)?),
        Tree::Not(inner) => Condition::Not(Box::new(condition(*inner, schema)?)),
        Tree::Test(name, test) => {
            let field = resolve(&name, schema)?;
            if !allowed(&field, &test) {
                let problem = format!("operator {} is not supported for {}", test.operator(), described(&field));
                return Err(Error::at(name.position, problem));
            }
            let test = typed(&field, test)?;
            Condition::Test(field, test)
        }
    })
}

fn resolve(name: &Name, schema: &Schema) -> Result<Field, Error> {
    if let Some(field) = schema.resolve(&name.text) {
        if schema.is_out_of_place(&name.text, &field) {
            return Err(Error::at(name.position, format!("schedules cannot be filtered on `{}`", name.text)));
        }
        return Ok(field);
    }
    let error = Error::at(name.position, format!("unknown search attribute `{}`", name.text));
    let near: Vec<String> = schema.near(&name.text).iter().map(|name| format!("`{name}`")).collect();
    Err(if near.is_empty() { error } else { error.hint(format!("did you mean {}?", near.join(" or "))) })
}

fn allowed(field: &Field, test: &Test<Word>) -> bool {
    if matches!(test, Test::IsNull) {
        return true;
    }
    let equality = matches!(test, Test::Compare(Comparison::Equal | Comparison::NotEqual, _));
    let membership = equality || matches!(test, Test::In(_));
    let ordered = !matches!(test, Test::StartsWith(_));
    // Statuses are compared by their numbers.
    if *field == Field::System(System::ExecutionStatus) {
        return ordered;
    }
    match field.kind() {
        Type::Keyword => true,
        Type::Int | Type::Double | Type::Datetime | Type::Bool => ordered,
        Type::KeywordList => membership,
        Type::Text => equality,
    }
}

fn typed(field: &Field, test: Test<Word>) -> Result<Test<Literal>, Error> {
    let value = |word: &Word| literal::of(field, word);
    Ok(match test {
        Test::Compare(comparison, word) => Test::Compare(comparison, value(&word)?),
        Test::In(words) => Test::In(words.iter().map(value).collect::<Result<_, _>>()?),
        Test::Between(low, high) => Test::Between(value(&low)?, value(&high)?),
        Test::StartsWith(word) => Test::StartsWith(value(&word)?),
        Test::IsNull => Test::IsNull,
    })
}

fn groupable(name: &Name, schema: &Schema) -> Result<Field, Error> {
    let field = resolve(name, schema)?;
    let few_values = match &field {
        Field::System(system) => {
            matches!(system, System::ExecutionStatus | System::WorkflowType | System::TaskQueue)
        }
        Field::Attribute { kind, .. } => matches!(kind, Type::Keyword | Type::Bool | Type::Int),
    };
    if few_values {
        return Ok(field);
    }
    Err(Error::at(name.position, format!("GROUP BY is not supported for {}", described(&field))))
}

fn sortable(name: &Name, schema: &Schema) -> Result<Field, Error> {
    let field = resolve(name, schema)?;
    match field.kind() {
        Type::Text | Type::KeywordList => {
            Err(Error::at(name.position, format!("ORDER BY is not supported for {}", described(&field))))
        }
        Type::Keyword | Type::Int | Type::Double | Type::Bool | Type::Datetime => Ok(field),
    }
}

fn described(field: &Field) -> String {
    format!("search attribute `{}` of type {}", field.name(), field.kind().name())
}
