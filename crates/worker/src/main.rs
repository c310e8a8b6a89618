//! The worker's program. When it is asked to supervise a command it does only that.

use std::process::ExitCode;

fn main() -> ExitCode {
    weft_worker::process::supervise_if_asked().unwrap_or_else(|| {
        eprintln!("weft-worker supervises commands and has no workflows of its own yet");
        ExitCode::FAILURE
    })
}
