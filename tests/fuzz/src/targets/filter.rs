//! The filter language: any text is a query or an error with a place in it, and any query is one that the index answers.

use std::sync::LazyLock;

use weft_protocol::{
    api::common::{Payload, SearchAttributes},
    prost::Message,
};
use weft_visibility::{
    Change, Error, Index, PageRequest, Query, Reader, Record, RunRef, Schema, Status, attribute::Type, parse,
};

pub(super) const NAMESPACE: &str = "fuzzed";

/// A few runs of every kind.
pub(super) static INDEX: LazyLock<Reader> = LazyLock::new(|| {
    let mut index = Index::in_memory().expect("an index in memory");
    let runs = (0..12).map(|number| Change::Upsert(Box::new(record(number))));
    index.apply(1, 1, runs).expect("an empty index takes them");
    index.reader().expect("an index in memory is read")
});

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::with_custom(Type::ALL.map(|kind| (format!("Custom{}", kind.name()), kind))));

fn record(number: i64) -> Record {
    let is_open = number % 3 == 0;
    let other = || RunRef { workflow_id: "parent".to_owned(), run_id: format!("run-{number}") };
    Record {
        namespace: NAMESPACE.to_owned(),
        workflow_id: format!("w-{}", number % 5),
        run_id: format!("018c5e2a-1111-4222-8333-4444555566{number:02x}"),
        workflow_type: ["order", "Order's", "größe"][usize::try_from(number).unwrap_or(0) % 3].to_owned(),
        status: if is_open { Status::Running } else { Status::Completed },
        task_queue: "q".to_owned(),
        start_time: number * 1_000,
        execution_time: number * 1_000,
        close_time: (!is_open).then_some(number * 2_000),
        history_length: number,
        history_size_bytes: number * 100,
        state_transition_count: number,
        parent: (number % 2 == 0).then(other),
        root: (number % 2 == 0).then(other),
        memo: Vec::new(),
        search_attributes: attributes(number).encode_to_vec(),
    }
}

fn attributes(number: i64) -> SearchAttributes {
    let json = |kind: Type| match kind {
        Type::Text => format!("\"some words {number}\""),
        Type::Keyword => format!("\"k{}\"", number % 3),
        Type::Int => number.to_string(),
        Type::Double => format!("{number}.5"),
        Type::Bool => (number % 2 == 0).to_string(),
        Type::Datetime => format!("\"2024-01-0{}T00:00:00Z\"", 1 + number % 9),
        Type::KeywordList => format!("[\"a\", \"k{number}\"]"),
    };
    let payload = |kind: Type| Payload {
        metadata: [("encoding", "json/plain"), ("type", kind.name())]
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
            .into(),
        data: json(kind).into_bytes(),
        ..Payload::default()
    };
    let kinds = Type::ALL.into_iter().filter(|kind| (number + *kind as i64) % 4 != 0);
    SearchAttributes { indexed_fields: kinds.map(|kind| (format!("Custom{}", kind.name()), payload(kind))).collect() }
}

pub(super) fn parsed(text: &str) -> Query {
    parse(text, &SCHEMA).expect("a query of ours")
}

pub(super) fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let query = match parse(text, &SCHEMA) {
        Ok(query) => query,
        Err(error) => {
            assert!((1..=text.chars().count() + 1).contains(&error.position), "{error:?} of {text:?}");
            return;
        }
    };
    match INDEX.list(NAMESPACE, &query, &PageRequest { size: 5, token: None }) {
        Ok(_) | Err(Error::GroupedList) => {}
        Err(error) => panic!("{text:?} cannot be listed: {error}"),
    }
    if let Err(error) = INDEX.count(NAMESPACE, &query) {
        panic!("{text:?} cannot be counted: {error}");
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let queries = [
        "",
        "WorkflowId = 'w-1' AND (ExecutionStatus = 'Running' OR ExecutionStatus = \"Completed\")",
        "WorkflowType IN ('order', 'Order''s') AND NOT StartTime < '2024-01-01T00:00:00Z'",
        "StartTime BETWEEN '1970-01-01T00:00:00Z' AND '2030-01-01T00:00:00+02:00' ORDER BY StartTime DESC",
        "CustomKeyword != 'k1' AND CustomInt >= 3 AND CustomDouble < 1e3 AND CustomBool = true",
        "CustomText = 'words' OR CustomKeywordList IN ('a', 'k3') OR CustomDatetime > '2024-01-03T00:00:00Z'",
        "CloseTime IS NULL AND ParentWorkflowId IS NOT NULL AND WorkflowId STARTS_WITH 'w-'",
        "ExecutionDuration > '5m' AND HistoryLength > 0 AND HistorySizeBytes <= 1000 ORDER BY CustomInt",
        "`CustomKeyword` = 'k0' AND RunId = '018c5e2a-1111-4222-8333-444455556600' GROUP BY ExecutionStatus",
        "WorkflowType NOT IN ('a', 'b') AND CustomKeyword NOT STARTS_WITH 'k' GROUP BY WorkflowType",
        "TaskQueue = 'q' AND RootWorkflowId = 'parent' AND StateTransitionCount = 3 AND BuildIds IS NULL",
        "((((((((WorkflowId='a'))))))))",
    ];
    queries.map(|query| query.as_bytes().to_vec()).into()
}
