//! Workers: in this process for a scenario, or as a process of their own that is killed.

use std::{future::pending, sync::Arc, time::Duration};

use anyhow::{Result, anyhow};
use weft::{
    Client, ConnectOptions, Worker,
    client::{Run, Start},
};

use crate::{
    deeds::{self, Deeds, Signs},
    workflows,
};

/// What all workers of this process have in common: nothing, with this SDK.
pub(crate) struct Common;

pub(crate) fn common() -> Result<Common> {
    Ok(Common)
}

/// A client with a connection of its own.
pub(crate) async fn connect(address: &str, namespace: &str) -> Result<Client> {
    let options = ConnectOptions {
        address: address.to_owned(),
        namespace: namespace.to_owned(),
        identity: "conformance-weft".to_owned(),
        ..ConnectOptions::default()
    };
    Ok(Client::connect(options).await?)
}

/// Starts and ends a workflow: all parts of a server must be there for it.
pub(crate) async fn probe(address: &str) -> Result<()> {
    let client = connect(address, "default").await?;
    let started = client.start(Start::new(format!("probe-{}", client.new_id()), "Probe", "probe")).await?;
    client.terminate(&Run::latest(started.run.workflow_id), "it works", Vec::new()).await?;
    Ok(())
}

/// A worker that knows every workflow and every activity of the suite.
pub(crate) fn worker(client: &Client, queue: &str, signs: &Arc<Signs>) -> Worker {
    let worker = workflows::worker(Worker::new(client, queue));
    let worker = deeds::functions(worker).activities(Deeds::new(Arc::clone(signs)));
    // An activity that hangs on purpose must not hold up the end of its scenario.
    worker.drain(Duration::from_millis(1))
}

/// A worker of this process. It runs until `stop`, or until it is dropped.
pub(crate) struct Running {
    worker: weft::Running,
    signs: Arc<Signs>,
}

impl Running {
    pub(crate) fn start(worker: Worker, signs: Arc<Signs>) -> Result<Self> {
        Ok(Self { worker: worker.start()?, signs })
    }

    /// What its activities show, and what they wait for.
    pub(crate) fn signs(&self) -> &Signs {
        &self.signs
    }

    pub(crate) async fn stop(self) -> Result<()> {
        let stopped = tokio::time::timeout(Duration::from_secs(30), self.worker.shutdown()).await;
        Ok(stopped.map_err(|_| anyhow!("the worker does not end"))??)
    }
}

/// The worker process: does its work until somebody kills it. `hang` names what it does not come back from.
pub(crate) async fn until_killed(address: &str, queue: &str, hang: &str) -> Result<()> {
    deeds::hang_in(hang)?;
    let signs = Arc::new(Signs::default());
    let client = connect(address, "default").await?;
    // For so long others wait for its sticky queue when it is dead.
    let worker = worker(&client, queue, &signs).sticky_for(Duration::from_secs(1));
    let worker = Running::start(worker, signs)?;
    pending::<()>().await;
    worker.stop().await
}
