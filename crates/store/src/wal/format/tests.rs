//! The bytes of the log, pinned.

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn header() -> SegmentHeader {
    SegmentHeader { sequence: 7, generation: 9, oldest: 3, previous_end: 0x1200 }
}

fn record(kind: Kind, index: u64, bytes: &'static [u8]) -> Record {
    Record { kind, group: GroupId(0x0102), index, bytes: Bytes::from_static(bytes) }
}

fn every_kind() -> Vec<Record> {
    vec![
        record(Kind::Entry, 5, b"entry"),
        record(Kind::Vote, 0, b"vote"),
        record(Kind::Truncate, 4, b""),
        record(Kind::Purge, 2, b"mark"),
        record(Kind::Committed, 0, b"c"),
    ]
}

fn frame(generation: u64, offset: u64) -> Bytes {
    let mut bytes = Vec::new();
    encode_frame(&mut bytes, generation, offset, every_kind().iter());
    Bytes::from(bytes)
}

#[test]
fn a_segment_header_has_these_bytes_for_ever() {
    let bytes = header().encode();
    let golden = concat!(
        "5745465457414c00",
        "01000000",
        "95d0d18d",
        "0700000000000000",
        "0900000000000000",
        "0300000000000000",
        "0012000000000000",
    );
    assert_eq!(hex(&bytes[..48]), golden);
    assert!(bytes[48..].iter().all(|byte| *byte == 0));
    assert_eq!(SegmentHeader::decode(&bytes), FoundHeader::Valid(header()));
}

#[test]
fn a_frame_with_every_kind_of_record_has_these_bytes_for_ever() {
    let bytes = frame(9, 512);
    let golden = concat!(
        "5746524d",
        "a8c5b627",
        "0900000000000000",
        "63000000",
        "05000000",
        "0102010000050000000000000005000000656e747279",
        "0202010000000000000000000004000000766f7465",
        "0302010000040000000000000000000000",
        "0402010000020000000000000004000000",
        "6d61726b",
        "050201000000000000000000000100000063",
    );
    assert_eq!(hex(&bytes[..golden.len() / 2]), golden);
    assert_eq!(bytes.len(), 512);
    assert!(bytes[golden.len() / 2..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_record_that_forgets_a_group_has_these_bytes_for_ever() {
    let mut bytes = Vec::new();
    let record = record(Kind::Forget, 0, b"");
    record.encode(&mut bytes);
    assert_eq!(hex(&bytes), "0602010000000000000000000000000000");
    assert_eq!(Record::decode(&Bytes::from(bytes)), Some((record, RECORD_HEADER_BYTES)));
}

#[test]
fn a_frame_gives_back_its_records_and_where_their_bytes_are() {
    let bytes = frame(9, 512);
    let header = FrameHeader::decode(&bytes).expect("a header");
    assert_eq!(header.frame_bytes(512), Some(512));
    let body = header.body(&bytes, 9, 512).expect("valid");
    let (records, offsets): (Vec<_>, Vec<_>) = header.records(&body).expect("known records").into_iter().unzip();
    assert_eq!(records, every_kind());
    assert_eq!(&bytes[offsets[0]..][..5], b"entry");
    assert_eq!(&bytes[offsets[3]..][..4], b"mark");
}

#[test]
fn a_frame_is_valid_in_no_other_generation_and_at_no_other_offset() {
    let bytes = frame(9, 512);
    let header = FrameHeader::decode(&bytes).expect("a header");
    assert!(header.body(&bytes, 8, 512).is_none());
    assert!(header.body(&bytes, 9, 1024).is_none());
    let mut moved = bytes.to_vec();
    moved[8] = 8;
    let moved = Bytes::from(moved);
    assert!(FrameHeader::decode(&moved).expect("a header").body(&moved, 8, 512).is_none());
}

#[test]
fn a_frame_with_any_byte_changed_is_invalid() {
    let bytes = frame(9, 512);
    for place in 0..bytes.len() {
        let mut damaged = bytes.to_vec();
        damaged[place] ^= 0x40;
        let damaged = Bytes::from(damaged);
        let body = FrameHeader::decode(&damaged).and_then(|header| {
            header.frame_bytes(512)?;
            header.body(&damaged, 9, 512)
        });
        assert_eq!(body, None, "byte {place}");
    }
}

#[test]
fn a_header_with_any_byte_changed_is_damaged() {
    for place in 0..SECTOR_BYTES {
        let mut bytes = header().encode();
        bytes[place] ^= 0x40;
        assert_eq!(SegmentHeader::decode(&bytes), FoundHeader::Damaged, "byte {place}");
    }
}

#[test]
fn a_header_of_a_later_version_says_so() {
    let mut bytes = header().encode();
    bytes[8] = 2;
    let crc = header_crc(&bytes);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(SegmentHeader::decode(&bytes), FoundHeader::Version(2));
}

#[test]
fn a_length_that_the_file_does_not_have_is_not_believed() {
    let mut bytes = frame(9, 512).to_vec();
    bytes[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    let bytes = Bytes::from(bytes);
    let header = FrameHeader::decode(&bytes).expect("a header");
    assert_eq!(header.frame_bytes(512), None);
    assert_eq!(header.body(&bytes, 9, 512), None);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(0_u8.., 0..80)) {
        let bytes = Bytes::from(bytes);
        if let Some(header) = FrameHeader::decode(&bytes) {
            header.body(&bytes, 1, 1);
        }
        let header = FrameHeader { generation: 1, body_bytes: 80, records: 1 };
        header.records(&bytes);
        header.body(&bytes, 1, 1);
    }
}
