#![no_main]
//! libFuzzer over the target `raft_record` of tests/fuzz.

libfuzzer_sys::fuzz_target!(|data: &[u8]| weft_fuzz::fuzz("raft_record", data));
