//! The server in this process: on a directory, or in memory for what need not outlive it.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use weft::embedded::Server;
//!
//! let server = Server::open("data").await?;
//! let client = server.client()?;
//! # Ok(()) }
//! ```
//!
//! To move to a cluster, connect with an address instead: nothing else changes.

use std::path::Path;

use weft_server::{Builder, Embedded, Server as Core, StartError, node::Place};

use crate::{Client, ConnectOptions};

/// A server in this process, on no port.
pub struct Server {
    embedded: Embedded,
}

/// Why there is no server in this process.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Client(#[from] weft_client::Error),
}

impl Server {
    /// Opens a data directory, and makes it where it is missing. What was acknowledged is there again, whatever the end
    /// of the last process was.
    ///
    /// # Errors
    /// When the directory cannot be used, for example because another process has it.
    pub async fn open(directory: impl AsRef<Path>) -> Result<Self, Error> {
        let place = Place::Directory(directory.as_ref().to_path_buf());
        Self::of(Core::builder(place)).await
    }

    /// A server that forgets everything with its end.
    ///
    /// # Errors
    /// When the process has no memory or no threads for it.
    pub async fn in_memory() -> Result<Self, Error> {
        Self::of(Core::builder(Place::Memory)).await
    }

    pub(crate) async fn of(builder: Builder) -> Result<Self, Error> {
        Ok(Self { embedded: builder.embed().await? })
    }

    /// A client of the namespace `default`.
    ///
    /// # Errors
    /// See [`Server::client_with`].
    pub fn client(&self) -> Result<Client, Error> {
        self.client_with(ConnectOptions::default())
    }

    /// A client; the address in the options does not matter.
    ///
    /// # Errors
    /// When a header in the options is none.
    pub fn client_with(&self, options: ConnectOptions) -> Result<Client, Error> {
        Ok(Client::over(self.embedded.connector().channel(), options)?)
    }

    /// Stops in order, and leaves everything on the disk.
    pub async fn shutdown(self) {
        self.embedded.shutdown().await;
    }
}
