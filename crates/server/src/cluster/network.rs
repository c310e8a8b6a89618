//! The way between the nodes of a cluster as a simulation swaps it: connections that are made in memory, and fail as a
//! seed has it. Without one it is TCP.
//!
//! Invariant: what goes over it is what goes over TCP: HTTP/2 of the same client, served by the same door.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{future::BoxFuture, stream::BoxStream};
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;
use tower::Service;
use weft_raft::Transport;

use crate::access::NodeConnector;

/// How one node and the others reach each other.
pub trait Network: Send + Sync + 'static {
    /// A connection to the internal port of another member.
    fn connect(&self, node: u32) -> BoxFuture<'static, io::Result<Pipe>>;

    /// The connections that others make to this node. Asked for once, when the node starts.
    fn incoming(&self) -> BoxStream<'static, Pipe>;

    /// What this node's groups send by, given how they do: a simulation may stand in between.
    fn between(&self, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        transport
    }
}

trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// One end of a connection.
pub struct Pipe(Box<dyn Bytes>);

impl Pipe {
    #[must_use]
    pub fn new(end: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Box::new(end))
    }
}

impl Connected for Pipe {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Connects to one member.
#[derive(Clone)]
pub(crate) struct Connect {
    pub(crate) network: Arc<dyn Network>,
    pub(crate) node: u32,
}

impl Service<Uri> for Connect {
    type Response = TokioIo<Pipe>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<Pipe>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connected = self.network.connect(self.node);
        Box::pin(async move { connected.await.map(TokioIo::new) })
    }
}

/// How the others are reached.
#[derive(Clone)]
pub(crate) enum Reach {
    Tcp,
    Tls(NodeConnector),
    Network(Arc<dyn Network>),
}
