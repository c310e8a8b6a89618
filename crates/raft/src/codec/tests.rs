//! Golden bytes of everything that reaches a disk, and what happens to bytes that nobody wrote.

use std::collections::BTreeSet;

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn membership() -> Membership {
    let voters = [BTreeSet::from([NodeId(1)]), BTreeSet::from([NodeId(1), NodeId(2)])];
    Membership::new_with_defaults(voters.to_vec(), [NodeId(3)])
}

fn entry_of(payload: EntryPayload) -> Entry {
    Entry { log_id: types::log_id(7, 41), payload }
}

fn check_entry(payload: EntryPayload, golden: &str) {
    let bytes = entry(&entry_of(payload.clone()));
    assert_eq!(hex(&bytes), golden);
    assert_eq!(read_term(&bytes), Ok(7));
    assert_eq!(read_entry(41, bytes), Ok(entry_of(payload)));
}

#[test]
fn entries_keep_their_bytes() {
    check_entry(EntryPayload::Blank, "01000000000000000007");
    check_entry(EntryPayload::Normal(Batch(Bytes::from_static(b"abc"))), "01010000000000000007616263");
    check_entry(
        EntryPayload::Membership(membership()),
        concat!(
            "01020000000000000007",
            "0002",
            "00010000000000000001",
            "000200000000000000010000000000000002",
            "0003000000000000000100000000000000020000000000000003",
        ),
    );
}

#[test]
fn votes_keep_their_bytes() {
    for (value, golden) in [
        (Vote::new(5, NodeId(2)), "010000000000000005000000000000000200"),
        (Vote::new_committed(5, NodeId(2)), "010000000000000005000000000000000201"),
    ] {
        let bytes = vote(&value);
        assert_eq!(hex(&bytes), golden);
        assert_eq!(read_vote(bytes), Ok(value));
    }
}

#[test]
fn places_keep_their_bytes_and_count_from_one() {
    let bytes = place(&types::log_id(3, 0));
    assert_eq!(hex(&bytes), "0100000000000000030000000000000001");
    assert_eq!(read_place(bytes), Ok(types::log_id(3, 0)));
}

#[test]
fn marks_keep_their_bytes() {
    let applied = types::log_id(7, 41);
    let stored = StoredMembership::new(Some(types::log_id(6, 9)), membership());
    let bytes = mark(&applied, &stored_membership(&stored));
    let golden = concat!(
        "010000000000000007000000000000002a",
        "010000000000000006000000000000000a",
        "0002",
        "00010000000000000001",
        "000200000000000000010000000000000002",
        "0003000000000000000100000000000000020000000000000003",
    );
    assert_eq!(hex(&bytes), golden);
    assert_eq!(read_mark(bytes), Ok(Mark { applied, membership: stored }));
}

#[test]
fn a_mark_before_any_membership_is_readable() {
    let applied = types::log_id(1, 0);
    let bytes = mark(&applied, &stored_membership(&StoredMembership::default()));
    assert_eq!(read_mark(bytes), Ok(Mark { applied, membership: StoredMembership::default() }));
}

#[test]
fn every_cut_and_every_addition_is_refused() {
    let stored = StoredMembership::new(Some(types::log_id(6, 9)), membership());
    let whole = mark(&types::log_id(7, 41), &stored_membership(&stored));
    for end in 0..whole.len() {
        assert!(matches!(read_mark(whole.slice(..end)), Err(CodecError::Length { .. })), "cut at {end}");
    }
    let longer = Bytes::from([&whole[..], &[0]].concat());
    assert!(matches!(read_mark(longer), Err(CodecError::Length { .. })));
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let unhex = |text: &str| {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        Bytes::from((0..text.len()).step_by(2).map(digit).collect::<Vec<_>>())
    };
    assert_eq!(read_vote(unhex("02")), Err(CodecError::Version { record: "vote", found: 2 }));
    let kind = read_entry(0, unhex("01090000000000000007"));
    assert_eq!(kind, Err(CodecError::Value { record: "entry", found: 9 }));
    let index = read_place(unhex("0100000000000000030000000000000000"));
    assert_eq!(index, Err(CodecError::Value { record: "place", found: 0 }));
    // A voter that is no node.
    let stranger = read_entry(0, unhex("01020000000000000007000100010000000000000001000100000000000000ff"));
    assert_eq!(stranger, Err(CodecError::Value { record: "entry", found: 1 }));
}
