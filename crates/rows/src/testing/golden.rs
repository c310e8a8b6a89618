//! The bytes that are on disks: a change of a line in `golden.txt` is a new format, never an edit.

use std::{format, string::String};

const GOLDEN: &str = include_str!("golden.txt");

/// These bytes are what they have always been.
pub(crate) fn check(name: &str, bytes: &[u8]) {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let golden = GOLDEN.lines().filter_map(|line| line.split_once(" = ")).find(|(known, _)| *known == name);
    assert_eq!(golden.map(|(_, golden)| golden), Some(hex.as_str()), "golden: {name} = {hex}");
}
