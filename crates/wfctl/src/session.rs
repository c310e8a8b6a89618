//! What a verb that talks to a server has: settings, a connection, an output. No runtime is made before it is needed.

use anyhow::Context;
use weft_client::{
    Client, Explicit,
    config::{self, Resolved},
};

use crate::{cli::Global, exit::Failure, explain, operations::Operations, output::Output};

pub(crate) struct Session {
    pub(crate) resolved: Resolved,
    pub(crate) output: Output,
    pub(crate) operations: Operations,
}

/// A session that is connected.
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(crate) output: Output,
    pub(crate) operations: Operations,
}

impl Session {
    pub(crate) fn new(global: &Global, output: Output) -> anyhow::Result<Self> {
        let explicit = Explicit {
            address: global.address.clone(),
            namespace: global.namespace.clone(),
            api_key: global.api_key.clone(),
            identity: None,
            tls: global.tls.settings(),
            profile: global.profile.clone(),
            config_file: global.config_file.clone(),
        };
        let resolved =
            config::resolve(&explicit, &config::Process).map_err(|error| Failure::usage(error.to_string()))?;
        let operations = Operations::find(global.operations.as_deref(), &resolved.options)?;
        Ok(Self { resolved, output, operations })
    }

    /// Connects, does the work on this thread, and explains an error that came from the server.
    pub(crate) fn run(self, work: impl AsyncFnOnce(&Connected) -> anyhow::Result<()>) -> anyhow::Result<()> {
        runtime()?.block_on(async {
            let connected = self.connect().await?;
            match work(&connected).await {
                Ok(()) => Ok(()),
                Err(error) => Err(explain::refusal(&connected, error).await),
            }
        })
    }

    pub(crate) async fn connect(&self) -> anyhow::Result<Connected> {
        let client =
            Client::connect(self.resolved.options.clone()).await.map_err(|error| explain::connecting(self, &error))?;
        Ok(Connected { client, output: self.output.clone(), operations: self.operations.clone() })
    }
}

/// One thread is enough for a client.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime cannot be started")
}
