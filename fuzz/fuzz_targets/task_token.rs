#![no_main]
//! libFuzzer over the target `task_token` of tests/fuzz.

libfuzzer_sys::fuzz_target!(|data: &[u8]| weft_fuzz::fuzz("task_token", data));
