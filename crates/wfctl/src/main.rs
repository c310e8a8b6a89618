//! `wfctl`: the command line of Weft, and of any server that speaks Temporal's API.
//!
//! Invariants: standard output has the answer and nothing else, whatever concerns the person goes to standard error;
//! what `--output json` prints keeps its keys; every error says what, where, and how to mend it; the exit code says
//! which kind of error it was ([`exit::Exit`]).

mod activity;
mod backup;
mod batch;
mod cli;
mod cluster;
mod completion;
mod data_dir;
mod demo;
mod dev;
mod doctor;
mod exit;
mod explain;
mod head;
mod input;
mod namespace;
mod near;
mod operations;
mod output;
mod parent;
mod quarantine;
mod query;
mod render;
mod run;
mod run_server;
mod schedule;
mod search_attribute;
mod session;
mod span;
mod start_dev;
mod task_queue;
mod test_server;
mod tls;
mod transcript;
mod worker;
mod workers;
mod workflow;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Verb};
use output::{ColorWhen, Format, Output};
use session::Session;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // As a worker this program supervises the commands that it runs.
    if let Some(code) = weft_worker::process::supervise_if_asked() {
        return code;
    }
    if let Some(args) = test_server::Args::of(std::env::args_os()) {
        let output = Output::new(Format::Text, ColorWhen::Auto);
        return test_server::run(&args, &output)
            .map_or_else(|error| exit::report(&error, &output), |()| ExitCode::SUCCESS);
    }
    let cli = Cli::parse();
    let output = Output::new(cli.global.output, cli.global.color);
    match dispatch(cli, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error, &output),
    }
}

fn dispatch(cli: Cli, output: &Output) -> anyhow::Result<()> {
    let session = || Session::new(&cli.global, output.clone());
    match cli.verb {
        Verb::Dev(args) => dev::run(&args, &cli.global, output),
        Verb::Server(start_dev::Verb::StartDev(args)) => start_dev::run(&args, output),
        Verb::Server(start_dev::Verb::Run(args)) => run_server::run(&args),
        Verb::Demo(args) => demo::run(&args, output),
        Verb::Run(verb) => session()?.run(async |session| run::run(session, *verb).await),
        Verb::Approve(args) => session()?.run(async |session| run::approve(session, args).await),
        Verb::Reject(args) => session()?.run(async |session| run::reject(session, args).await),
        Verb::Abort(args) => session()?.run(async |session| run::abort(session, args).await),
        Verb::Resume(args) => session()?.run(async |session| run::resume(session, args).await),
        Verb::Budget(args) => session()?.run(async |session| run::budget(session, args).await),
        Verb::Transcript(args) => session()?.run(async |session| transcript::transcript(session, args).await),
        Verb::Workflow(verb) => session()?.run(async |session| workflow::run(session, *verb).await),
        Verb::Schedule(verb) => session()?.run(async |session| schedule::run(session, verb).await),
        Verb::Activity(verb) => session()?.run(async |session| activity::run(session, *verb).await),
        Verb::Namespace(verb) => session()?.run(async |session| namespace::run(session, verb).await),
        Verb::SearchAttribute(verb) => session()?.run(async |session| search_attribute::run(session, verb).await),
        Verb::Batch(verb) => session()?.run(async |session| batch::run(session, *verb).await),
        Verb::TaskQueue(verb) => session()?.run(async |session| task_queue::run(session, verb).await),
        Verb::Worker(verb) => session()?.run(async |session| worker::run(session, verb).await),
        Verb::Cluster(verb) => cluster::run(&session()?, &verb, output),
        Verb::Quarantine(verb) => quarantine::run(&session()?, &verb),
        Verb::Doctor(args) => doctor::run(session(), &args, output),
        Verb::Backup(args) => backup::backup(&args, output),
        Verb::Restore(args) => backup::restore(&args, output),
        Verb::Completion(args) => completion::run(&args),
    }
}
