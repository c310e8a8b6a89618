//! Golden bytes of everything that nodes say to each other, and what happens to messages that nobody wrote.

use super::*;
use crate::types::{self, Batch, Entry, Vote};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("two digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

fn check_request(value: &Request, golden: &str) {
    let bytes = request(value);
    assert_eq!(hex(&bytes), golden);
    let read = read_request(bytes.clone()).expect("what was written is readable");
    assert_eq!(format!("{read:?}"), format!("{value:?}"));
    for end in 0..bytes.len() {
        assert!(read_request(bytes.slice(..end)).is_err(), "{value:?} cut at {end}");
    }
    assert!(read_request([&bytes[..], &[0]].concat().into()).is_err(), "{value:?} and a byte");
}

fn check_response(value: &Response, golden: &str) {
    let bytes = response(value);
    assert_eq!(hex(&bytes), golden);
    assert_eq!(read_response(bytes.clone()).as_ref(), Ok(value));
    for end in 0..bytes.len() {
        assert!(read_response(bytes.slice(..end)).is_err(), "{value:?} cut at {end}");
    }
    assert!(read_response([&bytes[..], &[0]].concat().into()).is_err(), "{value:?} and a byte");
}

fn entries() -> Vec<Entry> {
    let batch = EntryPayload::Normal(Batch(Bytes::from_static(b"abc")));
    vec![
        Entry { log_id: types::log_id(6, 9), payload: EntryPayload::Blank },
        Entry { log_id: types::log_id(7, 10), payload: batch },
    ]
}

#[test]
fn requests_keep_their_bytes() {
    let append = AppendEntriesRequest {
        vote: Vote::new_committed(7, NodeId(2)),
        prev_log_id: Some(types::log_id(6, 8)),
        entries: entries(),
        leader_commit: Some(types::log_id(5, 3)),
    };
    check_request(
        &Request::Append(append),
        concat!(
            "0101",
            "0000000000000007000000000000000201",
            "0100000000000000060000000000000009",
            "0100000000000000050000000000000004",
            "00000002",
            "0000000a01000000000000000006",
            "0000000d01010000000000000007616263",
        ),
    );
    let vote = VoteRequest {
        vote: Vote::new(8, NodeId(3)),
        last_log_id: Some(types::log_id(7, 10)),
        leadership_transfer: true,
    };
    let body = "0000000000000008000000000000000300010000000000000007000000000000000b";
    check_request(&Request::Vote(vote.clone()), &format!("0102{body}01"));
    check_request(&Request::PreVote(vote), &format!("0103{body}01"));
    let transfer = TransferLeaderRequest::new(Vote::new_committed(7, NodeId(2)), NodeId(3), None);
    check_request(&Request::Transfer(transfer), "01040000000000000007000000000000000201000000000000000300");
    check_request(&Request::ReadIndex, "0105");
}

#[test]
fn pieces_keep_their_bytes_and_carry_a_checksum() {
    let mark = Bytes::from_static(&[9, 8]);
    let vote = Vote::new_committed(7, NodeId(2));
    let piece = Piece { vote, mark, transfer: 3, number: 4, last: true, bytes: Bytes::from_static(b"abc") };
    let bytes = request(&Request::Piece(piece.clone()));
    let golden = "0106000000000000000700000000000000020100000002090800000000000000030000000000000004";
    assert_eq!(hex(&bytes), format!("{golden}01352441c2616263"));
    let Ok(Request::Piece(read)) = read_request(bytes.clone()) else { panic!("it is a piece") };
    assert_eq!(read, piece);
    for at in 0..bytes.len() {
        assert!(read_request(bytes.slice(..at)).is_err(), "cut at {at}");
    }
    let mut damaged = bytes.to_vec();
    *damaged.last_mut().expect("it is not empty") ^= 1;
    let refused = read_request(damaged.into()).map(|_| ());
    assert_eq!(refused, Err(CodecError::Checksum { record: "piece" }));

    check_response(&Response::Piece(PieceTaken::Next(5)), "0106000000000000000005");
    check_response(&Response::Piece(PieceTaken::HigherVote(vote)), "0106010000000000000007000000000000000201");
    check_response(&Response::Piece(PieceTaken::Installed(vote)), "0106020000000000000007000000000000000201");
}

#[test]
fn responses_keep_their_bytes() {
    let vote = Vote::new(8, NodeId(3));
    let place = Some(types::log_id(7, 10));
    let (vote_bytes, place_bytes) = ("0000000000000008000000000000000300", "010000000000000007000000000000000b");
    let appended = |appended| Response::Appended(appended);
    check_response(&appended(AppendEntriesResponse::Success), "010100");
    check_response(&appended(AppendEntriesResponse::PartialSuccess(place)), &format!("010101{place_bytes}"));
    check_response(&appended(AppendEntriesResponse::Conflict), "010102");
    check_response(&appended(AppendEntriesResponse::HigherVote(vote)), &format!("010103{vote_bytes}"));
    let voted = VoteResponse { vote, vote_granted: true, last_log_id: place };
    check_response(&Response::Voted(voted), &format!("0102{vote_bytes}01{place_bytes}"));
    check_response(&Response::Transferred(Ok(())), "010400");
    let changed = TransferLeaderError::VoteChanged { expected: vote, actual: vote };
    check_response(&Response::Transferred(Err(changed)), &format!("010401{vote_bytes}{vote_bytes}"));
    let behind = TransferLeaderError::LogNotFlushed { expected: place, actual: None };
    check_response(&Response::Transferred(Err(behind)), &format!("010402{place_bytes}00"));
    check_response(&Response::ReadIndex(Ok(12)), "010500000000000000000c");
    let moved = ReadError::NotLeader { leader: Some(NodeId(4)) };
    check_response(&Response::ReadIndex(Err(moved)), "0105010000000000000004");
    check_response(&Response::ReadIndex(Err(ReadError::NotLeader { leader: None })), "0105010000000000000000");
    check_response(&Response::ReadIndex(Err(ReadError::Stopped)), "010502");
}

#[test]
fn what_is_decoded_is_in_the_memory_of_the_message() {
    let append = AppendEntriesRequest {
        vote: Vote::new_committed(7, NodeId(2)),
        prev_log_id: Some(types::log_id(6, 8)),
        entries: entries(),
        leader_commit: None,
    };
    let bytes = request(&Request::Append(append));
    let Ok(Request::Append(read)) = read_request(bytes.clone()) else { panic!("it is an append") };
    let EntryPayload::Normal(Batch(batch)) = &read.entries[1].payload else { panic!("it is a batch") };
    assert!(bytes.as_ptr_range().contains(&batch.as_ptr()));
}

#[test]
fn a_stranger_makes_no_room_and_no_panic() {
    let vote = "0000000000000007000000000000000201";
    // Four billion entries, and none.
    assert!(read_request(unhex(&format!("0101{vote}0000ffffffff"))).is_err());
    // An entry behind the last place that there is.
    let last = "010000000000000007ffffffffffffffff";
    let entry = "0000000a01000000000000000006";
    let refused = read_request(unhex(&format!("0101{vote}{last}0000000001{entry}")));
    assert!(matches!(refused, Err(CodecError::Value { .. })), "{refused:?}");
    assert_eq!(read_request(unhex("01ff")).map(|_| ()), Err(CodecError::Value { record: "request", found: 255 }));
    assert_eq!(read_response(unhex("02")), Err(CodecError::Version { record: "response", found: 2 }));
}
