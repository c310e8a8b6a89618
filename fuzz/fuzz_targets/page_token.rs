#![no_main]
//! libFuzzer over the target `page_token` of tests/fuzz.

libfuzzer_sys::fuzz_target!(|data: &[u8]| weft_fuzz::fuzz("page_token", data));
