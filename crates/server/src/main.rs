//! The binary `weft-server`.

use std::process::ExitCode;

use clap::Parser;
use weft_server::{config::Flags, process};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match process::run(&Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weft-server: {error}");
            ExitCode::FAILURE
        }
    }
}
