//! Workers: in this process for a scenario, or as a process of their own that is killed.

use std::{future::pending, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, UntypedWorkflow, Url, WorkflowStartOptions,
    WorkflowTerminateOptions,
};
use temporalio_common::data_converters::RawValue;
use temporalio_sdk::{Runtime, Worker, WorkerOptions, runtime::RuntimeOptions};
use tokio::task::JoinHandle;

use crate::{
    deeds::{self, Deeds, Signs},
    workflows,
};

/// A client with a connection of its own.
pub(crate) async fn connect(address: &str, namespace: &str) -> Result<Client> {
    let target: Url = format!("http://{address}").parse()?;
    let options = ConnectionOptions::new(target).identity("conformance-rust".to_owned()).build();
    let connection = Connection::connect(options).await?;
    Ok(Client::new(connection, ClientOptions::new(namespace).build())?)
}

/// What all workers of this process have in common.
pub(crate) type Common = Runtime;

pub(crate) fn common() -> Result<Common> {
    Ok(Runtime::from_current_tokio(RuntimeOptions::default())?)
}

/// Starts and ends a workflow: all parts of a server must be there for it.
pub(crate) async fn probe(address: &str) -> Result<()> {
    let client: Client = connect(address, "default").await?;
    let options = WorkflowStartOptions::new("probe", format!("probe-{}", uuid::Uuid::new_v4())).build();
    let handle = client.start_workflow(UntypedWorkflow::new("Probe"), RawValue::empty(), options).await?;
    handle.terminate(WorkflowTerminateOptions::default()).await?;
    Ok(())
}

/// Options of a worker that knows every workflow and every activity of the suite.
pub(crate) fn options(queue: &str, signs: &Arc<Signs>) -> Result<WorkerOptions> {
    let mut options = WorkerOptions::new(queue).build();
    workflows::register(&mut options)?;
    options.register_activities(Deeds::new(Arc::clone(signs)));
    // An activity that hangs on purpose must not hold up the end of its scenario.
    options.graceful_shutdown_period = Some(Duration::from_millis(1));
    Ok(options)
}

/// A worker of this process. It runs until `stop`, or until it is dropped.
pub(crate) struct Running {
    shut_down: Box<dyn Fn() + Send>,
    ended: Option<JoinHandle<Result<()>>>,
    signs: Arc<Signs>,
}

impl Running {
    pub(crate) fn start(runtime: &Runtime, client: Client, options: WorkerOptions, signs: Arc<Signs>) -> Result<Self> {
        let mut worker = Worker::new(runtime, client, options)?;
        let shut_down = Box::new(worker.shutdown_handle());
        let handle = tokio::runtime::Handle::current();
        // A worker holds workflows, which may not move between threads.
        let ended = tokio::task::spawn_blocking(move || Ok(handle.block_on(worker.run())?));
        Ok(Self { shut_down, ended: Some(ended), signs })
    }

    /// What its activities show, and what they wait for.
    pub(crate) fn signs(&self) -> &Signs {
        &self.signs
    }

    pub(crate) async fn stop(self) -> Result<()> {
        (self.shut_down)();
        self.ended().await
    }

    /// Waits until it has ended, by itself if nobody stopped it.
    pub(crate) async fn ended(mut self) -> Result<()> {
        let ended = self.ended.take().context("it ends once")?;
        tokio::time::timeout(Duration::from_secs(30), ended).await.map_err(|_| anyhow!("the worker does not end"))??
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_some() {
            (self.shut_down)();
        }
    }
}

/// The worker process: does its work until somebody kills it. `hang` names what it does not come back from.
pub(crate) async fn until_killed(address: &str, queue: &str, hang: &str) -> Result<()> {
    deeds::hang_in(hang)?;
    let signs = Arc::new(Signs::default());
    let runtime = Runtime::from_current_tokio(RuntimeOptions::default())?;
    let client = connect(address, "default").await?;
    let mut options = options(queue, &signs)?;
    // For so long others wait for its sticky queue when it is dead.
    options.sticky_queue_schedule_to_start_timeout = Duration::from_secs(1);
    let worker = Running::start(&runtime, client, options, signs)?;
    pending::<()>().await;
    worker.stop().await
}
