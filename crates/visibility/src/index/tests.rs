//! The index against a naive model of lists and counts, and what it promises about transactions, paging and reopening.

mod gather;
mod model;
mod plans;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;

use proptest::prelude::*;
use prost::Message;
use weft_protocol::api::common::{Payload, SearchAttributes};

use super::*;
use crate::attribute::Type;
use crate::filter::{self, Query};
use crate::plan::{Walk, sql::Literal};
use crate::record::{RunRef, Status};
use crate::schema::Schema;
use model::Model;

fn schema() -> Schema {
    let custom = [
        ("Colour", Type::Keyword),
        ("Tags", Type::KeywordList),
        ("Notes", Type::Text),
        ("Size", Type::Int),
        ("Weight", Type::Double),
        ("Urgent", Type::Bool),
        ("Due", Type::Datetime),
    ];
    Schema::with_custom(custom.map(|(name, kind)| (name.to_owned(), kind)))
}

fn query(text: &str) -> Query {
    filter::parse(text, &schema()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn attributes(fields: &[(&str, &str, &str)]) -> Vec<u8> {
    let payload = |kind: &str, json: &str| Payload {
        metadata: HashMap::from([("type".to_owned(), kind.as_bytes().to_vec())]),
        data: json.as_bytes().to_vec(),
        ..Payload::default()
    };
    let indexed_fields = fields.iter().map(|(name, kind, json)| ((*name).to_owned(), payload(kind, json))).collect();
    SearchAttributes { indexed_fields }.encode_to_vec()
}

fn record(run: &str, status: Status, start: i64) -> Record {
    Record {
        namespace: "ns".to_owned(),
        workflow_id: format!("w-{run}"),
        run_id: run.to_owned(),
        workflow_type: "T".to_owned(),
        status,
        task_queue: "q".to_owned(),
        start_time: start,
        execution_time: start,
        close_time: (!status.is_open()).then_some(start + 10),
        history_length: 3,
        history_size_bytes: 300,
        state_transition_count: 2,
        parent: None,
        root: None,
        memo: vec![1],
        search_attributes: Vec::new(),
    }
}

fn upsert(record: Record) -> Change {
    Change::Upsert(Box::new(record))
}

/// All runs of a walk, a few at a time, with something done after each step.
fn walked(reader: &Reader, text: &str, how: Walk, mut between: impl FnMut(&[Record])) -> Vec<String> {
    let query = query(text);
    let mut runs: Vec<String> = Vec::new();
    loop {
        let step = crate::plan::Step { after: runs.last().cloned(), limit: 2, how };
        let found = reader.walk("ns", &query, &step).expect("it can be read");
        if found.is_empty() {
            return runs;
        }
        between(&found);
        runs.extend(found.into_iter().map(|record| record.run_id));
    }
}

/// All pages of a list, run by run.
fn listed(reader: &Reader, text: &str, size: usize) -> Vec<String> {
    let query = query(text);
    let mut runs = Vec::new();
    let mut token = None;
    loop {
        let page =
            reader.list("ns", &query, &PageRequest { size, token }).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(page.records.len() <= size);
        runs.extend(page.records.into_iter().map(|record| record.run_id));
        assert!(runs.len() < 1_000, "{text}: the list never ends");
        token = page.next;
        if token.is_none() {
            return runs;
        }
    }
}

fn check(index: &Index, text: &str, expected: &[&str]) {
    let reader = index.reader().expect("a reader");
    assert_eq!(listed(&reader, text, 2), expected, "{text}");
    assert_eq!(reader.count("ns", &query(text)).expect(text).total, expected.len() as u64, "count of {text}");
}

#[test]
fn a_step_of_a_walk_that_is_full_looks_no_further() {
    let mut index = Index::in_memory().expect("an index");
    let runs = ["a", "b", "c"].map(|run| upsert(record(run, Status::Running, 1)));
    index.apply(1, 1, runs).expect("applied");
    let reader = index.reader().expect("a reader");
    for how in [Walk::Few, Walk::Many] {
        let step = |limit| crate::plan::Step { after: None, limit, how };
        let more = |limit| reader.walk_part("ns", &query(""), &step(limit)).expect("a part").more();
        // Whoever goes on after the last one finds that there are no more.
        assert_eq!([2, 3, 4].map(more), [true, true, false]);
    }
}

#[test]
fn a_walk_meets_each_run_once_though_they_all_change_under_way() {
    for how in [Walk::Few, Walk::Many] {
        let mut index = Index::in_memory().expect("an index");
        // Two kinds of run ids, all started at the same time.
        let runs = (0..9).map(|i| match i % 2 {
            0 => format!("0198c0de-0000-7000-8000-0000000000{i:02}"),
            _ => format!("odd {i}"),
        });
        let runs: Vec<String> = runs.collect();
        index.apply(1, 1, runs.iter().map(|run| upsert(record(run, Status::Running, 1)))).expect("applied");
        let reader = index.reader().expect("a reader");
        let mut at = 1;
        let mut walked = walked(&reader, "WorkflowType = 'T'", how, |found| {
            at += 1;
            let closed = found.iter().map(|run| upsert(record(&run.run_id, Status::Terminated, 1)));
            index.apply(1, at, closed).expect("applied");
        });
        walked.sort();
        let mut all = runs;
        all.sort();
        assert_eq!(walked, all, "{how:?}");
    }
}

#[test]
fn open_executions_come_first_then_the_latest_closed() {
    let mut index = Index::in_memory().expect("an index");
    let rows = [
        record("closed-early", Status::Completed, 1),
        record("open-old", Status::Running, 2),
        record("closed-late", Status::Failed, 5),
        record("open-new", Status::Paused, 4),
    ];
    index.apply(1, 1, rows.map(upsert)).expect("applied");
    check(&index, "", &["open-new", "open-old", "closed-late", "closed-early"]);
    check(&index, "CloseTime IS NOT NULL", &["closed-late", "closed-early"]);
    check(&index, "ORDER BY StartTime ASC", &["closed-early", "open-old", "open-new", "closed-late"]);
    check(&index, "ORDER BY CloseTime DESC", &["closed-late", "closed-early", "open-new", "open-old"]);
}

#[test]
fn a_record_is_shown_as_it_was_fed() {
    let mut index = Index::in_memory().expect("an index");
    let run = |id: &str| Some(RunRef { workflow_id: "p".to_owned(), run_id: id.to_owned() });
    let mut child = record("0f8fad5b-d9cb-469f-a165-70867728950e", Status::Completed, 7);
    child.parent = run("1f8fad5b-d9cb-469f-a165-70867728950e");
    child.root = run("odd root");
    child.search_attributes = attributes(&[("Colour", "Keyword", "\"red\"")]);
    index.apply(1, 1, [upsert(child.clone())]).expect("applied");
    let reader = index.reader().expect("a reader");
    for text in [
        "",
        "RunId = '0f8fad5b-d9cb-469f-a165-70867728950e'",
        "RunId STARTS_WITH '0f8f'",
        "ParentRunId = '1f8fad5b-d9cb-469f-a165-70867728950e'",
        "ParentRunId STARTS_WITH '1f8fad5b-d9cb'",
        "ParentWorkflowId = 'p'",
        "RootWorkflowId IN ('p', 'x')",
        "RootRunId = 'odd root'",
    ] {
        let page = reader.list("ns", &query(text), &PageRequest { size: 5, token: None }).expect(text);
        assert_eq!(page.records, vec![child.clone()], "{text}");
    }
    check(&index, "RootWorkflowId = 'w-0f8fad5b-d9cb-469f-a165-70867728950e'", &[]);
}

#[test]
fn an_execution_of_a_division_is_hidden_unless_asked_for() {
    let mut index = Index::in_memory().expect("an index");
    let mut hidden = record("hidden", Status::Running, 2);
    hidden.search_attributes = attributes(&[("TemporalNamespaceDivision", "Keyword", "\"TemporalScheduler\"")]);
    index.apply(1, 1, [upsert(record("shown", Status::Running, 1)), upsert(hidden)]).expect("applied");
    check(&index, "", &["shown"]);
    check(&index, "ExecutionStatus = 'Running'", &["shown"]);
    check(&index, "TemporalNamespaceDivision = 'TemporalScheduler'", &["hidden"]);
    check(&index, "TemporalNamespaceDivision IS NULL OR TemporalNamespaceDivision IS NOT NULL", &["hidden", "shown"]);
}

#[test]
fn what_is_missing_matches_neither_a_test_nor_its_opposite() {
    let mut index = Index::in_memory().expect("an index");
    let mut red = record("red", Status::Running, 2);
    red.search_attributes = attributes(&[
        ("Colour", "Keyword", "\"red\""),
        ("Tags", "KeywordList", "[\"a\",\"b\"]"),
        ("Notes", "Text", "\"Hello big World\""),
    ]);
    index.apply(1, 1, [upsert(record("plain", Status::Running, 1)), upsert(red)]).expect("applied");
    check(&index, "Colour != 'blue'", &["red"]);
    check(&index, "NOT Colour = 'blue'", &["red"]);
    check(&index, "Colour IS NULL", &["plain"]);
    // Lists and texts are sets.
    check(&index, "Tags = 'b'", &["red"]);
    check(&index, "Tags IN ('a', 'b')", &["red"]);
    check(&index, "Tags != 'c'", &["red", "plain"]);
    check(&index, "Notes = 'world peace'", &["red"]);
    check(&index, "Notes != 'hello'", &["plain"]);
}

#[test]
fn several_changes_of_a_run_become_the_last_one() {
    let mut batch = Batch::default();
    batch.add(1, 1, [upsert(record("a", Status::Running, 1)), upsert(record("b", Status::Running, 1))]);
    batch.add(1, 2, [upsert(record("a", Status::Completed, 1))]);
    batch.add(1, 3, [Change::Remove { namespace: "ns".to_owned(), run_id: "b".to_owned() }]);
    assert_eq!(batch.len(), 2);
    let mut index = Index::in_memory().expect("an index");
    index.apply_batch(&batch).expect("applied");
    check(&index, "", &["a"]);
    check(&index, "ExecutionStatus = 'Completed'", &["a"]);
    assert_eq!(index.indexed(1), 3);
}

#[test]
fn a_run_that_closes_moves_in_every_list_and_count() {
    let mut index = Index::in_memory().expect("an index");
    let coloured = |status, colour: &str| {
        let mut row = record("a", status, 1);
        row.search_attributes = attributes(&[("Colour", "Keyword", colour), ("Size", "Int", "4")]);
        row
    };
    let newer = Record { close_time: Some(5), ..record("b", Status::Completed, 2) };
    index.apply(1, 1, [upsert(coloured(Status::Running, "\"red\"")), upsert(newer)]).expect("applied");
    check(&index, "", &["a", "b"]);
    index.apply(1, 2, [upsert(coloured(Status::Running, "\"blue\""))]).expect("applied");
    check(&index, "Colour = 'red'", &[]);
    check(&index, "Colour = 'blue'", &["a"]);
    let closed = Record { close_time: Some(4), ..coloured(Status::Failed, "\"blue\"") };
    index.apply(1, 3, [upsert(closed)]).expect("applied");
    check(&index, "", &["b", "a"]);
    check(&index, "ExecutionStatus = 'Running'", &[]);
    check(&index, "ExecutionStatus = 'Failed'", &["a"]);
    check(&index, "Colour = 'blue' AND CloseTime IS NULL", &[]);
    check(&index, "Size = 4 AND CloseTime = 4", &["a"]);
}

#[test]
fn an_entry_that_was_applied_before_does_nothing() {
    let mut index = Index::in_memory().expect("an index");
    index.apply(1, 5, [upsert(record("a", Status::Completed, 1))]).expect("applied");
    index.apply(1, 4, [upsert(record("a", Status::Running, 1))]).expect("applied");
    assert_eq!(index.indexed(1), 5);
    check(&index, "ExecutionStatus = 'Completed'", &["a"]);
}

#[test]
fn a_reopened_index_knows_how_far_it_is_and_what_it_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("visibility.sqlite");
    let mut index = Index::open(&path).expect("opened");
    index.apply(7, 41, [upsert(record("a", Status::Running, 1))]).expect("applied");
    assert_eq!(index.persist().expect("persisted"), BTreeMap::from([(7, 41)]));
    index.apply(7, 42, [upsert(record("b", Status::Running, 2))]).expect("applied");
    drop(index);
    let index = Index::open(&path).expect("opened again");
    assert_eq!((index.indexed(7), index.indexed(8)), (42, 0));
    check(&index, "", &["b", "a"]);
}

#[test]
fn a_file_that_is_no_index_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("visibility.sqlite");
    fs::write(&path, vec![b'x'; 8_192]).expect("written");
    let index = Index::open(&path).expect("opened");
    assert_eq!(index.indexed(1), 0);
    drop(index);
    let connection = Connection::open(&path).expect("opened");
    connection.pragma_update(None, "user_version", 99).expect("set");
    drop(connection);
    let mut index = Index::open(&path).expect("opened again");
    index.apply(1, 1, [upsert(record("a", Status::Running, 1))]).expect("applied");
    check(&index, "", &["a"]);
}

#[test]
fn a_rebuilt_group_holds_exactly_what_it_was_given() {
    let mut index = Index::in_memory().expect("an index");
    index.apply(1, 9, [upsert(record("old", Status::Running, 1))]).expect("applied");
    index.apply(2, 3, [upsert(record("other", Status::Failed, 2))]).expect("applied");
    let records = [Ok::<_, Infallible>(record("new", Status::Completed, 3))];
    index.rebuild_group(1, 12, records).expect("rebuilt");
    check(&index, "", &["new", "other"]);
    check(&index, "ExecutionStatus = 'Running'", &[]);
    assert_eq!((index.indexed(1), index.indexed(2)), (12, 3));
    index.remove_group(1).expect("removed");
    check(&index, "", &["other"]);
    assert_eq!(index.indexed(1), 0);
}

#[test]
fn a_group_whose_records_cannot_all_be_read_is_not_indexed() {
    let mut index = Index::in_memory().expect("an index");
    index.apply(1, 9, [upsert(record("old", Status::Running, 1))]).expect("applied");
    let records = [Ok(record("new", Status::Completed, 3)), Err("the disk")];
    assert!(matches!(index.rebuild_group(1, 12, records), Err(Rebuild::Source("the disk"))));
    assert_eq!(index.indexed(1), 0);
}

#[test]
fn pages_are_complete_and_without_repeats_while_executions_are_added() {
    for text in ["", "WorkflowType = 'T'", "Colour = 'red'", "ORDER BY StartTime DESC", "StartTime >= 0"] {
        let mut index = Index::in_memory().expect("an index");
        let row = |i: i64, status| {
            let mut row = record(&format!("run-{i:03}"), status, i);
            row.search_attributes = attributes(&[("Colour", "Keyword", "\"red\"")]);
            upsert(row)
        };
        let status = |i: i64| if i % 3 == 0 { Status::Running } else { Status::Completed };
        index.apply(1, 1, (0..60).map(|i| row(i, status(i)))).expect("applied");
        let reader = index.reader().expect("a reader");
        let query = query(text);
        let (mut seen, mut token, mut added) = (Vec::new(), None, 60);
        loop {
            let page = reader.list("ns", &query, &PageRequest { size: 7, token }).expect("a page");
            seen.extend(page.records.into_iter().map(|record| record.run_id));
            token = page.next;
            if token.is_none() {
                break;
            }
            index.apply(1, added as u64, (added..added + 5).map(|i| row(i, status(i)))).expect("applied");
            added += 5;
            assert!(added < 1_000, "{text}: the list never ends");
        }
        let different: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(different.len(), seen.len(), "{text}: repeats");
        for i in 0..60 {
            assert!(different.contains(&format!("run-{i:03}")), "{text}: run {i} is missing");
        }
    }
}

#[test]
fn a_token_of_another_order_is_refused() {
    let mut index = Index::in_memory().expect("an index");
    index.apply(1, 1, (0..5).map(|i| upsert(record(&format!("r{i}"), Status::Running, i)))).expect("applied");
    let reader = index.reader().expect("a reader");
    let first = reader.list("ns", &Query::all(), &PageRequest { size: 2, token: None }).expect("a page");
    let request = PageRequest { size: 2, token: first.next };
    assert!(matches!(reader.list("ns", &query("ORDER BY StartTime"), &request), Err(Error::Token(_))));
    let garbage = PageRequest { size: 2, token: Some(vec![1, 7, 7]) };
    assert!(matches!(reader.list("ns", &Query::all(), &garbage), Err(Error::Token(_))));
    let grouped = reader.list("ns", &query("GROUP BY ExecutionStatus"), &request);
    assert!(matches!(grouped, Err(Error::GroupedList)));
}

#[test]
fn the_largest_query_that_is_read_is_also_answered() {
    let mut index = Index::in_memory().expect("an index");
    index.apply(1, 1, [upsert(record("a", Status::Running, 1))]).expect("applied");
    let depth = crate::limits::QUERY_DEPTH_MAX;
    let nested =
        format!("{}HistoryLength = 3{}", "NOT (HistoryLength = 1 OR ".repeat(depth / 2), ")".repeat(depth / 2));
    check(&index, &nested, &["a"]);
    let conditions = crate::limits::QUERY_CONDITIONS_MAX;
    let chain = |by: &str| vec!["Colour='red'"; conditions].join(by);
    check(&index, &chain(" OR "), &[]);
    check(&index, &chain(" AND "), &[]);
    let values: Vec<String> = (0..crate::limits::QUERY_VALUES_MAX).map(|i| i.to_string()).collect();
    check(&index, &format!("HistoryLength IN ({})", values.join(",")), &["a"]);
}

fn arb_record() -> impl Strategy<Value = Record> {
    let keyword = |values: &'static [&'static str]| proptest::sample::select(values);
    let fields = (
        proptest::option::of(keyword(&["\"red\"", "\"blue\"", "\"reddish\""])),
        proptest::option::of(keyword(&["[\"a\"]", "[\"a\",\"b\"]", "[\"b\",\"c\"]", "[]"])),
        proptest::option::of(keyword(&["\"hello world\"", "\"World\"", "\"other\""])),
        proptest::option::of(keyword(&["1", "2", "3"])),
        proptest::option::of(keyword(&["0.5", "2", "2.5"])),
        proptest::option::of(keyword(&["true", "false"])),
        proptest::option::of(keyword(&["\"TemporalScheduler\""])),
    )
        .prop_map(|(colour, tags, notes, size, weight, urgent, division)| {
            let all = [
                ("Colour", "Keyword", colour),
                ("Tags", "KeywordList", tags),
                ("Notes", "Text", notes),
                ("Size", "Int", size),
                ("Weight", "Double", weight),
                ("Urgent", "Bool", urgent),
                ("TemporalNamespaceDivision", "Keyword", division.filter(|_| size == Some("3"))),
            ];
            let set: Vec<_> = all.into_iter().filter_map(|(name, kind, json)| Some((name, kind, json?))).collect();
            if set.is_empty() { Vec::new() } else { attributes(&set) }
        });
    let ids = (0..12_u8, 0..4_u8, proptest::sample::select(&["Order", "Pay", "Orderly"][..]), 0..2_u8);
    let times = (0..6_i64, 0..4_i64, proptest::sample::select(&Status::ALL[..]));
    (ids, times, fields, proptest::option::of(0..3_u8)).prop_map(
        |((run, workflow, kind, queue), (start, took, status), search_attributes, parent)| {
            let related = |number: u8| RunRef { workflow_id: format!("w{number}"), run_id: run_id(number) };
            Record {
                namespace: "ns".to_owned(),
                workflow_id: format!("w{workflow}"),
                run_id: run_id(run),
                workflow_type: kind.to_owned(),
                status,
                task_queue: format!("q{queue}"),
                start_time: start,
                execution_time: start + i64::from(queue),
                close_time: (!status.is_open()).then_some(start + took),
                history_length: took,
                history_size_bytes: took * 10,
                state_transition_count: start,
                parent: parent.map(related),
                root: parent.map(|number| related(number / 2)),
                memo: vec![workflow],
                search_attributes,
            }
        },
    )
}

/// Some are UUIDs and some are not.
fn run_id(number: u8) -> String {
    if number.is_multiple_of(3) { format!("run-{number}") } else { format!("{number:08x}-d9cb-469f-a165-70867728950e") }
}

const CONDITIONS: &[&str] = &[
    "WorkflowId = 'w1'",
    "WorkflowId IN ('w1','w2')",
    "WorkflowId STARTS_WITH 'w'",
    "WorkflowId != 'w0'",
    "WorkflowId BETWEEN 'w1' AND 'w2'",
    "RunId = 'run-3'",
    "RunId IN ('run-3', '00000001-d9cb-469f-a165-70867728950e')",
    "RunId STARTS_WITH '0000'",
    "RunId > 'run-0'",
    "RunId != 'run-0'",
    "WorkflowType = 'Order'",
    "WorkflowType IN ('Order','Pay')",
    "WorkflowType STARTS_WITH 'Order'",
    "WorkflowType NOT IN ('Pay')",
    "ExecutionStatus = 'Running'",
    "ExecutionStatus != 'Completed'",
    "ExecutionStatus IN ('Failed','Paused')",
    "ExecutionStatus NOT IN (1, 2)",
    "CloseTime IS NULL",
    "CloseTime IS NOT NULL",
    "CloseTime > 4",
    "CloseTime <= 5",
    "CloseTime BETWEEN 2 AND 4",
    "CloseTime != 4",
    "NOT CloseTime < 4",
    "StartTime >= 3",
    "StartTime < 3",
    "StartTime = 2",
    "StartTime BETWEEN 1 AND 3",
    "StartTime NOT BETWEEN 1 AND 3",
    "ExecutionTime > 2",
    "ExecutionDuration >= 1",
    "ExecutionDuration IS NULL",
    "HistoryLength IN (1, 2)",
    "HistorySizeBytes > 15",
    "StateTransitionCount = 3",
    "TaskQueue = 'q0'",
    "ParentWorkflowId = 'w1'",
    "ParentWorkflowId IS NULL",
    "ParentWorkflowId != 'w1'",
    "ParentRunId = 'run-0'",
    "RootWorkflowId = 'w0'",
    "RootWorkflowId IN ('w0','w1')",
    "RootRunId STARTS_WITH 'run'",
    "Colour = 'red'",
    "Colour != 'red'",
    "Colour IN ('red','blue')",
    "Colour STARTS_WITH 'red'",
    "Colour IS NULL",
    "Colour < 'red'",
    "Tags = 'a'",
    "Tags != 'a'",
    "Tags IN ('a','b')",
    "Tags NOT IN ('b')",
    "Tags IS NULL",
    "Notes = 'world'",
    "Notes != 'hello other'",
    "Notes IS NOT NULL",
    "Size = 2",
    "Size > 1",
    "Size BETWEEN 1 AND 2",
    "Size IN (1, 2.0)",
    "Size IS NULL",
    "Weight = 2",
    "Weight >= 0.5",
    "Urgent = true",
    "Urgent != true",
    "Urgent IS NULL",
    "TemporalNamespaceDivision = 'TemporalScheduler'",
    "TemporalNamespaceDivision IS NULL",
    "TemporalNamespaceDivision IS NOT NULL",
    "TemporalNamespaceDivision != 'x'",
];

fn arb_condition() -> impl Strategy<Value = String> {
    let tests = proptest::sample::select(CONDITIONS);
    tests.prop_map(str::to_owned).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" AND "))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" OR "))),
            inner.prop_map(|part| format!("NOT ({part})")),
        ]
    })
}

fn arb_order() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "",
        "",
        " ORDER BY StartTime",
        " ORDER BY StartTime DESC",
        " ORDER BY CloseTime",
        " ORDER BY Colour DESC",
        " ORDER BY Weight",
        " ORDER BY WorkflowType",
        " ORDER BY RunId DESC",
        " ORDER BY ParentRunId",
        " ORDER BY ExecutionDuration DESC",
        " ORDER BY Urgent",
    ])
}

#[derive(Clone, Debug)]
enum Step {
    Upserts(Vec<Record>),
    /// A run that is known goes on: what can change of it is taken from this one.
    GoesOn(u8, Box<Record>),
    Remove(u8),
    Rebuild,
}

fn arb_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => proptest::collection::vec(arb_record(), 1..8).prop_map(Step::Upserts),
        8 => (0..12_u8, arb_record()).prop_map(|(run, record)| Step::GoesOn(run, Box::new(record))),
        2 => (0..12_u8).prop_map(Step::Remove),
        1 => Just(Step::Rebuild),
    ]
}

fn run(steps: Vec<Step>) -> (Index, Model) {
    let mut index = Index::in_memory().expect("an index");
    let mut model = Model::default();
    for (at, step) in steps.into_iter().enumerate() {
        let position = at as u64 + 1;
        match step {
            Step::Upserts(records) => {
                records.iter().for_each(|record| model.upsert(record.clone()));
                index.apply(1, position, records.into_iter().map(upsert)).expect("applied");
            }
            Step::GoesOn(run, later) => {
                let Some(known) = model.records().into_iter().nth(usize::from(run)) else { continue };
                let record = Record {
                    status: later.status,
                    close_time: later.close_time.map(|close| close.max(known.start_time)),
                    history_length: later.history_length,
                    task_queue: later.task_queue,
                    memo: later.memo,
                    search_attributes: if run % 2 == 0 { later.search_attributes } else { known.search_attributes },
                    ..known
                };
                model.upsert(record.clone());
                index.apply(1, position, [upsert(record)]).expect("applied");
            }
            Step::Remove(run) => {
                model.remove(&run_id(run));
                let change = Change::Remove { namespace: "ns".to_owned(), run_id: run_id(run) };
                index.apply(1, position, [change]).expect("applied");
            }
            Step::Rebuild => {
                let records = model.records().into_iter().map(Ok::<_, Infallible>);
                index.rebuild_group(1, position, records).expect("rebuilt");
            }
        }
    }
    (index, model)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 300, ..ProptestConfig::default() })]
    #[test]
    fn lists_and_counts_agree_with_a_naive_model(
        steps in proptest::collection::vec(arb_step(), 1..16),
        filters in proptest::collection::vec((arb_condition(), arb_order()), 12),
        size in 1..5_usize,
    ) {
        let (index, model) = run(steps);
        let reader = index.reader().expect("a reader");
        prop_assert_eq!(listed(&reader, "", size), model.list(&Query::all()));
        for (filter, order) in filters {
            let text = format!("{filter}{order}");
            prop_assert_eq!(listed(&reader, &text, size), model.list(&query(&text)), "{}", text);
            let mut all = model.list(&query(&text));
            all.sort();
            for how in [Walk::Few, Walk::Many] {
                let mut walked = walked(&reader, &text, how, |_| {});
                walked.sort();
                prop_assert_eq!(&walked, &all, "{:?} {}", how, text);
            }
            for by in ["", " GROUP BY ExecutionStatus", " GROUP BY WorkflowType", " GROUP BY Colour", " GROUP BY Size"] {
                let text = format!("{filter}{by}");
                let count = reader.count("ns", &query(&text)).expect("a count");
                let groups: Vec<(Literal, u64)> = count.groups.into_iter().map(|group| (group.value, group.count)).collect();
                let (total, mut expected) = model.count(&query(&text));
                prop_assert_eq!(count.total, total, "{}", text);
                prop_assert!(groups.is_sorted_by_key(|(_, count)| std::cmp::Reverse(*count)));
                for group in groups {
                    let place = expected.iter().position(|expected| *expected == group);
                    prop_assert!(place.is_some(), "{}: {:?} not in {:?}", text, group, expected);
                    expected.remove(place.unwrap_or(0));
                }
                prop_assert!(expected.is_empty(), "{}: {:?} is missing", text, expected);
            }
        }
    }
}
