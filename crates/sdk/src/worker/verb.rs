//! The verb of a worker's own binary: `my-worker replay …` does histories again with the workflows that it would run.
//!
//! Deliberately no options: what a worker's binary is told otherwise is its author's.

use std::{fs, io};

use weft_client::CodecError;

use super::{Worker, WorkerError};
use crate::{ReplayError, Replayed, Replayer, replayer};

const USAGE: &str = "nothing to run the worker, or: replay FILE.json|id:WORKFLOW_ID …";

/// Why a worker's binary did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// It was told something else than the two things that it does.
    #[error("{what}; say {USAGE}")]
    Usage { what: String },
    /// The code does not do again what these histories have.
    #[error("{} of {count} histories cannot be replayed:\n{}", broken.len(), broken.join("\n"))]
    Broken { count: usize, broken: Vec<String> },
}

/// Why one history was not replayed.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("cannot decode its payloads: {0}")]
    Codec(#[from] CodecError),
}

impl Worker {
    /// A replayer that knows the workflows of this worker, and its interceptors.
    pub fn replayer(&self) -> Replayer {
        Replayer::of(self.registry.workflows_only(), self.interceptors.clone())
    }

    /// What the binary of a worker does: it runs the worker, or, where its first argument is `replay`, does again what the
    /// other arguments name, and says of each what came of it: files in Temporal's JSON, whose payloads the client's codec
    /// decodes, and `id:` before the id of a workflow on the server. Give it `std::env::args()`.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn run_or_replay(self, arguments: impl IntoIterator<Item = String>) -> Result<(), CommandError> {
        let mut arguments = arguments.into_iter().skip(1);
        match arguments.next().as_deref() {
            None => Ok(self.run().await?),
            Some("replay") => self.replay_all(&arguments.collect::<Vec<_>>()).await,
            Some(other) => Err(CommandError::Usage { what: format!("{other:?} is no verb of a worker") }),
        }
    }

    async fn replay_all(&self, named: &[String]) -> Result<(), CommandError> {
        if named.is_empty() {
            return Err(CommandError::Usage { what: "no history is named".to_owned() });
        }
        let replayer = self.replayer();
        let mut broken = Vec::new();
        for name in named {
            match self.replay_one(&replayer, name).await {
                Ok(replayed) => println!("{name}: {} events, done again as they were", replayed.events),
                Err(trouble) => broken.push(format!("{name}: {trouble}")),
            }
        }
        if broken.is_empty() { Ok(()) } else { Err(CommandError::Broken { count: named.len(), broken }) }
    }

    async fn replay_one(&self, replayer: &Replayer, name: &str) -> Result<Replayed, Trouble> {
        match name.strip_prefix("id:") {
            Some(id) => Ok(replayer.replay_from(&self.client, id).await?),
            None => {
                let history = replayer::history_of_json(&fs::read_to_string(name)?)?;
                let history = self.client.options().codec.decode(history).await?;
                Ok(replayer.replay(history.events)?)
            }
        }
    }
}
