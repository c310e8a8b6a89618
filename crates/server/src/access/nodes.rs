//! TLS between the nodes of a cluster: each shows the others a certificate of the cluster's authority, whoever calls.
//!
//! Invariant: neither side says anything to one that has no such certificate; whoever is called must have the name that
//! it was called by, or the one that all of them have. What is read again holds for the next connection.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
use tokio::{net::TcpStream, sync::watch};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::Service;
use weft_env::Clock;

use super::{
    Error, NodeFiles,
    files::{self, FromFiles, Source},
    throttle::Throttle,
    tls,
};

/// Both sides of it, from the same files.
pub(super) struct Both {
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
}

/// What the nodes show each other. Clones share what is read again.
#[derive(Clone)]
pub(crate) struct Mutual {
    files: Arc<FromFiles<Both>>,
    /// The name in every node's certificate, where they have one name.
    name: Option<ServerName<'static>>,
    reload_interval: Duration,
}

impl Mutual {
    /// Reads the files.
    pub(crate) fn open(options: &NodeFiles, reload_interval: Duration) -> Result<Self, Error> {
        let sources = vec![
            Source::open("the node's certificate", &options.certificate),
            Source::secret("the node's key", &options.key),
            Source::open("the cluster's CA certificate", &options.ca),
        ];
        let name = options.server_name.clone().map(|name| match ServerName::try_from(name.clone()) {
            Ok(valid) => Ok(valid),
            Err(error) => Err(Error::Name { name, why: error.to_string() }),
        });
        let files = Arc::new(FromFiles::load(sources, tls::both)?);
        Ok(Self { files, name: name.transpose()?, reload_interval })
    }

    /// For the port where the others call.
    pub(crate) fn server(&self) -> impl Fn() -> Arc<ServerConfig> + Send + Sync + use<> {
        let files = Arc::clone(&self.files);
        move || Arc::clone(&files.current().server)
    }

    /// For calls to the others.
    pub(crate) fn connector(&self, clock: Arc<dyn Clock>) -> NodeConnector {
        NodeConnector { mutual: self.clone(), clock, throttle: Arc::default() }
    }

    /// Reads the files again when they change, until the server stops.
    pub(crate) async fn keep(self, clock: Arc<dyn Clock>, stopping: watch::Receiver<bool>) {
        files::keep(vec![self.files], self.reload_interval, clock, stopping).await;
    }
}

/// Connects to other nodes.
#[derive(Clone)]
pub(crate) struct NodeConnector {
    mutual: Mutual,
    clock: Arc<dyn Clock>,
    throttle: Arc<Throttle>,
}

impl NodeConnector {
    async fn connect(self, to: Uri) -> io::Result<TlsStream<TcpStream>> {
        let unusable = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{to}: {why}"));
        let (host, port) = to.host().zip(to.port_u16()).ok_or_else(|| unusable("not HOST:PORT"))?;
        // An IPv6 address stands in brackets in an address, and without them in a certificate.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let named = || ServerName::try_from(host.to_owned()).map_err(|_| unusable("the host is not a name"));
        let name = self.mutual.name.clone().map_or_else(named, Ok)?;
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let config = Arc::clone(&self.mutual.files.current().client);
        let shaken = TlsConnector::from(config).connect(name, stream).await;
        shaken.inspect_err(|error| {
            if let Some(unsaid) = self.throttle.speak(self.clock.monotonic()) {
                tracing::warn!(node = %to, unsaid, "there is no TLS to another node: {error}");
            }
        })
    }
}

impl Service<Uri> for NodeConnector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(to).await.map(TokioIo::new) })
    }
}

#[cfg(test)]
mod tests;
