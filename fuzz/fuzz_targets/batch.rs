#![no_main]
//! libFuzzer over the target `batch` of tests/fuzz.

libfuzzer_sys::fuzz_target!(|data: &[u8]| weft_fuzz::fuzz("batch", data));
