//! Golden bytes of the stored record and the refusals of its decoder.

use super::*;

fn record() -> Record {
    Record {
        namespace: "ns".to_owned(),
        workflow_id: "order-1".to_owned(),
        run_id: "r1".to_owned(),
        workflow_type: "Order".to_owned(),
        status: Status::Completed,
        task_queue: "q".to_owned(),
        start_time: 1_000,
        execution_time: 1_500,
        close_time: Some(3_000),
        history_length: 11,
        history_size_bytes: 512,
        state_transition_count: 4,
        parent: Some(RunRef { workflow_id: "p".to_owned(), run_id: "pr".to_owned() }),
        root: Some(RunRef { workflow_id: "o".to_owned(), run_id: "or".to_owned() }),
        memo: vec![1, 2],
        search_attributes: vec![3],
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_of_version_one_are_pinned() {
    let golden = "010a026e7312076f726465722d311a02723122054f7264657228023201 71 38e80740dc0b48b817500b588004\
                  60046a070a01701202707272070a016f12026f727a020102820101 03"
        .replace(' ', "");
    assert_eq!(hex(&record().encode()), golden);
}

#[test]
fn a_record_comes_back_as_it_was() {
    let open = Record { status: Status::Running, close_time: None, parent: None, root: None, ..record() };
    for record in [record(), open] {
        assert_eq!(Record::decode(&record.encode()), Ok(record));
    }
}

#[test]
fn foreign_bytes_are_refused() {
    assert_eq!(Record::decode(&[9, 1]), Err(DecodeError::Version(9)));
    assert!(matches!(Record::decode(&[]), Err(DecodeError::Damaged(_))));
    assert!(matches!(Record::decode(&[1, 0xff]), Err(DecodeError::Damaged(_))));
    // A status that does not exist.
    assert!(matches!(Record::decode(&[1, 0x28, 0x63]), Err(DecodeError::Damaged(_))));
}

#[test]
fn status_numbers_are_pinned() {
    let numbers: Vec<(i64, &str)> = Status::ALL.iter().map(|status| (status.number(), status.name())).collect();
    let expected = [
        (1, "Running"),
        (2, "Completed"),
        (3, "Failed"),
        (4, "Canceled"),
        (5, "Terminated"),
        (6, "ContinuedAsNew"),
        (7, "TimedOut"),
        (8, "Paused"),
    ];
    assert_eq!(numbers, expected);
}

#[test]
fn duration_counts_from_the_execution_time() {
    assert_eq!(record().execution_duration(), Some(1_500));
    assert_eq!(Record { close_time: None, ..record() }.execution_duration(), None);
}
