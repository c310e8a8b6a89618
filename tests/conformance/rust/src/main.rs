//! The official Rust SDK against a server: every scenario asserts the result, the exact sequence of event types, and a
//! refusal, and passes against Temporal's own dev server too. See README.md two folders up.
//!
//! The same binary is the worker process that some scenarios kill: `weft-conformance-rust work ADDRESS QUEUE HANG`.

mod deeds;
mod harness;
mod scenarios;
mod workflows;

use std::{env, process::ExitCode};

use harness::{options, pool, worker};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let [verb, address, queue, hang] = args.as_slice()
        && verb == "work"
    {
        let ended = runtime.block_on(worker::until_killed(address, queue, hang));
        eprintln!("the worker process ended by itself: {ended:?}");
        return ExitCode::FAILURE;
    }
    let options = match options::parse(args) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    let ended = runtime.block_on(pool::run(options, scenarios::all(), &[]));
    // A worker of a scenario that failed may hang in what it does: nobody waits for it.
    runtime.shutdown_background();
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the suite could not run: {error:#}");
            ExitCode::FAILURE
        }
    }
}
