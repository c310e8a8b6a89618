//! How the process ends, and what is said when it does not end well.

use std::{io, process::ExitCode};

use weft_client::in_one_line;

use crate::output::{Format, Output, harmless_lines};

/// The exit codes. They stand in the help and scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Refused = 1,
    Usage = 2,
    Unreachable = 3,
    NotCompleted = 4,
}

impl Exit {
    /// The name that programs see.
    fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Usage => "usage",
            Self::Unreachable => "unreachable",
            Self::NotCompleted => "not_completed",
        }
    }
}

/// An error in one sentence, with its exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) says: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, says: impl Into<String>) -> Self {
        Self { exit, says: says.into() }
    }

    pub(crate) fn usage(says: impl Into<String>) -> Self {
        Self::new(Exit::Usage, says)
    }

    pub(crate) fn refused(says: impl Into<String>) -> Self {
        Self::new(Exit::Refused, says)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.says)
    }
}

impl std::error::Error for Failure {}

/// Says what went wrong on standard error, and with which code to end.
pub(crate) fn report(error: &anyhow::Error, output: &Output) -> ExitCode {
    let reader_left = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    if reader_left.into_iter().any(|cause| cause.kind() == io::ErrorKind::BrokenPipe) {
        // `wfctl … | head` has what it wanted.
        return ExitCode::SUCCESS;
    }
    let (exit, says) = match error.downcast_ref::<Failure>() {
        Some(failure) => (failure.exit, failure.says.clone()),
        None => (Exit::Refused, in_one_line(error.as_ref())),
    };
    // Nothing to say where a check or an outcome has been printed already.
    if !says.is_empty() {
        match output.format {
            Format::Text => eprintln!("{} {}", output.on_stderr("error:"), harmless_lines(&says)),
            Format::Json => eprintln!("{}", serde_json::json!({ "error": { "kind": exit.name(), "message": says } })),
        }
    }
    ExitCode::from(exit as u8)
}
