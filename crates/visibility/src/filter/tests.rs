//! The language as tables: what a query means, and what is said about one that means nothing.

use proptest::prelude::*;

use super::ast::Tree;
use super::*;
use crate::attribute::Type;
use crate::limits::{QUERY_BYTES_MAX, QUERY_CONDITIONS_MAX, QUERY_DEPTH_MAX};
use crate::plan::sql::Literal;

fn schema() -> Schema {
    let custom = [
        ("Colour", Type::Keyword),
        ("Tags", Type::KeywordList),
        ("Notes", Type::Text),
        ("Size", Type::Int),
        ("Weight", Type::Double),
        ("Urgent", Type::Bool),
        ("Due", Type::Datetime),
        ("Order", Type::Keyword),
    ];
    Schema::with_custom(custom.map(|(name, kind)| (name.to_owned(), kind)))
}

fn value(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::Int(value) => value.to_string(),
        Literal::Real(value) => format!("{value:?}"),
        Literal::Text(text) => format!("{text:?}"),
        Literal::Bytes(bytes) => format!("{bytes:?}"),
    }
}

fn shown(condition: &Condition) -> String {
    let parts = |parts: &[Condition]| parts.iter().map(shown).collect::<Vec<_>>().join(", ");
    match condition {
        Tree::All(all) => format!("all({})", parts(all)),
        Tree::Any(any) => format!("any({})", parts(any)),
        Tree::Not(inner) => format!("not({})", shown(inner)),
        Tree::Test(field, test) => {
            let values: Vec<String> = match test {
                Test::Compare(_, one) | Test::StartsWith(one) => vec![value(one)],
                Test::In(many) => many.iter().map(value).collect(),
                Test::Between(low, high) => vec![value(low), value(high)],
                Test::IsNull => vec![],
            };
            format!("{} {} {}", field.name(), test.operator(), values.join(" ")).trim_end().to_owned()
        }
    }
}

fn check(text: &str, expected: &str) {
    let found = match parse(text, &schema()) {
        Ok(query) => {
            let order =
                query.order_by.as_ref().map(|order| format!(" order {} {:?}", order.field.name(), order.direction));
            let group = query.group_by.as_ref().map(|field| format!(" group {}", field.name()));
            format!("{}{}{}", shown(&query.filter), group.unwrap_or_default(), order.unwrap_or_default())
        }
        Err(error) => error.message,
    };
    assert_eq!(found, expected, "{text}");
}

#[test]
fn every_operator_is_understood() {
    check("", "all()");
    check("WorkflowId = 'a'", r#"WorkflowId = "a""#);
    check("WorkflowId == \"a\"", r#"WorkflowId = "a""#);
    check("WorkflowId != 'a'", r#"WorkflowId != "a""#);
    check("WorkflowId <> 'a'", r#"WorkflowId != "a""#);
    check("HistoryLength<5", "HistoryLength < 5");
    check("HistoryLength <= -5", "HistoryLength <= -5");
    check("HistoryLength > +5", "HistoryLength > 5");
    check("HistoryLength >= 5", "HistoryLength >= 5");
    check("WorkflowType IN ('a','b')", r#"WorkflowType IN "a" "b""#);
    check("WorkflowType not in ('a')", r#"not(WorkflowType IN "a")"#);
    check("HistoryLength BETWEEN 1 AND 2", "HistoryLength BETWEEN 1 2");
    check("HistoryLength NOT BETWEEN 1 AND 2", "not(HistoryLength BETWEEN 1 2)");
    check("WorkflowId STARTS_WITH 'a'", r#"WorkflowId STARTS_WITH "a""#);
    check("WorkflowId not starts_with 'a'", r#"not(WorkflowId STARTS_WITH "a")"#);
    check("CloseTime IS NULL", "CloseTime IS NULL");
    check("CloseTime is not null", "not(CloseTime IS NULL)");
    check("ExecutionStatus BETWEEN 'Running' AND 2", "ExecutionStatus BETWEEN 1 2");
    check("Urgent > false", "Urgent > 0");
}

#[test]
fn and_binds_tighter_than_or_and_not_tightest() {
    let a = "HistoryLength = 1";
    check(&format!("{a} OR {a} AND {a}"), &format!("any({a}, all({a}, {a}))"));
    check(&format!("({a} OR {a}) AND {a}"), &format!("all(any({a}, {a}), {a})"));
    check(&format!("NOT {a} AND {a}"), &format!("all(not({a}), {a})"));
    check(&format!("NOT ({a} AND {a})"), &format!("not(all({a}, {a}))"));
    check(&format!("(({a}))"), a);
    check(&format!("{a} || {a}&&{a}"), &format!("any({a}, all({a}, {a}))"));
    check("HistoryLength BETWEEN 1 AND 2 AND Size = 3", "all(HistoryLength BETWEEN 1 2, Size = 3)");
}

#[test]
fn quotes_escapes_and_backticks_are_read() {
    check(r"WorkflowId = 'it''s'", r#"WorkflowId = "it's""#);
    check(r"WorkflowId = 'it\'s'", r#"WorkflowId = "it's""#);
    check(r#"WorkflowId = "a""b\\c\n""#, r#"WorkflowId = "a\"b\\c\n""#);
    check("`WorkflowId` = 'AND'", r#"WorkflowId = "AND""#);
    check("`Order` = 'x' ORDER BY `Order`", r#"Order = "x" order Order Ascending"#);
    check("WorkflowId = ''", r#"WorkflowId = """#);
}

#[test]
fn values_take_the_type_of_their_field() {
    check("ExecutionStatus = 'Running'", "ExecutionStatus = 1");
    check("ExecutionStatus = 'timedout' or ExecutionStatus = 3", "any(ExecutionStatus = 7, ExecutionStatus = 3)");
    check("StartTime > '1970-01-01T00:00:01Z'", "StartTime > 1000000000");
    check("StartTime > 5", "StartTime > 5");
    check("ExecutionDuration > '1h30m'", "ExecutionDuration > 5400000000000");
    check("ExecutionDuration > 7", "ExecutionDuration > 7");
    check("Colour = 'red'", r#"Colour = "red""#);
    check("Tags IN ('a')", r#"Tags IN "a""#);
    check("Notes = 'two words'", r#"Notes = "two words""#);
    check("Size = 1.5", "Size = 1.5");
    check("Weight >= 1e3", "Weight >= 1000.0");
    check("Urgent = TRUE AND Urgent != false", "all(Urgent = 1, Urgent != 0)");
    check("Due BETWEEN '1970-01-01T00:00:00Z' AND 9", "Due BETWEEN 0 9");
}

#[test]
fn predefined_names_and_their_short_forms_are_known() {
    check("TemporalChangeVersion = 'x'", r#"TemporalChangeVersion = "x""#);
    check("ScheduledById = 'x'", r#"TemporalScheduledById = "x""#);
    check("TemporalBuildIds = 'x'", r#"BuildIds = "x""#);
    check("ScheduleId = 'x'", r#"WorkflowId = "x""#);
    check("TemporalSchedulePaused = true", "TemporalSchedulePaused = 1");
}

#[test]
fn lists_are_ordered_and_counts_grouped() {
    check("ORDER BY StartTime", "all() order StartTime Ascending");
    check("order by StartTime desc", "all() order StartTime Descending");
    check("GROUP BY ExecutionStatus", "all() group ExecutionStatus");
    check("Size = 1 GROUP BY Colour", "Size = 1 group Colour");
}

#[test]
fn errors_name_the_word_and_its_place() {
    check("WorkflowTyp = 'a'", "unknown search attribute `WorkflowTyp` at position 1; did you mean `WorkflowType`?");
    check("Size = 1 AND colour = 'a'", "unknown search attribute `colour` at position 14; did you mean `Colour`?");
    check("Zzzzzz = 1", "unknown search attribute `Zzzzzz` at position 1");
    check("Size = 'a'", "'a' is not a number for search attribute `Size` at position 8");
    check("Colour = 5", "`5` is not a string in quotes for search attribute `Colour` at position 10");
    check("Urgent = 1", "`1` is not true or false for search attribute `Urgent` at position 10");
    check(
        "StartTime > 'yesterday'",
        "'yesterday' is not a time ('2026-01-31T12:00:00Z' or Unix nanoseconds) for search attribute `StartTime` at \
         position 13",
    );
    check(
        "ExecutionDuration > 'long'",
        "'long' is not a duration ('1h30m', '90s' or nanoseconds) for search attribute `ExecutionDuration` at position 21",
    );
    check(
        "ExecutionStatus = 'Runing'",
        "'Runing' is not an execution status at position 19; there are Running, Completed, Failed, Canceled, Terminated, \
         ContinuedAsNew, TimedOut, Paused and the numbers 1 to 8",
    );
    check("Tags > 'a'", "operator > is not supported for search attribute `Tags` of type KeywordList at position 1");
    check("Notes IN ('a')", "operator IN is not supported for search attribute `Notes` of type Text at position 1");
    check("Notes = ' ! '", "' ! ' is not a string with words in it for search attribute `Notes` at position 9");
    check(
        "GROUP BY StartTime",
        "GROUP BY is not supported for search attribute `StartTime` of type Datetime at position 10",
    );
    check("ORDER BY Notes", "ORDER BY is not supported for search attribute `Notes` of type Text at position 10");
}

#[test]
fn errors_of_the_grammar_say_what_was_expected() {
    check(
        "Size",
        "expected an operator (=, !=, <, <=, >, >=, IN, BETWEEN, STARTS_WITH, IS), found the end of the query at position 5",
    );
    check("Size =", "expected a value, found the end of the query at position 7");
    check("Colour = red", "expected a value, found `red` at position 10; did you mean 'red' in quotes?");
    check("= 5", "expected the name of a search attribute, found `=` at position 1");
    check(
        "Size = 1 Size = 2",
        "expected AND, OR, GROUP BY, ORDER BY or the end of the query, found `Size` at position 10",
    );
    check("(Size = 1", "expected AND, OR or `)`, found the end of the query at position 10");
    check("Size IN (1, 2", "expected `,` or `)`, found the end of the query at position 14");
    check("Size IN ()", "expected a value, found `)` at position 10");
    check("Colour LIKE 'a%'", "LIKE is not supported at position 8; use STARTS_WITH");
    check("Size = 1 LIMIT 5", "LIMIT is not supported at position 10");
    check("Colour = 'a", "the quote ' is never closed: it opens at position 10");
    check("Size = 1x", "`1x` is not a number at position 8; strings, times and durations need quotes");
    check("Size ; 1", "unexpected character `;` at position 6");
    check("Size = 1 & Size = 2", "unexpected character `&` at position 10");
    check(
        "Urgent STARTS_WITH true",
        "operator STARTS_WITH is not supported for search attribute `Urgent` of type Bool at position 1",
    );
    check(
        "ExecutionStatus STARTS_WITH 'Run'",
        "operator STARTS_WITH is not supported for search attribute `ExecutionStatus` of type Keyword at position 1",
    );
    check("Size =! 1", "unknown operator `=!` at position 6");
    check("GROUP BY Colour, Order", "GROUP BY takes a single field, found `,` at position 16");
    check(
        "é Size",
        "expected an operator (=, !=, <, <=, >, >=, IN, BETWEEN, STARTS_WITH, IS), found `Size` at position 3",
    );
}

#[test]
fn what_is_too_much_is_refused_and_never_overflows_the_stack() {
    let refused = |text: &str, expected: &str| {
        let message = parse(text, &schema()).expect_err(expected).message;
        assert!(message.contains(expected), "{message}");
    };
    refused(&"(".repeat(QUERY_BYTES_MAX), "inside each other");
    refused(&"NOT ".repeat(QUERY_BYTES_MAX / 4), "inside each other");
    refused(&" ".repeat(QUERY_BYTES_MAX + 1), "longer than");
    refused(&vec!["Size=1"; QUERY_CONDITIONS_MAX + 1].join(" OR "), "conditions");
    refused(&format!("Size IN ({})", vec!["1"; 3_000].join(",")), "values");
    let deep = format!("{}Size = 1{}", "(".repeat(QUERY_DEPTH_MAX), ")".repeat(QUERY_DEPTH_MAX));
    check(&deep, "Size = 1");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_a_place_in_it(text in ".{0,200}") {
        if let Err(error) = parse(&text, &schema()) {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.position));
        }
    }

    #[test]
    fn any_sequence_of_words_is_read_or_refused(words in proptest::collection::vec(prop_oneof![
        Just("("), Just(")"), Just("AND"), Just("OR"), Just("NOT"), Just("IN"), Just("BETWEEN"), Just("IS"), Just("NULL"),
        Just("STARTS_WITH"), Just("="), Just("!="), Just("<"), Just(","), Just("'x'"), Just("5"), Just("-1.5"), Just("true"),
        Just("Size"), Just("Colour"), Just("StartTime"), Just("ExecutionStatus"), Just("`Tags`"), Just("ORDER"), Just("GROUP"),
        Just("BY"), Just("DESC"), Just("'"), Just("\""), Just("`"), Just("\\"),
    ], 0..40)) {
        let text = words.join(" ");
        if let Err(error) = parse(&text, &schema()) {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.position));
        }
    }
}
