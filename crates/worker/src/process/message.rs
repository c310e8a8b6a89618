//! What the worker and a supervisor say to each other, a line of JSON each, over the supervisor's standard input.
//!
//! The supervisor says [`Note::Ready`]; the worker sends one [`Order`], and perhaps a [`Halt`]; the supervisor answers
//! with [`Note::Ended`] or [`Note::Failed`]. If the worker's end closes, the supervisor kills the command.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Stop;
use crate::sandbox::Confinement;

/// What is to be run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub program: String,
    pub args: Vec<String>,
    pub directory: PathBuf,
    pub environment: BTreeMap<String, String>,
    pub input: Vec<u8>,
    pub bounds: Bounds,
    pub confinement: Confinement,
}

/// The limits that the supervisor holds; the worker holds time and output.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Bounds {
    pub cpu_ms: u64,
    pub memory_bytes: u64,
    pub processes: u32,
    pub file_bytes: u64,
    pub grace_ms: u64,
}

/// The worker wants the command to end.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Halt {
    pub stop: Stop,
}

/// What a supervisor says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Note {
    Ready,
    Ended(Ended),
    Failed { kind: Kind, message: String },
}

/// How the command ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub exited: Option<i32>,
    pub signalled: Option<i32>,
    pub stopped: Option<Stop>,
    pub cpu_ms: u64,
    pub memory_peak_bytes: u64,
    pub leftovers: u32,
}

/// Why the command did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    NotFound,
    Refused,
    Environment,
}
