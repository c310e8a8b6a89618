//! The worker as a whole: which workflows and activities it takes from its queue.

use std::{path::PathBuf, sync::Arc};

use weft::{Client, Worker};

use crate::{
    activity::{Bench, Checking, Coder, Coding, Diagnosing, Diagnostician, Migrating, Planning, Publishing},
    process::Supervisor,
    repository,
    sandbox::Mode,
    workflow::{self, CodeMigrationWorkflow, QualityGateWorkflow},
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

/// Who does the work of which role.
#[derive(Clone)]
pub struct Agents {
    pub coder: Arc<dyn Coder>,
    pub diagnostician: Arc<dyn Diagnostician>,
}

/// A worker that checks changes and migrates code, and does nothing that needs an agent.
///
/// # Errors
/// When its folder cannot be used.
pub fn gate_worker(client: &Client, settings: &Settings) -> Result<Worker, repository::Error> {
    let bench = bench(settings)?;
    Ok(Worker::new(client, &settings.queue)
        .workflow(QualityGateWorkflow::run)
        .workflow(CodeMigrationWorkflow::run)
        .activities(Checking::new(bench.clone()))
        .activities(Migrating::new(bench.clone()))
        .activities(Publishing::new(bench)))
}

/// A worker that does everything.
///
/// # Errors
/// When its folder cannot be used.
pub fn worker(client: &Client, settings: &Settings, agents: Agents) -> Result<Worker, repository::Error> {
    let bench = bench(settings)?;
    Ok(workflow::register(Worker::new(client, &settings.queue))
        .activities(Checking::new(bench.clone()))
        .activities(Coding::new(bench.clone(), agents.coder))
        .activities(Diagnosing::new(bench.clone(), agents.diagnostician))
        .activities(Migrating::new(bench.clone()))
        .activities(Planning::new(bench.clone()))
        .activities(Publishing::new(bench)))
}

fn bench(settings: &Settings) -> Result<Bench, repository::Error> {
    Bench::new(&settings.folder, settings.supervisor.clone(), settings.sandbox)
}
