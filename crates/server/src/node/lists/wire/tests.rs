//! What one node writes another reads, and the bytes are for ever.

use weft_protocol::prost::Message;
use weft_visibility::{Schema, Status, attribute::Type, parse, parse_for_schedules};

use super::*;

fn record(run: &str) -> Record {
    Record {
        namespace: "ns".to_owned(),
        workflow_id: "w".to_owned(),
        run_id: run.to_owned(),
        workflow_type: "T".to_owned(),
        status: Status::Completed,
        task_queue: "q".to_owned(),
        start_time: 1,
        execution_time: 2,
        close_time: Some(3),
        history_length: 4,
        history_size_bytes: 5,
        state_transition_count: 6,
        parent: None,
        root: None,
        memo: vec![7],
        search_attributes: Vec::new(),
    }
}

#[test]
fn a_query_is_read_as_it_was_whatever_the_other_node_knows_of_search_attributes() {
    let schema = || Schema::with_custom([("Colour".to_owned(), Type::Keyword), ("Size".to_owned(), Type::Int)]);
    let check = |query: Query, attributes: &[&str]| {
        let sent = selection("ns", &query, &BTreeSet::from([2, 5]));
        assert_eq!((sent.namespace_id.as_str(), sent.shards.as_slice()), ("ns", &[2, 5][..]));
        let names: Vec<_> = sent.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
        assert_eq!(names, attributes);
        assert_eq!(asked(sent).query(), Ok(query));
    };
    let read = |text: &str| parse(text, &schema()).expect(text);
    check(read(""), &[]);
    check(
        read("Colour = 'red' AND (NOT Size > 3 OR BuildIds = 'a') ORDER BY Size DESC"),
        &["BuildIds", "Colour", "Size"],
    );
    check(read("ExecutionStatus = 'Running' GROUP BY Colour"), &["Colour"]);
    let of_schedules =
        parse_for_schedules("Colour = 'red' AND SchedulePaused = true", schema()).expect("it makes sense");
    check(of_schedules, &["Colour", "TemporalNamespaceDivision", "TemporalSchedulePaused"]);
}

#[test]
fn rows_come_with_their_places() {
    let query = Query::all();
    // As a page token has it: version, usual order, closed, started, run.
    let place = |run: u8| [&[1, 0][..], &3_i64.to_be_bytes(), &1_i64.to_be_bytes(), &[run]].concat();
    let rows_of = |runs: &[u8]| {
        let row = |run: &u8| (place(*run), record(&char::from(*run).to_string()));
        runs.iter().map(row).collect::<Vec<_>>()
    };
    let part = Part::of_page(&query, rows_of(b"ba"), true).expect("in order");
    assert_eq!(page_part(rows(&part), &query).expect("our own"), part);
    let backwards = RowsPart { rows: rows(&part).rows.into_iter().rev().collect(), more: true };
    assert!(page_part(backwards, &query).is_err());
    assert!(page_part(RowsPart { rows: Vec::new(), more: true }, &query).is_err());
    let damaged = PlacedRow { record: vec![9].into(), place: place(b'a').into() };
    assert!(page_part(RowsPart { rows: vec![damaged], more: false }, &query).is_err());
    let walked = Part::of_walk(vec![record("a"), record("b")], false).expect("in order");
    assert_eq!(walk_part(rows(&walked)).expect("our own"), walked);
}

#[test]
fn counts_come_with_every_kind_of_value() {
    let values =
        [Literal::Null, Literal::Int(-1), Literal::Real(0.5), Literal::text("red"), Literal::Bytes(vec![1, 2])];
    let part = CountPart { groups: values.map(|value| Group { value, count: 3 }).into() };
    assert_eq!(count_part(counted(part.clone())), part);
}

#[test]
fn the_bytes_are_pinned() {
    let query = parse("Colour = 'r'", &Schema::with_custom([("Colour".to_owned(), Type::Keyword)])).expect("a query");
    let sent = selection("n", &query, &BTreeSet::from([7])).encode_to_vec();
    assert_eq!(sent, b"\x0a\x01n\x12\x01\x07\x1a\x0cColour = 'r'\x22\x0a\x0a\x06Colour\x10\x02");
    let groups = [Literal::Null, Literal::Int(1), Literal::text("t")].map(|value| Group { value, count: 2 });
    let sent = counted(CountPart { groups: groups.into() }).encode_to_vec();
    assert_eq!(sent, b"\x0a\x02\x28\x02\x0a\x04\x08\x02\x28\x02\x0a\x05\x1a\x01t\x28\x02");
    let row = PlacedRow { record: b"r".to_vec().into(), place: b"p".to_vec().into() };
    let sent = RowsPart { rows: vec![row], more: true }.encode_to_vec();
    assert_eq!(sent, b"\x0a\x06\x0a\x01r\x12\x01p\x10\x01");
}
