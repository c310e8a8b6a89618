//! The worker as a whole: which workflows and activities it takes from its queue.

use std::path::{Path, PathBuf};

use weft::{Client, Worker};

use crate::{
    activity::{Bench, Checking, Coding, Diagnosing, Migrating, Planning, Publishing},
    process::Supervisor,
    provider::{self, Providers, config},
    repository,
    sandbox::Mode,
    workflow,
};

/// The queue of workers and workflows where nothing else is said.
pub const QUEUE: &str = "software-engineering";

/// What a worker is told.
#[derive(Clone, Debug)]
pub struct Settings {
    pub queue: String,
    /// Its worktrees; nobody else's.
    pub folder: PathBuf,
    /// What runs commands: the worker's own program, which must let it.
    pub supervisor: Supervisor,
    pub sandbox: Mode,
}

/// The providers of a file, or the builtin one where there is none.
///
/// # Errors
/// When the file cannot be read, or says what cannot be.
pub fn providers(file: Option<&Path>) -> Result<Providers, provider::Error> {
    let Some(path) = file else { return Ok(Providers::default()) };
    let at = |error: &dyn std::fmt::Display| provider::Error::Refused(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| at(&error))?;
    config::parse(&text, |name| std::env::var(name).ok()).map_err(|error| at(&error))
}

/// A worker that does everything.
///
/// # Errors
/// When its folder cannot be used.
pub fn worker(client: &Client, settings: &Settings, providers: &Providers) -> Result<Worker, repository::Error> {
    let bench = bench(settings)?;
    Ok(workflow::register(Worker::new(client, &settings.queue))
        .activities(Checking::new(bench.clone()))
        .activities(Coding::new(bench.clone(), providers.clone()))
        .activities(Diagnosing::new(bench.clone(), providers.clone()))
        .activities(Migrating::new(bench.clone()))
        .activities(Planning::new(bench.clone(), providers.clone()))
        .activities(Publishing::new(bench)))
}

fn bench(settings: &Settings) -> Result<Bench, repository::Error> {
    Bench::new(&settings.folder, settings.supervisor.clone(), settings.sandbox)
}
