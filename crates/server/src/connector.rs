//! The way to a server in the same process: connections through memory, without a port.
//!
//! Invariant: what goes through here is the same HTTP/2 that goes over a port, served by the same router; a server that
//! has stopped refuses connections as a closed port does.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::{io::DuplexStream, sync::mpsc};
use tonic::transport::{Channel, Endpoint};
use tower::Service;

/// Bytes on their way in one direction.
const PIPE_BYTES: usize = 256 << 10;
/// Connections that wait to be taken.
const BACKLOG: usize = 64;
/// Only shown: nobody looks for it.
const NAME: &str = "http://in-process";

/// Connects to a server of this process. Clones lead to the same one.
#[derive(Clone, Debug)]
pub struct Connector {
    accept: mpsc::Sender<DuplexStream>,
}

/// The other end of a [`Connector`].
pub(crate) type Incoming = mpsc::Receiver<DuplexStream>;

impl Connector {
    pub(crate) fn new() -> (Self, Incoming) {
        let (accept, incoming) = mpsc::channel(BACKLOG);
        (Self { accept }, incoming)
    }

    /// A connection.
    ///
    /// # Errors
    /// `ConnectionRefused` when the server has stopped.
    pub async fn connect(&self) -> io::Result<DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let refused = |_| io::Error::new(io::ErrorKind::ConnectionRefused, "the server in this process has stopped");
        self.accept.send(theirs).await.map_err(refused)?;
        Ok(ours)
    }

    /// A gRPC channel, which connects at its first call. To be called within a tokio runtime.
    #[must_use]
    pub fn channel(&self) -> Channel {
        Endpoint::from_static(NAME).connect_with_connector_lazy(self.clone())
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<DuplexStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect().await.map(TokioIo::new) })
    }
}
